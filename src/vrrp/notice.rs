//! What an operator is told, in keepalived's words.

use super::Discard;
use super::instance::{ConflictCause, OtherMaster};
use crate::config::block::Tracked;
use crate::config::value::Weight;
use crate::types::{AdvertInt, Family, IfName, IpNet, Priority, State};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// Something worth a line in the log; `Display` gives the line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notice {
    /// Name of the instance.
    pub instance: String,
    /// What happened.
    pub kind: NoticeKind,
}

/// Something about a sync group worth a line in the log; `Display` gives the line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GroupNotice {
    /// Name of the group.
    pub group: String,
    /// What happened.
    pub kind: GroupNoticeKind,
}

/// What happened to a sync group.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum GroupNoticeKind {
    /// All its members are to be this.
    Syncing(State),
    /// It begins in FAULT because of this member.
    BeginsWithFault(String),
}

impl fmt::Display for GroupNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = &self.group;
        match &self.kind {
            GroupNoticeKind::Syncing(state) => {
                write!(f, "VRRP_Group({group}) Syncing instances to {state} state")
            }
            GroupNoticeKind::BeginsWithFault(member) => {
                write!(f, "VRRP_Group({group}): Syncing {member} to FAULT state")
            }
        }
    }
}

/// Why an instance cannot take part in the election.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Fault {
    /// A tracked link, or its own, is down or gone.
    Link(IfName),
    /// Its link has no address of the family to send from.
    NoAddress(Family),
    /// A check script without weight fails.
    Script(String),
    /// The number in a file is too low, or without weight another than 0.
    File(String),
    /// Without weight there is no quorum of processes, or with `reverse` there is.
    Process {
        /// Name of the `vrrp_track_process`.
        name: String,
        /// Whether there is one.
        quorum: bool,
    },
    /// A BFD session without weight is down, or with `reverse` up.
    Session(String),
    /// `track_src_ip`: the configured source is not on the link.
    SourceMissing,
    /// A mistake of the configuration, as reported when it was read.
    Configuration,
}

impl Fault {
    /// What is wrong when a thing that is tracked at this weight is a fault.
    #[must_use]
    pub fn of(tracked: Tracked, weight: Weight) -> Self {
        match tracked {
            Tracked::Interface(link) => Self::Link(link),
            Tracked::Script(name) => Self::Script(name),
            Tracked::File(name) => Self::File(name),
            Tracked::Process(name) => Self::Process { name, quorum: weight.reverse },
            Tracked::Session(name) => Self::Session(name),
        }
    }
}

