//! Relays that answer with what no mail program can read. Before the final dot that means not
//! sent, after it doubt, and nothing of it makes memory grow without end.

use crate::relay::{Act, At, Relay, say};
use crate::support::{PATIENT, SHORT, deferred, order, send, sender, sender_with, unknown};
use relink_core::attempt::{Outcome, Reason};
use relink_core::sender::Sender as _;
use relink_email::Deadlines;

const PHASES: [At; 6] = [At::Banner, At::Ehlo, At::Mail, At::Rcpt, At::Data, At::Dot];

/// What follows from a reply that cannot be read.
fn unreadable(at: At) -> Outcome {
    match at {
        At::Banner | At::Ehlo => deferred(Reason::ConnectFailed),
        At::Mail | At::Rcpt | At::Data => deferred(Reason::ProtocolError),
        At::Dot => unknown(Reason::ProviderError),
        At::Handshake | At::StartTls | At::Auth | At::Body => unreachable!("not in the table"),
    }
}

/// What follows when reading itself fails.
fn broken(at: At) -> Outcome {
    match at {
        At::Banner | At::Ehlo => deferred(Reason::ConnectFailed),
        At::Mail | At::Rcpt | At::Data => deferred(Reason::InterruptedBeforeSend),
        At::Dot => unknown(Reason::ConnectionLost),
        At::Handshake | At::StartTls | At::Auth | At::Body => unreachable!("not in the table"),
    }
}

#[tokio::test]
async fn garbage_at_every_phase() {
    let garbage = [
        "HTTP/1.1 200 OK\r\n".to_owned(),
        "2\r\n".to_owned(),
        "\r\n".to_owned(),
        "999 what\r\n".to_owned(),
        "250-one code\r\n550 and another\r\n".to_owned(),
        format!("250 {}\r\n", "x".repeat(8 * 1024)),
    ];
    for at in PHASES {
        for text in &garbage {
            let relay = Relay::start([(at, Act::Say(text.clone()))]);
            let shown: String = text.chars().take(30).collect();
            assert_eq!(send(&relay).await.outcome, unreadable(at), "{shown:?} at {at:?}");
        }
    }
}

#[tokio::test]
async fn a_reply_that_is_not_text_is_a_broken_connection() {
    for at in PHASES {
        let relay = Relay::start([(at, Act::Bytes(b"250 \xff\xfe\x00 ok\r\n"))]);
        assert_eq!(send(&relay).await.outcome, broken(at), "at {at:?}");
    }
}

/// Without a bound of our own the reply would be kept until its line ends, which is never.
#[tokio::test]
async fn a_reply_without_end_is_cut_off() {
    for at in PHASES {
        let relay = Relay::start([(at, Act::Babble)]);
        assert_eq!(send(&relay).await.outcome, broken(at), "at {at:?}");
    }
}

#[tokio::test]
async fn a_line_without_its_carriage_return_is_waited_for_in_vain() {
    let relay = Relay::start([(At::Dot, Act::Say("250 ok\n".to_owned()))]);
    let sender = sender_with(&relay, Deadlines { body: SHORT, dot: SHORT, ..PATIENT });
    assert_eq!(sender.send(&order(1)).await.outcome, unknown(Reason::NoAnswer));
}

/// A positive reply of the wrong kind belongs to another command: believing it would put every
/// later reply one command late.
#[tokio::test]
async fn a_yes_to_another_question_is_none() {
    for (at, reply, expected) in [
        (At::Mail, "354 go ahead", deferred(Reason::ProtocolError)),
        (At::Rcpt, "354 go ahead", deferred(Reason::ProtocolError)),
        (At::Data, "250 ok", deferred(Reason::ProtocolError)),
        (At::Dot, "354 go ahead", unknown(Reason::ProviderError)),
        (At::Dot, "221 bye", unknown(Reason::ProviderError)),
    ] {
        let relay = Relay::start([(at, say(reply))]);
        assert_eq!(send(&relay).await.outcome, expected, "{reply} at {at:?}");
    }
}

/// One reply too many, and the second mail is refused: it must not inherit the first one's yes.
#[tokio::test]
async fn a_reply_too_many_never_makes_a_refused_mail_look_sent() {
    let relay = Relay::start([
        (At::Dot, Act::Say("250 queued as A\r\n250 queued as B\r\n".to_owned())),
        (At::Rcpt, Act::Usual),
        (At::Rcpt, say("550 5.1.1 No such user")),
    ]);
    let sender = sender(&relay);
    assert_eq!(sender.send(&order(1)).await.outcome, Outcome::Accepted);
    let second = sender.send(&order(2)).await.outcome;
    assert_eq!(second, Outcome::Rejected { reason: Reason::NoSuchRecipient });
    assert_eq!(relay.accepted(), 1);
}
