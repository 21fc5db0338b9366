//! What a tracked thing is worth.

use super::number::{Junk, Otherwise};
use crate::config::diagnostic::Diagnostic;
use crate::config::lexer::Word;
use crate::config::schema::Context;
use std::fmt;
use std::ops::RangeInclusive;

/// `weight N [reverse]` of a tracker: -253 to 253; of a file or a process -254 to 254.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Weight {
    /// Added to the priority while good (positive) or while bad (negative); 0: FAULT while bad. The number in
    /// a file is multiplied by it.
    pub value: i16,
    /// Turns the contribution round; with 0, good and bad change places.
    pub reverse: bool,
}

/// What a tracker entry names, in the order of keepalived's lists; it words its complaints differently for
/// each.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(in crate::config) enum TrackKind {
    Interface,
    Script,
    File,
    Process,
    Session,
}

impl TrackKind {
    /// The block of the entries.
    pub(in crate::config) fn keyword(self) -> &'static str {
        match self {
            Self::Interface => "track_interface",
            Self::Script => "track_script",
            Self::File => "track_file",
            Self::Process => "track_process",
            Self::Session => "track_bfd",
        }
    }

    /// The block that defines such a thing.
    pub(in crate::config) fn definition(self) -> &'static str {
        match self {
            Self::Interface => "interface",
            Self::Script => "vrrp_script",
            Self::File => "track_file",
            Self::Process => "vrrp_track_process",
            Self::Session => "bfd_instance",
        }
    }

    /// In keepalived's messages, behind `track`.
    pub(in crate::config) fn word(self) -> &'static str {
        match self {
            Self::Interface => "interface",
            Self::Script => "script",
            Self::File => "file",
            Self::Process => "process",
            Self::Session => "bfd",
        }
    }

    /// In ours.
    pub(in crate::config) fn noun(self) -> &'static str {
        match self {
            Self::Session => "BFD session",
            Self::File => "track_file",
            Self::Process => "vrrp_track_process",
            Self::Interface | Self::Script => self.word(),
        }
    }

    /// Id of the complaint that there is no such thing.
    pub(in crate::config) fn unknown_id(self) -> &'static str {
        match self {
            Self::Interface => "no-such-interface",
            Self::Script => "unknown-script",
            Self::File => "unknown-track-file",
            Self::Process => "unknown-track-process",
            Self::Session => "unknown-bfd-instance",
        }
    }

    /// In the dump: `Tracked … :`.
    pub(in crate::config) fn plural(self) -> &'static str {
        match self {
            Self::Interface => "interfaces",
            Self::Script => "scripts",
            Self::File => "files",
            Self::Process => "processes",
            Self::Session => "BFDs",
        }
    }

    /// In the dump, behind a name.
    pub(in crate::config) fn mark(self) -> &'static str {
        match self {
            Self::Interface | Self::Script => "",
            Self::File | Self::Process => ",",
            Self::Session => ":",
        }
    }

    /// Weights that are accepted; of the narrower ones, 254 becomes 253.
    fn weights(self) -> RangeInclusive<i64> {
        match self {
            Self::Interface | Self::Script | Self::File | Self::Process => -254..=254,
            Self::Session => -253..=253,
        }
    }

    fn unknown_option(self, owner: &str, name: &Word, option: &Word) -> String {
        match self {
            Self::Interface => format!("({owner}) unknown track_interface {name} option {option} - ignoring"),
            Self::Session => format!("({owner}) unknown track bfd {name} option {option} - ignoring"),
            Self::Script | Self::File | Self::Process => {
                format!("({owner}) unknown track {} option {option} - ignoring", self.word())
            }
        }
    }

    fn no_value(self, owner: &str, name: &Word) -> String {
        let separator = if self == Self::Interface { '_' } else { ' ' };
        format!(
            "({owner}) weight without value specified for track{separator}{} {name} - ignoring",
            self.word()
        )
    }

    fn bad_weight(self, owner: &str, name: &Word, number: &Word) -> String {
        match self {
            Self::Interface => {
                format!(
                    "({owner}) weight {number} for {name} must be between [-253..253] inclusive. Ignoring..."
                )
            }
            Self::Script => {
                format!(
                    "({owner}) track script {name}: weight must be between [-253..253] inclusive, ignoring..."
                )
            }
            Self::File | Self::Process | Self::Session => {
                let (word, weights) = (self.word(), self.weights());
                let (min, max) = (weights.start(), weights.end());
                format!(
                    "({owner}) weight for track {word} {name} must be in [{min}..{max}] inclusive. Ignoring..."
                )
            }
        }
    }

    fn unknown_weight_option(self, owner: &str, name: &Word, option: &Word) -> String {
        let what = match self {
            // The misspelling is keepalived's.
            Self::Interface => "track_interace",
            Self::Script => "track_script",
            Self::File => "track file",
            Self::Process => "track_process",
            Self::Session => "track bfd",
        };
        format!("({owner}) unknown {what} {name} weight option {option} - ignoring")
    }
}

