//! The lab: the real binary in network namespaces, with real peers.
//!
//! Needs root, keepalived, nginx, tshark, nft, killall, ps and FRR, and for [`vm`] what its own words say; a
//! test that misses one says so and fails.

#[allow(dead_code)]
mod net;
mod world;

mod auth;
mod bad_files;
mod bfd;
mod boot;
mod catalogue;
mod chaos;
mod config;
mod corpus;
mod election;
mod failover;
mod firewall;
mod flapping;
mod globals;
mod handover;
mod lifecycle;
mod links;
mod matrix;
mod news;
mod nginx;
mod notify;
mod oracle;
mod process;
mod processes;
mod reconcile;
mod reload;
mod routed;
mod routing;
mod scale;
mod sim;
mod soak;
mod split_brain;
mod strangers;
mod takeover;
mod takeover_cost;
mod text_layer;
mod thaw;
mod transport;
mod vm;
mod vmac;
mod wire;

/// Makes a module of tests for each scenario, one test for each pair of daemons on nodes a and b.
///
/// The pair of two keepalived is the harness's own check: what fails there is not vrrpd's fault.
#[macro_export]
macro_rules! pairings {
    ($($scenario:ident),* $(,)?) => {$(
        mod $scenario {
            use $crate::world::{Kind::{Keepalived, Vrrpd}, World};

            #[test]
            fn vrrpd_vrrpd() {
                super::$scenario(&mut World::new(Vrrpd, Vrrpd));
            }

            #[test]
            fn vrrpd_keepalived() {
                super::$scenario(&mut World::new(Vrrpd, Keepalived));
            }

            #[test]
            fn keepalived_vrrpd() {
                super::$scenario(&mut World::new(Keepalived, Vrrpd));
            }

            #[test]
            fn keepalived_keepalived() {
                super::$scenario(&mut World::new(Keepalived, Keepalived));
            }
        }
    )*};
}
