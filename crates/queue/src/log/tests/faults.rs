//! A disk that fails on command.

use super::disk::{Disk, RealDisk, SegmentFile};
use super::*;
use std::io;
use std::sync::atomic::AtomicUsize;
use std::sync::{Condvar, Mutex};

/// What the disk shall do next.
#[derive(Debug, Default)]
struct Orders {
    /// So many syncs fail.
    fail_syncs: AtomicUsize,
    /// So many writes stop half-way.
    fail_writes: AtomicUsize,
    /// So many new files fail.
    fail_creates: AtomicUsize,
    /// So many cuts fail.
    fail_cuts: AtomicUsize,
    syncs: AtomicUsize,
    /// Syncs wait while this is true.
    held: Mutex<bool>,
    released: Condvar,
    low: std::sync::atomic::AtomicBool,
}

impl Orders {
    fn hold(&self, held: bool) {
        *self.held.lock().unwrap() = held;
        self.released.notify_all();
    }
}

fn due(counter: &AtomicUsize) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

fn order(counter: &AtomicUsize, times: usize) {
    counter.store(times, Ordering::SeqCst);
}

#[derive(Debug, Clone, Default)]
struct BadDisk(Arc<Orders>);

struct BadFile(Box<dyn SegmentFile>, Arc<Orders>);

impl Disk for BadDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        if due(&self.0.fail_creates) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(Box::new(BadFile(RealDisk.create(path)?, Arc::clone(&self.0))))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn free_share(&self, _dir: &Path) -> io::Result<f64> {
        Ok(if self.0.low.load(Ordering::SeqCst) { 0.07 } else { 0.5 })
    }
}

impl SegmentFile for BadFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Headers are written by the creation, which has an order of its own.
        if !bytes.starts_with(b"RLKSEGMT") && due(&self.1.fail_writes) {
            self.0.write_all(&bytes[..bytes.len() / 2])?;
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.1.syncs.fetch_add(1, Ordering::SeqCst);
        let held = self.1.held.lock().unwrap();
        drop(self.1.released.wait_while(held, |held| *held).unwrap());
        if due(&self.1.fail_syncs) {
            return Err(io::Error::other("input/output error"));
        }
        self.0.sync()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        if due(&self.1.fail_cuts) {
            return Err(io::Error::other("input/output error"));
        }
        self.0.truncate(len)
    }
}

fn open_bad(dir: &TempDir) -> (SegmentLog, Arc<Orders>) {
    let disk = BadDisk::default();
    let orders = Arc::clone(&disk.0);
    let options = LogOptions { min_free: 0.10, ..options(dir.path()) };
    (SegmentLog::open_on(options, key(), Arc::new(disk)).unwrap(), orders)
}

fn append(
    log: &SegmentLog,
    id: &str,
) -> impl Future<Output = Result<Receipt, AppendError>> + use<> {
    log.append(id, Bytes::from(format!("body of {id}")))
}

#[tokio::test]
async fn a_failed_fsync_gives_no_receipt_and_is_never_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let (log, orders) = open_bad(&dir);
    add(&log, "before").await;
    order(&orders.fail_syncs, 1);
    let syncs = orders.syncs.load(Ordering::SeqCst);
    let failed = append(&log, "failed").await;
    assert!(matches!(failed, Err(AppendError::Disk(_))), "{failed:?}");
    assert_eq!(orders.syncs.load(Ordering::SeqCst), syncs + 1, "one try");
    assert_eq!((log.stats().poisoned, log.stats().failures_in_a_row), (1, 1));

    add(&log, "after").await;
    assert_eq!(segment_files(&dir).len(), 2, "a fresh segment");
    assert_eq!((log.stats().poisoned, log.stats().failures_in_a_row), (1, 0));
    assert_eq!(ids(&log).await, ["before", "after"]);
    drop(log);
    let log = open(&dir);
    assert_eq!(ids(&log).await, ["before", "after"]);
    assert_eq!((log.stats().quarantined, log.stats().torn), (0, 0));
}

#[tokio::test]
async fn everybody_who_waits_for_a_failed_fsync_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (log, orders) = open_bad(&dir);
    orders.hold(true);
    let first = append(&log, "first");
    eventually("the first is being synced", || orders.syncs.load(Ordering::SeqCst) == 1).await;
    let waiting: Vec<_> = (0..50).map(|n| append(&log, &format!("{n}"))).collect();
    order(&orders.fail_syncs, 2);
    orders.hold(false);
    assert!(matches!(first.await, Err(AppendError::Disk(_))));
    for append in waiting {
        assert!(matches!(append.await, Err(AppendError::Disk(_))));
    }
    assert_eq!(orders.syncs.load(Ordering::SeqCst), 2, "fifty shared one fsync");
    assert_eq!(ids(&log).await, Vec::<String>::new());
    add(&log, "now").await;
}

#[tokio::test]
async fn a_dropped_append_is_stored_even_if_the_disk_is_slow() {
    let dir = tempfile::tempdir().unwrap();
    let (log, orders) = open_bad(&dir);
    orders.hold(true);
    let started = append(&log, "started");
    let gave_up = tokio::time::timeout(Duration::from_millis(20), started).await;
    assert!(gave_up.is_err(), "no receipt before the fsync returns");
    drop(append(&log, "queued"));
    assert_eq!(ids(&log).await, Vec::<String>::new(), "not handed out either");
    orders.hold(false);
    eventually("both stored", || log.stats().pending == 2).await;
    assert_eq!(ids(&log).await, ["started", "queued"]);
}

