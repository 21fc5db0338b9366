//! What a tracked thing is worth.

use super::number::{Junk, Otherwise};
use crate::config::diagnostic::Diagnostic;
use crate::config::lexer::Word;
use crate::config::schema::Context;
use std::fmt;

/// `weight N [reverse]` of a tracker: -253 to 253.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Weight {
    /// Added to the priority while good (positive) or while bad (negative); 0: FAULT while bad.
    pub value: i16,
    /// Turns the contribution round; with 0, good and bad change places.
    pub reverse: bool,
}

/// What a tracker entry names; keepalived words its complaints differently for each.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::config) enum TrackKind {
    Interface,
    Script,
}

impl TrackKind {
    fn unknown_option(self, instance: &str, name: &Word, option: &Word) -> String {
        match self {
            Self::Interface => {
                format!("({instance}) unknown track_interface {name} option {option} - ignoring")
            }
            Self::Script => format!("({instance}) unknown track script option {option} - ignoring"),
        }
    }

    fn no_value(self, instance: &str, name: &Word) -> String {
        let what = match self {
            Self::Interface => "track_interface",
            Self::Script => "track script",
        };
        format!("({instance}) weight without value specified for {what} {name} - ignoring")
    }

    fn bad_weight(self, instance: &str, name: &Word, number: &Word) -> String {
        match self {
            Self::Interface => {
                format!(
                    "({instance}) weight {number} for {name} must be between [-253..253] inclusive. Ignoring..."
                )
            }
            Self::Script => {
                format!(
                    "({instance}) track script {name}: weight must be between [-253..253] inclusive, ignoring..."
                )
            }
        }
    }

    fn unknown_weight_option(self, instance: &str, name: &Word, option: &Word) -> String {
        let what = match self {
            // The misspelling is keepalived's.
            Self::Interface => "track_interace",
            Self::Script => "track_script",
        };
        format!("({instance}) unknown {what} {name} weight option {option} - ignoring")
    }
}

impl Context<'_> {
    /// The words behind a name in a `track_*` block: `[weight N [reverse|noreverse]]`.
    ///
    /// `Err(())`: the entry is dropped, as reported. `Ok(None)`: the default weight.
    pub(in crate::config) fn tracker_weight(
        &mut self,
        instance: &str,
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
            .classic(kind.unknown_option(instance, name, keyword))
            .label("the whole entry is ignored")
            .help(format!("write `{name} weight N`"));
            self.report(problem);
            return Err(());
        }
        let Some(number) = rest.get(1) else {
            let problem = Diagnostic::error("track-entry", keyword.span, "`weight` needs a number")
                .classic(kind.no_value(instance, name))
                .label("the whole entry is ignored");
            self.report(problem);
            return Err(());
        };
        let text = kind.bad_weight(instance, name, number);
        let otherwise = Otherwise::replaced(text, "the default weight is used");
        let value = self.integer(number, -254..=254, Junk::Tolerated, otherwise);
        let mut weight = value.map_or(default, |value| Weight { value: value as i16, ..default });
        if weight.value.abs() == 254 {
            let problem = Diagnostic::warning("number-out-of-range", number.span, "a weight is at most 253")
                .classic(format!("({instance}) weight for {name} cannot be +/-254. Setting to +/-253"))
                .label("253 is used");
            self.report(problem);
            weight.value = weight.value.clamp(-253, 253);
        }
        match rest.get(2).map(|word| (word, word.as_str())) {
            None => {}
            Some((_, "reverse")) => weight.reverse = true,
            Some((_, "noreverse")) => weight.reverse = false,
            Some((word, _)) => {
                let problem = Diagnostic::warning(
                    "track-entry",
                    word.span,
                    format!("`{word}` is not an option of a weight"),
                )
                .classic(kind.unknown_weight_option(instance, name, word))
                .label("this word is ignored")
                .help("only `reverse` can follow the number");
                self.report(problem);
            }
        }
        Ok(weight)
    }
}

impl fmt::Display for Weight {
    /// `-20` or `-20 reverse`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reverse = if self.reverse { " reverse" } else { "" };
        write!(f, "{}{reverse}", self.value)
    }
}
