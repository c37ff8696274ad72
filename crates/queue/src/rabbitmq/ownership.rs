//! A claim that at most one process has: an exclusive queue, which the broker gives to one
//! connection of the whole cluster and takes back when that ends. Says who may work; guards no
//! data by itself, since a cut connection is noticed only after a while.

use super::link::{Dialer, HEARTBEAT, Link};
use crate::QueueError;
use std::time::Duration;

/// How long the broker may take an owner for alive that is gone without a word: it looks once in
/// each heartbeat, and gives a peer up at the second look in a row that finds nothing new.
pub const GHOST: Duration = Duration::from_secs(3 * HEARTBEAT as u64);

/// Between two looks whether the claim still holds.
const EVERY: Duration = Duration::from_secs(3);

/// Something that is owned.
pub struct Ownership {
    link: Link,
    queue: String,
}

impl Ownership {
    pub(super) async fn claim(dialer: &Dialer, what: &str) -> Result<Self, QueueError> {
        let link = dialer.dial(&format!("own {what}")).await?;
        let queue = dialer.topology.owner_queue(what);
        link.declare_owned(&queue).await?;
        Ok(Self { link, queue })
    }

    /// Returns when the claim may have been lost, with what is known of it.
    pub async fn lost(self) -> QueueError {
        loop {
            tokio::time::sleep(EVERY).await;
            if let Err(error) = self.link.declare_owned(&self.queue).await {
                return error;
            }
        }
    }
}
