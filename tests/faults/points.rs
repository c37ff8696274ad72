//! A process that ends between two durable steps, at a point compiled in for it.

use crate::seen::judge;
use relink_tests::{Channels, Setup, Stage, Verdict};

/// What `abort` ends with, as a shell says it.
const ABORTED: i32 = 134;

/// One event, and a process of `role` that ends at `point`.
async fn ended_at(role: &'static str, point: &str, channels: Channels) -> (Stage, Verdict) {
    let armed = format!("{point}=abort");
    let mut stage = Stage::open_armed(Setup::shared(1, channels), role, &armed).await;
    let ledger = stage.load(20).finish().await;
    assert_eq!(stage.restart_once_ended(role).await, ABORTED);
    // An event without a receipt is nobody's concern but this test's.
    stage.corner.inbox.wait_for(1).await;
    let verdict = judge(&stage, &ledger, &format!("process ended at {point}")).await;
    (stage, verdict)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_in_doubt_goes_out_once_more_under_the_same_message_id() {
    let (stage, verdict) = ended_at("work", "after_dot", Channels::Email).await;
    let caught = stage.corner.inbox.all();
    assert_eq!((caught.len(), verdict.doubts), (2, 1));
    assert_eq!(caught[0].id, caught[1].id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_in_doubt_is_found_by_look_up_and_not_sent_again() {
    let (stage, verdict) = ended_at("work", "after_http_write", Channels::Sms).await;
    assert_eq!((stage.corner.inbox.len(), verdict.doubts, verdict.duplicated), (1, 1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_scheduler_claimed_and_never_published_is_published_again() {
    let (stage, verdict) = ended_at("work", "before_due_publish", Channels::Email).await;
    assert_eq!((stage.corner.inbox.len(), verdict.doubts), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_comes_back_after_the_outcome_dies_at_the_gate() {
    let (stage, verdict) = ended_at("work", "before_ack", Channels::Email).await;
    assert_eq!((stage.corner.inbox.len(), verdict.doubts), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_synced_but_not_answered_is_delivered() {
    let (stage, verdict) = ended_at("receive", "after_spool_fsync", Channels::Email).await;
    assert_eq!((verdict.acknowledged, verdict.recovered), (0, 1));
    assert_eq!(stage.corner.inbox.len(), 1);
}
