//! Configuration files on disk.

use crate::config::glob;
use crate::config::source::{FileSource, ReadError};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// More than any configuration and less than what would hurt.
const LARGEST_FILE: u64 = 64 << 20;

/// Reads what `-f` and `include` name, as keepalived does: regular files without an execute bit.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskFiles;

impl FileSource for DiskFiles {
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadError> {
        let metadata = std::fs::metadata(path).map_err(|error| unreadable(&error))?;
        if metadata.is_dir() {
            return Err(ReadError::Directory);
        }
        if !metadata.is_file() || metadata.permissions().mode() & 0o111 != 0 {
            return Err(ReadError::NotPlain);
        }
        if metadata.len() > LARGEST_FILE {
            return Err(ReadError::TooLarge(metadata.len()));
        }
        std::fs::read(path).map_err(|error| unreadable(&error))
    }

    fn glob(&self, pattern: &str) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> =
            glob::alternatives(pattern).iter().flat_map(|pattern| expand(Path::new(pattern))).collect();
        found.sort();
        found.dedup();
        found
    }
}

fn unreadable(error: &std::io::Error) -> ReadError {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => ReadError::NotFound,
        ErrorKind::IsADirectory => ReadError::Directory,
        _ => ReadError::Other(error.to_string()),
    }
}

/// Follows a pattern component by component; only what exists stays.
fn expand(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let text = component.as_os_str().to_string_lossy();
        if !glob::is_pattern(&text) {
            found.iter_mut().for_each(|path| path.push(component));
            continue;
        }
        found = found.iter().flat_map(|directory| matching_entries(directory, &text)).collect();
    }
    found.retain(|path| path.exists());
    found
}

fn matching_entries(directory: &Path, pattern: &str) -> Vec<PathBuf> {
    let listed = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let Ok(entries) = std::fs::read_dir(listed) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name());
    names
        .filter(|name| glob::matches(pattern, &name.to_string_lossy()))
        .map(|name| directory.join(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_files_are_read_and_globs_are_sorted() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.conf", "a.conf", "x.sh"] {
            std::fs::write(dir.path().join(name), name).unwrap();
        }
        std::fs::set_permissions(dir.path().join("x.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let files = DiskFiles;
        assert_eq!(files.read(&dir.path().join("a.conf")).unwrap(), b"a.conf");
        assert_eq!(files.read(&dir.path().join("x.sh")), Err(ReadError::NotPlain));
        assert_eq!(files.read(dir.path()), Err(ReadError::Directory));
        assert_eq!(files.read(&dir.path().join("none")), Err(ReadError::NotFound));
        let pattern = dir.path().join("{b,a}*.conf");
        let found = files.glob(&pattern.to_string_lossy());
        assert_eq!(found, [dir.path().join("a.conf"), dir.path().join("b.conf")]);
    }
}
