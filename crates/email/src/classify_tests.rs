use super::*;
use Phase::{Auth, Connect, Data, Dot, Mail, Rcpt, Tls};
use Reason::{
    ConnectFailed, ContentRefused, CredentialsRefused, MailboxFull, NoSuchRecipient, PolicyRefused,
    ProtocolError, ProviderBusy, SenderRefused, TemporaryRefusal, TlsFailed,
};
use proptest::prelude::*;

const ALL: [Phase; 7] = [Connect, Tls, Auth, Mail, Rcpt, Data, Dot];
const ABOUT_THE_MAIL: [Phase; 3] = [Rcpt, Data, Dot];

fn later(reason: Reason) -> Outcome {
    Outcome::Deferred { reason, retry_after: None }
}

fn later_by(reason: Reason, seconds: u64) -> Outcome {
    Outcome::Deferred { reason, retry_after: Some(Duration::from_secs(seconds)) }
}

fn never(reason: Reason) -> Outcome {
    Outcome::Rejected { reason }
}

/// Reads "550 5.1.1 text".
fn outcome(phase: Phase, line: &str) -> Outcome {
    let (code, text) = line.split_once(' ').unwrap_or((line, ""));
    classify(phase, &Reply::read(code.parse().unwrap(), text))
}

fn check(rows: &[(&[Phase], &[&str], Outcome)]) {
    for (phases, lines, expected) in rows {
        for (phase, line) in phases.iter().flat_map(|p| lines.iter().map(move |l| (p, l))) {
            assert_eq!(outcome(*phase, line), *expected, "{line} at {phase:?}");
        }
    }
}

#[test]
fn a_relay_that_is_out_of_order_or_refuses_our_set_up_costs_no_try() {
    check(&[
        (&ALL, &["421", "421 4.7.0 too many", "421 4.3.2"], later(ProviderBusy)),
        (&[Connect], &["450", "454", "554 5.3.2", "554 go away", "500"], later(ConnectFailed)),
        (&[Tls], &["454 4.7.0 no TLS", "454", "502 5.5.1", "530 5.7.0"], later(TlsFailed)),
        (
            &[Connect, Auth, Mail, Rcpt, Data, Dot],
            &["530 5.7.0 Authentication required", "534 5.7.9", "535 5.7.8", "535", "538 5.7.11"],
            later(CredentialsRefused),
        ),
        (
            &[Connect, Auth, Mail, Rcpt, Data, Dot],
            &["454 4.7.0 Temporary authentication failure"],
            later(CredentialsRefused),
        ),
        (&[Auth], &["454", "432 4.7.12", "500 5.5.6", "504 5.5.4"], later(CredentialsRefused)),
        (
            &[Mail],
            &[
                "550",
                "553",
                "552",
                "554 no",
                "550 5.1.8 no such domain",
                "501 5.1.7",
                "553 5.1.3",
                "550 5.2.1",
                "555 5.1.0",
            ],
            later(SenderRefused),
        ),
        // Many relays answer for MAIL only once they know the recipient.
        (&ABOUT_THE_MAIL, &["550 5.1.8", "553 5.1.7", "501 5.1.7"], later(SenderRefused)),
    ]);
}

#[test]
fn a_refusal_for_now() {
    check(&[
        (
            &[Mail, Rcpt],
            &["450", "450 4.2.0 Greylisted", "451 4.7.1", "452 4.3.1", "451 in 20 seconds"],
            later_by(TemporaryRefusal, 300),
        ),
        (&[Mail, Rcpt], &["451 4.7.1 come back in 10 minutes"], later_by(TemporaryRefusal, 600)),
        (&[Rcpt, Data, Dot], &["454 4.7.1 Relay access denied", "471"], later(TemporaryRefusal)),
        (&[Data, Dot], &["450", "451 4.3.0", "452 4.3.1", "471 4.7.5"], later(TemporaryRefusal)),
        (&[Dot], &["451 4.7.1 wait 90 seconds"], later_by(TemporaryRefusal, 90)),
        (
            &ABOUT_THE_MAIL,
            &["452 4.2.2", "450 4.2.2 over quota", "552 5.2.2", "554 5.2.2", "550 5.2.2"],
            later(MailboxFull),
        ),
    ]);
}

#[test]
fn a_refusal_for_good() {
    check(&[
        (
            &ABOUT_THE_MAIL,
            &[
                "550 5.1.1",
                "550 5.1.2",
                "553 5.1.3",
                "501 5.1.3 Bad recipient address syntax",
                "551 5.1.6",
                "556 5.1.10 null MX",
                "550 5.2.1 disabled",
                "550 5.7.17",
                "550 5.7.18",
            ],
            never(NoSuchRecipient),
        ),
        (
            &ABOUT_THE_MAIL,
            &["550 5.7.1", "554 5.7.1 spam", "550 5.7.26", "550 5.7.25", "550 5.7.515 low"],
            never(PolicyRefused),
        ),
        (&[Mail], &["550 5.7.1 Access denied", "554 5.7.0"], never(PolicyRefused)),
        (
            &ABOUT_THE_MAIL,
            &["552 5.3.4 too big", "552 5.2.3", "554 5.6.0", "550 5.6.7", "552"],
            never(ContentRefused),
        ),
        (
            &[Mail, Rcpt, Data, Dot],
            &["500", "501 5.5.4", "502", "503 5.5.1 bad sequence", "504", "555 5.5.4", "550 5.5.2"],
            never(ProtocolError),
        ),
    ]);
}