impl Context<'_> {
    /// The words behind a name in a `track_*` block: `[weight N [reverse|noreverse]]`.
    ///
    /// `Err(())`: the entry is dropped, as reported. `Ok(None)`: the default weight.
    pub(in crate::config) fn tracker_weight(
        &mut self,
        owner: &str,
        kind: TrackKind,
        entry: &[Word],
        default: Weight,
    ) -> Result<Weight, ()> {
        let [name, rest @ ..] = entry else { return Err(()) };
        let Some(keyword) = rest.first() else { return Ok(default) };
        if keyword.text != "weight" {
            let problem = Diagnostic::error(
                "track-entry",
                keyword.span,
                format!("`{keyword}` is not an option of a tracked thing"),
            )
            .classic(kind.unknown_option(owner, name, keyword))
            .label("the whole entry is ignored")
            .meant(keyword, ["weight"], format!("write `{name} weight N`"));
            self.report(problem);
            return Err(());
        }
        let Some(number) = rest.get(1) else {
            let problem = Diagnostic::error("track-entry", keyword.span, "`weight` needs a number")
                .classic(kind.no_value(owner, name))
                .label("the whole entry is ignored");
            self.report(problem);
            return Err(());
        };
        let text = kind.bad_weight(owner, name, number);
        let otherwise = Otherwise::replaced(text, "the default weight is used");
        let value = self.integer(number, kind.weights(), Junk::Tolerated, otherwise);
        let mut weight = value.map_or(default, |value| Weight { value: value as i16, ..default });
        let narrow = matches!(kind, TrackKind::Interface | TrackKind::Script);
        if narrow && weight.value.abs() == 254 {
            let problem = Diagnostic::warning("number-out-of-range", number.span, "a weight is at most 253")
                .classic(format!("({owner}) weight for {name} cannot be +/-254. Setting to +/-253"))
                .label("253 is used");
            self.report(problem);
            weight.value = weight.value.clamp(-253, 253);
        }
        match rest.get(2).map(|word| (word, word.as_str())) {
            None => {}
            Some((_, "reverse")) => weight.reverse = true,
            Some((_, "noreverse")) if kind != TrackKind::Interface => weight.reverse = false,
            Some((word, _)) => {
                let dropped = matches!(kind, TrackKind::File | TrackKind::Session);
                let problem = unknown_weight_option(word, kind.unknown_weight_option(owner, name, word));
                if dropped {
                    self.report(problem.label("the whole entry is ignored"));
                    return Err(());
                }
                self.report(problem);
            }
        }
        Ok(weight)
    }
}

/// A word behind a weight that means nothing.
pub(in crate::config) fn unknown_weight_option(option: &Word, classic: String) -> Diagnostic {
    Diagnostic::warning("track-entry", option.span, format!("`{option}` is not an option of a weight"))
        .classic(classic)
        .label("this word is ignored")
        .help("only `reverse` can follow the number")
}

impl fmt::Display for Weight {
    /// `-20` or `-20 reverse`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reverse = if self.reverse { " reverse" } else { "" };
        write!(f, "{}{reverse}", self.value)
    }
}
