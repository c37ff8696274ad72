//! Keeping on a real folder: caps, age, repeats, drafts, a disk that refuses.

use super::*;
use crate::quarantine::OpenError;
use relink_core::seal::KEY_LEN;
use relink_core::time::after;
use relink_http::HeaderMap;
use relink_queue::log::disk::{RealDisk, SegmentFile};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

const START: &str = "2026-11-26T12:00:00Z";

fn key() -> SealKey {
    SealKey::from_bytes("spool", &[7; KEY_LEN]).unwrap()
}

fn now() -> Timestamp {
    START.parse().unwrap()
}

fn limits(places: u64) -> Limits {
    Limits { max_bytes: places * 4096, keep: Duration::from_secs(60), min_free: 0.1 }
}

fn quarantine(dir: &TempDir, places: u64) -> Quarantine {
    let folder = Folder::in_data_dir(dir.path());
    Quarantine::new(folder, key(), Arc::new(Roomy::default()), limits(places))
}

/// The `n`th event from `address`, `n` milliseconds behind the start.
fn candidate(n: u64, address: &str) -> Candidate {
    let body = format!(r#"{{"id":"evt-{n}","type":"login_required"}}"#);
    Candidate {
        received_at: after(now(), Duration::from_millis(n)),
        source: Source::of(address.parse().ok(), &HeaderMap::new()),
        signature: "0f".repeat(32),
        webhook_id: None,
        body: body.into(),
    }
}

fn keep(quarantine: &Quarantine, candidates: &[Candidate]) -> Vec<Fate> {
    let (fates, fault) = quarantine.keep_all(candidates).unwrap();
    assert_eq!(fault.is_some(), fates.contains(&Fate::Failed));
    fates
}

/// The ids of the events that are kept, oldest first.
fn events(quarantine: &Quarantine) -> Vec<String> {
    let kept = quarantine.folder.list().unwrap();
    let id = |kept: &Kept| {
        let held = quarantine.folder.open(&key(), &kept.name).unwrap();
        relink_cobalt::claim(&held.body, None).unwrap().event_id.unwrap().to_string()
    };
    kept.iter().map(id).collect()
}

/// The real disk with room on it, which fails on command.
#[derive(Default, Clone)]
struct Roomy {
    failing: Arc<AtomicBool>,
    full: Arc<AtomicBool>,
    /// A folder stands where a file is about to get its name.
    taken: Arc<AtomicBool>,
}

impl Disk for Roomy {
    fn create(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        let file = RealDisk.create(path)?;
        if self.taken.load(Ordering::SeqCst) {
            fs::create_dir(path.with_extension("sealed"))?;
        }
        if self.failing.load(Ordering::SeqCst) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(file)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn free_share(&self, _: &Path) -> io::Result<f64> {
        Ok(if self.full.load(Ordering::SeqCst) { 0.01 } else { 0.9 })
    }
}

#[test]
fn a_request_is_kept_as_it_came_and_once() {
    let dir = tempfile::tempdir().unwrap();
    let quarantine = quarantine(&dir, 10);
    let first = candidate(1, "203.0.113.7");
    let again = Candidate { received_at: after(now(), Duration::from_secs(9)), ..first.clone() };
    let other = Candidate { body: r#"{"type":"patient.created"}"#.into(), ..first.clone() };
    let fates = keep(&quarantine, &[first.clone(), again, other]);
    assert_eq!(fates, [Fate::Kept, Fate::Repeated, Fate::NotOurs]);
    let kept = quarantine.folder.list().unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].name.received_at(), first.received_at);
    let held = quarantine.folder.open(&key(), &kept[0].name).unwrap();
    assert_eq!((held.body, held.source.as_str()), (first.body, "203.0.113.7"));
    assert_eq!(held.signature, first.signature);
}

#[test]
fn the_cap_holds_and_a_flood_displaces_itself() {
    let dir = tempfile::tempdir().unwrap();
    let quarantine = quarantine(&dir, 20);
    let flood: Vec<_> = (100..150).map(|n| candidate(n, "198.51.100.1")).collect();
    let fates = keep(&quarantine, &flood);
    assert_eq!(fates.iter().filter(|fate| **fate == Fate::Kept).count(), 20);
    let genuine: Vec<_> = (0..5).map(|n| candidate(n, "203.0.113.7")).collect();
    assert_eq!(keep(&quarantine, &genuine), [Fate::Kept; 5]);
    let flood: Vec<_> = (200..250).map(|n| candidate(n, "198.51.100.1")).collect();
    assert_eq!(keep(&quarantine, &flood), [Fate::Full; 50]);
    let events = events(&quarantine);
    assert_eq!(events.len(), 20);
    assert_eq!(events[..5], ["evt-0", "evt-1", "evt-2", "evt-3", "evt-4"]);
    assert_eq!(events[5..8], ["evt-100", "evt-101", "evt-102"], "of a flood, what came first");
}

#[test]
fn what_is_older_than_it_may_be_goes() {
    let dir = tempfile::tempdir().unwrap();
    let quarantine = quarantine(&dir, 20);
    keep(&quarantine, &[candidate(0, "::1"), candidate(500, "::1")]);
    for (millis, gone) in [(60_000, 0), (60_001, 1)] {
        let swept = quarantine.expire(after(now(), Duration::from_millis(millis))).unwrap();
        assert_eq!((swept.gone, swept.stayed), (gone, 0));
    }
    assert_eq!(events(&quarantine), ["evt-500"]);
}

#[test]
fn a_disk_that_refuses_leaves_everything_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Roomy::default();
    let folder = Folder::in_data_dir(dir.path());
    let quarantine = Quarantine::new(folder, key(), Arc::new(disk.clone()), limits(2));
    keep(&quarantine, &[candidate(0, "::1"), candidate(1, "::1")]);
    disk.failing.store(true, Ordering::SeqCst);
    assert_eq!(keep(&quarantine, &[candidate(2, "203.0.113.7")]), [Fate::Failed]);
    assert_eq!(events(&quarantine), ["evt-0", "evt-1"], "nobody gives way to what is not there");
    assert_eq!(std::fs::read_dir(quarantine.folder.path()).unwrap().count(), 2, "no draft stays");
    disk.full.store(true, Ordering::SeqCst);
    assert_eq!(keep(&quarantine, &[candidate(3, "::1")]), [Fate::DiskLow]);
}

