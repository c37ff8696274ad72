//! A channel that is switched off. Its worker still runs, so that the gate ends what was planned
//! before with a reason; nothing is ever handed to this sender, and it would send nothing.

use relink_core::Timestamp;
use relink_core::account::Channel;
use relink_core::attempt::{Outcome, Reason};
use relink_core::sender::{LookUp, MessageOrder, Sender, Sent};

/// Stands in for the provider of a channel.
pub(crate) struct SwitchedOff(pub(crate) Channel);

#[async_trait::async_trait]
impl Sender for SwitchedOff {
    fn channel(&self) -> Channel {
        self.0
    }

    async fn send(&self, _order: &MessageOrder) -> Sent {
        Outcome::Rejected { reason: Reason::NoUsableChannel }.into()
    }

    /// An attempt from before it was switched off may still be in doubt.
    async fn look_up(&self, _order: &MessageOrder, _since: Timestamp) -> LookUp {
        LookUp::Unavailable { reason: Reason::NoUsableChannel }
    }
}