/// What happened to an instance.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum NoticeKind {
    /// A new state. `at_start`: the first after the daemon started.
    Entered {
        /// Where it is now.
        state: State,
        /// keepalived adds `(init)`.
        at_start: bool,
    },
    /// The master fell silent.
    AdvertTimeout,
    /// One more thing is wrong.
    Faulted(Fault),
    /// This is wrong from the beginning.
    StartsFaulted(Fault),
    /// One thing less is wrong.
    Recovered(Fault),
    /// Addresses are being added (`true`) or removed; of `virtual_ipaddress_excluded` or of the others.
    Addresses {
        /// Adding.
        setting: bool,
        /// The excluded ones.
        excluded: bool,
    },
    /// The packets of its addresses are dropped from now on (`true`), or no longer.
    Firewall(bool),
    /// Virtual routes or rules are being added (`true`) or removed.
    Routing(RoutingKind, bool),
    /// The first round of a burst for this address.
    Announcing(IfName, IpAddr),
    /// Told the others that we leave.
    SentPriorityZero,
    /// Of one that leaves: this router has taken over, or nobody has within the time that it takes.
    Succeeded(Option<IpAddr>),
    /// As backup: the master leaves.
    MasterLeaves,
    /// As master: somebody else's leaving.
    RivalLeaves,
    /// As backup: a lower advert, not heeded.
    LowerDiscarded(IpAddr, Priority),
    /// As master: a lower advert.
    LowerHeard {
        /// Sender.
        from: IpAddr,
        /// Its priority.
        theirs: Priority,
        /// Our effective priority.
        ours: Priority,
        /// We answered with an advert.
        answered: bool,
    },
    /// As master: a higher advert.
    HigherHeard {
        /// Sender.
        from: IpAddr,
        /// Its priority.
        theirs: Priority,
        /// Our effective priority.
        ours: Priority,
    },
    /// As master: our priority from a higher address.
    EqualHeard(IpAddr, Priority),
    /// Our priority from our own address.
    OwnAddressHeard,
    /// As master with 255: somebody else owns the addresses as well.
    TwoOwners(IpAddr),
    /// The other owner does not give way, so we do.
    StandsBack(IpAddr),
    /// The other owner has given way.
    OtherOwnerSilent,
    /// The other owner is no longer master: our priority is 255 again.
    OwnerAgainLowerHeard,
    /// There is no other owner any more: our priority is 255 again.
    OwnerAgain,
    /// Unicast: a peer sums as keepalived 1.3.6 did, and from now on so do we.
    OldChecksum,
    /// `timer_expired_backup`: the advert was due this long ago.
    TimerExpired(Duration),
    /// As backup: the wait for the master ended this long ago, and we were not there.
    Overslept(Duration),
    /// Trackers moved the priority.
    PriorityChanged(Priority, Priority),
    /// A file no longer keeps the instance out of the election: this is its priority now.
    PrioritySet(Priority),
    /// `preempt_delay` begins.
    PreemptDelayStarted(Duration),
    /// `preempt_delay` is called off.
    PreemptDelayStopped,
    /// VRRPv3: the master's interval is another than we thought.
    MasterInterval(AdvertInt, AdvertInt),
    /// VRRPv3: as master we go by our own interval again, not by the one that was learnt.
    IntervalRestored(AdvertInt, AdvertInt),
    /// VRRPv3: the sender's interval is another than ours.
    IntervalDiffers(AdvertInt, AdvertInt),
    /// Another master than before.
    MasterIs(Option<IpAddr>, IpAddr),
    /// Its link has just come up, and it has heard nothing there: it does not take over for so long.
    ListensFirst(Duration),
    /// Another router is master as well.
    SplitBrain {
        /// Which.
        other: OtherMaster,
        /// Why, as far as can be told.
        cause: ConflictCause,
    },
    /// It is no longer, or we are not.
    SplitBrainOver {
        /// Which.
        other: OtherMaster,
        /// From the first that was heard of it to the last.
        lasted: Duration,
    },
    /// `auth_type AH`, as master: our sequence number follows that of a lower advert.
    SequenceFollows,
    /// `auth_hmac`: the clocks of the two nodes differ by more than half of what is tolerated.
    ClockSkew {
        /// Sender.
        from: IpAddr,
        /// Seconds by which our clock is ahead.
        skew: i32,
        /// Seconds tolerated.
        window: u32,
    },
    /// A packet was dropped.
    Discarded(Discard),
    /// The advert carries another number of addresses.
    AddressCount {
        /// We have.
        ours: usize,
        /// It has.
        theirs: usize,
        /// Sender.
        from: IpAddr,
    },
    /// The advert lacks one of our addresses.
    AddressMissing(IpAddr, IpAddr),
    /// Somebody removed an address of ours.
    AddressLost(IpAddr, IfName, Answer),
    /// Somebody removed this route or rule of ours.
    RoutingLost(RoutingKind, String, Answer),
    /// A reload no longer has this address.
    AddressDropped(IpNet, IfName),
}

/// What steers packets, besides addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RoutingKind {
    /// A route.
    Route,
    /// A rule of policy routing.
    Rule,
}

impl fmt::Display for RoutingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Route => "route",
            Self::Rule => "rule",
        })
    }
}

/// What follows when somebody removes something of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer {
    /// It is put back.
    Restores,
    /// We give way, as we are told to.
    Yields,
    /// We give way, because it is of no use.
    GivesUp,
}

impl Answer {
    const fn verb(self) -> &'static str {
        match self {
            Self::Restores | Self::Yields => "was",
            Self::GivesUp => "is again and again",
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("by somebody else, ")?;
        f.write_str(match self {
            Self::Restores => "putting it back",
            Self::Yields | Self::GivesUp => "giving way",
        })
    }
}

