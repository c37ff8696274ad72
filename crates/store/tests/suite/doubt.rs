//! No answer is an outcome of its own: an email is resent once, a text message is looked up,
//! and what comes in late is still recorded.

use crate::on_both;
use crate::world::{LEASE, MINUTE, World, deferred, rules, unknown};
use NotificationState::{Cancelled, Dead, Doubtful, Failed, Planned, Sending, Sent};
use relink_core::attempt::{Outcome, OutcomeKind, Reason};
use relink_core::notification::{NonSend, NotificationState};
use relink_core::policy::{OnUnknown, Rules};
use relink_core::sender::LookUp;
use relink_core::signal::SignalKind;
use relink_core::time::after;
use relink_store::{Begin, Finished, LookUpRequest, OpenAttempt};

fn looked(open: &OpenAttempt, found: LookUp) -> LookUpRequest {
    LookUpRequest {
        notification_id: open.snapshot.notification.id,
        number: open.number,
        fence: open.snapshot.notification.fence,
        found,
    }
}

fn found() -> LookUp {
    LookUp::Found { provider_message_id: "SM1".to_owned() }
}

async fn finish_look_up(world: &World, open: &OpenAttempt, found: LookUp) -> Finished {
    world.store.finish_look_up(&looked(open, found)).await.unwrap()
}

async fn a_crashed_email_is_resent_once_and_then_left_to_the_operator(world: World) {
    let (case, id) = world.due_email("acc").await;
    world.send(id).await;
    world.advance(LEASE);
    let second = world.send(id).await;
    assert_eq!((second.number, second.snapshot.notification.doubts), (2, 1));
    let history = world.history(case).await;
    assert_eq!(history.attempts[0].outcome, Some(OutcomeKind::Unknown));
    assert_eq!(history.attempts[0].reason, Some(Reason::Crashed));
    assert_eq!(history.attempts[0].finished_at, Some(world.now()));

    world.advance(LEASE);
    assert_eq!(world.not_sent(id).await, (Dead, Reason::InDoubt));
    let history = world.history(case).await;
    assert_eq!(history.attempts.len(), 2);
    assert_eq!(history.attempts[1].reason, Some(Reason::Crashed));
    assert_eq!(world.told(case, id).await, [(NonSend::Dead, Reason::InDoubt)]);
    assert_eq!(world.notification(case, id).await.doubts, 2);
}

async fn an_unanswered_email_is_resent_once(world: World) {
    let (case, id) = world.due_email("acc").await;
    let open = world.send(id).await;
    world.finish(&open, unknown()).await;
    assert_eq!(world.stands(case, id).await, (Doubtful, Some(Reason::NoAnswer)));
    assert!(matches!(world.begin(id).await, Begin::NotNow));
    world.advance(MINUTE);
    let open = world.send(id).await;
    assert_eq!((open.number, open.link.hash().len()), (2, 64));
    world.finish(&open, unknown()).await;
    assert_eq!(world.stands(case, id).await, (Dead, Some(Reason::InDoubt)));
}

async fn a_doubt_may_be_held(world: World) {
    let hold = OnUnknown::Hold;
    let held = Rules { email_on_unknown: hold, sms_on_unknown: hold, ..rules() };
    let world = world.with_rules(held).await;
    let (case, id) = world.due_email("acc").await;
    world.send(id).await;
    world.advance(LEASE);
    assert_eq!(world.not_sent(id).await, (Dead, Reason::InDoubt));
    assert_eq!(world.history(case).await.attempts.len(), 1);

    let (case, id) = world.due_email("other").await;
    let open = world.send(id).await;
    world.finish(&open, unknown()).await;
    assert_eq!(world.stands(case, id).await, (Dead, Some(Reason::InDoubt)));
}

async fn a_crashed_text_message_is_looked_up_and_found(world: World) {
    let (case, id) = world.due_sms("acc").await;
    let first = world.send(id).await;
    let begun_at = world.now();
    world.advance(LEASE);
    assert_eq!(world.not_sent(id).await, (Doubtful, Reason::Crashed));
    assert_eq!(world.notification(case, id).await.due_at, after(world.now(), MINUTE));
    assert!(matches!(world.begin(id).await, Begin::NotNow));
    world.advance(MINUTE);
    let look = world.look_up(id).await;
    assert_eq!((look.number, look.begun_at), (1, begun_at));
    assert_eq!((&look.link, &look.address), (&first.link, &first.address));
    // Leased like a send: nobody else looks at the same time.
    assert!(matches!(world.begin_as("w2", id).await, Begin::NotNow));
    let recorded = finish_look_up(&world, &look, found()).await;
    assert!(
        matches!(recorded, Finished::Recorded { state: Sent, reason: Reason::FoundByLookUp, .. }),
        "{recorded:?}"
    );
    let attempts = world.history(case).await.attempts;
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].outcome, Some(OutcomeKind::Unknown));
    assert_eq!(attempts[0].resolved_as, Some(OutcomeKind::Accepted));
    assert_eq!(attempts[0].provider_message_id.as_deref(), Some("SM1"));
    assert_eq!(finish_look_up(&world, &look, found()).await, Finished::Late);
}

