//! The store is down, or refuses: no signal is lost, none waits for another's sake.

use crate::support::*;
use relink_core::signal::SignalKind;
use relink_core::wire::SignalMessage;
use relink_queue::{DeadReason, Settlement};
use relink_store::StoreError;
use tokio_util::sync::CancellationToken;

fn down() -> StoreError {
    StoreError::Unavailable("on purpose".into())
}

fn refused() -> StoreError {
    StoreError::Refused("on purpose".into())
}

#[tokio::test]
async fn an_outage_is_waited_out_with_the_batch_in_hand() {
    for outage in [
        down(),
        StoreError::Disk("full, on purpose".into()),
        // Nothing is wrong with the signals when somebody has yet to run `relink migrate`.
        StoreError::Schema("older, on purpose".into()),
    ] {
        let world = World::new().await;
        world.store.fail("apply_signals", 3, &outage);
        let signal = world.signal("e1", "clinic_1", SignalKind::LoginRequired);
        let (delivery, receipt) = delivery(SignalMessage::encode(&signal));
        world.planner().apply(vec![delivery], &CancellationToken::new()).await;
        assert_eq!(receipt.end().await, Some(Settlement::Done), "{outage}");
        assert_eq!(world.store.asked("apply_signals").len(), 4);
    }
}

#[tokio::test]
async fn a_stop_during_an_outage_gives_everything_back_unsettled() {
    let world = World::new().await;
    world.store.fail("apply_signals", 1_000_000, &down());
    let (consumer, inlet) = consumer();
    let body = |event: &str| {
        SignalMessage::encode(&world.signal(event, "clinic_1", SignalKind::LoginRequired))
    };
    let (in_hand, waiting) = (inlet.put(body("e1")), inlet.put(body("e2")));
    let stop = CancellationToken::new();
    let (planner, stopping) = (world.planner(), stop.clone());
    let running = tokio::spawn(async move { planner.run(consumer, stopping).await });
    until("a first failure", || !world.store.asked("apply_signals").is_empty()).await;
    stop.cancel();
    soon("the planner's end", running).await.unwrap();
    assert_eq!((in_hand.end().await, waiting.end().await), (None, None));
}

#[tokio::test]
async fn a_refused_batch_is_applied_one_by_one_and_only_the_bad_one_is_buried() {
    let world = World::new().await;
    let (mut batch, mut receipts) = (Vec::new(), Vec::new());
    for event in ["e1", "e2", "e3"] {
        let signal = world.signal(event, &format!("of {event}"), SignalKind::LoginRequired);
        let (delivery, receipt) = delivery(SignalMessage::encode(&signal));
        batch.push(delivery);
        receipts.push(receipt);
    }
    // The batch, and then the first of the three alone.
    world.store.fail("apply_signals", 2, &refused());
    world.planner().apply(batch, &CancellationToken::new()).await;
    let mut ends = Vec::new();
    for receipt in receipts {
        ends.push(receipt.end().await.unwrap());
    }
    let buried = Settlement::Dead(DeadReason::HandlerFailed);
    assert_eq!(ends, [buried, Settlement::Done, Settlement::Done]);
    assert_eq!(world.store.asked("apply_signals").len(), 4);
}

#[tokio::test]
async fn a_single_signal_that_is_refused_is_buried_with_its_bytes() {
    let world = World::new().await;
    world.store.fail("apply_signals", 1, &refused());
    let signal = world.signal("e1", "clinic_1", SignalKind::LoginRequired);
    let (delivery, receipt) = delivery(SignalMessage::encode(&signal));
    world.planner().apply(vec![delivery], &CancellationToken::new()).await;
    assert_eq!(receipt.end().await, Some(Settlement::Dead(DeadReason::HandlerFailed)));
}