impl Notice {
    /// Whether keepalived writes it with `-D` only.
    #[must_use]
    pub fn is_detail(&self) -> bool {
        matches!(
            self.kind,
            NoticeKind::AdvertTimeout
                | NoticeKind::Addresses { .. }
                | NoticeKind::Firewall(_)
                | NoticeKind::Routing(..)
                | NoticeKind::Announcing(..)
                | NoticeKind::SentPriorityZero
                | NoticeKind::Succeeded(_)
                | NoticeKind::MasterLeaves
                | NoticeKind::RivalLeaves
                | NoticeKind::PreemptDelayStarted(_)
                | NoticeKind::PreemptDelayStopped
                | NoticeKind::MasterInterval(..)
                | NoticeKind::IntervalRestored(..)
                | NoticeKind::MasterIs(..)
                | NoticeKind::PrioritySet(_)
                | NoticeKind::Recovered(_)
        )
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.instance;
        match &self.kind {
            NoticeKind::Faulted(Fault::File(file)) => {
                write!(f, "({name}): tracked file {file} now FAULT state")
            }
            NoticeKind::Recovered(Fault::File(file)) => {
                write!(f, "({name}): tracked file {file} leaving FAULT state")
            }
            // keepalived puts a colon behind the name in just these.
            NoticeKind::Faulted(fault @ (Fault::Link(_) | Fault::Script(_) | Fault::SourceMissing))
            | NoticeKind::StartsFaulted(fault @ (Fault::Link(_) | Fault::Script(_) | Fault::File(_))) => {
                write!(f, "({name}): entering FAULT state {fault}")
            }
            NoticeKind::Faulted(fault) | NoticeKind::StartsFaulted(fault) => {
                write!(f, "({name}) entering FAULT state {fault}")
            }
            kind @ NoticeKind::OtherOwnerSilent => write!(f, "({name}): {kind}"),
            // keepalived says this once for all instances.
            kind @ NoticeKind::TimerExpired(_) => write!(f, "{kind}"),
            kind => write!(f, "({name}) {kind}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(link) => write!(f, "(interface {link} down)"),
            Self::NoAddress(family) => write!(f, "(no {family} address for interface)"),
            Self::Script(script) => write!(f, "due to script {script}"),
            // keepalived gives the product of number and weight; what is below -254 it treats as -254.
            Self::File(file) => write!(f, "(tracked file {file} has status -254)"),
            Self::Process { name, quorum } => {
                let not = if *quorum { "" } else { "not " };
                write!(f, "(tracked process {name} quorum {not}achieved)")
            }
            Self::Session(name) => write!(f, "(BFD session {name})"),
            Self::SourceMissing => f.write_str("(src address not configured)"),
            Self::Configuration => f.write_str("(configuration error)"),
        }
    }
}

impl fmt::Display for NoticeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = |setting: bool| if setting { "setting" } else { "removing" };
        match self {
            Self::Entered { state, at_start } => {
                write!(f, "Entering {state} STATE{}", if *at_start { " (init)" } else { "" })
            }
            Self::AdvertTimeout => f.write_str("Receive advertisement timeout"),
            Self::Faulted(fault) | Self::StartsFaulted(fault) => write!(f, "entering FAULT state {fault}"),
            Self::Recovered(fault) => write!(f, "fault is gone {fault}"),
            Self::Addresses { setting, excluded: false } => write!(f, "{} VIPs.", verb(*setting)),
            Self::Addresses { setting, excluded: true } => write!(f, "{} E-VIPs.", verb(*setting)),
            Self::Firewall(setting) => write!(f, "{} firewall drop rule", verb(*setting)),
            Self::Routing(RoutingKind::Route, setting) => write!(f, "{} Virtual Routes", verb(*setting)),
            Self::Routing(RoutingKind::Rule, setting) => write!(f, "{} Virtual Rules", verb(*setting)),
            Self::Announcing(link, address @ IpAddr::V4(_)) => {
                write!(f, "Sending/queueing gratuitous ARPs on {link} for {address}")
            }
            Self::Announcing(link, address @ IpAddr::V6(_)) => {
                write!(f, "Sending/queueing Unsolicited Neighbour Adverts on {link} for {address}")
            }
            Self::SentPriorityZero => f.write_str("sent 0 priority"),
            Self::Succeeded(Some(successor)) => write!(f, "{successor} has taken over"),
            Self::Succeeded(None) => f.write_str("nobody has taken over"),
            Self::MasterLeaves => f.write_str("Backup received priority 0 advertisement"),
            Self::RivalLeaves => f.write_str("Master received priority 0 message"),
            Self::LowerDiscarded(from, priority) => {
                write!(f, "received lower priority ({priority}) advert from {from} - discarding")
            }
            Self::LowerHeard { from, theirs, ours, answered } => {
                let election = if *answered { ", forcing new election" } else { "" };
                write!(f, "Received advert from {from} with lower priority {theirs}, ours {ours}{election}")
            }
            Self::HigherHeard { from, theirs, ours } => {
                write!(f, "Master received advert from {from} with higher priority {theirs}, ours {ours}")
            }
            Self::EqualHeard(from, priority) => write!(
                f,
                "Master received advert from {from} with same priority {priority} but higher IP address than ours"
            ),
            Self::OwnAddressHeard => {
                f.write_str("WARNING - equal priority advert received from remote host with our IP address.")
            }
            Self::TwoOwners(other) => write!(
                f,
                "CONFIGURATION ERROR: local instance and {other} are both configured as address owner, please resolve"
            ),
            Self::StandsBack(other) => write!(
                f,
                "{other} is still advertising as address owner, please resolve - reducing our priority"
            ),
            Self::OtherOwnerSilent => f.write_str("rogue address owner appears to have stopped advertising"),
            Self::OwnerAgainLowerHeard => {
                f.write_str("Restoring our priority to 255 since received advert with lower priority")
            }
            Self::OwnerAgain => {
                f.write_str("Restoring our priority to 255 since other address owner has disappeared")
            }
            Self::OldChecksum => f.write_str("Setting unicast VRRPv3 checksum to old version"),
            Self::TimerExpired(late) => write!(
                f,
                "VRRP thread timer expired {}.{:06} seconds ago",
                late.as_secs(),
                late.subsec_micros()
            ),
            Self::Overslept(late) => write!(
                f,
                "master down timer expired {}.{:06} seconds ago, listening first",
                late.as_secs(),
                late.subsec_micros()
            ),
            Self::PrioritySet(priority) => write!(f, "Setting effective priority to {priority}"),
            Self::PriorityChanged(old, new) => write!(f, "Changing effective priority from {old} to {new}"),
            Self::PreemptDelayStarted(delay) => {
                write!(f, "start preempt delay ({}.{:06})", delay.as_secs(), delay.subsec_micros())
            }
            Self::PreemptDelayStopped => f.write_str("stop preempt delay"),
            Self::MasterInterval(old, new) => write!(
                f,
                "advertisement interval updated from {}ms to {}ms by master",
                old.micros() / 1000,
                new.micros() / 1000
            ),
            Self::IntervalRestored(learnt, own) => write!(
                f,
                "changing advert interval from {}ms to locally configured {}ms",
                learnt.micros() / 1000,
                own.micros() / 1000
            ),
            Self::IntervalDiffers(ours, theirs) => write!(
                f,
                "advertisement interval mismatch ours = {} centi-sec rcv'd={} centi-sec",
                ours.wire_v3(),
                theirs.wire_v3()
            ),
            Self::MasterIs(None, new) => write!(f, "master set to {new}"),
            Self::MasterIs(Some(old), new) => write!(f, "master changed from {old} to {new}"),
            Self::ListensFirst(rest) => write!(
                f,
                "the link has just come up and has brought no advert yet: listening for {} seconds more",
                rest.as_secs_f64().ceil()
            ),
            Self::SplitBrain { other, cause } => {
                write!(f, "split brain: {other} is master as well; likely {cause}")
            }
            Self::SplitBrainOver { other, lasted } => write!(
                f,
                "split brain with {other} is over after {}.{:06} seconds",
                lasted.as_secs(),
                lasted.subsec_micros()
            ),
            Self::SequenceFollows => f.write_str("IPSEC-AH : Syncing seq_num - Increment seq"),
            Self::ClockSkew { from, skew, window } => {
                write!(f, "authentication clock skew {skew} sec from {from} approaching window {window} sec")
            }
            Self::Discarded(discard) => discard.fmt(f),
            Self::AddressCount { ours, theirs, from } => {
                write!(f, "expected {ours} VIPs but received {theirs} from {from}")
            }
            Self::AddressMissing(from, address) => {
                write!(f, "ip address associated with VRID not present in advert from {from}: {address}")
            }
            Self::AddressLost(address, link, answer) => {
                write!(f, "{address} {} removed from {link} {answer}", answer.verb())
            }
            Self::RoutingLost(kind, text, answer) => {
                write!(f, "{kind} {text} {} deleted {answer}", answer.verb())
            }
            Self::AddressDropped(net, link) => {
                write!(f, "ip address {} dev {link}, no longer exist", net.short())
            }
        }
    }
}
