//! How much of what keepalived makes of real files is what we make of them.
//!
//! The oracle is keepalived 2.2.7 on each file of the corpus: verdict and lines of `-t` on a machine with
//! all that the file names and on one with nothing, and the dumps of its VRRP and its checker process. They
//! lie beside the project and are never copied into it. `VRRPD_CORPUS_REPORT=1` prints what differs,
//! commonest first; `VRRPD_CORPUS_REPORT=PATH` writes it there.

use super::finding::{Report, Surface};
use super::sample::samples;

/// Agreement that has been reached, in ten-thousandths; less is a step back.
const REACHED: [(Surface, usize); 6] = [
    (Surface::Verdict, 10_000),
    (Surface::BareVerdict, 10_000),
    (Surface::Said, 10_000),
    (Surface::BareSaid, 10_000),
    (Surface::VrrpDump, 10_000),
    (Surface::LvsDump, 10_000),
];

#[test]
fn real_files_are_read_as_keepalived_reads_them() {
    let mut report = Report::default();
    let samples = samples();
    if samples.is_empty() {
        return super::absent("nothing is compared with keepalived");
    }
    samples.iter().for_each(|sample| sample.compare(&mut report));
    eprintln!("{} files\n{}", samples.len(), report.table());
    match std::env::var("VRRPD_CORPUS_REPORT") {
        Ok(path) if path.contains('/') => {
            let text = format!("{}\n{}", report.table(), report.by_frequency(40));
            std::fs::write(path, text).expect("the report can be written");
        }
        Ok(_) => eprintln!("{}", report.by_frequency(3)),
        Err(_) => {}
    }
    for (surface, least) in REACHED {
        let agreement = report.agreement(surface);
        assert!(agreement >= least, "{surface}: {agreement} of 10,000 agree, {least} did before");
    }
    super::declared::assert_all_are_met(&report);
}
