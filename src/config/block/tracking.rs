//! What is tracked by name: the `track_*` blocks that `vrrp_instance` and `vrrp_sync_group` have in common.

use crate::config::Config;
use crate::config::diagnostic::{Class, Diagnostic};
use crate::config::dump::{Out, field, member};
use crate::config::lexer::Word;
use crate::config::schema::{Context, Keyword, keyword_rows};
use crate::config::source::Span;
use crate::config::tree::Node;
use crate::config::value::{MUST_BE_THERE, TrackKind, Weight};
use crate::types::IfName;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Something whose state matters to a virtual router.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Tracked {
    /// A link.
    Interface(IfName),
    /// A `vrrp_script`.
    Script(String),
    /// A `track_file`.
    File(String),
    /// A `vrrp_track_process`.
    Process(String),
    /// A `bfd_instance`.
    Session(String),
}

/// An entry of a `track_*` block.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TrackEntry {
    /// What is tracked. It exists.
    pub tracked: Tracked,
    /// What its state is worth here.
    pub weight: Weight,
}

impl Tracked {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Interface(name) => name.as_str(),
            Self::Script(name) | Self::File(name) | Self::Process(name) | Self::Session(name) => name,
        }
    }

    pub(in crate::config) fn kind(&self) -> TrackKind {
        match self {
            Self::Interface(_) => TrackKind::Interface,
            Self::Script(_) => TrackKind::Script,
            Self::File(_) => TrackKind::File,
            Self::Process(_) => TrackKind::Process,
            Self::Session(_) => TrackKind::Session,
        }
    }
}

impl TrackEntry {
    /// What an entry without weight means.
    fn fault(&self) -> &'static str {
        match (&self.tracked, self.weight.reverse) {
            (Tracked::Interface(_) | Tracked::Session(_), false) => "a fault while it is down",
            (Tracked::Interface(_) | Tracked::Session(_), true) => "a fault while it is up",
            (Tracked::Script(_) | Tracked::Process(_), false) => "a fault while it fails",
            (Tracked::Script(_) | Tracked::Process(_), true) => "a fault unless it fails",
            (Tracked::File(_), false) => "any number but 0 in it is a fault",
            (Tracked::File(_), true) => "0 in it is a fault",
        }
    }
}

/// What an instance and its group track, the instance's entries first. Of what both track, the group's
/// weight counts, unless the instance has none (keepalived: add_vrrp_to_track_script).
pub(in crate::config) fn combined(own: &[TrackEntry], group: &[TrackEntry]) -> Vec<TrackEntry> {
    let mut all = own.to_vec();
    for entry in group {
        match all.iter_mut().find(|known| known.tracked == entry.tracked) {
            Some(known) if known.weight.value != 0 => known.weight = entry.weight,
            Some(_) => {}
            None => all.push(entry.clone()),
        }
    }
    all
}

/// What an entry has to know of the thing that it names.
#[derive(Clone, Debug)]
pub(in crate::config) struct Trackable {
    pub(in crate::config) name: Word,
    /// Default for entries that give no weight of their own.
    pub(in crate::config) weight: Weight,
    /// It was not removed.
    pub(in crate::config) usable: bool,
}

/// Everything that blocks further down may track: what has been defined so far.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct Trackables(BTreeMap<(TrackKind, String), Trackable>);

impl Trackables {
    /// The first one of a name that can be used counts.
    pub(in crate::config) fn define(&mut self, kind: TrackKind, thing: Trackable) {
        let known = self.0.entry((kind, thing.name.text.clone())).or_insert_with(|| thing.clone());
        if !known.usable {
            *known = thing;
        }
    }

    fn find(&self, kind: TrackKind, name: &str) -> Option<&Trackable> {
        self.0.get(&(kind, name.to_owned()))
    }

    fn names(&self, kind: TrackKind) -> impl Iterator<Item = &str> {
        self.0.keys().filter(move |(other, _)| *other == kind).map(|(_, name)| name.as_str())
    }
}

