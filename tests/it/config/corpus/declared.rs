//! Differences from keepalived that are meant, each with its reason.
//!
//! The reason stands in `docs/COMPATIBILITY.md` too, where operators find it.

use super::finding::{Finding, Report, Surface};

struct Declared {
    id: &'static str,
    /// A piece of the row of `docs/COMPATIBILITY.md` that gives the reason.
    documented: &'static str,
    covers: fn(&Finding) -> bool,
}

const COMPATIBILITY: &str = include_str!("../../../../docs/COMPATIBILITY.md");

const DECLARED: &[Declared] = &[Declared {
    id: "password-masked",
    documented: "| passwords in dumps | shown | eight stars, as in 2.4 |",
    covers: |f| is_dump(f) && f.text.trim_start().starts_with("Password"),
}];

fn is_dump(finding: &Finding) -> bool {
    matches!(finding.surface, Surface::VrrpDump | Surface::LvsDump)
}

/// The id of the declared difference that a finding is.
pub(crate) fn excuse(finding: &Finding) -> Option<&'static str> {
    DECLARED.iter().find(|declared| (declared.covers)(finding)).map(|declared| declared.id)
}

/// A declaration that covers nothing has outlived its reason.
pub(crate) fn assert_all_are_met(report: &Report) {
    for Declared { id, .. } in DECLARED {
        assert!(report.declared.contains_key(id), "no file shows the declared difference `{id}` any more");
    }
}

#[test]
fn every_declared_difference_is_told_to_operators() {
    for Declared { id, documented, .. } in DECLARED {
        assert!(
            COMPATIBILITY.contains(documented),
            "{id}: docs/COMPATIBILITY.md does not say `{documented}`"
        );
    }
}
