//! Before a message goes to its gate: does the account still need its person? Cobalt tells nobody
//! of a repair, so it is asked, and a message nobody needs any more is never sent.
//!
//! What is read here is old by the time Cobalt has answered, and no transaction is held over a call:
//! the gate reads again what it decides by, so that a repair that commits meanwhile still wins.

use crate::deliver::Courier;
use crate::patience::{GaveUp, Until, jitter, patiently};
use crate::probe::{Health, Prober};
use relink_core::attempt::Reason;
use relink_core::gate::GateSnapshot;
use relink_core::id::NotificationId;
use relink_core::probe::{BeforeSend, ProbeWhen, before_send};
use relink_core::visit::Way;
use relink_store::{Door, Proof, Proven, PutOff, PutOffRequest, StoreError, WayBack};
use tokio_util::sync::CancellationToken;

/// What a message does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// It goes to its gate.
    Gate,
    /// It waits for its next moment: the queue may forget it.
    Later,
}

impl Courier {
    /// Asks Cobalt about the account, where that can show anything: a case whose account works is
    /// closed, and without an answer the message is put off.
    pub(crate) async fn ask_first(
        &self,
        id: NotificationId,
        stop: &CancellationToken,
    ) -> Result<Next, GaveUp> {
        let Some(prober) = &self.prober else { return Ok(Next::Gate) };
        let until = Until::Stop(stop.clone());
        let way_back = patiently("read what is to be sent", &until, || async {
            // What is known of an attempt must be on record before anybody calls it a doubt.
            self.clear_outcomes(stop).await?;
            self.store.way_back(&Door::Notification(id)).await
        })
        .await?;
        let Some(way_back) = way_back else { return Ok(Next::Gate) };
        match asks(prober, &way_back) {
            BeforeSend::LeaveToGate => return Ok(Next::Gate),
            BeforeSend::Skip => {
                prober.skipped(ProbeWhen::BeforeSend);
                return Ok(Next::Gate);
            }
            BeforeSend::Ask => {}
        }
        match prober.ask(ProbeWhen::BeforeSend, way_back.account.as_ref()).await {
            Health::LoginRequired => Ok(Next::Gate),
            Health::Healthy => {
                let proof = Proof {
                    case_id: way_back.case.id,
                    signals: way_back.case.signals,
                    way: Way::BeforeSend,
                    notification_id: Some(id),
                    asked_at: way_back.now,
                };
                let close = || self.store.close_proven(&proof);
                let proven = patiently("close a case that is proven", &until, close).await?;
                self.metrics.proven(&proven);
                match proven {
                    // Overtaken by news of a break, it is broken; closed, the gate says so.
                    Proven::Closed(_) | Proven::Overtaken | Proven::NotOpen => Ok(Next::Gate),
                    // The store took so long that the answer is none any more: the row brings the
                    // message back within minutes, and Cobalt is asked again.
                    Proven::TooOld => Ok(Next::Later),
                }
            }
            Health::Unknown => {
                let request = PutOffRequest {
                    notification_id: id,
                    patience: prober.patience,
                    jitter: jitter(),
                };
                let put_off = || self.store.put_off(&request);
                Ok(self.after(id, patiently("put a message off", &until, put_off).await?))
            }
        }
    }

    pub(crate) async fn clear_outcomes(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        match &self.outcomes {
            Some(outcomes) => outcomes.clear(stop).await,
            None => Ok(()),
        }
    }

    fn after(&self, id: NotificationId, put_off: PutOff) -> Next {
        match put_off {
            PutOff::Waits { step, state, until, first } => {
                if first {
                    let reason = Reason::HealthUnknown;
                    tracing::info!(
                        notification.id = %id, %step, %until, %reason,
                        "put off: Cobalt cannot say whether the account works"
                    );
                    self.metrics.notification(self.sender.channel(), &step, state, reason);
                }
                Next::Later
            }
            PutOff::PatienceOver => {
                tracing::warn!(
                    notification.id = %id,
                    "Cobalt could not say for too long whether the account works: the message \
                     goes on without its answer"
                );
                Next::Gate
            }
            PutOff::NotNow => Next::Later,
            PutOff::LeftToGate => Next::Gate,
        }
    }
}

fn asks(prober: &Prober, way_back: &WayBack) -> BeforeSend {
    let Some(notification) = way_back.notification.clone() else { return BeforeSend::LeaveToGate };
    let snapshot = GateSnapshot {
        notification,
        case: way_back.case.clone(),
        contact: way_back.contact.clone(),
    };
    before_send(&snapshot, &prober.rules, way_back.now)
}

impl crate::Metrics {
    /// How long the person took, if the proof closed their case.
    pub(crate) fn proven(&self, proven: &Proven) {
        if let Proven::Closed(case) = proven {
            tracing::info!(case.id = %case.id, "the account works: the case is closed");
            if let Some(closed_at) = case.closed_at {
                let took = relink_core::time::since(case.opened_at, closed_at);
                self.relinked_after(took.as_secs_f64());
            }
        }
    }
}
