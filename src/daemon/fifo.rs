//! Notify FIFOs: a line for each event, for whoever reads it.
//!
//! Nothing here waits for a reader. What does not fit into a FIFO waits in its [`Backlog`], which keeps the
//! newest line of each kind for each object, until somebody reads; keepalived throws such lines away.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::Mode;

use crate::config::block::{FifoDefs, GlobalDefs, NotifyFifo};
use crate::config::value::ScriptCommand;
use crate::sys::readiness;
use crate::vrrp::{Backlog, FifoSlot, LineKind, Subject};

/// A line of a FIFO.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line<'a> {
    /// Whether it is about an instance or a group.
    pub subject: Subject,
    /// The name of that.
    pub name: &'a str,
    /// What kind of thing is told.
    pub kind: LineKind,
    /// In one word.
    pub what: String,
    /// keepalived gives groups priority 0.
    pub priority: u8,
}

impl std::fmt::Display for Line<'_> {
    /// `INSTANCE "VI_1" MASTER 100`, and a newline.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { subject, name, what, priority, .. } = self;
        writeln!(f, "{subject} \"{name}\" {what} {priority}")
    }
}

fn defs(slot: FifoSlot, global: &GlobalDefs) -> &FifoDefs {
    match slot {
        FifoSlot::All => &global.fifo,
        FifoSlot::Vrrp => &global.vrrp_fifo,
    }
}

const fn prefix(slot: FifoSlot) -> &'static str {
    match slot {
        FifoSlot::All => "",
        FifoSlot::Vrrp => "vrrp ",
    }
}

/// What is to read a FIFO from now on: a command and the words appended to it, or nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reader {
    /// Which FIFO.
    pub slot: FifoSlot,
    /// The command, and the path as its last argument.
    pub command: Option<(ScriptCommand, Vec<String>)>,
}

/// The FIFOs that are open.
#[derive(Debug, Default)]
pub struct Fifos {
    open: Vec<(FifoSlot, Fifo)>,
    /// Who reads what, as far as anybody was asked to.
    readers: Vec<Reader>,
}

#[derive(Debug)]
struct Fifo {
    defs: NotifyFifo,
    file: File,
    /// It was not there before.
    made: bool,
    backlog: Backlog,
}

impl Fifos {
    /// Opens what a configuration has and is not open yet, closes what it has no more; one that has not
    /// changed goes on, and so does a reader. Gives the readers that change.
    pub fn configure(&mut self, global: &GlobalDefs) -> Vec<Reader> {
        for (_, fifo) in
            self.open.extract_if(.., |(slot, fifo)| defs(*slot, global).fifo.as_ref() != Some(&fifo.defs))
        {
            fifo.close();
        }
        let mut changed = Vec::new();
        for slot in [FifoSlot::All, FifoSlot::Vrrp] {
            let FifoDefs { fifo, script } = defs(slot, global);
            if let Some(fifo) = fifo
                && !self.open.iter().any(|(open, _)| *open == slot)
            {
                match Fifo::open(fifo) {
                    Ok(opened) => self.open.push((slot, opened)),
                    Err(error) => {
                        tracing::error!("Unable to open {}notify fifo {}: {error}", prefix(slot), fifo.path);
                    }
                }
            }
            let path =
                self.open.iter().find(|(open, _)| *open == slot).map(|(_, fifo)| fifo.defs.path.clone());
            let command = script.clone().zip(path.map(|path| vec![path]));
            let had = self.readers.iter().find(|reader| reader.slot == slot);
            if had.and_then(|reader| reader.command.as_ref()) != command.as_ref() {
                self.readers.retain(|reader| reader.slot != slot);
                self.readers.push(Reader { slot, command: command.clone() });
                changed.push(Reader { slot, command });
            }
        }
        changed
    }

    /// Whether anybody would get a line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Puts a line into all of them.
    pub fn write(&mut self, line: &Line<'_>) {
        self.open.iter_mut().for_each(|(_, fifo)| fifo.write(line));
    }

