//! An instance in a sync group, which is played by hand.

use super::*;
use crate::config::block::SyncGroup;
use crate::vrrp::sync_group::{Stance, Word};
use crate::vrrp::{SwitchInput, Switchboard};

/// A member of `G`: the sample, with this priority.
fn member(priority: u8) -> VrrpInstance {
    VrrpInstance { sync_group: Some("G".into()), priority: Priority::new(priority), ..config() }
}

/// A group that has another member, which can be told what to do.
struct Group {
    board: Switchboard,
    member: VrrpInstance,
}

impl Group {
    fn new(member: &VrrpInstance) -> Self {
        let other = VrrpInstance {
            name: "OTHER".into(),
            vrid: crate::types::Vrid::new(52).unwrap(),
            ..member.clone()
        };
        let group = SyncGroup {
            name: "G".into(),
            members: vec!["OTHER".into(), member.name.clone()],
            track: Vec::new(),
            tracking_weight: false,
            notify: Default::default(),
            smtp_alert: false,
            notify_priority_changes: None,
        };
        let config = crate::config::Config {
            instances: vec![Arc::new(other), Arc::new(member.clone())],
            sync_groups: vec![Arc::new(group)],
            ..Default::default()
        };
        let links = [(IfName::new("eth0").unwrap(), true)];
        let mut board = Switchboard::new(ms(0), &config, links);
        board.handle(ms(0), SwitchInput::Start(Arc::new(config), BTreeSet::new()));
        Self { board, member: member.clone() }
    }

    fn word(&self) -> Option<Word> {
        self.board.word(&self.member)
    }

    /// The other member stands like this, and has heard everything.
    fn other(&mut self, stance: Stance, state: State) {
        let heard = self.word();
        let report = GroupReport::Stands { stance, state, heard };
        self.board.handle(ms(0), SwitchInput::Member("OTHER".into(), report));
    }

    /// Hands reports over and lets the instance hear, until both have nothing to say; all its other effects.
    fn settle(&mut self, now: Instant, instance: &mut Instance) -> Vec<Effect> {
        let mut effects = Vec::new();
        loop {
            while let Some(effect) = instance.poll_effect() {
                match effect {
                    Effect::Group(report) => {
                        self.board.handle(now, SwitchInput::Member(self.member.name.clone(), report));
                    }
                    other => effects.push(other),
                }
            }
            if self.word() == instance.word() {
                return effects;
            }
            instance.handle(now, Input::Group(self.board.group_says(&self.member).unwrap()));
        }
    }
}

fn start_in(group: &mut Group) -> (Instance, Vec<Effect>) {
    let start = Start {
        tracking: Tracking::default(),
        source: Some(OWN),
        word: group.word(),
        leftovers: Leftovers::Remove,
        wall: Duration::ZERO,
    };
    let mut instance = Instance::new(ms(0), Arc::new(group.member.clone()), start);
    let effects = group.settle(ms(0), &mut instance);
    (instance, effects)
}

/// An instance that is master together with the other member.
fn master_in(group: &mut Group) -> Instance {
    let (mut instance, _) = start_in(group);
    group.other(Stance::Ready, State::Backup);
    instance.handle_timeout(us(3_414_062));
    group.settle(us(3_414_062), &mut instance);
    group.other(Stance::Master, State::Master);
    assert_eq!(instance.state(), State::Master);
    instance
}

/// oracle: behaviour seen of keepalived 2.2.7, also below.
#[test]
fn alone_in_its_wish_it_waits_again_and_sends_nothing() {
    let mut group = Group::new(&member(150));
    let (mut instance, _) = start_in(&mut group);
    instance.handle_timeout(us(3_414_062));
    let effects = group.settle(us(3_414_062), &mut instance);
    assert_eq!(notices(&effects), ["(VI_1) Receive advertisement timeout"]);
    assert_eq!(
        (effects.len(), instance.state(), instance.status().wanted),
        (1, State::Backup, State::Master)
    );
    assert_eq!(instance.poll_timeout(), Some((us(2 * 3_414_062), Timer::MasterDown)));
}

#[test]
fn it_starts_the_takeover_when_it_is_the_last() {
    let mut group = Group::new(&member(150));
    let (mut instance, _) = start_in(&mut group);
    group.other(Stance::Ready, State::Backup);
    instance.handle_timeout(us(3_414_062));
    let effects = group.settle(us(3_414_062), &mut instance);
    assert_eq!((priorities(&effects), events(&effects)), (vec![150], vec![Event::Master]));
}

