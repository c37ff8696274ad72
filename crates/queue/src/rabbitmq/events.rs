//! Events for the customer's own consumers: a topic exchange that is only published to. Persistent
//! and confirmed, but not mandatory: whether anybody listens is the customer's affair.

use super::envelope::properties;
use super::link::{Dialer, Link, within};
use crate::{PublishFault, Published, QueueError};
use lapin::options::BasicPublishOptions;
use std::sync::Arc;
use std::time::Duration;

/// For the confirm of one message.
const CONFIRM: Duration = Duration::from_secs(5);

/// Publishes events over a connection of its own, one at a time. Connects lazily, and again after a
/// fault.
pub struct RabbitEvents {
    dialer: Arc<Dialer>,
    link: Option<Link>,
}

impl RabbitEvents {
    pub(super) fn new(dialer: Arc<Dialer>) -> Self {
        Self { dialer, link: None }
    }

    /// Publishes one event under its type as routing key; `id` becomes the message id. Cut off, it
    /// may have been stored, and connects anew next time.
    pub async fn publish(&mut self, kind: &str, id: &str, body: &[u8]) -> Published {
        // Out of its place while in use: whatever cuts this off, the connection is not used again.
        let link = match self.link.take().filter(Link::is_usable) {
            Some(link) => link,
            None => match self.dial().await {
                Ok(link) => link,
                Err(error) => {
                    tracing::debug!(%error, "no connection to publish events on");
                    return Published::NotStored(PublishFault::Unreachable);
                }
            },
        };
        if let Some(reason) = link.blocked_by() {
            return Published::NotStored(PublishFault::Blocked(reason));
        }
        match self.stored(&link, kind, id, body).await {
            Ok(true) => {
                self.link = Some(link);
                Published::Stored
            }
            Ok(false) => Published::NotStored(PublishFault::Refused),
            Err(error) => {
                tracing::debug!(%error, "an event could not be published");
                Published::NotStored(PublishFault::Unreachable)
            }
        }
    }

    async fn dial(&self) -> Result<Link, QueueError> {
        let link = self.dialer.dial("events").await?;
        link.declare_events().await?;
        link.confirm().await?;
        Ok(link)
    }

    async fn stored(
        &self,
        link: &Link,
        kind: &str,
        id: &str,
        body: &[u8],
    ) -> Result<bool, QueueError> {
        let exchange = self.dialer.topology.events_exchange();
        let options = BasicPublishOptions::default();
        let properties = properties(id, kind, None);
        let written = link.channel.basic_publish(
            exchange.as_str().into(),
            kind.into(),
            options,
            body,
            properties,
        );
        let confirm = within(&link.place, CONFIRM, written).await?;
        let confirmation = within(&link.place, CONFIRM, confirm).await?;
        Ok(confirmation.is_ack())
    }
}
