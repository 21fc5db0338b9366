//! A takeover by vrrpd costs no more than one by keepalived, measured in one run.

use std::time::Duration;

use crate::takeover_cost::{Bench, Figure, run, table};
use crate::world::{Kind, Quiet, need};

#[test]
fn costs_no_more_than_keepalived() {
    need(&["keepalived"]);
    let quiet = Quiet::wait();
    let dir = quiet.dir();
    let bench = |kind: Kind| Bench::new(dir.path(), kind.program()).expect("two nodes");
    let mut benches = [bench(Kind::Keepalived), bench(Kind::Vrrpd)];
    run(&mut benches, 20).expect("twenty takeovers");
    println!("{}", table(&benches));
    let [theirs, ours] = &benches;
    let figures: [Figure; 2] = [|t| t.advert, |t| t.last_announce];
    for figure in figures {
        let (theirs, ours) = (theirs.summary(figure).median, ours.summary(figure).median);
        // This is a build without optimisation: the release build is measured by `cargo run --release --example takeover`.
        let bound = theirs.mul_f64(1.5) + Duration::from_millis(1);
        assert!(ours <= bound, "median of vrrpd {ours:?}, of keepalived {theirs:?}\n{}", table(&benches));
    }
}
