//! Comparing one page with what is on record, and applying what was missed.

use super::{Reconciler, Round, RoundError, Tally};
use crate::plan::BATCH;
use relink_core::arrears::Subject;
use relink_core::id::EventId;
use relink_core::plan::SignalResult;
use relink_core::reconcile::{Verdict, judge};
use relink_core::signal::{KnownEvent, Signal};
use relink_store::{Applied, StoreError};
use std::collections::HashMap;

impl Reconciler {
    /// Judges each signal by what is on record and applies those that were missed.
    pub(super) async fn weigh(
        &self,
        round: &Round,
        signals: Vec<Signal>,
        tally: &mut Tally,
    ) -> Result<(), RoundError> {
        let ids: Vec<EventId> = signals.iter().map(|signal| signal.event_id.clone()).collect();
        let known = self.store.known_events(&ids).await?;
        let known: HashMap<&EventId, &KnownEvent> =
            known.iter().map(|event| (&event.event_id, event)).collect();
        let mut missed = Vec::new();
        for signal in signals {
            let on_record = known.get(&signal.event_id).copied();
            match judge(&signal, on_record, round.now, self.pace.leave_to_webhook) {
                Verdict::Missed => missed.push(signal),
                Verdict::Known => tally.known += 1,
                Verdict::TooYoung => tally.waiting += 1,
                Verdict::Contradicts => contradicted(&signal, tally),
            }
        }
        self.apply(round, &missed, tally).await
    }

    /// Applies what was missed, as the planner would have.
    pub(super) async fn apply(
        &self,
        round: &Round,
        missed: &[Signal],
        tally: &mut Tally,
    ) -> Result<(), RoundError> {
        if round.dry_run {
            tally.found += u64::try_from(missed.len()).unwrap_or(u64::MAX);
            return Ok(());
        }
        for batch in missed.chunks(BATCH) {
            match self.store.apply_signals(batch).await {
                Ok(applied) => self.count(batch, &applied, tally),
                Err(StoreError::Refused(why)) => {
                    tracing::error!(%why, "a batch of listed events was refused, applying them one by one");
                    self.one_by_one(round, batch, tally).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// One bad event must not take ninety-nine good ones with it.
    async fn one_by_one(
        &self,
        round: &Round,
        batch: &[Signal],
        tally: &mut Tally,
    ) -> Result<(), RoundError> {
        for signal in batch {
            let alone = std::slice::from_ref(signal);
            match self.store.apply_signals(alone).await {
                Ok(applied) => self.count(alone, &applied, tally),
                Err(error @ StoreError::Refused(_)) => {
                    round.fails(Subject::Event(signal.event_id.clone()), &error);
                    tally.refused += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn count(&self, batch: &[Signal], applied: &[Applied], tally: &mut Tally) {
        let mut planned = 0;
        for (signal, applied) in batch.iter().zip(applied) {
            self.metrics.signal(signal.kind, applied.result);
            planned += applied.planned;
            match applied.result {
                // Its webhook came in between.
                SignalResult::Duplicate => tally.known += 1,
                SignalResult::IdReused => contradicted(signal, tally),
                SignalResult::Stale => {
                    tally.stale += 1;
                    self.found(signal, applied, tally);
                }
                SignalResult::Opened
                | SignalResult::Joined
                | SignalResult::Closed
                | SignalResult::Noted => self.found(signal, applied, tally),
            }
        }
        if planned > 0 {
            self.planned.notify_one();
        }
    }

    fn found(&self, signal: &Signal, applied: &Applied, tally: &mut Tally) {
        tally.found += 1;
        self.metrics.found.inc();
        tracing::info!(
            event.id = %signal.event_id,
            event.kind = %signal.kind,
            result = %applied.result,
            case.id = applied.case_id.map(tracing::field::display),
            planned = applied.planned,
            "missed event applied"
        );
    }
}

fn contradicted(signal: &Signal, tally: &mut Tally) {
    tally.contradicting += 1;
    tracing::error!(
        event.id = %signal.event_id,
        event.kind = %signal.kind,
        "a listed event has the id of another one on record and is not applied"
    );
}
