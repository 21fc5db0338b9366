//! The kernel threads: one writes addresses and what belongs to them, one listens.
//!
//! Neither ever runs on the protocol thread: a thousand IPv6 addresses keep the kernel busy for a
//! quarter of a second, and that inside the call.

use super::firewall::{Firewall, Order};
use crate::config::value::VirtualAddress;
use crate::daemon::panics;
use crate::sys::netlink::{Address, Change, Event, Failure, Monitor, PresentAddress, Writer};
use crate::sys::nftables::Watch;
use crate::sys::sched;
use crate::types::{Family, IfIndex, IpNet};
use std::io;
use std::net::IpAddr;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;
use tokio::sync::mpsc;

/// Requests that are answered by one `sendmsg` series at most: others wait for their turn.
const MERGED_REQUESTS: usize = 64;

/// Events that may wait for the protocol thread before the monitor waits for it.
const WAITING_EVENTS: usize = 4096;

const REOPEN_DELAY: Duration = Duration::from_secs(1);

/// Tells the writer thread what to do. Requests are carried out in order.
#[derive(Clone, Debug)]
pub(super) struct Kernel {
    requests: std::sync::mpsc::Sender<Request>,
}

/// Changes that belong together.
#[derive(Debug)]
struct Request {
    changes: Vec<Change>,
    order: Option<Order>,
    number: u64,
    done: mpsc::UnboundedSender<Done>,
}

/// A request was carried out.
#[derive(Debug)]
pub(super) struct Done {
    /// The number that the request was given.
    pub(super) number: u64,
    /// What the kernel refused.
    pub(super) failures: Vec<(Change, Failure)>,
}

impl Kernel {
    /// Starts the writer thread, in the network namespace of the caller, with a receive buffer of at least so
    /// many bytes.
    pub(super) fn start(buffer: u32) -> io::Result<Self> {
        let writer = Writer::with_buffer(buffer)?;
        let (requests, receiver) = std::sync::mpsc::channel();
        std::thread::Builder::new()
            .name("vrrp-writer".into())
            .spawn(move || panics::essential(|| write(writer, buffer, &receiver)))?;
        Ok(Self { requests })
    }

    /// Hands over changes; `done` hears when they have been made.
    pub(super) fn apply(&self, changes: Vec<Change>, number: u64, done: &mpsc::UnboundedSender<Done>) {
        self.ask(Request { changes, order: None, number, done: done.clone() });
    }

    /// The same for the packet filter. What is let through again is so once all changes asked for before, and
    /// by chance some after, have been made.
    pub(super) fn filter(&self, order: Order, number: u64, done: &mpsc::UnboundedSender<Done>) {
        self.ask(Request { changes: Vec::new(), order: Some(order), number, done: done.clone() });
    }

    fn ask(&self, request: Request) {
        if let Err(refused) = self.requests.send(request) {
            tracing::error!("the thread that changes addresses is gone");
            let Request { number, done, .. } = refused.0;
            let _ = done.send(Done { number, failures: Vec::new() });
        }
    }
}

