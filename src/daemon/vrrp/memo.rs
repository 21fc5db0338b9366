//! What a successor must know if this process is killed: what may be left in the kernel, and what settings were
//! before they were lent.
//!
//! It is a file beside the pid file, a line for each thing, written before the thing is done and removed at an
//! orderly end. Its head names the boot and the network namespace: what was left in another is not there.
//! What the kernel has is only removed where it bears our mark, too; an address that bears nobody's may be adopted.
//!
//! A disk must not keep the protocol waiting, so "before the thing is done" is when the file is asked for, and
//! it is there some milliseconds later. A process that is killed in between leaves what its successor does not
//! know of; but with the same configuration that adopts it all the same, so that something is lost only if
//! this very moment belongs to a start or a reload, and the next configuration is another one again.

use super::kernel::kernel_address;
use super::links::Links;
use super::loans::Loans;
use super::route_message::{route_message, rule_message};
use crate::config::Config;
use crate::config::block::{VirtualLink, VirtualLinkKind};
use crate::config::value::{Route, Rule, VirtualAddress};
use crate::daemon::dump_file::Readers;
use crate::daemon::file_writer::FileWriter;
use crate::sys::netlink::{Change, PresentAddress};
use crate::types::{IfName, IpNet, MacAddr, Stacked};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The file, and what it is to say now.
#[derive(Debug, Default)]
pub(super) struct Memo {
    place: Option<(PathBuf, FileWriter)>,
    text: String,
    left: BTreeSet<String>,
    /// What the configuration in force may leave; at first, what a predecessor has left.
    ours: BTreeSet<String>,
    /// What may be left whatever the configuration is.
    always: Option<&'static str>,
}

impl Memo {
    /// Reads what there is. `None`: nothing is kept.
    pub(super) fn new(place: Option<(PathBuf, FileWriter)>) -> Self {
        let left = place.as_ref().map(|(path, _)| read(path)).unwrap_or_default();
        Self { place, ours: left.clone(), left, ..Self::default() }
    }

    /// What a predecessor has left, which has not come to an orderly end.
    pub(super) fn left(&self) -> &BTreeSet<String> {
        &self.left
    }

    /// From now on this may be left until the end of the process.
    pub(super) fn expect_always(&mut self, line: &'static str) {
        self.always = Some(line);
        self.settle(&Loans::default());
    }

    /// From now on this may be left, and what came before it as well, until [`Self::settle`].
    pub(super) fn expect(&mut self, ours: BTreeSet<String>, loans: &Loans) {
        let before = std::mem::replace(&mut self.ours, ours);
        let both = &self.ours | &before;
        self.write(&both, loans);
    }

    /// What came before is gone.
    pub(super) fn settle(&mut self, loans: &Loans) {
        let ours = std::mem::take(&mut self.ours);
        self.write(&ours, loans);
        self.ours = ours;
    }

    fn write(&mut self, ours: &BTreeSet<String>, loans: &Loans) {
        let Some((path, files)) = &self.place else { return };
        let mut text = head();
        let always = self.always.map(str::to_owned);
        for line in ours.iter().cloned().chain(loans.lines()).chain(always) {
            text.push_str(&line);
            text.push('\n');
        }
        if text == self.text {
            return;
        }
        files.write(path, text.clone(), Readers::Umask, |path, error| {
            tracing::debug!("cannot write {}: {error}", path.display());
        });
        self.text = text;
    }

    /// There is nothing of ours any more.
    pub(super) fn forget(&self) {
        if let Some((path, files)) = &self.place {
            files.remove(path);
        }
    }
}

fn read(path: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    match text.strip_prefix(&head()) {
        Some(lines) => lines.lines().map(str::to_owned).collect(),
        None => BTreeSet::new(),
    }
}

/// A file that says something else is another's, or of another time.
fn head() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space = std::fs::read_link("/proc/thread-self/ns/net").unwrap_or_default();
    format!("vrrpd 1 {} {}\n", boot.trim_end(), space.display())
}

/// What a configuration may leave in the kernel.
pub(super) fn lines(config: &Config, links: &Links) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for instance in &config.instances {
        lines.extend(instance.all_vips().map(address_line));
        lines.extend(instance.routes.iter().filter_map(|route| route_line(route, links)));
        lines.extend(instance.rules.iter().map(rule_line));
        lines.extend(instance.virtual_links().map(link_line));
    }
    let statics = &config.statics;
    lines.extend(statics.addresses.iter().map(address_line));
    lines.extend(statics.routes.iter().filter_map(|route| route_line(route, links)));
    lines.extend(statics.rules.iter().map(rule_line));
    lines.extend(config.global.firewall.table.iter().map(|table| format!("table {table}")));
    lines
}

