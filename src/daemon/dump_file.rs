//! The files that USR1, USR2 and their kin ask for.
//!
//! Exporters either poll for the file or wait for inotify's `IN_CLOSE_WRITE` on it, so a dump is
//! written beside its place, moved there whole, and then opened and closed once under its name.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Where dumps go: `TMPDIR` if that is an absolute path of a directory, else `/tmp`.
#[must_use]
pub fn directory(tmpdir: Option<&Path>) -> PathBuf {
    tmpdir.filter(|path| path.is_absolute() && path.is_dir()).map_or_else(|| "/tmp".into(), Path::to_path_buf)
}

/// Replaces the file of that name by one with this text; its mode is 0666 less the umask, as keepalived's.
///
/// # Errors
/// A symbolic link of that name (the directory is everybody's), or whatever the file system says.
pub fn write(directory: &Path, name: &str, text: &str) -> io::Result<()> {
    let place = directory.join(name);
    if fs::symlink_metadata(&place).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("{} is no plain file", place.display()),
        ));
    }
    let beside = directory.join(format!(".{name}.{}", std::process::id()));
    // One that a killed predecessor of the same number has left; what else it may be, create_new refuses.
    let _ = fs::remove_file(&beside);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&beside)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&beside, &place));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written?;
    OpenOptions::new().append(true).custom_flags(libc::O_NOFOLLOW).open(&place).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_replaces_the_one_before_and_leaves_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), "keepalived.data", "first, and longer").unwrap();
        write(directory.path(), "keepalived.data", "second").unwrap();
        assert_eq!(fs::read_to_string(directory.path().join("keepalived.data")).unwrap(), "second");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_in_its_place_is_refused_and_its_target_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("target");
        fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, directory.path().join("keepalived.data")).unwrap();
        assert!(write(directory.path(), "keepalived.data", "dump").is_err());
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    }

    #[test]
    fn only_an_absolute_directory_replaces_tmp() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(super::directory(Some(directory.path())), directory.path());
        for other in [None, Some("relative"), Some("/nowhere/at/all"), Some("/proc/self/status")] {
            assert_eq!(super::directory(other.map(Path::new)), Path::new("/tmp"));
        }
    }
}
