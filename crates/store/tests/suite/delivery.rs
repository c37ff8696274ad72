//! Intent before, outcome after: one lease, one attempt row, one way back.

use crate::on_both;
use crate::world::{
    DAY, LEASE, MINUTE, SETTLE, World, finished, id_of, key, keys, request, rules, upsert, user,
};
use relink_core::account::{Address, Channel};
use relink_core::attempt::{Outcome, OutcomeKind, Reason};
use relink_core::id::{CaseId, EventId};
use relink_core::masked::EmailAddress;
use relink_core::notification::{NonSend, NotificationState};
use relink_core::seal::KeyRing;
use relink_core::time::{after, since};
use relink_store::{Begin, Door, Finished, StoreError};

async fn beginning_commits_the_intent(world: World) {
    let (case, id) = world.due_email("acc").await;
    let open = world.send(id).await;
    let address = EmailAddress::parse("jane.doe@example.org").unwrap();
    assert_eq!(open.address, Address::Email(address));
    assert_eq!((open.number, open.reminder, open.begun_at), (1, false, world.now()));
    assert_eq!(open.valid_for, DAY);
    assert_eq!(open.snapshot.contact, Some(user()));
    assert_eq!(
        open.trace.map(|t| t.trace_id()).as_deref(),
        Some("0af7651916cd43dd8448eb211c80319c")
    );

    let stored = world.notification(case, id).await;
    assert_eq!(open.snapshot.notification, stored);
    assert_eq!((stored.state, stored.fence, stored.attempts), (NotificationState::Sending, 1, 1));
    assert_eq!(stored.lease_until, Some(after(world.now(), LEASE)));

    let history = world.history(case).await;
    assert_eq!(open.snapshot.case, history.case);
    let attempt = &history.attempts[0];
    assert_eq!((attempt.number, attempt.started_at), (1, world.now()));
    assert_eq!((attempt.outcome, attempt.finished_at), (None, None));
    assert_eq!(attempt.address, "j***@example.org");
    assert_eq!(attempt.worker.as_str(), "w1");
}

async fn a_link_leads_to_its_notification_and_is_the_same_on_every_try(world: World) {
    let (case, id) = world.due_email("acc").await;
    let open = world.send(id).await;
    let behind = |hash: String| async { world.store.way_back(&Door::Link(hash)).await.unwrap() };
    let found = behind(open.link.hash()).await.unwrap();
    assert_eq!((found.notification.map(|n| n.id), found.case.id), (Some(id), case));
    world.finish(&open, crate::world::deferred(Reason::TemporaryRefusal)).await;
    world.advance(MINUTE);
    // The keys were rotated meanwhile: the first one still opens, so it still derives.
    let rotated = KeyRing::new(key("k2", 2), vec![key("k1", 1)]);
    let store = world.another(rules(), rotated).await;
    let begun = store.begin(&[request("w2", id)]).await.unwrap().remove(0);
    let Begin::Send(again) = begun else { panic!("{begun:?}") };
    assert_eq!(again.link, open.link);
    world.finish(&again, crate::world::deferred(Reason::TemporaryRefusal)).await;
    world.advance(10 * MINUTE);
    // The first key is gone: a new link, and the old one in a mailbox still leads here.
    let store = world.another(rules(), KeyRing::new(key("k2", 2), Vec::new())).await;
    let begun = store.begin(&[request("w2", id)]).await.unwrap().remove(0);
    let Begin::Send(third) = begun else { panic!("{begun:?}") };
    assert_ne!(third.link, open.link);
    for link in [&open.link, &third.link] {
        assert!(behind(link.hash()).await.is_some());
    }
}

async fn only_one_of_many_workers_gets_it(world: World) {
    let (case, id) = world.due_email("acc").await;
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let store = world.store.clone();
            tokio::spawn(async move {
                store.begin(&[request(&format!("w{n}"), id)]).await.unwrap().remove(0)
            })
        })
        .collect();
    let mut sends = 0;
    for task in tasks {
        match task.await.unwrap() {
            Begin::Send(_) => sends += 1,
            other => assert!(matches!(other, Begin::NotNow), "{other:?}"),
        }
    }
    assert_eq!(sends, 1);
    assert_eq!(world.history(case).await.attempts.len(), 1);
}