/// Suppressing a living address is worse than asking a dead one once more.
#[test]
fn without_an_enhanced_code_only_clear_words_condemn_an_address() {
    check(&[
        (
            &[Rcpt],
            &[
                "550 User unknown",
                "550 <jo@clinic.example>: Recipient address rejected: User unknown in table",
                "553 sorry, no such user here",
                "551 Unknown recipient",
            ],
            never(NoSuchRecipient),
        ),
        (
            &[Rcpt],
            &[
                "550",
                "550 Requested action not taken: mailbox unavailable",
                "551 User not local",
                "553 sorry, that domain isn't in my list of allowed rcpthosts",
                "554 no",
                "550 5.0.0 rejected, user unknown perhaps",
                "550 5.4.1 Recipient address rejected: Access denied",
            ],
            never(PolicyRefused),
        ),
        (&[Data, Dot], &["550 User unknown", "554 no such user"], never(PolicyRefused)),
    ]);
}

#[test]
fn enhanced_codes() {
    for (text, expected) in [
        ("5.1.1 no", Some((5, 1, 1))),
        ("#5.1.1 no", Some((5, 1, 1))),
        ("5.1.1: no", Some((5, 1, 1))),
        ("4.7.650", Some((4, 7, 650))),
        ("  5.7.26  x", Some((5, 7, 26))),
        ("2.1.5 ok", None),
        ("5.1", None),
        ("5.1.1.1", None),
        ("5.1000.1", None),
        ("5.1.99999999", None),
        ("mail from 5.1.1", None),
        ("192.0.2.1 blocked", None),
        ("5..1", None),
        ("", None),
    ] {
        assert_eq!(enhanced(text), expected, "{text:?}");
    }
    let code = |code, text| Reply::read(code, text).provider_code();
    assert_eq!(code(550, "5.1.1 <jo@clinic.example> gone"), "550 5.1.1");
    assert_eq!(code(550, "jo@clinic.example gone"), "550");
}

#[test]
fn waits() {
    for (text, expected) in [
        ("4.7.1 Greylisted, try again in 300 seconds", Some(300)),
        ("please retry in 5 minutes", Some(300)),
        ("wait 1 minute.", Some(60)),
        ("wait 2 MIN", Some(120)),
        ("again in 1 hour", Some(3600)),
        ("(15 s)", Some(15)),
        ("0 seconds", Some(0)),
        ("86400 seconds", Some(86_400)),
        ("86401 seconds", None),
        ("1441 minutes", None),
        ("99999999999999999999 seconds", None),
        ("18446744073709551615 minutes", None),
        ("-5 x seconds", None),
        ("a few minutes", None),
        ("seconds 5", None),
        ("", None),
    ] {
        assert_eq!(wish(text), expected.map(Duration::from_secs), "{text:?}");
    }
}

/// Servers repeat addresses and names; the reply that goes on to logs and columns has neither.
#[test]
fn nothing_of_the_text_is_kept() {
    let reply = Reply::read(550, "5.1.1 <canary@clinic.example> Canary Jones is unknown");
    let kept = format!("{reply:?} {}", reply.provider_code()).to_lowercase();
    assert!(!kept.contains("canary"), "{kept}");
}

proptest! {
    #[test]
    fn any_refusal_has_an_outcome_of_its_severity(
        code in 400_u16..600,
        phase in prop::sample::select(ALL.to_vec()),
        text in any::<String>(),
    ) {
        let reply = Reply::read(code, &text);
        match classify(phase, &reply) {
            Outcome::Deferred { reason, retry_after } => {
                prop_assert!(code < 500 || reason != TemporaryRefusal);
                prop_assert!(retry_after.is_none_or(|wait| wait <= Duration::from_secs(86_400)));
            }
            Outcome::Rejected { .. } => {
                prop_assert!(code >= 500);
                prop_assert!(!matches!(phase, Connect | Tls | Auth));
            }
            Outcome::Accepted | Outcome::Unknown { .. } => {
                prop_assert!(false, "a reply that was read is never a yes and never a doubt");
            }
        }
    }

    #[test]
    fn only_what_speaks_of_a_recipient_condemns_one(
        code in 500_u16..600,
        phase in prop::sample::select(ALL.to_vec()),
        detail in (0_u16..12, 0_u16..30),
    ) {
        let text = format!("5.{}.{} no", detail.0, detail.1);
        let gone = [(1, 1), (1, 2), (1, 3), (1, 6), (1, 10), (2, 1), (7, 17), (7, 18)];
        if classify(phase, &Reply::read(code, &text)) == never(NoSuchRecipient) {
            prop_assert!(gone.contains(&detail));
            prop_assert!(matches!(phase, Rcpt | Data | Dot));
        }
    }
}
