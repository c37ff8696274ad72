//! What travels between roles, in a form that the previous and the next release can read.
//! Version 1 of each form is pinned by a golden text in the tests.

use crate::account::Channel;
use crate::attempt::{Outcome, OutcomeKind, Reason};
use crate::id::{NotificationId, StepId};
use crate::sender::Sent;
use crate::signal::Signal;
use crate::words::words;
use serde::{Deserialize, Serialize};
use std::time::Duration;

words! {
    /// A stream of messages between roles; also the routing key.
    pub enum Topic {
        /// Receiver to planner.
        Signals = "signals",
        /// Scheduler to email workers.
        SendEmail = "send.email",
        /// Scheduler to SMS workers.
        SendSms = "send.sms",
        /// Scheduler to the workers that tell the app.
        SendInApp = "send.in_app",
    }
}

impl Topic {
    /// What due notifications travel on.
    pub const SENDS: [Self; 3] = [Self::SendEmail, Self::SendSms, Self::SendInApp];

    /// Where due notifications of `channel` travel.
    pub fn for_channel(channel: Channel) -> Self {
        match channel {
            Channel::Email => Self::SendEmail,
            Channel::Sms => Self::SendSms,
            Channel::InApp => Self::SendInApp,
        }
    }
}

/// The version this release writes and the newest it can read. It reads the one before as well,
/// so that old and new processes work side by side while a release is rolled out.
pub const VERSION: u32 = 1;

/// A signal on its way to the planner, and in the spool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalMessage {
    /// Version of this form.
    pub v: u32,
    /// The signal.
    pub signal: Signal,
}

/// The id of a notification that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueMessage {
    /// Version of this form.
    pub v: u32,
    /// Which notification.
    pub notification_id: NotificationId,
}

/// How an attempt ended, kept by a worker whose store does not answer. Stays on one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeMessage {
    /// Version of this form.
    pub v: u32,
    /// Which notification.
    pub notification_id: NotificationId,
    /// The attempt's number.
    pub number: u32,
    /// The fence of its lease: who took over since is not overwritten.
    pub fence: i64,
    /// Over what.
    pub channel: Channel,
    /// The policy step.
    pub step: StepId,
    /// Whether an earlier message of the case had gone out.
    pub reminder: bool,
    /// How it ended.
    pub outcome: OutcomeKind,
    /// Why.
    pub reason: Reason,
    /// The provider's wish, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// The provider's id of the message.
    pub provider_message_id: Option<String>,
    /// The provider's own code.
    pub provider_code: Option<String>,
    /// How long the send took, in milliseconds.
    pub took_ms: u64,
}

impl OutcomeMessage {
    /// The bytes that are kept.
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// # Errors
    /// See [`WireError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        decode(bytes)
    }

    /// What was handed in to be kept.
    pub fn sent(&self) -> Sent {
        let reason = self.reason;
        let retry_after = self.retry_after_ms.map(Duration::from_millis);
        let outcome = match self.outcome {
            OutcomeKind::Accepted => Outcome::Accepted,
            OutcomeKind::Deferred => Outcome::Deferred { reason, retry_after },
            OutcomeKind::Rejected => Outcome::Rejected { reason },
            OutcomeKind::Unknown => Outcome::Unknown { reason },
        };
        let Self { provider_message_id, provider_code, .. } = self.clone();
        Sent { outcome, provider_message_id, provider_code }
    }
}

/// Why bytes from the queue could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not one of our forms: to the dead letters at once.
    #[error("not a message of this system: {0}")]
    Malformed(String),
    /// Written by a newer release: to be tried again, the upgrade may be under way.
    #[error("written in version {0}, newer than the {VERSION} this release reads")]
    Newer(u32),
}

impl SignalMessage {
    /// The bytes that are spooled and published.
    pub fn encode(signal: &Signal) -> Vec<u8> {
        encode(&Self { v: VERSION, signal: signal.clone() })
    }

    /// # Errors
    /// See [`WireError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        decode(bytes)
    }
}

impl DueMessage {
    /// The bytes that are published.
    pub fn encode(notification_id: NotificationId) -> Vec<u8> {
        encode(&Self { v: VERSION, notification_id })
    }

    /// # Errors
    /// See [`WireError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        decode(bytes)
    }
}

