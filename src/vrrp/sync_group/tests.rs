//! The group by itself, its members played by hand.

use super::*;
use crate::config::block::NotifyScripts;
use GroupEffect::{Announce, Notice, Notify, Say};
use Stance::{Faulty, Led, Master, Pending, Ready, Waiting};

const PATIENCE: Duration = Duration::from_secs(3);

fn at(secs: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(secs)
}

fn config(members: &[&str]) -> Arc<SyncGroup> {
    Arc::new(SyncGroup {
        name: "G".into(),
        members: members.iter().map(|name| (*name).into()).collect(),
        track: Vec::new(),
        tracking_weight: false,
        notify: NotifyScripts::default(),
        smtp_alert: false,
        notify_priority_changes: None,
    })
}

fn entrant(name: &str, stance: Option<Stance>) -> Entrant {
    Entrant { name: name.into(), formerly: None, patience: PATIENCE, stance }
}

/// Goes on from before the reload.
fn goes_on(name: &str) -> Entrant {
    Entrant { formerly: Some(name.into()), ..entrant(name, None) }
}

/// A group of `A`, `B` and so on that start like this, and what that brings.
fn group(stances: &[Stance]) -> (Group, Vec<GroupEffect>) {
    let names = &["A", "B", "C"][..stances.len()];
    let entrants = names.iter().zip(stances).map(|(name, stance)| entrant(name, Some(*stance)));
    let mut group = Group::new(config(names), entrants.collect());
    let effects = drain(&mut group);
    (group, effects)
}

fn drain(group: &mut Group) -> Vec<GroupEffect> {
    std::iter::from_fn(|| group.poll_effect()).collect()
}

fn word(group: &Group, member: &str) -> Word {
    match group.says(member) {
        Some(GroupSays::Be { word, .. }) => word,
        other => panic!("the group says {other:?}"),
    }
}

/// A member that has heard the last word says that it stands like this.
fn stands(group: &mut Group, member: &str, stance: Stance) -> Vec<GroupEffect> {
    let heard = group.says(member).map(|_| word(group, member));
    says(group, member, stance, heard)
}

fn says(group: &mut Group, member: &str, stance: Stance, heard: Option<Word>) -> Vec<GroupEffect> {
    let state = match stance {
        Master => State::Master,
        Pending => State::Init,
        Faulty => State::Fault,
        Waiting | Led | Ready => State::Backup,
    };
    group.report(member, GroupReport::Stands { stance, state, heard });
    drain(group)
}

fn syncing(state: State) -> GroupEffect {
    Notice(GroupNotice { group: "G".into(), kind: GroupNoticeKind::Syncing(state) })
}

fn say(member: &str) -> GroupEffect {
    Say(member.into())
}

/// A group whose members are all master, and know it.
fn masters(count: usize) -> Group {
    let (mut group, _) = group(&vec![Waiting; count]);
    let names: Vec<String> = group.members.iter().map(|member| member.name.clone()).collect();
    for stance in [Ready, Master] {
        names.iter().for_each(|name| drop(stands(&mut group, name, stance)));
    }
    names.iter().for_each(|name| group.told(name, Event::Master));
    drain(&mut group);
    assert_eq!(group.state(), State::Master);
    group
}

#[test]
fn the_last_to_be_ready_goes_first_and_the_others_follow_in_their_order() {
    let (mut group, effects) = group(&[Waiting, Waiting, Waiting]);
    assert_eq!(effects, [Notify(Event::Backup)]);
    assert_eq!(stands(&mut group, "A", Ready), []);
    assert_eq!(stands(&mut group, "C", Ready), []);
    assert_eq!(stands(&mut group, "B", Ready), [say("B"), syncing(State::Master), say("A"), say("C")]);
}

#[test]
fn one_that_heeds_a_master_keeps_all_of_them_waiting() {
    let (mut group, _) = group(&[Waiting, Waiting]);
    stands(&mut group, "A", Ready);
    stands(&mut group, "A", Led);
    assert_eq!(stands(&mut group, "B", Ready), []);
    assert_eq!(group.state(), State::Backup);
    stands(&mut group, "A", Ready);
    assert_eq!(group.state(), State::Master);
}

