//! One file per kind of value: how it is read, checked, and written back.

mod address;
mod boolean;
mod forwarding;
mod interface;
mod names;
mod number;
mod on_removal;
mod route;
mod rule;
mod script;
mod server_address;
mod unsigned;
mod virtual_address;
mod weight;

pub use forwarding::{Forwarding, Tunnel, TunnelChecksum};
pub use names::parse_names;
pub use number::whole_c_number;
pub use on_removal::OnRemoval;
pub use route::{
    Encap, IpEncap, KEEPALIVED_PROTOCOL, MAIN_TABLE, Metric, Metrics, NextHop, Placement, Realms, Route,
    RoutePlace, RouteType,
};
pub use rule::{FirewallMark, Rule, RuleAction};
pub use script::{CommandError, ScriptCommand, split_command};
pub use server_address::ServerAddress;
pub use virtual_address::VirtualAddress;
pub use weight::Weight;

pub(super) use address::bad_address;
pub(super) use interface::MUST_BE_THERE;
pub(super) use number::{Junk, Otherwise, leading_number};
pub(super) use route::{NEXTHOP_OPTIONS, ROUTE_OPTIONS};
pub(super) use rule::{Preferences, RULE_OPTIONS};
pub(super) use script::{CUSTOMARY_USER, DefaultAccount, no_customary_user, unescape};
pub(super) use server_address::{bare_address, family_of, read_address, read_port, read_server};
pub(super) use unsigned::{ANY_TIME, Read, SOME_TIME, TIMEOUT, read_unsigned};
pub(super) use virtual_address::AddressDraft;
pub(super) use weight::{TrackKind, unknown_weight_option};