async fn a_text_message_absent_from_two_looks_is_resent_once(world: World) {
    let (case, id) = world.due_sms("acc").await;
    let open = world.send(id).await;
    world.finish(&open, unknown()).await;
    for looks in 1..=2 {
        world.advance(MINUTE);
        let look = world.look_up(id).await;
        finish_look_up(&world, &look, LookUp::Absent).await;
        assert_eq!(world.notification(case, id).await.looks, looks);
    }
    assert_eq!(world.stands(case, id).await, (Planned, Some(Reason::NoAnswer)));
    let again = world.send(id).await;
    assert_eq!((again.number, again.snapshot.notification.looks), (2, 0));
    world.finish(&again, unknown()).await;
    for _ in 0..2 {
        assert_eq!(world.stands(case, id).await.0, Doubtful);
        world.advance(MINUTE);
        let look = world.look_up(id).await;
        assert_eq!(look.number, 2);
        finish_look_up(&world, &look, LookUp::Absent).await;
    }
    assert_eq!(world.stands(case, id).await, (Dead, Some(Reason::InDoubt)));
    let history = world.history(case).await;
    assert_eq!(history.attempts.len(), 2);
    let dead = history.non_sends.iter().filter(|row| row.decision == NonSend::Dead).count();
    assert_eq!(dead, 1);
}

async fn a_list_that_cannot_be_read_is_asked_again_and_nothing_is_sent(world: World) {
    let (case, id) = world.due_sms("acc").await;
    let open = world.send(id).await;
    world.finish(&open, unknown()).await;
    for _ in 0..5 {
        world.advance(MINUTE);
        let look = world.look_up(id).await;
        let reason = Reason::ConnectFailed;
        finish_look_up(&world, &look, LookUp::Unavailable { reason }).await;
        assert_eq!(world.stands(case, id).await, (Doubtful, Some(Reason::NoAnswer)));
    }
    let stored = world.notification(case, id).await;
    assert_eq!((stored.looks, stored.attempts), (0, 1));
}

async fn a_message_that_the_provider_failed_has_failed(world: World) {
    let (case, id) = world.due_sms("acc").await;
    let open = world.send(id).await;
    world.finish(&open, unknown()).await;
    world.advance(MINUTE);
    let look = world.look_up(id).await;
    finish_look_up(&world, &look, LookUp::Refused { reason: Reason::NotAMobile }).await;
    assert_eq!(world.stands(case, id).await, (Failed, Some(Reason::NotAMobile)));
    let attempts = world.history(case).await.attempts;
    assert_eq!(attempts[0].resolved_as, Some(OutcomeKind::Rejected));
}

async fn a_look_that_crashed_is_repeated(world: World) {
    let (case, id) = world.due_sms("acc").await;
    let open = world.send(id).await;
    world.finish(&open, unknown()).await;
    world.advance(MINUTE);
    let crashed = world.look_up(id).await;
    world.advance(LEASE);
    assert!(world.claim().await.iter().any(|due| due.notification_id == id));
    let look = world.look_up(id).await;
    assert!(look.snapshot.notification.fence > crashed.snapshot.notification.fence);
    // The first looker comes back after all: it no longer holds the row, but it saw the message.
    assert_eq!(finish_look_up(&world, &crashed, LookUp::Absent).await, Finished::Late);
    assert_eq!(world.notification(case, id).await.looks, 0);
    assert_eq!(finish_look_up(&world, &crashed, found()).await, Finished::Late);
    assert_eq!(world.stands(case, id).await, (Sent, Some(Reason::Accepted)));
    assert_eq!(finish_look_up(&world, &look, LookUp::Absent).await, Finished::Late);
    assert_eq!(world.stands(case, id).await.0, Sent);
}

async fn a_late_acceptance_ends_a_doubt(world: World) {
    let (case, id) = world.due_sms("acc").await;
    let slow = world.send(id).await;
    world.advance(LEASE);
    world.not_sent(id).await;
    assert_eq!(world.finish(&slow, Outcome::Accepted).await, Finished::Late);
    assert_eq!(world.stands(case, id).await, (Sent, Some(Reason::Accepted)));
    let attempts = world.history(case).await.attempts;
    assert_eq!(attempts[0].outcome, Some(OutcomeKind::Unknown));
    assert_eq!(attempts[0].resolved_as, Some(OutcomeKind::Accepted));
    assert_eq!(attempts[0].provider_message_id.as_deref(), Some("message 1"));
    assert!(matches!(world.begin(id).await, Begin::NotNow));
}

