#![allow(
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "an unexpected answer fails the test"
)]

use super::*;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

fn fault(reason: Reason) -> Evidence {
    Evidence::of_send(&Outcome::Deferred { reason, retry_after: None })
}

fn busy_for(wish: Duration) -> Evidence {
    let reason = Reason::ProviderBusy;
    Evidence::of_send(&Outcome::Deferred { reason, retry_after: Some(wish) })
}

fn pass(breaker: &mut Breaker, now: Duration) -> Pass {
    match breaker.admit(now) {
        Admission::Go(pass) => pass,
        other => panic!("not admitted at {now:?}: {other:?}"),
    }
}

fn deliver(breaker: &mut Breaker, evidence: Evidence, now: Duration) -> Change {
    let pass = pass(breaker, now);
    breaker.ended(&pass, evidence, 0.0, now)
}

/// A breaker that the provider's faults have opened at `now`.
fn opened(now: Duration) -> Breaker {
    let mut breaker = Breaker::default();
    for _ in 1..FAULTS_TO_OPEN {
        assert_eq!(deliver(&mut breaker, fault(Reason::ConnectFailed), now), Change::None);
    }
    let change = deliver(&mut breaker, fault(Reason::ConnectFailed), now);
    let trouble = Trouble { fault: Fault::Provider, reason: Reason::ConnectFailed };
    assert_eq!(change, Change::Opened(trouble));
    assert_eq!(breaker.trouble(), Some(trouble));
    breaker
}

#[test]
fn what_each_end_of_a_send_shows() {
    let deferred = |reason| Outcome::Deferred { reason, retry_after: None };
    let shows = |outcome: Outcome| match Evidence::of_send(&outcome) {
        Evidence::Works => "works",
        Evidence::Fault { trouble: Trouble { fault: Fault::Provider, .. }, .. } => "provider",
        Evidence::Fault { trouble: Trouble { fault: Fault::Configuration, .. }, .. } => "setup",
        Evidence::Nothing => "nothing",
    };
    for (outcome, expected) in [
        (Outcome::Accepted, "works"),
        (Outcome::Rejected { reason: Reason::NoSuchRecipient }, "works"),
        (deferred(Reason::TemporaryRefusal), "works"),
        (deferred(Reason::MailboxFull), "works"),
        (deferred(Reason::ConnectFailed), "provider"),
        (deferred(Reason::TlsFailed), "provider"),
        (deferred(Reason::ProviderBusy), "provider"),
        (deferred(Reason::QuotaReached), "provider"),
        (Outcome::Unknown { reason: Reason::ProviderError }, "provider"),
        (Outcome::Unknown { reason: Reason::Crashed }, "nothing"),
        (deferred(Reason::CredentialsRefused), "setup"),
        (deferred(Reason::AccountSuspended), "setup"),
        (deferred(Reason::SenderRefused), "setup"),
        (deferred(Reason::EndpointWrong), "setup"),
    ] {
        assert_eq!(shows(outcome.clone()), expected, "{outcome:?}");
    }
}

#[test]
fn a_look_at_the_list_never_closes_and_its_failure_counts() {
    let found = LookUp::Found { provider_message_id: "SM1".into() };
    for nothing in [
        found,
        LookUp::Absent,
        LookUp::Refused { reason: Reason::NotAMobile },
        LookUp::Unavailable { reason: Reason::NoUsableChannel },
    ] {
        assert_eq!(Evidence::of_look_up(&nothing), Evidence::Nothing, "{nothing:?}");
    }
    for (reason, expected) in [
        (Reason::ConnectFailed, Fault::Provider),
        (Reason::ProviderError, Fault::Provider),
        (Reason::CredentialsRefused, Fault::Configuration),
    ] {
        let trouble = Trouble { fault: expected, reason };
        let shown = Evidence::of_look_up(&LookUp::Unavailable { reason });
        assert_eq!(shown, Evidence::Fault { trouble, wish: None });
    }
}

#[test]
fn a_success_between_two_faults_starts_the_count_anew() {
    let mut breaker = Breaker::default();
    for _ in 0..5 {
        for _ in 1..FAULTS_TO_OPEN {
            deliver(&mut breaker, fault(Reason::ProviderBusy), SECOND);
        }
        deliver(&mut breaker, Evidence::Works, SECOND);
    }
    assert_eq!(breaker.trouble(), None);
}