/// The `track_*` blocks of one instance or group, while it is read.
pub(in crate::config) struct TrackDraft {
    /// Its name, for messages.
    owner: String,
    /// What has been defined above it.
    known: Arc<Trackables>,
    pub(in crate::config) entries: Vec<(TrackEntry, Span)>,
}

/// A block that has `track_*` blocks in it.
pub(in crate::config) trait Tracks: Sized + 'static {
    /// Where their entries go.
    fn trackers(&mut self) -> &mut TrackDraft;

    /// The `track_*` blocks.
    const TRACKERS: &'static [Keyword<Self>] = keyword_rows! {
        "track_interface" Entries "{ INTERFACE [weight N [reverse]] }" "-253 to 253" "none" => |d, n, cx| d.trackers().read(TrackKind::Interface, n, cx), "further interfaces that must be up, or that move the priority";
        "track_script" Entries "{ SCRIPT [weight N [reverse|noreverse]] }" "-253 to 253" "none" => |d, n, cx| d.trackers().read(TrackKind::Script, n, cx), "scripts that must succeed, or that move the priority";
        "track_file" Entries "{ FILE [weight N [reverse|noreverse]] }" "-254 to 254" "none" => |d, n, cx| d.trackers().read(TrackKind::File, n, cx), "files whose number moves the priority, or must be 0";
        "track_process" Entries "{ PROCESS [weight N [reverse|noreverse]] }" "-254 to 254" "none" => |d, n, cx| d.trackers().read(TrackKind::Process, n, cx), "processes that must run, or that move the priority";
        "track_bfd" Entries "{ SESSION [weight N [reverse|noreverse]] }" "-253 to 253" "none" => |d, n, cx| d.trackers().read(TrackKind::Session, n, cx), "BFD sessions that must be up, or that move the priority";
    };
}

/// Why weights do not count somewhere.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::config) enum Weightless {
    /// The priority of an owner of the addresses never changes.
    Owner,
    /// The priority of an instance in a group moves with that of the others.
    InGroup,
    /// A group has an owner of its addresses in it.
    GroupOfOwner,
}

impl TrackDraft {
    pub(in crate::config) fn new(owner: &Word, known: &Arc<Trackables>) -> Self {
        Self { owner: owner.text.clone(), known: Arc::clone(known), entries: Vec::new() }
    }

    fn read(&mut self, kind: TrackKind, node: &Node, cx: &mut Context<'_>) {
        for entry in node.entries() {
            self.entry(kind, entry, cx);
        }
    }

    fn entry(&mut self, kind: TrackKind, entry: &[Word], cx: &mut Context<'_>) {
        let Some(word) = entry.first() else { return };
        let Some((tracked, default)) = self.look_up(kind, word, cx) else { return };
        if self.entries.iter().any(|(other, _)| other.tracked == tracked) {
            let classic = format!("({}) duplicate {} {word} - ignoring", self.owner, kind.keyword());
            let problem =
                Diagnostic::warning("duplicate-tracker", word.span, format!("`{word}` is tracked already"))
                    .classic(classic)
                    .label("this entry is ignored");
            return cx.report(problem);
        }
        if let Ok(weight) = cx.tracker_weight(&self.owner, kind, entry, default) {
            self.entries.push((TrackEntry { tracked, weight }, word.span));
        }
    }

    /// What a name stands for, with its default weight; `None` when there is no such thing, as reported.
    fn look_up(&self, kind: TrackKind, word: &Word, cx: &mut Context<'_>) -> Option<(Tracked, Weight)> {
        let name = || word.text.clone();
        let make = match kind {
            TrackKind::Interface => return self.interface(word, cx),
            TrackKind::Script => Tracked::Script,
            TrackKind::File => Tracked::File,
            TrackKind::Process => Tracked::Process,
            TrackKind::Session => Tracked::Session,
        };
        match self.known.find(kind, word.as_str()).filter(|thing| thing.usable) {
            Some(thing) => Some((make(name()), thing.weight)),
            None => {
                cx.report(self.unknown(kind, word));
                None
            }
        }
    }

