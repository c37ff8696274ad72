//! Relays that fall silent or leave: before the final dot nothing was sent, after it nobody
//! knows, and no silence lasts longer than its phase may.

use crate::relay::{Act, At, Offer, Relay, say};
use crate::support::{
    PATIENT, SHORT, config, deferred, huge_order, order, send, sender_with, unknown,
};
use relink_config::SmtpTls;
use relink_core::attempt::{Outcome, Reason};
use relink_core::masked::Secret;
use relink_core::sender::Sender as _;
use relink_email::{Deadlines, EmailSender};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpSocket;

const PHASES: [(At, Reason); 6] = [
    (At::Banner, Reason::ConnectFailed),
    (At::Ehlo, Reason::ConnectFailed),
    (At::Mail, Reason::InterruptedBeforeSend),
    (At::Rcpt, Reason::InterruptedBeforeSend),
    (At::Data, Reason::InterruptedBeforeSend),
    (At::Auth, Reason::InterruptedBeforeSend),
];

async fn outcome(at: At, act: Act, deadlines: Deadlines) -> (Outcome, Relay) {
    let auth = (at == At::Auth).then_some("PLAIN");
    let relay = Relay::offering(Offer { auth, ..Offer::default() }, [(at, act)]);
    let mut config = config(relay.port);
    if auth.is_some() {
        config.smtp.credentials = Some(("relink".to_owned(), Secret::new("correct horse")));
    }
    let sender = EmailSender::with_deadlines(&config, "Acme Health", deadlines).unwrap();
    (sender.send(&order(1)).await.outcome, relay)
}

#[tokio::test]
async fn silence_before_the_dot_ends_with_its_phase() {
    let start = Instant::now();
    let mut sends = Vec::new();
    for (at, reason) in PHASES {
        let deadlines = match at {
            At::Banner | At::Ehlo => Deadlines { greeting: SHORT, ..PATIENT },
            At::Mail | At::Rcpt | At::Data | At::Auth => Deadlines { command: SHORT, ..PATIENT },
            At::Handshake | At::StartTls | At::Body | At::Dot => unreachable!("not in the table"),
        };
        sends.push((at, reason, tokio::spawn(outcome(at, Act::Hang, deadlines))));
    }
    for (at, reason, send) in sends {
        let (outcome, relay) = send.await.unwrap();
        assert_eq!(outcome, deferred(reason), "silent at {at:?}");
        assert_eq!(relay.log(|log| log.mails.len()), 0, "silent at {at:?}");
    }
    assert!(start.elapsed() < PATIENT.command, "another deadline ended it");
}

#[tokio::test]
async fn leaving_before_the_dot_means_not_sent() {
    for (at, reason) in PHASES {
        let (outcome, relay) = outcome(at, Act::Close, PATIENT).await;
        assert_eq!(outcome, deferred(reason), "left at {at:?}");
        assert_eq!(relay.log(|log| log.mails.len()), 0, "left at {at:?}");
    }
}

#[tokio::test]
async fn silence_and_leaving_in_the_middle_of_a_body_mean_not_sent() {
    let relay = Relay::start([(At::Body, Act::Hang)]);
    let sent = sender_with(&relay, Deadlines { body: SHORT, ..PATIENT }).send(&huge_order()).await;
    assert_eq!(sent.outcome, deferred(Reason::InterruptedBeforeSend));

    let relay = Relay::start([(At::Body, Act::Close)]);
    let sent = sender_with(&relay, PATIENT).send(&huge_order()).await;
    assert_eq!(sent.outcome, deferred(Reason::InterruptedBeforeSend));
    assert_eq!(relay.log(|log| log.mails.len()), 0);
}

#[tokio::test]
async fn a_body_that_takes_long_but_moves_is_sent_in_full() {
    let relay = Relay::start([(At::Body, Act::Late(Duration::from_millis(200)))]);
    let sent = sender_with(&relay, PATIENT).send(&huge_order()).await;
    assert_eq!(sent.outcome, Outcome::Accepted);
    assert!(relay.log(|log| log.mails[0].raw.len()) > 4 * (4 << 20));
}

