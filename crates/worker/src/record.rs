//! What became of an attempt, on record. The store is asked first; while it does not take it, the
//! outcome is kept on this machine's disk, and without one in memory.

use crate::deliver::Courier;
use crate::patience::{GaveUp, Until, is_worth_waiting_for, jitter, patiently};
use relink_core::attempt::{Outcome, OutcomeKind};
use relink_core::fail_point::{FailPoint, reached};
use relink_core::sender::Sent;
use relink_core::wire::{OutcomeMessage, VERSION};
use relink_store::{FinishRequest, Finished, OpenAttempt, StoreError};
use std::time::Duration;

/// How long what cannot be kept on disk is kept in memory while the store is down. After that the
/// attempt is in doubt, and the doubt's rules apply.
pub(crate) const RECORD_PATIENCE: Duration = Duration::from_secs(600);

impl Courier {
    pub(crate) async fn record(&self, attempt: &OpenAttempt, sent: Sent, took: Duration) {
        let channel = attempt.snapshot.notification.channel;
        let (outcome, reason) = (sent.outcome.kind(), sent.outcome.reason());
        tracing::info!(
            %outcome,
            %reason,
            provider.code = sent.provider_code,
            duration_ms = millis(took),
            "attempt ended"
        );
        self.metrics.attempt(channel, outcome, reason);
        reached(FailPoint::OutcomeCommit);
        let message = message(attempt, sent, took);
        let request = finish_request(&message);
        let recorded = match self.grouped.finish_one(request.clone()).await {
            Ok(finished) => Ok(finished),
            // Nothing to wait for, and nothing that it could ever belong to.
            Err(error @ StoreError::NeverBegun(_)) => Err(GaveUp::Refused(error)),
            Err(error) if self.is_kept(&message, &error).await => return,
            Err(error) if is_worth_waiting_for(&error) => {
                let until = Until::Elapsed(RECORD_PATIENCE);
                let finish = || self.grouped.finish_one(request.clone());
                patiently("record an outcome", &until, finish).await
            }
            Err(error) => Err(GaveUp::Refused(error)),
        };
        if let Ok(finished) = &recorded {
            self.metrics.told(&message, finished);
        }
        self.note(attempt, recorded);
    }

    /// Whether the outcome is safe on this machine's disk.
    async fn is_kept(&self, message: &OutcomeMessage, why: &StoreError) -> bool {
        match &self.outcomes {
            Some(outcomes) => outcomes.keep(message, why).await,
            None => false,
        }
    }

    pub(crate) fn note(&self, attempt: &OpenAttempt, recorded: Result<Finished, GaveUp>) {
        let notification = &attempt.snapshot.notification;
        match recorded {
            Ok(Finished::Recorded { state, reason, .. }) => {
                self.metrics.notification(notification.channel, &notification.step, state, reason);
            }
            Ok(Finished::Late) => {
                tracing::warn!("another worker had taken over; the outcome is kept on its attempt");
            }
            Err(GaveUp::OutOfTime(error) | GaveUp::Refused(error)) => {
                tracing::error!(%error, "the outcome could not be recorded; the attempt is in doubt now");
            }
        }
    }
}

impl crate::Metrics {
    /// How long the person waited, if this outcome ends the waiting.
    pub(crate) fn told(&self, message: &OutcomeMessage, finished: &Finished) {
        if let Finished::Recorded { case_age, .. } = finished
            && message.outcome == OutcomeKind::Accepted
            && !message.reminder
        {
            self.accepted_after(case_age.as_secs_f64());
        }
    }
}

fn message(attempt: &OpenAttempt, sent: Sent, took: Duration) -> OutcomeMessage {
    let notification = &attempt.snapshot.notification;
    let retry_after = match &sent.outcome {
        Outcome::Deferred { retry_after, .. } => *retry_after,
        Outcome::Accepted | Outcome::Rejected { .. } | Outcome::Unknown { .. } => None,
    };
    OutcomeMessage {
        v: VERSION,
        notification_id: notification.id,
        number: attempt.number,
        fence: notification.fence,
        channel: notification.channel,
        step: notification.step.clone(),
        reminder: attempt.reminder,
        outcome: sent.outcome.kind(),
        reason: sent.outcome.reason(),
        retry_after_ms: retry_after.map(millis),
        provider_message_id: sent.provider_message_id,
        provider_code: sent.provider_code,
        took_ms: millis(took),
    }
}

/// What the store is asked to record.
pub(crate) fn finish_request(message: &OutcomeMessage) -> FinishRequest {
    FinishRequest {
        notification_id: message.notification_id,
        number: message.number,
        fence: message.fence,
        sent: message.sent(),
        took: Duration::from_millis(message.took_ms),
        jitter: jitter(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
