//! What a seed stands for: nodes with valid configurations, and a storm of faults.

mod groups;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use super::clock::Clock;
use super::fault::{Fault, storm};
use super::lan::Weather;
use super::random::Random;
use super::things::{self, Things};
use crate::config::Config;
use crate::config::block::{
    Announcements, Auth, AuthHmac, Delivery, Freshness, GlobalDefs, HmacKey, HmacMode, Preempt, TrackEntry,
    TrackProcess, Tracked, UnicastChecksum, UnicastPeer, UpDownDelays, VrrpInstance, VrrpScript,
};
use crate::config::value::{OnRemoval, Route, Rule, ScriptCommand, VirtualAddress, Weight};
use crate::types::{
    AdvertInt, Family, IfName, Instant, IpNet, MacAddr, Priority, Secret, State, Version, Vrid,
    master_down_interval, skew_time,
};

/// Plans of a thousand in which there is a sync group.
const GROUPED: u64 = 300;

/// A whole run, decided beforehand.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The nodes; all have the same instances in the same order.
    pub nodes: Vec<NodePlan>,
    /// Faults by the world's time, all before [`Self::calm_at`].
    pub faults: Vec<(Instant, Fault)>,
    /// Frames fare like this until [`Self::calm_at`].
    pub stormy: Weather,
    /// And like this from then on.
    pub calm: Weather,
    /// When faults stop: every partition heals, every cable is in, every node runs.
    pub calm_at: Instant,
    /// After this long without faults everything must have settled.
    pub settle: Duration,
    /// Whether a node that was paused looks at its timers before its packets.
    pub timers_first: bool,
    /// For everything that is decided on the way.
    pub random: Random,
    /// Of each instance: checkers ask for them at every step.
    times: Vec<Times>,
}

/// The longest times that count for an instance, whatever variant and priority a node has.
#[derive(Clone, Copy, Debug)]
struct Times {
    interval: Duration,
    master_down: Duration,
    skew: Duration,
}

/// One node.
#[derive(Clone, Debug)]
pub struct NodePlan {
    /// What its daemon runs.
    pub config: Arc<Config>,
    /// What it may be told to run instead, `config` among it: the routers are the same, all else differs.
    pub variants: Vec<Arc<Config>>,
    /// Its clock.
    pub clock: Clock,
    /// By how much its wall clock is ahead of the others.
    pub wall_error: Duration,
    /// Its network card.
    pub mac: MacAddr,
    /// Its own addresses.
    pub addresses: Vec<(IfName, IpAddr)>,
    /// The most that its kernel takes for one piece of work.
    pub kernel_latency: Duration,
    /// Whether each script succeeds once faults have stopped.
    pub scripts_end_good: Vec<bool>,
    /// How what is tracked is once faults have stopped.
    pub things_at_end: Things,
}

/// The links of every node.
#[derive(Clone, Debug)]
pub struct Names {
    /// The link that all nodes share.
    pub lan: IfName,
    /// Another one, which in some plans is only watched.
    pub uplink: IfName,
}

impl Default for Names {
    fn default() -> Self {
        let name = |name| IfName::new(name).expect("a valid name");
        Self { lan: name("eth0"), uplink: name("eth1") }
    }
}

