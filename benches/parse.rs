//! How long reading a configuration takes and how much memory, beside `keepalived -t` in the same run.
//!
//! `cargo bench --bench parse`, with sizes as arguments if others than the usual are wanted. Each
//! reading is a process of its own, so that the peak of one says nothing about the next. The files
//! hold no repeated text: the instances are made by `~SEQ`, and once more written out, because the two
//! take different ways.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use vrrpd::config::environment::Anywhere;
use vrrpd::config::load;
use vrrpd::daemon::files::DiskFiles;

/// VRIDs of an interface: 256 interfaces of these make 65,024.
const VRIDS: usize = 254;
const SIZES: [usize; 4] = [10, 1_000, 10_000, 256 * VRIDS];
/// keepalived's time grows with the square of the number of instances.
const PATIENCE: Duration = Duration::from_secs(300);
/// Each number is the best of this many runs.
const RUNS: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let [mode, file] = arguments.as_slice()
        && mode == "--read"
    {
        return read(Path::new(file));
    }
    let sizes: Vec<usize> = arguments.iter().filter_map(|word| word.parse().ok()).collect();
    let sizes = if sizes.is_empty() { SIZES.to_vec() } else { sizes };
    let dir = tempfile::tempdir().expect("a temporary directory");
    println!("{:>9} {:>8} {:>22} {:>22} {:>7}", "instances", "text", "vrrpd", "keepalived -t", "ratio");
    for size in sizes {
        for (name, text) in [("~SEQ", repeated(size)), ("written", written(size))] {
            let file = dir.path().join(format!("{size}.conf"));
            std::fs::write(&file, text).expect("a file");
            row(size, name, &file);
        }
    }
}

/// What the child does: reads one file and says how many instances it holds.
fn read(file: &Path) {
    let loaded = load(file, &DiskFiles, &Anywhere);
    for diagnostic in loaded.diagnostics.iter().take(3) {
        eprintln!("{}", diagnostic.render(&loaded.sources, false));
    }
    println!("{}", loaded.config.instances.len());
}

fn row(size: usize, name: &str, file: &Path) {
    let me = std::env::current_exe().expect("the path of this program");
    let (mut ours, mut theirs): (Option<Cost>, Option<Cost>) = (None, None);
    for _ in 0..RUNS {
        ours = best(ours, measure(Command::new(&me).arg("--read").arg(file)));
        theirs = match theirs {
            // A run that was given up is not tried again.
            Some(cost) if !cost.finished => Some(cost),
            other => best(other, measure(Command::new("keepalived").arg("-t").arg("-f").arg(file))),
        };
    }
    let ratio = match (&ours, &theirs) {
        (Some(ours), Some(theirs)) => format!("{:.1}", theirs.time.as_secs_f64() / ours.time.as_secs_f64()),
        _ => "-".to_owned(),
    };
    println!("{size:>9} {name:>8} {:>22} {:>22} {ratio:>7}", show(ours.as_ref()), show(theirs.as_ref()));
    let instances = ours.map(|cost| cost.output.trim().to_owned()).unwrap_or_default();
    assert_eq!(instances, size.to_string(), "every instance is read");
}

fn show(cost: Option<&Cost>) -> String {
    match cost {
        None => "not installed".to_owned(),
        Some(cost) => {
            let more = if cost.finished { "" } else { ">" };
            format!("{more}{:.1} ms {:>5} MiB", cost.time.as_secs_f64() * 1e3, cost.peak_kib / 1024)
        }
    }
}

struct Cost {
    time: Duration,
    peak_kib: u64,
    output: String,
    finished: bool,
}

fn best(a: Option<Cost>, b: Option<Cost>) -> Option<Cost> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if a.time <= b.time { a } else { b }),
        (a, b) => a.or(b),
    }
}

/// Runs a program; `None` when it is not installed. Its peak is read while it runs, so a short one
/// may escape with less.
fn measure(command: &mut Command) -> Option<Cost> {
    let out = tempfile::NamedTempFile::new().expect("a temporary file");
    let output = out.reopen().expect("the same file");
    let started = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(output).stderr(Stdio::null()).spawn().ok()?;
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let (mut peak_kib, mut finished) = (0, true);
    while child.try_wait().expect("a child of ours").is_none() {
        peak_kib = peak_kib.max(peak(&status));
        if started.elapsed() > PATIENCE {
            child.kill().expect("a child of ours");
            child.wait().expect("a child of ours");
            finished = false;
            break;
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    let time = started.elapsed();
    let output = std::fs::read_to_string(out.path()).unwrap_or_default();
    Some(Cost { time, peak_kib, output, finished })
}

fn peak(status: &Path) -> u64 {
    let text = std::fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

const GLOBALS: &str = "global_defs {\n router_id bench\n dynamic_interfaces\n}\n";

fn repeated(size: usize) -> String {
    let (interfaces, rest) = (size / VRIDS, size % VRIDS);
    let mut text = GLOBALS.to_owned();
    text.push_str(
        "$VI=\\\nvrrp_instance V_${IF}_$ID { \\\n interface eth$IF \\\n virtual_router_id $ID \\\n priority 150 \\\n \
         advert_int 0.7 \\\n version 3 \\\n virtual_ipaddress { \\\n 10.${IF}.${ID}.1/24 \\\n } \\\n}\n",
    );
    if interfaces > 0 {
        let last = interfaces - 1;
        writeln!(text, "~SEQ(IF,0,1,{last}) ~SEQ(ID,1,{VRIDS}) $VI").expect("memory");
    }
    if rest > 0 {
        writeln!(text, "$IF={interfaces}\n~SEQ(ID,1,{rest}) $VI").expect("memory");
    }
    text
}

fn written(size: usize) -> String {
    let mut text = GLOBALS.to_owned();
    for n in 0..size {
        let (interface, vrid) = (n / VRIDS, n % VRIDS + 1);
        write!(
            text,
            "vrrp_instance V_{interface}_{vrid} {{\n interface eth{interface}\n virtual_router_id {vrid}\n priority 150\n \
             advert_int 0.7\n version 3\n virtual_ipaddress {{\n 10.{interface}.{vrid}.1/24\n }}\n}}\n"
        )
        .expect("memory");
    }
    text
}
