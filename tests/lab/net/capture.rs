//! Frames on the LAN with the kernel's time stamps, and pcap files of them.

use std::fs::File;
use std::io::{self, IoSliceMut, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recvmsg,
    setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeSpec, TimeVal};

use super::frame::{Advert, Announce};
use super::space::Space;

/// One captured frame.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// When the kernel saw it (wall clock).
    pub(crate) at: SystemTime,
    /// The whole Ethernet frame.
    pub(crate) bytes: Vec<u8>,
}

/// A running capture.
pub(crate) struct Capture {
    frames: Arc<Mutex<Vec<Frame>>>,
    stop: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl Capture {
    /// Starts capturing what comes in on the ports of a switch: each frame once.
    pub(crate) fn start(switch: &Space, bridge: &str) -> io::Result<Self> {
        let fd = switch.run(open)??;
        let bridge = switch.rtnl().link(bridge)?.header.index as usize;
        let frames = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (sink, flag) = (frames.clone(), stop.clone());
        let reader = thread::spawn(move || read(&fd, bridge, &sink, &flag));
        Ok(Self { frames, stop, reader: Some(reader) })
    }

    /// All frames since `since`.
    pub(crate) fn frames(&self, since: SystemTime) -> Vec<Frame> {
        let frames = self.frames.lock().expect("the reader does not panic");
        frames.iter().filter(|f| f.at >= since).cloned().collect()
    }

    /// All VRRP adverts since `since`, in order.
    pub(crate) fn adverts(&self, since: SystemTime) -> Vec<Advert> {
        let frames = self.frames.lock().expect("the reader does not panic");
        frames.iter().filter(|f| f.at >= since).filter_map(Advert::parse).collect()
    }

    /// All gratuitous ARPs and unsolicited NAs since `since`, in order.
    pub(crate) fn announces(&self, since: SystemTime) -> Vec<Announce> {
        let frames = self.frames.lock().expect("the reader does not panic");
        frames.iter().filter(|f| f.at >= since).filter_map(Announce::parse).collect()
    }

    /// Writes all frames that `keep` wants as a pcap file with nanosecond times.
    pub(crate) fn write_pcap(&self, path: &Path, mut keep: impl FnMut(&Frame) -> bool) -> io::Result<()> {
        let mut file = io::BufWriter::new(File::create(path)?);
        let header: [u32; 6] = [0xa1b2_3c4d, 0x0004_0002, 0, 0, 65_535, 1];
        for word in header {
            file.write_all(&word.to_le_bytes())?;
        }
        for frame in self.frames.lock().expect("the reader does not panic").iter().filter(|f| keep(f)) {
            let at = frame.at.duration_since(UNIX_EPOCH).unwrap_or_default();
            let length = frame.bytes.len() as u32;
            for word in [at.as_secs() as u32, at.subsec_nanos(), length, length] {
                file.write_all(&word.to_le_bytes())?;
            }
            file.write_all(&frame.bytes)?;
        }
        file.flush()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn open() -> io::Result<OwnedFd> {
    let fd = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll)?;
    setsockopt(&fd, sockopt::ReceiveTimestampns, &true)?;
    setsockopt(&fd, sockopt::ReceiveTimeout, &TimeVal::new(0, 100_000))?;
    // Root of a user namespace may not go beyond the limit; the default then has to do.
    let _ = setsockopt(&fd, sockopt::RcvBufForce, &(32 << 20));
    Ok(fd)
}

fn read(fd: &OwnedFd, bridge: usize, sink: &Mutex<Vec<Frame>>, stop: &AtomicBool) {
    let mut buffer = vec![0; 65_536];
    let mut control = nix::cmsg_space!(TimeSpec);
    while !stop.load(Ordering::Relaxed) {
        let mut slice = [IoSliceMut::new(&mut buffer)];
        let Ok(got) = recvmsg::<LinkAddr>(fd.as_raw_fd(), &mut slice, Some(&mut control), MsgFlags::empty())
        else {
            continue;
        };
        let outgoing =
            |from: &LinkAddr| from.pkttype() == nix::libc::PACKET_OUTGOING || from.ifindex() == bridge;
        if got.address.as_ref().is_none_or(outgoing) {
            continue;
        }
        let stamp = got.cmsgs().ok().and_then(|mut all| {
            all.find_map(|c| match c {
                ControlMessageOwned::ScmTimestampns(t) => Some(UNIX_EPOCH + Duration::from(t)),
                _ => None,
            })
        });
        let length = got.bytes;
        let frame = Frame { at: stamp.unwrap_or_else(SystemTime::now), bytes: buffer[..length].to_vec() };
        sink.lock().expect("no holder of the lock panics").push(frame);
    }
}
