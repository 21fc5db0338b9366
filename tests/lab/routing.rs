//! Routes and rules beside keepalived: the same file, and what the kernel has while MASTER and after the end.

use std::path::Path;
use std::process::Command;

const CONFIG: &str = include_str!("routing.conf");

/// What `ip` shows of routes and rules with this daemon as the only master, and when it has gone.
fn shown(daemon: &str, dir: &Path) -> String {
    let script = "ip link set lo up && ip link add eth0 type veth peer name eth1 && \
                  ip link set eth0 up && ip link set eth1 up && ip address add 10.99.0.1/24 dev eth0 && sleep 1.2
                  show() { for f in -4 -6; do ip $f -d route show table all | grep -v 'proto kernel'; ip $f -d rule; done; }
                  \"$0\" -P -n -l -f \"$1/k.conf\" -p \"$1/a.pid\" -r \"$1/b.pid\" >\"$1/log\" 2>&1 &
                  sleep 5.5; show; kill $!; wait $!; echo after; show";
    let output = Command::new("unshare").args(["-n", "sh", "-c", script, daemon]).arg(dir).output();
    let output = output.expect("unshare, ip and keepalived are needed");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_kernel_has_the_same_routes_and_rules_as_with_keepalived() {
    let dir = tempfile::tempdir().expect("a directory for the file");
    std::fs::write(dir.path().join("k.conf"), CONFIG).expect("the file is written");
    let theirs = shown("keepalived", dir.path());
    assert!(theirs.contains("10.110.0.0/16 via 10.99.0.254"), "keepalived is master: {theirs}");
    assert_eq!(shown(env!("CARGO_BIN_EXE_vrrpd"), dir.path()), theirs);
    let after = theirs.split("after").nth(1).expect("both halves");
    assert!(!after.contains("keepalived"), "nothing of it stays: {after}");
}
