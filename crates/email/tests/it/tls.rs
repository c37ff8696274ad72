//! Encrypted relays: what was to be encrypted is never said in the clear, and only to whom the
//! certificate names.

use crate::relay::{Act, At, Offer, Relay, say};
use crate::session::FIXTURES;
use crate::support::{PATIENT, SHORT, config, deferred, order};
use relink_config::{Email, SmtpTls};
use relink_core::attempt::{Outcome, Reason};
use relink_core::masked::Secret;
use relink_core::sender::{Sender as _, Sent};
use relink_email::{Deadlines, EmailSender, EmailSetupError};
use std::path::PathBuf;

const BOTH: [SmtpTls; 2] = [SmtpTls::StartTls, SmtpTls::Implicit];

fn relay(tls: SmtpTls, script: impl IntoIterator<Item = (At, Act)>) -> Relay {
    let (starttls, implicit) = (tls == SmtpTls::StartTls, tls == SmtpTls::Implicit);
    Relay::offering(Offer { starttls, implicit, auth: Some("PLAIN") }, script)
}

/// Trusts the test authority and logs in.
fn secure(relay: &Relay, tls: SmtpTls) -> Email {
    let mut config = config(relay.port);
    config.smtp.host = "localhost".to_owned();
    config.smtp.tls = tls;
    config.smtp.ca_file = Some(PathBuf::from(format!("{FIXTURES}/ca.pem")));
    config.smtp.credentials = Some(("relink".to_owned(), Secret::new("correct horse")));
    config
}

async fn send(config: &Email, deadlines: Deadlines) -> Sent {
    let sender = EmailSender::with_deadlines(config, "Acme Health", deadlines).unwrap();
    sender.send(&order(1)).await
}

/// The verbs that crossed the wire readable for everybody.
fn in_the_clear(relay: &Relay) -> Vec<String> {
    relay.log(|log| {
        let clear = log.lines.iter().filter(|line| !line.encrypted);
        clear.map(|line| line.text.split(' ').next().unwrap().to_owned()).collect()
    })
}

#[tokio::test]
async fn an_encrypted_relay_takes_login_and_mails() {
    for tls in BOTH {
        let relay = relay(tls, []);
        let config = secure(&relay, tls);
        let sender = EmailSender::with_deadlines(&config, "Acme Health", PATIENT).unwrap();
        for n in 1..=2 {
            assert_eq!(sender.send(&order(n)).await.outcome, Outcome::Accepted, "{tls:?}");
        }
        assert_eq!(relay.log(|log| log.connections), 1, "{tls:?}");
        let clear = in_the_clear(&relay);
        match tls {
            SmtpTls::StartTls => assert_eq!(clear, ["EHLO", "STARTTLS"]),
            SmtpTls::Implicit | SmtpTls::None => assert!(clear.is_empty()),
        }
    }
}

/// Whoever sits between could have taken the offer out.
#[tokio::test]
async fn without_the_offer_of_encryption_nothing_is_said() {
    let relay = relay(SmtpTls::None, []);
    let sent = send(&secure(&relay, SmtpTls::StartTls), PATIENT).await;
    assert_eq!(sent.outcome, deferred(Reason::TlsFailed));
    assert_eq!(relay.verbs(), ["EHLO"]);
}

#[tokio::test]
async fn a_refused_or_broken_upgrade_ends_the_connection() {
    for (act, code) in [
        (say("454 4.7.0 TLS not available"), Some("454 4.7.0")),
        (say("502 5.5.1 Not implemented"), Some("502 5.5.1")),
        (say("220 ready\r\n250 this is no handshake"), None),
        (say("what"), None),
        (Act::Close, None),
    ] {
        let shown = format!("{act:?}");
        let relay = relay(SmtpTls::StartTls, [(At::StartTls, act)]);
        let sent = send(&secure(&relay, SmtpTls::StartTls), PATIENT).await;
        assert_eq!(sent.outcome, deferred(Reason::TlsFailed), "{shown}");
        assert_eq!(sent.provider_code.as_deref(), code, "{shown}");
        let told = relay.verbs();
        assert!(
            told.iter().all(|verb| ["EHLO", "STARTTLS", "QUIT"].contains(&&**verb)),
            "{told:?}"
        );
    }
}

