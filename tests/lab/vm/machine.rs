//! The VM: booted once for all tests of this process, and asked for one test at a time, many at once.
//!
//! The first serial port is its console. Over the second one it is given the names of tests, and answers
//! with what they printed ([`INIT`]).

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use super::INSIDE;
use super::archive::Archive;
use super::kernel::Kernel;
use crate::net::space::Space;
use crate::net::wait_for;
use crate::world::tool;

/// The first process of the VM.
const INIT: &str = include_str!("init.sh");

/// What the cases need; what these need is found in them.
const MODULES: [&str; 9] =
    ["veth", "bridge", "8021q", "vrf", "dummy", "macvlan", "ipvlan", "sch_netem", "nf_tables"];

/// What runs beside the tests.
const PROGRAMS: [&str; 6] = ["keepalived", "dash", "busybox", "flock", "ip", "tc"];

/// From power on to its first word: four seconds on an idle machine.
const BOOT_LIMIT: Duration = Duration::from_secs(60);

/// For one test. In the time of the VM it has less ([`INIT`]); this is for a host that is very busy.
const TEST_LIMIT: Duration = Duration::from_secs(240);

/// Tests that run at a time. More would not be done sooner: the clock of the VM leaps over all waiting.
const AT_ONCE: usize = 4;

/// For those that are before us: other tests in this VM, and the VM of another run of the tests.
const TURN_LIMIT: Duration = Duration::from_secs(600);

/// Runs a test in the VM; fails as it does, with what it printed.
#[track_caller]
pub(super) fn run(test: &str) {
    static MACHINE: OnceLock<Result<Machine, String>> = OnceLock::new();
    let machine = MACHINE.get_or_init(|| Machine::boot().map_err(|error| error.to_string()));
    let machine = machine.as_ref().unwrap_or_else(|error| panic!("there is no VM: {error}"));
    match machine.ask(test) {
        Ok(Answer { status: 0, text }) if text.contains("1 passed") => {}
        Ok(Answer { status, text }) => {
            let text: String = text.lines().map(|line| format!("| {line}\n")).collect();
            panic!("in the VM, status {status}:\n{text}console:\n{}", machine.console())
        }
        Err(error) => panic!("{error}\nconsole:\n{}", machine.console()),
    }
}

/// What a test printed, and its exit code.
struct Answer {
    status: i32,
    text: String,
}

/// The answers that have come, by the number of the question.
#[derive(Default)]
struct Answers {
    come: HashMap<u32, Answer>,
    asked: u32,
    running: usize,
    ready: bool,
    over: bool,
}

struct Machine {
    dir: PathBuf,
    input: Mutex<ChildStdin>,
    answers: Arc<(Mutex<Answers>, Condvar)>,
    /// The emulator ends with this process: the machine that it runs on does.
    _space: Space,
    _emulator: Child,
    /// Held as long as the VM runs: one at a time is enough for any machine.
    _turn: File,
}

impl Machine {
    fn boot() -> io::Result<Self> {
        if !cfg!(target_arch = "x86_64") {
            return Err(io::Error::other("the VM is an x86-64 one, and this test binary is not for it"));
        }
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("vm");
        fs::create_dir_all(&dir)?;
        let turn = File::create(dir.join("turn"))?;
        wait_for(TURN_LIMIT, || turn.try_lock().ok())
            .ok_or_else(|| io::Error::other("another VM of this build directory does not end"))?;
        let kernel = Kernel::get(&dir)?;
        let initrd = dir.join("initrd");
        pack(&kernel, &initrd)?;
        let space = Space::new(&dir, "host")?;
        let mut emulator = space.spawn(&mut emulator(&kernel.image, &initrd, &dir)?)?;
        let input = Mutex::new(emulator.stdin.take().expect("a pipe"));
        let output = emulator.stdout.take().expect("a pipe");
        let answers = Arc::new((Mutex::new(Answers::default()), Condvar::new()));
        let sink = Arc::clone(&answers);
        thread::spawn(move || listen(output, &sink));
        let machine = Self { dir, input, answers, _space: space, _emulator: emulator, _turn: turn };
        if machine.wait(BOOT_LIMIT, |answers| answers.ready.then_some(())).flatten().is_none() {
            let console = machine.console();
            return Err(io::Error::other(format!("it does not boot:\n{console}")));
        }
        // The emulator has read it.
        fs::remove_file(&initrd)?;
        Ok(machine)
    }

    fn ask(&self, test: &str) -> io::Result<Answer> {
        let turn = self.wait(TURN_LIMIT, |answers| {
            (answers.running < AT_ONCE).then(|| {
                answers.running += 1;
                answers.asked += 1;
                answers.asked
            })
        });
        let number = turn.flatten().ok_or_else(|| io::Error::other("no turn in the VM"))?;
        writeln!(self.input.lock().expect("no holder panics"), "{number} {test}")?;
        let answer = self.wait(TEST_LIMIT, |answers| answers.come.remove(&number));
        self.answers.0.lock().expect("no holder panics").running -= 1;
        self.answers.1.notify_all();
        match answer {
            Some(Some(answer)) => Ok(answer),
            Some(None) => Err(io::Error::other(format!("the VM ended during {test}"))),
            None => Err(io::Error::other(format!("no answer within {TEST_LIMIT:?} from {test}"))),
        }
    }

