//! The Internet checksum (RFC 1071) and the pseudo-headers that it may begin with.

use std::net::IpAddr;

/// A one's complement sum in the making.
#[derive(Clone, Copy, Default)]
pub(super) struct Checksum {
    sum: u64,
}

impl Checksum {
    /// The sum of the pseudo-header: RFC 793 §3.1 for IPv4, RFC 8200 §8.1 for IPv6.
    ///
    /// Two addresses of different families, which no packet can have, are summed as they are.
    pub(super) fn pseudo_header(source: IpAddr, destination: IpAddr, protocol: u8, length: usize) -> Self {
        let mut checksum = Self::default();
        for address in [source, destination] {
            match address {
                IpAddr::V4(address) => checksum.add(&address.octets()),
                IpAddr::V6(address) => checksum.add(&address.octets()),
            }
        }
        checksum.sum += u64::from(protocol) + length as u64;
        checksum
    }

    /// Adds bytes; only the last call may have an odd number of them.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<2>();
        self.sum += words.iter().map(|word| u64::from(u16::from_be_bytes(*word))).sum::<u64>();
        if let [last] = rest {
            self.sum += u64::from(*last) << 8;
        }
    }

    /// The number that goes into the packet, where the field counted as zero.
    pub(super) fn finish(self) -> u16 {
        let mut sum = self.sum;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::Checksum;

    /// oracle: the worked example of RFC 1071 §3, whose sum is ddf2.
    #[test]
    fn sums_as_rfc_1071_does() {
        let mut checksum = Checksum::default();
        checksum.add(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(checksum.finish(), !0xddf2);
    }

    /// oracle: RFC 1071 §2: a last odd byte counts as if a zero followed.
    #[test]
    fn an_odd_byte_is_padded_with_zero() {
        let (mut odd, mut even) = (Checksum::default(), Checksum::default());
        odd.add(&[0x12, 0x34, 0x56]);
        even.add(&[0x12, 0x34, 0x56, 0x00]);
        assert_eq!(odd.finish(), even.finish());
    }

    #[test]
    fn carries_are_folded_until_none_is_left() {
        let mut checksum = Checksum::default();
        checksum.add(&[0xff; 4096]);
        assert_eq!(checksum.finish(), 0);
    }
}
