//! What runner and client say to each other: one message, one frame.
//!
//! Both are the same program, so there is no version; integers are little endian, and a command's
//! words come last, each with a NUL behind it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use crate::sys::account::Account;
use crate::sys::process::Exit;
use crate::sys::seqpacket::SeqPacket;

/// Something to run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Command {
    /// The file to execute.
    pub file: PathBuf,
    /// What it is told: its name, then arguments.
    pub argv: Vec<OsString>,
    /// Who runs it.
    pub account: Account,
    /// The supplementary groups of its process; that of the account is always among them.
    pub groups: Vec<u32>,
}

/// From the client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Order {
    /// Run this and report under this number, which is the client's to choose.
    Run(u64, Command),
    /// Send a signal to the process group of a run. One that has ended is no error.
    Kill(u64, i32),
}

/// From the runner.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Report {
    /// It runs under this process id.
    Started(u64, u32),
    /// It has ended.
    Ended(u64, Exit),
    /// It could not be started.
    NotStarted(u64),
}

impl Order {
    /// As a message; `None` when the command is longer than any message, or has a NUL in it.
    #[must_use]
    pub fn encode(&self) -> Option<Vec<u8>> {
        let mut frame = Vec::new();
        match self {
            Self::Run(id, Command { file, argv, account, groups }) => {
                frame.push(b'R');
                frame.extend(id.to_le_bytes());
                frame.extend(account.uid.to_le_bytes());
                frame.extend(account.gid.to_le_bytes());
                frame.extend(u32::try_from(groups.len()).ok()?.to_le_bytes());
                frame.extend(groups.iter().flat_map(|gid| gid.to_le_bytes()));
                for word in std::iter::once(file.as_os_str()).chain(argv.iter().map(OsString::as_os_str)) {
                    if word.as_bytes().contains(&0) {
                        return None;
                    }
                    frame.extend(word.as_bytes());
                    frame.push(0);
                }
            }
            Self::Kill(id, signal) => {
                frame.push(b'K');
                frame.extend(id.to_le_bytes());
                frame.extend(signal.to_le_bytes());
            }
        }
        (frame.len() <= SeqPacket::MAX_MESSAGE).then_some(frame)
    }

    /// `None` for what [`Order::encode`] did not make.
    #[must_use]
    pub fn decode(frame: &[u8]) -> Option<Self> {
        let (tag, rest) = frame.split_first()?;
        let (id, rest) = number(rest).map(|(bytes, rest)| (u64::from_le_bytes(bytes), rest))?;
        match tag {
            b'R' => {
                let (uid, rest) = number(rest)?;
                let (gid, rest) = number(rest)?;
                let (count, mut rest) =
                    number(rest).map(|(bytes, rest)| (u32::from_le_bytes(bytes), rest))?;
                let mut groups = Vec::new();
                for _ in 0..count {
                    let (group, further) = number(rest)?;
                    groups.push(u32::from_le_bytes(group));
                    rest = further;
                }
                let words = rest.strip_suffix(&[0])?.split(|byte| *byte == 0);
                let mut words = words.map(|word| OsString::from_vec(word.to_vec()));
                let file = PathBuf::from(words.next()?);
                let account = Account { uid: u32::from_le_bytes(uid), gid: u32::from_le_bytes(gid) };
                Some(Self::Run(id, Command { file, argv: words.collect(), account, groups }))
            }
            b'K' => match number(rest)? {
                (signal, []) => Some(Self::Kill(id, i32::from_le_bytes(signal))),
                _ => None,
            },
            _ => None,
        }
    }
}

impl Report {
    /// Which run it is about.
    #[must_use]
    pub const fn id(self) -> u64 {
        match self {
            Self::Started(id, _) | Self::Ended(id, _) | Self::NotStarted(id) => id,
        }
    }

    /// As a message.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        let (tag, value) = match self {
            Self::Started(_, pid) => (b'S', pid.to_le_bytes()),
            Self::Ended(_, Exit::Status(status)) => (b'E', status.to_le_bytes()),
            Self::Ended(_, Exit::Signal(signal)) => (b'T', signal.to_le_bytes()),
            Self::NotStarted(_) => (b'N', [0; 4]),
        };
        let mut frame = vec![tag];
        frame.extend(self.id().to_le_bytes());
        frame.extend(value);
        frame
    }

    /// `None` for what [`Report::encode`] did not make.
    #[must_use]
    pub fn decode(frame: &[u8]) -> Option<Self> {
        let (tag, rest) = frame.split_first()?;
        let (id, rest) = number(rest)?;
        let (value, []) = number(rest)? else { return None };
        let id = u64::from_le_bytes(id);
        match tag {
            b'S' => Some(Self::Started(id, u32::from_le_bytes(value))),
            b'E' => Some(Self::Ended(id, Exit::Status(i32::from_le_bytes(value)))),
            b'T' => Some(Self::Ended(id, Exit::Signal(i32::from_le_bytes(value)))),
            b'N' => Some(Self::NotStarted(id)),
            _ => None,
        }
    }
}

impl Command {
    /// The words in single quotes, for log lines.
    #[must_use]
    pub fn quoted(&self) -> String {
        let words: Vec<String> = self.argv.iter().map(|word| format!("'{}'", OsStr::display(word))).collect();
        words.join(" ")
    }
}

fn number<const N: usize>(bytes: &[u8]) -> Option<([u8; N], &[u8])> {
    bytes.split_first_chunk().map(|(number, rest)| (*number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[&str]) -> Order {
        let argv = words.iter().map(OsString::from).collect();
        let account = Account { uid: 33, gid: 4_294_967_294 };
        let command =
            Command { file: PathBuf::from("/usr/bin/a"), argv, account, groups: vec![33, 0, 65_534] };
        Order::Run(0x0102_0304_0506_0708, command)
    }

    #[test]
    fn every_message_survives_the_journey() {
        for order in [run(&["/bin/a"]), run(&["/bin/a", "", "b c", "ü"]), Order::Kill(7, 15)] {
            assert_eq!(Order::decode(&order.encode().unwrap()), Some(order));
        }
        for report in [
            Report::Started(1, 4711),
            Report::Ended(u64::MAX, Exit::Status(255)),
            Report::Ended(2, Exit::Signal(36)),
            Report::NotStarted(3),
        ] {
            assert_eq!(Report::decode(&report.encode()), Some(report));
        }
    }

    #[test]
    fn what_cannot_be_said_is_refused_and_what_is_cut_off_is_not_understood() {
        assert_eq!(run(&["/bin/a\0b"]).encode(), None);
        assert_eq!(run(&["/bin/a", &"x".repeat(SeqPacket::MAX_MESSAGE)]).encode(), None);
        let order = run(&["/bin/a", "b"]).encode().unwrap();
        for end in 0..order.len() {
            let cut = Order::decode(&order[..end]);
            assert!(cut.is_none() || order[end - 1] == 0, "{end}: {cut:?}");
        }
        let report = Report::NotStarted(3).encode();
        for end in 0..report.len() {
            assert_eq!(Report::decode(&report[..end]), None);
        }
    }
}
