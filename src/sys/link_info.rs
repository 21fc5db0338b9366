//! One question about one link, asked without a monitor: for checking a configuration.

use crate::types::IfName;
use socket2::{Domain, Socket, Type};
use std::io;
use std::os::fd::AsRawFd;

/// What a link is at this moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LinkInfo {
    /// Octets of IP that fit a frame.
    pub mtu: u32,
    /// `IFF_LOOPBACK`.
    pub loopback: bool,
    /// `IFF_MULTICAST`.
    pub multicast: bool,
    /// `ARPHRD_ETHER`.
    pub ethernet: bool,
}

/// Looks a link up by name, in the network namespace of the calling thread; `Ok(None)`: there is none.
///
/// # Errors
/// No descriptor left.
pub fn link_info(name: &IfName) -> io::Result<Option<LinkInfo>> {
    let socket = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    let Some(mtu) = ask(&socket, name, libc::SIOCGIFMTU)? else { return Ok(None) };
    let Some(flags) = ask(&socket, name, libc::SIOCGIFFLAGS)? else { return Ok(None) };
    let Some(hardware) = ask(&socket, name, libc::SIOCGIFHWADDR)? else { return Ok(None) };
    // SAFETY: the kernel has filled in this member of the union for each of the three requests.
    let (mtu, flags, kind) = unsafe {
        (mtu.ifr_ifru.ifru_mtu, flags.ifr_ifru.ifru_flags, hardware.ifr_ifru.ifru_hwaddr.sa_family)
    };
    let has = |flag| libc::c_int::from(flags) & flag != 0;
    Ok(Some(LinkInfo {
        mtu: u32::try_from(mtu).unwrap_or(0),
        loopback: has(libc::IFF_LOOPBACK),
        multicast: has(libc::IFF_MULTICAST),
        ethernet: kind == libc::ARPHRD_ETHER,
    }))
}

/// The names of all links in the network namespace of the calling thread.
///
/// # Errors
/// The kernel does not say.
pub fn link_names() -> io::Result<Vec<String>> {
    let links = nix::net::if_::if_nameindex()?;
    Ok(links.iter().map(|link| link.name().to_string_lossy().into_owned()).collect())
}

fn ask(socket: &Socket, name: &IfName, request: libc::Ioctl) -> io::Result<Option<libc::ifreq>> {
    // SAFETY: an ifreq is plain data, for which zeros are valid.
    let mut question: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in question.ifr_name.iter_mut().zip(name.as_str().bytes()) {
        *to = from.cast_signed() as libc::c_char;
    }
    // SAFETY: all three requests read and write one ifreq, which `question` is for the length of the call.
    if unsafe { libc::ioctl(socket.as_raw_fd(), request, &raw mut question) } == 0 {
        return Ok(Some(question));
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() == Some(libc::ENODEV) { Ok(None) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::{in_namespace, ip};

    #[test]
    fn links_are_told_with_their_mtu_and_kind() {
        in_namespace(|| {
            ip("link set va mtu 1400");
            let info = |name| link_info(&IfName::new(name).unwrap()).unwrap();
            assert_eq!(
                info("va"),
                Some(LinkInfo { mtu: 1400, loopback: false, multicast: true, ethernet: true })
            );
            assert!(info("lo").unwrap().loopback);
            assert_eq!(info("eth9"), None);
            let names = link_names().unwrap();
            assert!(names.contains(&"va".to_owned()) && names.contains(&"lo".to_owned()), "{names:?}");
        });
    }
}
