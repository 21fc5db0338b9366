//! The files that USR1, USR2 and their kin ask for, and others that are written whole.
//!
//! Exporters either poll for the file or wait for inotify's `IN_CLOSE_WRITE` on it, so a dump is
//! written beside its place, moved there whole, and then opened and closed once under its name.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Where dumps go: `TMPDIR` if that is an absolute path of a directory, else `/tmp`.
#[must_use]
fn directory(tmpdir: Option<&Path>) -> PathBuf {
    tmpdir.filter(|path| path.is_absolute() && path.is_dir()).map_or_else(|| "/tmp".into(), Path::to_path_buf)
}

/// Where a dump goes that is called `name` (`keepalived.data`) unless the configuration has a template for
/// it: a directory when it ends in a slash, else a file. `part` tells a process from others with the same
/// template: `_parent`.
#[must_use]
pub fn place(template: Option<&str>, name: &str, part: &str) -> PathBuf {
    let tmpdir = std::env::var_os("TMPDIR");
    let directory = directory(tmpdir.as_deref().map(Path::new));
    let Some(template) = template else { return directory.join(name) };
    let path = directory.join(template);
    if template.ends_with('/') {
        return path.join(name);
    }
    let mut file = path.file_stem().unwrap_or_default().to_owned();
    file.push(part);
    if let Some(extension) = path.extension() {
        file.push(".");
        file.push(extension);
    }
    path.with_file_name(file)
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Readers {
    /// Whom the umask lets, as keepalived's dumps.
    Umask,
    /// Nobody but its owner: there are passwords.
    Owner,
}

/// Replaces a file by one with this text.
///
/// # Errors
/// A symbolic link in its place (the directory is everybody's), or whatever the file system says.
pub fn write(place: &Path, text: &str, readers: Readers) -> io::Result<()> {
    if fs::symlink_metadata(place).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("{} is no plain file", place.display()),
        ));
    }
    let mut name = std::ffi::OsString::from(".");
    name.push(place.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    let beside = place.with_file_name(name);
    // One that a killed predecessor of the same number has left; what else it may be, create_new refuses.
    let _ = fs::remove_file(&beside);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(if readers == Readers::Owner { 0o600 } else { 0o666 })
        .open(&beside)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&beside, place));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written?;
    OpenOptions::new().append(true).custom_flags(libc::O_NOFOLLOW).open(place).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_replaces_the_one_before_and_leaves_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        write(&directory.path().join("keepalived.data"), "first, and longer", Readers::Umask).unwrap();
        write(&directory.path().join("keepalived.data"), "second", Readers::Umask).unwrap();
        assert_eq!(fs::read_to_string(directory.path().join("keepalived.data")).unwrap(), "second");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_the_owners_is_nobody_elses() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("keepalived.conf.1.0");
        write(&file, "auth_pass", Readers::Owner).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0);
    }

    #[test]
    fn a_link_in_its_place_is_refused_and_its_target_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("target");
        fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, directory.path().join("keepalived.data")).unwrap();
        assert!(write(&directory.path().join("keepalived.data"), "dump", Readers::Umask).is_err());
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    }

    #[test]
    fn a_template_is_a_directory_or_a_file() {
        let place = |template| place(Some(template), "keepalived_parent.data", "_parent");
        assert_eq!(place("/run/k/"), Path::new("/run/k/keepalived_parent.data"));
        assert_eq!(place("/run/k.txt"), Path::new("/run/k_parent.txt"));
        assert_eq!(place("/run/k"), Path::new("/run/k_parent"));
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