#[test]
fn what_cannot_be_named_leaves_no_draft() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Roomy::default();
    let folder = Folder::in_data_dir(dir.path());
    let quarantine = Quarantine::new(folder, key(), Arc::new(disk.clone()), limits(20));
    disk.taken.store(true, Ordering::SeqCst);
    assert_eq!(keep(&quarantine, &[candidate(0, "::1")]), [Fate::Failed]);
    let left = fs::read_dir(quarantine.folder.path()).unwrap().map(|file| file.unwrap());
    let drafts = left.filter(|file| file.file_type().unwrap().is_file()).count();
    assert_eq!(drafts, 0);
}

#[test]
fn one_that_cannot_be_removed_is_named_and_keeps_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let quarantine = quarantine(&dir, 20);
    keep(&quarantine, &[candidate(0, "::1"), candidate(1, "::1"), candidate(500, "::1")]);
    // A folder under the name of the oldest: not even root removes it as a file.
    let oldest = quarantine.folder.file(&quarantine.folder.list().unwrap()[0].name);
    fs::remove_file(&oldest).unwrap();
    fs::create_dir(&oldest).unwrap();
    let swept = quarantine.expire(after(now(), Duration::from_millis(60_400))).unwrap();
    assert_eq!((swept.gone, swept.stayed), (1, 1));
    let fault = swept.fault.unwrap().to_string();
    assert!(fault.contains(oldest.to_str().unwrap()), "{fault}");
    fs::remove_dir(&oldest).unwrap();
    assert_eq!(events(&quarantine), ["evt-500"]);

    for name in ["a.new", "b.new"] {
        fs::create_dir_all(quarantine.folder.path().join(name)).unwrap();
    }
    let draft = quarantine.folder.path().join("c.new");
    fs::write(&draft, "half").unwrap();
    let swept = quarantine.folder.remove_drafts().unwrap();
    assert_eq!((swept.gone, swept.stayed, draft.exists()), (1, 2, false));
}

#[test]
fn a_damaged_or_renamed_file_is_reported_and_harms_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let quarantine = quarantine(&dir, 20);
    keep(&quarantine, &[candidate(0, "::1"), candidate(1, "::1")]);
    let [first, second] = quarantine.folder.list().unwrap().try_into().unwrap();
    let path = quarantine.folder.file(&first.name);
    let whole = fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let opened = quarantine.folder.open(&key(), &first.name);
        assert!(matches!(opened, Err(OpenError::Unreadable(_))), "cut at {cut}");
    }
    assert_eq!(quarantine.folder.list().unwrap().len(), 2);
    assert!(quarantine.folder.open(&key(), &second.name).is_ok());
    fs::remove_file(&path).unwrap();
    assert!(matches!(quarantine.folder.open(&key(), &first.name), Err(OpenError::Gone)));
    quarantine.folder.remove(&first.name).unwrap();
    let moved = Name { source: 1, ..second.name };
    fs::rename(quarantine.folder.file(&second.name), quarantine.folder.file(&moved)).unwrap();
    let opened = quarantine.folder.open(&key(), &moved);
    assert!(matches!(opened, Err(OpenError::Unreadable(_))));
}

#[test]
fn drafts_of_a_killed_process_go_and_strange_files_stay_out_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let quarantine = quarantine(&dir, 20);
    keep(&quarantine, &[candidate(0, "::1")]);
    let folder = quarantine.folder.path();
    let draft = quarantine.folder.file(&quarantine.folder.list().unwrap()[0].name);
    fs::write(draft.with_extension("new"), "half").unwrap();
    fs::write(folder.join("notes.txt"), "an operator's").unwrap();
    assert_eq!(
        (quarantine.folder.count().unwrap(), quarantine.folder.list().unwrap().len()),
        (1, 1)
    );
    quarantine.folder.remove_drafts().unwrap();
    assert_eq!(fs::read_dir(folder).unwrap().count(), 2);
    assert_eq!(events(&quarantine), ["evt-0"]);
}
