//! VMACs and ipvlans: their names, and which addresses live on them.

use super::about;
use crate::config::block::{
    GlobalDefs, InstanceDraft, IpvlanDraft, MacOrigin, VirtualLink, VirtualLinkKind, VmacDraft, VrrpInstance,
};
use crate::config::diagnostic::Diagnostic;
use crate::config::environment::{Fact, Stacked};
use crate::config::schema::Context;
use crate::config::source::Span;
use crate::config::value::{AddressDraft, VirtualAddress};
use crate::types::{Family, IfName, MacAddr, Vrid};
use std::collections::BTreeMap;

/// keepalived's, unless `vmac_prefix` says otherwise.
const PREFIX: &str = "vrrp";
/// The kernel's limit.
const LONGEST_NAME: usize = 15;

/// The virtual links of all instances, as far as they are settled.
pub(super) struct Links {
    /// Names that files give, whichever instance comes first.
    reserved: Vec<IfName>,
    made: Vec<VirtualLink>,
}

/// What an instance runs on.
pub(super) struct Settled {
    pub(super) own: Option<VirtualLink>,
    pub(super) xmit_base: bool,
    /// keepalived counts these as faults of the configuration.
    pub(super) faults: u32,
}

impl Links {
    pub(super) fn new(drafts: &[InstanceDraft]) -> Self {
        let reserved = drafts.iter().filter_map(|draft| draft.link_name().cloned()).collect();
        Self { reserved, made: Vec::new() }
    }

    /// The link of `use_vmac` or `use_ipvlan`; without an interface there is neither.
    pub(super) fn settle(
        &mut self,
        draft: &mut InstanceDraft,
        site: &Site<'_>,
        cx: &mut Context<'_>,
    ) -> Settled {
        let Site { base, family, vrid, strict, global } = *site;
        let mut faults = 0;
        let (vmac, ipvlan) = (draft.vmac.take(), draft.ipvlan.take());
        let Some(base) = base else {
            let xmit_base = settle_xmit_base(draft, false, strict, cx);
            return Settled { own: None, xmit_base, faults };
        };
        let (vmac, ipvlan) = match vmac.as_ref().map(|v| v.span).or(ipvlan.as_ref().map(|i| i.span)) {
            Some(span) if !is_ethernet(base, cx) => {
                faults += 1;
                not_ethernet(draft, span, base, cx);
                (None, None)
            }
            _ => (vmac, ipvlan),
        };
        let xmit_base = settle_xmit_base(draft, vmac.is_some() && ipvlan.is_none(), strict, cx);
        let prefix = global.vmac_prefix.as_deref().unwrap_or(PREFIX);
        let own = match (ipvlan, vmac) {
            (Some(ipvlan), _) => {
                faults += u32::from(lacks_address(draft, &ipvlan, family, cx));
                let name = ipvlan.name.unwrap_or_else(|| self.free_name(prefix, base, site, None, cx));
                let kind = VirtualLinkKind::Ipvlan {
                    mode: ipvlan.mode.unwrap_or_default(),
                    address: ipvlan.address,
                };
                Some(VirtualLink {
                    name,
                    base: base.clone(),
                    kind,
                    group: ipvlan.group,
                    netlink_notify: false,
                })
            }
            (None, Some(vmac)) => {
                let (mac, origin) = settle_mac(draft, &vmac, vrid, family, strict, cx);
                // The kernel has no two macvlans of one address on one link.
                let name = match (self.with_mac(base, mac), vmac.name) {
                    (Some(there), _) => there.name.clone(),
                    (None, Some(name)) => name,
                    (None, None) => self.free_name(prefix, base, site, Some(mac), cx),
                };
                let kind = VirtualLinkKind::Vmac { mac, origin };
                let (group, netlink_notify) = (vmac.group, vmac.netlink_notify);
                Some(VirtualLink { name, base: base.clone(), kind, group, netlink_notify })
            }
            (None, None) => None,
        };
        if own.is_some()
            && let Some(span) = draft.promote_secondaries.take()
        {
            let problem =
                Diagnostic::warning("no-effect", span, "VMACs promote secondary addresses in any case")
                    .label("ignored");
            cx.report(about(draft, problem, "promote_secondaries is automatically set for vmacs - ignoring"));
        }
        self.made.extend(own.clone());
        Settled { own, xmit_base, faults }
    }

