//! Processes as `/proc` shows them.

use std::fs::File;
use std::io::{self, ErrorKind, Read};

/// A process at one moment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProcessInfo {
    /// The name that the kernel keeps, at most 15 bytes.
    pub name: Vec<u8>,
    /// Who made it, or took it over.
    pub parent: u32,
    /// Its command line, a NUL behind each word; empty where it was not asked for, and of kernel threads.
    pub command_line: Vec<u8>,
}

/// More than the longest command line that anybody looks for.
const COMMAND_LINE_BYTES: u64 = 16 * 1024;

/// The ids of all processes that can be seen.
///
/// # Errors
/// There is no `/proc`.
pub fn processes() -> io::Result<Vec<u32>> {
    let entries = std::fs::read_dir("/proc")?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// A process by its id; `None` when it has ended, though its parent may not have noticed yet.
///
/// To read a command line is to read the memory of the process, which may have to come from disk.
#[must_use]
pub fn process(pid: u32, with_command_line: bool) -> Option<ProcessInfo> {
    let (name, state, parent) = parse_stat(&read(&format!("/proc/{pid}/stat")).ok()?)?;
    if matches!(state, b'Z' | b'X' | b'x') {
        return None;
    }
    let command_line = match with_command_line {
        true => read(&format!("/proc/{pid}/cmdline")).ok()?,
        false => Vec::new(),
    };
    Some(ProcessInfo { name, parent, command_line })
}

/// Whether processes of others cannot be seen: `/proc` is mounted with `hidepid`, and we are nobody special.
#[must_use]
pub fn hides_others() -> bool {
    // The first process is somebody else's, unless it is ours.
    let hidden =
        |error: &io::Error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied);
    File::open("/proc/1/stat").is_err_and(|error| hidden(&error))
}

fn read(path: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(COMMAND_LINE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// `PID (NAME) STATE PARENT …`; a name can have blanks and brackets in it.
fn parse_stat(stat: &[u8]) -> Option<(Vec<u8>, u8, u32)> {
    let open = stat.iter().position(|byte| *byte == b'(')?;
    let close = stat.iter().rposition(|byte| *byte == b')')?;
    let name = stat.get(open + 1..close)?.to_vec();
    let rest = str::from_utf8(stat.get(close + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    Some((name, state, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_name_may_look_like_the_end_of_a_name() {
        let parsed = parse_stat(b"7 (a) Z (b) S 5 7 7 0\n");
        assert_eq!(parsed, Some((b"a) Z (b".to_vec(), b'S', 5)));
        assert_eq!(parse_stat(b"7 (a"), None);
        assert_eq!(parse_stat(b"7 )a( S"), None);
        assert_eq!(parse_stat(b""), None);
    }

    #[test]
    fn a_process_is_seen_until_it_ends_and_not_as_a_zombie() {
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let pid = child.id();
        // It is a copy of this program until it has become another.
        let seen = (0..1000).find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            process(pid, true).filter(|info| info.name == b"sleep")
        });
        let Some(seen) = seen else { panic!("it is seen") };
        assert_eq!((seen.command_line.as_slice(), seen.parent), (&b"sleep\x00600\0"[..], std::process::id()));
        assert!(processes().unwrap().contains(&pid));
        child.kill().unwrap();
        let gone = (0..1000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            process(pid, false).is_none()
        });
        assert!(gone, "a zombie is no process");
        child.wait().unwrap();
    }
}