impl Plan {
    /// The plan of a seed for this many nodes (2 to 50).
    #[must_use]
    pub fn new(seed: u64, nodes: usize) -> Self {
        let mut random = Random::new(seed);
        let pace = random.pick(&[Pace::Fast, Pace::Usual, Pace::Usual, Pace::Slow]);
        let grouped = random.chance(GROUPED);
        let count = if grouped { random.within(2..=3) } else { random.within(1..=2) };
        let mut routers: Vec<_> = (0..count).map(|i| Router::random(&mut random, pace, i)).collect();
        if grouped {
            groups::join(&mut random, &mut routers);
        }
        let intervals = routers.iter().flat_map(|router| &router.intervals);
        let interval = intervals.max().copied().unwrap_or(AdvertInt::DEFAULT).duration();
        let scripts = random.within(0..=2) as usize;
        let nodes: Vec<_> =
            (0..nodes).map(|n| node(&mut random, n, nodes, &routers, scripts, interval)).collect();
        let calm = Weather { latency: random.duration(Duration::ZERO..=interval / 20), ..Weather::default() };
        let calm = Weather { jitter: random.duration(Duration::ZERO..=interval / 20), ..calm };
        let stormy = Weather {
            latency: calm.latency,
            jitter: random.duration(Duration::ZERO..=interval / 2),
            loss: random.pick(&[0, 10, 100, 400]),
            duplication: random.pick(&[0, 50]),
            corruption: random.pick(&[0, 50]),
        };
        let calm_at = Instant::ZERO + interval * random.within(15..=40) as u32;
        let times: Vec<_> = (0..routers.len()).map(|instance| Times::of(&nodes, instance)).collect();
        let settle = settling_time(&nodes, &times, interval, calm);
        let mut plan = Self {
            faults: Vec::new(),
            stormy,
            calm,
            calm_at,
            settle,
            timers_first: random.chance(500),
            random: random.fork(),
            nodes,
            times,
        };
        plan.faults = storm(&mut random, &plan, interval);
        plan
    }

    /// The links on which there are routers.
    #[must_use]
    pub fn lans(&self) -> Vec<IfName> {
        let instances = self.nodes.iter().flat_map(|node| &node.config.instances);
        let lans: BTreeSet<_> = instances.filter_map(|instance| instance.interface.clone()).collect();
        lans.into_iter().collect()
    }

    /// The longest interval that any router of an instance advertises with.
    #[must_use]
    pub fn longest_interval(&self, instance: usize) -> Duration {
        self.times[instance].interval
    }

    /// The most that a master-down timer of an instance can take, whatever its priority.
    #[must_use]
    pub fn longest_master_down(&self, instance: usize) -> Duration {
        self.times[instance].master_down
    }

    /// The most that a backup of an instance may wait after a master has said farewell.
    #[must_use]
    pub fn longest_skew(&self, instance: usize) -> Duration {
        self.times[instance].skew
    }

    /// The most that a frame takes once faults have stopped.
    #[must_use]
    pub fn frame_time(&self) -> Duration {
        self.calm.latency + self.calm.jitter
    }
}

impl Times {
    fn of(nodes: &[NodePlan], instance: usize) -> Self {
        let variants = || nodes.iter().flat_map(|node| &node.variants);
        let configs = || variants().map(|config| &config.instances[instance]);
        let interval = configs().map(|config| config.advert_int).max().unwrap_or(AdvertInt::DEFAULT);
        let lowest = Priority::new(1);
        let down = |config: &Arc<VrrpInstance>| {
            master_down_interval(config.version, lowest, interval, config.down_timer_adverts)
        };
        let skew = |config: &Arc<VrrpInstance>| skew_time(config.version, lowest, interval);
        Self {
            interval: interval.duration(),
            master_down: configs().map(down).max().unwrap_or_default(),
            skew: configs().map(skew).max().unwrap_or_default(),
        }
    }
}

