//! Addresses and their families.

use super::Vrid;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address family; the family of a virtual router is that of its first address.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// 32 or 128.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// The group that adverts go to by default: 224.0.0.18 or ff02::12 (RFC 9568 §5.1.1.2, §5.1.2.2).
    #[must_use]
    pub const fn vrrp_group(self) -> IpAddr {
        match self {
            Self::V4 => IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18)),
            Self::V6 => IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12)),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// An address with the length of its prefix.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct IpNet {
    /// The address, host bits and all.
    pub address: IpAddr,
    /// 0 to 32 or 0 to 128.
    pub prefix: u8,
}

impl IpNet {
    /// `None` when the prefix is longer than the address.
    #[must_use]
    pub const fn new(address: IpAddr, prefix: u8) -> Option<Self> {
        if prefix > Family::of(address).bits() { None } else { Some(Self { address, prefix }) }
    }

    /// A single host: /32 or /128.
    #[must_use]
    pub const fn host(address: IpAddr) -> Self {
        Self { address, prefix: Family::of(address).bits() }
    }

    /// Whether the prefix covers the whole address.
    #[must_use]
    pub const fn is_host(self) -> bool {
        self.prefix == Family::of(self.address).bits()
    }

    /// The family of the address.
    #[must_use]
    pub const fn family(self) -> Family {
        Family::of(self.address)
    }

    /// As keepalived writes it: a host without its prefix.
    #[must_use]
    pub fn short(self) -> String {
        if self.is_host() { self.address.to_string() } else { self.to_string() }
    }
}

/// What tells an address from the others on its link.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct AddressKey {
    /// The address. The prefix is that of the far end, where there is one; of IPv6 it tells nothing, and is 128.
    pub net: IpNet,
    /// The network of the far end, where it is another than that of the address: the kernel takes an IPv4 address
    /// once for each.
    far: Option<Ipv4Addr>,
}

impl AddressKey {
    /// The key of an address with or without a far end.
    #[must_use]
    pub fn new(net: IpNet, peer: Option<IpNet>) -> Self {
        let (IpAddr::V4(near), Some(peer)) = (net.address, peer) else {
            let net = if net.address.is_ipv6() { IpNet::host(net.address) } else { net };
            return Self { net, far: None };
        };
        let net = IpNet { prefix: peer.prefix, ..net };
        let network = |address: Ipv4Addr| {
            let mask = u32::MAX.checked_shl(32u32.saturating_sub(peer.prefix.into())).unwrap_or(0);
            Ipv4Addr::from(u32::from(address) & mask)
        };
        let far = match peer.address {
            IpAddr::V4(far) => Some(network(far)).filter(|far| *far != network(near)),
            IpAddr::V6(_) => None,
        };
        Self { net, far }
    }
}

impl fmt::Display for IpNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// An Ethernet address.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// ff:ff:ff:ff:ff:ff.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// The group address that an IPv6 multicast address maps to (RFC 2464 §7).
    #[must_use]
    pub const fn of_ipv6_multicast(group: Ipv6Addr) -> Self {
        let [.., a, b, c, d] = group.octets();
        Self([0x33, 0x33, a, b, c, d])
    }

    /// The address of a virtual router: 00:00:5e:00:01:VRID, in IPv6 00:00:5e:00:02:VRID (RFC 9568 §7.3).
    #[must_use]
    pub const fn of_router(family: Family, vrid: Vrid) -> Self {
        let family = match family {
            Family::V4 => 1,
            Family::V6 => 2,
        };
        Self([0x00, 0x00, 0x5e, 0x00, family, vrid.get()])
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// oracle: `ip address add`, seen with Linux 6.18: what has the same key is refused as already assigned.
    #[test]
    fn an_ipv4_address_is_another_with_a_far_end_in_another_network() {
        let net = |text: &str, prefix| IpNet::new(text.parse().unwrap(), prefix).unwrap();
        let key = |prefix, far: Option<(&str, u8)>| {
            AddressKey::new(net("10.97.1.1", prefix), far.map(|(far, prefix)| net(far, prefix)))
        };
        let (one, another) = (key(32, Some(("10.97.1.2", 32))), key(32, Some(("10.97.1.3", 32))));
        assert_ne!(one, another);
        assert_ne!(one, key(32, None));
        assert_eq!(one, key(24, Some(("10.97.1.2", 32))), "the kernel has no room for a prefix of its own");
        assert_eq!(key(24, None), key(32, Some(("10.97.1.9", 24))), "they are in one network");
        assert_ne!(key(0, None), key(32, Some(("10.97.1.9", 32))));
        let v6 = |prefix, far: Option<&str>| {
            AddressKey::new(net("2001:db8::1", prefix), far.map(|far| net(far, 128)))
        };
        for key in [v6(128, None), v6(128, Some("2001:db8::2")), v6(64, Some("2001:db8::3"))] {
            assert_eq!(key, v6(64, None), "of IPv6 there is one of each on a link");
        }
    }
}