#[tokio::test]
async fn a_write_that_stops_half_way_leaves_a_clean_log() {
    let dir = tempfile::tempdir().unwrap();
    let (log, orders) = open_bad(&dir);
    for n in 0..5 {
        add(&log, &format!("good {n}")).await;
        order(&orders.fail_writes, 1);
        assert!(matches!(append(&log, "bad").await, Err(AppendError::Disk(_))));
    }
    let good = ["good 0", "good 1", "good 2", "good 3", "good 4"];
    assert_eq!(ids(&log).await, good);
    assert_eq!(log.stats().poisoned, 5);
    drop(log);
    let log = open(&dir);
    assert_eq!(ids(&log).await, good);
    assert_eq!((log.stats().quarantined, log.stats().torn), (0, 0));
}

#[tokio::test]
async fn a_segment_that_cannot_even_be_cut_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (log, orders) = open_bad(&dir);
    add(&log, "before").await;
    order(&orders.fail_writes, 1);
    order(&orders.fail_cuts, 1);
    assert!(append(&log, "half").await.is_err());
    add(&log, "between").await;
    order(&orders.fail_syncs, 1);
    order(&orders.fail_cuts, 1);
    assert!(append(&log, "unsure").await.is_err());
    add(&log, "after").await;
    drop(log);
    let log = open(&dir);
    // What was written whole comes back, as AppendError::Disk says it may.
    assert_eq!(ids(&log).await, ["before", "between", "unsure", "after"]);
    assert_eq!((log.stats().quarantined, log.stats().torn), (0, 1));
}

#[tokio::test]
async fn a_disk_that_stays_full_leaves_no_litter_and_heals_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (log, orders) = open_bad(&dir);
    add(&log, "before").await;
    order(&orders.fail_writes, 20);
    for n in 0..20 {
        assert!(append(&log, &format!("{n}")).await.is_err());
    }
    order(&orders.fail_creates, 5);
    for n in 0..5 {
        assert!(append(&log, &format!("{n}")).await.is_err());
    }
    assert_eq!(segment_files(&dir).len(), 1);
    assert_eq!(log.stats().failures_in_a_row, 25);
    add(&log, "after").await;
    assert_eq!(ids(&log).await, ["before", "after"]);
}

#[tokio::test]
async fn a_disk_full_of_what_is_done_is_freed_by_the_log_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (log, orders) = open_bad(&dir);
    let seq = add(&log, "done").await;
    log.settle(seq);
    // Giving the segment up, and then the new one fails once for as long as the old one is there.
    order(&orders.fail_writes, 1);
    assert!(append(&log, "refused").await.is_err());
    order(&orders.fail_creates, 1);
    let next = add(&log, "next").await;
    assert!(next > seq);
    assert_eq!((segment_files(&dir).len(), ids(&log).await), (1, vec!["next".to_owned()]));
    drop(log);
    assert_eq!(ids(&open(&dir)).await, ["next"]);
}

#[tokio::test]
async fn a_settlement_that_could_not_be_written_is_written_later() {
    let dir = tempfile::tempdir().unwrap();
    let (log, orders) = open_bad(&dir);
    // The first record keeps the segment that the second lies in.
    add(&log, "held").await;
    let seq = add(&log, "done").await;
    order(&orders.fail_writes, 1);
    log.settle(seq);
    eventually("the write failed", || log.stats().poisoned == 1).await;
    add(&log, "kept").await;
    drop(log);
    assert_eq!(ids(&open(&dir)).await, ["held", "kept"]);
}

#[tokio::test]
async fn below_the_floor_nothing_is_taken_and_what_is_there_can_be_drained() {
    let dir = tempfile::tempdir().unwrap();
    let (log, orders) = open_bad(&dir);
    let seq = add(&log, "before").await;
    orders.low.store(true, Ordering::SeqCst);
    let refused = append(&log, "low").await.unwrap_err();
    assert!(matches!(refused, AppendError::DiskLow { free_percent: 7, floor_percent: 10 }));
    assert_eq!(ids(&log).await, ["before"]);
    log.settle(seq);
    orders.low.store(false, Ordering::SeqCst);
    add(&log, "after").await;
    assert_eq!(ids(&log).await, ["after"]);
    assert_eq!(log.stats().poisoned, 0);
}

#[tokio::test]
async fn a_disk_that_hangs_is_not_fed_without_end() {
    let dir = tempfile::tempdir().unwrap();
    let (log, orders) = open_bad(&dir);
    orders.hold(true);
    let body = Bytes::from(vec![1; 1 << 19]);
    let mut waiting = Vec::new();
    let busy = loop {
        let mut append = Box::pin(log.append("id", body.clone()));
        match futures_util::poll!(append.as_mut()) {
            std::task::Poll::Pending => waiting.push(append),
            std::task::Poll::Ready(refused) => break refused,
        }
        assert!(waiting.len() < 1_000, "never refused");
    };
    assert!(matches!(busy, Err(AppendError::Busy { .. })), "{busy:?}");
    orders.hold(false);
    for append in waiting {
        append.await.unwrap();
    }
    add(&log, "again").await;
}
