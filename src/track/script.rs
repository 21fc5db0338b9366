//! One `vrrp_script`: when to run it, when to end it, and what its exits mean.
//!
//! The tracker never has two runs under way. It is told what became of the run that it asked for
//! and answers with effects; it does not know processes, users or clocks.

use super::{Notice, TrackerEffect, Verdict};
use crate::config::block::VrrpScript;
use crate::types::Instant;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// After TERM a run has this long before KILL (keepalived: SCRIPT_KILL_WAIT).
const TERM_GRACE: Duration = Duration::from_secs(2);
/// KILL is repeated at this distance while the kernel has not reaped the run.
const KILL_REPEAT: Duration = Duration::from_secs(10);
/// Runs that are lost for longer than this count as failed: a verdict that nobody checks is none.
const LOST_LIMIT: Duration = Duration::from_secs(5);

/// How a run ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ExitStatus {
    /// It exited with this status, 0 to 255.
    Exited(u8),
    /// A signal ended it.
    Signalled(i32),
}

/// What the tracker is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ScriptInput {
    /// The run has begun, as this process.
    Started {
        /// Process id, for the log.
        pid: u32,
    },
    /// The run is over.
    Ended(ExitStatus),
    /// The run could not begin; counts as a failed run.
    NotStarted,
    /// Whatever starts scripts is away, and the run with it: says nothing of what is checked, unless that lasts.
    Lost,
}

/// The signals that end a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signal {
    /// SIGTERM.
    Term,
    /// SIGKILL.
    Kill,
}

/// What an operator is told of a script; `Display` gives keepalived's words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ScriptNotice {
    /// The verdict became good.
    Succeeded(String),
    /// The verdict became bad.
    Failed(String, Failure),
    /// The exit status differs from the one before.
    NowReturning(String, u8),
    /// A run was due while the last one was still under way.
    Skipped(String, ScriptRun),
    /// KILL did not end it.
    Unkillable(String, u32),
    /// A changed definition starts from the verdict of the old one.
    Inherited(String, Verdict),
}

/// Why a run failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failure {
    /// By its status or a signal.
    Status(ExitStatus),
    /// It was ended for taking too long.
    TimedOut,
    /// It could not be started.
    NotStarted,
}

impl fmt::Display for ScriptNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded(name) => write!(f, "VRRP_Script({name}) succeeded"),
            Self::Failed(name, Failure::Status(ExitStatus::Exited(status))) => {
                write!(f, "VRRP_Script({name}) failed (exited with status {status})")
            }
            Self::Failed(name, Failure::Status(ExitStatus::Signalled(signal))) => {
                write!(f, "VRRP_Script({name}) failed (due to signal {signal})")
            }
            Self::Failed(name, Failure::TimedOut) => write!(f, "VRRP_Script({name}) timed_out"),
            Self::Failed(name, Failure::NotStarted) => {
                write!(f, "VRRP_Script({name}) failed (could not be started)")
            }
            Self::NowReturning(name, status) => write!(f, "Script `{name}` now returning {status}"),
            Self::Skipped(name, ScriptRun::Terminating | ScriptRun::Killing) => {
                write!(f, "Track script {name} is being timed out, expect idle - skipping run")
            }
            Self::Skipped(name, _) => {
                write!(f, "Track script {name} is already running, expect idle - skipping run")
            }
            Self::Unkillable(name, pid) => {
                write!(f, "Script {name} child (PID {pid}) failed to terminate after kill")
            }
            Self::Inherited(name, verdict) => {
                let word = if *verdict == Verdict::Good { "successful" } else { "unsuccessful" };
                write!(f, "VRRP_Script({name}) considered {word} on reload")
            }
        }
    }
}

/// Whether a run is under way; `Display` gives the words of keepalived's dump.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ScriptRun {
    /// None.
    #[default]
    Idle,
    /// Under way.
    Running,
    /// TERM was sent.
    Terminating,
    /// KILL was sent.
    Killing,
}

impl fmt::Display for ScriptRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "idle",
            Self::Running => "running",
            Self::Terminating => "requested termination",
            Self::Killing => "forcing termination",
        })
    }
}

