//! The mail catcher keeps what it took, to the byte, and nothing else.

use crate::support::*;
use relink_core::account::Channel;
use relink_sandbox::{Inbox, MailCatcher};
use tokio_util::sync::{CancellationToken, DropGuard};

async fn catcher() -> (MailCatcher, Inbox, DropGuard) {
    let (inbox, stop) = (Inbox::default(), CancellationToken::new());
    let catcher = MailCatcher::start(ANY, inbox.clone(), stop.clone()).await.unwrap();
    (catcher, inbox, stop.drop_guard())
}

const MAIL: &str = "From: a@example.org\r\nTo: b@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
                    Message-ID: <m1@example.org>\r\nContent-Type: text/plain; charset=utf-8\r\n\
                    Content-Transfer-Encoding: quoted-printable\r\n\r\n\
                    Open https://relink.example.org/r/abc today.\r\n";

#[tokio::test]
async fn a_mail_is_kept_as_it_came_and_as_a_person_reads_it() {
    let (catcher, inbox, _stop) = catcher().await;
    let mut smtp = Smtp::open(catcher.address).await;
    smtp.begin("b@example.org").await;
    smtp.write(MAIL).await;
    assert_eq!(smtp.say(".").await, "250 2.0.0 OK: queued as SANDBOX1");
    assert!(smtp.say("QUIT").await.starts_with("221 "));
    assert!(smtp.is_closed().await);

    let caught = &soon(inbox.wait_for(1)).await[0];
    assert_eq!(
        (caught.number, caught.channel, caught.to.as_str()),
        (1, Channel::Email, "b@example.org")
    );
    assert_eq!((caught.id.as_str(), caught.subject.as_deref()), ("m1@example.org", Some("Grüße")));
    assert_eq!(caught.link(), Some("https://relink.example.org/r/abc"));
    assert_eq!(caught.raw, MAIL.as_bytes());
}

#[tokio::test]
async fn dots_are_unstuffed_and_only_a_line_with_one_ends_the_mail() {
    let (catcher, inbox, _stop) = catcher().await;
    let mut smtp = Smtp::open(catcher.address).await;
    smtp.begin("b@example.org").await;
    smtp.write("\r\n..\r\n..two\r\n.gone\r\na.\r\n\n.\nb\r\n.\r\n").await;
    assert!(smtp.reply().await.starts_with("250 "));
    assert_eq!(inbox.all()[0].raw, b"\r\n.\r\n.two\r\ngone\r\na.\r\n\n\nb\r\n");
}

#[tokio::test]
async fn a_whole_session_in_one_write_is_answered_line_by_line() {
    let (catcher, inbox, _stop) = catcher().await;
    let mut smtp = Smtp::open(catcher.address).await;
    let one =
        "MAIL FROM:<a@x.org>\r\nRCPT TO:<b@x.org>\r\nRCPT TO:<c@x.org>\r\nDATA\r\nhi\r\n.\r\n";
    smtp.write(&format!("{one}{one}NOOP\r\nQUIT\r\n")).await;
    for code in ["250", "250", "250", "354", "250", "250", "250", "250", "354", "250", "250", "221"]
    {
        assert!(smtp.reply().await.starts_with(code));
    }
    let to: Vec<String> = inbox.all().into_iter().map(|caught| caught.to).collect();
    assert_eq!(to, ["b@x.org, c@x.org", "b@x.org, c@x.org"]);
}

#[tokio::test]
async fn commands_out_of_order_are_refused_as_a_real_server_would() {
    let (catcher, inbox, _stop) = catcher().await;
    let mut smtp = Smtp::open(catcher.address).await;
    for command in ["RCPT TO:<b@x.org>", "DATA"] {
        assert!(smtp.say(command).await.starts_with("503 "), "{command}");
    }
    smtp.say("MAIL FROM:<a@x.org>").await;
    assert!(smtp.say("DATA").await.starts_with("503 "), "nobody to send it to");
    assert!(smtp.say("MAIL FROM:<a@x.org>").await.starts_with("503 "), "one at a time");
    smtp.say("RCPT TO:<b@x.org>").await;
    // NOOP leaves a transaction alone; RSET, EHLO and HELO end it.
    assert!(smtp.say("NOOP").await.starts_with("250 "));
    for end in ["RSET", "EHLO again", "HELO again"] {
        assert!(smtp.say(end).await.starts_with("250"));
        assert!(smtp.say("DATA").await.starts_with("503 "), "{end}");
        smtp.say("MAIL FROM:<a@x.org>").await;
        smtp.say("RCPT TO:<b@x.org>").await;
    }
    assert!(smtp.say("DATA").await.starts_with("354 "));
    assert!(smtp.say("hi\r\n.").await.starts_with("250 "));
    assert!(smtp.say("DATA").await.starts_with("503 "), "that mail is done");
    assert!(smtp.say("VRFY b").await.starts_with("502 "));
    assert_eq!(inbox.len(), 1);
}

#[tokio::test]
async fn a_login_is_taken_in_each_of_its_forms_and_junk_is_not() {
    let (catcher, _inbox, _stop) = catcher().await;
    let mut smtp = Smtp::open(catcher.address).await;
    assert!(smtp.say("EHLO test").await.contains("AUTH PLAIN LOGIN"));
    for exchange in [
        &[("AUTH PLAIN AHUAcA==", "235 ")][..],
        &[("auth plain", "334"), ("AHUAcA==", "235 ")],
        &[("AUTH LOGIN", "334 VXNlcm5hbWU6"), ("dQ==", "334 UGFzc3dvcmQ6"), ("cA==", "235 ")],
        &[("AUTH LOGIN dQ==", "334 UGFzc3dvcmQ6"), ("cA==", "235 ")],
        &[("AUTH PLAIN", "334"), ("*", "501 ")],
        &[("AUTH LOGIN not!base64", "501 ")],
        &[("AUTH CRAM-MD5", "504 ")],
        &[("AUTH", "504 ")],
    ] {
        for (say, expected) in exchange {
            let reply = smtp.say(say).await;
            assert!(reply.starts_with(expected), "{say}: {reply}");
        }
    }
}

#[tokio::test]
async fn a_sender_that_leaves_within_the_mail_has_sent_nothing() {
    let (catcher, inbox, _stop) = catcher().await;
    let mut gone = Smtp::open(catcher.address).await;
    gone.begin("b@example.org").await;
    gone.write("half a ma").await;
    drop(gone);
    let mut next = Smtp::open(catcher.address).await;
    next.begin("c@example.org").await;
    assert!(next.say("whole\r\n.").await.starts_with("250 "));
    assert_eq!(inbox.all().len(), 1);
}
