//! The simulator's seeds, and the bugs that its checkers must catch.
//!
//! `VRRPD_SEED=n` runs one seed and prints all of it; `VRRPD_SEEDS=n` runs that many.

mod mutants;

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use vrrpd::config::block::UpDownDelays;
use vrrpd::sim::check::{self, Violation};
use vrrpd::sim::{Border, Clock, Faithful, Fault, Keep, Names, Plan, Weather, World};
use vrrpd::types::Instant;

const NODES: usize = 3;
const SEEDS: u64 = 1_000;
/// With `CI` set.
const CI_SEEDS: u64 = 10_000;
/// Lines of the log that a failing seed prints.
const TAIL: usize = 60;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

fn world(seed: u64, border: Box<dyn Border>, keep: Keep) -> World {
    World::new(Plan::new(seed, NODES), border, check::all(), keep)
}

/// Runs a seed a second time, to show how it ends.
fn explain(seed: u64, violation: &Violation, lines: usize) -> String {
    let mut again = world(seed, Box::new(Faithful), Keep { lines: true, frames: false });
    assert_eq!(again.run().as_ref(), Err(violation), "seed {seed} fails differently the second time");
    let all = again.journal().lines();
    let tail = all[all.len().saturating_sub(lines)..].join("\n");
    format!("{tail}\nseed {seed}: {violation}\nVRRPD_SEED={seed} shows all of it")
}

fn run(seed: u64, lines: usize) -> u32 {
    let mut world = world(seed, Box::new(Faithful), Keep::default());
    if let Err(violation) = world.run() {
        panic!("{}", explain(seed, &violation, lines));
    }
    world.events()
}

#[test]
fn every_seed_keeps_every_rule() {
    if let Some(seed) = number("VRRPD_SEED") {
        let mut world = world(seed, Box::new(Faithful), Keep { lines: true, frames: false });
        let outcome = world.run();
        println!("{}", world.journal().lines().join("\n"));
        outcome.unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
        return;
    }
    let seeds =
        number("VRRPD_SEEDS").unwrap_or(if std::env::var_os("CI").is_some() { CI_SEEDS } else { SEEDS });
    println!("{seeds} seeds, {} events", run_all(seeds));
}

/// Runs of different seeds have nothing in common, so each core takes the next one; the first to fail
/// ends the test.
fn run_all(seeds: u64) -> u64 {
    let next = AtomicU64::new(0);
    let work = || {
        let seeds = std::iter::from_fn(|| Some(next.fetch_add(1, Relaxed))).take_while(|&seed| seed < seeds);
        seeds.map(|seed| u64::from(run(seed, TAIL))).sum::<u64>()
    };
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a seed has failed, as told above")).sum()
    })
}

#[test]
fn a_seed_gives_the_same_run_every_time() {
    for seed in 0..20 {
        let hash = |seed| {
            let mut world = world(seed, Box::new(Faithful), Keep::default());
            world.run().unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
            world.journal().hash()
        };
        assert_eq!(hash(seed), hash(seed), "seed {seed}");
        assert_ne!(hash(seed), hash(seed + 1000), "seeds {seed} and {}", seed + 1000);
    }
}

#[test]
fn two_nodes_and_five_keep_the_rules_too() {
    for seed in 0..50 {
        for nodes in [2, 5] {
            let mut world =
                World::new(Plan::new(seed, nodes), Box::new(Faithful), check::all(), Keep::default());
            world.run().unwrap_or_else(|violation| panic!("{nodes} nodes, seed {seed}: {violation}"));
        }
    }
}

/// Runs a seed in good weather, pulls the cable of each node in turn for four fifths of what an instance can
/// be without adverts before it misses them, and tells whether that has moved anybody.
fn flapping_moves_somebody(seed: u64, delayed: bool) -> bool {
    let mut plan = Plan::new(seed, NODES);
    let lan = Names::default().lan;
    let instances = plan.nodes.iter().flat_map(|node| &node.config.instances);
    let patience = instances.map(|it| it.advert_int.duration() * u32::from(it.down_timer_adverts - 1)).min();
    let patience = patience.expect("a plan has instances");
    for node in &mut plan.nodes {
        let mut config = (*node.config).clone();
        if delayed {
            config.up_down_delays =
                vec![UpDownDelays { interface: lan.clone(), down: patience, up: patience }];
        }
        node.config = Arc::new(config);
        node.clock = Clock::new(Instant::ZERO, 0);
    }
    // An advert that comes late, be it by the clock of a node alone, could be the one that is missed.
    plan.stormy = Weather::default();
    (plan.calm_at, plan.faults) = (Instant::ZERO + Duration::from_hours(24), vec![]);
    let begin = Instant::ZERO + plan.settle * 2;
    let pulled = |host: usize| begin + patience * (4 * host as u32 + 1);
    for host in 0..NODES {
        plan.faults.push((pulled(host), Fault::Link(host, lan.clone(), false)));
        plan.faults.push((pulled(host) + patience * 4 / 5, Fault::Link(host, lan.clone(), true)));
    }
    let instances = plan.nodes[0].config.instances.len();
    let mut world = World::new(plan, Box::new(Faithful), Vec::new(), Keep::default());
    let mut states_at = |at| {
        world.run_until(at).expect("nobody checks");
        let nodes = world.nodes().iter();
        nodes.flat_map(|node| (0..instances).map(|instance| node.state(instance))).collect::<Vec<_>>()
    };
    let before = states_at(begin);
    (0..NODES as u32 * 40).any(|step| states_at(begin + patience / 10 * step) != before)
}

#[test]
fn with_delays_a_cable_that_is_back_in_time_moves_nobody() {
    let without = (0..100).filter(|&seed| flapping_moves_somebody(seed, false)).count();
    assert!(without > 50, "it moves somebody in {without} of 100 seeds without delays");
    for seed in 0..100 {
        assert!(!flapping_moves_somebody(seed, true), "seed {seed}");
    }
}
