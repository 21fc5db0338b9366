//! A client of the VIP: asks all the time, remembers who answered and when nobody did.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use socket2::{Domain, Protocol, Socket, Type};

use super::space::Space;

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// When it was sent (wall clock).
    pub at: SystemTime,
    /// When the answer, or the failure, was there.
    pub done: SystemTime,
    /// Name of the machine that answered; `None` if nobody did in time.
    pub server: Option<String>,
}

/// A time without answers, from the last good request to the next good one.
#[derive(Clone, Copy, Debug)]
pub struct Gap {
    /// End of the last good request.
    pub from: SystemTime,
    /// End of the next good request, or the last look.
    pub to: SystemTime,
}

impl Gap {
    /// How long the client was cut off.
    pub fn length(&self) -> Duration {
        self.to.duration_since(self.from).unwrap_or_default()
    }
}

/// A client that keeps asking from a thread of its own.
pub struct Client {
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    worker: Option<JoinHandle<()>>,
}

impl Client {
    /// Asks an HTTP server at `vip`:80 for `/` every `every`; a request fails after `patience`.
    pub fn http(space: &Space, vip: IpAddr, every: Duration, patience: Duration) -> io::Result<Self> {
        Self::start(space, every, move || {
            let mut stream = TcpStream::connect_timeout(&SocketAddr::new(vip, 80), patience)?;
            stream.set_read_timeout(Some(patience))?;
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            let body = answer.split("\r\n\r\n").nth(1).filter(|_| answer.starts_with("HTTP/1.1 200"));
            body.map(|b| b.trim().to_owned()).ok_or_else(|| io::Error::other("not a good answer"))
        })
    }

    /// Asks the [`Responder`] at `vip` every `every` by UDP; a request fails after `patience`.
    pub fn udp(space: &Space, vip: IpAddr, every: Duration, patience: Duration) -> io::Result<Self> {
        let any: SocketAddr = if vip.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0; 16], 0).into() };
        let socket = space.run(|| UdpSocket::bind(any))??;
        socket.set_read_timeout(Some(patience))?;
        let mut number = 0u32;
        Self::start(space, every, move || {
            number += 1;
            socket.send_to(&number.to_be_bytes(), (vip, RESPONDER_PORT))?;
            let mut buffer = [0; 64];
            loop {
                let (length, from) = socket.recv_from(&mut buffer)?;
                // An answer to an earlier request that came too late is not an answer to this one.
                if from.ip() == vip && buffer[..length].starts_with(&number.to_be_bytes()) {
                    return Ok(String::from_utf8_lossy(&buffer[4..length]).into_owned());
                }
            }
        })
    }

    fn start(
        space: &Space,
        every: Duration,
        mut ask: impl FnMut() -> io::Result<String> + Send + 'static,
    ) -> io::Result<Self> {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (sink, flag) = (requests.clone(), stop.clone());
        let work = move || {
            let mut next = Instant::now();
            while !flag.load(Ordering::Relaxed) {
                let at = SystemTime::now();
                let server = ask().ok();
                let request = Request { at, done: SystemTime::now(), server };
                sink.lock().expect("no holder of the lock panics").push(request);
                next = (next + every).max(Instant::now());
                thread::sleep(next.saturating_duration_since(Instant::now()));
            }
        };
        let worker = space.run(|| thread::spawn(work))?;
        Ok(Self { requests, stop, worker: Some(worker) })
    }

    /// All requests sent since `since`, in order.
    pub fn requests(&self, since: SystemTime) -> Vec<Request> {
        let requests = self.requests.lock().expect("the worker does not panic");
        requests.iter().filter(|r| r.at >= since).cloned().collect()
    }

    /// The last request that has ended.
    pub fn last(&self) -> Option<Request> {
        self.requests.lock().expect("the worker does not panic").last().cloned()
    }

    /// The longest time without an answer in requests sent since `since`.
    pub fn longest_gap(&self, since: SystemTime) -> Gap {
        let mut last = since;
        let mut longest = Gap { from: since, to: since };
        for request in self.requests(since) {
            let gap = Gap { from: last, to: request.done };
            if gap.length() > longest.length() {
                longest = gap;
            }
            if request.server.is_some() {
                last = request.done;
            }
        }
        longest
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}

const RESPONDER_PORT: u16 = 7;

/// A stand-in for a service: answers each datagram to `vip` with the machine's name.
pub struct Responder {
    serving: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    worker: Option<JoinHandle<()>>,
}

impl Responder {
    /// Starts to serve `vip`, which need not be on the machine yet.
    pub fn start(space: &Space, vip: IpAddr) -> io::Result<Self> {
        let socket: UdpSocket = space.run(|| {
            let socket = Socket::new(Domain::for_address((vip, 0).into()), Type::DGRAM, Some(Protocol::UDP))?;
            match vip {
                IpAddr::V4(_) => socket.set_freebind_v4(true)?,
                IpAddr::V6(_) => socket.set_freebind_v6(true)?,
            }
            socket.set_read_timeout(Some(Duration::from_millis(100)))?;
            socket.bind(&SocketAddr::new(vip, RESPONDER_PORT).into())?;
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
    pub fn serve(&self, serving: bool) {
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
