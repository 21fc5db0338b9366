//! What can go wrong, and a random storm of it.

use std::time::Duration;

use super::lan::Host;
use super::plan::{Names, Plan};
use super::random::Random;
use super::things;
use crate::track::Because;
use crate::types::{IfName, Instant};

/// Something that happens to the world.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// Frames of one host on this link no longer reach another; what that one sends still comes.
    Cut(IfName, Host, Host),
    /// A node is alone on this link.
    Isolate(IfName, Host),
    /// All partitions end.
    Heal,
    /// Nothing that arrives at a host on this link gets through (`true`): a switch port that learns, a firewall that
    /// is not loaded.
    Deafen(Host, IfName, bool),
    /// A cable is plugged in (`true`) or pulled.
    Link(Host, IfName, bool),
    /// The daemon is killed; what is in the kernel stays.
    Kill(Host),
    /// One instance of a daemon fails by an internal error.
    Fail(Host, usize),
    /// The machine loses power; everything is gone.
    PowerOff(Host),
    /// The daemon is told to stop.
    Stop(Host),
    /// The daemon starts, unless it runs.
    Start(Host),
    /// The daemon reads its configuration again, in which nothing has changed.
    Reload(Host),
    /// The daemon reads a configuration in which something has changed: the node's variant of that number.
    Reconfigure(Host, usize),
    /// The node's own addresses on the LAN are these now.
    Renumber(Host, Numbering),
    /// Check scripts of that number behave like this from now on.
    Script(Host, usize, Behaviour),
    /// The tracked file says this from now on.
    File(Host, i32),
    /// There are so many of the tracked processes from now on.
    Processes(Host, usize, Because),
    /// The node does nothing for a while.
    Pause(Host, Duration),
    /// Somebody removes one of the virtual addresses that a node has.
    RemoveAddress(Host),
    /// The kernel refuses to change addresses, until it does not.
    KernelTrouble(Host, bool),
    /// Somebody sends bad packets that look like adverts: so many, so far apart.
    Stranger(u32, Duration),
}

/// What addresses of its own a node has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Numbering {
    /// Those of the plan.
    Home,
    /// None that an advert could come from.
    Gone,
    /// Others.
    Away,
}

/// How a check script behaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Behaviour {
    /// Exits with 0.
    Good,
    /// Exits with 1.
    Bad,
    /// Does not end by itself.
    Hanging,
    /// Does not even end when told to.
    Stubborn,
}

/// Random faults until the plan's calm, at most one for every interval or so. Whatever breaks for a
/// while is mended at the latest when the calm begins.
pub(super) fn storm(random: &mut Random, plan: &Plan, interval: Duration) -> Vec<(Instant, Fault)> {
    let mut faults = Vec::new();
    let mut at = Instant::ZERO;
    let mean = random.pick(&[1, 3, 10]);
    loop {
        at = at + random.duration(Duration::ZERO..=interval * 2 * mean);
        if at >= plan.calm_at {
            return faults;
        }
        let host = random.index(plan.nodes.len());
        let later = at + random.duration(interval / 10..=interval * 8);
        for (at, fault) in breakdown(random, plan, host, interval, (at, later)) {
            if at < plan.calm_at {
                faults.push((at, fault));
            }
        }
    }
}

/// Something that breaks now and, where it can be mended, is mended later.
fn breakdown(
    random: &mut Random,
    plan: &Plan,
    host: Host,
    interval: Duration,
    (now, later): (Instant, Instant),
) -> Vec<(Instant, Fault)> {
    let names = Names::default();
    let scripts = plan.nodes[host].config.scripts.len();
    let lan = |random: &mut Random| random.pick(&plan.lans());
    match random.within(0..=18) {
        0 => {
            let other = random.index(plan.nodes.len());
            vec![(now, Fault::Cut(lan(random), host, other)), (later, Fault::Heal)]
        }
        1 => vec![(now, Fault::Isolate(lan(random), host)), (later, Fault::Heal)],
        2 => vec![
            (now, Fault::Link(host, names.lan.clone(), false)),
            (later, Fault::Link(host, names.lan, true)),
        ],
        3 => vec![
            (now, Fault::Link(host, names.uplink.clone(), false)),
            (later, Fault::Link(host, names.uplink, true)),
        ],
        4 => vec![(now, Fault::Kill(host)), (later, Fault::Start(host))],
        18 => {
            // It hears again before its silence ends, and in time for the next advert.
            let silence = plan.nodes[host].config.global.vrrp_startup_silence;
            let rest = silence.saturating_sub(interval * 2);
            let heard = later + random.duration(Duration::ZERO..=rest);
            let link = lan(random);
            vec![
                (now, Fault::PowerOff(host)),
                (now, Fault::Deafen(host, link.clone(), true)),
                (later, Fault::Start(host)),
                (heard, Fault::Deafen(host, link, false)),
            ]
        }
        5 => vec![(now, Fault::PowerOff(host)), (later, Fault::Start(host))],
        6 => vec![(now, Fault::Stop(host)), (later, Fault::Start(host))],
        7 => vec![(now, Fault::Reload(host))],
        8 | 9 if scripts > 0 => {
            use Behaviour::{Bad, Good, Hanging, Stubborn};
            let script = random.index(scripts);
            let behaviour = random.pick(&[Bad, Bad, Hanging, Stubborn]);
            vec![(now, Fault::Script(host, script, behaviour)), (later, Fault::Script(host, script, Good))]
        }
        8 | 9 => vec![(now, Fault::Reload(host))],
        10 => vec![(now, Fault::Pause(host, random.duration(interval / 10..=interval * 6)))],
        11 if random.chance(500) => vec![(now, Fault::RemoveAddress(host))],
        11 => vec![(now, Fault::KernelTrouble(host, true)), (later, Fault::KernelTrouble(host, false))],
        16 => vec![(now, Fault::Fail(host, random.index(plan.nodes[host].config.instances.len())))],
        12 => vec![(now, Fault::Reconfigure(host, random.index(plan.nodes[host].variants.len())))],
        13 => {
            let numbering = random.pick(&[Numbering::Gone, Numbering::Away]);
            vec![(now, Fault::Renumber(host, numbering)), (later, Fault::Renumber(host, Numbering::Home))]
        }
        14 | 15 => {
            let (change, mended) = things::change(random, host);
            vec![(now, change), (later, mended)]
        }
        _ => {
            let packets = random.within(1..=30) as u32;
            vec![(now, Fault::Stranger(packets, random.duration(interval / 20..=interval / 3)))]
        }
    }
}