/// Scripts must come to their verdict, delays of preemption must end, and then the election takes at
/// most a few master-down times: one to wake, one to be preempted.
fn settling_time(nodes: &[NodePlan], times: &[Times], interval: Duration, calm: Weather) -> Duration {
    let configs = || nodes.iter().flat_map(|node| &node.variants);
    let scripts = configs().flat_map(|config| &config.scripts);
    let verdict = |script: &Arc<VrrpScript>| script.interval * (script.rise.max(script.fall) + 2);
    let scripts = scripts.map(verdict).max().unwrap_or_default();
    let processes = configs().flat_map(|config| &config.track_processes);
    let doubt = |process: &Arc<TrackProcess>| process.fork_delay.max(process.terminate_delay);
    let doubts = processes.map(doubt).max().unwrap_or_default();
    let instances = configs().flat_map(|config| &config.instances);
    let delay = |instance: &Arc<VrrpInstance>| match instance.preempt {
        Preempt::After(delay) => delay,
        Preempt::Never => Duration::ZERO,
    };
    let delays = instances.map(delay).max().unwrap_or_default();
    let down = times.iter().map(|times| times.master_down).max().unwrap_or_default();
    let kernel = nodes.iter().map(|node| node.kernel_latency).max().unwrap_or_default();
    let silence = configs().map(|config| config.global.vrrp_startup_silence).max().unwrap_or_default();
    scripts + doubts + delays + silence + down * 3 + kernel * 10 + (calm.latency + calm.jitter) * 4 + interval
}

/// How long advertisement intervals are. Those of one plan are alike, or one virtual router's adverts
/// would fill the whole run.
#[derive(Clone, Copy)]
enum Pace {
    Fast,
    Usual,
    Slow,
}

impl Pace {
    fn version_and_centis(self, random: &mut Random) -> (Version, &'static [u16]) {
        match (self, random.chance(500)) {
            (Self::Fast, _) => (Version::V3, &[1, 2, 3]),
            (Self::Usual, true) => (Version::V3, &[50, 70, 100, 150]),
            (Self::Usual, false) => (Version::V2, &[100, 100, 200]),
            (Self::Slow, true) => (Version::V3, &[1000, 2000, 4095]),
            (Self::Slow, false) => (Version::V2, &[1000, 3000]),
        }
    }
}

/// What all nodes have in common of one virtual router.
struct Router {
    name: String,
    /// It is in the sync group.
    grouped: bool,
    link: IfName,
    vrid: Vrid,
    family: Family,
    version: Version,
    /// Each node has one of these.
    intervals: Vec<AdvertInt>,
    auth: Auth,
    unicast: bool,
    adverts: u8,
    vips: Vec<IpAddr>,
    excluded: Vec<IpAddr>,
    garp: Announcements,
    owner: Option<u64>,
}

impl Router {
    fn random(random: &mut Random, pace: Pace, index: u64) -> Self {
        let family = random.pick(&[Family::V4, Family::V4, Family::V6]);
        let (version, centis) = pace.version_and_centis(random);
        // Only in version 3 may routers differ in their intervals.
        let differ = version == Version::V3 && random.chance(150);
        let intervals: Vec<_> = (0..if differ { 2 } else { 1 })
            .map(|_| AdvertInt::from_centis(random.pick(centis)).unwrap_or(AdvertInt::DEFAULT))
            .collect();
        let longest = intervals.iter().max().copied().unwrap_or(AdvertInt::DEFAULT).duration();
        let auth = if version == Version::V2 && family == Family::V4 && random.chance(500) {
            Auth::Pass(Secret::new(b"s3cr3t\0\0".to_vec()))
        } else if random.chance(150) {
            let key = HmacKey { id: 7, secret: Secret::new((0..32).collect()) };
            // A paused daemon takes what has waited for it as of now, so its age says nothing.
            let freshness = Freshness::Monotonic;
            Auth::Hmac(AuthHmac { keys: vec![key.clone()], active: key, freshness, mode: HmacMode::Enforce })
        } else {
            Auth::None
        };
        let virtual_address = |n: u64| match family {
            Family::V4 => IpAddr::from([10, 99, index as u8 + 1, n as u8]),
            Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0x99, index as u16, 0, 0, 0, n as u16).into(),
        };
        let vips = (0..random.within(1..=3)).map(|n| virtual_address(100 + n)).collect();
        let excluded = (0..random.within(0..=1)).map(|n| virtual_address(200 + n)).collect();
        Self {
            name: format!("VI_{}", index + 1),
            grouped: false,
            link: Names::default().lan,
            vrid: Vrid::new(51 + index as u8).expect("not 0"),
            family,
            version,
            auth,
            unicast: random.chance(300),
            adverts: random.pick(&[3, 3, 3, 2, 5]),
            vips,
            excluded,
            garp: announcements(random, longest),
            intervals,
            owner: random.chance(100).then(|| random.bits()),
        }
    }
}

