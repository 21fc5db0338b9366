//! Kernel settings under `/proc/sys`, of the network namespace of the calling thread.

use crate::types::IfName;

/// Whether the link forwards IPv6, so that the host is a router in neighbour discovery's words;
/// `false` when the kernel does not tell.
#[must_use]
pub fn forwards_ipv6(link: &IfName) -> bool {
    let path = format!("/proc/sys/net/ipv6/conf/{link}/forwarding");
    std::fs::read(path).is_ok_and(|value| value.first().is_some_and(|digit| *digit != b'0'))
}