    /// Waits for something among the answers; `Some(None)` when the VM has ended, `None` when the time is up.
    fn wait<T>(&self, limit: Duration, mut find: impl FnMut(&mut Answers) -> Option<T>) -> Option<Option<T>> {
        let (answers, changed) = &*self.answers;
        let mut found = None;
        let mut pending = |answers: &mut Answers| {
            found = find(answers);
            found.is_none() && !answers.over
        };
        let guard = answers.lock().expect("no holder panics");
        let waited = changed.wait_timeout_while(guard, limit, |answers| pending(answers));
        let over = waited.expect("no holder panics").0.over;
        (found.is_some() || over).then_some(found)
    }

    /// The last lines on the console.
    fn console(&self) -> String {
        let text = fs::read(self.dir.join("console")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).replace('\r', "");
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

/// Takes what the VM says until it ends.
fn listen(output: ChildStdout, sink: &(Mutex<Answers>, Condvar)) {
    let (answers, changed) = sink;
    let mut output = BufReader::new(output);
    while let Ok(true) = take(&mut output, answers) {
        changed.notify_all();
    }
    answers.lock().expect("no holder panics").over = true;
    changed.notify_all();
}

/// Takes one message: `READY`, or `ANSWER NUMBER STATUS LENGTH` and so many octets.
fn take(output: &mut impl BufRead, answers: &Mutex<Answers>) -> io::Result<bool> {
    let mut line = Vec::new();
    if output.read_until(b'\n', &mut line)? == 0 {
        return Ok(false);
    }
    let line = String::from_utf8_lossy(&line).into_owned();
    let words: Vec<&str> = line.split_whitespace().collect();
    match *words.as_slice() {
        ["READY"] => answers.lock().expect("no holder panics").ready = true,
        ["ANSWER", number, status, length] => {
            let number = number.parse().map_err(io::Error::other)?;
            let status = status.parse().map_err(io::Error::other)?;
            let mut text = vec![0; length.parse().map_err(io::Error::other)?];
            output.read_exact(&mut text)?;
            let text = String::from_utf8_lossy(&text).into_owned();
            answers.lock().expect("no holder panics").come.insert(number, Answer { status, text });
        }
        _ => {}
    }
    Ok(true)
}

fn emulator(kernel: &Path, initrd: &Path, dir: &Path) -> io::Result<Command> {
    let lab = std::env::current_exe()?;
    let mut command = Command::new(tool("qemu-system-x86_64"));
    command.args(["-M", "pc", "-accel", "tcg", "-m", "1024"]);
    // Its clock counts instructions, and leaps over the time in which it has nothing to do: a host that is
    // busy slows the tests down, and does not make them fail.
    command.args(["-icount", "shift=1,sleep=off", "-rtc", "clock=vm"]);
    command.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
    command.arg("-serial").arg(format!("file:{}", dir.join("console").display()));
    command.args(["-chardev", "stdio,id=tests,signal=off", "-serial", "chardev:tests"]);
    command.arg("-kernel").arg(kernel).arg("-initrd").arg(initrd);
    // What the kernel does not know becomes the environment of its first process.
    command.arg("-append").arg(format!("console=ttyS0 quiet panic=-1 {INSIDE}=1 LAB={}", lab.display()));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(dir.join("emulator.log"))?);
    Ok(command)
}

/// Writes the file system of the VM: programs and libraries under the paths that they have here.
fn pack(kernel: &Kernel, to: &Path) -> io::Result<()> {
    let mut archive = Archive::new(io::BufWriter::new(File::create(to)?));
    for dir in
        ["/proc", "/sys", "/dev", "/run", "/tmp", "/root", "/etc/keepalived", env!("CARGO_TARGET_TMPDIR")]
    {
        archive.directory(Path::new(dir))?;
    }
    let own = [std::env::current_exe()?, env!("CARGO_BIN_EXE_vrrpd").into()];
    for program in PROGRAMS.map(tool).iter().chain(&own) {
        archive.program(program)?;
    }
    archive.file(Path::new("/bin/sh"), 0o755, &fs::read(tool("dash"))?)?;
    let applets = Command::new(tool("busybox")).arg("--list").output()?;
    for applet in String::from_utf8_lossy(&applets.stdout).lines() {
        let path = Path::new("/bin").join(applet);
        // The real ones can do more.
        if !["sh", "ip", "tc", "busybox"].contains(&applet) {
            archive.link(&path, &tool("busybox").to_string_lossy())?;
        }
    }
    archive.file(Path::new("/etc/passwd"), 0o644, b"root:x:0:0:root:/root:/bin/sh\n")?;
    archive.file(Path::new("/etc/group"), 0o644, b"root:x:0:\n")?;
    let mut order = String::new();
    for module in kernel.modules(&MODULES)? {
        archive.file(&Path::new("/modules").join(&module.name), 0o644, &module.bytes)?;
        order += &format!("{}\n", module.name);
    }
    archive.file(Path::new("/modules/order"), 0o644, order.as_bytes())?;
    archive.file(Path::new("/init"), 0o755, INIT.as_bytes())?;
    archive.finish()
}
