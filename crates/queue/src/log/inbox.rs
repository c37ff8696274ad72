//! What waits for the writer thread. Producers put records in under one short lock; the writer
//! takes everything that has gathered at once, which is what makes one fsync serve many.
//! Bounded in bytes. What was put in is written whether or not anybody still waits for it.

use super::{AppendError, Receipt};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The most that may wait for the disk, in bytes; more is refused at once.
pub(super) const WAITING_MAX: usize = 32 << 20;
/// The most written with one fsync, in bytes, unless a single record has more.
const GROUP_MAX: usize = 4 << 20;
/// How long a settlement may stay in memory before it is written without a record to go with.
const SETTLE_DELAY: Duration = Duration::from_millis(100);
/// How long after a failed write settlements are tried again.
const SETTLE_RETRY: Duration = Duration::from_secs(1);
/// Settlements that are written without waiting longer.
const SETTLE_MANY: usize = 4096;

/// A record and whoever waits for its receipt.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) id: String,
    pub(super) bytes: Bytes,
    /// What it will take up on the disk.
    pub(super) size: usize,
    pub(super) reply: oneshot::Sender<Result<Receipt, AppendError>>,
}

/// What one fsync is for.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) appends: Vec<Waiting>,
    pub(super) settled: Vec<u64>,
}

#[derive(Debug, Default)]
struct State {
    appends: VecDeque<Waiting>,
    /// Bytes put in and not yet reported as written or failed.
    unwritten: usize,
    settled: Vec<u64>,
    settle_by: Option<Instant>,
    closed: bool,
    /// How many records the writer waits for; `None` while it is not waiting. Waking it is a
    /// system call: not one for each record that it could not yet use or will find anyway.
    wanted: Option<usize>,
}

/// The writer's inbox.
#[derive(Debug)]
pub(super) struct Inbox {
    state: Mutex<State>,
    arrived: Condvar,
    linger: Duration,
    group_max: usize,
}

impl Inbox {
    /// A group never has more than one segment's worth, so that a small log does not end up in
    /// a single segment, which could not be deleted.
    pub(super) fn new(linger: Duration, segment_bytes: u64) -> Self {
        let group_max = usize::try_from(segment_bytes).unwrap_or(usize::MAX).min(GROUP_MAX);
        Self { state: Mutex::default(), arrived: Condvar::new(), linger, group_max }
    }

    /// Puts a record in unless `used` bytes of the log's `max` leave no room for it.
    pub(super) fn put(&self, waiting: Waiting, used: u64, max: u64) -> Result<(), AppendError> {
        let mut state = self.lock();
        if state.closed {
            return Err(AppendError::Closed);
        }
        let unwritten = state.unwritten + waiting.size;
        let used = used.saturating_add(u64::try_from(unwritten).unwrap_or(u64::MAX));
        if used > max {
            return Err(AppendError::Full { used, max });
        }
        if unwritten > WAITING_MAX {
            return Err(AppendError::Busy { waiting: state.unwritten });
        }
        state.unwritten = unwritten;
        state.appends.push_back(waiting);
        if state.wanted.is_some_and(|wanted| state.appends.len() >= wanted) {
            state.wanted = None;
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Notes that a record is done.
    pub(super) fn settle(&self, seq: u64) {
        let mut state = self.lock();
        state.settled.push(seq);
        let now = Instant::now();
        if state.settle_by.is_none() {
            state.settle_by = Some(now + SETTLE_DELAY);
            self.arrived.notify_one();
        } else if state.settled.len() == SETTLE_MANY {
            state.settle_by = Some(now);
            self.arrived.notify_one();
        }
    }

    /// Lets the writer run once more even if nothing arrives.
    pub(super) fn wake(&self) {
        self.lock().settle_by = Some(Instant::now());
    }

    /// Takes settlements back that could not be written.
    pub(super) fn settle_later(&self, seqs: Vec<u64>) {
        let mut state = self.lock();
        if !seqs.is_empty() && !state.closed {
            state.settled.extend(seqs);
            state.settle_by = Some(Instant::now() + SETTLE_RETRY);
        }
    }

    /// Gives the room of written or failed records back.
    pub(super) fn written(&self, bytes: usize) {
        let mut state = self.lock();
        state.unwritten = state.unwritten.saturating_sub(bytes);
    }

    /// Refuses everything from now on; what is in the inbox is still written.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    /// Waits for work and takes what has gathered; `None` once closed and empty. `expected` is
    /// how many records probably belong together: fewer are given a moment to gather.
    pub(super) fn take(&self, expected: usize) -> Option<Group> {
        let mut state = self.wait_for_work()?;
        if !state.appends.is_empty() && state.appends.len() < expected && !state.closed {
            state = self.linger(state, expected);
        }
        let mut group = Group { settled: std::mem::take(&mut state.settled), ..Group::default() };
        state.settle_by = None;
        let mut bytes = 0;
        while let Some(next) = state.appends.pop_front() {
            bytes += next.size;
            if bytes > self.group_max && !group.appends.is_empty() {
                state.appends.push_front(next);
                break;
            }
            group.appends.push(next);
        }
        Some(group)
    }

    fn wait_for_work(&self) -> Option<MutexGuard<'_, State>> {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let settle = state.settle_by.is_some_and(|by| by <= now || state.closed);
            if !state.appends.is_empty() || settle {
                return Some(state);
            }
            if state.closed {
                return None;
            }
            let most = state.settle_by.map(|by| by.saturating_duration_since(now));
            state = self.wait(state, 1, most);
        }
    }

    fn linger<'a>(&self, mut state: MutexGuard<'a, State>, n: usize) -> MutexGuard<'a, State> {
        let until = Instant::now() + self.linger;
        while state.appends.len() < n && !state.closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.wait(state, n, Some(left));
        }
        state
    }

    /// Waits until there are `wanted` records, something else is to be done, or `most` has
    /// passed; or for no reason at all, so look again.
    fn wait<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        wanted: usize,
        most: Option<Duration>,
    ) -> MutexGuard<'a, State> {
        state.wanted = Some(wanted);
        let mut state = match most {
            Some(most) => {
                let waited = self.arrived.wait_timeout(state, most);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner),
        };
        state.wanted = None;
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn put(inbox: &Inbox) {
        let reply = oneshot::channel().0;
        let waiting = Waiting { id: "evt".to_owned(), bytes: Bytes::new(), size: 100, reply };
        inbox.put(waiting, 0, u64::MAX).unwrap();
    }

    #[test]
    fn a_writer_is_woken_by_the_last_record_it_waits_for() {
        // Longer than any test: only a notice can end the wait in time.
        let inbox = Arc::new(Inbox::new(Duration::from_secs(600), 1 << 20));
        for expected in [0, 1, 2, 5] {
            let taking = Arc::clone(&inbox);
            let writer = std::thread::spawn(move || taking.take(expected).unwrap().appends.len());
            for _ in 0..expected.max(1) {
                put(&inbox);
            }
            assert_eq!(writer.join().unwrap(), expected.max(1));
        }
    }

    #[test]
    fn closing_wakes_whoever_waits_for_company() {
        let inbox = Arc::new(Inbox::new(Duration::from_secs(600), 1 << 20));
        let taking = Arc::clone(&inbox);
        let writer = std::thread::spawn(move || taking.take(100).unwrap().appends.len());
        put(&inbox);
        inbox.close();
        assert_eq!(writer.join().unwrap(), 1);
        assert!(inbox.take(0).is_none());
    }
}
