//! What every engine does with the dead: they keep what they were, and looking changes nothing.

use crate::behaviour::on_both_engines;
use crate::support::engine::Engine;
use crate::support::{depth_becomes, eventually, message, messages, next, store};
use bytes::Bytes;
use relink_core::trace::TraceContext;
use relink_core::wire::Topic;
use relink_queue::{DeadLetter, DeadReason, OutMessage, QueueError, Settlement};

on_both_engines!(
    a_dead_letter_keeps_what_it_was,
    looking_changes_nothing,
    a_replayed_letter_returns_to_its_topic_and_is_gone,
    a_discarded_letter_is_gone_and_the_others_stay,
    an_unknown_letter_is_named,
);

/// Publishes and buries messages one after the other, so that they die in this order.
async fn bury(engine: &Engine, topic: Topic, batch: &[OutMessage], reason: DeadReason) {
    let before = engine.queue.dead_letters().count().await.unwrap();
    let mut consumer = engine.queue.consumer(topic, 1);
    for (message, wanted) in batch.iter().zip(before + 1..) {
        store(&*engine.queue, topic, std::slice::from_ref(message)).await;
        next(&mut *consumer).await.settle(Settlement::Dead(reason));
        count_becomes(engine, wanted).await;
    }
    depth_becomes(&*engine.queue, topic, 0).await;
}

async fn count_becomes(engine: &Engine, wanted: u64) {
    let letters = engine.queue.dead_letters();
    eventually(&format!("{wanted} dead letters"), async || {
        (letters.count().await.unwrap() == wanted).then_some(())
    })
    .await;
}

async fn ids(engine: &Engine, limit: usize) -> Vec<String> {
    let letters = engine.queue.dead_letters().list(limit).await.unwrap();
    letters.into_iter().map(|letter| letter.id).collect()
}

async fn only(engine: &Engine) -> DeadLetter {
    let mut letters = engine.queue.dead_letters().list(10).await.unwrap();
    assert_eq!(letters.len(), 1);
    letters.remove(0)
}

async fn a_dead_letter_keeps_what_it_was(engine: Engine) {
    let trace: TraceContext =
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00".parse().unwrap();
    let before = relink_core::Timestamp::now();
    for (reason, topic) in DeadReason::ALL.into_iter().zip(Topic::ALL.iter().cycle()) {
        let id = format!("evt-{}", reason.as_str());
        let body = Bytes::from_iter(0..=255_u8);
        let sent = OutMessage { id: id.clone(), body: body.clone(), trace: Some(trace) };
        bury(&engine, *topic, &[sent], reason).await;
        let letter = only(&engine).await;
        assert_eq!((letter.topic, &letter.message_id), (Some(*topic), &id));
        assert_eq!((&letter.reason[..], letter.trace), (reason.as_str(), Some(trace)));
        assert!(letter.body == body, "the bytes of {id} changed");
        let died = letter.died_at.unwrap();
        // Some clocks here count whole milliseconds.
        let earliest = before - std::time::Duration::from_millis(1);
        assert!(died >= earliest && died <= relink_core::Timestamp::now());
        engine.queue.dead_letters().discard(&letter.id).await.unwrap();
    }
}

async fn looking_changes_nothing(engine: Engine) {
    assert_eq!(ids(&engine, 10).await, [""; 0]);
    bury(&engine, Topic::SendEmail, &messages("", 5), DeadReason::HandlerFailed).await;
    let all = ids(&engine, 10).await;
    assert_eq!(all.len(), 5);
    for _ in 0..25 {
        assert_eq!(ids(&engine, 10).await, all, "twice the same");
        assert_eq!(ids(&engine, 2).await, all[..2], "oldest first, and still");
    }
    assert_eq!(ids(&engine, 0).await, [""; 0]);
    count_becomes(&engine, 5).await;
    let letters = engine.queue.dead_letters().list(usize::MAX).await.unwrap();
    let died: Vec<String> = letters.into_iter().map(|letter| letter.message_id).collect();
    assert_eq!(died, ["00000", "00001", "00002", "00003", "00004"]);
}

async fn a_replayed_letter_returns_to_its_topic_and_is_gone(engine: Engine) {
    let trace: TraceContext =
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
    let second = OutMessage { trace: Some(trace), ..message("2") };
    let batch = [message("1"), second, message("3")];
    bury(&engine, Topic::SendSms, &batch, DeadReason::NewerVersion).await;
    let all = ids(&engine, 10).await;
    engine.queue.dead_letters().replay(&all[1]).await.unwrap();

    let mut consumer = engine.queue.consumer(Topic::SendSms, 5);
    let back = next(&mut *consumer).await;
    assert_eq!((&back.id[..], &back.body[..], back.trace), ("2", &b"body of 2"[..], Some(trace)));
    back.settle(Settlement::Done);
    depth_becomes(&*engine.queue, Topic::SendSms, 0).await;
    count_becomes(&engine, 2).await;
    assert_eq!(ids(&engine, 10).await, [all[0].clone(), all[2].clone()]);
    let gone = engine.queue.dead_letters().replay(&all[1]).await.unwrap_err();
    assert!(matches!(&gone, QueueError::NoSuchLetter(id) if *id == all[1]), "{gone}");
}

async fn a_discarded_letter_is_gone_and_the_others_stay(engine: Engine) {
    let batch = [message("1"), message("2"), message("3")];
    bury(&engine, Topic::Signals, &batch, DeadReason::IdReused).await;
    let all = ids(&engine, 10).await;
    let letters = engine.queue.dead_letters();
    letters.discard(&all[2]).await.unwrap();
    letters.discard(&all[0]).await.unwrap();
    assert_eq!(ids(&engine, 10).await, [all[1].clone()]);
    count_becomes(&engine, 1).await;
    let gone = letters.discard(&all[0]).await.unwrap_err();
    assert!(matches!(&gone, QueueError::NoSuchLetter(id) if *id == all[0]), "{gone}");
    depth_becomes(&*engine.queue, Topic::Signals, 0).await;
}

async fn an_unknown_letter_is_named(engine: Engine) {
    bury(&engine, Topic::Signals, &[message("1")], DeadReason::Malformed).await;
    let letters = engine.queue.dead_letters();
    for id in ["nothing", "", "../../etc/passwd"] {
        for ended in [letters.replay(id).await, letters.discard(id).await] {
            let gone = ended.unwrap_err();
            assert!(matches!(&gone, QueueError::NoSuchLetter(named) if named == id), "{gone}");
        }
    }
    assert_eq!(only(&engine).await.message_id, "1");
}
