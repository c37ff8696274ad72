//! From an order to the bytes of a mail (RFC 5322), with the headers of a considerate
//! automatic sender: a stable `Message-ID`, `Auto-Submitted` (RFC 3834), and a thread of its
//! own for each case so that reminders stack. Nothing is said that identifies the software,
//! and nothing a person is told gets into a header.

use crate::templates::Templates;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox as LettreMailbox, MultiPart};
use lettre::{Address, Message};
use relink_config::{Email, Mailbox};
use relink_core::account::Address as Recipient;
use relink_core::sender::MessageOrder;

/// Why email cannot be set up as configured.
#[derive(Debug, thiserror::Error)]
pub enum EmailSetupError {
    /// A sender address that cannot stand in a header.
    #[error("{key}: {why}")]
    Address {
        /// `email.from` or `email.reply_to`.
        key: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The certificates to trust.
    #[error("email.smtp.ca_file: {0}")]
    Certificates(String),
    /// Credentials would cross a network in the clear.
    #[error(
        "email.smtp: a user name and password with tls = \"none\" would be readable on the way to {0}; set tls to \"starttls\" or \"implicit\""
    )]
    CredentialsInTheClear(String),
    /// A built-in template does not parse.
    #[error("the built-in templates: {0}")]
    Templates(String),
    /// The TLS library refused its own defaults.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

/// A mail ready to go.
#[derive(Debug)]
pub(crate) struct Composed {
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) bytes: Vec<u8>,
}

/// Why an order cannot become a mail: our own fault, or an order for another channel.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ComposeError {
    #[error("the order is not for email")]
    NotEmail,
    #[error("the recipient's address is not accepted by the mail library")]
    Address,
    #[error("the template failed: {0}")]
    Template(#[from] minijinja::Error),
    #[error("the message could not be built: {0}")]
    Message(#[from] lettre::error::Error),
}

/// Makes mails.
#[derive(Debug)]
pub(crate) struct Composer {
    templates: Templates,
    from: LettreMailbox,
    reply_to: Option<LettreMailbox>,
}

impl Composer {
    pub(crate) fn new(config: &Email, instance: &str) -> Result<Self, EmailSetupError> {
        let templates = Templates::new(instance)
            .map_err(|error| EmailSetupError::Templates(error.to_string()))?;
        let reply_to = config.reply_to.as_ref().map(|mailbox| own("email.reply_to", mailbox));
        Ok(Self {
            templates,
            from: own("email.from", &config.from)?,
            reply_to: reply_to.transpose()?,
        })
    }

    /// Renders and addresses one mail.
    pub(crate) fn compose(&self, order: &MessageOrder) -> Result<Composed, ComposeError> {
        let Recipient::Email(recipient) = &order.address else {
            return Err(ComposeError::NotEmail);
        };
        let to: Address = recipient.expose().parse().map_err(|_| ComposeError::Address)?;
        let wording = self.templates.render(order)?;
        let domain = self.from.email.domain();
        let thread = format!("<case-{}@{domain}>", order.case_id);
        let mut builder = Message::builder()
            .from(self.from.clone())
            .to(LettreMailbox::new(None, to.clone()))
            .subject(wording.subject)
            .message_id(Some(format!("<{}@{domain}>", order.notification_id)))
            .in_reply_to(thread.clone())
            .references(thread);
        if let Some(reply_to) = &self.reply_to {
            builder = builder.reply_to(reply_to.clone());
        }
        let body = MultiPart::alternative_plain_html(wording.text, wording.html);
        let mut message = builder.multipart(body)?;
        for (name, value) in
            [("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All")]
        {
            let name = HeaderName::new_from_ascii_str(name);
            message.headers_mut().insert_raw(HeaderValue::new(name, value.to_owned()));
        }
        Ok(Composed { from: self.from.email.clone(), to, bytes: message.formatted() })
    }
}

/// One of the installation's own addresses. A line break in a display name would make the mail
/// library panic, so it is refused here, before anything is sent.
fn own(key: &'static str, mailbox: &Mailbox) -> Result<LettreMailbox, EmailSetupError> {
    if mailbox.name.as_deref().is_some_and(|name| name.chars().any(char::is_control)) {
        let why = "the name contains a control character or a line break".to_owned();
        return Err(EmailSetupError::Address { key, why });
    }
    let address = mailbox.address.parse().map_err(|error: lettre::address::AddressError| {
        EmailSetupError::Address { key, why: error.to_string() }
    })?;
    Ok(LettreMailbox::new(mailbox.name.clone(), address))
}

#[cfg(test)]
#[path = "compose_tests.rs"]
mod tests;
