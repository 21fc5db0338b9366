//! Debian's cloud kernel: found in the build directory, or brought there with apt.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The meta package that names the current version.
const META: &str = "linux-image-cloud-amd64";

/// An unpacked kernel package.
pub(super) struct Kernel {
    /// What is booted.
    pub(super) image: PathBuf,
    /// `lib/modules/VERSION`.
    modules: PathBuf,
}

/// A module, or the reason why there is none.
pub(super) struct Module {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

impl Kernel {
    /// The kernel in `cache`; without one, the current version is downloaded and unpacked there.
    pub(super) fn get(cache: &Path) -> io::Result<Self> {
        let kept = cache.join("kernel");
        if !kept.exists() {
            let new = tempfile::tempdir_in(cache)?;
            download(new.path())?;
            fs::rename(new.path().join("kernel"), &kept)?;
        }
        let modules = only_entry(&kept.join("lib/modules"))?;
        let version = modules.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { image: kept.join(format!("boot/vmlinuz-{version}")), modules })
    }

    /// The named modules and those that they need, in an order in which they can be loaded.
    pub(super) fn modules(&self, names: &[&str]) -> io::Result<Vec<Module>> {
        let mut files = Vec::new();
        find_modules(&self.modules.join("kernel"), &mut files)?;
        let built_in = fs::read_to_string(self.modules.join("modules.builtin"))?;
        let mut order = Vec::new();
        names.iter().try_for_each(|name| load(name, &files, &built_in, &mut order))?;
        Ok(order)
    }
}

/// Fetches the package into `dir` and unpacks it to `dir/kernel`.
fn download(dir: &Path) -> io::Result<()> {
    let fetch = || -> io::Result<()> {
        let depends = output(Command::new("apt-cache").args(["depends", META]))?;
        let package = depends.lines().find_map(|line| line.split_once("Depends: linux-image-"));
        let (_, version) = package.ok_or_else(|| io::Error::other(format!("apt knows no {META}")))?;
        let package = format!("linux-image-{}", version.trim());
        output(Command::new("apt-get").args(["-q", "download", &package]).current_dir(dir)).map(drop)
    };
    // An old list may name a version that has left the mirror.
    fetch().or_else(|_| output(Command::new("apt-get").args(["-q", "update"])).and_then(|_| fetch()))?;
    let package = only_entry(dir)?;
    output(Command::new("dpkg-deb").arg("-x").arg(package).arg(dir.join("kernel"))).map(drop)
}

fn output(command: &mut Command) -> io::Result<String> {
    let done = command.output().map_err(|error| io::Error::other(format!("{command:?}: {error}")))?;
    if !done.status.success() {
        let words = String::from_utf8_lossy(&done.stderr);
        return Err(io::Error::other(format!("{command:?}: {}: {words}", done.status)));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

fn only_entry(dir: &Path) -> io::Result<PathBuf> {
    let first = fs::read_dir(dir)?.next();
    first.ok_or_else(|| io::Error::other(format!("nothing in {}", dir.display())))?.map(|entry| entry.path())
}

fn find_modules(dir: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            find_modules(&path, found)?;
        } else if path.extension().is_some_and(|end| end == "ko") {
            found.push(path);
        }
    }
    Ok(())
}

/// Depth first, so that what is needed comes before what needs it.
fn load(name: &str, files: &[PathBuf], built_in: &str, order: &mut Vec<Module>) -> io::Result<()> {
    // Files are written with either, the kernel takes them for the same.
    let same = |stem: &str| stem.replace('-', "_") == name.replace('-', "_");
    if order.iter().any(|module| same(&module.name)) {
        return Ok(());
    }
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let Some(path) = files.iter().find(|path| same(&stem(path))) else {
        if built_in.lines().any(|line| same(&stem(Path::new(line)))) {
            return Ok(());
        }
        return Err(io::Error::other(format!("this kernel has no module {name}")));
    };
    let bytes = fs::read(path)?;
    for needed in depends(&bytes) {
        load(&needed, files, built_in, order)?;
    }
    order.push(Module { name: stem(path), bytes });
    Ok(())
}

/// The modules that a module says it needs: `depends=a,b` among the strings of its `.modinfo` section.
fn depends(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else { return Vec::new() };
    let value = module[at + KEY.len()..].split(|byte| *byte == 0).next().unwrap_or_default();
    let value = String::from_utf8_lossy(value);
    value.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
