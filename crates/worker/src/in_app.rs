//! The channel `in_app`: the customer's app is told of a case. There is nothing to hand over, since
//! the feed is the store itself: a case is shown as announced from the moment its notification is
//! recorded as sent. It goes through the same gate, the same attempt row and the same outcome as a
//! message all the same, so that one policy holds for all channels and one timeline shows them.

use relink_core::Timestamp;
use relink_core::account::Channel;
use relink_core::attempt::Outcome;
use relink_core::sender::{LookUp, MessageOrder, Sender, Sent};

/// Tellings at once. Nobody is waited for, so this only bounds how much is in hand.
pub const AT_ONCE: usize = 16;

/// What tells the app.
#[derive(Debug, Clone, Copy, Default)]
pub struct InAppSender;

#[async_trait::async_trait]
impl Sender for InAppSender {
    fn channel(&self) -> Channel {
        Channel::InApp
    }

    /// Always accepted: the record of it is what the feed reads.
    async fn send(&self, _order: &MessageOrder) -> Sent {
        Outcome::Accepted.into()
    }

    /// Nothing was handed over that could have been lost on the way, so it counts as not there: it
    /// is told again, which shows nobody anything twice.
    async fn look_up(&self, _order: &MessageOrder, _since: Timestamp) -> LookUp {
        LookUp::Absent
    }
}
