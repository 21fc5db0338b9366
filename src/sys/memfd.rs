//! Files without a path, which nobody can change once they are made.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

/// A file of these bytes, for good. `name` is seen in `/proc/PID/fd`, behind `/memfd:`.
///
/// # Errors
/// When memory or descriptors run out.
pub fn sealed(name: &CStr, bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?);
    file.write_all(bytes)?;
    file.seek(SeekFrom::Start(0))?;
    fcntl(file.as_fd(), FcntlArg::F_ADD_SEALS(SealFlag::all()))?;
    Ok(file.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn what_is_sealed_can_be_read_and_not_changed() {
        let file = File::from(sealed(c"vrrpd:test", b"text").unwrap());
        let mut read = [0; 8];
        assert_eq!(file.read_at(&mut read, 0).unwrap(), 4);
        assert_eq!(&read[..4], b"text");
        assert!(file.write_at(b"x", 0).is_err());
        assert!(file.set_len(9).is_err());
    }
}
