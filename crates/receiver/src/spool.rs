//! The hand-over to the disk. A [`Receipt`] can only be made here, from the log's own proof
//! that the record is on stable storage.

use relink_core::id::EventId;
use relink_core::signal::Signal;
use relink_core::wire::SignalMessage;
use relink_queue::log::{self, AppendError, SegmentLog};

/// Proof that an event is on the disk; what a 202 is made from.
#[derive(Debug)]
pub(crate) struct Receipt {
    event_id: EventId,
    proof: log::Receipt,
}

impl Receipt {
    pub(crate) fn event_id(&self) -> &EventId {
        &self.event_id
    }

    /// Its place in the spool.
    pub(crate) fn seq(&self) -> u64 {
        self.proof.seq()
    }
}

/// Stores a signal. It is queued for the disk at once; waiting for the receipt can be given up
/// without giving up the write.
pub(crate) async fn store(spool: &SegmentLog, signal: Signal) -> Result<Receipt, AppendError> {
    let bytes = SignalMessage::encode(&signal).into();
    let proof = spool.append(signal.event_id.as_str(), bytes).await?;
    Ok(Receipt { event_id: signal.event_id, proof })
}
