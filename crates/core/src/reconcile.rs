//! What comparing our records with Cobalt's list decides: how far back to look, when the next
//! round is due, what an event of the list is to us, and whether Cobalt's refusal to list an
//! account's events is news.

use crate::case::{Case, CloseReason};
use crate::id::{AccountRef, EventId, InvalidValue};
use crate::seal::sha256_hex;
use crate::signal::{KnownEvent, LISTED, Signal, SignalKind, SignalSource};
use crate::time::{after, earlier, since, to_millis, whole_millis};
use jiff::Timestamp;
use std::time::Duration;

/// How far before the last complete round each round looks. Cobalt filters by whole days, and
/// neither its clock nor its time zone is known for certain.
pub const OVERLAP: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// How long an event is left to its webhook, which may be on its way: Cobalt gives up after 8 s,
/// and a receiver that was cut off from the queue hands over later.
pub const LEFT_TO_WEBHOOK: Duration = Duration::from_secs(120);

/// How long Cobalt may take to notice a repair before its refusal is believed again.
pub const REPAIR_SETTLES: Duration = Duration::from_secs(10 * 60);

/// The wait after the first round that failed; doubles with each.
const FIRST_WAIT: Duration = Duration::from_secs(15);

/// From when on to look: the mark of the last complete round less [`OVERLAP`], or `first` before
/// now when there was none. A mark of the future is one from before the clock was set back.
pub fn window_start(mark: Option<Timestamp>, now: Timestamp, first: Duration) -> Timestamp {
    mark.map_or_else(|| earlier(now, first), |mark| earlier(mark.min(now), OVERLAP))
}

/// How long until the next round: none once the last complete one began `every` ago, or before
/// this process came up, since nobody knows what it missed while it was down, or in a future that
/// a clock set back has taken away.
pub fn due_in(
    mark: Option<Timestamp>,
    up_since: Timestamp,
    now: Timestamp,
    every: Duration,
) -> Duration {
    match mark {
        Some(mark) if mark >= up_since && mark <= now => since(now, after(mark, every)).min(every),
        Some(_) | None => Duration::ZERO,
    }
}

/// The wait after `failures` rounds in a row that failed: 15 s doubling up to `every`, less up
/// to a half by `jitter` (0.0 to 1.0), so that a fleet does not return in step.
pub fn wait_after_failures(failures: u32, every: Duration, jitter: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let wait = FIRST_WAIT.saturating_mul(1 << doublings).min(every);
    wait.mul_f64(1.0 - 0.5 * jitter.clamp(0.0, 1.0))
}

/// What an event of the list is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was missed: to be applied.
    Missed,
    /// It is on record.
    Known,
    /// Its id is on record for another event: nothing is done but tell.
    Contradicts,
    /// Its webhook may be on its way.
    TooYoung,
}

/// Judges a listed event by what is on record under its id. `leave` is how long an event is
/// left to its webhook.
pub fn judge(
    signal: &Signal,
    known: Option<&KnownEvent>,
    now: Timestamp,
    leave: Duration,
) -> Verdict {
    match known {
        Some(known) if known.contradicts(signal) => Verdict::Contradicts,
        Some(_) => Verdict::Known,
        None if since(signal.occurred_at, now) < leave => Verdict::TooYoung,
        None => Verdict::Missed,
    }
}

/// Whether Cobalt's `login_required` in answer to a call for an account is news. `last` is the
/// account's latest case. Not while that is open, and not right after a repair. A case that an
/// operator closed, or that expired, has mended nothing: until it would have expired by itself the
/// account rests, or each round would open the case again; after that it is told of once more, as
/// Cobalt's next webhook about it would be, and so once in every [`crate::policy::Policy::expire`].
pub fn refusal_is_news(last: Option<&Case>, now: Timestamp) -> bool {
    let Some(case) = last else { return true };
    match (case.closed_at, case.close_reason) {
        (None, _) => false,
        // Told now, it would be on record as old news, and never be told again.
        (Some(closed), _) if closed >= now => false,
        (Some(closed), Some(CloseReason::Repaired)) => since(closed, now) >= REPAIR_SETTLES,
        (Some(_), Some(CloseReason::AccountDeleted)) => true,
        (Some(_), Some(CloseReason::Operator | CloseReason::Expired) | None) => {
            now >= case.expires_at
        }
    }
}

/// The signal that a refusal amounts to. Its id is the same until the account's next case ends,
/// so that two workers that meet it tell it once.
///
/// # Errors
/// Never in practice: a hash is an id.
pub fn signal_of_refusal(
    account_ref: &AccountRef,
    last: Option<&Case>,
    now: Timestamp,
) -> Result<Signal, InvalidValue> {
    let closed = last.and_then(|case| case.closed_at).map_or(0, to_millis);
    let unique = sha256_hex(format!("{account_ref}/{closed}").as_bytes());
    Ok(Signal {
        event_id: EventId::parse(&format!("refused:{unique}"))?,
        account_ref: account_ref.clone(),
        kind: SignalKind::LoginRequired,
        source: SignalSource::Reconcile,
        occurred_at: whole_millis(now),
        received_at: whole_millis(now),
        emr_instance_domain: None,
        error_type: None,
        digest: LISTED.to_owned(),
        trace: None,
    })
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
