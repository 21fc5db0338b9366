use super::*;
use crate::types::Priority;

fn command(name: &str) -> ScriptCommand {
    ScriptCommand { argv: vec![name.to_owned()], uid: None, gid: None }
}

fn scripts() -> NotifyScripts {
    NotifyScripts {
        master: Some(command("to_master")),
        backup: Some(command("to_backup")),
        fault: None,
        stop: Some(command("at_stop")),
        any: Some(command("any")),
        master_rx_lower_pri: Some(command("lower")),
        ..NotifyScripts::default()
    }
}

fn at(event: Event, priority: u8) -> Notification {
    Notification { event, priority: Priority::new(priority) }
}

/// All that may start now, as words.
fn calls(notifier: &mut Notifier) -> Vec<(String, Ticket)> {
    std::iter::from_fn(|| notifier.next_call())
        .map(|call| ([call.command.argv, call.arguments].concat().join(" "), call.ticket))
        .collect()
}

fn words(calls: &[(String, Ticket)]) -> Vec<&str> {
    calls.iter().map(|(words, _)| words.as_str()).collect()
}

/// oracle: keepalived 2.2.7, seen: state scripts get nothing, the general one four words.
#[test]
fn the_state_script_comes_first_and_the_general_one_gets_four_words() {
    let mut notifier = Notifier::default();
    notifier.push(Subject::Instance, "VI_1", &scripts(), at(Event::Master, 150));
    assert_eq!(words(&calls(&mut notifier)), ["to_master", "any INSTANCE VI_1 MASTER 150"]);
    notifier.push(Subject::Instance, "VI_2", &scripts(), at(Event::Fault, 90));
    assert_eq!(words(&calls(&mut notifier)), ["any INSTANCE VI_2 FAULT 90"]);
}

#[test]
fn a_script_waits_for_its_predecessor_but_not_for_those_of_others() {
    let mut notifier = Notifier::default();
    notifier.push(Subject::Instance, "VI_1", &scripts(), at(Event::Backup, 150));
    let first = calls(&mut notifier);
    notifier.push(Subject::Instance, "VI_1", &scripts(), at(Event::Master, 150));
    notifier.push(Subject::Instance, "VI_2", &scripts(), at(Event::Backup, 150));
    assert_eq!(words(&calls(&mut notifier)), ["to_backup", "any INSTANCE VI_2 BACKUP 150"]);
    notifier.ended(first[1].1);
    assert_eq!(words(&calls(&mut notifier)), ["any INSTANCE VI_1 MASTER 150"]);
    assert!(notifier.is_waiting() && notifier.holds_up(first[0].1));
    notifier.ended(first[0].1);
    assert_eq!(words(&calls(&mut notifier)), ["to_master"]);
    assert!(!notifier.is_idle());
}

#[test]
fn of_too_many_events_the_last_arrive() {
    let mut notifier = Notifier::default();
    notifier.push(Subject::Instance, "VI_1", &scripts(), at(Event::Fault, 1));
    let mut running = calls(&mut notifier);
    for priority in 2..=200 {
        notifier.push(Subject::Instance, "VI_1", &scripts(), at(Event::Fault, priority));
    }
    let mut seen = Vec::new();
    while let Some((_, ticket)) = running.pop() {
        notifier.ended(ticket);
        running = calls(&mut notifier);
        seen.extend(words(&running).into_iter().map(str::to_owned));
    }
    assert_eq!(seen.len(), LANE_LIMIT);
    assert_eq!(seen.last().unwrap(), "any INSTANCE VI_1 FAULT 200");
    assert!(notifier.is_idle());
}

#[test]
fn the_end_overrules_what_waits() {
    let mut notifier = Notifier::default();
    notifier.push(Subject::Instance, "VI_1", &scripts(), at(Event::Backup, 150));
    let running = calls(&mut notifier);
    notifier.push(Subject::Instance, "VI_1", &scripts(), at(Event::Master, 150));
    notifier.push(Subject::Instance, "VI_1", &scripts(), at(Event::Stop, 150));
    for (_, ticket) in running {
        notifier.ended(ticket);
    }
    assert_eq!(words(&calls(&mut notifier)), ["at_stop", "any INSTANCE VI_1 STOP 150"]);
}

#[test]
fn a_lower_advert_is_no_transition() {
    let mut notifier = Notifier::default();
    notifier.push(Subject::Instance, "VI_1", &scripts(), at(Event::Master, 150));
    let running = calls(&mut notifier);
    notifier.push(Subject::Instance, "VI_1", &scripts(), at(Event::MasterRxLowerPri, 150));
    assert_eq!(words(&running), ["to_master", "any INSTANCE VI_1 MASTER 150"]);
    assert_eq!(words(&calls(&mut notifier)), ["lower"], "and it waits for none of them");
}
