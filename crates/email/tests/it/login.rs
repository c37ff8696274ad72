//! Logging in at the relay.

use crate::relay::{Act, At, Offer, Relay, say};
use crate::support::{PATIENT, config, deferred, order};
use relink_config::{Email, SmtpTls};
use relink_core::attempt::{Outcome, Reason};
use relink_core::masked::Secret;
use relink_core::sender::{Sender as _, Sent};
use relink_email::{EmailSender, EmailSetupError};

fn with_login(port: u16, password: &str) -> Email {
    let mut config = config(port);
    config.smtp.credentials = Some(("relink".to_owned(), Secret::new(password)));
    config
}

async fn logged_in(relay: &Relay, password: &str) -> Sent {
    let config = with_login(relay.port, password);
    let sender = EmailSender::with_deadlines(&config, "Acme Health", PATIENT).unwrap();
    sender.send(&order(1)).await
}

fn asking(auth: Option<&'static str>, script: impl IntoIterator<Item = (At, Act)>) -> Relay {
    Relay::offering(Offer { auth, ..Offer::default() }, script)
}

#[tokio::test]
async fn the_right_password_opens_the_door() {
    let relay = asking(Some("LOGIN PLAIN"), []);
    assert_eq!(logged_in(&relay, "correct horse").await.outcome, Outcome::Accepted);
    assert_eq!(relay.verbs(), ["EHLO", "AUTH", "MAIL", "RCPT", "DATA"]);
}

#[tokio::test]
async fn a_wrong_password_is_for_an_operator_and_blames_no_recipient() {
    let relay = asking(Some("PLAIN"), []);
    let sent = logged_in(&relay, "battery staple").await;
    assert_eq!(sent.outcome, deferred(Reason::CredentialsRefused));
    assert_eq!(sent.provider_code.as_deref(), Some("535 5.7.8"));
    assert_eq!(relay.verbs(), ["EHLO", "AUTH"]);
}

#[tokio::test]
async fn a_relay_without_a_common_mechanism() {
    for auth in [None, Some("XOAUTH2"), Some("CRAM-MD5 GSSAPI")] {
        let relay = asking(auth, []);
        let sent = logged_in(&relay, "correct horse").await;
        assert_eq!(sent.outcome, deferred(Reason::CredentialsRefused), "{auth:?}");
        assert_eq!(relay.verbs(), ["EHLO"], "the password stays here");
    }
}

#[tokio::test]
async fn answers_to_a_login_that_are_no_answers() {
    for (act, expected) in [
        (say("454 4.7.0 Temporary authentication failure"), Reason::CredentialsRefused),
        (say("354 go ahead"), Reason::ProtocolError),
        (say("what"), Reason::ProtocolError),
        (Act::Close, Reason::InterruptedBeforeSend),
    ] {
        let shown = format!("{act:?}");
        let relay = asking(Some("PLAIN"), [(At::Auth, act)]);
        let sent = logged_in(&relay, "correct horse").await;
        assert_eq!(sent.outcome, deferred(expected), "{shown}");
    }
    // A relay that asks and asks is not asked for ever.
    let challenges = (0..20).map(|_| (At::Auth, say("334 ")));
    let relay = asking(Some("PLAIN"), challenges);
    let sent = logged_in(&relay, "correct horse").await;
    assert!(matches!(sent.outcome, Outcome::Deferred { .. }), "{:?}", sent.outcome);
}

#[tokio::test]
async fn a_relay_that_wants_a_login_first() {
    for at in [At::Mail, At::Rcpt, At::Data] {
        let relay = Relay::start([(at, say("530 5.7.0 Authentication required"))]);
        let sender =
            EmailSender::with_deadlines(&config(relay.port), "Acme Health", PATIENT).unwrap();
        let sent = sender.send(&order(1)).await;
        assert_eq!(sent.outcome, deferred(Reason::CredentialsRefused), "{at:?}");
    }
}

#[test]
fn a_password_is_never_set_up_to_cross_a_network_in_the_clear() {
    let set_up = |host: &str, tls| {
        let mut config = with_login(587, "correct horse");
        config.smtp.host = host.to_owned();
        config.smtp.tls = tls;
        EmailSender::with_deadlines(&config, "Acme Health", PATIENT).map(drop)
    };
    for far in ["mail.example.org", "10.0.0.1", "128.0.0.1", "localhost.example.org", "2001:db8::1"]
    {
        let error = set_up(far, SmtpTls::None).unwrap_err();
        assert!(matches!(&error, EmailSetupError::CredentialsInTheClear(host) if host == far));
        let text = error.to_string();
        assert!(text.contains(far) && text.contains("starttls"), "{text}");
        assert!(!text.contains("correct horse"));
        for tls in [SmtpTls::StartTls, SmtpTls::Implicit] {
            assert!(set_up(far, tls).is_ok(), "{far}");
        }
    }
    for near in ["localhost", "127.0.0.1", "127.8.8.8", "::1"] {
        assert!(set_up(near, SmtpTls::None).is_ok(), "{near}");
    }
}