/// The machine of one `vrrp_script`.
///
/// ```text
///          due              timeout               2 s               every 10 s
///  Idle ────────▶ Running ───────────▶ Terminating ─────▶ Killing ──┐
///    ▲               │      TERM            │       KILL   │    ▲───┘ KILL
///    └───────────────┴──────────────────────┴──────────────┘
///                       ended
/// ```
#[derive(Debug)]
pub struct ScriptTracker {
    config: Arc<VrrpScript>,
    /// 0 to rise + fall - 1; good from rise on.
    counter: u32,
    verdict: Verdict,
    last_status: u8,
    run: ScriptRun,
    pid: u32,
    next_run: Instant,
    /// When the run under way gets its next signal.
    deadline: Option<Instant>,
    /// Since when every run has been lost.
    lost_since: Option<Instant>,
    effects: VecDeque<TrackerEffect>,
}

impl ScriptTracker {
    /// A tracker whose first run is due at once.
    #[must_use]
    pub fn new(now: Instant, config: Arc<VrrpScript>) -> Self {
        let (counter, verdict) = if config.init_fail {
            (0, Verdict::Bad)
        } else {
            (config.rise.saturating_sub(1), Verdict::Pending)
        };
        Self {
            config,
            counter,
            verdict,
            last_status: 0,
            run: ScriptRun::Idle,
            pid: 0,
            next_run: now,
            deadline: None,
            lost_since: None,
            effects: VecDeque::new(),
        }
    }

    /// A tracker for a changed definition: it starts from the old verdict, so that a reload moves no
    /// priority by itself.
    #[must_use]
    pub fn succeeding(now: Instant, config: Arc<VrrpScript>, old: Verdict) -> Self {
        let mut tracker = Self::new(now, config);
        match old {
            Verdict::Pending => return tracker,
            Verdict::Good => tracker.counter = tracker.best(),
            Verdict::Bad => tracker.counter = 0,
        }
        tracker.verdict = old;
        tracker.notice(ScriptNotice::Inherited(tracker.name(), old));
        tracker
    }

    /// The definition.
    #[must_use]
    pub fn config(&self) -> &Arc<VrrpScript> {
        &self.config
    }

    /// What is known of the script.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// keepalived's `Result`: 0 to rise + fall - 1.
    #[must_use]
    pub fn counter(&self) -> u32 {
        self.counter
    }

    /// Whether a run is under way.
    #[must_use]
    pub fn run(&self) -> ScriptRun {
        self.run
    }

    /// Tells the tracker what became of its run. Anything about a run that it did not ask for is ignored.
    pub fn handle(&mut self, now: Instant, input: ScriptInput) {
        if self.run == ScriptRun::Idle {
            return;
        }
        match input {
            ScriptInput::Started { pid } => self.pid = pid,
            ScriptInput::NotStarted => {
                self.idle();
                self.failed(Failure::NotStarted);
            }
            ScriptInput::Lost => {
                self.idle();
                let since = *self.lost_since.get_or_insert(now);
                if now.since(since) > LOST_LIMIT {
                    self.failed(Failure::NotStarted);
                }
            }
            ScriptInput::Ended(status) => {
                self.lost_since = None;
                self.on_ended(status);
            }
        }
    }