fn announcements(random: &mut Random, interval: Duration) -> Announcements {
    let mut up_to = |intervals: u32| match random.chance(300) {
        true => Duration::ZERO,
        false => random.duration(interval..=interval * intervals),
    };
    Announcements {
        master_delay: up_to(6),
        master_refresh: up_to(10),
        lower_prio_delay: up_to(6),
        master_repeat: random.within(1..=3) as u32,
        master_refresh_repeat: 1,
        lower_prio_repeat: random.within(0..=2) as u32,
    }
}

fn node(
    random: &mut Random,
    n: usize,
    nodes: usize,
    routers: &[Router],
    scripts: usize,
    interval: Duration,
) -> NodePlan {
    let silence = if random.chance(300) { interval * random.within(4..=12) as u32 } else { Duration::ZERO };
    let mut variant = |i: u64| {
        let scripts: Vec<_> = (0..scripts).map(|i| Arc::new(script(random, i, interval))).collect();
        let mut instances: Vec<_> =
            routers.iter().map(|router| instance(random, router, n, nodes, &scripts)).collect();
        let track_files = vec![Arc::new(things::file(random))];
        let track_processes = vec![Arc::new(things::process(random, interval))];
        if i > 0 {
            instances.iter_mut().for_each(|instance| change_addresses(random, instance));
            instances.iter_mut().for_each(|instance| change_routing(i, instance));
        }
        let sync_groups = groups::form(random, i, routers, &mut instances);
        let instances = instances.into_iter().map(Arc::new).collect();
        let groups = sync_groups.into_iter().map(Arc::new).collect();
        let up_down_delays = up_down_delays(random, routers);
        Arc::new(Config {
            scripts,
            track_files,
            track_processes,
            instances,
            sync_groups: groups,
            up_down_delays,
            global: GlobalDefs { vrrp_startup_silence: silence, ..GlobalDefs::default() },
            ..Config::default()
        })
    };
    let variants: Vec<_> = (0..3).map(&mut variant).collect();
    let scripts_end_good = (0..scripts).map(|_| random.chance(800)).collect();
    let drift_ppm = random.within(0..=2_000) as i32 - 1_000;
    NodePlan {
        config: Arc::clone(&variants[0]),
        variants,
        clock: Clock::new(Instant::from_nanos(random.within(0..=1 << 50)), drift_ppm),
        wall_error: random.duration(Duration::ZERO..=Duration::from_secs(2)),
        mac: MacAddr([0x02, 0, 0, 0, 0, 0x0a + n as u8]),
        addresses: own_addresses(n),
        kernel_latency: random.duration(Duration::ZERO..=interval / 5),
        scripts_end_good,
        things_at_end: Things::at_rest(random),
    }
}

/// Sometimes a link must be down or up for a while before it counts: less than a backup waits for its master.
fn up_down_delays(random: &mut Random, routers: &[Router]) -> Vec<UpDownDelays> {
    let mut patience: BTreeMap<&IfName, Duration> = BTreeMap::new();
    for Router { link, intervals, adverts, .. } in routers {
        let shortest = intervals.iter().min().copied().unwrap_or(AdvertInt::DEFAULT).duration();
        let most = (shortest * u32::from(adverts.saturating_sub(1))).saturating_sub(shortest / 256);
        patience.entry(link).and_modify(|least| *least = most.min(*least)).or_insert(most);
    }
    patience.retain(|_, _| random.chance(200));
    let delays = patience.into_iter().map(|(interface, most)| {
        let mut delay = || random.duration(Duration::ZERO..=most);
        UpDownDelays { interface: interface.clone(), down: delay(), up: delay() }
    });
    delays.collect()
}

