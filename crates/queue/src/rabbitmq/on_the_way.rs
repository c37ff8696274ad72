//! What is on its way to the broker: a window that was written, and the confirms that came of it.
//!
//! An alarm cuts the waiting short, and the window is answered as not stored. But it is with the
//! broker, which stores it as soon as the alarm is over. So the confirms are waited for then, and
//! what turns out to be stored is not published a second time.

use super::envelope::id_of;
use super::publish::Outgoing;
use crate::{PublishFault, Published};
use lapin::{Confirmation, PublisherConfirm};
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;

/// For every confirm of a window. After it the connection is given up; what was published may
/// still arrive, and dies at the store's guard.
const CONFIRM: Duration = Duration::from_secs(10);

/// The confirms of one window, in its order.
pub(super) struct Confirms {
    asked: Vec<PublisherConfirm>,
    /// Of the first of them.
    came: Vec<Confirmation>,
}

/// One message as it was published.
#[derive(PartialEq, Eq)]
pub(super) struct Sent {
    exchange: String,
    key: String,
    id: String,
    body: Vec<u8>,
}

/// A window that was answered before all its confirms had come.
pub(super) struct OnTheWay {
    copies: Vec<Sent>,
    confirms: Confirms,
}

impl Confirms {
    pub(super) fn of(asked: Vec<PublisherConfirm>) -> Self {
        Self { came: Vec::with_capacity(asked.len()), asked }
    }

    /// Waits for those that have not come. May be given up and called again.
    pub(super) async fn all(&mut self) -> Result<(), PublishFault> {
        let deadline = Instant::now() + CONFIRM;
        while let Some(next) = self.asked.get_mut(self.came.len()) {
            match tokio::time::timeout_at(deadline, next).await {
                Ok(Ok(Confirmation::NotRequested)) => return Err(PublishFault::Unreachable),
                Ok(Ok(confirmation)) => self.came.push(confirmation),
                Ok(Err(_)) | Err(_) => return Err(PublishFault::Unreachable),
            }
        }
        Ok(())
    }

    /// What they say of messages with these ids.
    pub(super) fn answers<'i>(self, ids: impl Iterator<Item = &'i str>) -> Vec<Published> {
        let acked: Vec<bool> = self.came.iter().map(Confirmation::is_ack).collect();
        let returned = self.came.into_iter().filter_map(Confirmation::take_message);
        let returned: HashSet<String> =
            returned.map(|message| id_of(&message.delivery.properties)).collect();
        let answer = |(id, acked): (&str, bool)| match acked {
            _ if returned.contains(id) => Published::NotStored(PublishFault::Returned),
            true => Published::Stored,
            false => Published::NotStored(PublishFault::Refused),
        };
        ids.zip(acked).map(answer).collect()
    }
}

impl Sent {
    pub(super) fn of(exchange: &str, key: &str, message: &Outgoing<'_>) -> Self {
        Self {
            exchange: exchange.to_owned(),
            key: key.to_owned(),
            id: id_of(&message.properties),
            body: message.body.to_vec(),
        }
    }
}

impl OnTheWay {
    pub(super) fn new(copies: Vec<Sent>, confirms: Confirms) -> Self {
        Self { copies, confirms }
    }

    /// What of it the broker has stored; `None` when it does not say.
    pub(super) async fn stored(mut self) -> Option<Vec<Sent>> {
        self.confirms.all().await.ok()?;
        let answers = self.confirms.answers(self.copies.iter().map(|copy| copy.id.as_str()));
        let stored = self.copies.into_iter().zip(answers);
        Some(stored.filter(|(_, is)| *is == Published::Stored).map(|(copy, _)| copy).collect())
    }
}
