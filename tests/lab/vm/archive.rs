//! An initial file system for Linux: a cpio archive of the "newc" kind, uncompressed.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const DIRECTORY: u32 = 0o040_755;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_777;

/// An archive that is written. Everything in it belongs to root.
pub(super) struct Archive<W> {
    out: W,
    inode: u32,
    known: BTreeSet<String>,
}

impl<W: Write> Archive<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, inode: 0, known: BTreeSet::new() }
    }

    /// A directory, and those it is in.
    pub(super) fn directory(&mut self, path: &Path) -> io::Result<()> {
        let mut all: Vec<&Path> = path.ancestors().filter(|path| path.parent().is_some()).collect();
        all.reverse();
        all.into_iter().try_for_each(|path| self.entry(path, DIRECTORY, &[]))
    }

    /// A file with this content.
    pub(super) fn file(&mut self, path: &Path, permissions: u32, content: &[u8]) -> io::Result<()> {
        self.directory(path.parent().unwrap_or(path))?;
        self.entry(path, FILE | permissions, content)
    }

    /// A symbolic link.
    pub(super) fn link(&mut self, path: &Path, target: &str) -> io::Result<()> {
        self.directory(path.parent().unwrap_or(path))?;
        self.entry(path, LINK, target.as_bytes())
    }

    /// A file of this machine, under the path that it has here.
    pub(super) fn copy(&mut self, path: &Path) -> io::Result<()> {
        let mode = fs::metadata(path)?.permissions().mode();
        self.file(path, mode & 0o777, &fs::read(path)?)
    }

    /// A program of this machine, with the libraries that it is linked to.
    pub(super) fn program(&mut self, path: &Path) -> io::Result<()> {
        self.copy(path)?;
        // Fails for a program that needs none.
        let listed = Command::new("ldd").arg(path).output()?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let libraries = listed.split_whitespace().filter(|word| word.starts_with('/'));
        libraries.map(Path::new).try_for_each(|library| self.copy(library))
    }

    /// The end mark.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.entry(Path::new("/TRAILER!!!"), 0, &[])?;
        self.out.flush()
    }

    fn entry(&mut self, path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
        let name = path.to_str().ok_or(io::ErrorKind::InvalidFilename)?.trim_start_matches('/');
        if !self.known.insert(name.to_owned()) {
            return Ok(());
        }
        self.inode += 1;
        let size = u32::try_from(content.len()).map_err(io::Error::other)?;
        let (user, group, links, time, device, check) = (0, 0, 1, 0, 0, 0);
        let fields = [
            self.inode,
            mode,
            user,
            group,
            links,
            time,
            size,
            device,
            device,
            device,
            device,
            name.len() as u32 + 1,
            check,
        ];
        self.out.write_all(b"070701")?;
        for field in fields {
            write!(self.out, "{field:08x}")?;
        }
        self.out.write_all(name.as_bytes())?;
        // The header has 110 octets; name and content end on a boundary of four.
        self.out.write_all(&[0; 4][..1 + padding(110 + name.len() + 1)])?;
        self.out.write_all(content)?;
        self.out.write_all(&[0; 4][..padding(content.len())])
    }
}

fn padding(length: usize) -> usize {
    length.next_multiple_of(4) - length
}
