//! What happened, one line per event: hashed always, kept on demand.

use std::fmt::{self, Write};

use crate::types::Instant;

/// The log of a run. Its hash covers every line, so two runs with one hash were the same.
#[derive(Clone, Debug)]
pub struct Journal {
    hash: Fnv,
    lines: Option<Vec<String>>,
}

impl Journal {
    /// A journal that keeps its lines, or only their hash: a run can be had again at any time.
    #[must_use]
    pub fn new(keep: bool) -> Self {
        Self { hash: Fnv::default(), lines: keep.then(Vec::new) }
    }

    /// Enters a line.
    pub fn record(&mut self, at: Instant, line: fmt::Arguments<'_>) {
        self.hash.update(&at.nanos().to_le_bytes());
        self.hash.write_fmt(line).expect("hashing cannot fail");
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{at:>14} {line}"));
        }
    }

    /// FNV-1a over everything so far.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash.0
    }

    /// The lines, if they were kept.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }
}

#[derive(Clone, Debug)]
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.update(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Fnv;

    /// oracle: the published FNV-1a test vectors for "" and "foobar".
    #[test]
    fn the_hash_is_fnv_1a() {
        let mut fnv = Fnv::default();
        fnv.update(b"");
        assert_eq!(fnv.0, 0xcbf2_9ce4_8422_2325);
        fnv.update(b"foobar");
        assert_eq!(fnv.0, 0x8594_4171_f739_67e8);
    }
}
