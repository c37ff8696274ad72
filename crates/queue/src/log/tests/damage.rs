//! Files that changed behind the log's back.

use super::*;
use std::fs;
use std::path::PathBuf;

/// A folder with one segment of records `0` to `n - 1`.
async fn written(n: usize) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let log = open(&dir);
    for id in 0..n {
        add(&log, &id.to_string()).await;
    }
    drop(log);
    let file = segment_files(&dir).pop().unwrap();
    (dir, file)
}

fn quarantined(dir: &TempDir) -> usize {
    fs::read_dir(dir.path().join("spool/quarantine")).map_or(0, Iterator::count)
}

#[tokio::test]
async fn a_damaged_record_is_set_aside_once_and_the_others_are_read() {
    let (dir, file) = written(5).await;
    let mut bytes = fs::read(&file).unwrap();
    let record = (bytes.len() - 60) / 5;
    bytes[60 + 2 * record + 40] ^= 1;
    fs::write(&file, &bytes).unwrap();
    for _ in 0..3 {
        let log = open(&dir);
        assert_eq!(ids(&log).await, ["0", "1", "3", "4"]);
        assert_eq!(log.stats().quarantined, 1);
    }
    assert_eq!(quarantined(&dir), 1);
    let kept = fs::read_dir(dir.path().join("spool/quarantine")).unwrap().next().unwrap();
    assert_eq!(fs::read(kept.unwrap().path()).unwrap(), bytes[60 + 2 * record..60 + 3 * record]);
}

#[tokio::test]
async fn a_damaged_length_or_header_costs_nothing_but_itself() {
    let (dir, file) = written(4).await;
    let mut bytes = fs::read(&file).unwrap();
    bytes[60 + 7] = 0xFF;
    bytes[20] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let log = open(&dir);
    assert_eq!(ids(&log).await, ["1", "2", "3"]);
    assert_eq!(log.stats().quarantined, 2);
    assert!(add(&log, "next").await >= 5);
}

#[tokio::test]
async fn damage_that_comes_while_the_log_is_open_is_found_by_the_reader() {
    let (dir, file) = written(4).await;
    let log = open(&dir);
    let mut bytes = fs::read(&file).unwrap();
    let record = (bytes.len() - 60) / 4;
    bytes[60 + record + 50] ^= 0x80;
    bytes.truncate(60 + 3 * record + 10);
    fs::write(&file, &bytes).unwrap();
    assert_eq!(ids(&log).await, ["0", "2"]);
    assert_eq!((log.stats().quarantined, log.stats().pending), (2, 2));
    assert_eq!(quarantined(&dir), 2);
}

#[tokio::test]
async fn a_record_that_belongs_elsewhere_does_not_open() {
    let (dir, file) = written(2).await;
    let other = tempfile::tempdir().unwrap();
    let elsewhere = LogOptions { name: "queue/signals".to_owned(), ..options(other.path()) };
    let log = SegmentLog::open(elsewhere, key()).unwrap();
    add(&log, "moved").await;
    drop(log);
    // Whole and with a good checksum, but sealed for another log.
    let foreign = fs::read(segment_files(&other).pop().unwrap()).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    bytes.extend_from_slice(&foreign[60..]);
    fs::write(&file, &bytes).unwrap();
    let log = open(&dir);
    assert_eq!(ids(&log).await, ["1"], "the foreign record took number 1, and does not open");
    assert_eq!(log.stats().quarantined, 1);
}

#[tokio::test]
async fn cut_anywhere_a_log_opens_and_goes_on() {
    let (dir, file) = written(6).await;
    let bytes = fs::read(&file).unwrap();
    let record = (bytes.len() - 60) / 6;
    for cut in (0..bytes.len()).step_by(7) {
        fs::write(&file, &bytes[..cut]).unwrap();
        let log = open(&dir);
        let expected: Vec<String> =
            (0..cut.saturating_sub(60) / record).map(|id| id.to_string()).collect();
        assert_eq!(ids(&log).await, expected, "cut at {cut}");
        assert_eq!(log.stats().quarantined, 0);
        let seq = add(&log, "after").await;
        log.settle(seq);
        drop(log);
        for file in segment_files(&dir).split_off(1) {
            fs::remove_file(file).unwrap();
        }
    }
}

#[tokio::test]
async fn another_key_and_a_newer_format_are_refused_and_nothing_is_touched() {
    let (dir, file) = written(2).await;
    let before = fs::read(&file).unwrap();
    let other = SealKey::from_bytes("other", &[8; relink_core::seal::KEY_LEN]).unwrap();
    let wrong = SegmentLog::open(options(dir.path()), other).unwrap_err();
    assert!(matches!(wrong, LogError::WrongKey { .. }));
    assert!(wrong.to_string().contains("another key than other"), "{wrong}");

    let mut newer = before.clone();
    newer[8] = 2;
    let crc = crc32fast::hash(&newer[..56]);
    newer[56..60].copy_from_slice(&crc.to_le_bytes());
    fs::write(&file, &newer).unwrap();
    let refused = SegmentLog::open(options(dir.path()), key()).unwrap_err();
    assert!(matches!(refused, LogError::Newer { version: 2, .. }), "{refused}");

    fs::write(&file, &before).unwrap();
    assert_eq!(quarantined(&dir), 0);
    assert_eq!(ids(&open(&dir)).await, ["0", "1"]);
}
