//! The choices of a run: one word each, drawn from the seed. A word means the same wherever it
//! stands, so that a tape can be cut and played again.

use fastrand::Rng;

/// Who moves next, or what goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    Courier,
    Planner,
    Scheduler,
    Forwarder,
    Upkeep,
    Provider,
    Signal,
    PutAccount,
    Operator,
    DeleteAccount,
    TimePasses,
    NextMoment,
    Crash,
    ClockBack,
    ClockLeap,
    Redeliver,
    Duplicate,
    Purge,
    NewRules,
}

/// Each with its usual share, and whether a run may do without it or do it all the time.
const SHARES: [(Choice, u32, bool); 19] = [
    (Choice::Courier, 1000, false),
    (Choice::Planner, 60, false),
    (Choice::Scheduler, 250, false),
    (Choice::Forwarder, 40, false),
    (Choice::Upkeep, 15, false),
    (Choice::NextMoment, 120, false),
    (Choice::Signal, 8, false),
    (Choice::PutAccount, 4, true),
    (Choice::TimePasses, 8, true),
    (Choice::Provider, 80, true),
    (Choice::Operator, 12, true),
    (Choice::DeleteAccount, 2, true),
    (Choice::Crash, 30, true),
    (Choice::ClockBack, 4, true),
    (Choice::ClockLeap, 3, true),
    (Choice::Redeliver, 10, true),
    (Choice::Duplicate, 10, true),
    (Choice::Purge, 4, true),
    (Choice::NewRules, 2, true),
];

impl Choice {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Courier => "courier steps",
            Self::Planner => "planner steps",
            Self::Scheduler => "scheduler steps",
            Self::Forwarder => "forwarder steps",
            Self::Upkeep => "upkeep expires cases",
            Self::Provider => "provider goes on",
            Self::Signal => "signal comes in",
            Self::PutAccount => "account put",
            Self::Operator => "operator acts",
            Self::DeleteAccount => "account deleted",
            Self::TimePasses => "time passes",
            Self::NextMoment => "next moment comes",
            Self::Crash => "worker killed",
            Self::ClockBack => "clock set back",
            Self::ClockLeap => "clock leaps ahead",
            Self::Redeliver => "message given back in use",
            Self::Duplicate => "message duplicated",
            Self::Purge => "send queue purged",
            Self::NewRules => "rules changed",
        }
    }
}

/// How the provider mostly answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Temper {
    Mixed,
    /// Not now, again and again.
    PutsOff,
    /// Nothing at all.
    Silent,
}

/// What one run is like. Runs differ, because faults that come all the time hide each other.
#[derive(Debug, Clone)]
pub(super) struct Moods {
    shares: Vec<(Choice, u32)>,
    total: u32,
    /// Of 256 calls, how many fail.
    pub(super) down: u8,
    /// Of 256 calls, how many are done and not answered.
    pub(super) lost: u8,
    pub(super) temper: Temper,
}

impl Moods {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let shares: Vec<(Choice, u32)> = SHARES
            .iter()
            .map(|(choice, share, free)| {
                let times = if *free { [0, 1, 1, 3][rng.usize(..4)] } else { 1 };
                (*choice, share * times)
            })
            .collect();
        let total = shares.iter().map(|(_, share)| share).sum();
        let down = [0, 8, 60][rng.usize(..3)];
        let lost = [0, 8, 40][rng.usize(..3)];
        let temper =
            [Temper::Mixed, Temper::Mixed, Temper::PutsOff, Temper::Silent][rng.usize(..4)];
        Self { shares, total, down, lost, temper }
    }

    pub(super) fn choose(&self, rng: &mut Rng) -> Choice {
        let mut at = rng.u32(..self.total);
        for (choice, share) in &self.shares {
            match at.checked_sub(*share) {
                None => return *choice,
                Some(rest) => at = rest,
            }
        }
        Choice::Courier
    }
}

/// The words of a run.
pub(super) fn tape(seed: u64, steps: usize) -> Vec<u64> {
    // Another stream than the one the run's mood is drawn from.
    let mut rng = Rng::with_seed(!seed);
    (0..steps).map(|_| rng.u64(..)).collect()
}

/// The shortest tape found that still fails: leaves out ever smaller pieces for as long as that
/// helps (delta debugging), within `tries` runs.
pub(super) fn shrink(
    tape: &[u64],
    mut tries: usize,
    mut fails: impl FnMut(&[u64]) -> bool,
) -> Vec<u64> {
    let mut best = tape.to_vec();
    let mut piece = best.len().div_ceil(2);
    while piece > 0 {
        let (mut at, mut shorter) = (0, false);
        while at < best.len() && tries > 0 {
            let end = best.len().min(at + piece);
            let without: Vec<u64> = [&best[..at], &best[end..]].concat();
            tries -= 1;
            if fails(&without) {
                (best, shorter) = (without, true);
            } else {
                at += piece;
            }
        }
        if !shorter || piece > 1 {
            piece /= 2;
        }
    }
    best
}
