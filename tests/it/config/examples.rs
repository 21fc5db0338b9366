//! The files of examples/conf: an operator's first copy must be in order.

use std::path::{Path, PathBuf};
use vrrpd::config::environment::Anywhere;
use vrrpd::config::load;
use vrrpd::config::source::MemoryFiles;

fn conf_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            conf_files(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "conf") {
            found.push(path);
        }
    }
}

#[test]
fn every_example_is_read_without_a_word() {
    let mut paths = Vec::new();
    conf_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/conf"), &mut paths);
    assert!(paths.len() >= 8, "{paths:?}");
    for path in paths {
        let files = MemoryFiles::single("x.conf", std::fs::read(&path).unwrap());
        let loaded = load("x.conf".as_ref(), &files, &Anywhere);
        let rendered: Vec<String> =
            loaded.diagnostics.iter().map(|d| d.render(&loaded.sources, false)).collect();
        assert!(rendered.is_empty(), "{}:\n{}", path.display(), rendered.join("\n\n"));
        assert!(!loaded.config.instances.is_empty(), "{}", path.display());
    }
}