async fn a_late_refusal_is_recorded_and_changes_nothing_else(world: World) {
    let (case, id) = world.due_sms("acc").await;
    let slow = world.send(id).await;
    world.advance(LEASE);
    world.not_sent(id).await;
    let before = world.notification(case, id).await;
    assert_eq!(world.finish(&slow, deferred(Reason::ProviderBusy)).await, Finished::Late);
    assert_eq!(world.notification(case, id).await, before);
    let attempts = world.history(case).await.attempts;
    assert_eq!(attempts[0].resolved_as, Some(OutcomeKind::Deferred));
    // Once known it stays so.
    assert_eq!(world.finish(&slow, Outcome::Accepted).await, Finished::Late);
    let attempts = world.history(case).await.attempts;
    assert_eq!(attempts[0].resolved_as, Some(OutcomeKind::Deferred));
}

async fn a_late_acceptance_while_another_sends_ends_it_with_that_attempt(world: World) {
    let (case, id) = world.due_email("acc").await;
    let slow = world.send(id).await;
    world.advance(LEASE);
    let second = world.send(id).await;
    assert_eq!(world.finish(&slow, Outcome::Accepted).await, Finished::Late);
    // The second worker keeps its lease …
    assert_eq!(world.stands(case, id).await.0, Sending);
    let fence = second.snapshot.notification.fence;
    assert!(world.store.renew(id, fence, LEASE).await.unwrap());
    // … and however it ends, the person has the message: no third one.
    let recorded = world.finish(&second, deferred(Reason::TemporaryRefusal)).await;
    assert!(
        matches!(recorded, Finished::Recorded { state: Sent, reason: Reason::Accepted, .. }),
        "{recorded:?}"
    );
    let attempts = world.history(case).await.attempts;
    assert_eq!(attempts[0].resolved_as, Some(OutcomeKind::Accepted));
    assert_eq!(attempts[1].outcome, Some(OutcomeKind::Deferred));
}

async fn a_late_acceptance_is_not_forgotten_when_the_other_crashes_too(world: World) {
    let (case, id) = world.due_email("acc").await;
    let slow = world.send(id).await;
    world.advance(LEASE);
    world.send(id).await;
    world.finish(&slow, Outcome::Accepted).await;
    world.advance(LEASE);
    assert_eq!(world.not_sent(id).await, (Sent, Reason::Accepted));
    let attempts = world.history(case).await.attempts;
    assert_eq!(attempts[1].outcome, Some(OutcomeKind::Unknown));

    // The same, with the news coming after the second lease has passed.
    let (case, id) = world.due_email("other").await;
    let slow = world.send(id).await;
    world.advance(LEASE);
    world.send(id).await;
    world.advance(LEASE);
    assert_eq!(world.finish(&slow, Outcome::Accepted).await, Finished::Late);
    assert_eq!(world.stands(case, id).await, (Sent, Some(Reason::Accepted)));
    let attempts = world.history(case).await.attempts;
    assert_eq!(attempts[1].reason, Some(Reason::Crashed));
}

async fn a_crash_under_a_closed_case_is_cancelled_and_never_resent(world: World) {
    let (case, id) = world.due_email("acc").await;
    world.send(id).await;
    world.apply(world.signal("mended", "acc", SignalKind::Repaired)).await;
    assert_eq!(world.stands(case, id).await.0, Sending);
    world.advance(LEASE);
    assert!(world.claim().await.iter().any(|due| due.notification_id == id));
    assert_eq!(world.not_sent(id).await, (Cancelled, Reason::CaseClosed));
    let history = world.history(case).await;
    assert_eq!(history.attempts.len(), 1);
    assert_eq!(history.attempts[0].outcome, Some(OutcomeKind::Unknown));
}

on_both!(
    a_crashed_email_is_resent_once_and_then_left_to_the_operator,
    an_unanswered_email_is_resent_once,
    a_doubt_may_be_held,
    a_crashed_text_message_is_looked_up_and_found,
    a_text_message_absent_from_two_looks_is_resent_once,
    a_list_that_cannot_be_read_is_asked_again_and_nothing_is_sent,
    a_message_that_the_provider_failed_has_failed,
    a_look_that_crashed_is_repeated,
    a_late_acceptance_ends_a_doubt,
    a_late_refusal_is_recorded_and_changes_nothing_else,
    a_late_acceptance_while_another_sends_ends_it_with_that_attempt,
    a_late_acceptance_is_not_forgotten_when_the_other_crashes_too,
    a_crash_under_a_closed_case_is_cancelled_and_never_resent,
);
