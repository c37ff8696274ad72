//! The life of records: stored, handed out, settled, gone.

use super::*;

#[tokio::test]
async fn what_is_acknowledged_is_there_again_and_what_is_settled_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    let (_one, two, _three) = (add(&log, "1").await, add(&log, "2").await, add(&log, "3").await);
    assert_eq!(ids(&log).await, ["1", "2", "3"]);
    log.settle(two);
    log.settle(two);
    log.settle(77);
    assert_eq!(ids(&log).await, ["1", "3"]);
    assert_eq!(log.read(two).await.unwrap(), None);
    drop(log);

    let log = open(&dir);
    assert_eq!(ids(&log).await, ["1", "3"]);
    let four = add(&log, "4").await;
    assert!(four > two + 1, "numbers go on");
    log.close().await;
    assert!(matches!(log.append("5", Bytes::new()).await, Err(AppendError::Closed)));
    assert_eq!(ids(&open(&dir)).await, ["1", "3", "4"]);
}

#[tokio::test]
async fn bodies_lie_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    log.append("canary-id", Bytes::from_static(b"canary body")).await.unwrap();
    for file in segment_files(&dir) {
        let bytes = std::fs::read(file).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"canary"));
    }
}

#[tokio::test]
async fn a_dropped_append_is_stored_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    drop(log.append("1", Bytes::from_static(b"body of 1")));
    drop(log);
    assert_eq!(ids(&open(&dir)).await, ["1"]);
}

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    let refused = SegmentLog::open(options(dir.path()), key()).unwrap_err();
    assert!(matches!(refused, LogError::InUse { .. }), "{refused}");
    assert!(refused.to_string().contains("another relink process"), "{refused}");
    drop(log);
    open(&dir);
}

#[tokio::test]
async fn segments_go_when_all_in_them_is_settled_and_numbers_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions { segment_bytes: 1_000, ..options(dir.path()) };
    let log = SegmentLog::open(options, key()).unwrap();
    let mut seqs = Vec::new();
    for n in 0..100 {
        seqs.push(add(&log, &format!("{n}")).await);
    }
    assert!(segment_files(&dir).len() > 5);
    for seq in &seqs {
        log.settle(*seq);
    }
    eventually("all but the newest segment deleted", || segment_files(&dir).len() == 1).await;
    assert_eq!(log.stats().pending, 0);
    drop(log);
    let log = open(&dir);
    assert_eq!(ids(&log).await, Vec::<String>::new());
    assert!(add(&log, "next").await > seqs[99]);
}

#[tokio::test]
async fn one_old_record_does_not_keep_the_whole_log_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions { segment_bytes: 2_000, ..options(dir.path()) };
    let log = SegmentLog::open(options.clone(), key()).unwrap();
    let first = add(&log, "old").await;
    for n in 0..400 {
        let seq = add(&log, &format!("{n}")).await;
        log.settle(seq);
    }
    eventually("the log is small", || log.stats().used_bytes < 5 * 2_000).await;
    assert_eq!(ids(&log).await, ["old"]);
    assert_eq!(log.read(first).await.unwrap().unwrap().id, "old", "under its own number");
    drop(log);
    let log = SegmentLog::open(options, key()).unwrap();
    assert_eq!(ids(&log).await, ["old"]);
    log.settle(first);
    drop(log);
    assert_eq!(ids(&open(&dir)).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_full_log_refuses_and_takes_again_once_something_is_settled() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions { max_bytes: 20_000, ..options(dir.path()) };
    let log = SegmentLog::open(options, key()).unwrap();
    let body = Bytes::from(vec![b'x'; 500]);
    // Twice, because a log that fills itself up with what is done does so the second time.
    for _ in 0..2 {
        let mut stored = Vec::new();
        let refused = loop {
            match log.append("id", body.clone()).await {
                Ok(receipt) => stored.push(receipt.seq()),
                Err(error) => break error,
            }
            assert!(stored.len() < 100, "never full");
        };
        assert!(matches!(refused, AppendError::Full { max: 20_000, .. }), "{refused}");
        assert!(stored.len() > 20 && log.stats().used_bytes <= 20_000, "{}", stored.len());
        stored.into_iter().for_each(|seq| log.settle(seq));
        eventually("room again", || log.stats().used_bytes < 6_000).await;
    }
    let huge = log.append("id", Bytes::from(vec![0; 20_000 / 8])).await;
    assert!(matches!(huge, Err(AppendError::TooLarge { max: 2_500, .. })));
}

#[tokio::test]
async fn batches_keep_their_limits_and_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    let mut newest = log.newest();
    for n in 0..10 {
        add(&log, &format!("{n}")).await;
    }
    assert_eq!(*newest.borrow_and_update(), 10);
    let seqs = |batch: Vec<Record>| batch.iter().map(|record| record.seq).collect::<Vec<_>>();
    assert_eq!(seqs(log.next_batch(0, 3, 1 << 20).await.unwrap()), [1, 2, 3]);
    assert_eq!(seqs(log.next_batch(8, 100, 1 << 20).await.unwrap()), [9, 10]);
    assert_eq!(seqs(log.next_batch(0, 100, 1).await.unwrap()), [1], "at least one");
    assert_eq!(seqs(log.next_batch(10, 100, 1 << 20).await.unwrap()), [0; 0]);

    let appended = log.append("11", Bytes::from_static(b"body of 11"));
    newest.changed().await.unwrap();
    assert_eq!(*newest.borrow(), 11);
    appended.await.unwrap();
    let stats = log.stats();
    assert_eq!((stats.pending, stats.quarantined, stats.poisoned), (11, 0, 0));
    assert!(stats.oldest.is_some() && stats.pending_bytes < stats.used_bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_producers_get_distinct_numbers_and_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    let mut tasks = tokio::task::JoinSet::new();
    for producer in 0..64 {
        let log = log.clone();
        tasks.spawn(async move {
            let mut seqs = Vec::new();
            for n in 0..50 {
                seqs.push(add(&log, &format!("{producer}-{n}")).await);
            }
            assert!(seqs.is_sorted());
            seqs
        });
    }
    let mut seqs = tasks.join_all().await.concat();
    seqs.sort_unstable();
    seqs.dedup();
    assert_eq!(seqs.len(), 64 * 50);
    drop(log);
    assert_eq!(ids(&open(&dir)).await.len(), 64 * 50);
}
