//! Notify FIFOs: a line for each event, for whoever reads it.
//!
//! Nothing here waits for a reader: of a FIFO that is full, lines are lost, as keepalived's are.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::Mode;

use crate::config::block::{FifoDefs, GlobalDefs, NotifyFifo};
use crate::config::value::ScriptCommand;
use crate::daemon::notify::Subject;

/// A line of a FIFO: `INSTANCE "VI_1" MASTER 100`. keepalived gives groups priority 0.
#[must_use]
pub fn line(subject: Subject, name: &str, what: &str, priority: u8) -> String {
    format!("{subject} \"{name}\" {what} {priority}\n")
}

/// Which of the FIFOs.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Slot {
    /// `notify_fifo`.
    All,
    /// `vrrp_notify_fifo`.
    Vrrp,
}

impl Slot {
    const BOTH: [Self; 2] = [Self::All, Self::Vrrp];

    fn defs(self, global: &GlobalDefs) -> &FifoDefs {
        match self {
            Self::All => &global.fifo,
            Self::Vrrp => &global.vrrp_fifo,
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Vrrp => "vrrp ",
        }
    }
}

/// What becomes of the program that reads a FIFO.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reader {
    /// To be started, with the path as its last argument.
    Start(Slot, ScriptCommand, String),
    /// To be ended.
    Stop(Slot),
}

/// The FIFOs that are open.
#[derive(Debug, Default)]
pub struct Fifos(Vec<(Slot, Fifo)>);

#[derive(Debug)]
struct Fifo {
    defs: FifoDefs,
    file: File,
    path: String,
    /// It was not there before.
    made: bool,
    /// The last line did not fit.
    full: bool,
}

impl Fifos {
    /// Opens what a configuration has and is not open yet, closes what it has no more; one that has not
    /// changed goes on, and so does its reader.
    pub fn configure(&mut self, global: &GlobalDefs) -> Vec<Reader> {
        let mut readers = Vec::new();
        for (slot, fifo) in self.0.extract_if(.., |(slot, fifo)| *slot.defs(global) != fifo.defs) {
            readers.extend(fifo.defs.script.is_some().then_some(Reader::Stop(slot)));
            fifo.close();
        }
        for slot in Slot::BOTH {
            let defs = slot.defs(global);
            let Some(fifo) = &defs.fifo else { continue };
            if self.0.iter().any(|(open, _)| *open == slot) {
                continue;
            }
            match Fifo::open(fifo, defs) {
                Ok(opened) => {
                    let reader = defs.script.clone();
                    readers.extend(reader.map(|command| Reader::Start(slot, command, fifo.path.clone())));
                    self.0.push((slot, opened));
                }
                Err(error) => {
                    tracing::error!("Unable to open {}notify fifo {}: {error}", slot.prefix(), fifo.path);
                }
            }
        }
        readers
    }

    /// Every reader, for one who has lost them.
    #[must_use]
    pub fn readers(&self) -> Vec<Reader> {
        let reader = |(slot, fifo): &(Slot, Fifo)| {
            Some(Reader::Start(*slot, fifo.defs.script.clone()?, fifo.path.clone()))
        };
        self.0.iter().filter_map(reader).collect()
    }

    /// Whether anybody would get a line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts a line into all of them.
    pub fn write(&mut self, line: &str) {
        self.0.iter_mut().for_each(|(_, fifo)| fifo.write(line));
    }

    /// Closes all: readers see the end once they have read the rest.
    pub fn close(&mut self) {
        self.0.drain(..).for_each(|(_, fifo)| fifo.close());
    }
}

impl Fifo {
    fn open(fifo: &NotifyFifo, defs: &FifoDefs) -> io::Result<Self> {
        let path = Path::new(&fifo.path);
        let made = match nix::unistd::mkfifo(path, Mode::from_bits_truncate(0o644)) {
            Ok(()) => true,
            Err(Errno::EEXIST) => false,
            Err(errno) => return Err(errno.into()),
        };
        if made && let Some((uid, gid)) = fifo.owner {
            std::os::unix::fs::lchown(path, Some(uid), Some(gid))?;
        }
        // For reading too: without any reader it could not be opened, and a reader that ends does no harm.
        let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW | libc::O_CLOEXEC;
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
        if !file.metadata()?.file_type().is_fifo() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is something else"));
        }
        Ok(Self { defs: defs.clone(), file, path: fifo.path.clone(), made, full: false })
    }

    fn write(&mut self, line: &str) {
        // A line is shorter than what a pipe takes whole or not at all.
        let written = self.file.write_all(line.as_bytes());
        if written.is_err() && !self.full {
            tracing::warn!("nobody reads the notify fifo {}: lines are lost", self.path);
        }
        self.full = written.is_err();
    }

    fn close(self) {
        if self.made
            && let Err(error) = std::fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!("cannot remove the notify fifo {}: {error}", self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn globals(path: &Path) -> GlobalDefs {
        let fifo = NotifyFifo { path: path.to_str().unwrap().to_owned(), owner: None };
        GlobalDefs { vrrp_fifo: FifoDefs { fifo: Some(fifo), script: None }, ..GlobalDefs::default() }
    }

    fn reader(path: &Path) -> File {
        OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).unwrap()
    }

    #[test]
    fn a_full_fifo_loses_whole_lines_and_nobody_waits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        let mut fifos = Fifos::default();
        assert!(fifos.configure(&globals(&path)).is_empty());
        let line = line(Subject::Instance, "VI_1", "MASTER", 100);
        for _ in 0..100_000 {
            fifos.write(&line);
        }
        let mut reader = reader(&path);
        fifos.close();
        assert!(!path.exists(), "it was ours");
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert!(text.len() > 30_000 && text.len().is_multiple_of(line.len()), "{}", text.len());
        assert!(text.starts_with("INSTANCE \"VI_1\" MASTER 100\n"));
    }

    #[test]
    fn what_has_not_changed_stays_open_and_what_was_there_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        nix::unistd::mkfifo(&path, Mode::from_bits_truncate(0o600)).unwrap();
        let mut fifos = Fifos::default();
        fifos.configure(&globals(&path));
        fifos.write("one\n");
        fifos.configure(&globals(&path));
        let mut text = [0; 4];
        reader(&path).read_exact(&mut text).unwrap();
        assert_eq!(&text, b"one\n");
        fifos.configure(&GlobalDefs::default());
        assert!(fifos.is_empty() && path.exists());
    }

    #[test]
    fn a_plain_file_is_no_fifo() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "precious").unwrap();
        let mut fifos = Fifos::default();
        fifos.configure(&globals(&path));
        fifos.write("one\n");
        assert!(fifos.is_empty());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }
}
