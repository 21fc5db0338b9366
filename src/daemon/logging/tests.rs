use super::*;
use crate::daemon::options::Facility;
use std::os::unix::net::UnixDatagram;

fn syslog_only() -> LogOptions {
    LogOptions { syslog: true, ..LogOptions::default() }
}

fn reader(dir: &tempfile::TempDir) -> (PathBuf, UnixDatagram) {
    let path = dir.path().join("log");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    (path, socket)
}

fn read(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 16 * 1024];
    let n = loop {
        match socket.recv(&mut buffer) {
            // Another test's child has ended.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => break result.unwrap(),
        }
    };
    String::from_utf8_lossy(&buffer[..n]).into_owned()
}

fn with_log(log: &LogHandle, body: impl FnOnce()) {
    tracing::subscriber::with_default(tracing_subscriber::registry().with(log.layer()), body);
}

#[test]
fn a_line_has_the_shape_of_syslog_3() {
    let dir = tempfile::tempdir().unwrap();
    let (path, socket) = reader(&dir);
    let options = LogOptions { facility: Facility::Local(1), ..syslog_only() };
    let log = LogHandle::new(&options, "Keepalived_vrrp", &path);
    with_log(&log, || {
        tracing::info!(vrid = 51, "(VI_1) Entering MASTER STATE");
        tracing::error!(target: ALERT, "it died");
        tracing::warn!("two\nlines");
    });
    // oracle: RFC 3164 §4.1: <facility * 8 + severity>Mmm dd hh:mm:ss tag[pid]: text
    let line = read(&socket);
    let tag = format!("Keepalived_vrrp[{}]:", std::process::id());
    assert!(line.starts_with("<142>"), "{line}");
    assert!(line.ends_with(&format!(" {tag} (VI_1) Entering MASTER STATE")), "{line}");
    assert_eq!(line.len(), "<142>Nov 21 01:55:25 ".len() + tag.len() + " (VI_1) Entering MASTER STATE".len());
    assert!(read(&socket).starts_with("<137>"));
    assert!(read(&socket).ends_with(": two"));
    assert!(read(&socket).ends_with(": lines"));
}

#[test]
fn detail_needs_its_option_and_foreign_events_never_show() {
    let dir = tempfile::tempdir().unwrap();
    let (path, socket) = reader(&dir);
    for (detail, expected) in [(0, "plain"), (1, "detail"), (2, "more")] {
        let log = LogHandle::new(&LogOptions { detail, ..syslog_only() }, "Keepalived", &path);
        with_log(&log, || {
            tracing::trace!("more");
            tracing::debug!("detail");
            tracing::error!(target: "netlink_proto", "foreign");
            tracing::info!("plain");
        });
        let first = read(&socket);
        assert!(first.ends_with(expected), "-D {detail} times: {first}");
        while detail > 0 && !read(&socket).ends_with("plain") {}
    }
}

/// Both kinds of writer with a reader that has stopped: nobody waits, and the loss is reported.
#[test]
fn a_stuck_reader_holds_nobody_up_and_is_told_what_it_missed() {
    for threaded in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (path, socket) = reader(&dir);
        let log = LogHandle::new(&syslog_only(), "Keepalived", &path);
        if threaded {
            log.enter_child("Keepalived_vrrp").unwrap();
        }
        let start = Instant::now();
        let written = 3 * BACKLOG_LIMIT;
        with_log(&log, || (0..written).for_each(|n| tracing::info!("line {n}")));
        assert!(start.elapsed() < Duration::from_secs(10), "threaded {threaded}: {:?}", start.elapsed());
        let mut got = 0;
        let mut lost = 0;
        while got + lost < written {
            let _ = threaded || log.drain();
            let line = read(&socket);
            match line.split_once(" log lines were lost") {
                Some((head, _)) => lost += head.rsplit(' ').next().unwrap().parse::<usize>().unwrap(),
                None => got += 1,
            }
        }
        assert_eq!(got + lost, written);
        assert!(got >= BACKLOG_LIMIT && lost > 0, "got {got}, lost {lost}");
    }
}

#[test]
fn without_a_syslog_the_other_outputs_go_on_and_nobody_waits_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("k.log");
    let options = LogOptions { file: Some(file.clone()), ..syslog_only() };
    let log = LogHandle::new(&options, "Keepalived", Path::new("/nonexistent/log"));
    log.enter_child("Keepalived").unwrap();
    with_log(&log, || (0..100).for_each(|n| tracing::info!("line {n}")));
    let start = Instant::now();
    log.flush(Duration::from_secs(30));
    assert!(start.elapsed() < Duration::from_secs(15));
    assert!(std::fs::read_to_string(&file).unwrap().ends_with("line 99\n"));
}

#[test]
fn a_syslog_that_comes_back_is_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let (path, socket) = reader(&dir);
    let log = LogHandle::new(&syslog_only(), "Keepalived", &path);
    with_log(&log, || tracing::info!("one"));
    assert!(read(&socket).ends_with("one"));
    drop(socket);
    std::fs::remove_file(&path).unwrap();
    with_log(&log, || tracing::info!("two"));
    let (_, socket) = reader(&dir);
    while log.drain() {
        std::thread::sleep(RETRY);
    }
    assert!(read(&socket).ends_with("two"));
}

#[test]
fn a_file_gets_what_the_console_would() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("k.log");
    let options = LogOptions { file: Some(file.clone()), ..LogOptions::default() };
    let log = LogHandle::new(&options, "Keepalived", Path::new("/nonexistent"));
    with_log(&log, || tracing::info!("Starting"));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.ends_with(": Starting\n"), "{text}");
    assert_eq!(text.len(), "Sat Nov 21 01:55:25 2026: Starting\n".len());
}
