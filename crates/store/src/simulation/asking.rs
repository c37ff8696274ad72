//! What becomes of an answer of Cobalt, or of its absence: a case is closed by a proof, a message is
//! put off. As one transaction each over the rows in memory.

use super::courier::{Hand, Message};
use super::ledger::Ledger;
use super::mirror::Op;
use super::people;
use super::promises::{Broken, promise};
use super::transactions::Terms;
use super::world::World;
use crate::changes::{PutOffSnapshot, proven_changes, put_off_changes};
use crate::{PROOF_HOLDS, Proof, Proven, PutOff, PutOffRequest};
use fastrand::Rng;
use relink_core::Timestamp;
use relink_core::attempt::Reason;
use relink_core::case::Case;
use relink_core::id::NotificationId;
use relink_core::notification::NonSend;
use relink_core::time::earlier;
use relink_core::visit::Way;

impl Ledger {
    pub(super) fn prove(&mut self, proof: &Proof, now: Timestamp) -> Result<Proven, Broken> {
        let case = self.case(proof.case_id).map(|stored| stored.case.clone());
        let notifications = self.notifications_of(proof.case_id);
        let (proven, writes) = proven_changes(proof, case.as_ref(), &notifications, now);
        self.commit(writes)?;
        if let Proven::Closed(closed) = &proven {
            promise!(closed.signals == proof.signals, "{} was closed by an old answer", closed.id);
        }
        self.note(now, || Op::Prove(proof.clone(), proven.clone()));
        Ok(proven)
    }

    pub(super) fn put_off(
        &mut self,
        request: &PutOffRequest,
        terms: &Terms,
    ) -> Result<PutOff, Broken> {
        let id = request.notification_id;
        let Some(begin) = self.begin_snapshot(id)? else { return Ok(PutOff::NotNow) };
        let (before, said_at) = (begin.notification.notification.clone(), self.said_at(id));
        let snapshot = PutOffSnapshot { begin, said_at };
        let (put_off, writes) = put_off_changes(request, snapshot, &terms.rules, terms.now);
        self.commit(writes)?;
        if let (PutOff::Waits { until, .. }, Some(stored)) = (&put_off, self.notification(id)) {
            let row = &stored.notification;
            promise!(*until > terms.now, "{id} waits for no time");
            promise!(row.attempts == before.attempts, "putting {id} off began an attempt");
            promise!(row.spent == before.spent, "putting {id} off spent a try");
            promise!(self.said_at(id).is_some(), "{id} waits and nobody is told");
        }
        self.note(terms.now, || Op::PutOff(request.clone(), put_off.clone()));
        Ok(put_off)
    }

    /// `put_off_said.sql`.
    fn said_at(&self, id: NotificationId) -> Option<Timestamp> {
        let rows = self.non_sends.iter().map(|(_, row)| row).filter(|row| {
            row.notification_id == Some(id)
                && (row.decision, row.reason) == (NonSend::Deferred, Reason::HealthUnknown)
        });
        rows.map(|row| row.at).max()
    }
}

impl World {
    /// Cobalt says that an account works; now and then its answer is older than the last signal.
    pub(super) fn cobalt_proves(&mut self, case: &Case, rng: &mut Rng) -> Result<bool, Broken> {
        let old = u32::from(rng.u8(..3) == 0);
        let proof = Proof {
            case_id: case.id,
            signals: case.signals.saturating_sub(old),
            way: Way::Recheck,
            notification_id: None,
            asked_at: earlier(self.terms.now, PROOF_HOLDS * u32::from(rng.u8(..4) == 0) * 2),
        };
        let proven = self.ledger.prove(&proof, self.terms.now)?;
        self.seen(
            "proof",
            match proven {
                Proven::Closed(_) => "closed",
                Proven::Overtaken => "overtaken",
                Proven::TooOld => "too old",
                Proven::NotOpen => "not open",
            },
        );
        Ok(matches!(proven, Proven::Closed(_)))
    }

    /// Cobalt cannot say how the account is. `None` when the message goes to its gate.
    pub(super) fn cobalt_is_silent(
        &mut self,
        message: &Message,
        rng: &mut Rng,
    ) -> Result<Option<Hand>, Broken> {
        let request = PutOffRequest {
            notification_id: message.body,
            patience: people::MINUTE * 40,
            jitter: rng.f64(),
        };
        let put_off = self.ledger.put_off(&request, &self.terms)?;
        self.after_commit();
        self.say(|| format!("{} is put off: {put_off:?}", message.body));
        let (what, later) = match put_off {
            PutOff::Waits { first: true, .. } => ("waits", true),
            PutOff::Waits { first: false, .. } => ("waits on", true),
            PutOff::NotNow => ("not now", true),
            PutOff::PatienceOver => ("patience over", false),
            PutOff::LeftToGate => ("left to gate", false),
        };
        self.seen("put off", what);
        Ok(later.then(|| Hand::Done(message.clone(), None)))
    }
}
