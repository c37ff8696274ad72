//! What every test needs: a configuration, an order, deadlines.

use crate::relay::Relay;
use relink_config::{Email, Mailbox, Smtp, SmtpTls};
use relink_core::account::Address;
use relink_core::attempt::{Outcome, Reason};
use relink_core::masked::EmailAddress;
use relink_core::policy::OnUnknown;
use relink_core::sender::{MessageOrder, Sender as _, Sent};
use relink_core::signal::SignalKind;
use relink_email::{Deadlines, EmailSender};
use std::time::Duration;

/// Longer than a busy machine needs, shorter than a test may hang.
const PATIENCE: Duration = Duration::from_secs(20);

/// Deadlines that no test reaches.
pub(crate) const PATIENT: Deadlines = Deadlines {
    connect: PATIENCE,
    greeting: PATIENCE,
    tls: PATIENCE,
    command: PATIENCE,
    body: PATIENCE,
    dot: PATIENCE,
};

/// A deadline that a test waits for.
pub(crate) const SHORT: Duration = Duration::from_millis(700);

pub(crate) fn config(port: u16) -> Email {
    Email {
        enabled: true,
        from: Mailbox {
            name: Some("Acme Health".to_owned()),
            address: "no-reply@acme.example".to_owned(),
        },
        reply_to: None,
        smtp: Smtp {
            host: "127.0.0.1".to_owned(),
            port,
            tls: SmtpTls::None,
            ca_file: None,
            credentials: None,
            helo: Some("relink.test".to_owned()),
        },
        on_unknown: OnUnknown::ResendOnce,
        concurrency: 8,
    }
}

/// A sender to this relay, patient and in the clear.
pub(crate) fn sender(relay: &Relay) -> EmailSender {
    sender_with(relay, PATIENT)
}

pub(crate) fn sender_with(relay: &Relay, deadlines: Deadlines) -> EmailSender {
    EmailSender::with_deadlines(&config(relay.port), "Acme Health", deadlines).unwrap()
}

/// The mail number `n`.
pub(crate) fn order(n: u32) -> MessageOrder {
    MessageOrder {
        notification_id: format!("00000000-0000-5000-8000-{n:012}").parse().unwrap(),
        case_id: "86db0406-f6ef-5c09-a792-e865df98cec9".parse().unwrap(),
        kind: SignalKind::LoginRequired,
        reminder: false,
        address: Address::Email(EmailAddress::parse("jo@clinic.example").unwrap()),
        locale: None,
        name: Some("Jo".to_owned()),
        link: format!("https://relink.example.org/r/{n}"),
        valid_for: Duration::from_secs(3600),
    }
}

/// A mail that does not fit into the buffers between us and a relay that stops reading.
pub(crate) fn huge_order() -> MessageOrder {
    MessageOrder { link: format!("https://relink.example.org/{}", "x".repeat(4 << 20)), ..order(1) }
}

/// Sends one ordinary mail to a relay.
pub(crate) async fn send(relay: &Relay) -> Sent {
    sender(relay).send(&order(1)).await
}

pub(crate) fn deferred(reason: Reason) -> Outcome {
    Outcome::Deferred { reason, retry_after: None }
}

pub(crate) fn unknown(reason: Reason) -> Outcome {
    Outcome::Unknown { reason }
}
