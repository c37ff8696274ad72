//! A disk that stops syncing, fails, or fills up on command, over the real one.

use relink_queue::log::disk::{Disk, RealDisk, SegmentFile};
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

#[derive(Clone, Default)]
pub(crate) struct FaultyDisk(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    stalled: bool,
    failing: bool,
    full: bool,
}

impl FaultyDisk {
    /// Syncs wait from now on, until this is taken back.
    pub(crate) fn stall(&self, stalled: bool) {
        self.change(|state| state.stalled = stalled);
    }

    /// Syncs fail from now on, until this is taken back.
    pub(crate) fn fail(&self, failing: bool) {
        self.change(|state| state.failing = failing);
    }

    /// Hardly anything is free from now on, until this is taken back.
    pub(crate) fn fill(&self, full: bool) {
        self.change(|state| state.full = full);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let (state, changed) = &*self.0;
        change(&mut state.lock().unwrap());
        changed.notify_all();
    }

    fn pass(&self) -> io::Result<()> {
        let (state, changed) = &*self.0;
        let state = changed.wait_while(state.lock().unwrap(), |state| state.stalled).unwrap();
        if state.failing { Err(io::Error::other("on purpose")) } else { Ok(()) }
    }
}

impl Disk for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        Ok(Box::new(FaultyFile { disk: self.clone(), file: RealDisk.create(path)? }))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn free_share(&self, _: &Path) -> io::Result<f64> {
        Ok(if self.0.0.lock().unwrap().full { 0.01 } else { 0.9 })
    }
}

struct FaultyFile {
    disk: FaultyDisk,
    file: Box<dyn SegmentFile>,
}

impl SegmentFile for FaultyFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.pass()?;
        self.file.sync()
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.file.truncate(len)
    }
}
