//! What a daemon did, in words that two daemons can be compared by.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use super::lines;
use crate::net::frame::{Advert, Announce};
use crate::net::lan;
use crate::net::watch::Change;

/// Frames of one burst are microseconds apart on an idle machine, bursts at least 200 ms.
const BURST_GAP: Duration = Duration::from_millis(50);

/// Adverts so near to a reload are not compared.
const RELOAD: Duration = Duration::from_millis(80);

/// How near an advert with a new priority is to the line that says so: lines are stamped by whoever reads them.
const NEWS: Duration = Duration::from_millis(30);
/// How long after having given way a backup may speak here, where the better one speaks each 0.2 s or more often: 30 ms
/// after three of its adverts that are 0.3 s apart at least.
const NUDGES: Range<Duration> = Duration::from_millis(10)..Duration::from_millis(1100);
/// How long after another master's advert a master announces.
const REPAIR: Range<Duration> = Duration::from_millis(250)..Duration::from_millis(400);

/// Everything that was seen of one daemon.
pub(super) struct Recording<'a> {
    pub(super) start: SystemTime,
    /// When it was told to reload, since `start`.
    pub(super) reloads: &'a [Duration],
    /// When its cable was put back, since `start`.
    pub(super) plugged: &'a [Duration],
    /// What has these words is left out.
    pub(super) exceptions: &'a [&'static str],
    /// When it was told to stop, since `start`.
    pub(super) stop: Duration,
    pub(super) ended: SystemTime,
    pub(super) code: Option<i32>,
    pub(super) adverts: Vec<Advert>,
    pub(super) announces: Vec<Announce>,
    pub(super) addresses: Vec<Change>,
    pub(super) lines: Vec<(SystemTime, String)>,
    /// It is vrrpd, which does more than keepalived: see [`Extras`].
    pub(super) is_ours: bool,
    /// For how long the machine stood still, at worst.
    pub(super) stall: Duration,
    pub(super) dir: &'a str,
}

/// The times, since the start of the clock, of each thing that the daemon did.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    events: BTreeMap<String, Vec<Duration>>,
    /// For how long the machine stood still.
    pub(super) stall: Duration,
    /// When its process was gone.
    pub(super) end: Duration,
}

/// Brings a recording into words.
pub(super) fn read(recording: &Recording<'_>) -> Outcome {
    let since = |at: SystemTime| at.duration_since(recording.start).unwrap_or_default();
    let mut outcome = Outcome { end: since(recording.ended), stall: recording.stall, ..Outcome::default() };
    // keepalived sends one before and one after a reload, for which it stands still; vrrpd does not.
    let reloading = |at| recording.reloads.iter().any(|begin| *begin < at + RELOAD && at < *begin + RELOAD);
    let kept = |advert: &&Advert| advert.priority == 0 || !reloading(since(advert.at));
    let extras = if recording.is_ours { Extras::of(recording) } else { Extras::default() };
    let kept = recording.adverts.iter().filter(kept).filter(|advert| !extras.adverts.contains(&advert.at));
    for advert in kept {
        let Advert { from, version, vrid, priority, count, timing: [a, b], .. } = advert;
        let what = format!(
            "ADVERT {priority} from {from}, v{version} vrid {vrid}, {count} addresses, interval {a:02x}{b:02x}"
        );
        outcome.add(since(advert.at), what);
    }
    let announces = recording.announces.iter().filter(|announce| !extras.is_repair(announce.at));
    for (at, addresses) in bursts(announces) {
        outcome.add(since(at), rounds(&addresses));
    }
    let own = [lan::ipv4(1).into(), lan::ipv6(1).into()];
    let is_vip = |ip: IpAddr| !own.contains(&ip) && !ip.to_string().starts_with("fe80::ff:fe00:");
    // keepalived lets go of everything at once and waits for a second before its last words; vrrpd waits for a
    // successor first, as long as one could take, and here there is none.
    let unless_last = |at: SystemTime| since(at).min(recording.stop);
    for change in recording.addresses.iter().filter(|c| is_vip(c.address)) {
        let sign = if change.added { '+' } else { '-' };
        outcome.add(unless_last(change.at), format!("{sign}{}", change.address));
    }
    for (at, line) in &recording.lines {
        let announces = line.contains("ratuitous ARP") || line.contains("Neighbour Advert");
        if recording.is_ours && line.contains("split brain") || announces && extras.is_repair(*at) {
            continue;
        }
        if let Some(line) = lines::normal(line, recording.dir) {
            outcome.add(unless_last(*at), format!("LOG {line}"));
        }
    }
    outcome.add(recording.stop, format!("EXIT {:?}", recording.code));
    outcome.events.retain(|what, _| !recording.exceptions.iter().any(|words| what.contains(words)));
    outcome
}

impl Outcome {
    fn add(&mut self, at: Duration, what: String) {
        self.events.entry(what).or_default().push(at);
    }

