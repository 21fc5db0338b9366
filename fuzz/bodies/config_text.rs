//! Any bytes are a configuration: reading them ends, and all that is said of them can be shown.

use std::path::Path;
use vrrpd::config::environment::Described;
use vrrpd::config::load;
use vrrpd::config::source::MemoryFiles;

/// The text up to each line `%%` is a file: the one that `-f` names, then `1`, `2`, … beside it.
pub(crate) fn run(data: &[u8]) {
    let mut files = MemoryFiles::default();
    for (n, text) in parts(data).into_iter().enumerate() {
        files = files.with(if n == 0 { "/k.conf".to_owned() } else { format!("/{n}") }.as_str(), text);
    }
    let environment = Described { config_id: Some("a".to_owned()), ..Described::default() };
    let loaded = load(Path::new("/k.conf"), &files, &environment);
    for diagnostic in loaded.diagnostics.iter().take(50) {
        assert!(!diagnostic.render(&loaded.sources, false).is_empty());
        let classic = diagnostic.classic_lines(&loaded.sources);
        assert!(!classic.is_empty());
        if let Some(span) = diagnostic.span {
            let (line, column) = loaded.sources.position(span);
            assert!(line >= 1 && column >= 1);
            assert!(loaded.sources.text(span).len() == span.range().len(), "a span cuts a character");
        }
    }
    let again = load(Path::new("/k.conf"), &files, &environment);
    assert!(again.config == loaded.config, "the same text is read in two ways");
}

fn parts(data: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut rest = data;
    while let Some(at) = rest.windows(4).position(|window| window == b"\n%%\n") {
        parts.push(&rest[..at]);
        rest = &rest[at + 4..];
    }
    parts.push(rest);
    parts
}