async fn one_batch_may_ask_for_the_same_one_twice(world: World) {
    let (_, id) = world.due_email("acc").await;
    let other = world.open_case("other").await;
    let early = id_of(other, "first", "u1", Channel::Email);
    let nobody = CaseId::opened_by(&EventId::parse("nobody").unwrap());
    let unknown = id_of(nobody, "first", "u1", Channel::Email);
    let batch =
        [request("w1", id), request("w2", id), request("w1", early), request("w1", unknown)];
    let begun = world.store.begin(&batch).await.unwrap();
    assert!(matches!(begun[0], Begin::Send(_)), "{:?}", begun[0]);
    assert!(begun[1..].iter().all(|begin| matches!(begin, Begin::NotNow)), "{begun:?}");
}

async fn an_acceptance_ends_it_and_recording_twice_is_harmless(world: World) {
    let (case, id) = world.due_email("acc").await;
    let open = world.send(id).await;
    world.advance(MINUTE);
    let recorded = world.finish(&open, Outcome::Accepted).await;
    let case_age = since(open.snapshot.case.opened_at, world.now());
    assert_eq!(
        recorded,
        Finished::Recorded { state: NotificationState::Sent, reason: Reason::Accepted, case_age }
    );
    let before = world.history(case).await;
    let stored = before.notifications.iter().find(|n| n.id == id).unwrap();
    assert_eq!((stored.state, stored.lease_until), (NotificationState::Sent, None));
    let attempt = &before.attempts[0];
    assert_eq!(attempt.outcome, Some(OutcomeKind::Accepted));
    assert_eq!(attempt.reason, Some(Reason::Accepted));
    assert_eq!(attempt.finished_at, Some(world.now()));
    assert_eq!(attempt.provider_message_id.as_deref(), Some("message 1"));
    assert_eq!(attempt.took_ms, Some(250));

    world.advance(MINUTE);
    assert_eq!(world.finish(&open, Outcome::Accepted).await, Finished::Late);
    assert_eq!(world.finish(&open, crate::world::unknown()).await, Finished::Late);
    assert_eq!(world.history(case).await, before);
    assert!(matches!(world.begin(id).await, Begin::NotNow));
}

async fn one_batch_may_record_the_same_outcome_twice(world: World) {
    let (case, id) = world.due_email("acc").await;
    let open = world.send(id).await;
    let outcome = finished(&open, Outcome::Accepted);
    let recorded = world.store.finish(&[outcome.clone(), outcome]).await.unwrap();
    assert!(matches!(recorded[0], Finished::Recorded { .. }), "{recorded:?}");
    assert_eq!(recorded[1], Finished::Late);
    assert_eq!(world.history(case).await.attempts.len(), 1);
}

async fn an_outcome_of_what_was_never_begun_has_no_place(world: World) {
    let (case, id) = world.due_email("acc").await;
    let open = world.send(id).await;
    let mut other = finished(&open, Outcome::Accepted);
    other.number = 2;
    let refused = world.store.finish(&[finished(&open, Outcome::Accepted), other]).await;
    assert!(matches!(refused, Err(StoreError::NeverBegun(_))), "{refused:?}");
    // All in one transaction: the good one was not written either, and can be written again.
    assert_eq!(world.notification(case, id).await.state, NotificationState::Sending);
    assert!(matches!(world.finish(&open, Outcome::Accepted).await, Finished::Recorded { .. }));
}

