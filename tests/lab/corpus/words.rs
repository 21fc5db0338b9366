//! Arguments at random, from the notation of the keyword tables: `ADDRESS [PORT]`, `on|off`, `NAME…`.

/// Numbers that a seed decides on (Steele, Lea and Flood's SplitMix64).
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n.max(1) as u64).unwrap_or(0)
    }

    /// In so many of a thousand cases.
    pub(super) fn permille(&mut self, share: usize) -> bool {
        self.below(1000) < share
    }

    pub(super) fn of<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }
}

/// What a placeholder stands for: words in order, and words that are not.
fn values(placeholder: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match placeholder {
        "ADDRESS" | "HOST" | "DESTINATION" => (
            &["10.0.0.7", "10.1.2.3", "192.0.2.9", "2001:db8::7", "fe80::7", "10.0.0.8", "::1"],
            &[
                "10.0.0.999",
                "10.0.0",
                "x",
                "10.0.0.1/33",
                "fe80::/129",
                "10.0.0.5/24",
                "default",
                "224.0.0.18",
                "0.0.0.0",
                "fe80:::1",
            ],
        ),
        "BOOL" => (&["on", "off", "true", "false", "yes", "no"], &["maybe", "1", "0", "ON", "on off"]),
        "INTERFACE" => (&["eth0", "eth1", "lo"], &["eth9", "abcdefghijklmnopqrst", "eth0.5", "0"]),
        "INSTANCE" => (&["V0", "V1", "V2"], &["V9", "V0 V0", "\"V 0\""]),
        "FILE" => (&["f0", "f1"], &["f9", "f0 f1"]),
        "PROCESS" => (&["p0", "p1"], &["p9"]),
        "SESSION" => (&["b0", "b1"], &["b9"]),
        "SCRIPT" | "COMMAND" => (
            &["/usr/bin/true", "\"/usr/bin/true a b\"", "/bin/false", "\"/usr/bin/true 'a b' c\""],
            &[
                "/nowhere/x",
                "nowhere",
                "\"/usr/bin/true 'a\"",
                "\"\"",
                "true",
                "\"/usr/bin/true\" x",
                "/etc/passwd",
                "/usr",
                "\"a\\\\\"",
            ],
        ),
        "USER" | "GROUP" => (&["root", "0"], &["nobodyx", "99999999999", "\"\""]),
        "PATH" => (&["/run/a", "/run/b"], &["a", "/nowhere/a", "/run", "\"/run/a b\"", "/usr/bin/true"]),
        "DIRECTORY" => (&["/run", "/tmp"], &["nowhere", "/nowhere", "/etc/passwd"]),
        "NAME" => (
            &["n0", "n1", "n2"],
            &["abcdefghijklmnopqrstuvwxyzabcdefghijklmnop", "\"\"", "a/b", "\"n 0\"", "n0 n1"],
        ),
        "MAC" => (
            &["02:00:00:00:01:02", "00:00:5e:00:01:33"],
            &["02:00:00:00:01", "02:00:00:00:xx:01", "01:00:00:00:00:01", "ff"],
        ),
        "HEX" => (&["00", "a1b2c3", "ff"], &["g", "123", "0x12", "a b"]),
        "PASSWORD" | "STRING" => (&["secret", "s"], &["123456789", "\"\"", "\"a b\""]),
        "TEXT" | "PATTERN" | "ARGUMENT" => {
            (&["text", "\"a text\"", "a.c"], &["[a", "\"unended", "a b", "(", "\"\""])
        }
        "NETMASK" | "PREFIXLEN" => (&["24", "255.255.255.0"], &["33", "255.255.255.9", "x", "-1"]),
        "PREFIX" => (&["24", "32", "64"], &["33", "129", "x", "", "0", "-1"]),
        "MARK" | "MASK" => (&["1", "0x10"], &["x", "-1", "4294967296", "5x"]),
        "PORT" => (&["80", "443", "1"], &["0", "65536", "x", "http", "80x", "-1"]),
        "TOS" | "SCOPE" | "REALM" | "PROTOCOL" | "TABLE" | "TYPE" | "VERSION" => {
            (&["4", "1", "2"], &["x", "256", "-1", "0", "global", "main", "0x10", "tcp"])
        }
        "TIME" => (&["5", "300ms", "2s"], &["x", "5x", "0", "-1", "1.5", "1000000s"]),
        "ID" => (&["1", "255", "7"], &["0", "256", "x"]),
        "ACTION" => {
            (&["blackhole", "table 5", "prohibit", "goto 5", "nop"], &["x", "table x", "table", "goto x"])
        }
        "OPTION" => (&["nodad"], &["x"]),
        "SEED" => (&["5"], &["x", "-1", "5x"]),
        _ => (&["1", "2", "5", "10", "50", "100"], ODD_NUMBERS),
    }
}

const ODD_NUMBERS: &[&str] = &[
    "0",
    "-1",
    "x",
    "5x",
    "1.5",
    "0.5",
    "1.2345678",
    "256",
    "65536",
    "4294967295",
    "4294967296",
    "99999999999999999999",
    "0x10",
    "010",
    "+5",
    "-0",
    "\"5\"",
    "5,",
    "300",
    "1000",
    "5000",
    "-5x",
    "1e3",
    ".5",
    "5.",
    "--1",
    "\"\"",
    "255",
    "254",
];