    /// Puts an address on the link where it lives, which may be a VMAC that is made for it; `None`: it names
    /// none, and there is none for it.
    pub(super) fn place(
        &mut self,
        address: AddressDraft,
        draft: &InstanceDraft,
        site: &Site<'_>,
        own: Option<&VirtualLink>,
        cx: &mut Context<'_>,
    ) -> Option<VirtualAddress> {
        let span = address.span;
        let mut address = address.on(site.base)?;
        let family = address.net.family();
        let vmac = own.filter(|link| link.is_vmac());
        let asked = std::mem::take(&mut address.use_vmac);
        let at_home = Some(&address.dev) == site.base && family == site.family;
        if at_home && let Some(link) = vmac {
            if asked {
                let what = address.net.short();
                let classic = format!("use_vmac specified for VIP/eVIP {what} and vrrp instance");
                superfluous(draft, span, &classic, cx);
            }
            address.vmac = Some(link.name.clone());
            return Some(address);
        }
        let implied = draft.vmac_addr && !at_home;
        if implied && asked {
            let what = address.net.short();
            let classic = format!("use_vmac_addr specified and use_vmac specified for VIP/eVIP {what}");
            superfluous(draft, span, &classic, cx);
        } else {
            address.use_vmac = asked;
        }
        if address.use_vmac || implied {
            let given = vmac.and_then(|link| match link.kind {
                VirtualLinkKind::Vmac { mac, origin } if origin != MacOrigin::Standard => Some((mac, origin)),
                VirtualLinkKind::Vmac { .. } | VirtualLinkKind::Ipvlan { .. } => None,
            });
            let mac = given.unwrap_or((MacAddr::of_router(family, site.vrid), MacOrigin::Standard));
            address.vmac = Some(self.for_address(&address.dev, mac, family, site, cx));
        }
        Some(address)
    }

    /// The VMAC with this MAC address on a link: one that is there already, or a new one.
    fn for_address(
        &mut self,
        base: &IfName,
        (mac, origin): (MacAddr, MacOrigin),
        family: Family,
        site: &Site<'_>,
        cx: &mut Context<'_>,
    ) -> IfName {
        let same = |link: &&VirtualLink| {
            link.base == *base
                && matches!(link.kind, VirtualLinkKind::Vmac { mac: other, .. } if other == mac)
        };
        if let Some(link) = self.made.iter().find(same) {
            return link.name.clone();
        }
        let prefix = site.global.vmac_addr_prefix.as_deref().or(site.global.vmac_prefix.as_deref());
        let site = Site { family, ..*site };
        let name = self.free_name(prefix.unwrap_or(PREFIX), base, &site, Some(mac), cx);
        self.made.push(VirtualLink {
            name: name.clone(),
            base: base.clone(),
            kind: VirtualLinkKind::Vmac { mac, origin },
            group: None,
            netlink_notify: false,
        });
        name
    }

    fn with_mac(&self, base: &IfName, mac: MacAddr) -> Option<&VirtualLink> {
        let same = |kind: &VirtualLinkKind| matches!(kind, VirtualLinkKind::Vmac { mac: m, .. } if *m == mac);
        self.made.iter().find(|link| link.base == *base && same(&link.kind))
    }

    /// A settled link by name.
    pub(super) fn get(&self, name: &IfName) -> Option<&VirtualLink> {
        self.made.iter().find(|link| link.name == *name)
    }

