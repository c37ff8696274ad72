//! Dead letters: kept before they are let go, worked on from two processes, replayed durably.

use super::*;
use crate::embedded::letter_file;
use std::fs;
use uuid::Uuid;

/// Buries `id` in a queue that is empty otherwise.
async fn bury(queue: &EmbeddedQueue, id: &str) {
    publish(queue, &[id]).await;
    let mut consumer = queue.consumer(Topic::Signals, 1);
    next(&mut *consumer).await.settle(Settlement::Dead(DeadReason::HandlerFailed));
    depth_becomes(queue, 0).await;
}

fn files(dir: &TempDir, folder: &str) -> usize {
    fs::read_dir(dir.path().join("queue").join(folder)).unwrap().count()
}

#[tokio::test]
async fn a_dead_message_keeps_its_bytes_and_is_seen_from_another_process() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(&dir).await;
    assert_eq!(EmbeddedDeadLetters::at(dir.path(), key()).count().await.unwrap(), 0);
    bury(&queue, "first").await;
    bury(&queue, "second").await;

    // Made from the folder alone, while the queue has it locked.
    let beside = EmbeddedDeadLetters::at(dir.path(), key());
    assert_eq!(beside.count().await.unwrap(), 2);
    let letters = beside.list(10).await.unwrap();
    assert_eq!(letters.iter().map(|l| &l.message_id[..]).collect::<Vec<_>>(), ["first", "second"]);
    assert_eq!(beside.list(1).await.unwrap()[0].message_id, "first", "oldest first");
    let letter = &letters[0];
    assert_eq!((letter.topic, &letter.reason[..]), (Some(Topic::Signals), "handler_failed"));
    assert_eq!(&letter.body[..], b"body of first");
    assert!(letter.died_at.is_some());
    let text = fs::read(dir.path().join(format!("queue/dead/{}.json", letter.id))).unwrap();
    assert!(!String::from_utf8_lossy(&text).contains("body of"), "sealed at rest");

    beside.discard(&letter.id).await.unwrap();
    assert!(matches!(beside.discard(&letter.id).await, Err(QueueError::NoSuchLetter(_))));
    assert_eq!(queue.dead_letters().count().await.unwrap(), 1);
}

#[tokio::test]
async fn a_letter_replayed_from_another_process_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(&dir).await;
    bury(&queue, "again").await;
    let beside = EmbeddedDeadLetters::at(dir.path(), key());
    let id = beside.list(1).await.unwrap()[0].id.clone();
    beside.replay(&id).await.unwrap();
    assert_eq!(beside.count().await.unwrap(), 0);

    let delivery = next(&mut *queue.consumer(Topic::Signals, 1)).await;
    assert_eq!((&delivery.id[..], &delivery.body[..]), ("again", &b"body of again"[..]));
    let gone = tokio::time::timeout(Duration::from_secs(10), async {
        while files(&dir, "replay") > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    gone.await.expect("its file is deleted once it is in the log");
    assert!(matches!(beside.replay(&id).await, Err(QueueError::NoSuchLetter(_))));
}

#[tokio::test]
async fn a_letter_replayed_while_nothing_runs_is_taken_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(&dir).await;
    bury(&queue, "later").await;
    queue.close().await;
    let beside = EmbeddedDeadLetters::at(dir.path(), key());
    beside.replay(&beside.list(1).await.unwrap()[0].id).await.unwrap();

    let queue = open(&dir).await;
    assert_eq!(queue.depth(Topic::Signals).await, Some(1));
    assert_eq!((files(&dir, "replay"), files(&dir, "dead")), (0, 0));
    assert_eq!(next(&mut *queue.consumer(Topic::Signals, 1)).await.id, "later");
}

#[tokio::test]
async fn a_letter_that_cannot_be_appended_stays_to_be_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(&dir).await;
    bury(&queue, "kept").await;
    let topics = Arc::clone(&queue.topics);
    queue.close().await;
    let beside = EmbeddedDeadLetters::at(dir.path(), key());
    beside.replay(&beside.list(1).await.unwrap()[0].id).await.unwrap();
    replay_letters(&topics).await;
    assert_eq!(files(&dir, "replay"), 1, "its log is closed");
}

