#![allow(clippy::wildcard_enum_match_arm, reason = "an unexpected variant fails the test")]

use super::*;
use crate::account::Role;
use crate::gate::tests::snapshot;
use crate::plan::tests::{at, contact, rules};
use std::time::Duration;

fn sending(channel: Channel) -> Notification {
    let mut notification = snapshot(channel).notification;
    notification.state = NotificationState::Sending;
    notification.attempts = 1;
    notification
}

fn step(outcome: &Outcome, notification: &Notification) -> NextStep {
    let contact = contact("u", Role::User, true, true);
    after_attempt(outcome, notification, Some(&contact), &rules(), 0.0, at(20))
}

fn deferred(reason: Reason) -> Outcome {
    Outcome::Deferred { reason, retry_after: None }
}

fn seconds(from: Timestamp, to: Option<Timestamp>) -> Option<u64> {
    to.map(|to| crate::time::since(from, to).as_secs())
}

#[test]
fn accepted_is_the_end() {
    let next = step(&Outcome::Accepted, &sending(Channel::Email));
    assert_eq!((next.state, next.due_at), (NotificationState::Sent, None));
}

#[test]
fn a_transient_refusal_follows_the_schedule_to_its_end() {
    let mut notification = sending(Channel::Email);
    let mut waits = Vec::new();
    loop {
        let next = step(&deferred(Reason::TemporaryRefusal), &notification);
        match next.state {
            NotificationState::Planned => {
                waits.push(seconds(at(20), next.due_at).unwrap());
                assert!(next.spends_a_try);
                notification.spent += 1;
            }
            state => {
                assert_eq!(
                    (state, next.reason),
                    (NotificationState::Dead, Reason::RetriesExhausted)
                );
                break;
            }
        }
    }
    assert_eq!(waits, [30, 120, 600, 3_600, 21_600, 21_600, 21_600]);
}

#[test]
fn a_provider_out_of_order_costs_no_try_and_its_wish_is_honoured() {
    for reason in [Reason::ConnectFailed, Reason::ProviderBusy, Reason::CredentialsRefused] {
        let next = step(&deferred(reason), &sending(Channel::Email));
        assert_eq!((next.state, next.spends_a_try), (NotificationState::Planned, false));
        assert_eq!(seconds(at(20), next.due_at), Some(30));
    }
    let wish = Outcome::Deferred {
        reason: Reason::ProviderBusy,
        retry_after: Some(Duration::from_secs(90)),
    };
    assert_eq!(seconds(at(20), step(&wish, &sending(Channel::Sms)).due_at), Some(90));
}

#[test]
fn a_dead_address_moves_to_the_next_channel_at_once() {
    let next =
        step(&Outcome::Rejected { reason: Reason::NoSuchRecipient }, &sending(Channel::Email));
    let advance = next.advance.unwrap();
    assert_eq!(next.state, NotificationState::Failed);
    assert_eq!((advance.channel, advance.planned_for), (Channel::Sms, at(20)));
    // The last channel has nowhere to go.
    let next = step(&Outcome::Rejected { reason: Reason::OptedOut }, &sending(Channel::Sms));
    assert_eq!((next.state, next.advance), (NotificationState::Failed, None));
}

#[test]
fn our_own_bad_content_is_not_tried_on_another_channel() {
    let next =
        step(&Outcome::Rejected { reason: Reason::ContentRefused }, &sending(Channel::Email));
    assert_eq!((next.state, next.advance), (NotificationState::Failed, None));
}

#[test]
fn a_full_mailbox_waits_hours_then_moves_on() {
    let mut notification = sending(Channel::Email);
    let next = step(&deferred(Reason::MailboxFull), &notification);
    assert_eq!(seconds(at(20), next.due_at), Some(4 * 3_600));
    notification.spent = 2;
    let next = step(&deferred(Reason::MailboxFull), &notification);
    assert_eq!(next.state, NotificationState::Failed);
    assert!(next.advance.is_some());
}

#[test]
fn a_doubt_is_looked_at_once_and_twice_is_the_operators() {
    for channel in [Channel::Email, Channel::Sms] {
        let next = step(&Outcome::Unknown { reason: Reason::NoAnswer }, &sending(channel));
        assert_eq!((next.state, next.due_at), (NotificationState::Doubtful, Some(at(21))));
        assert_eq!(next.advance, None, "a doubt never fails over");
    }
    let mut again = sending(Channel::Email);
    again.doubts = 1;
    let next = step(&Outcome::Unknown { reason: Reason::NoAnswer }, &again);
    assert_eq!((next.state, next.reason), (NotificationState::Dead, Reason::InDoubt));
}

#[test]
fn a_look_up_adopts_waits_or_resends_once_and_is_never_blind() {
    let mut doubtful = sending(Channel::Sms);
    doubtful.state = NotificationState::Doubtful;
    doubtful.doubts = 1;
    let found = LookUp::Found { provider_message_id: "SM1".into() };
    let unavailable = LookUp::Unavailable { reason: Reason::ConnectFailed };
    let look = |found: &LookUp, notification: &Notification| {
        let next = after_look_up(found, notification, at(20));
        (next.state, next.due_at)
    };
    assert_eq!(look(&found, &doubtful), (NotificationState::Sent, None));
    for looks in 0..50 {
        doubtful.looks = looks;
        assert_eq!(look(&unavailable, &doubtful), (NotificationState::Doubtful, Some(at(21))));
    }
    doubtful.looks = 0;
    assert_eq!(look(&LookUp::Absent, &doubtful), (NotificationState::Doubtful, Some(at(21))));
    doubtful.looks = 1;
    assert_eq!(look(&LookUp::Absent, &doubtful), (NotificationState::Planned, Some(at(20))));
    doubtful.doubts = 2;
    assert_eq!(look(&LookUp::Absent, &doubtful), (NotificationState::Dead, None));
}