async fn a_lease_is_renewed_only_by_its_holder(world: World) {
    let (case, id) = world.due_email("acc").await;
    let open = world.send(id).await;
    let fence = open.snapshot.notification.fence;
    world.advance(LEASE - MINUTE);
    assert!(world.store.renew(id, fence, 2 * LEASE).await.unwrap());
    let until = world.notification(case, id).await.lease_until;
    assert_eq!(until, Some(after(world.now(), 2 * LEASE)));
    world.advance(2 * LEASE - MINUTE);
    assert!(matches!(world.begin_as("w2", id).await, Begin::NotNow));
    assert!(!world.store.renew(id, fence + 1, LEASE).await.unwrap());
    assert!(!world.store.renew(id, fence - 1, LEASE).await.unwrap());
    world.advance(MINUTE);
    let Begin::Send(second) = world.begin_as("w2", id).await else { panic!("the lease is over") };
    assert!(!world.store.renew(id, fence, LEASE).await.unwrap());
    world.finish(&second, Outcome::Accepted).await;
    let fence = second.snapshot.notification.fence;
    assert!(!world.store.renew(id, fence, LEASE).await.unwrap());
}

async fn what_is_late_is_skipped_with_its_reason(world: World) {
    let (case, id) = world.due_email("acc").await;
    world.advance(DAY + MINUTE);
    assert_eq!(world.not_sent(id).await, (NotificationState::Skipped, Reason::Late));
    let history = world.history(case).await;
    assert!(history.attempts.is_empty());
    let rows: Vec<_> =
        history.non_sends.iter().filter(|row| row.notification_id == Some(id)).collect();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].decision, rows[0].reason), (NonSend::Skipped, Reason::Late));
    assert!(matches!(world.begin(id).await, Begin::NotNow));
}

async fn a_contact_or_consent_that_went_away_is_respected(world: World) {
    let (_, email) = world.due_email("acc").await;
    world.put(upsert("acc", Vec::new())).await;
    let skipped = NotificationState::Skipped;
    assert_eq!(world.not_sent(email).await, (skipped, Reason::ContactRemoved));

    let (_, sms) = world.due_sms("other").await;
    let no_consent = relink_core::account::Contact { sms_consent: false, ..user() };
    world.put(upsert("other", vec![no_consent])).await;
    assert_eq!(world.not_sent(sms).await, (skipped, Reason::NoUsableChannel));
}

async fn later_steps_are_reminders_only_after_a_send(world: World) {
    let (case, first) = world.due_email("acc").await;
    let open = world.send(first).await;
    world.finish(&open, Outcome::Accepted).await;
    world.advance(DAY);
    let nudge = id_of(case, "nudge", "u1", Channel::Sms);
    let open = world.send(nudge).await;
    assert!(open.reminder);
    assert_eq!(open.address.masked(), "+1***0006");

    let (_, nudge) = world.due_sms("other").await;
    assert!(!world.send(nudge).await.reminder);
}

async fn a_message_is_of_use_until_it_is_late_or_the_case_ends(world: World) {
    let mut short = rules();
    short.policy.expire = DAY;
    let world = world.with_rules(short).await;
    let (_, id) = world.due_email("acc").await;
    world.advance(MINUTE);
    assert_eq!(world.send(id).await.valid_for, DAY - SETTLE - MINUTE);
}

async fn another_program_on_the_same_store_sees_the_same_lease(world: World) {
    let (_, id) = world.due_email("acc").await;
    let other = world.another(rules(), keys()).await;
    world.send(id).await;
    let begun = other.begin(&[request("w2", id)]).await.unwrap().remove(0);
    assert!(matches!(begun, Begin::NotNow), "{begun:?}");
}

on_both!(
    beginning_commits_the_intent,
    a_link_leads_to_its_notification_and_is_the_same_on_every_try,
    only_one_of_many_workers_gets_it,
    one_batch_may_ask_for_the_same_one_twice,
    an_acceptance_ends_it_and_recording_twice_is_harmless,
    one_batch_may_record_the_same_outcome_twice,
    an_outcome_of_what_was_never_begun_has_no_place,
    a_lease_is_renewed_only_by_its_holder,
    what_is_late_is_skipped_with_its_reason,
    a_contact_or_consent_that_went_away_is_respected,
    later_steps_are_reminders_only_after_a_send,
    a_message_is_of_use_until_it_is_late_or_the_case_ends,
    another_program_on_the_same_store_sees_the_same_lease,
);
