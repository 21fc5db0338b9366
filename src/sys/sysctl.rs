//! Kernel settings under `/proc/sys`, of the network namespace of the calling thread.

use crate::types::{Family, IfName};
use std::fs;
use std::io;
use std::path::PathBuf;

fn path(family: Family, link: &IfName, key: &str) -> PathBuf {
    let family = match family {
        Family::V4 => "ipv4",
        Family::V6 => "ipv6",
    };
    ["/proc/sys/net", family, "conf", link.as_str(), key].iter().collect()
}

/// Whether the link forwards IPv6, so that the host is a router in neighbour discovery's words;
/// `false` when the kernel does not tell.
#[must_use]
pub fn forwards_ipv6(link: &IfName) -> bool {
    get(Family::V6, link, "forwarding").is_ok_and(|value| !value.starts_with('0'))
}

/// The links that have settings, `all` and `default` among them.
#[must_use]
pub fn links(family: Family) -> Vec<IfName> {
    let Ok(all) = IfName::new("all") else { return Vec::new() };
    let directory = path(family, &all, "..");
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| IfName::new(entry.file_name().to_str()?).ok()).collect()
}

/// The value of a setting of a link: `promote_secondaries`, `arp_ignore`.
///
/// # Errors
/// There is no such link or setting.
pub fn get(family: Family, link: &IfName, key: &str) -> io::Result<String> {
    fs::read_to_string(path(family, link, key)).map(|value| value.trim_end().to_owned())
}

/// Changes a setting of a link.
///
/// # Errors
/// There is no such link or setting, the kernel refuses the value, or `/proc/sys` is read-only.
pub fn set(family: Family, link: &IfName, key: &str, value: &str) -> io::Result<()> {
    fs::write(path(family, link, key), value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::in_namespace;

    #[test]
    fn a_setting_is_that_of_the_link_in_this_namespace() {
        in_namespace(|| {
            let (va, vb) = (IfName::new("va").unwrap(), IfName::new("vb").unwrap());
            set(Family::V4, &va, "arp_ignore", "1").unwrap();
            assert_eq!(get(Family::V4, &va, "arp_ignore").unwrap(), "1");
            assert_eq!(get(Family::V4, &vb, "arp_ignore").unwrap(), "0");
            let nobody = IfName::new("eth9").unwrap();
            assert_eq!(get(Family::V4, &nobody, "arp_ignore").unwrap_err().kind(), io::ErrorKind::NotFound);
        });
    }
}
