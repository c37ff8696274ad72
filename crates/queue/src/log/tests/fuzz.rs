//! A log over a damaged segment: it opens, hands out only what was written, and goes on.

use super::*;
use relink_fuzz::Target;
use std::fs;

#[test]
fn logs_over_damaged_segments() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // The same examples as for the bytes alone; fewer, for each is a folder with synced files.
    let target = Target::new(env!("CARGO_MANIFEST_DIR"), "segment").rounds(60);
    target.run(|bytes, _| {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("spool")).unwrap();
        let name = "00000000000000000009.seg";
        fs::write(dir.path().join("spool").join(name), bytes).unwrap();
        runtime.block_on(async {
            let log = open(&dir);
            let marked = log.append("mark", Bytes::from_static(b"mark")).await.unwrap().seq();
            let mut after = 0;
            loop {
                let batch = log.next_batch(after, 1_000, 1 << 24).await.unwrap();
                let Some(last) = batch.last() else { break };
                after = last.seq;
                for record in &batch {
                    let written = record.id == format!("evt-{}", record.seq) && record.seq <= 12;
                    assert!(written || record.seq == marked, "{record:?} was never written");
                }
            }
            assert_eq!(after, marked, "what is appended after the damage comes last");
        });
    });
}