    /// Whether lines wait for somebody to read others.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.open.iter().any(|(_, fifo)| !fifo.backlog.is_empty())
    }

    /// Waits until somebody reads, and writes what had to wait. To be called inside a tokio runtime;
    /// dropping the future loses nothing.
    pub async fn catch_up(&mut self) {
        let mut behind = self.open.iter_mut().map(|(_, fifo)| fifo).filter(|fifo| !fifo.backlog.is_empty());
        match (behind.next(), behind.next()) {
            (Some(one), Some(other)) => tokio::select! {
                () = one.catch_up() => {}
                () = other.catch_up() => {}
            },
            (Some(one), None) => one.catch_up().await,
            (None, _) => std::future::pending().await,
        }
    }

    /// Closes all: readers see the end once they have read the rest.
    pub fn close(&mut self) {
        self.open.drain(..).for_each(|(_, fifo)| fifo.close());
    }
}

impl Fifo {
    fn open(defs: &NotifyFifo) -> io::Result<Self> {
        let path = Path::new(&defs.path);
        let made = match nix::unistd::mkfifo(path, Mode::from_bits_truncate(0o644)) {
            Ok(()) => true,
            Err(Errno::EEXIST) => false,
            Err(errno) => return Err(errno.into()),
        };
        if made && let Some((uid, gid)) = defs.owner {
            std::os::unix::fs::lchown(path, Some(uid), Some(gid))?;
        }
        // For reading too: without any reader it could not be opened, and a reader that ends does no harm.
        let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW | libc::O_CLOEXEC;
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
        if !file.metadata()?.file_type().is_fifo() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is something else"));
        }
        Ok(Self { defs: defs.clone(), file, made, backlog: Backlog::default() })
    }

    fn write(&mut self, line: &Line<'_>) {
        if !self.backlog.is_empty() {
            return self.backlog.push(line.subject, line.name, line.kind, line.to_string());
        }
        // A line is shorter than what a pipe takes whole or not at all.
        match self.file.write_all(line.to_string().as_bytes()) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                tracing::warn!("nobody reads the notify fifo {}: the newest lines wait", self.defs.path);
                self.backlog.push(line.subject, line.name, line.kind, line.to_string());
            }
            Err(error) => tracing::warn!("cannot write to the notify fifo {}: {error}", self.defs.path),
        }
    }

    async fn catch_up(&mut self) {
        let Self { defs, file, backlog, .. } = self;
        while let Some(line) = backlog.front() {
            match file.write_all(line.as_bytes()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if let Err(error) = readiness::writable(file.as_fd()).await {
                        tracing::error!("cannot watch the notify fifo {}: {error}", defs.path);
                        return std::future::pending().await;
                    }
                }
                // One that cannot be written at all must not hold up the others.
                Ok(()) | Err(_) => backlog.pop(),
            }
        }
        let left_out = backlog.take_left_out();
        tracing::info!("the notify fifo {} is read again; {left_out} lines were left out", defs.path);
    }

    fn close(self) {
        if self.made
            && let Err(error) = std::fs::remove_file(&self.defs.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!("cannot remove the notify fifo {}: {error}", self.defs.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::time::Duration;

    fn globals(path: &Path) -> GlobalDefs {
        let fifo = NotifyFifo { path: path.to_str().unwrap().to_owned(), owner: None };
        GlobalDefs { vrrp_fifo: FifoDefs { fifo: Some(fifo), script: None }, ..GlobalDefs::default() }
    }

    fn line(name: &str, what: &str) -> Line<'static> {
        let name = name.to_owned().leak();
        Line { subject: Subject::Instance, name, kind: LineKind::State, what: what.to_owned(), priority: 100 }
    }

    fn reader(path: &Path) -> File {
        OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).unwrap()
    }

    fn command(words: &[&str]) -> ScriptCommand {
        ScriptCommand { argv: words.iter().map(ToString::to_string).collect(), uid: None, gid: None }
    }

    /// What there is to read just now.
    fn read(reader: &mut File) -> String {
        let mut bytes = Vec::new();
        let end = reader.read_to_end(&mut bytes);
        assert!(end.is_ok() || end.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock));
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_reader_that_comes_late_gets_the_last_state_of_each_and_nobody_waits_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        let mut fifos = Fifos::default();
        assert!(fifos.configure(&globals(&path)).is_empty());
        for _ in 0..50_000 {
            fifos.write(&line("VI_1", "MASTER"));
            fifos.write(&line("VI_2", "BACKUP"));
        }
        fifos.write(&line("VI_1", "FAULT"));
        assert!(fifos.is_behind());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let text = runtime.block_on(async {
            let early = tokio::time::timeout(Duration::from_millis(10), fifos.catch_up()).await;
            assert!(early.is_err(), "nobody has read anything");
            let mut reader = reader(&path);
            let mut text = read(&mut reader);
            let late = tokio::time::timeout(Duration::from_secs(10), fifos.catch_up()).await;
            assert!(late.is_ok() && !fifos.is_behind());
            fifos.write(&line("VI_1", "BACKUP"));
            text.push_str(&read(&mut reader));
            fifos.close();
            assert_eq!(read(&mut reader), "");
            text
        });
        assert!(!path.exists(), "it was ours");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() > 2_000, "{}", lines.len());
        let whole = |line: &&str| line.starts_with("INSTANCE \"VI_") && line.ends_with(" 100");
        assert!(lines.iter().all(whole));
        let [.., two, one, new] = *lines else { panic!() };
        assert_eq!(two, "INSTANCE \"VI_2\" BACKUP 100");
        assert_eq!(one, "INSTANCE \"VI_1\" FAULT 100");
        assert_eq!(new, "INSTANCE \"VI_1\" BACKUP 100");
    }

    #[test]
    fn what_has_not_changed_stays_open_and_what_was_there_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        nix::unistd::mkfifo(&path, Mode::from_bits_truncate(0o600)).unwrap();
        let mut fifos = Fifos::default();
        fifos.configure(&globals(&path));
        fifos.write(&line("VI_1", "MASTER"));
        fifos.configure(&globals(&path));
        assert_eq!(read(&mut reader(&path)), "INSTANCE \"VI_1\" MASTER 100\n");
        fifos.configure(&GlobalDefs::default());
        assert!(fifos.is_empty() && path.exists());
    }

    #[test]
    fn a_reader_changes_with_its_command_or_its_path_only() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("fifo"), dir.path().join("other"));
        let with = |path: &Path, script: Option<&[&str]>| {
            let mut global = globals(path);
            global.vrrp_fifo.script = script.map(command);
            global
        };
        let expected = |path: &Path, words: &[&str]| Reader {
            slot: FifoSlot::Vrrp,
            command: Some((command(words), vec![path.to_str().unwrap().to_owned()])),
        };
        let mut fifos = Fifos::default();
        assert_eq!(fifos.configure(&with(&path, Some(&["/a"]))), [expected(&path, &["/a"])]);
        fifos.write(&line("VI_1", "MASTER"));
        assert_eq!(fifos.configure(&with(&path, Some(&["/a"]))), []);
        assert_eq!(fifos.configure(&with(&path, Some(&["/a", "b"]))), [expected(&path, &["/a", "b"])]);
        let unread = "INSTANCE \"VI_1\" MASTER 100\n";
        assert_eq!(read(&mut reader(&path)), unread, "the FIFO is the same");
        assert_eq!(fifos.configure(&with(&other, Some(&["/a", "b"]))), [expected(&other, &["/a", "b"])]);
        assert_eq!(fifos.configure(&with(&other, None)), [Reader { slot: FifoSlot::Vrrp, command: None }]);
        assert_eq!(fifos.configure(&GlobalDefs::default()), []);
    }

    #[test]
    fn a_plain_file_is_no_fifo() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "precious").unwrap();
        let mut fifos = Fifos::default();
        fifos.configure(&globals(&path));
        fifos.write(&line("VI_1", "MASTER"));
        assert!(fifos.is_empty());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }
}