/// The ends of `1 to 255`, and what is just beyond.
fn around(range: &str) -> Vec<i128> {
    let numbers = range
        .split(|c: char| c.is_whitespace() || c == ';')
        .filter_map(|word| word.trim_end_matches(',').parse::<i128>().ok());
    numbers.flat_map(|n| [n - 1, n, n + 1]).collect()
}

/// Writes arguments by their notation.
pub(super) struct Arguments<'c> {
    pub(super) chance: &'c mut Chance,
    /// Of a thousand words, how many are not in order.
    pub(super) faults: usize,
    pub(super) range: &'c str,
}

impl Arguments<'_> {
    /// `pattern` with words for its placeholders.
    pub(super) fn write(&mut self, pattern: &str) -> String {
        // A command with its arguments is one word.
        let pattern = if pattern.contains('"') { "COMMAND" } else { pattern };
        let ways = split(pattern, " | ");
        if ways.len() > 1 {
            let way = ways[self.chance.below(ways.len())];
            return self.write(way);
        }
        let words: Vec<String> = split(pattern, " ").into_iter().map(|item| self.item(item)).collect();
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }

    fn item(&mut self, item: &str) -> String {
        if let Some(inner) = item.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
            && split(item, "\0").len() == 1
            && closes_at_end(item)
        {
            return if self.chance.permille(500) { self.write(inner) } else { String::new() };
        }
        if let Some(one) = item.strip_suffix('…') {
            let count = 1 + self.chance.below(3);
            return (0..count).map(|_| self.item(one)).collect::<Vec<_>>().join(" ");
        }
        let ways = split(item, "|");
        if ways.len() > 1 && !ways.iter().any(|way| way.is_empty()) {
            let way = ways[self.chance.below(ways.len())];
            return self.item(way);
        }
        if let Some((head, tail)) = item.split_once('[') {
            let tail = tail.trim_end_matches(']').trim_matches(['…', '|']);
            let head = self.item(head);
            let sign: String = tail.chars().take_while(|c| !c.is_alphanumeric()).collect();
            return match self.chance.permille(500) {
                true => format!("{head}{sign}{}", self.item(&tail[sign.len()..])),
                false => head,
            };
        }
        if item.starts_with(|c: char| c.is_ascii_uppercase()) && item.chars().all(|c| c.is_ascii_uppercase())
        {
            return self.value(item);
        }
        if self.chance.permille(self.faults) {
            self.chance.of(&["x", "", "5"]).to_owned()
        } else {
            item.to_owned()
        }
    }

    fn value(&mut self, placeholder: &str) -> String {
        // Words that are spelt in capitals themselves.
        if matches!(
            placeholder,
            "MASTER"
                | "BACKUP"
                | "PASS"
                | "AH"
                | "NAT"
                | "DR"
                | "TUN"
                | "MII"
                | "ETHTOOL"
                | "IOCTL"
                | "VS"
                | "MTU"
                | "ADVERT"
        ) {
            return match self.chance.permille(self.faults) {
                true => placeholder.to_lowercase(),
                false => placeholder.to_owned(),
            };
        }
        let (good, odd) = values(placeholder);
        let numeric = std::ptr::eq(odd, ODD_NUMBERS);
        let ends = if numeric { around(self.range) } else { Vec::new() };
        let is_odd = self.chance.permille(self.faults);
        if numeric
            && self.chance.permille(400)
            && let Some(end) = ends.get(self.chance.below(ends.len()))
        {
            let inside = ends.get(1).is_some_and(|low| end >= low)
                && ends.iter().rev().nth(1).is_some_and(|high| end <= high);
            if inside || is_odd {
                return end.to_string();
            }
        }
        self.chance.of(if is_odd { odd } else { good }).to_owned()
    }
}

/// Splits outside brackets.
fn split<'a>(pattern: &'a str, at: &str) -> Vec<&'a str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0_usize, 0);
    for (n, c) in pattern.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && n >= from && pattern[n..].starts_with(at) {
            parts.push(&pattern[from..n]);
            from = n + at.len();
        }
    }
    parts.push(&pattern[from..]);
    parts
}

/// Whether the first bracket is closed by the last one.
fn closes_at_end(item: &str) -> bool {
    let mut depth = 0_usize;
    for (n, c) in item.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return n + 1 == item.len();
        }
    }
    false
}

#[test]
fn notation_becomes_words() {
    let mut chance = Chance::new(1);
    let mut write = |pattern: &str| Arguments { chance: &mut chance, faults: 0, range: "" }.write(pattern);
    for _ in 0..50 {
        assert!(["on", "off"].contains(&write("on|off").as_str()));
        assert!(["", "never"].contains(&write("[never]").as_str()));
        let address = write("ADDRESS [PORT] | fwmark N");
        assert!(address.starts_with("fwmark ") || address.contains(['.', ':']), "{address}");
        let entry = write("[[name] INTERFACE] [group N]");
        assert!(!entry.contains(['[', ']']), "{entry}");
    }
}
