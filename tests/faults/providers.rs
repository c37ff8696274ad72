//! Mail server and Twilio that misbehave or are out of reach.

use crate::seen::judge;
use relink_sandbox::{MailFault, Phase, TextFault};
use relink_tests::{Channels, Setup, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn mails_whose_answer_never_came_go_out_once_more_and_no_more() {
    let stage = Stage::open(Setup::shared(60, Channels::Email)).await;
    for _ in 0..10 {
        stage.corner.mail.script.push(MailFault::AcceptAndHangUp);
    }
    let ledger = stage.load(20).finish().await;
    let verdict = judge(&stage, &ledger, "10 mails taken without an answer").await;
    assert_eq!((verdict.doubts, verdict.duplicated), (10, 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_interrupted_before_the_dot_are_no_doubts() {
    let stage = Stage::open(Setup::shared(40, Channels::Email)).await;
    for phase in [Phase::Mail, Phase::Rcpt, Phase::Data] {
        stage.corner.mail.script.push(MailFault::HangUp(phase));
        // Not 451 to sender or recipient: that waits out greylisting, five minutes.
        stage.corner.mail.script.push(MailFault::Refuse(phase, "421 4.3.2 too busy"));
    }
    let ledger = stage.load(20).finish().await;
    let verdict = judge(&stage, &ledger, "mail server hangs up or defers before the dot").await;
    assert_eq!((verdict.doubts, verdict.duplicated), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_in_doubt_are_looked_up_and_never_sent_blindly() {
    let stage = Stage::open(Setup::shared(40, Channels::Sms)).await;
    for _ in 0..5 {
        stage.corner.texts.script.push(TextFault::AcceptAndGarble);
    }
    let ledger = stage.load(20).finish().await;
    let verdict = judge(&stage, &ledger, "5 texts taken with an unreadable answer").await;
    assert_eq!((verdict.doubts, verdict.duplicated), (5, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_busy_costs_time_and_no_message() {
    let stage = Stage::open(Setup::shared(40, Channels::Sms)).await;
    for _ in 0..10 {
        stage.corner.texts.script.push(TextFault::Refuse(429, 20429));
    }
    let ledger = stage.load(20).finish().await;
    let verdict = judge(&stage, &ledger, "Twilio answers 429, 10 times").await;
    // A connection that Twilio closed in the moment of its reuse is a doubt, and looked up.
    assert_eq!(verdict.duplicated, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_out_of_reach_is_reached_later() {
    let stage = Stage::open(Setup::shared(60, Channels::Email)).await;
    stage.mail.cut();
    let load = stage.load(20);
    load.reaches(40).await;
    stage.mail.heal();
    let ledger = load.finish().await;
    let verdict = judge(&stage, &ledger, "mail server out of reach").await;
    assert_eq!((verdict.doubts, verdict.duplicated), (0, 0));
}