    /// When something that begins with these words was done.
    pub(super) fn times(&self, words: &str) -> Vec<Duration> {
        let mut times: Vec<_> = self
            .events
            .iter()
            .filter(|(what, _)| what.starts_with(words))
            .flat_map(|(_, at)| at)
            .copied()
            .collect();
        times.sort();
        times
    }
}

/// One thing that one did, or both did.
struct Row<'a> {
    what: &'a str,
    oracle: Option<Duration>,
    ours: Option<Duration>,
}

impl Row<'_> {
    fn at(&self) -> Duration {
        self.oracle.or(self.ours).unwrap_or_default()
    }
}

/// A table of both lives, and whether they are the same within the tolerance.
pub(super) fn compare(oracle: &Outcome, ours: &Outcome, tolerance: Duration) -> (bool, String) {
    let mut rows = Vec::new();
    let all: std::collections::BTreeSet<&String> = oracle.events.keys().chain(ours.events.keys()).collect();
    for what in all {
        let theirs = oracle.events.get(what).map(Vec::as_slice).unwrap_or_default();
        let ours = ours.events.get(what).map(Vec::as_slice).unwrap_or_default();
        // The kernel stamps frames; all else is stamped by whoever reads it, when it gets to run.
        let stamped = what.starts_with("ADVERT") || what.starts_with("ANNOUNCE");
        rows.extend(pair(what, theirs, ours, if stamped { tolerance } else { 2 * tolerance }));
    }
    rows.sort_by_key(Row::at);
    let mut same = true;
    let mut table = String::from("  keepalived    vrrpd\n");
    for row in &rows {
        let time = |at: Option<Duration>| at.map_or("-".to_owned(), |at| format!("{:.3}", at.as_secs_f64()));
        let paired = row.oracle.is_some() == row.ours.is_some();
        same &= paired;
        let mark = if paired { ' ' } else { '!' };
        let _ = writeln!(table, "{mark} {:>10} {:>8}  {}", time(row.oracle), time(row.ours), row.what);
    }
    (same, table)
}

/// Pairs the times at which both did the same; a time without a partner stays alone.
fn pair<'a>(what: &'a str, oracle: &[Duration], ours: &[Duration], tolerance: Duration) -> Vec<Row<'a>> {
    let (mut theirs, mut own) = (oracle.iter().copied().peekable(), ours.iter().copied().peekable());
    let mut rows = Vec::new();
    loop {
        let (a, b) = (theirs.peek().copied(), own.peek().copied());
        let row = match (a, b) {
            (None, None) => return rows,
            (Some(a), Some(b)) if a.abs_diff(b) <= tolerance => Row { what, oracle: Some(a), ours: Some(b) },
            (Some(a), b) if b.is_none_or(|b| a < b) => Row { what, oracle: Some(a), ours: None },
            _ => Row { what, oracle: None, ours: b },
        };
        if row.oracle.is_some() {
            theirs.next();
        }
        if row.ours.is_some() {
            own.next();
        }
        rows.push(row);
    }
}

/// What vrrpd does besides all that keepalived does, as `docs/COMPATIBILITY.md` declares it.
#[derive(Debug, Default)]
struct Extras {
    /// When adverts left that tell of a new priority at once, or a better master of the one that gave way.
    adverts: Vec<SystemTime>,
    /// When a master heard of another one: its announcements a moment later repair what that one did.
    rivals: Vec<SystemTime>,
    /// When its cable was put back: one that has stayed master announces anew.
    plugged: Vec<SystemTime>,
    /// When an instance became master, which is announced by both.
    takeovers: Vec<SystemTime>,
}

impl Extras {
    fn of(recording: &Recording<'_>) -> Self {
        let rival =
            |line: &str| line.contains("with lower priority") || line.contains("Master received priority 0");
        let rivals = recording.lines.iter().filter(|(_, line)| rival(line)).map(|(at, _)| *at).collect();
        let takeover = |line: &str| line.contains("Entering MASTER STATE");
        let takeovers =
            recording.lines.iter().filter(|(_, line)| takeover(line)).map(|(at, _)| *at).collect();
        let plugged = recording.plugged.iter().map(|at| recording.start + *at).collect();
        Self { adverts: [news(recording), nudges(recording)].concat(), rivals, plugged, takeovers }
    }

    /// What is announced when a rival is heard is keepalived's as well.
    fn is_repair(&self, at: SystemTime) -> bool {
        let late = |rival: &SystemTime| at.duration_since(*rival).is_ok_and(|late| REPAIR.contains(&late));
        let near = |rival: &SystemTime| apart(at, *rival) < NEWS;
        let mends = self.rivals.iter().any(late) || self.plugged.iter().any(near);
        mends && !self.rivals.iter().chain(&self.takeovers).any(near)
    }
}

fn apart(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other).unwrap_or_else(|earlier| earlier.duration())
}