    /// `vrrp.51`, `vrrp6.51`, `vrrp1.51`, …: the first that nobody has, or that a killed daemon has left for us
    /// (keepalived: create_vmac_name). `mac`: of a VMAC; an ipvlan has none of its own.
    fn free_name(
        &self,
        prefix: &str,
        base: &IfName,
        site: &Site<'_>,
        mac: Option<MacAddr>,
        cx: &Context<'_>,
    ) -> IfName {
        let Site { family, vrid, .. } = *site;
        let numbers = std::iter::once(String::new())
            .chain((family == Family::V6).then(|| "6".to_owned()))
            .chain((1u32..).filter(|n| family == Family::V4 || *n != 6).map(|n| n.to_string()));
        let names = numbers.filter_map(|number| {
            let end = format!("{number}.{vrid}");
            let mut room = prefix.len().min(LONGEST_NAME - end.len().min(LONGEST_NAME));
            while !prefix.is_char_boundary(room) {
                room -= 1;
            }
            IfName::new(&format!("{}{end}", &prefix[..room])).ok()
        });
        let mut free = names.filter(|name| {
            let ours = self.reserved.contains(name) || self.get(name).is_some();
            !ours && !occupied(name, base, mac, cx)
        });
        free.next().expect("there are more numbers than interfaces")
    }
}

/// An instance that would share a VMAC with one above it, outside its sync group, is at fault: with one MAC
/// address for two routers, switches send the packets of both to whichever spoke last (keepalived:
/// check_vmac_conflicts).
pub(super) fn check_conflicts(instances: &mut [VrrpInstance], spans: &[Span], cx: &mut Context<'_>) {
    // Those with VMACs, by VRID: of ten thousand others none is looked at twice.
    let mut concerned: BTreeMap<Vrid, Vec<usize>> = BTreeMap::new();
    for (n, &span) in spans.iter().enumerate() {
        let (above, rest) = instances.split_at_mut(n);
        let Some(later) = rest.first_mut() else { return };
        if later.virtual_link.is_none() && on_vmacs(later).next().is_none() {
            continue;
        }
        let same_vrid = concerned.entry(later.vrid).or_default();
        let together =
            |other: &VrrpInstance| later.sync_group.is_some() && other.sync_group == later.sync_group;
        let mut faults = 0;
        for earlier in same_vrid.iter().map(|n| &above[*n]).filter(|other| !together(other)) {
            let own = later.virtual_link.as_ref().map(|link| &link.name);
            for theirs in on_vmacs(earlier).filter(|theirs| own.is_some() && theirs.vmac.as_ref() == own) {
                faults += 1;
                conflict(earlier, theirs, later, None, span, cx);
            }
            for (ours, theirs) in on_vmacs(later).flat_map(|a| on_vmacs(earlier).map(move |b| (a, b))) {
                if ours.vmac == theirs.vmac {
                    faults += 1;
                    conflict(earlier, ours, later, Some(theirs), span, cx);
                }
            }
        }
        same_vrid.push(n);
        later.config_faults += faults;
    }
}

fn on_vmacs(instance: &VrrpInstance) -> impl Iterator<Item = &VirtualAddress> {
    instance.all_vips().filter(|vip| vip.vmac.is_some())
}

fn conflict(
    earlier: &VrrpInstance,
    address: &VirtualAddress,
    later: &VrrpInstance,
    other: Option<&VirtualAddress>,
    span: Span,
    cx: &mut Context<'_>,
) {
    let (first, second, address) = (&earlier.name, &later.name, address.net.short());
    let other = other.map(|other| format!(" VIP/eVIP {}", other.net.short())).unwrap_or_default();
    let text = format!(
        "({first}) VIP/eVIP {address} uses same VMAC as VRRP instance {second}{other}, disabling {second}"
    );
    let message = format!("`{first}` and `{second}` would have one MAC address on one link");
    let problem = Diagnostic::error("shared-vmac", span, message)
        .classic(text)
        .label("this instance stays in FAULT")
        .help("give it a `virtual_router_id` of its own, or put both into one sync group")
        .at_completion();
    cx.report(problem);
}

/// The virtual router, and the link that it is configured on, if any.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) base: Option<&'a IfName>,
    pub(super) family: Family,
    pub(super) vrid: Vrid,
    pub(super) strict: bool,
    pub(super) global: &'a GlobalDefs,
}

