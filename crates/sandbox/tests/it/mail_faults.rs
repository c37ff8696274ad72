//! Each fault strikes one mail, at its point, and leaves the inbox as the sender must believe.

use crate::support::*;
use relink_sandbox::{Inbox, MailCatcher, MailFault, Phase};
use tokio_util::sync::CancellationToken;

/// What a sender hears up to the end of one mail; empty where the connection ended.
async fn send(smtp: &mut Smtp) -> Vec<String> {
    let mut heard = Vec::new();
    for line in ["MAIL FROM:<a@x.org>", "RCPT TO:<b@x.org>", "DATA", "hi\r\n."] {
        let reply = smtp.say(line).await;
        heard.push(reply.clone());
        if !reply.starts_with(['2', '3']) {
            break;
        }
    }
    heard
}

#[tokio::test]
async fn a_fault_strikes_at_its_point_and_the_next_mail_goes_through() {
    let (inbox, stop) = (Inbox::default(), CancellationToken::new());
    let catcher = MailCatcher::start(ANY, inbox.clone(), stop.clone()).await.unwrap();
    let _stop = stop.drop_guard();
    let mut kept = 0;
    for (position, phase) in
        [Phase::Mail, Phase::Rcpt, Phase::Data, Phase::Dot].into_iter().enumerate()
    {
        for fault in [MailFault::Refuse(phase, "451 4.7.1 later"), MailFault::HangUp(phase)] {
            catcher.script.push(fault.clone());
            let mut smtp = Smtp::open(catcher.address).await;
            let heard = send(&mut smtp).await;
            assert_eq!(heard.len(), position + 1, "{fault:?}: {heard:?}");
            let last = heard.last().unwrap().as_str();
            match fault {
                MailFault::Refuse(..) => {
                    assert_eq!(last, "451 4.7.1 later");
                    assert!(smtp.say("RSET").await.starts_with("250 "));
                }
                MailFault::HangUp(_)
                | MailFault::AcceptAndHangUp
                | MailFault::AcceptAndStall(_) => {
                    assert_eq!(last, "");
                    smtp = Smtp::open(catcher.address).await;
                }
            }
            assert_eq!(inbox.len(), kept, "{fault:?} kept something");
            assert!(send(&mut smtp).await.last().unwrap().starts_with("250 "));
            kept += 1;
            assert_eq!(inbox.len(), kept);
        }
    }
}

#[tokio::test]
async fn a_mail_can_be_taken_without_an_answer() {
    let (inbox, stop) = (Inbox::default(), CancellationToken::new());
    let catcher = MailCatcher::start(ANY, inbox.clone(), stop.clone()).await.unwrap();
    let _stop = stop.drop_guard();
    catcher.script.push(MailFault::AcceptAndHangUp);
    let heard = send(&mut Smtp::open(catcher.address).await).await;
    assert_eq!((heard.len(), heard[3].as_str()), (4, ""));
    assert_eq!(inbox.len(), 1);
}

#[tokio::test]
async fn a_mail_can_be_taken_with_a_late_answer() {
    let (inbox, stop) = (Inbox::default(), CancellationToken::new());
    let catcher = MailCatcher::start(ANY, inbox.clone(), stop.clone()).await.unwrap();
    let _stop = stop.drop_guard();
    let stall = std::time::Duration::from_millis(300);
    catcher.script.push(MailFault::AcceptAndStall(stall));
    let begun = std::time::Instant::now();
    let heard = send(&mut Smtp::open(catcher.address).await).await;
    assert!(heard[3].starts_with("250 ") && begun.elapsed() >= stall, "{heard:?}");
    assert_eq!(inbox.len(), 1);
}