#[test]
fn it_follows_a_takeover_with_an_advert_addresses_and_announcements_of_its_own() {
    let mut group = Group::new(&member(150));
    let (mut instance, _) = start_in(&mut group);
    instance.handle_timeout(us(3_414_062));
    group.settle(us(3_414_062), &mut instance);
    group.other(Stance::Ready, State::Backup);
    let effects = group.settle(ms(5_000), &mut instance);
    assert_eq!((priorities(&effects), events(&effects)), (vec![150], vec![Event::Master]));
    assert!(
        effects.iter().any(|effect| matches!(effect, Effect::Addresses(change) if change.install.len() == 1))
    );
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Announce(_))));
    assert_eq!(instance.poll_timeout(), Some((ms(6_000), Timer::Advert)));
}

#[test]
fn an_advert_that_it_heeds_takes_its_wish_away() {
    let mut group = Group::new(&member(150));
    let (mut instance, _) = start_in(&mut group);
    instance.handle_timeout(us(3_414_062));
    group.settle(us(3_414_062), &mut instance);
    instance.handle(ms(4_000), Input::Packet(advert(&member(150), HIGHER, 150)));
    group.settle(ms(4_000), &mut instance);
    group.other(Stance::Ready, State::Backup);
    group.settle(ms(4_000), &mut instance);
    assert_eq!(instance.state(), State::Backup);
}

#[test]
fn a_lower_advert_leaves_it_its_wish() {
    let mut group = Group::new(&member(150));
    let (mut instance, _) = start_in(&mut group);
    instance.handle_timeout(us(3_414_062));
    group.settle(us(3_414_062), &mut instance);
    instance.handle(ms(4_000), Input::Packet(advert(&member(150), HIGHER, 100)));
    group.settle(ms(4_000), &mut instance);
    group.other(Stance::Ready, State::Backup);
    group.settle(ms(4_000), &mut instance);
    assert_eq!(instance.state(), State::Master);
}

#[test]
fn it_gives_way_with_the_group_without_a_word_and_waits_its_full_time() {
    let mut group = Group::new(&member(150));
    let mut instance = master_in(&mut group);
    group.other(Stance::Led, State::Backup);
    let effects = group.settle(ms(9_000), &mut instance);
    assert_eq!((priorities(&effects), events(&effects)), (vec![], vec![Event::Backup]));
    assert_eq!(instance.poll_timeout(), Some((us(9_000_000 + 3_414_062), Timer::MasterDown)));
}

/// oracle: keepalived (set_vrrp_backup): when an address is taken away all members say farewell.
#[test]
fn it_says_farewell_when_nobody_is_known_to_take_over() {
    let mut group = Group::new(&member(150));
    let mut instance = master_in(&mut group);
    group.other(Stance::Waiting, State::Backup);
    let effects = group.settle(ms(9_000), &mut instance);
    assert_eq!((priorities(&effects), events(&effects)), (vec![0], vec![Event::Backup]));
    assert_eq!(instance.poll_timeout(), Some((us(9_000_000 + 414_062), Timer::MasterDown)));
}

#[test]
fn another_s_fault_is_told_to_backups_once_and_not_counted() {
    let mut group = Group::new(&member(150));
    let mut instance = master_in(&mut group);
    let sent = instance.status().stats.advert_sent;
    group.other(Stance::Faulty, State::Fault);
    let effects = group.settle(ms(9_000), &mut instance);
    assert_eq!((priorities(&effects), events(&effects)), (vec![0], vec![Event::Fault]));
    assert!(!notices(&effects).contains(&"(VI_1) sent 0 priority".to_owned()));
    let stats = instance.status().stats;
    assert_eq!((stats.pri_zero_sent, stats.advert_sent - sent, stats.release_master), (0, 1, 1));
    assert_eq!((instance.poll_timeout(), instance.status().wanted), (None, State::Fault));
}

