//! Two instances that are one virtual router.

use crate::config::block::{Delivery, UnicastPeer, VrrpInstance};
use crate::config::diagnostic::{Consequence, Diagnostic};
use crate::config::lexer::Word;
use crate::config::schema::Context;
use crate::types::{Family, IfName, Vrid};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The instances so far, found by what their adverts tell them apart by (keepalived: check_vrid_conflicts).
#[derive(Default)]
pub(super) struct Taken {
    multicast: BTreeMap<(Vrid, Family, Option<IfName>, IpAddr), Word>,
    unicast: BTreeMap<(Vrid, Family, Option<IpAddr>), Vec<Unicast>>,
}

struct Unicast {
    name: Word,
    interface: Option<IfName>,
    peers: Vec<IpAddr>,
}

impl Taken {
    /// Takes up an instance; `false` when it is the same virtual router as one above, as reported.
    pub(super) fn take(&mut self, name: &Word, instance: &VrrpInstance, cx: &mut Context<'_>) -> bool {
        let (vrid, family, interface) = (instance.vrid, instance.family, &instance.interface);
        let (first, place, classic) = match &instance.delivery {
            Delivery::Multicast { group } => {
                let key = (vrid, family, interface.clone(), *group);
                let Some(first) = self.multicast.get(&key) else {
                    self.multicast.insert(key, name.clone());
                    return true;
                };
                let link = interface.as_ref().map_or("", IfName::as_str);
                let classic =
                    format!("{first} and {name} both use VRID {vrid} with {family} on interface {link}");
                (first, format!("on {link}"), classic)
            }
            Delivery::Unicast { peers, .. } => {
                let others = self.unicast.entry((vrid, family, instance.source)).or_default();
                let Some(first) = others.iter().find(|other| other.is_also(interface.as_ref(), peers)) else {
                    let peers = peers.iter().map(|peer| peer.address).collect();
                    others.push(Unicast { name: name.clone(), interface: interface.clone(), peers });
                    return true;
                };
                let classic = format!("({}) duplicate VRID conflict with {name} VRID {vrid}", first.name);
                (&first.name, "to the same peer".to_owned(), classic)
            }
        };
        let message = format!("`{first}` and `{name}` are one virtual router: {family} VRID {vrid} {place}");
        let problem = Diagnostic::error("duplicate-vrid", name.span, message)
            .classic(classic)
            .label("give this one a `virtual_router_id` of its own")
            .related(first.span, "has it first")
            .consequence(Consequence::Refused)
            .keepalived("does not start with it: it exits with 2")
            .at_completion();
        cx.report(problem);
        false
    }
}

impl Unicast {
    /// Whether an instance of the same VRID and source hears the same adverts.
    fn is_also(&self, interface: Option<&IfName>, peers: &[UnicastPeer]) -> bool {
        let elsewhere = self.interface.as_ref().zip(interface).is_some_and(|(one, other)| one != other);
        !elsewhere && peers.iter().any(|peer| self.peers.contains(&peer.address))
    }
}
