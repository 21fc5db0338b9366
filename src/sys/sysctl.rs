//! Kernel settings under `/proc/sys`, of the network namespace of the calling thread.

use super::netlink::Setting;
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

/// Changes a setting of a link, by netlink where `/proc/sys` is read-only.
///
/// # Errors
/// There is no such link or setting, the kernel refuses the value, or there is no way to set it.
pub fn set(setting: &Setting) -> io::Result<()> {
    match fs::write(path(setting.family, &setting.link, setting.key), &setting.value) {
        Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {
            setting.apply_by_netlink().map_err(|_| error)
        }
        result => result,
    }
}

/// Whether the kernel reports membership of link-local groups, 224.0.0.18 among them, to neighbours (IGMP).
///
/// # Errors
/// The kernel has no such setting (Linux 4.3).
pub fn reports_local_groups() -> io::Result<bool> {
    fs::read_to_string(LOCAL_GROUPS).map(|value| !value.starts_with('0'))
}

/// Changes whether it does.
///
/// # Errors
/// There is no such setting, or `/proc/sys` is read-only.
pub fn set_reports_local_groups(reports: bool) -> io::Result<()> {
    fs::write(LOCAL_GROUPS, if reports { "1" } else { "0" })
}

const LOCAL_GROUPS: &str = "/proc/sys/net/ipv4/igmp_link_local_mcast_reports";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::in_namespace;

    #[test]
    fn a_setting_is_that_of_the_link_in_this_namespace() {
        in_namespace(|| {
            let (va, vb) = (IfName::new("va").unwrap(), IfName::new("vb").unwrap());
            let setting = Setting::ipv4(&va, "arp_ignore", "1");
            set(&setting).unwrap();
            assert_eq!(get(Family::V4, &va, "arp_ignore").unwrap(), "1");
            assert_eq!(get(Family::V4, &vb, "arp_ignore").unwrap(), "0");
            let nobody = IfName::new("eth9").unwrap();
            assert_eq!(get(Family::V4, &nobody, "arp_ignore").unwrap_err().kind(), io::ErrorKind::NotFound);
        });
    }

    /// oracle: what `/proc/sys` then shows.
    #[test]
    fn where_proc_sys_is_read_only_netlink_does_it() {
        in_namespace(|| {
            let flags = nix::sched::CloneFlags::CLONE_NEWNS | nix::sched::CloneFlags::CLONE_FS;
            nix::sched::unshare(flags).unwrap();
            let mount = |source: Option<&str>, target: &str, flags| {
                nix::mount::mount(source, target, None::<&str>, flags, None::<&str>).unwrap();
            };
            use nix::mount::MsFlags;
            mount(None, "/", MsFlags::MS_REC | MsFlags::MS_PRIVATE);
            mount(Some("/proc/sys"), "/proc/sys", MsFlags::MS_BIND);
            mount(None, "/proc/sys", MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY);
            let va = IfName::new("va").unwrap();
            for (key, value) in [
                ("arp_ignore", "1"),
                ("arp_filter", "1"),
                ("rp_filter", "2"),
                ("accept_local", "1"),
                ("promote_secondaries", "1"),
            ] {
                set(&Setting::ipv4(&va, key, value)).unwrap();
                assert_eq!(get(Family::V4, &va, key).unwrap(), value, "{key}");
            }
            let no_address =
                |value: &str| Setting { family: Family::V6, ..Setting::ipv4(&va, "addr_gen_mode", value) };
            set(&no_address("1")).unwrap();
            assert_eq!(get(Family::V6, &va, "addr_gen_mode").unwrap(), "1");
            let refused = set(&Setting::ipv4(&va, "forwarding", "1")).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::ReadOnlyFilesystem);
        });
    }
}