#[expect(
    clippy::expect_used,
    reason = "invariant: these types hold only text, numbers and options of them"
)]
fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    serde_json::to_vec(message).expect("invariant: a message of ours always serialises")
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, WireError> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    let malformed = |error: serde_json::Error| {
        // The position is enough to find it; the text may hold what must not be logged.
        WireError::Malformed(format!("line {} column {}", error.line(), error.column()))
    };
    let Version { v } = serde_json::from_slice(bytes).map_err(malformed)?;
    understood(v, VERSION)?;
    serde_json::from_slice(bytes).map_err(malformed)
}

/// Whether a release that writes `newest` reads `v`: its own, and the one before.
fn understood(v: u32, newest: u32) -> Result<(), WireError> {
    let oldest = newest.saturating_sub(1).max(1);
    match v {
        newer if newer > newest => Err(WireError::Newer(newer)),
        older if older < oldest => Err(WireError::Malformed(format!(
            "version {older}, and this release reads {oldest} to {newest}"
        ))),
        _understood => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_reads_its_own_version_and_the_one_before() {
        for (newest, read, newer) in [
            (1, &[1][..], &[2, 3][..]),
            (2, &[1, 2], &[3]),
            (3, &[2, 3], &[4]),
            (9, &[8, 9], &[10]),
        ] {
            for v in 0..=newest + 1 {
                let answer = understood(v, newest);
                assert_eq!(answer.is_ok(), read.contains(&v), "{v} by {newest}");
                assert_eq!(
                    answer == Err(WireError::Newer(v)),
                    newer.contains(&v),
                    "{v} by {newest}"
                );
            }
        }
        let error = DueMessage::decode(br#"{"v":0}"#).unwrap_err().to_string();
        assert!(error.contains("version 0"), "{error}");
    }

    const SIGNAL_V1: &str = r#"{"v":1,"signal":{"event_id":"evt-1","account_ref":"clinic_1","kind":"login_required","source":"cobalt_webhook","occurred_at":"2025-10-21T14:30:00Z","received_at":"2025-10-21T14:30:01Z","emr_instance_domain":"https://your-emr-instance.com","error_type":"password_expired","digest":"00ff","trace":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}"#;
    const DUE_V1: &str = r#"{"v":1,"notification_id":"2639c97f-0d8e-56e7-a3f0-48f01b3f9f71"}"#;

    const OUTCOME_V1: &str = r#"{"v":1,"notification_id":"2639c97f-0d8e-56e7-a3f0-48f01b3f9f71","number":2,"fence":7,"channel":"email","step":"first","reminder":false,"outcome":"deferred","reason":"provider_busy","retry_after_ms":30000,"provider_message_id":null,"provider_code":"421 4.7.0","took_ms":120}"#;

    #[test]
    fn version_one_is_read_and_written_to_the_letter() {
        let signal = SignalMessage::decode(SIGNAL_V1.as_bytes()).unwrap();
        assert_eq!(SignalMessage::encode(&signal.signal), SIGNAL_V1.as_bytes());
        let due = DueMessage::decode(DUE_V1.as_bytes()).unwrap();
        assert_eq!(DueMessage::encode(due.notification_id), DUE_V1.as_bytes());
        let outcome = OutcomeMessage::decode(OUTCOME_V1.as_bytes()).unwrap();
        assert_eq!(outcome.encode(), OUTCOME_V1.as_bytes());
        let retry_after = Some(Duration::from_secs(30));
        let busy = Outcome::Deferred { reason: Reason::ProviderBusy, retry_after };
        assert_eq!(outcome.sent().outcome, busy);
    }

    #[test]
    fn unknown_fields_are_tolerated_and_newer_versions_told_from_junk() {
        let more = DUE_V1.replace("}", r#","later":"field"}"#);
        assert!(DueMessage::decode(more.as_bytes()).is_ok());
        assert_eq!(DueMessage::decode(br#"{"v":2}"#), Err(WireError::Newer(2)));
        for junk in [&b""[..], b"[]", b"{\"v\":-1}", b"\xff\xfe", b"{\"v\":1}"] {
            assert!(matches!(DueMessage::decode(junk), Err(WireError::Malformed(_))));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_decoding_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
            let _ = SignalMessage::decode(&bytes);
            let _ = DueMessage::decode(&bytes);
            let _ = OutcomeMessage::decode(&bytes);
        }
    }
}

#[cfg(test)]
#[path = "wire_fuzz.rs"]
mod fuzz;
