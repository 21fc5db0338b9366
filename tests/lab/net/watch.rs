//! When addresses come and go on a machine.

use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use netlink_packet_core::NetlinkPayload;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::poll::{PollFd, PollFlags, poll};

use super::netlink::{address_of, messages};
use super::space::Space;

/// `RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR`
const ADDRESS_GROUPS: u32 = 0x10 | 0x100;

/// An address came or went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    /// When the kernel's message was read (wall clock).
    pub(crate) at: SystemTime,
    /// True if it came (or changed), false if it went.
    pub(crate) added: bool,
    /// Which one.
    pub(crate) address: IpAddr,
}

/// A running watch over the addresses of one machine.
pub(crate) struct Watch {
    changes: Arc<Mutex<Vec<Change>>>,
    stop: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl Watch {
    /// Starts to watch.
    pub(crate) fn start(space: &Space) -> io::Result<Self> {
        let socket = space.run(|| {
            let mut socket = Socket::new(NETLINK_ROUTE)?;
            socket.bind(&SocketAddr::new(0, ADDRESS_GROUPS))?;
            io::Result::Ok(socket)
        })??;
        let changes = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (sink, flag) = (changes.clone(), stop.clone());
        let reader = thread::spawn(move || read(&socket, &sink, &flag));
        Ok(Self { changes, stop, reader: Some(reader) })
    }

    /// Everything that happened since `since`, in order.
    pub(crate) fn all(&self, since: SystemTime) -> Vec<Change> {
        let changes = self.changes.lock().expect("the reader does not panic");
        changes.iter().filter(|c| c.at >= since).copied().collect()
    }

    /// What happened to `address` since `since`, in order.
    pub(crate) fn changes(&self, address: IpAddr, since: SystemTime) -> Vec<Change> {
        let changes = self.changes.lock().expect("the reader does not panic");
        changes.iter().filter(|c| c.address == address && c.at >= since).copied().collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn read(socket: &Socket, sink: &Mutex<Vec<Change>>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let mut ready = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        if !matches!(poll(&mut ready, 100u16), Ok(1)) {
            continue;
        }
        let Ok((bytes, _)) = socket.recv_from_full() else { continue };
        let at = SystemTime::now();
        for message in messages(&bytes) {
            let (added, message) = match message.payload {
                NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewAddress(m)) => (true, m),
                NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelAddress(m)) => (false, m),
                _ => continue,
            };
            if let Some(address) = address_of(&message) {
                sink.lock().expect("no holder of the lock panics").push(Change { at, added, address });
            }
        }
    }
}