/// A small body is in the kernel's hands before the relay can leave, dot included: from here
/// that looks the same as leaving after the dot, and doubt is the honest answer.
#[tokio::test]
async fn leaving_after_the_whole_mail_was_written_is_doubt() {
    for at in [At::Body, At::Dot] {
        let (outcome, _) = outcome(at, Act::Close, PATIENT).await;
        assert_eq!(outcome, unknown(Reason::ConnectionLost), "left at {at:?}");
    }
}

#[tokio::test]
async fn silence_after_the_dot_is_doubt() {
    let deadlines = Deadlines { body: SHORT, dot: SHORT, ..PATIENT };
    let (outcome, relay) = outcome(At::Dot, Act::Hang, deadlines).await;
    assert_eq!(outcome, unknown(Reason::NoAnswer));
    assert_eq!(relay.log(|log| log.mails.len()), 1, "the relay has it, and may deliver it");
}

#[tokio::test]
async fn an_answer_that_is_late_but_in_time_counts() {
    for at in [At::Banner, At::Ehlo, At::Mail, At::Rcpt, At::Data, At::Dot] {
        let (outcome, _) = outcome(at, Act::Late(Duration::from_millis(50)), PATIENT).await;
        assert_eq!(outcome, Outcome::Accepted, "late at {at:?}");
    }
    // The dot has a deadline of its own, beyond the body's.
    let deadlines = Deadlines { body: SHORT, ..PATIENT };
    let (outcome, _) = outcome(At::Dot, Act::Late(2 * SHORT), deadlines).await;
    assert_eq!(outcome, Outcome::Accepted);
}

/// The fault of pooled connections: the reply that came too late is read by the next mail.
#[tokio::test]
async fn a_late_answer_is_never_taken_for_the_next_mails() {
    for late in [At::Mail, At::Rcpt, At::Data, At::Dot] {
        let at_first = (late != At::Mail && late != At::Rcpt).then_some((At::Rcpt, Act::Usual));
        let refusal = (At::Rcpt, say("550 5.1.1 No such user"));
        let acts = at_first.into_iter().chain([(late, Act::Late(2 * SHORT)), refusal]);
        let relay = Relay::start(acts);
        let deadlines = Deadlines { command: SHORT, body: SHORT, dot: SHORT / 4, ..PATIENT };
        let sender = sender_with(&relay, deadlines);
        let first = sender.send(&order(1)).await.outcome;
        assert_ne!(first, Outcome::Accepted, "late at {late:?}");
        let second = sender.send(&order(2)).await;
        let gone = Outcome::Rejected { reason: Reason::NoSuchRecipient };
        assert_eq!(second.outcome, gone, "late at {late:?}");
        assert_eq!(second.provider_code.as_deref(), Some("550 5.1.1"));
    }
}

#[tokio::test]
async fn nobody_listens() {
    // Held, so that nobody else gets the port, and refusing, because it never listens.
    let held = TcpSocket::new_v4().unwrap();
    held.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let port = held.local_addr().unwrap().port();
    for tls in [SmtpTls::None, SmtpTls::StartTls, SmtpTls::Implicit] {
        let mut config = config(port);
        config.smtp.tls = tls;
        let sender = EmailSender::with_deadlines(&config, "Acme Health", PATIENT).unwrap();
        assert_eq!(sender.send(&order(1)).await.outcome, deferred(Reason::ConnectFailed));
    }
    let mut config = config(port);
    config.smtp.host = "no-such-host.invalid".to_owned();
    let sender = EmailSender::with_deadlines(&config, "Acme Health", PATIENT).unwrap();
    assert_eq!(sender.send(&order(1)).await.outcome, deferred(Reason::ConnectFailed));
}

#[tokio::test]
async fn a_well_relay_takes_the_mail() {
    let relay = Relay::start([]);
    let sent = send(&relay).await;
    assert_eq!(sent.outcome, Outcome::Accepted);
    assert_eq!(sent.provider_message_id.as_deref(), Some("Q1"));
    assert_eq!(sent.provider_code.as_deref(), Some("250"));
    assert_eq!(relay.verbs(), ["EHLO", "MAIL", "RCPT", "DATA"]);
    assert_eq!(relay.accepted(), 1);
}