    fn interface(&self, word: &Word, cx: &mut Context<'_>) -> Option<(Tracked, Weight)> {
        match cx.interface(word) {
            Some((interface, _)) => Some((Tracked::Interface(interface), Weight::default())),
            None => {
                let classic = format!("({}) tracked interface {word} doesn't exist", self.owner);
                cx.report(cx.no_such_interface(word, MUST_BE_THERE, classic));
                None
            }
        }
    }

    fn unknown(&self, kind: TrackKind, word: &Word) -> Diagnostic {
        let (owner, what, id) = (&self.owner, kind.word(), kind.unknown_id());
        let removed = self.known.find(kind, word.as_str());
        let message = match removed {
            Some(_) => format!("{} `{word}` is not used", kind.noun()),
            None => format!("there is no {} `{word}` at this point", kind.noun()),
        };
        let problem = Diagnostic::error(id, word.span, message)
            .classic(format!("({owner}) track {what} {word} not found, ignoring..."))
            .label("nothing is tracked by this entry")
            .keepalived(format!("runs {owner} without it: it neither moves the priority nor causes FAULT"));
        if let Some(removed) = removed {
            return problem.related(removed.name.span, "what is wrong with it is said there");
        }
        let help = format!("a `{}` block must stand above the blocks that track it", kind.definition());
        problem.meant(word, self.known.names(kind), help)
    }

    /// The entries in the order of keepalived's lists, without those that have no place here.
    ///
    /// `own`: the interface of an instance, which is tracked anyway.
    pub(in crate::config) fn settle(
        self,
        own: Option<&IfName>,
        weightless: Option<Weightless>,
        cx: &mut Context<'_>,
    ) -> Vec<TrackEntry> {
        let mut kept = Vec::new();
        let owner = &self.owner;
        let mut entries = self.entries;
        entries.sort_by_key(|(entry, _)| entry.tracked.kind());
        for (mut entry, span) in entries {
            if let Tracked::Interface(interface) = &entry.tracked
                && Some(interface) == own
            {
                ignored_own_interface(owner, interface, span, cx);
                continue;
            }
            let keep = match weightless {
                Some(why) if entry.weight.value != 0 => why.applied(owner, &mut entry, span, cx),
                _ => true,
            };
            if keep {
                kept.push(entry);
            }
        }
        kept
    }
}

impl Weightless {
    /// Whether the entry stays; but for an interface of an instance in a group, without its weight.
    fn applied(self, owner: &str, entry: &mut TrackEntry, span: Span, cx: &mut Context<'_>) -> bool {
        let (name, value) = (entry.tracked.name(), entry.weight.value);
        let due_to = if self == Self::InGroup { "SYNC group" } else { "address_owner" };
        let (stays, classic) = match (&entry.tracked, self) {
            (tracked, Self::GroupOfOwner) => {
                let kind = tracked.kind();
                let done = match kind {
                    TrackKind::Interface | TrackKind::Script => "clearing weight",
                    TrackKind::File | TrackKind::Process | TrackKind::Session => "setting weight 0",
                };
                let what = kind.word();
                let text = format!(
                    "Cannot have weighted track {what} '{name}' with member having priority 255 - {done}"
                );
                (true, text)
            }
            (Tracked::Interface(_), Self::InGroup) => {
                (true, format!("ignoring {name} tracked interface weight due to SYNC group"))
            }
            (Tracked::Interface(_), Self::Owner) => {
                (false, format!("ignoring {name} tracked interface due to address owner"))
            }
            (Tracked::Script(_), _) => {
                (false, format!("ignoring tracked script {name} with weights due to {due_to}"))
            }
            (Tracked::File(_), _) if value == 1 => {
                (true, format!("ignoring weight from tracked file {name} due to {due_to}. specify weight 0"))
            }
            (Tracked::File(_), _) => {
                (false, format!("ignoring tracked file {name} with weight {value} due to {due_to}"))
            }
            // keepalived says nothing; an owner's priority it does not move.
            (Tracked::Process(_), _) => return true,
            (Tracked::Session(_), _) => {
                (false, format!("ignoring tracked bfd {name} with weight {value} due to {due_to}"))
            }
        };
        let (id, message) = match self {
            Self::Owner => ("owner-with-weights", "the owner of the addresses has no weights"),
            Self::InGroup => ("weight-in-group", "a weight of its own for an instance in a sync group"),
            Self::GroupOfOwner => {
                ("owner-with-weights", "a group with an owner of the addresses has no weights")
            }
        };
        // keepalived says that it ignores this weight, shows it as 0, and adds it all the same.
        let counts = self == Self::InGroup && matches!(entry.tracked, Tracked::Interface(_));
        if !counts {
            entry.weight.value = 0;
        }
        let label = match stays {
            true if counts => "it moves the priority of this instance alone".to_owned(),
            true => format!("read as weight {}: {}", entry.weight, entry.fault()),
            false => "this entry is ignored".to_owned(),
        };
        let problem = Diagnostic::warning(id, span, message)
            .label(label)
            .classic(format!("({owner}) {classic}"))
            .at_completion();
        let problem = if counts { problem.keepalived("does so too, whatever it says") } else { problem };
        cx.report(match self {
            Self::InGroup => {
                problem.help("track it in the sync group, or write `sync_group_tracking_weight` there")
            }
            Self::Owner => problem.help("leave the weight out, or give a `priority` below 255"),
            Self::GroupOfOwner => problem.help("leave the weight out"),
        });
        stays
    }
}

