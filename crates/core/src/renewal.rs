//! A new link for somebody whose link has ended: which message carries it, and the fact that
//! opens a case for it when the account has none. A link may be found by somebody else, or by a
//! program that presses every button, so new ones are few and far between.

use crate::id::{AccountRef, EventId, InvalidValue, NotificationId, StepId};
use crate::seal::sha256_hex;
use crate::signal::{Signal, SignalKind, SignalSource};
use crate::time::{after, to_millis};
use jiff::Timestamp;
use std::time::Duration;

/// What the step of every message that carries a new link starts with. No step of a policy may.
pub const RENEWED_STEP: &str = "renewed";

/// New links sent for one case at most.
pub const MAX_RENEWALS: usize = 3;

/// From one new link of a case to the next at least. Mail takes minutes, and people press again.
pub const RENEWAL_WAIT: Duration = Duration::from_secs(10 * 60);

/// Whether a case gets another new link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextRenewal {
    /// Under this step.
    Plan(StepId),
    /// The last one was planned less than [`RENEWAL_WAIT`] ago.
    TooSoon,
    /// There were [`MAX_RENEWALS`].
    UsedUp,
}

/// Decides from what the case has planned so far, each with its moment.
///
/// # Errors
/// The step cannot be named, which no number of renewals can cause.
pub fn next_renewal<'a>(
    planned: impl Iterator<Item = (&'a StepId, Timestamp)>,
    now: Timestamp,
) -> Result<NextRenewal, InvalidValue> {
    let renewed: Vec<(&StepId, Timestamp)> = planned
        .filter(|(step, _)| is_renewal(step))
        // What an operator had replayed is no link that a person asked for.
        .filter(|(step, _)| step.policy_step() == step.as_str())
        .collect();
    if renewed.iter().any(|(_, at)| after(*at, RENEWAL_WAIT) > now) {
        return Ok(NextRenewal::TooSoon);
    }
    if renewed.len() >= MAX_RENEWALS {
        return Ok(NextRenewal::UsedUp);
    }
    StepId::parse(&format!("{RENEWED_STEP}-{}", renewed.len() + 1)).map(NextRenewal::Plan)
}

/// Whether `step` is one of these.
pub fn is_renewal(step: &StepId) -> bool {
    step.as_str().starts_with(RENEWED_STEP)
}

/// What somebody says who asks for a new link while their account has no open case. The same
/// link says it once an hour at most, however often it is pressed.
///
/// # Errors
/// The event cannot be named, which no id can cause.
pub fn asked_for(
    link: NotificationId,
    account_ref: &AccountRef,
    kind: SignalKind,
    now: Timestamp,
) -> Result<Signal, InvalidValue> {
    const HOUR_MS: i64 = 60 * 60 * 1000;
    let name = format!("renewed {link} {}", to_millis(now).div_euclid(HOUR_MS));
    Ok(Signal {
        event_id: EventId::parse(&name)?,
        account_ref: account_ref.clone(),
        kind,
        source: SignalSource::Person,
        occurred_at: now,
        received_at: now,
        emr_instance_domain: None,
        error_type: None,
        digest: sha256_hex(name.as_bytes()),
        trace: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::from_millis;

    const NOW: i64 = 1_767_225_600_000;
    const MINUTE: i64 = 60_000;

    fn next(planned: &[(&str, i64)]) -> NextRenewal {
        let planned: Vec<(StepId, Timestamp)> = planned
            .iter()
            .map(|(step, minutes)| {
                (StepId::parse(step).unwrap(), from_millis(NOW + minutes * MINUTE))
            })
            .collect();
        let planned = planned.iter().map(|(step, at)| (step, *at));
        next_renewal(planned, from_millis(NOW)).unwrap()
    }

    fn plan(step: &str) -> NextRenewal {
        NextRenewal::Plan(StepId::parse(step).unwrap())
    }

    #[test]
    fn new_links_are_few_and_far_between() {
        let table: [(&[(&str, i64)], NextRenewal); 8] = [
            (&[], plan("renewed-1")),
            (&[("first", 0), ("nudge", 60)], plan("renewed-1")),
            (&[("renewed-1", -10)], plan("renewed-2")),
            (&[("renewed-1", -9)], NextRenewal::TooSoon),
            (&[("renewed-1", -30), ("renewed-2", -9)], NextRenewal::TooSoon),
            (&[("renewed-1", -30), ("renewed-2", -20)], plan("renewed-3")),
            (&[("renewed-1", -30), ("renewed-1#replay1", 0)], plan("renewed-2")),
            (&[("renewed-1", -30), ("renewed-2", -20), ("renewed-3", -10)], NextRenewal::UsedUp),
        ];
        for (planned, expected) in table {
            assert_eq!(next(planned), expected, "{planned:?}");
        }
    }

    #[test]
    fn a_link_speaks_once_an_hour() {
        let link: NotificationId = "2639c97f-0d8e-56e7-a3f0-48f01b3f9f71".parse().unwrap();
        let account = AccountRef::parse("acc").unwrap();
        let at = |minutes: i64| {
            let now = from_millis(NOW + minutes * MINUTE);
            asked_for(link, &account, SignalKind::LoginRequired, now).unwrap()
        };
        assert_eq!(at(0).event_id, at(59).event_id);
        assert_eq!(at(0).digest, at(59).digest);
        assert_ne!(at(0).event_id, at(60).event_id);
        assert_eq!(at(0).source, SignalSource::Person);
    }
}
