//! What a successor must know if this process is killed: what may be left in the kernel, and what settings were
//! before they were lent.
//!
//! It is a file beside the pid file, a line for each thing, written before the thing is done and removed at an
//! orderly end. Its head names the boot and the network namespace: what was left in another is not there.
//! What the kernel has is only removed where it bears our mark, too.

use super::kernel::kernel_address;
use super::links::Links;
use super::loans::Loans;
use super::route_message::{route_message, rule_message};
use crate::config::Config;
use crate::config::block::{VirtualLink, VirtualLinkKind};
use crate::config::value::{Route, Rule, VirtualAddress};
use crate::daemon::dump_file;
use crate::sys::netlink::Change;
use crate::types::{IfName, IpNet, MacAddr, Stacked};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The file, and what it says now.
#[derive(Debug, Default)]
pub(super) struct Memo {
    path: Option<PathBuf>,
    text: String,
    /// What the configuration in force may leave.
    ours: BTreeSet<String>,
}

impl Memo {
    /// `None`: nothing is kept.
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self { path, ..Self::default() }
    }

    /// What a predecessor has left, which has not come to an orderly end.
    pub(super) fn read(&self) -> BTreeSet<String> {
        let text = self.path.as_ref().and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        match text.strip_prefix(&head()) {
            Some(lines) => lines.lines().map(str::to_owned).collect(),
            None => BTreeSet::new(),
        }
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
        let Some(path) = &self.path else { return };
        let mut text = head();
        for line in ours.iter().cloned().chain(loans.lines()) {
            text.push_str(&line);
            text.push('\n');
        }
        if text == self.text {
            return;
        }
        if let Err(error) = dump_file::write(path, &text) {
            tracing::debug!("cannot write {}: {error}", path.display());
        }
        self.text = text;
    }

    /// There is nothing of ours any more.
    pub(super) fn forget(&self) {
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
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
            let there = links.address(&name, place).filter(|there| there.ours)?;
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

    #[test]
    fn what_may_be_left_is_known_again_after_the_same_boot_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vrrp.left");
        let mut memo = Memo::new(Some(path.clone()));
        assert!(memo.read().is_empty());
        let one = BTreeSet::from(["address eth0 10.99.0.100/24".to_owned()]);
        let two = BTreeSet::from(["table keepalived".to_owned()]);
        memo.expect(one.clone(), &Loans::default());
        memo.expect(two.clone(), &Loans::default());
        assert_eq!(memo.read(), &one | &two);
        memo.settle(&Loans::default());
        assert_eq!(memo.read(), two);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replacen("vrrpd 1 ", "vrrpd 1 another", 1)).unwrap();
        assert!(memo.read().is_empty());
        memo.forget();
        assert!(!path.exists());
    }
}
