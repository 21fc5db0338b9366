//! A configuration written out is the same configuration: text → lines → text → lines, and no step changes
//! what it means.

use super::files;
use std::path::Path;
use vrrpd::config::dump::{Runtime, dump, dump_bfd, dump_lvs};
use vrrpd::config::environment::Described;
use vrrpd::config::source::MemoryFiles;
use vrrpd::config::{Config, Passwords, expand, load};

/// keepalived's line buffer: what an expansion makes longer cannot be read again from one line.
const LONGEST_LINE: usize = 1022;

/// The files are those of [`files::files`].
pub(crate) fn run(data: &[u8]) {
    let files = files::files(data);
    let machine = Described { config_id: Some("a".to_owned()), ..Described::default() };
    let path = Path::new("/k.conf");
    let written = expand(path, &files, &machine, Passwords::Shown).text;
    if written.lines().any(|line| line.len() > LONGEST_LINE) {
        return;
    }
    let again = MemoryFiles::single("/k.conf", written.as_bytes());
    let twice = expand(path, &again, &machine, Passwords::Shown).text;
    assert_eq!(twice, written, "written out twice it is another text");
    let (config, other) = (load(path, &files, &machine).config, load(path, &again, &machine).config);
    assert!(other == config, "written out it is another configuration:\n{written}");
    assert_eq!(dumped(&other), dumped(&config));
}

fn dumped(config: &Config) -> String {
    dump_bfd(config, &Default::default()) + &dump(config, &Runtime::default()) + &dump_lvs(config)
}
