//! Never after the repair: what committed first wins, and what had begun before is recorded.

use crate::on_both;
use crate::world::{MINUTE, SETTLE, World, account_ref, deferred, request, unknown};
use NotificationState::{Cancelled, Sending, Sent};
use relink_core::attempt::{Outcome, OutcomeKind, Reason};
use relink_core::case::CloseReason;
use relink_core::notification::{NonSend, NotificationState};
use relink_core::signal::SignalKind;
use relink_store::{Begin, Finished, OpenCase};

async fn what_is_closed_first_is_not_sent(world: World) {
    let (case, id) = world.due_email("acc").await;
    world.claim().await;
    world.apply(world.signal("mended", "acc", SignalKind::Repaired)).await;
    assert!(matches!(world.begin(id).await, Begin::NotNow));
    assert_eq!(world.stands(case, id).await, (Cancelled, Some(Reason::CaseClosed)));
    assert!(world.history(case).await.attempts.is_empty());
    assert_eq!(world.store.stats().await.unwrap().sends_after_repair, 0);
}

async fn what_had_begun_is_recorded_as_it_ended(world: World) {
    let (case, id) = world.due_email("acc").await;
    let open = world.send(id).await;
    world.advance(MINUTE);
    world.apply(world.signal("mended", "acc", SignalKind::Repaired)).await;
    assert_eq!(world.stands(case, id).await.0, Sending);
    world.advance(MINUTE);
    let recorded = world.finish(&open, Outcome::Accepted).await;
    assert!(matches!(recorded, Finished::Recorded { state: Sent, .. }), "{recorded:?}");
    assert_eq!(world.history(case).await.attempts[0].outcome, Some(OutcomeKind::Accepted));
    assert_eq!(world.store.stats().await.unwrap().sends_after_repair, 0);
}

async fn nothing_of_a_closed_case_goes_on(world: World) {
    let rejected = Outcome::Rejected { reason: Reason::NoSuchRecipient };
    let ways = [
        (deferred(Reason::TemporaryRefusal), Cancelled, Reason::CaseClosed),
        (unknown(), Cancelled, Reason::CaseClosed),
        (rejected, NotificationState::Failed, Reason::NoSuchRecipient),
    ];
    for (n, (outcome, state, reason)) in ways.into_iter().enumerate() {
        let account = format!("acc {n}");
        let (case, id) = world.due_email(&account).await;
        let open = world.send(id).await;
        let mended = world.signal(&format!("mended {n}"), &account, SignalKind::Repaired);
        world.apply(mended).await;
        let kind = outcome.kind();
        world.finish(&open, outcome).await;
        assert_eq!(world.stands(case, id).await, (state, Some(reason)));
        let history = world.history(case).await;
        assert_eq!(history.attempts[0].outcome, Some(kind));
        assert_eq!(history.notifications.len(), 2, "no other channel either");
        let told = history
            .non_sends
            .iter()
            .any(|row| row.notification_id == Some(id) && row.decision == NonSend::Cancelled);
        assert_eq!(told, state == Cancelled);
    }
    world.advance(SETTLE);
    assert!(world.claim().await.is_empty());
}

async fn a_repair_and_a_send_at_the_same_moment_do_not_both_win(world: World) {
    for round in 0..15 {
        let account = format!("acc {round}");
        let (case, id) = world.due_email(&account).await;
        let mended = world.signal(&format!("mended {round}"), &account, SignalKind::Repaired);
        let (sender, closer) = (world.store.clone(), world.store.clone());
        let begin = tokio::spawn(async move { sender.begin(&[request("w1", id)]).await.unwrap() });
        let close = tokio::spawn(async move { closer.apply_signals(&[mended]).await.unwrap() });
        let begun = begin.await.unwrap().remove(0);
        close.await.unwrap();
        let history = world.history(case).await;
        assert!(!history.case.is_open());
        let stored = history.notifications.iter().find(|n| n.id == id).unwrap();
        match begun {
            Begin::Send(open) => {
                assert_eq!((stored.state, history.attempts.len()), (Sending, 1));
                assert!(open.snapshot.case.is_open());
            }
            Begin::NotNow | Begin::NotSent { .. } => {
                assert_eq!((stored.state, history.attempts.len()), (Cancelled, 0));
            }
            Begin::LookUp(_) => panic!("nothing is in doubt"),
        }
        let ended: Vec<_> = history.non_sends.iter().map(|row| row.notification_id).collect();
        let mut once = ended.clone();
        once.dedup();
        assert_eq!(ended, once);
    }
}

async fn an_operator_closes_by_case_or_account_once(world: World) {
    let case = world.open_case("acc").await;
    let by_account = OpenCase::Account(account_ref("acc"));
    let closed = world.store.close_case(&by_account, CloseReason::Operator).await.unwrap();
    assert_eq!(closed, Some(case));
    let history = world.history(case).await;
    assert_eq!(history.case.close_reason, Some(CloseReason::Operator));
    for notification in &history.notifications {
        let told = world.told(case, notification.id).await;
        assert_eq!(told, [(NonSend::Cancelled, Reason::CaseClosed)]);
    }
    for which in [by_account, OpenCase::Id(case)] {
        let again = world.store.close_case(&which, CloseReason::Repaired).await.unwrap();
        assert_eq!(again, None);
    }
    assert_eq!(world.history(case).await, history);

    let other = world.open_case("other").await;
    let by_id = OpenCase::Id(other);
    let closed = world.store.close_case(&by_id, CloseReason::Repaired).await.unwrap();
    assert_eq!(closed, Some(other));
}

async fn a_doubt_is_closed_with_its_case(world: World) {
    let (case, id) = world.due_sms("acc").await;
    let open = world.send(id).await;
    world.finish(&open, unknown()).await;
    world.advance(MINUTE);
    let look = world.look_up(id).await;
    world.apply(world.signal("mended", "acc", SignalKind::Repaired)).await;
    assert_eq!(world.stands(case, id).await, (Cancelled, Some(Reason::CaseClosed)));
    // The look under way still says what became of the attempt; the end stays.
    let request = relink_store::LookUpRequest {
        notification_id: id,
        number: look.number,
        fence: look.snapshot.notification.fence,
        found: relink_core::sender::LookUp::Found { provider_message_id: "SM1".to_owned() },
    };
    assert_eq!(world.store.finish_look_up(&request).await.unwrap(), Finished::Late);
    assert_eq!(world.stands(case, id).await.0, Cancelled);
    let attempts = world.history(case).await.attempts;
    assert_eq!(attempts[0].resolved_as, Some(OutcomeKind::Accepted));
}

async fn a_send_after_the_repair_would_be_counted(world: World) {
    let (case, id) = world.due_email("acc").await;
    let open = world.send(id).await;
    world.finish(&open, Outcome::Accepted).await;
    world.apply(world.signal("mended", "acc", SignalKind::Repaired)).await;
    assert_eq!(world.store.stats().await.unwrap().sends_after_repair, 0);
    // No call of the store can do this, so the row is moved by hand.
    let sql = format!("UPDATE attempts SET started_at = started_at + 1 WHERE case_id = '{case}'");
    world.unguarded(&sql).await;
    assert_eq!(world.store.stats().await.unwrap().sends_after_repair, 1);
}

on_both!(
    what_is_closed_first_is_not_sent,
    what_had_begun_is_recorded_as_it_ended,
    nothing_of_a_closed_case_goes_on,
    a_repair_and_a_send_at_the_same_moment_do_not_both_win,
    an_operator_closes_by_case_or_account_once,
    a_doubt_is_closed_with_its_case,
    a_send_after_the_repair_would_be_counted,
);
