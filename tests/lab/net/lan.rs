//! A LAN: a switch that hears everything, and cables to machines.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use vrrpd::sys::packet::PacketSocket;
use vrrpd::types::IfIndex;

use super::capture::Capture;
use super::space::Space;

/// A switch. Machines are added with [`Lan::machine`].
///
/// Machine `n` (1 to 254) has `eth0` with MAC `02:00:00:00:00:nn`, `10.99.0.n/24` and
/// `2001:db8:99::n/64`.
pub(crate) struct Lan {
    dir: PathBuf,
    switch: Space,
    /// Everything that was on the wire.
    pub(crate) capture: Capture,
}

impl Lan {
    /// Makes the switch; files go below `dir`.
    pub(crate) fn new(dir: &Path) -> io::Result<Self> {
        let switch = Space::new(dir, "switch")?;
        // The switch itself never speaks.
        switch.sysctl("ipv6/conf/all/disable_ipv6", "1")?;
        switch.sysctl("ipv6/conf/default/disable_ipv6", "1")?;
        switch.rtnl().add_bridge("br0")?;
        let capture = Capture::start(&switch, "br0")?;
        Ok(Self { dir: dir.to_owned(), switch, capture })
    }

    /// Adds machine `n`, its cable and its addresses.
    pub(crate) fn machine(&self, name: &str, n: u8) -> io::Result<Space> {
        let space = Space::new(&self.dir, name)?;
        for (key, value) in [("accept_dad", "0"), ("router_solicitations", "0"), ("disable_ipv6", "0")] {
            for scope in ["all", "default"] {
                space.sysctl(&format!("ipv6/conf/{scope}/{key}"), value)?;
            }
        }
        self.switch.rtnl().add_cable(name, "br0", space.net(), "eth0", mac(n))?;
        let rtnl = space.rtnl();
        rtnl.set_up("eth0", true)?;
        rtnl.add_address("eth0", IpAddr::V4(ipv4(n)), 24)?;
        rtnl.add_address("eth0", IpAddr::V6(ipv6(n)), 64)?;
        drop(rtnl);
        Ok(space)
    }

    /// Plugs another link of machine `n` of another LAN in here, with this address.
    pub(crate) fn plug(&self, machine: &Space, n: u8, link: &str, address: Ipv4Addr) -> io::Result<()> {
        self.switch.rtnl().add_cable(&machine.name, "br0", machine.net(), link, mac(n))?;
        let rtnl = machine.rtnl();
        rtnl.set_up(link, true)?;
        rtnl.add_address(link, address.into(), 24)
    }

    /// Puts a frame on the wire to a machine, as if another one had sent it. The capture leaves it out.
    pub(crate) fn inject(&self, machine: &Space, frame: &[u8]) -> io::Result<()> {
        let port = self.switch.rtnl().link(&machine.name)?.header.index;
        let port = IfIndex::new(port).ok_or(io::ErrorKind::NotFound)?;
        self.switch.run(|| PacketSocket::open()?.send(port, frame))?
    }

    /// The switch, where the port of a machine has the machine's name.
    pub(crate) fn switch(&self) -> &Space {
        &self.switch
    }

    /// Cuts or mends the cable of a machine at the switch: the machine loses or regains its carrier.
    pub(crate) fn cable(&self, machine: &Space, plugged: bool) -> io::Result<()> {
        self.switch.rtnl().set_up(&machine.name, plugged)
    }
}

/// MAC of machine `n`.
pub(crate) fn mac(n: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0, n]
}

/// IPv4 address of machine `n`.
pub(crate) fn ipv4(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 99, 0, n)
}

/// Global IPv6 address of machine `n`.
pub(crate) fn ipv6(n: u8) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0x99, 0, 0, 0, 0, n.into())
}
