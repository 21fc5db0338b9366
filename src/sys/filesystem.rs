//! File systems, as far as they differ.

use nix::sys::statfs::{self, FsType};
use std::path::Path;

/// Those on which a file can change without inotify telling: the changes are made elsewhere, or nowhere.
/// Linux `include/uapi/linux/magic.h`.
const SILENT: [i64; 12] = [
    0x6969,      // NFS
    0xff53_4d42, // CIFS
    0xfe53_4d42, // SMB2
    0x517b,      // SMB
    0x0102_1997, // 9P
    0x6573_5546, // FUSE
    0x00c3_6400, // Ceph
    0x5346_414f, // AFS
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x6367_7270, // cgroup2
    0x0027_e0eb, // cgroup
];

/// Whether what happens to a file is not told, or not all of it: its file system makes it up when it is read,
/// or is shared with other machines. That of its nearest directory counts where there is no such file.
#[must_use]
pub fn tells_no_changes(path: &Path) -> bool {
    let found = path.ancestors().find_map(|path| statfs::statfs(path).ok());
    found.is_some_and(|found| SILENT.iter().any(|magic| found.filesystem_type() == FsType(*magic as _)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_files_are_told_from_kept_ones() {
        assert!(tells_no_changes(Path::new("/proc/uptime")));
        assert!(tells_no_changes(Path::new("/proc/nothing/of/the/kind")));
        assert!(!tells_no_changes(tempfile::tempdir().unwrap().path()));
    }
}
