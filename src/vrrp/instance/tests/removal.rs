//! Addresses that somebody removes.

use super::*;
use crate::config::value::OnRemoval;
use crate::vrrp::KernelChange;
use crate::vrrp::patience::LIMIT;

#[test]
fn an_address_that_somebody_removes_is_put_back_until_it_is_hopeless() {
    let (mut instance, now) = master(&config());
    instance.handle(now, vip_lost());
    let back = |e: &Effect| matches!(e, Effect::Addresses(change) if change.install == [vip(100)]);
    assert!(drain(&mut instance).iter().any(back));
    for _ in 0..LIMIT {
        instance.handle(now, vip_lost());
    }
    assert_eq!((instance.state(), priorities(&drain(&mut instance))), (State::Backup, vec![0]));
    assert_eq!(
        instance.poll_timeout(),
        Some((now + skew_time(Version::V2, Priority::new(150), AdvertInt::DEFAULT), Timer::MasterDown))
    );
}

/// However much goes at one time, that is one removal, and one change to the kernel.
#[test]
fn what_goes_at_one_time_comes_back_at_one_time() {
    let vips: Vec<_> = (100..150).map(vip).collect();
    let (mut instance, now) = master(&VrrpInstance { vips: vips.clone(), ..config() });
    let addresses = vips.iter().map(|vip| (vip.net.address, vip.dev.clone())).collect();
    instance.handle(now, Input::Lost(Box::new(Lost { addresses, ..Lost::default() })));
    let effects = drain(&mut instance);
    let changes = effects.iter().filter(|effect| matches!(effect, Effect::Addresses(_)));
    assert_eq!(changes.collect::<Vec<_>>(), [&Effect::Addresses(KernelChange::installing(vips))]);
    assert_eq!(instance.state(), State::Master);
}

/// oracle: keepalived 2.2.7, run.
#[test]
fn a_master_that_is_told_to_yields_at_the_first_removal() {
    let (mut instance, now) = master(&VrrpInstance { on_removal: OnRemoval::Yield, ..config() });
    instance.handle(now, vip_lost());
    let effects = drain(&mut instance);
    assert_eq!((instance.state(), priorities(&effects)), (State::Backup, vec![0]));
    assert!(!effects.iter().any(|e| matches!(e, Effect::Addresses(change) if !change.install.is_empty())));
}

pub(super) fn vip_lost() -> Input {
    let addresses = vec![(vip(100).net.address, vip(100).dev)];
    Input::Lost(Box::new(Lost { addresses, ..Lost::default() }))
}
