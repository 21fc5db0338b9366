//! The files that give names to numbers, on disk.

use crate::config::environment::{NameDirectories, NameFile};
use crate::config::value::parse_names;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Where distributions put iproute2's files: those of today, and those of a short time.
const USUAL: [&str; 2] = ["/usr/share/iproute2", "/usr/lib/iproute2"];
const ETC: &str = "/etc/iproute2";
const IP_PROTOCOLS: &str = "/etc/protocols";

/// Answers from the files, each read once.
#[derive(Debug, Default)]
pub struct NameFiles {
    read: Mutex<BTreeMap<NameFile, BTreeMap<String, u32>>>,
}

impl NameFiles {
    /// The number that a file gives to a name.
    #[must_use]
    pub fn number(&self, file: NameFile, directories: &NameDirectories, name: &str) -> Option<u32> {
        let mut read = self.read.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        read.entry(file).or_insert_with(|| names(file, directories)).get(name).copied()
    }
}

/// All that the files of a kind say; the first name counts where two are the same.
fn names(file: NameFile, directories: &NameDirectories) -> BTreeMap<String, u32> {
    let mut names = BTreeMap::new();
    for path in paths(file, directories) {
        let Ok(text) = std::fs::read(&path) else { continue };
        for (name, number) in parse_names(file, &String::from_utf8_lossy(&text)) {
            names.entry(name).or_insert(number);
        }
    }
    names
}

/// As iproute2 does: a file of the machine takes the place of the distribution's of that name, in the
/// directories of further files as well.
fn paths(file: NameFile, directories: &NameDirectories) -> Vec<PathBuf> {
    let name = match file {
        NameFile::Tables => "rt_tables",
        NameFile::Protocols => "rt_protos",
        NameFile::Scopes => "rt_scopes",
        NameFile::Realms => "rt_realms",
        NameFile::Dsfield => "rt_dsfield",
        NameFile::Groups => "group",
        NameFile::IpProtocols => return vec![IP_PROTOCOLS.into()],
    };
    let etc = directories.etc.as_deref().unwrap_or(Path::new(ETC));
    let usr = directories.usr.clone().or_else(|| USUAL.map(PathBuf::from).into_iter().find(|d| d.is_dir()));
    let mut paths: Vec<PathBuf> = Vec::new();
    paths.extend(
        [Some(etc), usr.as_deref()].into_iter().flatten().map(|dir| dir.join(name)).find(|p| p.is_file()),
    );
    let further = format!("{name}.d");
    let local = conf_files(&etc.join(&further));
    let taken: BTreeSet<_> = local.iter().filter_map(|path| path.file_name()).collect();
    if let Some(usr) = usr {
        let of_usr = conf_files(&usr.join(&further));
        paths.extend(
            of_usr.into_iter().filter(|path| !path.file_name().is_some_and(|name| taken.contains(name))),
        );
    }
    paths.extend(local);
    paths
}

/// The files of a directory whose names end in `.conf`, sorted.
fn conf_files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    let hidden = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    paths.retain(|path| path.extension().is_some_and(|end| end == "conf") && !hidden(path) && path.is_file());
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    /// oracle: iproute2's rules for its directories, as its manual has them.
    #[test]
    fn files_of_the_machine_stand_before_those_of_the_distribution() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("usr/rt_tables", "1 hidden\n");
        write("etc/rt_tables", "2 shown\n");
        write("usr/rt_tables.d/a.conf", "3 hidden_too\n");
        write("usr/rt_tables.d/b.conf", "4 of_usr\n");
        write("etc/rt_tables.d/a.conf", "5 of_etc\n");
        write("etc/rt_tables.d/README", "6 readme\n");
        write("usr/rt_realms", "7 realm\n");
        let directories =
            NameDirectories { usr: Some(dir.path().join("usr")), etc: Some(dir.path().join("etc")) };
        let files = NameFiles::default();
        let number = |file, name| files.number(file, &directories, name);
        let found = ["hidden", "shown", "hidden_too", "of_usr", "of_etc", "readme"]
            .map(|name| number(NameFile::Tables, name));
        assert_eq!(found, [None, Some(2), None, Some(4), Some(5), None]);
        assert_eq!(number(NameFile::Realms, "realm"), Some(7));
    }
}