#[test]
fn a_master_that_is_replaced_takes_the_others_along_in_silence() {
    let mut group = masters(2);
    assert_eq!(stands(&mut group, "B", Led), [say("B"), syncing(State::Backup), say("A")]);
    assert!(matches!(group.says("A"), Some(GroupSays::Be { farewell: false, .. })));
}

#[test]
fn a_master_that_gives_up_by_itself_lets_the_others_say_farewell() {
    let mut group = masters(2);
    stands(&mut group, "B", Waiting);
    assert!(matches!(group.says("A"), Some(GroupSays::Be { farewell: true, .. })));
}

#[test]
fn a_follower_that_has_not_heard_yet_has_not_given_way() {
    let (mut group, _) = group(&[Waiting, Waiting]);
    let before = word(&group, "A");
    stands(&mut group, "A", Ready);
    stands(&mut group, "B", Ready);
    stands(&mut group, "B", Master);
    // Crossed with the word that makes it master.
    assert_eq!(says(&mut group, "A", Ready, Some(before)), [say("A")]);
    assert_eq!(group.state(), State::Master);
}

#[test]
fn a_fault_of_one_is_a_fault_of_all_until_the_last_is_gone() {
    let mut group = masters(3);
    assert_eq!(stands(&mut group, "B", Faulty), [say("B"), syncing(State::Fault), say("A"), say("C")]);
    stands(&mut group, "C", Faulty);
    assert_eq!((group.status().faults, group.status().pending), (2, 0));
    stands(&mut group, "B", Waiting);
    assert_eq!(group.state(), State::Fault);
    ["A", "B", "C"].iter().for_each(|name| group.told(name, Event::Fault));
    assert_eq!(drain(&mut group), [Notify(Event::Fault)]);
    let effects = stands(&mut group, "C", Waiting);
    assert_eq!(effects, [say("C"), syncing(State::Backup), say("A"), say("B")]);
}

#[test]
fn none_begins_before_all_scripts_have_spoken() {
    let (mut group, effects) = group(&[Waiting, Pending]);
    assert_eq!((effects, word(&group, "A").state, group.status().pending), (vec![], State::Init, 1));
    let effects = stands(&mut group, "B", Waiting);
    assert_eq!(effects[..3], [say("B"), syncing(State::Backup), say("A")]);
}

#[test]
fn a_group_with_a_fault_begins_in_fault_and_names_it() {
    let (group, effects) = group(&[Waiting, Faulty, Pending]);
    let kind = GroupNoticeKind::BeginsWithFault("B".into());
    assert_eq!(effects, [Notice(GroupNotice { group: "G".into(), kind }), Notify(Event::Fault)]);
    assert_eq!(word(&group, "A").state, State::Fault);
}

#[test]
fn owners_begin_as_master_all_or_none() {
    assert_eq!(word(&group(&[Ready, Ready]).0, "A").state, State::Master);
    assert_eq!(word(&group(&[Ready, Waiting]).0, "A").state, State::Backup);
}

#[test]
fn scripts_of_the_group_come_after_those_of_its_members() {
    let (mut group, _) = group(&[Waiting, Waiting]);
    stands(&mut group, "A", Ready);
    stands(&mut group, "B", Ready);
    group.told("B", Event::Master);
    assert_eq!(drain(&mut group), []);
    group.told("A", Event::MasterRxLowerPri);
    assert_eq!(drain(&mut group), []);
    group.told("A", Event::Master);
    assert_eq!(drain(&mut group), [Notify(Event::Master)]);
}

#[test]
fn a_state_that_passes_before_all_scripts_know_is_told_nevertheless() {
    let (mut group, _) = group(&[Waiting, Waiting]);
    stands(&mut group, "A", Ready);
    stands(&mut group, "B", Ready);
    let effects = stands(&mut group, "A", Faulty);
    assert!(effects.contains(&Notify(Event::Master)), "{effects:?}");
    group.told("A", Event::Fault);
    group.told("B", Event::Fault);
    assert_eq!(drain(&mut group), [Notify(Event::Fault)]);
}

