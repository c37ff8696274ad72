//! The decisions of reconciling, as tables.

use super::*;
use crate::id::CaseId;
use crate::time::from_millis;
use proptest::prelude::*;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Minutes after some morning.
fn at(minutes: i64) -> Timestamp {
    from_millis(1_767_225_600_000 + minutes * 60_000)
}

fn listed(event: &str, account: &str, kind: SignalKind) -> Signal {
    Signal {
        event_id: EventId::parse(event).unwrap(),
        account_ref: AccountRef::parse(account).unwrap(),
        kind,
        source: SignalSource::Reconcile,
        occurred_at: at(0),
        received_at: at(0),
        emr_instance_domain: None,
        error_type: None,
        digest: LISTED.to_owned(),
        trace: None,
    }
}

fn closed(reason: CloseReason, closed_at: Timestamp) -> Case {
    let signal = listed("e", "a", SignalKind::LoginRequired);
    Case {
        id: CaseId::opened_by(&signal.event_id),
        account_ref: signal.account_ref,
        kind: signal.kind,
        opened_at: at(-100),
        expires_at: at(100),
        hold: None,
        closed_at: Some(closed_at),
        close_reason: Some(reason),
        signals: 1,
        emr_instance_domain: None,
        error_type: None,
    }
}

#[test]
fn a_round_looks_back_over_the_last_one_and_the_first_as_far_as_told() {
    assert_eq!(window_start(None, at(0), DAY), at(-24 * 60));
    assert_eq!(window_start(Some(at(-10)), at(0), DAY), at(-10 - 48 * 60));
    assert_eq!(window_start(Some(at(10)), at(0), DAY), at(-48 * 60));
    // However long ago that was.
    assert_eq!(window_start(Some(at(-999_999)), at(0), DAY), at(-999_999 - 48 * 60));
}

#[test]
fn a_round_is_due_at_once_after_a_start_and_then_every_so_often() {
    let every = 10 * MINUTE;
    for (mark, now, expected) in [
        (None, 0, Duration::ZERO),
        // Of an earlier life.
        (Some(-1), 0, Duration::ZERO),
        (Some(0), 0, every),
        (Some(0), 4, 6 * MINUTE),
        (Some(0), 10, Duration::ZERO),
        (Some(0), 999, Duration::ZERO),
        // A mark in the future, after the clock was set back, does not stop the rounds.
        (Some(9_999), 0, Duration::ZERO),
    ] {
        assert_eq!(due_in(mark.map(at), at(0), at(now), every), expected, "{mark:?} {now}");
    }
}

#[test]
fn an_event_is_missed_known_contradicted_or_too_young() {
    let signal = listed("e", "a", SignalKind::LoginRequired);
    let posted = KnownEvent { digest: "of the webhook".to_owned(), ..KnownEvent::from(&signal) };
    let elsewhere = KnownEvent { account_ref: AccountRef::parse("b").unwrap(), ..posted.clone() };
    let warned = KnownEvent { kind: SignalKind::PasswordChangeWarning, ..posted.clone() };
    for (known, minutes, verdict) in [
        (None, 2, Verdict::Missed),
        (None, 1, Verdict::TooYoung),
        // Of the future, by Cobalt's clock.
        (None, -5, Verdict::TooYoung),
        (Some(&posted), 0, Verdict::Known),
        (Some(&posted), 99, Verdict::Known),
        (Some(&elsewhere), 0, Verdict::Contradicts),
        (Some(&warned), 99, Verdict::Contradicts),
    ] {
        let judged = judge(&signal, known, at(minutes), LEFT_TO_WEBHOOK);
        assert_eq!(judged, verdict, "{known:?} {minutes}");
    }
    assert_eq!(judge(&signal, None, at(0), Duration::ZERO), Verdict::Missed);
}

#[test]
fn two_webhooks_are_compared_by_their_bytes_and_the_list_by_what_it_says() {
    let known = KnownEvent::from(&listed("e", "a", SignalKind::LoginRequired));
    let webhook = |digest: &str, account: &str| Signal {
        digest: digest.to_owned(),
        ..listed("e", account, SignalKind::LoginRequired)
    };
    assert!(!known.contradicts(&webhook("one", "a")));
    assert!(known.contradicts(&webhook("one", "b")));
    let known = KnownEvent::from(&webhook("one", "a"));
    assert!(!known.contradicts(&webhook("one", "a")));
    assert!(known.contradicts(&webhook("two", "a")));
}

#[test]
fn a_refusal_is_news_unless_somebody_is_told_already_or_its_last_case_still_counts() {
    let open = Case { closed_at: None, close_reason: None, ..closed(CloseReason::Repaired, at(0)) };
    for (last, minutes, news) in [
        (None, 0, true),
        (Some(open), 999, false),
        (Some(closed(CloseReason::Operator, at(0))), 99, false),
        (Some(closed(CloseReason::Operator, at(0))), 100, true),
        // Closed while the round was under way.
        (Some(closed(CloseReason::Expired, at(100))), 100, false),
        (Some(closed(CloseReason::Expired, at(100))), 101, true),
        (Some(closed(CloseReason::AccountDeleted, at(0))), 0, false),
        (Some(closed(CloseReason::AccountDeleted, at(0))), 1, true),
        (Some(closed(CloseReason::Repaired, at(0))), 9, false),
        (Some(closed(CloseReason::Repaired, at(0))), 10, true),
    ] {
        assert_eq!(refusal_is_news(last.as_ref(), at(minutes)), news, "{last:?} {minutes}");
    }
}

#[test]
fn a_refusal_is_one_event_until_the_next_case_has_ended() {
    let account = AccountRef::parse("a").unwrap();
    let id = |last: Option<&Case>, minutes| {
        signal_of_refusal(&account, last, at(minutes)).unwrap().event_id
    };
    let (first, second) =
        (closed(CloseReason::Repaired, at(0)), closed(CloseReason::Repaired, at(1)));
    assert_eq!(id(None, 1), id(None, 2));
    assert_eq!(id(Some(&first), 1), id(Some(&first), 2));
    assert_ne!(id(None, 1), id(Some(&first), 1));
    assert_ne!(id(Some(&first), 1), id(Some(&second), 1));
}

proptest! {
    #[test]
    fn waits_grow_to_the_interval_and_never_beyond(
        failures in 0..u32::MAX, every in 30_u64..100_000, jitter in -1.0..2.0_f64,
    ) {
        let every = Duration::from_secs(every);
        let wait = wait_after_failures(failures, every, jitter);
        prop_assert!(wait <= every);
        prop_assert!(wait >= (FIRST_WAIT / 2).min(every / 2));
    }

    #[test]
    fn no_moment_makes_a_decision_panic(mark: i64, up: i64, now: i64, every: u64) {
        let every = Duration::from_millis(every);
        let (mark, up, now) = (from_millis(mark), from_millis(up), from_millis(now));
        prop_assert!(due_in(Some(mark), up, now, every) <= every);
        prop_assert!(window_start(Some(mark), now, every) <= mark);
        prop_assert!(window_start(None, now, every) <= now);
    }
}
