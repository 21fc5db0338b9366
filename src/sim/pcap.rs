//! Frames as a capture file, for a second opinion from tshark.

use crate::types::Instant;

const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;
const LINKTYPE_ETHERNET: u32 = 1;
const SNAP_LEN: u32 = 65_535;

/// A capture in the making: the classic format with nanoseconds, little-endian.
#[derive(Clone, Debug)]
pub struct Pcap {
    bytes: Vec<u8>,
}

impl Default for Pcap {
    fn default() -> Self {
        Self::new()
    }
}

impl Pcap {
    /// A capture without frames.
    #[must_use]
    pub fn new() -> Self {
        let version = 2 | 4 << 16;
        let header = [MAGIC_NANOSECONDS, version, 0, 0, SNAP_LEN, LINKTYPE_ETHERNET];
        Self { bytes: header.iter().flat_map(|word| word.to_le_bytes()).collect() }
    }

    /// Adds an Ethernet frame (at most 65 535 bytes; the rest is cut) seen at `at`.
    pub fn push(&mut self, at: Instant, frame: &[u8]) {
        let (seconds, nanos) = (at.nanos() / 1_000_000_000, at.nanos() % 1_000_000_000);
        let kept = &frame[..frame.len().min(SNAP_LEN as usize)];
        for word in [seconds as u32, nanos as u32, kept.len() as u32, frame.len() as u32] {
            self.bytes.extend(word.to_le_bytes());
        }
        self.bytes.extend(kept);
    }

    /// The file's contents.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::Pcap;
    use crate::types::Instant;

    /// oracle: draft-ietf-opsawg-pcap §4 and §5, by hand.
    #[test]
    fn the_file_is_as_the_draft_says() {
        let mut pcap = Pcap::new();
        pcap.push(Instant::from_nanos(3_000_000_007), &[0xa5, 0x5a]);
        assert_eq!(
            pcap.bytes()[..24],
            [0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0]
        );
        assert_eq!(pcap.bytes()[24..], [3, 0, 0, 0, 7, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0xa5, 0x5a]);
    }
}
