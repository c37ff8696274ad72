//! The story of a request: limits ▸ verify ▸ parse ▸ spool ▸ reply. Each stage is a type that
//! only the stage before can make: [`RawRequest`] ▸ [`Verified`] ▸ [`Signal`] ▸ [`Receipt`].

use crate::answer::Refusal;
use crate::callers::{Callers, Verified};
use crate::confirms::Confirms;
use crate::metrics::{Metrics, SignalResult};
use crate::request::{RawRequest, Route};
use crate::sampled::Sampled;
use crate::spool::{self, Receipt};
use crate::trace;
use hyper::body::Incoming;
use relink_cobalt::{Arrival, ParseError, Parsed, Report, parse, parse_report};
use relink_core::Timestamp;
use relink_core::fail_point::{FailPoint, reached};
use relink_core::signal::Signal;
use relink_core::trace::TraceContext;
use relink_http::Request;
use relink_queue::log::SegmentLog;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::Span;

/// With `reply_after = "broker"`: how long the confirm may take behind the fsync. Without it by
/// then the answer rests on the fsync.
const CONFIRM_GRACE: Duration = Duration::from_millis(250);

/// What every request needs.
pub(crate) struct Desk {
    pub(crate) callers: Callers,
    pub(crate) spool: SegmentLog,
    /// Set when answers wait for the broker.
    pub(crate) confirms: Option<Arc<Confirms>>,
    /// Requests between their body and their receipt.
    pub(crate) in_flight: Semaphore,
    /// In bytes.
    pub(crate) max_body: usize,
    pub(crate) fault_lines: Sampled,
    pub(crate) metrics: Metrics,
}

/// How a request ends well.
pub(crate) enum Accepted {
    /// On the disk.
    Stored(Receipt),
    /// Verified, and of no concern to us.
    NotOurs(NotOurs),
}

/// Proof that a verified request says nothing that had to be stored. Made here only.
pub(crate) struct NotOurs(());

impl Desk {
    /// Takes one request in.
    pub(crate) async fn accept(
        &self,
        route: Route,
        request: Request<Incoming>,
    ) -> Result<Accepted, Refusal> {
        let trace = trace::of_request(request.headers());
        Span::current().record("trace.id", trace.trace_id());

        let raw = RawRequest::read(route, request, self.max_body).await?;
        // Only now: a sender that dribbles must not use up what good requests need.
        let in_flight = self.in_flight.try_acquire().map_err(|_| Refusal::Busy)?;
        let now = Timestamp::now();
        let verified = self.callers.verify(route, raw, now)?;
        let signal = match self.read(&verified, now, trace)? {
            Some(signal) => signal,
            None => return Ok(Accepted::NotOurs(NotOurs(()))),
        };

        let kind = signal.kind;
        let stored = spool::store(&self.spool, signal).await;
        let result = if stored.is_ok() { SignalResult::Accepted } else { SignalResult::NotStored };
        self.metrics.signal(kind.as_str(), result);
        let receipt = stored?;
        reached(FailPoint::AfterSpoolFsync);
        // The wait below holds nothing that another request needs.
        drop(in_flight);

        if let Some(confirms) = &self.confirms {
            // In time or not, the receipt stands.
            let _ = timeout(CONFIRM_GRACE, confirms.confirmed(receipt.seq())).await;
        }
        tracing::debug!("stored");
        Ok(Accepted::Stored(receipt))
    }

    /// What a verified request says; `None` when it is not about us.
    fn read(
        &self,
        verified: &Verified,
        received_at: Timestamp,
        trace: TraceContext,
    ) -> Result<Option<Signal>, Refusal> {
        let signal = match verified {
            Verified::Webhook { request, webhook_id, first_arrival } => {
                let webhook_id = webhook_id.as_deref();
                let received_at = first_arrival.map_or(received_at, |first| first.min(received_at));
                let arrival = Arrival { received_at, trace: Some(trace), webhook_id };
                self.webhook_signal(parse(request, arrival))
            }
            Verified::Report(report) => {
                self.report_signal(parse_report(report.body(), received_at, Some(trace)))
            }
        }
        .map_err(|error| {
            self.metrics.signal("other", SignalResult::Malformed);
            // Its sender is proven, so this is news that is lost unless somebody looks.
            tracing::warn!(%error, "a verified request cannot be read");
            Refusal::Malformed(error.to_string())
        })?;
        if let Some(signal) = &signal {
            let span = Span::current();
            span.record("event.id", signal.event_id.as_str());
            span.record("event.kind", signal.kind.as_str());
        }
        Ok(signal)
    }

    fn webhook_signal(
        &self,
        parsed: Result<Parsed, ParseError>,
    ) -> Result<Option<Signal>, ParseError> {
        match parsed? {
            Parsed::Ours(reading) => {
                for oddity in reading.oddities {
                    self.metrics.oddity(oddity.as_str());
                    tracing::debug!(event.id = %reading.signal.event_id, oddity = oddity.as_str(), "odd");
                }
                Ok(Some(reading.signal))
            }
            Parsed::Ignored { event_type } => {
                self.metrics.signal(family(&event_type), SignalResult::Ignored);
                Ok(None)
            }
        }
    }

    fn report_signal(
        &self,
        report: Result<Report, ParseError>,
    ) -> Result<Option<Signal>, ParseError> {
        match report? {
            Report::LoginRequired(signal) => Ok(Some(*signal)),
            Report::SomethingElse => {
                self.metrics.signal("other", SignalResult::Ignored);
                Ok(None)
            }
        }
    }
}

/// The families of event types that are told apart in the count of what is not ours. A new
/// member of `access_token` deserves a look: it is about accounts.
fn family(event_type: &str) -> &'static str {
    match event_type.split('.').next() {
        Some("access_token") => "access_token",
        Some("appointment") => "appointment",
        Some("note") => "note",
        Some("patient") => "patient",
        Some(_) | None => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_is_counted_under_few_names() {
        for (event_type, expected) in [
            ("access_token.repaired", "access_token"),
            ("appointment.created", "appointment"),
            ("patient.insurance.added", "patient"),
            ("note", "note"),
            ("", "other"),
            ("appointments.x", "other"),
            ("made.up.by.a.sender", "other"),
        ] {
            assert_eq!(family(event_type), expected);
        }
    }
}
