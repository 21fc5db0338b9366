//! Lines of the log that both daemons need not have in common.

/// A line of the log without what differs from run to run; `None` for lines that are not compared.
pub(super) fn normal(line: &str, dir: &str) -> Option<String> {
    // `Sat Nov 21 01:55:25 2026: text`
    let text = line.get(26..).filter(|_| line.get(24..26) == Some(": ")).unwrap_or(line);
    let text = text.replace(dir, "DIR");
    // Of which instance it is does not matter here.
    let nameless = text.strip_prefix("(VI_").and_then(|rest| rest.split_once(')')).map(|(_, rest)| rest);
    let is_of_any = |words: &str| match words.strip_prefix("(VI)") {
        Some(words) => nameless.is_some_and(|rest| rest.starts_with(words)),
        None => text.starts_with(words),
    };
    if NOT_COMPARED.iter().any(|(words, _)| is_of_any(words)) {
        return None;
    }
    Some(without_numbers(&text))
}

/// Beginnings of lines that differ on purpose, and why; `(VI)` is any instance.
const NOT_COMPARED: &[(&str, &str)] = &[
    ("Starting Keepalived v", "each says its own name"),
    ("Starting vrrpd v", "each says its own name"),
    ("Stopped Keepalived v", "each says its own name"),
    ("Stopped vrrpd v", "each says its own name"),
    ("Running on Linux", "keepalived adds the kernel that it was built for"),
    ("Command line: ", "each says its own path"),
    ("NOTICE: setting config option max_auto_priority", "vrrpd's protocol thread is real-time without it"),
    ("Opening file '", "vrrpd reads all its files at once, in the parent"),
    ("Registering ", "about sockets inside keepalived"),
    ("VRRP sockpool: ", "keepalived opens its sockets anew at each reload"),
    ("Assigned address", "keepalived tells of link-local addresses too, and again at each reload"),
    ("Deassigned address", "keepalived tells of addresses that matter to nobody"),
    ("(lo) MAC Address changed", "an accident: `lo` has had that address all along"),
    ("(VI) nobody has taken over", "keepalived does not wait for a successor"),
    ("(VI) fault is gone ", "vrrpd says what was mended"),
    ("(VI): entering FAULT state ", "vrrpd always says why, keepalived not when a link goes"),
    ("(VI) entering FAULT state ", "vrrpd always says why, keepalived not when an address goes"),
    ("(VI) master set to ", "a line of keepalived 2.4"),
    ("(VI) master changed from ", "a line of keepalived 2.4"),
    ("(VI) advertisement interval mismatch", "a line of keepalived 2.4; 2.2 has other words for VRRPv2"),
    ("(VI) invalid TTL/HL", "said once and with the sender, as keepalived 2.4 does"),
    ("(VI) Invalid VRRPv3 checksum", "said once and with the sender, as keepalived 2.4 does"),
    ("(VI) Invalid packet type", "said once and with the sender, as keepalived 2.4 does"),
    ("(VI) wrong ", "said once and with the sender, as keepalived 2.4 does"),
    ("(VI) vrrp packet ", "said once and with the sender, as keepalived 2.4 does"),
    ("(VI) received an invalid passwd", "said once and with the sender, as keepalived 2.4 does"),
    ("(VI) received a 0 auth", "said once and with the sender, as keepalived 2.4 does"),
    ("(VI) Expected multicast packet", "said once and with the sender, as keepalived 2.4 does"),
];

/// Numbers of processes, descriptors and interfaces, and times used, differ from run to run.
fn without_numbers(text: &str) -> String {
    if text.starts_with("Stopped - used") {
        // Scripts are children of keepalived's VRRP process, and of vrrpd's runner.
        return "Stopped - used".to_owned();
    }
    if text.starts_with("CPU usage") {
        return text.chars().filter(|c| !c.is_ascii_digit()).collect();
    }
    let mut text = text.to_owned();
    for before in ["pid=", "fd(", "ifindex("] {
        if let Some((head, tail)) = text.split_once(before) {
            let tail = tail.trim_start_matches(|c: char| c.is_ascii_digit() || c == ',' || c == ' ');
            text = format!("{head}{before}N{tail}");
        }
    }
    text
}