#[tokio::test]
async fn a_message_that_is_never_settled_is_buried_after_twenty_deliveries() {
    let dir = tempfile::tempdir().unwrap();
    let letters = EmbeddedDeadLetters::at(dir.path(), key());
    letters.prepare().unwrap();
    let options = LogOptions { min_free: 0.0, ..LogOptions::new(dir.path().join("log"), "log") };
    let log = SegmentLog::open(options, key()).unwrap();
    log.append("poison", message::encode(None, &Bytes::from_static(b"body"))).await.unwrap();
    let mut queue = TopicQueue::new(Topic::SendSms, log.clone(), letters.clone());
    queue.pacing.longest = Duration::from_millis(1);

    let mut consumer = EmbeddedConsumer::new(Arc::new(queue), 1);
    for n in 1..=20 {
        assert_eq!(letters.count().await.unwrap(), 0);
        let delivery = next(&mut consumer).await;
        if n % 2 == 0 {
            delivery.settle(Settlement::Retry);
        }
    }
    let more = tokio::time::timeout(Duration::from_millis(100), consumer.next()).await;
    assert!(more.is_err(), "not a twenty-first time");
    assert_eq!(log.stats().pending, 0);
    let letters = letters.list(10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!((&letters[0].reason[..], &letters[0].body[..]), ("delivery_limit", &b"body"[..]));
    assert_eq!((&letters[0].message_id[..], letters[0].topic), ("poison", Some(Topic::SendSms)));
}

#[tokio::test]
async fn a_message_that_cannot_be_buried_stays_in_the_queue() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(&dir).await;
    publish(&queue, &["1"]).await;
    let dead = dir.path().join("queue/dead");
    fs::remove_dir(&dead).unwrap();
    fs::write(&dead, "in the way").unwrap();
    let mut consumer = queue.consumer(Topic::Signals, 1);
    next(&mut *consumer).await.settle(Settlement::Dead(DeadReason::Malformed));
    let again = next(&mut *consumer).await;
    assert_eq!((&again.id[..], queue.depth(Topic::Signals).await), ("1", Some(1)));

    fs::remove_file(&dead).unwrap();
    fs::create_dir(&dead).unwrap();
    again.settle(Settlement::Dead(DeadReason::Malformed));
    depth_becomes(&queue, 0).await;
    assert_eq!(queue.dead_letters().count().await.unwrap(), 1);
}

#[tokio::test]
async fn a_damaged_letter_stays_in_sight_and_is_never_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(&dir).await;
    bury(&queue, "1").await;
    let letters = queue.dead_letters();
    let id = letters.list(1).await.unwrap()[0].id.clone();
    let file = dir.path().join(format!("queue/dead/{id}.json"));
    let text = fs::read_to_string(&file).unwrap().replace("\"body\":\"", "\"body\":\"AAAA");
    fs::write(&file, &text).unwrap();
    let shown = letters.list(1).await.unwrap();
    assert!(shown[0].reason.starts_with("unreadable"), "{}", shown[0].reason);
    assert_eq!(shown[0].body, text);
    assert!(matches!(letters.replay(&id).await, Err(QueueError::Disk { .. })));
    assert_eq!(letters.count().await.unwrap(), 1);

    // Damaged on its way to the queue: taken back.
    fs::rename(&file, dir.path().join(format!("queue/replay/{id}.json"))).unwrap();
    replay_letters(&queue.topics).await;
    assert_eq!((files(&dir, "replay"), letters.count().await.unwrap()), (0, 1));
    assert_eq!(queue.depth(Topic::Signals).await, Some(0));
}

#[tokio::test]
async fn an_id_leads_nowhere_but_to_a_letter() {
    let dir = tempfile::tempdir().unwrap();
    let letters = EmbeddedDeadLetters::at(dir.path(), key());
    for id in ["", "../signals/lock", "/etc/passwd", "not-a-uuid"] {
        assert!(matches!(letters.discard(id).await, Err(QueueError::NoSuchLetter(_))), "{id}");
        assert!(matches!(letters.replay(id).await, Err(QueueError::NoSuchLetter(_))), "{id}");
    }
    assert_eq!(letters.list(10).await.unwrap().len(), 0);
}

#[test]
fn version_one_of_a_letter_is_read() {
    let id: Uuid = "0195f3a2-0000-7000-8000-000000000000".parse().unwrap();
    let text = include_bytes!("../golden/letter_v1.json");
    let letter = letter_file::decode(&key(), id, text).unwrap();
    assert_eq!(letter.topic, Topic::Signals);
    assert_eq!((&letter.message_id[..], &letter.reason[..]), ("evt-1", "malformed"));
    assert_eq!(&letter.body[..], b"the body");
    assert_eq!(letter.died_at, "2025-10-21T14:30:00Z".parse().unwrap());
    assert!(letter.trace.is_some());

    let other = Uuid::nil();
    assert!(letter_file::decode(&key(), other, text).is_err(), "bound to its id");
    for (version, said) in [(2, "newer"), (0, "version 0")] {
        let other = String::from_utf8_lossy(text).replace("\"v\":1", &format!("\"v\":{version}"));
        let error = letter_file::decode(&key(), id, other.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(said), "{version}: {error}");
    }
}