fn write(mut writer: Writer, buffer: u32, requests: &std::sync::mpsc::Receiver<Request>) {
    if let Err(error) = sched::set_favoured() {
        tracing::debug!("no priority for the thread that changes addresses: {error}");
    }
    let mut firewall = Firewall::default();
    loop {
        let next = match firewall.poll_timeout() {
            Some(timeout) => requests.recv_timeout(timeout),
            None => requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        firewall.on_time();
        let first = match next {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        // What has gathered meanwhile goes along: two hundred changes cost one system call.
        let mut batch = vec![first];
        batch.extend(requests.try_iter().take(MERGED_REQUESTS - 1));
        let orders: Vec<Order> = batch.iter_mut().filter_map(|request| request.order.take()).collect();
        firewall.block_ahead(&orders);
        let changes: Vec<Change> = batch.iter().flat_map(|request| request.changes.iter().cloned()).collect();
        let mut results = match writer.apply(&changes) {
            Ok(results) => results,
            Err(error) => {
                tracing::error!("Netlink: cannot change addresses: {error}");
                if let Ok(reopened) = Writer::with_buffer(buffer) {
                    writer = reopened;
                }
                let failure = Failure { code: error.raw_os_error().unwrap_or(libc::EIO), text: None };
                changes.iter().map(|_| Err(failure.clone())).collect()
            }
        }
        .into_iter();
        firewall.lift_behind(&orders);
        for Request { changes, order: _, number, done } in batch {
            let failed = |(change, result): (Change, Result<(), Failure>)| Some((change, result.err()?));
            let failures = changes.into_iter().zip(&mut results).filter_map(failed).collect();
            // Whoever asked may be gone: a stopped instance does not wait for its last removals.
            let _ = done.send(Done { number, failures });
        }
    }
}

/// Starts the monitor thread, in the network namespace of the caller, with a receive buffer of at least so many
/// bytes. Of changes to tables of the packet filter it tells the writer thread.
pub(super) fn watch(buffer: u32, writer: Kernel) -> io::Result<mpsc::Receiver<Event>> {
    let (events, receiver) = mpsc::channel(WAITING_EVENTS);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("vrrp-monitor".into()).spawn(move || {
        let listening = async {
            tokio::select! {
                result = listen(&events, buffer) => result,
                result = watch_tables(&writer) => result,
            }
        };
        if let Err(error) = panics::essential(|| runtime.block_on(listening)) {
            tracing::error!("Netlink: the monitor failed: {error}");
        }
    })?;
    Ok(receiver)
}

/// Ends when nobody listens any more.
async fn listen(events: &mpsc::Sender<Event>, buffer: u32) -> io::Result<()> {
    let mut monitor = Monitor::with_buffer(buffer)?;
    loop {
        match monitor.next().await {
            Ok(event) => {
                if events.send(event).await.is_err() {
                    return Ok(());
                }
            }
            Err(error) => {
                tracing::error!("Netlink: the monitor failed: {error}");
                tokio::time::sleep(REOPEN_DELAY).await;
                monitor.reopen()?;
            }
        }
    }
}

/// Where the kernel has no netfilter, or tells nothing, tables are made anew with the next change.
async fn watch_tables(writer: &Kernel) -> io::Result<()> {
    let mut watch = match Watch::open() {
        Ok(watch) => watch,
        Err(error) => {
            tracing::debug!("nftables: {error}");
            return std::future::pending().await;
        }
    };
    let (nobody, _) = mpsc::unbounded_channel();
    loop {
        match watch.next().await {
            Ok(tampering) => writer.filter(Order::Tampered(tampering), 0, &nobody),
            Err(error) => {
                tracing::error!("nftables: changes by others go unnoticed: {error}");
                return std::future::pending().await;
            }
        }
    }
}

/// A virtual address as the kernel wants it.
pub(super) fn kernel_address(link: IfIndex, vip: &VirtualAddress) -> Address {
    let broadcast = match vip.broadcast {
        Some(IpAddr::V4(broadcast)) => Some(broadcast),
        _ => None,
    };
    Address {
        link,
        net: vip.net,
        peer: vip.peer,
        broadcast,
        scope: vip.scope,
        label: vip.label.clone(),
        preferred_lft: vip.preferred_lft,
        nodad: vip.net.family() == Family::V6 && !vip.dad,
        home: vip.home,
        mngtmpaddr: vip.mngtmpaddr,
        noprefixroute: vip.noprefixroute,
        autojoin: vip.autojoin,
    }
}

/// Whether somebody has changed what an address is good for.
pub(super) fn is_altered(vip: &VirtualAddress, there: &PresentAddress) -> bool {
    let preferred = match vip.preferred_lft {
        None => !there.deprecated,
        Some(0) => there.deprecated,
        Some(_) => true,
    };
    let detects = vip.net.family() == Family::V4 || vip.dad != there.nodad;
    let as_wanted = preferred && detects && has_what_stays(vip, there) && there.lasting;
    !(there.duplicate || as_wanted)
}

/// What makes it again what it is to be.
pub(super) fn mending(vip: &VirtualAddress, there: &PresentAddress) -> Vec<Change> {
    let wanted = kernel_address(there.link, vip);
    if has_what_stays(vip, there) {
        return vec![Change::Mend(wanted)];
    }
    let peer = there.peer.map(|address| IpNet { address, ..there.net });
    vec![Change::Remove(Address { net: there.net, peer, ..wanted.clone() }), Change::Add(wanted)]
}

/// Whether an address must go before another can take its place.
pub(super) fn is_in_the_way(before: &VirtualAddress, vip: &VirtualAddress) -> bool {
    wanted_for_good(before) != wanted_for_good(vip)
}

fn has_what_stays(vip: &VirtualAddress, there: &PresentAddress) -> bool {
    wanted_for_good(vip) == for_good(there.net, there.peer, there.scope)
}

fn wanted_for_good(vip: &VirtualAddress) -> (u8, Option<IpAddr>) {
    let prefix = vip.peer.unwrap_or(vip.net).prefix;
    for_good(IpNet { prefix, ..vip.net }, vip.peer.map(|peer| peer.address), vip.scope)
}

/// What the kernel does not change: of IPv4 the scope; of IPv6, where the address itself says that, prefix and far
/// end.
fn for_good(net: IpNet, peer: Option<IpAddr>, scope: u8) -> (u8, Option<IpAddr>) {
    match net.family() {
        Family::V4 => (scope, None),
        Family::V6 => (net.prefix, peer.filter(|far| *far != net.address)),
    }
}
