//! A line of `virtual_ipaddress`.

use crate::types::{IfName, IpNet};
use std::net::IpAddr;

/// An address that the master puts on a link.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VirtualAddress {
    /// Address and prefix; /32 or /128 when the line gives none.
    pub net: IpNet,
    /// `dev`; resolved: the interface of the instance when the line gives none.
    pub dev: IfName,
    /// `scope`, as the kernel's number (0 global, 253 link, 254 host).
    pub scope: u8,
    /// `label`, IPv4 only, at most 15 bytes.
    pub label: Option<String>,
    /// `brd`, resolved from `+` and `-`.
    pub broadcast: Option<IpAddr>,
    /// `peer`.
    pub peer: Option<IpNet>,
    /// `preferred_lft` in seconds; `None`: forever. An IPv6 /128 without one gets 0 (deprecated).
    pub preferred_lft: Option<u32>,
    /// `home`.
    pub home: bool,
    /// `-nodad`: let the kernel do duplicate address detection.
    pub dad: bool,
    /// `mngtmpaddr`.
    pub mngtmpaddr: bool,
    /// `noprefixroute`.
    pub noprefixroute: bool,
    /// `autojoin`.
    pub autojoin: bool,
    /// `no_track`: do not react when somebody deletes it.
    pub no_track: bool,
}
