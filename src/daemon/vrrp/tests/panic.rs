//! A panic of what all instances share ends a process; this one is run again for that.

use super::*;
use crate::sys::{process, sysctl};

/// Set in the process that is to end.
const MARK: &str = "VRRPD_TEST_COORDINATOR_PANICS";
const NAME: &str =
    "daemon::vrrp::tests::panic::a_panic_of_the_coordinator_costs_no_address_and_no_mastership";
const VIP: &str = "10.99.0.100";

/// The skew of its neighbour leaves seconds for a successor, on any machine.
fn slow(dev: &str, priority: u8) -> Arc<Config> {
    let advert_int = AdvertInt::from_centis(100).unwrap();
    config(vec![VrrpInstance { advert_int, promote_secondaries: true, ..instance(dev, priority, &[VIP]) }])
}

/// Becomes master, and panics when its standard input ends; as the VRRP child runs it.
fn fall() {
    let mut node = start(&slow("va", 150), false);
    node.await_event(Event::Master);
    io::stdin().read_to_end(&mut Vec::new()).unwrap();
    node.tell(Command::FailAll);
    panics::essential(|| node.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        .unwrap();
}

#[test]
fn a_panic_of_the_coordinator_costs_no_address_and_no_mastership() {
    if std::env::var_os(MARK).is_some() {
        return fall();
    }
    with_peer(|peer| {
        let promotes =
            || sysctl::get(Family::V4, &IfName::new("va").unwrap(), "promote_secondaries").unwrap();
        std::fs::write("/proc/sys/net/ipv4/conf/va/promote_secondaries", "0").unwrap();
        let mut command = Process::new(std::env::current_exe().unwrap());
        let command = command.args([NAME, "--exact"]).env(MARK, "1").stdin(Stdio::piped());
        let mut falling = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let limit = Instant::now() + Duration::from_secs(30);
        while !has("va", VIP) {
            assert!(Instant::now() < limit, "it has not become master");
            std::thread::sleep(Duration::from_millis(20));
        }
        let mut neighbour = peer.run(|| start(&slow("vb", 100), false));
        neighbour.await_event(Event::Backup);
        let heard = |neighbour: &Node| neighbour.snapshot().instances[0].stats;
        while heard(&neighbour).advert_rcvd == 0 {
            assert!(Instant::now() < limit, "it is not master");
            std::thread::sleep(Duration::from_millis(20));
        }
        let monitor = watch_addresses();
        drop(falling.stdin.take());
        assert_eq!(falling.wait().unwrap().code(), Some(i32::from(process::INTERNAL_ERROR)));
        assert!(has("va", VIP) && promotes() == "1", "what is lent stays as well");
        let before = heard(&neighbour).advert_rcvd;
        let mut successor = start(&slow("va", 150), true);
        successor.await_event(Event::Master);
        while heard(&neighbour).advert_rcvd < before + 2 {
            assert!(Instant::now() < limit, "its successor is not master");
            std::thread::sleep(Duration::from_millis(20));
        }
        let heard = heard(&neighbour);
        assert_eq!((heard.pri_zero_rcvd, heard.become_master), (0, 0), "{heard:?}");
        let events = told(monitor);
        assert!(!events.contains(VIP), "{events}");
        peer.run(move || neighbour.stop());
        successor.stop();
    });
}
