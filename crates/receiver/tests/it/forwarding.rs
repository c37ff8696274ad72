//! From the spool to the queue: everything, at least once, in any weather.

use crate::support::*;
use proptest::prelude::*;
use relink_core::id::EventId;
use relink_core::retry::reconnect_wait;
use relink_queue::PublishFault;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn what_the_queue_could_not_take_is_forwarded_when_it_is_back() {
    let queue = ScriptedQueue::down();
    let world = World::start(Setup { queue: queue.clone(), ..Setup::default() }).await;
    for n in 0..300 {
        assert_eq!(world.webhook(&event(&format!("e{n}"))).await.status, 202);
    }
    assert_eq!(world.pending(), 300);
    assert!(queue.stored().is_empty());
    assert!(world.metric(r#"relink_spool_forwarded_total{result="unreachable"}"#) >= 1.0);
    queue.now(|_| Verdict::Store);
    world.forwarded().await;
    let expected: Vec<String> = (0..300).map(|n| format!("e{n}")).collect();
    assert_eq!(queue.stored_ids(), expected, "each once and in order");
}

#[tokio::test]
async fn a_restart_forwards_what_was_left() {
    let world = World::start(Setup { queue: ScriptedQueue::down(), ..Setup::default() }).await;
    for n in 0..10 {
        assert_eq!(world.webhook(&event(&format!("e{n}"))).await.status, 202);
    }
    let dir = world.stop().await;
    let world = World::start_in(dir, Setup::default()).await;
    world.forwarded().await;
    assert_eq!(world.queue.stored().len(), 10);
}

#[tokio::test]
async fn a_message_that_is_refused_holds_up_no_other_and_is_tried_again() {
    let queue = ScriptedQueue::new(|message| match message.id.as_str() {
        "stuck" => Verdict::Fail(PublishFault::Refused),
        _ => Verdict::Store,
    });
    let world = World::start(Setup { queue: queue.clone(), ..Setup::default() }).await;
    world.webhook(&event("stuck")).await;
    for n in 0..10 {
        world.webhook(&event(&format!("e{n}"))).await;
        eventually("the others pass", || queue.stored().len() == n + 1).await;
    }
    assert_eq!(world.pending(), 1);
    queue.now(|_| Verdict::Store);
    world.forwarded().await;
    assert_eq!(queue.stored_ids().last().map(String::as_str), Some("stuck"));
}

#[tokio::test]
async fn more_stuck_messages_than_a_batch_holds_do_not_hide_the_rest() {
    let queue = ScriptedQueue::down();
    let world = World::start(Setup { queue: queue.clone(), ..Setup::default() }).await;
    for n in 0..600 {
        let kind = if n < 550 { "stuck" } else { "good" };
        assert_eq!(world.webhook(&event(&format!("{kind}{n}"))).await.status, 202);
    }
    queue.now(|message| match message.id.starts_with("stuck") {
        true => Verdict::Fail(PublishFault::Returned),
        false => Verdict::Store,
    });
    eventually("the good ones pass", || queue.stored().len() == 50).await;
    assert_eq!(world.pending(), 550);
}

/// The least that the waits between so many tries take, however the dice fall.
fn least_for(tries: u32) -> Duration {
    (1..tries).map(|failures| reconnect_wait(failures, 0.0)).sum()
}

#[tokio::test]
async fn an_outage_is_waited_out_not_hammered() {
    let queue = ScriptedQueue::down();
    let world = World::start(Setup { queue: queue.clone(), ..Setup::default() }).await;
    let begun = Instant::now();
    // Steady arrivals must not turn into steady tries either.
    for n in 0.. {
        world.webhook(&event(&format!("e{n}"))).await;
        if queue.calls() >= 6 {
            break;
        }
    }
    assert!(begun.elapsed() >= least_for(6), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_message_that_is_refused_is_not_offered_without_end() {
    let queue = ScriptedQueue::new(|_| Verdict::Fail(PublishFault::Refused));
    let world = World::start(Setup { queue: queue.clone(), ..Setup::default() }).await;
    let begun = Instant::now();
    world.webhook(EVENT).await;
    eventually("some tries", || queue.calls() >= 6).await;
    assert!(begun.elapsed() >= least_for(6), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_idle_forwarder_does_nothing() {
    let world = World::usual().await;
    for n in 1..=50 {
        world.webhook(&event(&format!("e{n}"))).await;
        world.forwarded().await;
        assert_eq!(world.queue.calls(), n, "one for each event, and none in between");
    }
}

#[tokio::test]
async fn nothing_leaves_the_spool_before_it_may() {
    let go = CancellationToken::new();
    let setup = || Setup { go: Some(go.clone()), ..Setup::default() };
    let world = World::start(setup()).await;
    let queue = Arc::clone(&world.queue);
    assert_eq!(world.webhook(&event("early")).await.status, 202);
    let dir = world.stop().await;
    assert_eq!(queue.calls(), 0, "not even for a last time");
    let world = World::start_in(dir, setup()).await;
    assert_eq!(world.webhook(&event("late")).await.status, 202);
    assert_eq!(world.pending(), 2);
    go.cancel();
    world.forwarded().await;
    assert_eq!(world.queue.stored_ids(), ["early", "late"]);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_handed_on_as_it_is() {
    let world = World::usual().await;
    world.spool.append("strange", bytes::Bytes::from_static(b"\x00not ours")).await.unwrap();
    world.forwarded().await;
    let stored = world.queue.stored();
    assert_eq!((stored[0].id.as_str(), &stored[0].body[..]), ("strange", &b"\x00not ours"[..]));
    assert_eq!(stored[0].trace, None);
}

#[tokio::test]
async fn a_lost_confirm_means_a_repeat_and_never_a_loss() {
    let mut silent = true;
    let queue = ScriptedQueue::new(move |_| {
        if std::mem::take(&mut silent) { Verdict::StoreInSilence } else { Verdict::Store }
    });
    let world = World::start(Setup { queue: queue.clone(), ..Setup::default() }).await;
    world.webhook(&event("twice")).await;
    world.forwarded().await;
    assert_eq!(queue.stored_ids(), ["twice", "twice"]);
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        4 => Just(Verdict::Store),
        1 => Just(Verdict::StoreInSilence),
        1 => Just(Verdict::Fail(PublishFault::Unreachable)),
        1 => Just(Verdict::Fail(PublishFault::Blocked("alarm".into()))),
        1 => Just(Verdict::Fail(PublishFault::Refused)),
        1 => Just(Verdict::Fail(PublishFault::Returned)),
        1 => Just(Verdict::Fail(PublishFault::Disk("full".into()))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// accepted = in the spool + in the queue, whatever the queue answers and however often
    /// the receiver is stopped and started.
    #[test]
    fn whatever_was_answered_2xx_is_in_the_spool_or_in_the_queue(
        verdicts in proptest::collection::vec(any_verdict(), 1..60),
        restarts in 0_usize..3,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(nothing_is_lost(verdicts, restarts));
    }
}

async fn nothing_is_lost(verdicts: Vec<Verdict>, restarts: usize) {
    let mut next = verdicts.into_iter().cycle();
    let queue = ScriptedQueue::new(move |_| next.next().unwrap_or(Verdict::Store));
    let setup = || Setup { queue: queue.clone(), ..Setup::default() };
    let mut world = World::start(setup()).await;
    let mut answered = HashSet::new();
    for round in 0..=restarts {
        for n in 0..15 {
            let id = format!("r{round}e{n}");
            if world.webhook(&event(&id)).await.status == 202 {
                answered.insert(EventId::parse(&id).unwrap());
            }
        }
        let dir = world.stop().await;
        let disk = FaultyDisk::default();
        let spool = open_spool(dir.path(), &disk, 64 << 20);
        let mut kept: HashSet<EventId> =
            queue.stored_ids().iter().map(|id| EventId::parse(id).unwrap()).collect();
        for record in spool.next_batch(0, 10_000, 64 << 20).await.unwrap() {
            kept.insert(EventId::parse(&record.id).unwrap());
        }
        spool.close().await;
        drop(spool);
        assert_eq!(answered.len(), 15 * (round + 1), "the spool takes everything");
        assert!(answered.is_subset(&kept), "lost: {:?}", answered.difference(&kept));
        world = World::start_in(dir, setup()).await;
    }
    queue.now(|_| Verdict::Store);
    world.forwarded().await;
}
