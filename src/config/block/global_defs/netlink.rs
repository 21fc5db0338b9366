//! Sizes of receive buffers.

use super::refused;
use crate::config::dump::{Out, object};
use crate::config::lexer::Word;
use crate::config::schema::Context;
use crate::config::tree::Node;
use crate::config::value::{Junk, Otherwise};

/// A receive buffer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Buffer {
    /// Bytes; 0: the system's.
    pub bytes: u32,
    /// Beyond the system's limit (Linux: SO_RCVBUFFORCE).
    pub force: bool,
}

/// Receive buffers of the VRRP process.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct BufferDefs {
    /// `vrrp_netlink_cmd_rcv_bufs`: for answers of the kernel.
    pub command: Buffer,
    /// `vrrp_netlink_monitor_rcv_bufs`: for what the kernel reports.
    pub monitor: Buffer,
    /// `process_monitor_rcv_bufs`: for what it reports of processes.
    pub process: Buffer,
    /// `vrrp_rx_bufs_policy`: for adverts.
    pub adverts: AdvertBuffer,
    /// `vrrp_rx_bufs_multiplier`: adverts of that size that fit; `None`: 3.
    pub multiplier: Option<u32>,
}

/// How large the receive buffer of a socket for adverts is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum AdvertBuffer {
    /// As the kernel has it.
    #[default]
    System,
    /// So many packets of the interface's MTU.
    Mtu,
    /// So many of the largest advert.
    Advert,
    /// Bytes.
    Bytes(u32),
}

impl Buffer {
    pub(super) fn dump(self, out: &mut Out, keyword: &str) {
        object!(out, "{keyword} = {}", self.bytes);
        object!(out, "{keyword}_force = {}", u8::from(self.force));
    }

    pub(super) fn set(&mut self, node: &Node, cx: &mut Context<'_>) {
        let keyword = &node.keyword;
        let Some(word) = node.args.first() else {
            return cx.missing_value(node, &format!("{keyword} size missing"));
        };
        let otherwise = Otherwise::ignored(format!("{keyword} size ({word}) invalid"));
        self.bytes = cx.unsigned(word, 0..=u32::MAX, Junk::Refused, otherwise).unwrap_or(self.bytes);
    }
}

impl BufferDefs {
    pub(super) fn dump_netlink(&self, out: &mut Out) {
        self.command.dump(out, "vrrp_netlink_cmd_rcv_bufs");
        self.monitor.dump(out, "vrrp_netlink_monitor_rcv_bufs");
        self.process.dump(out, "process_monitor_rcv_bufs");
    }

    pub(super) fn dump_adverts(&self, out: &mut Out) {
        match self.adverts {
            AdvertBuffer::System => {}
            AdvertBuffer::Mtu => object!(out, "rx_bufs_policy = MTU"),
            AdvertBuffer::Advert => object!(out, "rx_bufs_policy policy = ADVERT"),
            AdvertBuffer::Bytes(bytes) => object!(out, "rx_bufs_size = {bytes}"),
        }
        object!(out, "rx_bufs_multiples = {}", self.multiplier.unwrap_or(3));
    }

    /// Of what is said in several lines or words, a size wins over a policy and MTU over ADVERT.
    pub(super) fn set_policy(&mut self, node: &Node, cx: &mut Context<'_>) {
        if node.args.is_empty() {
            return cx.missing_value(node, "vrrp_rx_bufs_policy missing");
        }
        let mut mtu = self.adverts == AdvertBuffer::Mtu;
        let mut advert = self.adverts == AdvertBuffer::Advert;
        let mut size = match self.adverts {
            AdvertBuffer::Bytes(bytes) => Some(bytes),
            _ => None,
        };
        for word in &node.args {
            if word.text.eq_ignore_ascii_case("MTU") {
                mtu = true;
            } else if word.text.eq_ignore_ascii_case("ADVERT") {
                advert = true;
            } else {
                size = buffer_size(node, cx, word).or(size);
            }
        }
        let first = node.arg();
        if size.is_some() && (mtu || advert) {
            let text = "Cannot set vrrp_rx_bufs_policy size and policy, ignoring policy".to_owned();
            refused(cx, "conflicting-values", first, "a size and a policy do not go together", text);
            (mtu, advert) = (false, false);
        }
        if mtu && advert {
            let text = "Cannot set both vrrp_rx_bufs_policy MTU and ADVERT, ignoring ADVERT".to_owned();
            refused(cx, "conflicting-values", first, "MTU and ADVERT do not go together", text);
        }
        self.adverts = match size {
            Some(bytes) => AdvertBuffer::Bytes(bytes),
            None if mtu => AdvertBuffer::Mtu,
            None if advert => AdvertBuffer::Advert,
            None => AdvertBuffer::System,
        };
    }

    pub(super) fn set_multiplier(&mut self, node: &Node, cx: &mut Context<'_>) {
        const CLASSIC: &str = "Invalid vrrp_rx_bufs_multiplier";
        match node.args.as_slice() {
            [] => cx.missing_value(node, CLASSIC),
            [word] => {
                let otherwise = Otherwise::ignored(format!("{CLASSIC} {word}"));
                let value = cx.unsigned(word, 1..=u32::MAX, Junk::Refused, otherwise);
                self.multiplier = value.or(self.multiplier);
            }
            [_, extra, ..] => refused(cx, "extra-words", extra, "it takes one number", CLASSIC.to_owned()),
        }
    }
}

/// keepalived reads the first word whichever is meant, so a number behind a policy is none to it.
fn buffer_size(node: &Node, cx: &mut Context<'_>, word: &Word) -> Option<u32> {
    let otherwise = Otherwise::ignored(format!("Invalid vrrp_rx_bufs_policy {word}"));
    cx.unsigned(node.arg(), 0..=u32::MAX, Junk::Refused, otherwise)
}
