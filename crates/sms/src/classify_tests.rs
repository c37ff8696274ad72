use super::*;

fn later(reason: Reason) -> Outcome {
    Outcome::Deferred { reason, retry_after: None }
}

fn later_by(reason: Reason, hours: u64) -> Outcome {
    Outcome::Deferred { reason, retry_after: Some(Duration::from_secs(hours * 3600)) }
}

fn never(reason: Reason) -> Outcome {
    Outcome::Rejected { reason }
}

fn unknown() -> Outcome {
    Outcome::Unknown { reason: ProviderError }
}

/// Twilio's published meanings, once more and in another order, so that a slip shows.
#[test]
fn every_code_that_twilio_documents() {
    let groups: Vec<(&[u32], Outcome)> = vec![
        (&[20429, 30001, 21611, 30022, 30500], later(ProviderBusy)),
        (&[20003], later(CredentialsRefused)),
        (&[20005, 30002, 30037], later(AccountSuspended)),
        (&[20404], later(EndpointWrong)),
        (&[21211, 30005], never(NoSuchRecipient)),
        (&[21614, 21635, 21268, 30006], never(NotAMobile)),
        (&[21610], never(OptedOut)),
        (&[21408, 21612], never(RegionNotEnabled)),
        (&[21617, 21602, 21619], never(ContentRefused)),
        (
            &[21606, 21703, 21704, 30024, 30034, 30032, 30033, 30035, 21212, 21603, 21659, 21660],
            later(SenderRefused),
        ),
        (&[30023, 63038], later_by(QuotaReached, 1)),
        (&[30003, 30008], later(HandsetUnreachable)),
        (&[30004, 30007], never(PolicyRefused)),
        (&[30036], later(TemporaryRefusal)),
        (&[30450, 30485], later_by(TemporaryRefusal, 4)),
        (&[30610, 30047], later_by(TemporaryRefusal, 1)),
    ];
    let mut count = 0;
    for (codes, expected) in groups {
        for code in codes {
            assert!(is_known(*code), "{code}");
            assert_eq!(refusal(400, Some(*code), None), expected, "{code} as an answer");
            assert_eq!(failure(Some(*code)), expected, "{code} of a message");
            count += 1;
        }
    }
    assert_eq!(count, CODES.len(), "a code of the table is not covered here");
    assert!(CODES.is_sorted_by(|(a, _), (b, _)| a < b), "searched by halving");
}

#[test]
fn a_status_without_a_known_code() {
    for (status, code, expected) in [
        (429, None, later(ProviderBusy)),
        (401, None, later(CredentialsRefused)),
        (403, Some(20403), later(CredentialsRefused)),
        (402, None, later(AccountSuspended)),
        (302, None, later(EndpointWrong)),
        (404, None, later(EndpointWrong)),
        (405, Some(20004), later(EndpointWrong)),
        (400, None, never(ContentRefused)),
        (400, Some(21999), never(ContentRefused)),
        (400, Some(30999), later(HandsetUnreachable)),
        (400, Some(99999), never(ContentRefused)),
        (422, None, never(ContentRefused)),
        (408, None, unknown()),
        (500, None, unknown()),
        (503, None, unknown()),
        // A doubt, whatever the code says.
        (500, Some(21211), unknown()),
        (503, Some(20429), unknown()),
    ] {
        assert_eq!(refusal(status, code, None), expected, "{status} {code:?}");
    }
    // A known code is nearer to the matter than the status.
    assert_eq!(refusal(403, Some(21610), None), never(OptedOut));
    assert_eq!(failure(None), later(TemporaryRefusal));
    assert_eq!(failure(Some(99999)), later(TemporaryRefusal));
}

#[test]
fn twilios_own_wish_is_passed_on_and_never_shortens_ours() {
    let wish = Duration::from_secs(17);
    assert_eq!(
        refusal(429, Some(20429), Some(wish)),
        Outcome::Deferred { reason: ProviderBusy, retry_after: Some(wish) }
    );
    assert_eq!(refusal(400, Some(30450), Some(wish)), later_by(TemporaryRefusal, 4));
    let day = Duration::from_secs(24 * 3600);
    assert_eq!(
        refusal(429, Some(63038), Some(day)),
        Outcome::Deferred { reason: QuotaReached, retry_after: Some(day) }
    );
}

proptest::proptest! {
    #[test]
    fn a_5xx_is_always_a_doubt_and_a_4xx_never_a_success(status in 400_u16..600, code in proptest::option::of(0_u32..100_000)) {
        let outcome = refusal(status, code, None);
        proptest::prop_assert_eq!(status >= 500 || status == 408, outcome == unknown());
        proptest::prop_assert_ne!(outcome, Outcome::Accepted);
    }
}