/// The kernel has a link of this name that is not the one that would be made.
fn occupied(name: &IfName, base: &IfName, mac: Option<MacAddr>, cx: &Context<'_>) -> bool {
    let Fact::Known(facts) = cx.environment.link(name) else { return false };
    let same_kind = match mac {
        Some(mac) => {
            facts.stacked == Some(Stacked::Macvlan { private: true })
                && facts.mac.is_none_or(|theirs| theirs == mac)
        }
        None => facts.stacked == Some(Stacked::Ipvlan { l2: true }),
    };
    let same_base = match (facts.base, cx.environment.link(base)) {
        // What is put on top of such a link is on top of what is below that.
        (Some(below), Fact::Known(base)) => [base.index, base.base].contains(&Some(below)),
        _ => true,
    };
    !(same_kind && same_base)
}

fn is_ethernet(base: &IfName, cx: &Context<'_>) -> bool {
    match cx.environment.link(base) {
        Fact::Known(facts) => facts.ethernet,
        Fact::Unchecked | Fact::Absent => true,
    }
}

fn not_ethernet(draft: &InstanceDraft, span: Span, base: &IfName, cx: &mut Context<'_>) {
    let message = format!("`{base}` is not an Ethernet link: it has no MAC address to stand in for");
    let problem = Diagnostic::error("not-ethernet", span, message).label("the instance stays in FAULT");
    let text = format!("({}): vmacs are only supported on Ethernet type interfaces", draft.name);
    cx.report(problem.classic(text).at_completion());
}

fn settle_xmit_base(draft: &InstanceDraft, on_vmac: bool, strict: bool, cx: &mut Context<'_>) -> bool {
    let Some(span) = draft.xmit_base else { return false };
    let (message, classic) = match (on_vmac, strict) {
        (true, false) => return true,
        (true, true) => (
            "in strict mode adverts have the MAC address of the virtual router",
            "xmit_base is incompatible with strict mode - resetting",
        ),
        (false, _) => ("there is no VMAC", "vmac_xmit_base is only valid with a vmac"),
    };
    let problem = Diagnostic::warning("xmit-base-ignored", span, message).label("ignored");
    cx.report(about(draft, problem, classic));
    false
}

fn lacks_address(draft: &InstanceDraft, ipvlan: &IpvlanDraft, family: Family, cx: &mut Context<'_>) -> bool {
    if family == Family::V6 || ipvlan.address.is_some() {
        return false;
    }
    let message = "an ipvlan needs an IPv4 address of its own to send from";
    let problem = Diagnostic::error("ipvlan-without-address", ipvlan.span, message)
        .label("the instance stays in FAULT");
    let classic =
        "IPv4 ipvlan requires a source ip address to be configured. setting instance to fault state";
    cx.report(about(draft, problem, classic));
    true
}

fn settle_mac(
    draft: &InstanceDraft,
    vmac: &VmacDraft,
    vrid: Vrid,
    family: Family,
    strict: bool,
    cx: &mut Context<'_>,
) -> (MacAddr, MacOrigin) {
    let standard = (MacAddr::of_router(family, vrid), MacOrigin::Standard);
    match vmac.mac {
        None => standard,
        Some(_) if strict => {
            let message = "in strict mode a VMAC has the address of its virtual router";
            let text = format!("({}): cannot specify MAC address with strict mode - clearing", draft.name);
            let problem =
                Diagnostic::warning("strict-mode", vmac.span, message).label("the MAC address is ignored");
            cx.report(problem.classic(text).at_completion());
            standard
        }
        Some((MacAddr([a, b, c, d, e, _]), MacOrigin::GivenButVrid)) => {
            (MacAddr([a, b, c, d, e, vrid.get()]), MacOrigin::GivenButVrid)
        }
        Some(given) => given,
    }
}

fn superfluous(draft: &InstanceDraft, span: Span, classic: &str, cx: &mut Context<'_>) {
    let problem = Diagnostic::warning("no-effect", span, "the address is on a VMAC in any case")
        .label("`use_vmac` changes nothing");
    cx.report(about(draft, problem, classic));
}