fn ignored_own_interface(owner: &str, name: &IfName, span: Span, cx: &mut Context<'_>) {
    let message = format!("`{name}` is the interface of the instance and always tracked");
    let problem = Diagnostic::note("own-interface-tracked", span, message)
        .class(Class::Config)
        .label("this entry changes nothing")
        .help("leave it out")
        .classic(format!("({owner}) Ignoring track_interface {name} since own interface"))
        .at_completion();
    cx.report(problem);
}

/// The entries of an instance in a group where weights of its own do not count: of those on interfaces
/// keepalived says so, and no more.
pub(in crate::config) fn without_weights(entries: &[TrackEntry]) -> Vec<TrackEntry> {
    let mut entries = entries.to_vec();
    for entry in entries.iter_mut().filter(|entry| matches!(entry.tracked, Tracked::Interface(_))) {
        entry.weight.value = 0;
    }
    entries
}

/// `Tracked interfaces :` and the other lists of an instance or a group.
pub(in crate::config) fn dump_trackers(
    out: &mut Out,
    entries: &[TrackEntry],
    title: fn(TrackKind) -> &'static str,
) {
    let mut last = None;
    for TrackEntry { tracked, weight } in entries {
        let kind = tracked.kind();
        if last.replace(kind) != Some(kind) {
            field!(out, "Tracked {} :", title(kind));
        }
        member!(out, "{}{} weight {weight}", tracked.name(), kind.mark());
    }
}

/// `Tracking instances :` of a tracked thing.
pub(in crate::config) fn dump_tracking(out: &mut Out, config: &Config, tracked: &Tracked) {
    let track = |entries: &[TrackEntry]| entries.iter().any(|entry| entry.tracked == *tracked);
    let by_groups = config.sync_groups.iter().filter(|group| track(&group.track)).flat_map(|group| {
        let members = group.members.iter().filter_map(|name| config.instance(name));
        members.filter(|instance| !track(&instance.track))
    });
    let instances = config.instances.iter().filter(|instance| track(&instance.track)).chain(by_groups);
    let trackers = instances.flat_map(|instance| {
        let entries = config.tracked_by(instance).into_iter().filter(|entry| entry.tracked == *tracked);
        entries.map(|entry| (&instance.name, entry.weight))
    });
    let mut trackers = trackers.peekable();
    if trackers.peek().is_some() || matches!(tracked, Tracked::Script(_)) {
        field!(out, "Tracking instances :");
    }
    for (name, weight) in trackers {
        member!(out, "{name}, weight {weight}");
    }
}