/// Replies that somebody slips in before the handshake must not be read as replies after it:
/// here they would grant everything up to the final dot.
#[tokio::test]
async fn replies_slipped_in_before_the_handshake_are_not_believed() {
    let injected = "220 2.0.0 Ready\r\n250-relay.test\r\n250 AUTH PLAIN\r\n235 ok\r\n\
                    250 ok\r\n250 ok\r\n354 go\r\n250 queued as FAKE\r\n";
    let relay = relay(SmtpTls::StartTls, [(At::StartTls, Act::Say(injected.to_owned()))]);
    let sent = send(&secure(&relay, SmtpTls::StartTls), PATIENT).await;
    assert_eq!(sent.outcome, deferred(Reason::TlsFailed));
    assert_eq!(in_the_clear(&relay), ["EHLO", "STARTTLS"]);
    assert_eq!(relay.verbs(), ["EHLO", "STARTTLS"]);
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    for tls in BOTH {
        let relay = relay(tls, []);
        // The authority of the tests is not among those that the system trusts.
        let mut config = secure(&relay, tls);
        config.smtp.ca_file = None;
        assert_eq!(send(&config, PATIENT).await.outcome, deferred(Reason::TlsFailed), "{tls:?}");
        assert!(!relay.verbs().iter().any(|verb| verb == "AUTH" || verb == "MAIL"), "{tls:?}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    for tls in BOTH {
        let relay = relay(tls, []);
        let mut config = secure(&relay, tls);
        config.smtp.host = "127.0.0.1".to_owned();
        assert_eq!(send(&config, PATIENT).await.outcome, deferred(Reason::TlsFailed), "{tls:?}");
        assert!(!relay.verbs().iter().any(|verb| verb == "AUTH" || verb == "MAIL"), "{tls:?}");
    }
}

#[tokio::test]
async fn a_relay_that_falls_silent_or_leaves_in_the_handshake() {
    for act in [Act::Hang, Act::Close, say("220 in the clear")] {
        let deadlines = Deadlines { tls: SHORT, ..PATIENT };
        let relay = relay(SmtpTls::Implicit, [(At::Handshake, act.clone())]);
        let sent = send(&secure(&relay, SmtpTls::Implicit), deadlines).await;
        assert_eq!(sent.outcome, deferred(Reason::TlsFailed), "{act:?}");
    }
    let deadlines = Deadlines { tls: SHORT, greeting: SHORT, ..PATIENT };
    let relay = relay(SmtpTls::StartTls, [(At::StartTls, Act::Hang)]);
    let sent = send(&secure(&relay, SmtpTls::StartTls), deadlines).await;
    assert_eq!(sent.outcome, deferred(Reason::TlsFailed));
}

#[test]
fn a_file_of_roots_that_is_none_is_a_fault_of_the_set_up() {
    let files = [
        PathBuf::from("/nonexistent/ca.pem"),
        PathBuf::from(FIXTURES).join("README.md"),
        PathBuf::from(FIXTURES).join("localhost.key"),
        PathBuf::from(FIXTURES).join("broken.pem"),
    ];
    for tls in BOTH {
        for file in &files {
            let mut config = config(465);
            config.smtp.tls = tls;
            config.smtp.ca_file = Some(file.clone());
            let error = EmailSender::with_deadlines(&config, "Acme Health", PATIENT)
                .map(drop)
                .expect_err(&format!("{tls:?} with {file:?}"));
            assert!(matches!(error, EmailSetupError::Certificates(_)), "{error}");
            assert!(error.to_string().contains(&*file.to_string_lossy()), "{error}");
        }
    }
}
