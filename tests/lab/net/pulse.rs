//! A thousand small requests a second to the VIP, and a stand-in for a service that answers them.
//!
//! An outage is a run of requests that were never answered, so that a machine too busy to ask, or to
//! answer at once, is not mistaken for one that is cut off.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use super::space::Space;

const PORT: u16 = 7;
const EVERY: Duration = Duration::from_millis(1);
/// An answer that takes longer is still to come for a while, and then lost.
const PATIENCE: Duration = Duration::from_millis(25);

/// One request.
struct Request {
    sent: Instant,
    server: Option<String>,
}

/// A client that keeps asking.
pub(crate) struct Pulse {
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<()>>,
}

impl Pulse {
    /// Starts to ask the [`Responder`] at `vip`.
    pub(crate) fn start(space: &Space, vip: IpAddr) -> io::Result<Self> {
        let any: SocketAddr = if vip.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0; 16], 0).into() };
        let socket = space.run(|| UdpSocket::bind(any))??;
        let asking = socket.try_clone()?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (asked, flag) = (requests.clone(), stop.clone());
        let ask = thread::spawn(move || {
            while !flag.load(Ordering::Relaxed) {
                let number = {
                    let mut all = asked.lock().expect("no holder of the lock panics");
                    all.push(Request { sent: Instant::now(), server: None });
                    all.len() as u32 - 1
                };
                // An unreachable VIP is what is being measured.
                let _ = asking.send_to(&number.to_be_bytes(), (vip, PORT));
                thread::sleep(EVERY);
            }
        });
        let (answered, flag) = (requests.clone(), stop.clone());
        let listen = thread::spawn(move || {
            let mut buffer = [0; 64];
            while !flag.load(Ordering::Relaxed) {
                let Ok((length, _)) = socket.recv_from(&mut buffer) else { continue };
                let Some((number, name)) = buffer[..length].split_first_chunk() else { continue };
                let mut all = answered.lock().expect("no holder of the lock panics");
                if let Some(request) = all.get_mut(u32::from_be_bytes(*number) as usize) {
                    request.server = Some(String::from_utf8_lossy(name).into_owned());
                }
            }
        });
        Ok(Self { requests, stop, workers: vec![ask, listen] })
    }

    /// Who answers now; `None` if a request has been waiting for too long.
    pub(crate) fn server(&self) -> Option<String> {
        let requests = self.requests.lock().expect("the workers do not panic");
        for request in requests.iter().rev() {
            match &request.server {
                Some(name) => return Some(name.clone()),
                None if request.sent.elapsed() > PATIENCE => return None,
                None => {}
            }
        }
        None
    }

    /// The longest run of unanswered requests sent since `since`, from the first of them to the next one
    /// that was answered; zero if all were.
    pub(crate) fn outage(&self, since: Instant) -> Duration {
        let requests = self.requests.lock().expect("the workers do not panic");
        let mut longest = Duration::ZERO;
        let mut lost: Option<Instant> = None;
        for request in requests.iter().filter(|r| r.sent >= since) {
            match (&request.server, lost) {
                (None, None) => lost = Some(request.sent),
                (Some(_), Some(first)) => {
                    longest = longest.max(request.sent - first);
                    lost = None;
                }
                _ => {}
            }
        }
        let open = lost.map(|first| first.elapsed()).filter(|time| *time > PATIENCE);
        longest.max(open.unwrap_or_default())
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}

/// A service on a node: answers each request to `vip` with the node's name.
pub(crate) struct Responder {
    serving: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    worker: Option<JoinHandle<()>>,
}

impl Responder {
    /// Starts to serve `vip`, which need not be on the machine yet.
    pub(crate) fn start(space: &Space, vip: IpAddr) -> io::Result<Self> {
        let socket: UdpSocket = space.run(|| {
            let socket = Socket::new(Domain::for_address((vip, 0).into()), Type::DGRAM, Some(Protocol::UDP))?;
            match vip {
                IpAddr::V4(_) => socket.set_freebind_v4(true)?,
                IpAddr::V6(_) => socket.set_freebind_v6(true)?,
            }
            socket.set_read_timeout(Some(Duration::from_millis(100)))?;
            socket.bind(&SocketAddr::new(vip, PORT).into())?;
            io::Result::Ok(socket.into())
        })??;
        let serving = Arc::new(AtomicBool::new(true));
        let stop = Arc::new(AtomicBool::new(false));
        let (serves, flag, name) = (serving.clone(), stop.clone(), space.name.clone());
        let worker = thread::spawn(move || {
            let mut buffer = [0; 4];
            while !flag.load(Ordering::Relaxed) {
                let Ok((4, from)) = socket.recv_from(&mut buffer) else { continue };
                if serves.load(Ordering::Relaxed) {
                    let _ = socket.send_to(&[&buffer[..], name.as_bytes()].concat(), from);
                }
            }
        });
        Ok(Self { serving, stop, worker: Some(worker) })
    }

    /// Lets the service hang (false) or answer again (true).
    pub(crate) fn serve(&self, serving: bool) {
        self.serving.store(serving, Ordering::Relaxed);
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}
