//! A disk that is slow, full or failing: 503, never a 2xx without a receipt, never a 4xx.

use crate::support::*;
use relink_queue::PublishFault;
use std::time::{Duration, Instant};

#[tokio::test]
async fn no_receipt_in_time_is_a_503_and_the_write_goes_on() {
    let disk = FaultyDisk::default();
    let world =
        World::start(Setup { disk: disk.clone(), max_in_flight: 2, ..Setup::default() }).await;
    disk.stall(true);
    let begun = Instant::now();
    let (first, second) = (event("first"), event("second"));
    let (first, second) = tokio::join!(world.webhook(&first), world.webhook(&second));
    for late in [first, second] {
        assert_eq!((late.status, late.header("retry-after")), (503, Some("1")));
    }
    let took = begun.elapsed();
    assert!((Duration::from_millis(1400)..Duration::from_millis(2000)).contains(&took), "{took:?}");

    // Both still hold their places: the next is turned away at once.
    let begun = Instant::now();
    let reply = world.webhook(&event("third")).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
    assert!(begun.elapsed() < Duration::from_millis(500));

    disk.stall(false);
    eventually("both are stored", || world.metric("relink_stored_after_answer_total") == 2.0).await;
    world.forwarded().await;
    let mut ids = world.queue.stored_ids();
    ids.sort();
    assert_eq!(ids, ["first", "second"]);
    assert_eq!(world.webhook(&event("fourth")).await.status, 202);
}

#[tokio::test]
async fn a_failing_disk_is_a_503_until_it_works_again() {
    let disk = FaultyDisk::default();
    let world = World::start(Setup { disk: disk.clone(), ..Setup::default() }).await;
    disk.fail(true);
    assert_eq!(world.webhook(&event("lost")).await.status, 503);
    assert!(world.metric("relink_spool_disk_failures") >= 1.0);
    let line = r#"relink_signals_total{kind="login_required",result="not_stored"}"#;
    assert_eq!(world.metric(line), 1.0);
    disk.fail(false);
    assert_eq!(world.webhook(&event("kept")).await.status, 202);
    world.forwarded().await;
    assert!(world.queue.stored_ids().contains(&"kept".to_owned()));
    assert_eq!(world.metric("relink_spool_disk_failures"), 0.0);
}

#[tokio::test]
async fn a_disk_that_is_nearly_full_is_a_503_until_there_is_room() {
    let disk = FaultyDisk::default();
    let world = World::start(Setup { disk: disk.clone(), ..Setup::default() }).await;
    disk.fill(true);
    let mut statuses = Vec::new();
    for n in 0..3 {
        statuses.push(world.webhook(&event(&format!("e{n}"))).await.status);
    }
    assert_eq!(statuses, [503, 503, 503]);
    disk.fill(false);
    let end = Instant::now() + Duration::from_secs(10);
    while world.webhook(&event("later")).await.status != 202 {
        assert!(Instant::now() < end, "still refused after there was room");
    }
}

#[tokio::test]
async fn a_full_spool_is_a_503_until_the_queue_takes_what_waits() {
    let queue = ScriptedQueue::down();
    let setup = Setup { queue: queue.clone(), spool_max: 64 << 10, ..Setup::default() };
    let world = World::start(setup).await;
    let mut accepted = Vec::new();
    loop {
        let id = format!("e{}", accepted.len());
        let reply = world.webhook(&event(&id)).await;
        if reply.status != 202 {
            assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
            break;
        }
        accepted.push(id);
        assert!(accepted.len() < 1000, "the cap does not hold");
    }
    assert!(accepted.len() > 10, "the spool took {} only", accepted.len());

    queue.now(|_| Verdict::Store);
    world.forwarded().await;
    let end = Instant::now() + Duration::from_secs(10);
    while world.webhook(&event("later")).await.status != 202 {
        assert!(Instant::now() < end, "still refused after the spool was emptied");
    }
    world.forwarded().await;
    let stored = queue.stored_ids();
    assert!(accepted.iter().all(|id| stored.contains(id)));
}

#[tokio::test]
async fn an_outage_of_queue_and_disk_together_loses_nothing_that_was_answered() {
    let (disk, queue) = (FaultyDisk::default(), ScriptedQueue::down());
    let setup = Setup { disk: disk.clone(), queue: queue.clone(), ..Setup::default() };
    let world = World::start(setup).await;
    let mut answered = Vec::new();
    for n in 0..40 {
        disk.fail(n % 3 == 1);
        let id = format!("e{n}");
        if world.webhook(&event(&id)).await.status == 202 {
            answered.push(id);
        }
    }
    assert!(answered.len() >= 20, "{}", answered.len());
    disk.fail(false);
    queue.now(|_| Verdict::Fail(PublishFault::Blocked("memory alarm".into())));
    assert_eq!(world.webhook(&event("blocked")).await.status, 202);
    answered.push("blocked".into());
    queue.now(|_| Verdict::Store);
    world.forwarded().await;
    let stored = queue.stored_ids();
    assert!(answered.iter().all(|id| stored.contains(id)));
}