/// Sometimes there is an address less, sometimes one more, sometimes one more that is not advertised.
fn change_addresses(random: &mut Random, instance: &mut VrrpInstance) {
    let mut extra = instance.vips[0].clone();
    extra.net = IpNet::host(match extra.net.address {
        IpAddr::V4(address) => IpAddr::from(u32::from(address).wrapping_add(50).to_be_bytes()),
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address).wrapping_add(50)).into(),
    });
    match random.within(0..=3) {
        0 if instance.vips.len() > 1 => drop(instance.vips.remove(random.index(instance.vips.len()))),
        1 => instance.vips.push(extra),
        2 => instance.excluded_vips.push(extra),
        _ => {}
    }
}

/// A network behind a gateway, and a rule that looks it up; every other router has them.
fn routing(router: &Router) -> (Vec<Route>, Vec<Rule>) {
    let link = &router.link;
    if router.vrid.get().is_multiple_of(2) {
        return (Vec::new(), Vec::new());
    }
    let (network, gateway) = match router.family {
        Family::V4 => {
            (IpNet::new(Ipv4Addr::new(10, router.vrid.get(), 0, 0).into(), 16), own(99, link, Family::V4))
        }
        Family::V6 => {
            let network = Ipv6Addr::new(0x2001, 0xdb8, router.vrid.get().into(), 0, 0, 0, 0, 0);
            (IpNet::new(network.into(), 48), own(99, link, Family::V6))
        }
    };
    let network = network.expect("a prefix that fits");
    let route = Route { gateway: Some(gateway), dev: Some(link.clone()), ..Route::to(network) };
    let rule = Rule { to: Some(network), ..Rule::looking_up(router.family, 100, router.vrid.get().into()) };
    (vec![route], vec![rule])
}

/// Whether a master that does not own the addresses takes packets to them; nothing else depends on it.
fn accepts(router: &Router, n: usize) -> bool {
    !(n + usize::from(router.vrid.get())).is_multiple_of(2)
}

/// The first change moves the route to another metric, the second does without the rule; both change whether
/// packets to the addresses are accepted.
fn change_routing(change: u64, instance: &mut VrrpInstance) {
    instance.accept = !instance.accept;
    match change {
        1 => instance.routes.iter_mut().for_each(|route| route.metric = Some(7)),
        _ => instance.rules.clear(),
    }
}

fn own_addresses(n: usize) -> Vec<(IfName, IpAddr)> {
    let Names { lan, uplink } = Names::default();
    let on = |link: &IfName| [own(n, link, Family::V4), own(n, link, Family::V6), global_v6(n, link)];
    let on = |link: &IfName| on(link).map(|address| (link.clone(), address));
    on(&lan).into_iter().chain(on(&uplink)).collect()
}

/// Which network: one for each link.
fn network(link: &IfName) -> u8 {
    if *link == Names::default().lan { 99 } else { 98 }
}

fn own(n: usize, link: &IfName, family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(10, network(link), 0, 1 + n as u8).into(),
        Family::V6 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 0x0a + n as u16).into(),
    }
}

fn global_v6(n: usize, link: &IfName) -> IpAddr {
    Ipv6Addr::new(0x2001, 0xdb8, network(link).into(), 0xff, 0, 0, 0, 1 + n as u16).into()
}

fn script(random: &mut Random, index: usize, interval: Duration) -> VrrpScript {
    let interval = random.duration(interval / 2..=interval * 3).max(Duration::from_millis(1));
    VrrpScript {
        name: format!("chk_{index}"),
        command: ScriptCommand { argv: vec!["/usr/bin/check".into()], uid: None, gid: None },
        interval,
        timeout: Some(interval * random.within(1..=2) as u32),
        weight: weight(random),
        rise: random.within(1..=2) as u32,
        fall: random.within(1..=3) as u32,
        init_fail: random.chance(200),
    }
}

