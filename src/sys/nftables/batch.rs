//! Messages of nf_tables, as many as take effect together (Linux: `uapi/linux/netfilter/nf_tables.h`).

use crate::types::Family;

const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_CREATE: u16 = 0x400;
const NLM_F_APPEND: u16 = 0x800;
const NLA_F_NESTED: u16 = 0x8000;

/// `NFNL_SUBSYS_NFTABLES`, the upper half of the type of every message.
const NFTABLES: u16 = 10;
const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const HEADER: usize = 16;

/// What a message does.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum Verb {
    NewTable = 0,
    DeleteTable = 2,
    NewChain = 3,
    NewRule = 6,
    NewSet = 9,
    NewElements = 12,
    DeleteElements = 14,
}

/// Messages that take effect together.
#[derive(Debug)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    sequence: u32,
    messages: usize,
    sets: u32,
}

impl Batch {
    /// `sequence` numbers the first message.
    pub(super) fn begin(sequence: u32) -> Self {
        let mut batch = Self { bytes: Vec::with_capacity(4096), sequence, messages: 0, sets: 0 };
        batch.frame(BATCH_BEGIN, 0, 0, NFTABLES, |_| {});
        batch
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// A number for a set that no other has in this batch.
    pub(super) fn next_set(&mut self) -> u32 {
        self.sets += 1;
        self.sets
    }

    /// Appends a message.
    pub(super) fn message(&mut self, verb: Verb, family: Family, fill: impl FnOnce(&mut Attributes<'_>)) {
        let flags = match verb {
            Verb::DeleteTable | Verb::DeleteElements => NLM_F_ACK,
            Verb::NewRule => NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND,
            Verb::NewTable | Verb::NewChain | Verb::NewSet | Verb::NewElements => NLM_F_ACK | NLM_F_CREATE,
        };
        self.messages += 1;
        self.frame(NFTABLES << 8 | verb as u16, flags, protocol(family), 0, fill);
    }

    /// The datagram, and the number of the first message of the next batch.
    pub(super) fn finish(mut self) -> (Vec<u8>, u32) {
        self.frame(BATCH_END, 0, 0, NFTABLES, |_| {});
        (self.bytes, self.sequence)
    }

    fn frame(
        &mut self,
        kind: u16,
        flags: u16,
        protocol: u8,
        resource: u16,
        fill: impl FnOnce(&mut Attributes<'_>),
    ) {
        let start = self.bytes.len();
        self.bytes.resize(start + HEADER, 0);
        self.bytes.extend([protocol, 0]);
        self.bytes.extend(resource.to_be_bytes());
        fill(&mut Attributes(&mut self.bytes));
        let length = (self.bytes.len() - start) as u32;
        let header = &mut self.bytes[start..start + HEADER];
        header[..4].copy_from_slice(&length.to_ne_bytes());
        header[4..6].copy_from_slice(&kind.to_ne_bytes());
        header[6..8].copy_from_slice(&(NLM_F_REQUEST | flags).to_ne_bytes());
        header[8..12].copy_from_slice(&self.sequence.to_ne_bytes());
        self.sequence = self.sequence.wrapping_add(1);
    }
}

/// A request for all that there is of something.
#[cfg(test)]
pub(super) fn dump(verb: u8, family: Family, fill: impl FnOnce(&mut Attributes<'_>)) -> Vec<u8> {
    const NLM_F_DUMP: u16 = 0x300;
    let mut batch = Batch { bytes: Vec::new(), sequence: 1, messages: 0, sets: 0 };
    batch.frame(NFTABLES << 8 | u16::from(verb), NLM_F_DUMP, protocol(family), 0, fill);
    batch.bytes
}

/// NFPROTO_IPV4, NFPROTO_IPV6.
fn protocol(family: Family) -> u8 {
    if family == Family::V4 { 2 } else { 10 }
}

/// The attributes of a message, or of another attribute.
pub(super) struct Attributes<'a>(&'a mut Vec<u8>);

impl Attributes<'_> {
    pub(super) fn bytes(&mut self, kind: u16, value: &[u8]) {
        self.framed(kind, |bytes| bytes.extend(value));
    }

    /// With the NUL that the kernel wants to see.
    pub(super) fn text(&mut self, kind: u16, value: &str) {
        self.framed(kind, |bytes| {
            bytes.extend(value.as_bytes());
            bytes.push(0);
        });
    }

    /// Numbers travel in network order.
    pub(super) fn number(&mut self, kind: u16, value: u32) {
        self.bytes(kind, &value.to_be_bytes());
    }

    pub(super) fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Attributes<'_>)) {
        self.framed(kind | NLA_F_NESTED, |bytes| fill(&mut Attributes(bytes)));
    }

    fn framed(&mut self, kind: u16, fill: impl FnOnce(&mut Vec<u8>)) {
        let start = self.0.len();
        self.0.extend([0; 4]);
        fill(self.0);
        // Callers keep below 64 KiB: `tables::ELEMENTS` is what bounds the only long one.
        let length = (self.0.len() - start) as u16;
        self.0[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self.0[start + 2..start + 4].copy_from_slice(&kind.to_ne_bytes());
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }
}

// Expressions: what a rule is made of. Register 1 has 16 bytes, and register 2 lies behind it.

const LIST_ELEMENT: u16 = 1;
const EXPRESSION_NAME: u16 = 1;
const EXPRESSION_DATA: u16 = 2;
const DATA_VALUE: u16 = 1;
const DATA_VERDICT: u16 = 2;
const VERDICT_REGISTER: u32 = 0;

/// Where a payload's offset counts from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Base {
    Network = 1,
    Transport = 2,
}

/// What is known of a packet beside its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Meta {
    InIndex = 4,
    OutIndex = 5,
    InName = 6,
    OutName = 7,
    Protocol = 16,
    /// What kind of link it leaves through, in 16 bytes.
    OutKind = 27,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verdict<'a> {
    Drop,
    Accept,
    Goto(&'a str),
}

impl Attributes<'_> {
    fn expression(&mut self, name: &str, fill: impl FnOnce(&mut Attributes<'_>)) {
        self.nest(LIST_ELEMENT, |element| {
            element.text(EXPRESSION_NAME, name);
            element.nest(EXPRESSION_DATA, fill);
        });
    }

    pub(super) fn load_payload(&mut self, base: Base, offset: u32, length: u32) {
        self.expression("payload", |data| {
            data.number(1, 1);
            data.number(2, base as u32);
            data.number(3, offset);
            data.number(4, length);
        });
    }

    pub(super) fn load_meta(&mut self, key: Meta, register: u32) {
        self.expression("meta", |data| {
            data.number(1, register);
            data.number(2, key as u32);
        });
    }

    pub(super) fn mask(&mut self, mask: &[u8]) {
        self.expression("bitwise", |data| {
            data.number(1, 1);
            data.number(2, 1);
            data.number(3, mask.len() as u32);
            data.nest(4, |value| value.bytes(DATA_VALUE, mask));
            data.nest(5, |value| value.bytes(DATA_VALUE, &vec![0; mask.len()]));
        });
    }

    pub(super) fn compare(&mut self, register: u32, value: &[u8]) {
        const EQUAL: u32 = 0;
        self.expression("cmp", |data| {
            data.number(1, register);
            data.number(2, EQUAL);
            data.nest(3, |nested| nested.bytes(DATA_VALUE, value));
        });
    }

    pub(super) fn look_up(&mut self, set: &str, register: u32) {
        self.expression("lookup", |data| {
            data.text(1, set);
            data.number(2, register);
        });
    }

    /// Puts the value of a map into the place of its key.
    pub(super) fn look_up_value(&mut self, map: &str, register: u32) {
        self.expression("lookup", |data| {
            data.text(1, map);
            data.number(2, register);
            data.number(3, register);
        });
    }

    /// Sends a copy to the address in one register through the link in another.
    pub(super) fn duplicate(&mut self, address: u32, link: u32) {
        self.expression("dup", |data| {
            data.number(1, address);
            data.number(2, link);
        });
    }

    pub(super) fn count(&mut self) {
        self.expression("counter", |_| {});
    }

    pub(super) fn verdict(&mut self, verdict: Verdict<'_>) {
        let (code, chain) = match verdict {
            Verdict::Drop => (0, None),
            Verdict::Accept => (1, None),
            // NFT_GOTO
            Verdict::Goto(chain) => (-4_i32 as u32, Some(chain)),
        };
        self.expression("immediate", |data| {
            data.number(1, VERDICT_REGISTER);
            data.nest(2, |value| {
                value.nest(DATA_VERDICT, |verdict| {
                    verdict.number(1, code);
                    chain.into_iter().for_each(|chain| verdict.text(2, chain));
                });
            });
        });
    }
}
