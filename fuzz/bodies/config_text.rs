//! Any bytes are a configuration: reading them ends, and all that is said of them can be shown.

use super::files;
use std::path::Path;
use vrrpd::config::environment::Described;
use vrrpd::config::record;

/// The files are those of [`files::files`].
pub(crate) fn run(data: &[u8]) {
    let files = files::files(data);
    let environment = Described { config_id: Some("a".to_owned()), ..Described::default() };
    let (loaded, recording) = record(Path::new("/k.conf"), &files, &environment);
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
    let again = recording.load();
    assert!(again.config == loaded.config, "what is handed over is read in another way");
    assert!(again.diagnostics == loaded.diagnostics, "what is handed over is told in another way");
}