#[test]
fn open_it_lets_one_probe_go_every_half_minute_and_closes_at_its_success() {
    let mut breaker = opened(SECOND);
    let mut now = SECOND;
    for _ in 0..3 {
        let due = now + PROBE_EVERY;
        assert_eq!(breaker.admit(now), Admission::NotBefore(due));
        now = due;
        let probe = pass(&mut breaker, now);
        assert_eq!(breaker.admit(now), Admission::AfterTheProbe);
        assert_eq!(breaker.ended(&probe, fault(Reason::TlsFailed), 0.0, now), Change::None);
    }
    let probe = pass(&mut breaker, now + PROBE_EVERY);
    let change = breaker.ended(&probe, Evidence::Works, 0.0, now + PROBE_EVERY);
    assert_eq!((change, breaker.trouble()), (Change::Closed, None));
}

#[test]
fn a_refused_set_up_pauses_at_once_and_is_probed_rarely() {
    let mut breaker = Breaker::default();
    let change = deliver(&mut breaker, fault(Reason::CredentialsRefused), SECOND);
    let trouble = Trouble { fault: Fault::Configuration, reason: Reason::CredentialsRefused };
    assert_eq!(change, Change::Opened(trouble));
    assert_eq!(breaker.admit(SECOND), Admission::NotBefore(SECOND + PROBE_SETUP_EVERY));
}

#[test]
fn an_outage_behind_which_a_refused_set_up_shows_is_said_anew() {
    let mut breaker = opened(SECOND);
    let change = deliver(&mut breaker, fault(Reason::SenderRefused), SECOND + PROBE_EVERY);
    let trouble = Trouble { fault: Fault::Configuration, reason: Reason::SenderRefused };
    assert_eq!((change, breaker.trouble()), (Change::Opened(trouble), Some(trouble)));
}

#[test]
fn the_providers_wish_counts_within_bounds() {
    for (wish, expected) in [
        (Duration::ZERO, SECOND),
        (17 * SECOND, 17 * SECOND),
        (Duration::from_secs(900), Duration::from_secs(900)),
        (Duration::from_secs(1_000_000), LONGEST_WISH),
        (Duration::MAX, LONGEST_WISH),
    ] {
        let mut breaker = Breaker::default();
        for _ in 0..FAULTS_TO_OPEN {
            deliver(&mut breaker, busy_for(wish), SECOND);
        }
        assert_eq!(breaker.admit(SECOND), Admission::NotBefore(SECOND + expected), "{wish:?}");
    }
}

#[test]
fn jitter_adds_a_tenth_at_most() {
    let mut breaker = Breaker::default();
    let pass = pass(&mut breaker, SECOND);
    breaker.ended(&pass, fault(Reason::CredentialsRefused), 1.0, SECOND);
    let due = SECOND + PROBE_SETUP_EVERY.mul_f64(1.1);
    assert_eq!(breaker.admit(SECOND), Admission::NotBefore(due));
}

#[test]
fn a_late_result_of_a_send_begun_before_neither_closes_nor_opens() {
    let mut breaker = Breaker::default();
    let (good, bad) = (pass(&mut breaker, SECOND), pass(&mut breaker, SECOND));
    for _ in 0..FAULTS_TO_OPEN {
        deliver(&mut breaker, fault(Reason::ConnectFailed), SECOND);
    }
    assert_eq!(breaker.ended(&good, Evidence::Works, 0.0, SECOND), Change::None);
    assert!(breaker.trouble().is_some());
    let now = SECOND + PROBE_EVERY;
    assert_eq!(deliver(&mut breaker, Evidence::Works, now), Change::Closed);
    let late = fault(Reason::CredentialsRefused);
    assert_eq!(breaker.ended(&bad, late, 0.0, now), Change::None);
    assert_eq!(breaker.trouble(), None);
}

#[test]
fn a_probe_that_asked_nobody_leaves_its_place_to_the_next() {
    let mut breaker = opened(SECOND);
    let now = SECOND + PROBE_EVERY;
    assert_eq!(deliver(&mut breaker, Evidence::Nothing, now), Change::None);
    assert!(breaker.trouble().is_some());
    assert_eq!(deliver(&mut breaker, Evidence::Works, now), Change::Closed);
}