    /// Acts on whatever is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.on_overdue(now);
        }
        if self.next_run <= now {
            self.on_due(now);
        }
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        self.deadline.map_or(self.next_run, |deadline| deadline.min(self.next_run))
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<TrackerEffect> {
        self.effects.pop_front()
    }

    fn on_due(&mut self, now: Instant) {
        let interval = self.config.interval.max(Duration::from_millis(1));
        // A node that slept must not catch up on the runs that it missed.
        self.next_run =
            if self.next_run + interval > now { self.next_run + interval } else { now + interval };
        if self.run != ScriptRun::Idle {
            self.notice(ScriptNotice::Skipped(self.name(), self.run));
            return;
        }
        self.run = ScriptRun::Running;
        self.deadline = Some(now + self.config.timeout.unwrap_or(self.config.interval));
        self.effects.push_back(TrackerEffect::Start);
    }

    fn on_overdue(&mut self, now: Instant) {
        match self.run {
            ScriptRun::Idle => self.deadline = None,
            ScriptRun::Running => {
                self.run = ScriptRun::Terminating;
                self.deadline = Some(now + TERM_GRACE);
                self.effects.push_back(TrackerEffect::Signal(Signal::Term));
            }
            ScriptRun::Terminating => {
                self.run = ScriptRun::Killing;
                self.deadline = Some(now + KILL_REPEAT);
                self.effects.push_back(TrackerEffect::Signal(Signal::Kill));
            }
            ScriptRun::Killing => {
                self.deadline = Some(now + KILL_REPEAT);
                self.notice(ScriptNotice::Unkillable(self.name(), self.pid));
                self.effects.push_back(TrackerEffect::Signal(Signal::Kill));
            }
        }
    }

    fn on_ended(&mut self, status: ExitStatus) {
        const SIGKILL: i32 = 9;
        const SIGTERM: i32 = 15;
        let run = self.run;
        self.idle();
        match (run, status) {
            (ScriptRun::Terminating, ExitStatus::Signalled(SIGTERM))
            | (ScriptRun::Killing, ExitStatus::Signalled(SIGKILL)) => self.failed(Failure::TimedOut),
            (_, ExitStatus::Exited(code)) => {
                if code != self.last_status {
                    self.last_status = code;
                    self.notice(ScriptNotice::NowReturning(self.name(), code));
                }
                if code == 0 { self.succeeded() } else { self.failed(Failure::Status(status)) }
            }
            _ => self.failed(Failure::Status(status)),
        }
    }

    fn succeeded(&mut self) {
        if self.counter.saturating_add(1) < self.config.rise {
            self.counter += 1;
            return;
        }
        if self.verdict != Verdict::Good {
            self.verdict = Verdict::Good;
            self.notice(ScriptNotice::Succeeded(self.name()));
        }
        self.counter = self.best();
    }

    fn failed(&mut self, failure: Failure) {
        if self.verdict == Verdict::Good && self.counter > self.config.rise {
            self.counter -= 1;
            return;
        }
        if self.verdict != Verdict::Bad {
            self.verdict = Verdict::Bad;
            self.notice(ScriptNotice::Failed(self.name(), failure));
        }
        self.counter = 0;
    }

    fn notice(&mut self, notice: ScriptNotice) {
        self.effects.push_back(TrackerEffect::Notice(Notice::Script(notice)));
    }

    fn idle(&mut self) {
        self.run = ScriptRun::Idle;
        self.deadline = None;
    }

    fn best(&self) -> u32 {
        self.config.rise.saturating_add(self.config.fall).saturating_sub(1)
    }

    fn name(&self) -> String {
        self.config.name.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::value::{ScriptCommand, Weight};

    const SECOND: Duration = Duration::from_secs(1);

    fn script(rise: u32, fall: u32, init_fail: bool) -> Arc<VrrpScript> {
        Arc::new(VrrpScript {
            name: "chk".into(),
            command: ScriptCommand { argv: vec!["/bin/true".into()], uid: None, gid: None },
            interval: SECOND,
            timeout: Some(2 * SECOND),
            weight: Weight::default(),
            rise,
            fall,
            init_fail,
        })
    }

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    fn drain(tracker: &mut ScriptTracker) -> Vec<TrackerEffect> {
        std::iter::from_fn(|| tracker.poll_effect()).collect()
    }

    /// Runs the script once a second with these exit codes and gives the verdict after each.
    fn verdicts(tracker: &mut ScriptTracker, codes: &[u8]) -> Vec<Verdict> {
        let run = |(i, code): (usize, &u8)| {
            let now = at(1000 * i as u64);
            tracker.handle_timeout(now);
            tracker.handle(now, ScriptInput::Ended(ExitStatus::Exited(*code)));
            tracker.verdict()
        };
        codes.iter().enumerate().map(run).collect()
    }

    #[test]
    fn the_first_exit_decides_whatever_rise_and_fall() {
        assert_eq!(verdicts(&mut ScriptTracker::new(at(0), script(3, 3, false)), &[0]), [Verdict::Good]);
        assert_eq!(verdicts(&mut ScriptTracker::new(at(0), script(3, 3, false)), &[1]), [Verdict::Bad]);
    }

    #[test]
    fn later_changes_take_rise_successes_and_fall_failures() {
        use Verdict::{Bad, Good};
        let mut tracker = ScriptTracker::new(at(0), script(2, 3, false));
        assert_eq!(
            verdicts(&mut tracker, &[0, 1, 1, 0, 1, 1, 1, 0, 0]),
            [Good, Good, Good, Good, Good, Good, Bad, Bad, Good]
        );
    }

    #[test]
    fn init_fail_starts_bad_and_needs_all_of_rise() {
        use Verdict::{Bad, Good};
        let mut tracker = ScriptTracker::new(at(0), script(2, 1, true));
        assert_eq!(tracker.verdict(), Bad);
        assert_eq!(verdicts(&mut tracker, &[0, 0]), [Bad, Good]);
    }

    /// oracle: keepalived 2.2.7 with interval 1, timeout 2 and a script that ignores TERM.
    #[test]
    fn a_stuck_run_gets_term_then_kill_and_delays_the_next() {
        let mut tracker = ScriptTracker::new(at(0), script(1, 1, false));
        let mut seen = Vec::new();
        while tracker.poll_timeout() <= at(5000) {
            let now = tracker.poll_timeout();
            tracker.handle_timeout(now);
            for effect in drain(&mut tracker) {
                if effect == TrackerEffect::Signal(Signal::Kill) {
                    tracker.handle(now, ScriptInput::Ended(ExitStatus::Signalled(9)));
                }
                if !matches!(effect, TrackerEffect::Notice(_)) {
                    seen.push((now, effect));
                }
            }
        }
        assert_eq!(
            seen,
            [
                (at(0), TrackerEffect::Start),
                (at(2000), TrackerEffect::Signal(Signal::Term)),
                (at(4000), TrackerEffect::Signal(Signal::Kill)),
                (at(5000), TrackerEffect::Start),
            ]
        );
        assert_eq!(tracker.verdict(), Verdict::Bad);
    }

    #[test]
    fn exits_that_nobody_asked_for_change_nothing() {
        let mut tracker = ScriptTracker::new(at(0), script(1, 1, false));
        tracker.handle(at(0), ScriptInput::Ended(ExitStatus::Exited(1)));
        assert_eq!((tracker.verdict(), tracker.poll_effect()), (Verdict::Pending, None));
    }

    /// Found by `tests/lab/soak.rs`: a killed script runner put masters into FAULT.
    #[test]
    fn a_lost_run_says_nothing_unless_that_lasts() {
        let mut tracker = ScriptTracker::new(at(0), script(1, 1, false));
        assert_eq!(verdicts(&mut tracker, &[0]), [Verdict::Good]);
        let mut seen = Vec::new();
        for second in 1..=8 {
            tracker.handle_timeout(at(1000 * second));
            tracker.handle(at(1000 * second), ScriptInput::Started { pid: 1 });
            tracker.handle(at(1000 * second), ScriptInput::Lost);
            seen.push(tracker.verdict());
        }
        assert_eq!(seen, [vec![Verdict::Good; 6], vec![Verdict::Bad; 2]].concat());
        tracker.handle_timeout(at(9000));
        tracker.handle(at(9000), ScriptInput::Ended(ExitStatus::Exited(0)));
        tracker.handle_timeout(at(10_000));
        tracker.handle(at(10_000), ScriptInput::Lost);
        assert_eq!(tracker.verdict(), Verdict::Good);
    }

    #[test]
    fn a_changed_definition_keeps_the_verdict() {
        let tracker = ScriptTracker::succeeding(at(0), script(3, 3, false), Verdict::Good);
        assert_eq!((tracker.verdict(), tracker.counter()), (Verdict::Good, 5));
    }
}
