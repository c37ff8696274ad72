//! What a reply means, by the phase it came in: the one table from SMTP to outcomes
//! (RFC 5321 section 4.2, RFC 3463 for enhanced codes).

use relink_core::attempt::{Outcome, Reason};
use std::time::Duration;

/// Where in a transaction something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Name look-up, TCP, banner, EHLO, NOOP.
    Connect,
    /// STARTTLS and the handshake.
    Tls,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA and the body, up to the final dot.
    Data,
    /// The final dot and its reply.
    Dot,
}

/// A negative reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// 400 to 599.
    pub(crate) code: u16,
    /// The enhanced code, such as `5.1.1`, when the text begins with one.
    pub(crate) enhanced: Option<(u8, u16, u16)>,
    /// A wait the text asks for ("greylisted, try again in 300 seconds").
    pub(crate) wish: Option<Duration>,
    /// The text says in so many words that nobody has this address.
    pub(crate) says_unknown_user: bool,
}

impl Reply {
    /// Reads code and text. The text is looked at and never kept: servers repeat addresses in it.
    pub(crate) fn read(code: u16, text: &str) -> Self {
        Self {
            code,
            enhanced: enhanced(text),
            wish: wish(text),
            says_unknown_user: says_unknown_user(text),
        }
    }

    /// `550 5.1.1`, for the record.
    pub(crate) fn provider_code(&self) -> String {
        match self.enhanced {
            Some((class, subject, detail)) => format!("{} {class}.{subject}.{detail}", self.code),
            None => self.code.to_string(),
        }
    }
}

/// The least wait after a temporary refusal of sender or recipient: greylisting servers hold a
/// new pair back for about this long, and some start anew when asked sooner.
const GREYLISTING: Duration = Duration::from_secs(5 * 60);

/// The outcome of a negative reply.
pub(crate) fn classify(phase: Phase, reply: &Reply) -> Outcome {
    let deferred = |reason| Outcome::Deferred { reason, retry_after: reply.wish };
    let topic = reply.enhanced.map(|(_, subject, detail)| (subject, detail));
    match (reply.code, phase) {
        (421, _) => deferred(Reason::ProviderBusy),
        (_, Phase::Tls) => deferred(Reason::TlsFailed),
        (530 | 534 | 535 | 538, _) | (_, Phase::Auth) => deferred(Reason::CredentialsRefused),
        (454, _) if topic == Some((7, 0)) => deferred(Reason::CredentialsRefused),
        (_, Phase::Connect) => deferred(Reason::ConnectFailed),
        _ if topic == Some((2, 2)) => deferred(Reason::MailboxFull),
        (450..=452, Phase::Mail | Phase::Rcpt) => Outcome::Deferred {
            reason: Reason::TemporaryRefusal,
            retry_after: Some(reply.wish.unwrap_or_default().max(GREYLISTING)),
        },
        (400..=499, _) => deferred(Reason::TemporaryRefusal),
        _ => permanent(phase, reply, topic),
    }
}

/// A refusal for good. The enhanced code says what about, the basic one only speaks without it.
/// A refused sender is for an operator to mend and nobody's address is blamed for it: the mail
/// waits.
fn permanent(phase: Phase, reply: &Reply, topic: Option<(u16, u16)>) -> Outcome {
    let rejected = |reason| Outcome::Rejected { reason };
    let sender_refused = Outcome::Deferred { reason: Reason::SenderRefused, retry_after: None };
    match (topic, phase) {
        (Some((1 | 2, _)), Phase::Mail) | (Some((1, 7 | 8)), _) => sender_refused,
        (Some((1, 1 | 2 | 3 | 6 | 10) | (2, 1) | (7, 17 | 18)), _) => {
            rejected(Reason::NoSuchRecipient)
        }
        (Some((7, _)), _) => rejected(Reason::PolicyRefused),
        (Some((2, 3) | (3, 4) | (6, _)), _) => rejected(Reason::ContentRefused),
        (Some((5, _)), _) => rejected(Reason::ProtocolError),
        (Some(_) | None, _) if matches!(reply.code, 500..=504 | 555) => {
            rejected(Reason::ProtocolError)
        }
        (Some(_) | None, Phase::Mail) => sender_refused,
        (None, Phase::Rcpt) if reply.says_unknown_user => rejected(Reason::NoSuchRecipient),
        (Some(_) | None, _) if reply.code == 552 => rejected(Reason::ContentRefused),
        // 550 alone is what servers say to an unknown user and to a blocked relay alike: no
        // proof of a dead address.
        (Some(_) | None, _) => rejected(Reason::PolicyRefused),
    }
}

fn enhanced(text: &str) -> Option<(u8, u16, u16)> {
    let word = text.split_whitespace().next()?.trim_start_matches('#').trim_end_matches([':', ',']);
    let mut parts = word.split('.');
    let class: u8 = parts.next()?.parse().ok()?;
    let subject: u16 = parts.next()?.parse().ok()?;
    let detail: u16 = parts.next()?.parse().ok()?;
    let whole = parts.next().is_none() && matches!(class, 4 | 5) && subject < 1000 && detail < 1000;
    whole.then_some((class, subject, detail))
}

/// The longest wait that is believed; what is longer is read wrongly or not meant for a mail.
const LONGEST_WISH: u64 = 24 * 60 * 60;

/// "… 300 seconds", "… 5 minutes": how greylisting servers say when to come back.
fn wish(text: &str) -> Option<Duration> {
    let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    words.windows(2).find_map(|pair| {
        let [number, unit] = pair else { return None };
        let unit = match unit.to_ascii_lowercase().as_str() {
            "s" | "sec" | "secs" | "second" | "seconds" => 1,
            "m" | "min" | "mins" | "minute" | "minutes" => 60,
            "h" | "hour" | "hours" => 3600,
            _ => return None,
        };
        let wish = number.parse::<u64>().ok()?.checked_mul(unit)?;
        (wish <= LONGEST_WISH).then(|| Duration::from_secs(wish))
    })
}

/// Only phrases that leave no doubt: "mailbox unavailable" is also what policy says.
fn says_unknown_user(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["user unknown", "unknown user", "no such user", "unknown recipient", "no such recipient"]
        .iter()
        .any(|phrase| text.contains(phrase))
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
