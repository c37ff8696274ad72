//! Connections that serve more than one mail, and those that died in between.

use crate::relay::{Act, At, Relay, say};
use crate::support::{PATIENT, config, deferred, order, sender};
use relink_core::attempt::{Outcome, Reason};
use relink_core::sender::Sender as _;
use relink_email::EmailSender;
use std::sync::Arc;
use tokio::sync::Semaphore;

#[tokio::test]
async fn one_connection_carries_mail_after_mail() {
    let relay = Relay::start([]);
    let sender = sender(&relay);
    for n in 1..=3 {
        let sent = sender.send(&order(n)).await;
        assert_eq!(sent.outcome, Outcome::Accepted);
        assert_eq!(sent.provider_message_id, Some(format!("Q{n}")));
    }
    assert_eq!(relay.log(|log| log.connections), 1);
    let verbs = "EHLO MAIL RCPT DATA MAIL RCPT DATA MAIL RCPT DATA";
    assert_eq!(relay.verbs().join(" "), verbs, "no greeting and no question in between");
}

#[tokio::test]
async fn a_connection_that_the_relay_closed_meanwhile_is_replaced_in_the_same_send() {
    for farewell in ["", "421 4.4.2 Timeout\r\n", "221 Bye\r\n"] {
        let reply = format!("250 2.0.0 Ok\r\n{farewell}");
        let relay = Relay::start([(At::Dot, Act::SayAndClose(reply))]);
        let sender = sender(&relay);
        assert_eq!(sender.send(&order(1)).await.outcome, Outcome::Accepted);
        relay.until("the relay to close", |log| log.open == 0).await;
        assert_eq!(sender.send(&order(2)).await.outcome, Outcome::Accepted, "{farewell:?}");
        assert_eq!(relay.log(|log| log.connections), 2, "{farewell:?}");
        assert_eq!(relay.accepted(), 2, "{farewell:?}");
    }
}

#[tokio::test]
async fn a_relay_that_is_gone_meanwhile_is_noticed() {
    let relay = Relay::start([
        (At::Dot, Act::SayAndClose("250 2.0.0 Ok\r\n".to_owned())),
        (At::Banner, Act::Usual),
        (At::Banner, Act::Close),
    ]);
    let sender = sender(&relay);
    assert_eq!(sender.send(&order(1)).await.outcome, Outcome::Accepted);
    relay.until("the relay to close", |log| log.open == 0).await;
    assert_eq!(sender.send(&order(2)).await.outcome, deferred(Reason::ConnectFailed));
    assert_eq!(relay.accepted(), 1);
}

/// What the relay thinks of the sender is no reason to ask again on another connection.
#[tokio::test]
async fn a_verdict_on_a_reused_connection_stands() {
    let relay = Relay::start([(At::Mail, Act::Usual), (At::Mail, say("550 5.1.8 no such domain"))]);
    let sender = sender(&relay);
    assert_eq!(sender.send(&order(1)).await.outcome, Outcome::Accepted);
    assert_eq!(sender.send(&order(2)).await.outcome, deferred(Reason::SenderRefused));
    assert_eq!(relay.log(|log| log.connections), 1);
}

#[tokio::test]
async fn no_more_connections_than_configured() {
    let gate = Arc::new(Semaphore::new(0));
    let relay = Relay::start((0..6).map(|_| (At::Dot, Act::Gate(Arc::clone(&gate)))));
    let mut config = config(relay.port);
    config.concurrency = 2;
    let sender = EmailSender::with_deadlines(&config, "Acme Health", PATIENT).unwrap();
    let sender = Arc::new(sender);
    let sends: Vec<_> = (1..=6)
        .map(|n| {
            let sender = Arc::clone(&sender);
            tokio::spawn(async move { sender.send(&order(n)).await.outcome })
        })
        .collect();
    relay.until("two mails at their dot", |log| log.mails.len() == 2).await;
    gate.add_permits(6);
    for send in sends {
        assert_eq!(send.await.unwrap(), Outcome::Accepted);
    }
    relay.log(|log| {
        assert_eq!((log.most_open, log.connections, log.mails.len()), (2, 2, 6));
    });
}

/// Dropping a send leaves nothing behind that the next one could trip over.
#[tokio::test]
async fn a_send_that_is_given_up_takes_its_connection_along() {
    let gate = Arc::new(Semaphore::new(0));
    let relay = Relay::start([(At::Dot, Act::Gate(Arc::clone(&gate)))]);
    let mut config = config(relay.port);
    config.concurrency = 1;
    let sender = EmailSender::with_deadlines(&config, "Acme Health", PATIENT).unwrap();
    let sender = Arc::new(sender);
    let first = tokio::spawn({
        let sender = Arc::clone(&sender);
        async move { sender.send(&order(1)).await }
    });
    relay.until("a mail at its dot", |log| log.mails.len() == 1).await;
    first.abort();
    assert!(first.await.is_err());
    gate.add_permits(1);
    assert_eq!(sender.send(&order(2)).await.outcome, Outcome::Accepted);
    assert_eq!(relay.log(|log| log.connections), 2);
}