fn address_line(vip: &VirtualAddress) -> String {
    match vip.peer {
        Some(peer) => format!("address {} {} {peer}", vip.link(), vip.net),
        None => format!("address {} {}", vip.link(), vip.net),
    }
}

/// Whether a predecessor has left an address: its mark says it or, as no mark is kept before Linux 5.18, the memo.
pub(super) fn is_left(vip: &VirtualAddress, there: &PresentAddress, left: &BTreeSet<String>) -> bool {
    there.is_ours() || there.protocol.is_none() && left.contains(&address_line(vip))
}

fn route_line(route: &Route, links: &Links) -> Option<String> {
    let message = route_message(route, links).ok()?;
    Some(format!("removal {}", hex(&Change::RemoveRoute(Box::new(message)).to_bytes())))
}

fn rule_line(rule: &Rule) -> String {
    format!("removal {}", hex(&Change::RemoveRule(Box::new(rule_message(rule))).to_bytes()))
}

fn link_line(link: &VirtualLink) -> String {
    match link.kind {
        VirtualLinkKind::Vmac { mac, .. } => format!("link {} {mac}", link.name),
        VirtualLinkKind::Ipvlan { .. } => format!("link {} ipvlan", link.name),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// What is to be done about a line of a predecessor's; `None` where there is nothing of that any more.
pub(super) fn undo(line: &str, links: &Links) -> Option<Change> {
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["address", link, net, ref peer @ ..] => {
            let mut vip = VirtualAddress::new(ip_net(net)?, IfName::new(link).ok()?);
            vip.peer = peer.first().and_then(|peer| ip_net(peer));
            let (name, place) = super::ledger::place(&vip);
            let there = links.address(&name, place).filter(|there| there.is_ours())?;
            Some(Change::Remove(kernel_address(there.link, &vip)))
        }
        ["removal", bytes] => Change::from_removal(&unhex(bytes)?),
        ["link", name, kind] => {
            let name = IfName::new(name).ok()?;
            let there = links.get(&name)?;
            let is_ours = match there.stacked? {
                Stacked::Macvlan { private } => {
                    private && there.mac.map(|mac: MacAddr| mac.to_string()).as_deref() == Some(kind)
                }
                Stacked::Ipvlan { .. } => kind == "ipvlan",
            };
            is_ours.then_some(Change::RemoveLink(name))
        }
        _ => None,
    }
}

/// The table of the packet filter that a line is about.
pub(super) fn table(line: &str) -> Option<&str> {
    line.strip_prefix("table ")
}

fn ip_net(text: &str) -> Option<IpNet> {
    let (address, prefix) = text.split_once('/')?;
    IpNet::new(address.parse().ok()?, prefix.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_may_be_left_is_known_again_after_the_same_boot_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vrrp.left");
        let files = FileWriter::start().unwrap();
        let left = || {
            files.flush(Duration::from_secs(60));
            read(&path)
        };
        let mut memo = Memo::new(Some((path.clone(), files.clone())));
        assert!(memo.left().is_empty());
        let one = BTreeSet::from(["address eth0 10.99.0.100/24".to_owned()]);
        let two = BTreeSet::from(["table keepalived".to_owned()]);
        memo.expect(one.clone(), &Loans::default());
        memo.expect(two.clone(), &Loans::default());
        assert_eq!(left(), &one | &two);
        memo.settle(&Loans::default());
        assert_eq!(left(), two);
        memo.expect_always("igmp");
        let and_igmp = &two | &BTreeSet::from(["igmp".to_owned()]);
        assert_eq!(left(), and_igmp);
        // The next one is killed while it clears up.
        let mut next = Memo::new(Some((path.clone(), files.clone())));
        assert_eq!(*next.left(), and_igmp);
        next.expect(one.clone(), &Loans::default());
        assert_eq!(left(), &one | &and_igmp);
        next.settle(&Loans::default());
        assert_eq!(left(), one);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replacen("vrrpd 1 ", "vrrpd 1 another", 1)).unwrap();
        assert!(left().is_empty());
        next.forget();
        left();
        assert!(!path.exists());
    }
}