#[test]
fn its_own_fault_is_told_twice_and_holds_while_the_group_s_does() {
    let mut group = Group::new(&member(150));
    let mut instance = master_in(&mut group);
    instance.handle(ms(9_000), Input::Source(None));
    let effects = group.settle(ms(9_000), &mut instance);
    assert_eq!(priorities(&effects), [0, 0]);
    assert_eq!(group.word().map(|word| word.state), Some(State::Fault));
    group.other(Stance::Faulty, State::Fault);
    instance.handle(ms(9_500), Input::Source(Some(OWN)));
    group.settle(ms(9_500), &mut instance);
    assert_eq!(instance.state(), State::Fault);
    group.other(Stance::Waiting, State::Fault);
    let effects = group.settle(ms(9_700), &mut instance);
    assert_eq!((instance.state(), events(&effects)), (State::Backup, vec![Event::Backup]));
    assert_eq!(instance.poll_timeout(), Some((us(9_700_000 + 3_414_062), Timer::MasterDown)));
}

#[test]
fn without_a_word_it_stays_in_init() {
    let group = Group::new(&member(150));
    let start = Start {
        tracking: Tracking::default(),
        source: Some(OWN),
        word: None,
        leftovers: Leftovers::Remove,
        wall: Duration::ZERO,
    };
    let mut instance = Instance::new(ms(0), Arc::new(group.member.clone()), start);
    assert_eq!((instance.state(), events(&drain(&mut instance))), (State::Init, vec![]));
}

#[test]
fn an_owner_among_others_is_ready_from_the_start_and_waits_for_them() {
    let mut group = Group::new(&member(255));
    group.other(Stance::Waiting, State::Backup);
    let (mut instance, effects) = start_in(&mut group);
    assert_eq!((instance.state(), priorities(&effects)), (State::Backup, vec![]));
    group.other(Stance::Ready, State::Backup);
    let effects = group.settle(ms(10), &mut instance);
    assert_eq!((instance.state(), priorities(&effects)), (State::Master, vec![255]));
}

#[test]
fn a_lower_advert_makes_the_other_members_announce() {
    let mut group = Group::new(&member(150));
    let mut instance = master_in(&mut group);
    let report = Effect::Group(GroupReport::LowerHeard);
    assert!(hear(&mut instance, ms(9_000), LOWER, 100).contains(&report));
    instance.handle(ms(9_100), Input::Group(GroupSays::Announce));
    let effects = drain(&mut instance);
    assert!(
        matches!(&effects[..], [Effect::Notice(_), Effect::Announce(burst)] if burst.rounds == 5),
        "{effects:?}"
    );
    group.other(Stance::Led, State::Backup);
    group.settle(ms(9_200), &mut instance);
    instance.handle(ms(9_300), Input::Group(GroupSays::Announce));
    assert_eq!(drain(&mut instance), []);
}

#[test]
fn out_of_its_group_it_does_what_it_wished_to_do() {
    let mut group = Group::new(&member(150));
    let (mut instance, _) = start_in(&mut group);
    instance.handle_timeout(us(3_414_062));
    group.settle(us(3_414_062), &mut instance);
    instance.handle(
        ms(4_000),
        Input::Reconfigure(Arc::new(VrrpInstance { priority: Priority::new(150), ..config() })),
    );
    assert_eq!((instance.state(), priorities(&drain(&mut instance))), (State::Master, vec![150]));
}

#[test]
fn out_of_its_group_it_is_no_longer_held_in_fault() {
    let mut group = Group::new(&member(150));
    let (mut instance, _) = start_in(&mut group);
    group.other(Stance::Faulty, State::Fault);
    group.settle(ms(100), &mut instance);
    assert_eq!(instance.state(), State::Fault);
    instance.handle(
        ms(200),
        Input::Reconfigure(Arc::new(VrrpInstance { priority: Priority::new(150), ..config() })),
    );
    assert_eq!(instance.state(), State::Backup);
}

#[test]
fn addresses_of_an_earlier_life_stay_while_the_others_may_still_come() {
    let mut group = Group::new(&member(150));
    let start = Start {
        tracking: Tracking::default(),
        source: Some(OWN),
        word: group.word(),
        leftovers: Leftovers::Adopt,
        wall: Duration::ZERO,
    };
    let mut instance = Instance::new(ms(0), Arc::new(group.member.clone()), start);
    group.settle(ms(0), &mut instance);
    let removes = |effects: &[Effect]| effects.iter().any(|effect| matches!(effect, Effect::Addresses(_)));
    // One interval and the skew: nobody has taken over from the earlier life.
    instance.handle_timeout(us(1_414_062));
    assert!(!removes(&group.settle(us(1_414_062), &mut instance)));
    instance.handle_timeout(us(1_414_062 + 3_414_062));
    assert!(removes(&group.settle(us(1_414_062 + 3_414_062), &mut instance)));
}