/// How many go in each of the first seconds after a return, all being there at once.
fn after_a_return(evidence: Evidence) -> Vec<u32> {
    let mut breaker = opened(SECOND);
    let start = SECOND + PROBE_EVERY;
    deliver(&mut breaker, Evidence::Works, start);
    let mut counts = vec![0; 62];
    let mut now = start;
    while now < start + Duration::from_secs(62) {
        match breaker.admit(now) {
            Admission::Go(pass) => {
                breaker.ended(&pass, evidence, 0.0, now);
                counts[usize::try_from((now - start).as_secs()).unwrap()] += 1;
                // Whoever is without a bound still takes some time.
                now += Duration::from_micros(100);
            }
            Admission::NotBefore(at) => now = at,
            Admission::AfterTheProbe => panic!("no probe is under way"),
        }
    }
    counts
}

#[test]
fn after_a_return_sends_are_spread_and_their_number_grows() {
    let counts = after_a_return(Evidence::Works);
    assert!((10..=21).contains(&counts[0]), "{counts:?}");
    for (second, expected) in [(5, 10), (15, 20), (25, 40), (35, 80), (45, 160), (55, 320)] {
        assert!(counts[second].abs_diff(expected) <= expected / 4 + 1, "{counts:?}");
    }
    assert!(counts[61] > 5_000, "unbounded in the end: {counts:?}");
}

#[test]
fn what_was_not_sent_after_all_does_not_use_up_the_return() {
    assert!(after_a_return(Evidence::Nothing)[0] > 5_000);
}

#[derive(Debug, Clone)]
enum Move {
    Ask,
    End { which: usize, evidence: Evidence, jitter: f64 },
    Wait(u64),
}

fn any_evidence() -> impl Strategy<Value = Evidence> {
    let reason = prop::sample::select(Reason::ALL);
    let wish = prop::option::of((0..100_000_u64).prop_map(Duration::from_secs));
    prop_oneof![
        Just(Evidence::Works),
        Just(Evidence::Nothing),
        (reason, wish)
            .prop_map(|(reason, wish)| Evidence::Fault { trouble: trouble(reason), wish }),
    ]
}

fn any_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        3 => Just(Move::Ask),
        3 => (0..64_usize, any_evidence(), 0.0..1.0_f64)
            .prop_map(|(which, evidence, jitter)| Move::End { which, evidence, jitter }),
        1 => (0..400_000_u64).prop_map(Move::Wait),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_at_most_one_probe_is_under_way_and_there_is_a_way_out(
        moves in prop::collection::vec(any_move(), 0..200),
    ) {
        let mut breaker = Breaker::default();
        let mut now = Duration::ZERO;
        let mut in_hand: Vec<Pass> = Vec::new();
        // Admitted while in trouble, and still counting.
        let mut probe: Option<u64> = None;
        for it in moves {
            match it {
                Move::Ask => {
                    let troubled = breaker.trouble().is_some();
                    match breaker.admit(now) {
                        Admission::Go(pass) => {
                            if troubled {
                                prop_assert!(probe.is_none(), "a second probe");
                                probe = Some(pass.era);
                            }
                            in_hand.push(pass);
                        }
                        Admission::NotBefore(at) => prop_assert!(at > now && at <= now + LONGEST_WISH.mul_f64(1.1)),
                        Admission::AfterTheProbe => prop_assert!(probe.is_some(), "waits for nobody"),
                    }
                }
                Move::End { which, evidence, jitter } if !in_hand.is_empty() => {
                    let pass = in_hand.swap_remove(which % in_hand.len());
                    let before = breaker.trouble();
                    let change = breaker.ended(&pass, evidence, jitter, now);
                    let was_probe = probe == Some(pass.era);
                    if was_probe {
                        probe = None;
                    }
                    if change == Change::Closed {
                        prop_assert!(was_probe && evidence == Evidence::Works);
                    }
                    // While in trouble only the probe changes anything.
                    prop_assert!(before.is_none() || was_probe || breaker.trouble() == before);
                }
                Move::End { .. } => {}
                Move::Wait(millis) => now += Duration::from_millis(millis),
            }
        }
        // Whatever is in hand ends, the provider works again: soon everything goes.
        for pass in in_hand {
            breaker.ended(&pass, Evidence::Nothing, 1.0, now);
        }
        now += LONGEST_WISH * 2;
        deliver(&mut breaker, Evidence::Works, now);
        prop_assert_eq!(breaker.trouble(), None);
        prop_assert!(matches!(breaker.admit(now), Admission::Go(_)));
    }
}