#[test]
fn a_lower_advert_to_one_makes_the_others_announce() {
    let mut group = masters(3);
    group.report("B", GroupReport::LowerHeard);
    assert_eq!(drain(&mut group), [Announce("A".into()), Announce("C".into())]);
}

#[test]
fn a_newcomer_follows_a_group_that_is_master_when_its_time_has_come() {
    let mut group = Group::succeeding(
        Some(masters(2)),
        config(&["A", "B", "C"]),
        vec![goes_on("A"), goes_on("B"), entrant("C", Some(Waiting))],
    );
    assert_eq!((drain(&mut group), group.state()), (vec![], State::Master));
    assert_eq!(word(&group, "C").state, State::Backup);
    stands(&mut group, "C", Waiting);
    assert_eq!(group.state(), State::Master);
    assert_eq!(stands(&mut group, "C", Ready), [say("C")]);
    assert_eq!(word(&group, "C").state, State::Master);
}

#[test]
fn a_newcomer_that_hears_a_better_master_takes_the_group_down() {
    let old = Some(masters(2));
    let members = vec![goes_on("A"), goes_on("B"), entrant("C", Some(Waiting))];
    let mut group = Group::succeeding(old, config(&["A", "B", "C"]), members);
    stands(&mut group, "C", Led);
    assert_eq!(group.state(), State::Backup);
    assert!(matches!(group.says("A"), Some(GroupSays::Be { farewell: true, .. })));
}

#[test]
fn a_group_made_of_masters_is_master_and_moves_nobody() {
    let members = vec![goes_on("A"), goes_on("B")];
    let mut group = Group::succeeding(None, config(&["A", "B"]), members);
    assert_eq!((drain(&mut group), group.says("A")), (vec![], None));
    assert_eq!(says(&mut group, "A", Master, None), [say("A"), say("B"), Notify(Event::Master)]);
    assert_eq!(says(&mut group, "B", Master, None), [say("B")]);
    assert_eq!((group.state(), word(&group, "B").state), (State::Master, State::Master));
}

#[test]
fn a_group_made_of_a_master_and_a_backup_is_backup() {
    for order in [["A", "B"], ["B", "A"]] {
        let mut group = Group::succeeding(None, config(&["A", "B"]), vec![goes_on("A"), goes_on("B")]);
        for name in order {
            says(&mut group, name, if name == "A" { Master } else { Led }, None);
        }
        assert_eq!(group.state(), State::Backup, "{order:?}");
        assert!(matches!(group.says("A"), Some(GroupSays::Be { farewell: true, .. })), "{order:?}");
    }
}

#[test]
fn a_reload_that_takes_the_faulty_one_away_mends_the_group() {
    let mut old = masters(2);
    stands(&mut old, "B", Faulty);
    stands(&mut old, "A", Waiting);
    let mut group = Group::succeeding(Some(old), config(&["A"]), vec![goes_on("A")]);
    drain(&mut group);
    assert_eq!(group.state(), State::Backup);
}

#[test]
fn one_that_fails_by_an_internal_error_is_missed_when_its_adverts_are() {
    let mut group = masters(2);
    group.lost(at(10), "B");
    assert_eq!((drain(&mut group), group.poll_timeout()), (vec![], Some(at(10) + PATIENCE)));
    group.handle_timeout(at(12));
    assert_eq!((drain(&mut group), group.state()), (vec![], State::Master));
    group.handle_timeout(at(13));
    assert_eq!(drain(&mut group), [syncing(State::Fault), say("A"), say("B")]);
    assert_eq!(group.poll_timeout(), None);
    says(&mut group, "B", Waiting, None);
    assert_eq!(group.state(), State::Backup);
}

#[test]
fn one_that_comes_back_in_time_goes_on_as_if_nothing_had_happened() {
    let mut group = masters(2);
    group.lost(at(10), "B");
    stands(&mut group, "B", Waiting);
    assert_eq!((group.state(), group.poll_timeout()), (State::Master, None));
    assert_eq!(stands(&mut group, "B", Ready), [say("B")]);
    assert_eq!(word(&group, "B").state, State::Master);
}
