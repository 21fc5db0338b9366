//! Differences from keepalived that are meant, each with its reason.
//!
//! The reason stands in `docs/COMPATIBILITY.md` too, where operators find it.

use super::finding::{Finding, Reached, Report, Side, Surface};

struct Declared {
    id: &'static str,
    /// A piece of the row of `docs/COMPATIBILITY.md` that gives the reason.
    documented: &'static str,
    covers: fn(&Finding) -> bool,
}

const COMPATIBILITY: &str = include_str!("../../../../docs/COMPATIBILITY.md");

const DECLARED: &[Declared] = &[
    Declared {
        id: "password-masked",
        documented: "| passwords in dumps and messages | shown | eight stars, as in 2.4 |",
        covers: |f| {
            let dumped = is_dump(f) && f.text.trim_start().starts_with("Password");
            let quoted =
                ["Unterminated quote", "Unmatched quote"].iter().any(|start| f.text.starts_with(start));
            dumped
                || (is_said(f)
                    && quoted
                    && ["auth_pass", "password", "********"].iter().any(|word| f.text.contains(word)))
        },
    },
    Declared {
        id: "no-libnftnl",
        documented: "| `libnftnl version` in dumps |",
        covers: |f| f.surface == Surface::VrrpDump && f.text.starts_with(" libnftnl version"),
    },
    Declared {
        id: "host-of-mail-is-asked-for-late",
        documented: "| `smtp_server HOST` | looked up while the file is read",
        covers: |f| {
            let dumped = is_dump(f) && f.text.starts_with(" Smtp server");
            dumped || (is_said(f) && f.text.contains("Invalid smtp server"))
        },
    },
    Declared {
        id: "no-number-of-a-link-before-the-start",
        documented: "| number of the interface behind an IPv6 group in `-d` |",
        covers: |f| is_dump(f) && f.text.starts_with("   Multicast address ff"),
    },
    Declared {
        id: "unicast-without-interface",
        documented: "| unicast without `interface` | 2.2.7 refuses it: `Unknown interface!` |",
        covers: |f| is_said(f) && f.side == Side::Missing && f.text.ends_with(" Unknown interface!"),
    },
    Declared {
        id: "all-problems-are-told",
        documented: "| a keyword without its argument | the process ends with status 2 at once | the same status, but all problems are told first |",
        covers: |f| is_said(f) && f.side == Side::Extra && f.reached == Reached::Line,
    },
    Declared {
        id: "all-instances-are-looked-at",
        documented: "| an instance that cannot run | the others are not looked at | all problems are told |",
        covers: |f| {
            is_said(f) && f.side == Side::Extra && f.reached == Reached::Completion && f.place.is_empty()
        },
    },
    Declared {
        id: "no-crash",
        documented: "| `-t` of some files | crashes, or ends itself by a signal when a script has a user other than root | a verdict |",
        // What it did not come to say; what it did say is ours, too.
        covers: |f| {
            let last_words = ["Segmentation fault", "Terminated"].contains(&f.text.as_str());
            let its_end = last_words || f.reached == Reached::Crash && f.side == Side::Extra;
            is_said(f) && its_end || !is_said(f) && !is_dump(f) && f.reached == Reached::Crash
        },
    },
    Declared {
        id: "no-dump-of-a-bfd-process",
        documented: "its own log name and its own dump on `-d` |",
        // Two processes at once: where one line stands among the other's is chance.
        covers: |f| {
            let several = [
                "pq002-1044",
                "pq096-check-align-vrrp-loop",
                "pq097-check-align-vrrp-loop0",
                "pq098-check-align-old",
            ];
            let global = f.text.starts_with(' ') && !f.text.starts_with("  ");
            let of_both = several.contains(&f.file.as_str()) && (global || f.text.starts_with("------< "));
            is_dump(f) && (of_both || f.place == "BFD Topology" || f.text.contains("< BFD Topology >"))
        },
    },
    Declared {
        id: "statics-are-not-marked",
        documented: "| static addresses and routes in dumps |",
        covers: |f| {
            let address = f.place == "Static Addresses" && f.text.contains(" scope ");
            let of_file =
                f.file == "up016-acassen-track-interface" || f.text.contains(" [installed ifindex ");
            is_dump(f) && (address || f.place == "Static Routes" && of_file)
        },
    },
    Declared {
        id: "check-that-holds",
        documented: "| `Check unicast src` in dumps |",
        covers: |f| is_dump(f) && f.text.trim_start().starts_with("Check unicast src : "),
    },
    Declared {
        id: "order-of-links-in-a-garp-group",
        documented: "| interfaces of a `garp_group` in dumps |",
        covers: |f| is_dump(f) && f.place.starts_with("GARP delay group ") && f.text.starts_with("  eth"),
    },
    Declared {
        id: "long-routes-are-told-once",
        documented: "| lists of routes in the log of `-d` |",
        covers: |f| {
            let tail = f.text.contains("fastopen_no_cookie") || f.text.contains("open_no_cookie 0");
            is_dump(f) && f.place == "Static Routes" && (tail || f.text.len() > 250)
        },
    },
    Declared {
        id: "links-that-are-not-up-yet",
        documented: "| `is_up` and what a VMAC is on, in the log of `-d` |",
        covers: |f| {
            let file = ["pq132-seq2a", "pq098-check-align-old"].contains(&f.file.as_str());
            let text = f.text.trim_start();
            let starts = ["Interface = vrrp", "Use VMAC, i/f name", "Use IPVLAN, i/f"];
            is_dump(f) && file && starts.iter().any(|start| text.starts_with(start))
        },
    },
    Declared {
        id: "looked-at-in-another-namespace",
        documented: "| `-t` with a `net_namespace` that is not there | exits 0 and has looked at nothing else |",
        covers: |f| !is_dump(f) && f.side == Side::Extra && f.reached == Reached::Namespace,
    },
    Declared {
        id: "backslash-behind-comment",
        documented: "| a backslash behind a comment | 2.2.7: an unknown keyword, unless in a definition; 2.4: ends a definition | ignored, unless in a definition, which goes on; and says so |",
        covers: |f| {
            let there = f.side == Side::Missing && f.text.ends_with("\\'") && f.place.ends_with("\\`");
            // What the line means to us without its backslash.
            let then =
                f.file == "rw267-vincentlk-haproxy" && f.text.contains("does not support authentication");
            is_said(f) && (there || then)
        },
    },
    Declared {
        id: "every-missing-track-file-is-told",
        documented: "| `-t` of a file that tracks a `track_file` which is not defined |",
        covers: |f| {
            is_said(f)
                && f.side == Side::Extra
                && f.text.contains(") track file ")
                && f.text.contains("not found")
        },
    },
    Declared {
        id: "track-file-in-no-directory",
        documented: "| a `track_file` in a directory that is not there | left out | kept |",
        covers: |f| {
            let text = f.text.trim_start();
            is_dump(f)
                && f.side == Side::Extra
                && (f.place == "VRRP Track files"
                    || f.text == "   Tracked files :"
                    || text.starts_with("offset_instance_"))
        },
    },
    Declared {
        id: "regex-options-as-given",
        documented: "| `Regex options`, timeouts of UDP checks, `(null)` in dumps and messages |",
        covers: |f| f.surface == Surface::LvsDump && f.text.starts_with("     Regex options:"),
    },
    Declared {
        id: "smtp-host-timeout",
        documented: "| `host` behind the address of an `SMTP_CHECK` | its timeout is 0 |",
        covers: |f| f.file == "pq101-chk-smtp-test" && f.text.starts_with("     Timeout = "),
    },
    Declared {
        id: "no-failure-of-a-check-that-is-not-made",
        documented: "| a `MISC_CHECK` with `alpha` whose script cannot run | left out, and counted as failed for ever |",
        covers: |f| {
            let state = ["num failed checkers", "alive", "RS set", "quorum_state_up"];
            ["pq098-check-align-old", "pq128-params"].contains(&f.file.as_str())
                && state.iter().any(|label| f.text.trim_start().starts_with(label))
        },
    },
    Declared {
        id: "decimals-of-scripts",
        documented: "| `interval` and `timeout` of a script with decimals | 2.2: 1 s | taken, as in 2.4 |",
        covers: |f| {
            let of_script = ["`interval ", "`timeout "].iter().any(|keyword| f.place.contains(keyword));
            is_said(f) && of_script && (f.text.contains('.') || f.text.contains("outside range [0, 4294]"))
        },
    },
    Declared {
        id: "interface-of-a-list-by-its-name",
        documented: "| `garp_group already specified for` in messages about `interfaces` |",
        covers: |f| {
            is_said(f) && f.place.contains("`}") && f.text.starts_with("garp_group already specified for")
        },
    },
    Declared {
        id: "family-of-a-session",
        documented: "| a session whose `source_ip` is of another family | names the source twice |",
        covers: |f| {
            is_said(f)
                && f.text.starts_with("Configuration error: BFD instance")
                && f.text.contains("are not of the same family")
        },
    },
    Declared {
        id: "named-instead-of-null",
        documented: "`(null)` in dumps and messages",
        covers: |f| {
            let script = [" quorum_", " notify_up", " notify_down"].iter().any(|word| f.text.contains(word));
            is_said(f)
                && ((script && f.text.contains("already specified"))
                    || f.text.starts_with("Invalid real server ip address/port"))
        },
    },
    Declared {
        id: "last-byte-of-a-payload",
        documented: "| a `payload` or `require_reply` that ends in the byte ff | refused | taken |",
        covers: |f| {
            let ends_so = f.place.trim_end_matches(['`', '"']).to_ascii_lowercase().ends_with("ff");
            is_said(f)
                && f.side == Side::Missing
                && f.text.starts_with("Invalid hex string for UDP_CHECK")
                && ends_so
        },
    },
    Declared {
        id: "hysteresis-of-no-quorum",
        documented: "| `hysteresis` of a virtual server without any weight | 4294967295 | 0 |",
        covers: |f| {
            is_said(f) && f.text.ends_with("hysteresis 0 >= quorum 0; setting hysteresis to 4294967295")
        },
    },
];

/// Those that no published file shows: the files that `tests/lab/corpus` makes do.
const OF_RANDOM_FILES: [&str; 5] = [
    "decimals-of-scripts",
    "interface-of-a-list-by-its-name",
    "family-of-a-session",
    "last-byte-of-a-payload",
    "hysteresis-of-no-quorum",
];

fn is_said(finding: &Finding) -> bool {
    matches!(finding.surface, Surface::Said | Surface::BareSaid)
}

fn is_dump(finding: &Finding) -> bool {
    matches!(finding.surface, Surface::VrrpDump | Surface::LvsDump)
}

/// The id of the declared difference that a finding is.
pub(crate) fn excuse(finding: &Finding) -> Option<&'static str> {
    DECLARED.iter().find(|declared| (declared.covers)(finding)).map(|declared| declared.id)
}

/// A declaration that covers nothing has outlived its reason.
pub(crate) fn assert_all_are_met(report: &Report) {
    for Declared { id, .. } in DECLARED.iter().filter(|declared| !OF_RANDOM_FILES.contains(&declared.id)) {
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
