//! How a notification goes on after an outcome: another try, another channel, an end.

use crate::on_both;
use crate::world::{DAY, MINUTE, World, admin, deferred, id_of, rules, upsert, user};
use relink_core::account::Channel;
use relink_core::attempt::{Outcome, OutcomeKind, Reason};
use relink_core::notification::{NonSend, NotificationState};
use relink_core::time::after;
use relink_store::{Begin, Finished};
use std::time::Duration;

async fn a_transient_refusal_spends_a_try_and_waits(world: World) {
    let (case, id) = world.due_email("acc").await;
    let open = world.send(id).await;
    world.finish(&open, deferred(Reason::TemporaryRefusal)).await;
    let stored = world.notification(case, id).await;
    assert_eq!(stored.state, NotificationState::Planned);
    assert_eq!(stored.reason, Some(Reason::TemporaryRefusal));
    assert_eq!((stored.spent, stored.attempts, stored.doubts), (1, 1, 0));
    let wait = Duration::from_secs(30);
    assert_eq!(stored.due_at, after(world.now(), wait));
    assert!(matches!(world.begin(id).await, Begin::NotNow));
    world.advance(wait);
    assert_eq!(world.claim().await.len(), 1);
    assert_eq!(world.send(id).await.number, 2);
}

async fn a_provider_that_is_away_spends_nothing(world: World) {
    let (case, id) = world.due_email("acc").await;
    for number in 1..=12 {
        let open = world.send(id).await;
        assert_eq!(open.number, number);
        world.finish(&open, deferred(Reason::ConnectFailed)).await;
        world.advance(MINUTE);
    }
    let stored = world.notification(case, id).await;
    assert_eq!((stored.spent, stored.attempts), (0, 12));
}

async fn a_schedule_used_up_is_dead_and_says_so(world: World) {
    let mut patient = rules();
    patient.policy.late_by_max = 5 * DAY;
    let world = world.with_rules(patient).await;
    let (case, id) = world.due_email("acc").await;
    for number in 1..=8 {
        let open = world.send(id).await;
        assert_eq!(open.number, number);
        world.finish(&open, deferred(Reason::TemporaryRefusal)).await;
        world.advance(DAY / 4);
    }
    let stands = world.stands(case, id).await;
    assert_eq!(stands, (NotificationState::Dead, Some(Reason::RetriesExhausted)));
    assert_eq!(world.told(case, id).await, [(NonSend::Dead, Reason::RetriesExhausted)]);
    assert!(matches!(world.begin(id).await, Begin::NotNow));
}

async fn a_channel_that_cannot_reach_the_person_hands_over_to_the_next(world: World) {
    let (case, email) = world.due_email("acc").await;
    let open = world.send(email).await;
    let recorded = world.finish(&open, Outcome::Rejected { reason: Reason::NoSuchRecipient }).await;
    assert!(
        matches!(
            recorded,
            Finished::Recorded {
                state: NotificationState::Failed,
                reason: Reason::NoSuchRecipient,
                ..
            }
        ),
        "{recorded:?}"
    );
    let sms = id_of(case, "first", "u1", Channel::Sms);
    let stored = world.notification(case, sms).await;
    assert_eq!((stored.state, stored.due_at), (NotificationState::Planned, world.now()));
    let superseded = (NonSend::Superseded, Reason::Superseded);
    assert_eq!(world.told(case, email).await, [superseded]);
    assert_eq!(world.claim().await.len(), 1);
    let open = world.send(sms).await;
    // The last channel of the step: refused there too, nothing follows.
    world.finish(&open, Outcome::Rejected { reason: Reason::NotAMobile }).await;
    assert_eq!(world.stands(case, sms).await.0, NotificationState::Failed);
    assert_eq!(world.history(case).await.notifications.len(), 3);
}

async fn a_refused_content_ends_without_another_channel(world: World) {
    let (case, id) = world.due_email("acc").await;
    let open = world.send(id).await;
    world.finish(&open, Outcome::Rejected { reason: Reason::ContentRefused }).await;
    let stands = world.stands(case, id).await;
    assert_eq!(stands, (NotificationState::Failed, Some(Reason::ContentRefused)));
    let history = world.history(case).await;
    assert_eq!(history.notifications.len(), 2);
    assert!(world.told(case, id).await.is_empty());
    assert_eq!(history.attempts[0].outcome, Some(OutcomeKind::Rejected));
}

async fn replanning_leaves_out_a_step_that_changed_its_channel(world: World) {
    let (case, email) = world.due_email("acc").await;
    let open = world.send(email).await;
    world.finish(&open, Outcome::Rejected { reason: Reason::NoSuchRecipient }).await;
    assert!(!world.put(upsert("acc", vec![user(), admin()])).await);
    let history = world.history(case).await;
    let mut steps: Vec<_> =
        history.notifications.iter().map(|n| (n.step.as_str(), n.channel)).collect();
    steps.sort();
    assert_eq!(
        steps,
        [
            ("escalate", Channel::Email),
            ("first", Channel::Email),
            ("first", Channel::Sms),
            ("nudge", Channel::Sms)
        ]
    );
}

on_both!(
    a_transient_refusal_spends_a_try_and_waits,
    a_provider_that_is_away_spends_nothing,
    a_schedule_used_up_is_dead_and_says_so,
    a_channel_that_cannot_reach_the_person_hands_over_to_the_next,
    a_refused_content_ends_without_another_channel,
    replanning_leaves_out_a_step_that_changed_its_channel,
);
