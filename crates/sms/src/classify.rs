//! What Twilio's codes mean for one message. Every code we know stands in one table; what is
//! not there is decided by its family and by the HTTP status.
//!
//! "Known not to have been sent" is claimed only where Twilio says so: a 5xx is a doubt,
//! whatever code comes with it, because the message may have been made before the failure.

use relink_core::attempt::{Outcome, Reason};
use std::time::Duration;

/// What a code means, as long as the answer was a clear refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// Not now; how long to wait is for Twilio or the schedule to say.
    Later(Reason),
    /// Not now, and not before this many hours.
    LaterBy(Reason, u64),
    /// Never.
    Never(Reason),
}

use Meaning::{Later, LaterBy, Never};
use Reason::{
    AccountSuspended, ContentRefused, CredentialsRefused, EndpointWrong, HandsetUnreachable,
    NoSuchRecipient, NotAMobile, OptedOut, PolicyRefused, ProviderBusy, ProviderError,
    QuotaReached, RegionNotEnabled, SenderRefused, TemporaryRefusal,
};

/// Refusals by Twilio's code, in the order of the codes.
const CODES: &[(u32, Meaning)] = &[
    // The API itself.
    (20003, Later(CredentialsRefused)),
    (20005, Later(AccountSuspended)),
    (20404, Later(EndpointWrong)),
    // Documented as never processed.
    (20429, Later(ProviderBusy)),
    // The request.
    (21211, Never(NoSuchRecipient)),
    (21212, Later(SenderRefused)), // the From number is not one
    (21268, Never(NotAMobile)),    // premium number
    (21408, Never(RegionNotEnabled)),
    (21602, Never(ContentRefused)),
    (21603, Later(SenderRefused)), // no From
    (21606, Later(SenderRefused)),
    (21610, Never(OptedOut)),
    (21611, Later(ProviderBusy)),
    (21612, Never(RegionNotEnabled)),
    (21614, Never(NotAMobile)),
    (21617, Never(ContentRefused)),
    (21619, Never(ContentRefused)),
    (21635, Never(NotAMobile)),
    (21659, Later(SenderRefused)), // the From number is not Twilio's
    (21660, Later(SenderRefused)), // the From number is another account's
    (21703, Later(SenderRefused)),
    (21704, Later(SenderRefused)),
    // The carrier.
    (30001, Later(ProviderBusy)),
    (30002, Later(AccountSuspended)),
    (30003, Later(HandsetUnreachable)),
    (30004, Never(PolicyRefused)),
    (30005, Never(NoSuchRecipient)),
    (30006, Never(NotAMobile)),
    // The same text again makes it worse.
    (30007, Never(PolicyRefused)),
    (30008, Later(HandsetUnreachable)),
    (30022, Later(ProviderBusy)),
    // A day's quota, counted to midnight in California.
    (30023, LaterBy(QuotaReached, 1)),
    (30024, Later(SenderRefused)),
    (30032, Later(SenderRefused)),
    (30033, Later(SenderRefused)),
    (30034, Later(SenderRefused)),
    (30035, Later(SenderRefused)),
    (30036, Later(TemporaryRefusal)),
    (30037, Later(AccountSuspended)),
    // Quiet hours and pumping protection of Twilio's own.
    (30047, LaterBy(TemporaryRefusal, 1)),
    (30450, LaterBy(TemporaryRefusal, 4)),
    (30485, LaterBy(TemporaryRefusal, 4)),
    (30500, Later(ProviderBusy)),
    (30610, LaterBy(TemporaryRefusal, 1)),
    (63038, LaterBy(QuotaReached, 1)),
];

/// Whether the table knows `code`. One that it does not know is worth somebody's attention.
pub(crate) fn is_known(code: u32) -> bool {
    meaning(code).is_some()
}

/// What an HTTP answer other than 2xx means.
pub(crate) fn refusal(status: u16, code: Option<u32>, retry_after: Option<Duration>) -> Outcome {
    if status >= 500 || status == 408 {
        return Outcome::Unknown { reason: ProviderError };
    }
    let known = code.and_then(meaning);
    let meaning = known.or_else(|| by_status(status)).or_else(|| code.and_then(by_family));
    outcome(meaning.unwrap_or(Never(ContentRefused)), retry_after)
}

/// What it means that a message was made and has failed already, before any carrier had it.
pub(crate) fn failure(code: Option<u32>) -> Outcome {
    let meaning = code.and_then(|code| meaning(code).or_else(|| by_family(code)));
    outcome(meaning.unwrap_or(Later(TemporaryRefusal)), None)
}

fn meaning(code: u32) -> Option<Meaning> {
    let at = CODES.binary_search_by_key(&code, |(code, _)| *code).ok()?;
    CODES.get(at).map(|(_, meaning)| *meaning)
}

fn by_status(status: u16) -> Option<Meaning> {
    match status {
        429 => Some(Later(ProviderBusy)),
        401 | 403 => Some(Later(CredentialsRefused)),
        402 => Some(Later(AccountSuspended)),
        // Redirects are not followed, and no method or path but one is used.
        300..=399 | 404 | 405 | 410 => Some(Later(EndpointWrong)),
        _ => None,
    }
}

/// Twilio splits its codes now and then: 21xxx are refused requests, 30xxx failed deliveries.
fn by_family(code: u32) -> Option<Meaning> {
    match code {
        21000..=21999 => Some(Never(ContentRefused)),
        30000..=30999 => Some(Later(HandsetUnreachable)),
        _ => None,
    }
}

fn outcome(meaning: Meaning, retry_after: Option<Duration>) -> Outcome {
    match meaning {
        Later(reason) => Outcome::Deferred { reason, retry_after },
        LaterBy(reason, hours) => {
            let at_least = Duration::from_secs(hours * 60 * 60);
            let wait = retry_after.map_or(at_least, |wish| wish.max(at_least));
            Outcome::Deferred { reason, retry_after: Some(wait) }
        }
        Never(reason) => Outcome::Rejected { reason },
    }
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
