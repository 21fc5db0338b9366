//! A client of nginx at the VIP: asks all the time, remembers who answered and when nobody did.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use super::space::Space;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// When it was sent (wall clock).
    pub(crate) at: SystemTime,
    /// When the answer, or the failure, was there.
    pub(crate) done: SystemTime,
    /// Name of the machine that answered; `None` if nobody did in time.
    pub(crate) server: Option<String>,
}

/// A time without answers, from the last good request to the next good one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gap {
    /// End of the last good request.
    pub(crate) from: SystemTime,
    /// End of the next good request, or the last look.
    pub(crate) to: SystemTime,
}

impl Gap {
    /// How long the client was cut off.
    pub(crate) fn length(&self) -> Duration {
        self.to.duration_since(self.from).unwrap_or_default()
    }
}

/// A client that keeps asking from a thread of its own.
pub(crate) struct Client {
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    worker: Option<JoinHandle<()>>,
}

impl Client {
    /// Asks an HTTP server at `vip`:80 for `/` every `every`; a request fails after `patience`.
    pub(crate) fn http(space: &Space, vip: IpAddr, every: Duration, patience: Duration) -> io::Result<Self> {
        let ask = move || {
            let mut stream = TcpStream::connect_timeout(&SocketAddr::new(vip, 80), patience)?;
            stream.set_read_timeout(Some(patience))?;
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            let body = answer.split("\r\n\r\n").nth(1).filter(|_| answer.starts_with("HTTP/1.1 200"));
            body.map(|b| b.trim().to_owned()).ok_or_else(|| io::Error::other("not a good answer"))
        };
        Self::start(space, every, move || {
            let at = SystemTime::now();
            let server = ask().ok();
            Request { at, done: SystemTime::now(), server }
        })
    }

    fn start(
        space: &Space,
        every: Duration,
        mut ask: impl FnMut() -> Request + Send + 'static,
    ) -> io::Result<Self> {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (sink, flag) = (requests.clone(), stop.clone());
        let work = move || {
            let mut next = Instant::now();
            while !flag.load(Ordering::Relaxed) {
                let request = ask();
                sink.lock().expect("no holder of the lock panics").push(request);
                next = (next + every).max(Instant::now());
                thread::sleep(next.saturating_duration_since(Instant::now()));
            }
        };
        let worker = space.run(|| thread::spawn(work))?;
        Ok(Self { requests, stop, worker: Some(worker) })
    }

    /// All requests sent since `since`, in order.
    pub(crate) fn requests(&self, since: SystemTime) -> Vec<Request> {
        let requests = self.requests.lock().expect("the worker does not panic");
        requests.iter().filter(|r| r.at >= since).cloned().collect()
    }

    /// The last request that has ended.
    pub(crate) fn last(&self) -> Option<Request> {
        self.requests.lock().expect("the worker does not panic").last().cloned()
    }

    /// The longest time without an answer since `since`, up to now.
    pub(crate) fn longest_gap(&self, since: SystemTime) -> Gap {
        let requests = self.requests(since);
        let good = requests.iter().filter(|r| r.server.is_some()).map(|r| r.done);
        let mut longest = Gap { from: since, to: since };
        let mut last = since;
        for next in good.chain([SystemTime::now()]) {
            let gap = Gap { from: last, to: next };
            if gap.length() > longest.length() {
                longest = gap;
            }
            last = next;
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
