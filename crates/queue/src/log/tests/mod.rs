//! The log as its users see it: what is acknowledged is there again, what is settled is not,
//! and nothing a disk does to it can turn a failure into a receipt.

mod child;
mod damage;
mod faults;
mod fuzz;
mod life;
mod peek;

use super::*;
use relink_core::seal::KEY_LEN;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

fn key() -> SealKey {
    SealKey::from_bytes("test", &[7; KEY_LEN]).unwrap()
}

/// A log that takes whatever the machine has free.
fn options(dir: &Path) -> LogOptions {
    LogOptions { min_free: 0.0, ..LogOptions::new(dir.join("spool"), "spool") }
}

fn open(dir: &TempDir) -> SegmentLog {
    SegmentLog::open(options(dir.path()), key()).unwrap()
}

async fn add(log: &SegmentLog, id: &str) -> u64 {
    log.append(id, Bytes::from(format!("body of {id}"))).await.unwrap().seq()
}

/// The ids of all unsettled records, whose bodies must be right.
async fn ids(log: &SegmentLog) -> Vec<String> {
    let (mut after, mut ids) = (0, Vec::new());
    loop {
        let batch = log.next_batch(after, 100, 1 << 20).await.unwrap();
        let Some(last) = batch.last() else { return ids };
        after = last.seq;
        for record in batch {
            assert!(record.bytes.starts_with(format!("body of {}", record.id).as_bytes()));
            ids.push(record.id);
        }
    }
}

/// The segment files, oldest first.
fn segment_files(dir: &TempDir) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(dir.path().join("spool")).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "seg"));
    files.sort();
    files
}

/// Waits until `done`, for ten seconds at most.
async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("not within 10 s: {what}"));
}
