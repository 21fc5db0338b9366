//! What a tracked thing is worth.

use super::number::{Junk, Otherwise};
use crate::config::diagnostic::Diagnostic;
use crate::config::lexer::Word;
use crate::config::schema::Context;

/// `weight N [reverse]` of a tracker: -253 to 253.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Weight {
    /// Added to the priority while good (positive) or while bad (negative); 0: FAULT while bad.
    pub value: i16,
    /// Turns the contribution round; with 0, good and bad change places.
    pub reverse: bool,
}

/// How an entry of `track_script` or `track_interface` is called in messages.
pub(in crate::config) struct TrackKind {
    /// `track script`, in keepalived's lines about a bad weight.
    pub(in crate::config) noun: &'static str,
    /// `track_script NAME`, in its lines about unknown words.
    pub(in crate::config) block: &'static str,
}

impl Context<'_> {
    /// The words behind a name in a `track_*` block: `[weight N [reverse|noreverse]]`.
    ///
    /// `Err(())`: the entry is dropped, as reported. `Ok(None)`: the default weight.
    pub(in crate::config) fn tracker_weight(
        &mut self,
        instance: &str,
        kind: &TrackKind,
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
            .classic(format!("({instance}) unknown {} {name} option {keyword} - ignoring", kind.noun))
            .label("the whole entry is ignored")
            .help(format!("write `{name} weight N`"));
            self.report(problem);
            return Err(());
        }
        let Some(number) = rest.get(1) else {
            let problem = Diagnostic::error("track-entry", keyword.span, "`weight` needs a number")
                .classic(format!(
                    "({instance}) weight without value specified for {} {name} - ignoring",
                    kind.noun
                ))
                .label("the whole entry is ignored");
            self.report(problem);
            return Err(());
        };
        let text = format!(
            "({instance}) {} {name}: weight must be between [-253..253] inclusive, ignoring...",
            kind.noun
        );
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
                .classic(format!(
                    "({instance}) unknown {} {name} weight option {word} - ignoring",
                    kind.block
                ))
                .label("this word is ignored")
                .help("only `reverse` can follow the number");
                self.report(problem);
            }
        }
        Ok(weight)
    }
}