/// The adverts that were sent because the priority had changed: the first with that priority, at that moment.
fn news(recording: &Recording<'_>) -> Vec<SystemTime> {
    let mut news = Vec::new();
    for (at, line) in &recording.lines {
        let Some((_, change)) = line.split_once("Changing effective priority from ") else { continue };
        let Some((_, priority)) = change.split_once(" to ") else { continue };
        let distance = |advert: &&Advert| apart(advert.at, *at);
        let told = recording.adverts.iter().filter(|advert| advert.priority.to_string() == priority.trim());
        news.extend(
            told.filter(|advert| distance(advert) < NEWS).min_by_key(distance).map(|advert| advert.at),
        );
    }
    news
}

/// The adverts of a backup that has just given way and does not hear the other one announce.
fn nudges(recording: &Recording<'_>) -> Vec<SystemTime> {
    let mut nudges = Vec::new();
    for (at, line) in &recording.lines {
        let Some((name, told)) = line.split_once("Master received advert from") else { continue };
        let priority =
            ["ours ", "same priority "].iter().find_map(|words| told.split_once(words)).map(|(_, rest)| rest);
        let priority = priority.and_then(|rest| rest.split(' ').next()).unwrap_or_default().trim();
        let name = name.rsplit('(').next().unwrap_or_default();
        let again = |(later, line): &&(SystemTime, String)| {
            later > at && line.contains(name) && line.contains("Entering MASTER STATE")
        };
        let end = recording.lines.iter().find(again).map_or(recording.ended, |(at, _)| *at) - NEWS;
        let by_backup = |advert: &&Advert| {
            let late = advert.at.duration_since(*at);
            advert.priority.to_string() == priority
                && late.is_ok_and(|late| NUDGES.contains(&late))
                && advert.at < end
        };
        nudges.extend(recording.adverts.iter().filter(by_backup).map(|advert| advert.at));
    }
    nudges
}

fn bursts<'a>(announces: impl Iterator<Item = &'a Announce>) -> Vec<(SystemTime, Vec<IpAddr>)> {
    let mut bursts: Vec<(SystemTime, Vec<IpAddr>)> = Vec::new();
    let mut last = SystemTime::UNIX_EPOCH;
    for announce in announces {
        if announce.at.duration_since(last).is_ok_and(|gap| gap > BURST_GAP) {
            bursts.push((announce.at, Vec::new()));
        }
        last = announce.at;
        bursts.last_mut().expect("the first one is long after the epoch").1.push(announce.address);
    }
    bursts
}

/// `ANNOUNCE 5 x [10.99.0.100, 10.99.0.101]`
fn rounds(addresses: &[IpAddr]) -> String {
    let repeats = |period: &usize| {
        addresses.len().is_multiple_of(*period)
            && addresses.chunks(*period).all(|chunk| *chunk == addresses[..*period])
    };
    let period = (1..=addresses.len()).find(repeats).unwrap_or(1);
    format!("ANNOUNCE {} x {:?}", addresses.len() / period, &addresses[..period])
}

#[test]
fn times_are_paired_within_the_tolerance_and_the_rest_stays_alone() {
    let ms = |all: &[u64]| all.iter().map(|&ms| Duration::from_millis(ms)).collect::<Vec<_>>();
    let alone = |a: &[u64], b: &[u64]| {
        let rows = pair("x", &ms(a), &ms(b), Duration::from_millis(60));
        rows.iter().filter(|row| row.oracle.is_none() || row.ours.is_none()).count()
    };
    assert_eq!(alone(&[0, 1000, 2000], &[50, 1050, 2050]), 0);
    assert_eq!(alone(&[0, 1000, 2000], &[0, 2000]), 1);
    assert_eq!(alone(&[1000], &[1061]), 2);
    assert_eq!(alone(&[], &[7]), 1);
}

#[test]
fn what_only_one_of_them_does_is_a_difference() {
    let life = |at: u64| {
        let mut life = Outcome::default();
        life.add(Duration::from_millis(at), "ADVERT 100".to_owned());
        life
    };
    let tolerance = Duration::from_millis(60);
    assert!(compare(&life(3609), &life(3650), tolerance).0);
    assert!(!compare(&life(3609), &life(3414), tolerance).0);
    assert!(!compare(&life(3609), &Outcome::default(), tolerance).0);
    assert!(!compare(&Outcome::default(), &life(3609), tolerance).0);
}

#[test]
fn a_burst_is_told_in_rounds() {
    let ip = |n: u8| IpAddr::from([10, 99, 0, n]);
    assert_eq!(rounds(&[ip(1), ip(2), ip(1), ip(2)]), "ANNOUNCE 2 x [10.99.0.1, 10.99.0.2]");
    assert_eq!(rounds(&[ip(1), ip(2), ip(2)]), "ANNOUNCE 1 x [10.99.0.1, 10.99.0.2, 10.99.0.2]");
}
