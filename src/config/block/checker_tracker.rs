//! BFD sessions, as far as the checkers are concerned.

use crate::config::schema::keywords;

/// Who hears of a BFD session.
#[derive(Default)]
pub(in crate::config) struct Session {
    vrrp: bool,
    checker: bool,
}

impl Session {
    /// Everybody does, unless somebody is named.
    pub(in crate::config) fn tells_checkers(&self) -> bool {
        self.checker || !self.vrrp
    }
}

keywords! {
    /// `bfd_instance`, as far as it matters here.
    SESSION: Session, "bfd_instance", Required;
    "vrrp" Flag "" "" "" => |d, _, _| d.vrrp = true, "tells VRRP";
    "checker" Flag "" "" "" => |d, _, _| d.checker = true, "tells the checkers";
    "source_ip" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "neighbor_ip" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "neighbour_ip" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "min_rx" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "min_tx" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "idle_tx" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "multiplier" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "passive" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "ttl" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "hoplimit" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "max_hops" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "multihop" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
    "weight" Optional "" "" "" => |_, _, _| {}, "read elsewhere";
}
