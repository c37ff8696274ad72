//! Another process's look agrees with the owner's own numbers, and leaves no trace.

use super::*;
use crate::log::peek;

#[tokio::test]
async fn a_look_from_beside_sees_what_the_owner_sees_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("spool");
    assert_eq!(peek(&dir).unwrap(), None);
    let log = open(&folder);
    for number in 0..10 {
        let seq = add(&log, &format!("id {number}")).await;
        if number < 4 {
            log.settle(seq);
        }
    }
    assert!(peek(&dir).unwrap().unwrap().pending >= 6, "what was settled may still be counted");
    log.close().await;
    let before: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|e| e.unwrap().path()).collect();
    let looked = peek(&dir).unwrap().unwrap();
    assert_eq!(looked.pending, log.stats().pending);
    assert_eq!(looked.used_bytes, log.stats().used_bytes);
    let after: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(before, after);
}
