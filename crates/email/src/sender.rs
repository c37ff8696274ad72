//! Email as a channel: the story of one send.

use crate::compose::{Composed, Composer, EmailSetupError};
use crate::connection::{Connection, Deadlines, Fault};
use crate::dial::Dialer;
use crate::pool::Idle;
use lettre::transport::smtp::response::Response;
use relink_config::Email;
use relink_core::Timestamp;
use relink_core::account::Channel;
use relink_core::attempt::{Outcome, Reason};
use relink_core::sender::{LookUp, MessageOrder, Sender, Sent};
use tokio::sync::Semaphore;

/// Sends email through one relay.
pub struct EmailSender {
    composer: Composer,
    dialer: Dialer,
    idle: Idle,
    slots: Semaphore,
}

impl EmailSender {
    /// Sets up sending as configured. Opens no connection.
    ///
    /// # Errors
    /// [`EmailSetupError`] names the key that cannot be used.
    pub fn new(config: &Email, instance_name: &str) -> Result<Self, EmailSetupError> {
        Self::with_deadlines(config, instance_name, Deadlines::default())
    }

    /// The same with other deadlines.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_deadlines(
        config: &Email,
        instance_name: &str,
        deadlines: Deadlines,
    ) -> Result<Self, EmailSetupError> {
        Ok(Self {
            composer: Composer::new(config, instance_name)?,
            dialer: Dialer::new(&config.smtp, deadlines)?,
            idle: Idle::default(),
            slots: Semaphore::new(config.concurrency.max(1)),
        })
    }

    /// Hands a mail to the relay over an idle connection or a new one.
    async fn hand_over(&self, mail: &Composed) -> Result<Response, Fault> {
        let mut connection = self.begun(mail).await?;
        let response = connection.finish(mail).await?;
        // Only after a reply that was read in full can the next mail trust this connection.
        self.idle.put(connection);
        Ok(response)
    }

    /// A connection on which MAIL FROM was accepted. An idle one that turns out dead, or says 421
    /// because it was idle for too long, is replaced once: nothing was sent on it.
    async fn begun(&self, mail: &Composed) -> Result<Connection, Fault> {
        if let Some(mut connection) = self.idle.take().await {
            match connection.begin(mail).await {
                Ok(()) => return Ok(connection),
                Err(fault) if fault.is_verdict() => return Err(fault),
                Err(_) => {}
            }
        }
        let mut connection = self.dialer.dial().await?;
        connection.begin(mail).await?;
        Ok(connection)
    }
}

#[async_trait::async_trait]
impl Sender for EmailSender {
    fn channel(&self) -> Channel {
        Channel::Email
    }

    async fn send(&self, order: &MessageOrder) -> Sent {
        let mail = match self.composer.compose(order) {
            Ok(mail) => mail,
            Err(error) => {
                tracing::error!(%error, "an email could not be composed");
                return Outcome::Rejected { reason: Reason::ContentRefused }.into();
            }
        };
        // Closed only with the sender itself.
        let Ok(_slot) = self.slots.acquire().await else {
            let reason = Reason::InterruptedBeforeSend;
            return Outcome::Deferred { reason, retry_after: None }.into();
        };
        match self.hand_over(&mail).await {
            Ok(response) => Sent {
                outcome: Outcome::Accepted,
                provider_message_id: queue_id(&response),
                provider_code: Some("250".to_owned()),
            },
            Err(fault) => fault.into(),
        }
    }

    /// SMTP has no list to look in.
    async fn look_up(&self, _order: &MessageOrder, _since: Timestamp) -> LookUp {
        LookUp::Unavailable { reason: Reason::NoAnswer }
    }
}

/// The relay's name for the mail, where the reply has it in the usual place ("queued as X").
fn queue_id(response: &Response) -> Option<String> {
    let text: Vec<&str> = response.message().collect();
    let text = text.join(" ");
    let after = text.split("queued as ").nth(1)?;
    let id: String = after.chars().take_while(char::is_ascii_alphanumeric).take(64).collect();
    (!id.is_empty()).then_some(id)
}
