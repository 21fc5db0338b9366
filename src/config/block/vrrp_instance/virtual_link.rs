//! `use_vmac` and `use_ipvlan`: links of our own on top of others.

use crate::types::{IfName, IpNet, MacAddr};

/// A link that we make on top of another, and take away again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VirtualLink {
    /// Its name.
    pub name: IfName,
    /// The link below.
    pub base: IfName,
    /// What it is.
    pub kind: VirtualLinkKind,
    /// `group`: its interface group; `None`: that of the link below.
    pub group: Option<u32>,
    /// `netlink_notify_msg`: have the kernel report the link below once more.
    pub netlink_notify: bool,
}

/// The kind of a virtual link.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum VirtualLinkKind {
    /// A private macvlan.
    Vmac {
        /// Its address: that of the virtual router (RFC 9568 §7.3) unless the file gives another.
        mac: MacAddr,
        /// Where the address comes from.
        origin: MacOrigin,
    },
    /// A layer 2 ipvlan: it shares the address of the link below.
    Ipvlan {
        /// Who may talk to whom.
        mode: IpvlanMode,
        /// An address that is put on it, and that adverts come from.
        address: Option<IpNet>,
    },
}

/// Where the address of a VMAC comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MacOrigin {
    /// The RFC.
    Standard,
    /// The file.
    Given,
    /// The file gives five octets, the VRID is the sixth.
    GivenButVrid,
}

/// What an ipvlan lets through to its siblings (Linux: `IPVLAN_F_*`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum IpvlanMode {
    /// To all of them.
    #[default]
    Bridge,
    /// To none.
    Private,
    /// To the switch, which sends it back.
    Vepa,
}

impl VirtualLink {
    /// Whether it has a MAC address of its own.
    #[must_use]
    pub const fn is_vmac(&self) -> bool {
        matches!(self.kind, VirtualLinkKind::Vmac { .. })
    }
}
