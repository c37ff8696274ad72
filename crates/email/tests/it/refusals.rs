//! Relays that say no: every code at every phase has one outcome, and a refused mail is never
//! recorded as sent.

use crate::relay::{Act, At, Offer, Relay, say};
use crate::support::{PATIENT, config, deferred, order, send, sender};
use relink_core::attempt::{Outcome, Reason};
use relink_core::masked::Secret;
use relink_core::sender::{Sender as _, Sent};
use relink_email::EmailSender;
use std::time::Duration;

const CODES: [u16; 8] = [421, 450, 451, 452, 535, 550, 552, 554];
const PHASES: [At; 7] = [At::Banner, At::Ehlo, At::Auth, At::Mail, At::Rcpt, At::Data, At::Dot];

fn expected(at: At, code: u16) -> Outcome {
    let rejected = |reason| Outcome::Rejected { reason };
    let later = |reason, minutes: u64| Outcome::Deferred {
        reason,
        retry_after: Some(Duration::from_secs(60 * minutes)),
    };
    match (at, code) {
        (_, 421) => deferred(Reason::ProviderBusy),
        (_, 535) => deferred(Reason::CredentialsRefused),
        (At::Banner | At::Ehlo, _) => deferred(Reason::ConnectFailed),
        (At::Auth, _) => deferred(Reason::CredentialsRefused),
        (At::Mail | At::Rcpt, 450..=452) => later(Reason::TemporaryRefusal, 5),
        (At::Data | At::Dot, 450..=452) => deferred(Reason::TemporaryRefusal),
        (At::Mail, _) => deferred(Reason::SenderRefused),
        (At::Rcpt | At::Data | At::Dot, 552) => rejected(Reason::ContentRefused),
        (At::Rcpt | At::Data | At::Dot, _) => rejected(Reason::PolicyRefused),
        (At::Handshake | At::StartTls | At::Body, _) => unreachable!("not in the table"),
    }
}

async fn refused(at: At, act: Act) -> (Sent, Relay) {
    let auth = (at == At::Auth).then_some("PLAIN");
    let relay = Relay::offering(Offer { auth, ..Offer::default() }, [(at, act)]);
    let mut config = config(relay.port);
    if auth.is_some() {
        config.smtp.credentials = Some(("relink".to_owned(), Secret::new("correct horse")));
    }
    let sender = EmailSender::with_deadlines(&config, "Acme Health", PATIENT).unwrap();
    (sender.send(&order(1)).await, relay)
}

#[tokio::test]
async fn every_code_at_every_phase() {
    for at in PHASES {
        for code in CODES {
            let (sent, relay) = refused(at, say(&format!("{code} no"))).await;
            assert_eq!(sent.outcome, expected(at, code), "{code} at {at:?}");
            assert_eq!(sent.provider_code, Some(code.to_string()), "{code} at {at:?}");
            assert_eq!(sent.provider_message_id, None);
            assert_eq!(relay.accepted(), 0, "{code} at {at:?}");
            relay.until("its end", |log| log.open == 0).await;
        }
    }
}

#[tokio::test]
async fn a_refusal_that_is_followed_by_the_end_is_still_a_refusal() {
    for at in PHASES {
        let (sent, _) = refused(at, Act::SayAndClose("421 4.3.2 Closing\r\n".to_owned())).await;
        assert_eq!(sent.outcome, deferred(Reason::ProviderBusy), "at {at:?}");
        assert_eq!(sent.provider_code.as_deref(), Some("421 4.3.2"));
    }
}

#[tokio::test]
async fn the_lines_of_a_long_refusal_are_read_as_one() {
    let lines = "450-4.2.0 <jo@clinic.example>: Recipient address rejected:\r\n\
                 450-4.2.0 Greylisted,\r\n\
                 450 4.2.0 see you in 20 minutes\r\n";
    let (sent, _) = refused(At::Rcpt, Act::Say(lines.to_owned())).await;
    let retry_after = Some(Duration::from_secs(20 * 60));
    let outcome = Outcome::Deferred { reason: Reason::TemporaryRefusal, retry_after };
    assert_eq!(sent.outcome, outcome);
    assert_eq!(sent.provider_code.as_deref(), Some("450 4.2.0"));

    let lines = "552-5.2.2 The mailbox you tried to reach\r\n552 5.2.2 is over quota\r\n";
    let (sent, _) = refused(At::Dot, Act::Say(lines.to_owned())).await;
    assert_eq!(sent.outcome, deferred(Reason::MailboxFull));
}

#[tokio::test]
async fn a_yes_of_many_lines_is_a_yes() {
    let many = |code: u16, last: &str| {
        Act::Say(format!("{code}-first\r\n{code}-\r\n{code}-third\r\n{code} {last}\r\n"))
    };
    let relay = Relay::start([
        (At::Banner, many(220, "hello")),
        (At::Mail, many(250, "sender ok")),
        (At::Rcpt, many(251, "will forward")),
        (At::Data, many(354, "go")),
        (At::Dot, many(250, "Ok: queued as 4ZqQ3x0fLz; thanks")),
    ]);
    let sent = send(&relay).await;
    assert_eq!(sent.outcome, Outcome::Accepted);
    assert_eq!(sent.provider_message_id.as_deref(), Some("4ZqQ3x0fLz"));
    assert_eq!(relay.accepted(), 1);
}

/// An accepted mail needs no name: not every relay gives one.
#[tokio::test]
async fn a_yes_without_a_queue_id() {
    let relay = Relay::start([(At::Dot, say("250 thank you"))]);
    let sent = send(&relay).await;
    assert_eq!((sent.outcome, sent.provider_message_id), (Outcome::Accepted, None));
}

/// A refusal is about one mail: the next is tried, on a connection without a past.
#[tokio::test]
async fn the_mail_after_a_refused_one_goes_out() {
    for at in [At::Mail, At::Rcpt, At::Data, At::Dot] {
        let relay = Relay::start([(at, say("550 5.7.1 no"))]);
        let sender = sender(&relay);
        assert_ne!(sender.send(&order(1)).await.outcome, Outcome::Accepted);
        assert_eq!(sender.send(&order(2)).await.outcome, Outcome::Accepted, "after {at:?}");
        assert_eq!(relay.log(|log| log.connections), 2, "after {at:?}");
        assert_eq!(relay.accepted(), 1, "after {at:?}");
    }
}
