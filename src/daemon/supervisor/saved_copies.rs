//! `config_save_dir`: a copy of each configuration that is read, whether it can run or not.
//!
//! The parent reads the files, and writes these itself: nobody waits for it but a reload.

use std::fs::DirBuilder;
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use crate::daemon::configuration::Reading;
use crate::daemon::dump_file::{self, Readers};

/// Numbers them.
#[derive(Debug, Default)]
pub(super) struct SavedCopies {
    next: u32,
}

impl SavedCopies {
    /// Saves it where it says itself.
    pub(super) fn save(&mut self, reading: &Reading) {
        let Some(directory) = &reading.loaded.config.global.files.config_save_dir else { return };
        match make(Path::new(directory)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotADirectory => {
                return tracing::error!("config_save_dir {directory} exists and is not a directory");
            }
            Err(error) => return tracing::error!("Unable to create config_save_dir {directory} ({error})"),
        }
        let name = format!("keepalived.conf.{}.{}", std::process::id(), self.next);
        self.next += 1;
        let place = Path::new(directory).join(name);
        if let Err(error) = dump_file::write(&place, &reading.written_out(), Readers::Owner) {
            tracing::error!("Failed to open config_save file {}: {error}", place.display());
        }
    }
}

/// Makes a directory that is nobody else's, but not those above it. One that is there is left as it is.
fn make(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    DirBuilder::new().mode(0o700).create(directory).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => ErrorKind::NotADirectory.into(),
        _ => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_directory_is_made_for_the_owner_alone_if_there_is_none() {
        let directory = tempfile::tempdir().unwrap();
        let [mine, file, below] = ["mine", "file", "away/below"].map(|name| directory.path().join(name));
        make(&mine).unwrap();
        assert_eq!(fs::metadata(&mine).unwrap().permissions().mode() & 0o077, 0);
        make(&mine).unwrap();
        fs::write(&file, "").unwrap();
        assert_eq!(make(&file).unwrap_err().kind(), ErrorKind::NotADirectory);
        assert_eq!(make(&below).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