fn weight(random: &mut Random) -> Weight {
    let value = random.pick(&[0, 0, 2, 10, 100, 253, -2, -10, -100, -253]);
    Weight { value, reverse: value != 0 && random.chance(100) }
}

fn instance(
    random: &mut Random,
    router: &Router,
    n: usize,
    nodes: usize,
    scripts: &[Arc<VrrpScript>],
) -> VrrpInstance {
    let names = Names::default();
    let owner = router.owner.is_some_and(|owner| owner % nodes as u64 == n as u64);
    let priority = match owner {
        true => Priority::OWNER,
        false => Priority::new(random.pick(&[1, 50, 99, 100, 100, 101, 150, 200, 254])),
    };
    let interval = random.pick(&router.intervals);
    let preempt = match random.within(0..=5) {
        _ if owner => Preempt::After(Duration::ZERO),
        0 | 1 => Preempt::Never,
        2 => Preempt::After(random.duration(Duration::ZERO..=interval.duration() * 5)),
        _ => Preempt::After(Duration::ZERO),
    };
    let unicast_address = |n| match router.family {
        Family::V4 => own(n, &router.link, Family::V4),
        Family::V6 => global_v6(n, &router.link),
    };
    let delivery = match router.unicast {
        true => Delivery::Unicast {
            peers: (0..nodes).filter(|&peer| peer != n).map(unicast_address).map(UnicastPeer::new).collect(),
            ttl: None,
            check_source: random.chance(500),
            checksum: UnicastChecksum::default(),
            group: router.family.vrrp_group(),
        },
        false => Delivery::Multicast { group: router.family.vrrp_group() },
    };
    let scripts: Vec<TrackEntry> = scripts
        .iter()
        .filter(|_| !owner && random.chance(700))
        .map(|script| TrackEntry { tracked: Tracked::Script(script.name.clone()), weight: script.weight })
        .collect();
    let links = (0..random.within(0..=1))
        .filter(|_| !owner && router.link != names.uplink)
        .map(|_| TrackEntry { tracked: Tracked::Interface(names.uplink.clone()), weight: weight(random) });
    let mut track: Vec<TrackEntry> = links.chain(scripts).collect();
    for tracked in [Tracked::File("file".to_owned()), Tracked::Process("process".to_owned())] {
        if !owner && random.chance(400) {
            track.push(TrackEntry { tracked, weight: things::weight(random) });
        }
    }
    let virtual_address = |address: &IpAddr| virtual_address(*address, &router.link);
    let (routes, rules) = routing(router);
    VrrpInstance {
        wanted_state: if n == 0 { State::Master } else { State::Backup },
        family: router.family,
        version: router.version,
        priority,
        advert_int: interval,
        auth: router.auth.clone(),
        source: router.unicast.then(|| unicast_address(n)),
        delivery,
        vips: router.vips.iter().map(virtual_address).collect(),
        excluded_vips: router.excluded.iter().map(virtual_address).collect(),
        routes,
        rules,
        preempt,
        accept: accepts(router, n),
        garp: router.garp,
        down_timer_adverts: router.adverts,
        track_primary: random.chance(900),
        track,
        lower_prio_no_advert: random.chance(200),
        // With different intervals this can go on for ever: the last advert of a router that gives way
        // teaches the others its shorter interval, so that they do not wait for the better one's next.
        higher_prio_send_advert: random.chance(200) && router.intervals.len() == 1,
        skip_check_adv_addr: random.chance(200),
        on_removal: if random.chance(200) { OnRemoval::Yield } else { OnRemoval::Restore },
        ..VrrpInstance::new(&router.name, router.link.clone(), router.vrid)
    }
}

fn virtual_address(address: IpAddr, dev: &IfName) -> VirtualAddress {
    VirtualAddress::new(IpNet::host(address), dev.clone())
}
