//! Names of things, each its own type, so that an event id can never be passed where a case id
//! is wanted. Parsed once at the border; nothing inside checks them again.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Namespace of every id that is derived from other ids (RFC 9562, version 5).
const NAMESPACE: Uuid = Uuid::from_u128(0x5f0f_8a4e_6c1d_4d7b_9a52_0d8e_52e1_1f5a);

/// A value from outside that does not have the shape its name promises.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct InvalidValue {
    what: &'static str,
    why: String,
}

impl InvalidValue {
    /// `why` must not repeat a secret or an address: it is shown and logged.
    pub fn new(what: &'static str, why: impl Into<String>) -> Self {
        Self { what, why: why.into() }
    }

    pub(crate) fn not_one_of(what: &'static str, got: &str, words: &[&str]) -> Self {
        let got: String = got.chars().filter(|c| !c.is_control()).take(40).collect();
        Self::new(what, format!("\"{got}\" is not one of {}", words.join(", ")))
    }

    /// What the value was meant to be.
    pub fn what(&self) -> &'static str {
        self.what
    }
}

/// Defines an opaque text id: 1 to `$max` bytes, printable, no control characters.
macro_rules! text_id {
    ($(#[$meta:meta])* $name:ident, $max:literal) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The longest accepted id, in bytes.
            pub const MAX_BYTES: usize = $max;

            /// Accepts any non-empty text up to [`Self::MAX_BYTES`] without control characters.
            ///
            /// # Errors
            /// [`InvalidValue`] says what is wrong with it.
            pub fn parse(text: &str) -> Result<Self, InvalidValue> {
                if text.is_empty() {
                    return Err(InvalidValue::new(stringify!($name), "is empty"));
                }
                if text.len() > $max {
                    return Err(InvalidValue::new(
                        stringify!($name), format!("is longer than {} bytes", $max)));
                }
                if text.chars().any(char::is_control) {
                    return Err(InvalidValue::new(
                        stringify!($name), "contains a control character"));
                }
                Ok(Self(text.to_owned()))
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidValue;
            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                Self::parse(text)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_id!(
    /// The signed body `id` of an event: the key that makes receiving idempotent. Opaque:
    /// dashed UUIDs, 32 hex digits and other shapes all occur.
    EventId, 200
);
text_id!(
    /// Cobalt's `access_token_reference_id`: the customer's own name for one linked account.
    AccountRef, 200
);
text_id!(
    /// One contact of an account, named by the customer; unique within its account.
    ContactId, 100
);
text_id!(
    /// A step of the policy, such as `first` or `nudge`; with `#replay1` and so on behind it,
    /// what an operator asked to be tried again. Configured ids have at most 60 bytes and no `#`.
    StepId, 80
);
text_id!(
    /// Who acted: `cli:user@host`, `key:` and the id of an API key, or `worker:` and the id of a
    /// worker that acted by itself.
    OperatorId, 150
);
text_id!(
    /// What an operator acted on: a case, a notification, an account, a dead letter.
    SubjectId, 200
);
text_id!(
    /// Where the customer's app is told: a configured webhook, or the exchange.
    EndpointId, 60
);
text_id!(
    /// The process that holds a lease: host, process id and a random part.
    WorkerId, 100
);

/// Defines an id that is a UUID and is always derived, never drawn.
macro_rules! derived_id {
    ($(#[$meta:meta])* $name:ident, $spoken:literal) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidValue;
            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                Uuid::try_parse(text)
                    .map(Self)
                    .map_err(|_| InvalidValue::new($spoken, "is not a UUID, as lists show them"))
            }
        }
    };
}

derived_id!(
    /// One open need of one account. Derived from the event that opened it, so that applying
    /// that event twice cannot open two cases.
    CaseId, "case id"
);
derived_id!(
    /// One message to one contact over one channel for one step of a case. Derived from exactly
    /// these four, so that planning twice is inserting once.
    NotificationId, "notification id"
);

derived_id!(
    /// One fact told to the customer's app. Derived from the case and the fact, so that no fact is
    /// ever two events, whoever notices it and however often.
    AppEventId, "event id"
);

impl AppEventId {
    /// The event of the fact `kind` about `of`: the case, or one of its notifications.
    pub(crate) fn derive(kind: crate::app_event::AppEventKind, of: &impl ToString) -> Self {
        Self(derive(&["app-event", kind.as_str(), &of.to_string()]))
    }
}

impl CaseId {
    /// The case that `event` opens.
    pub fn opened_by(event: &EventId) -> Self {
        Self(derive(&["case", event.as_str()]))
    }
}

impl SubjectId {
    /// A derived id as the subject of an act.
    pub(crate) fn of_uuid(id: &impl ToString) -> Self {
        Self(id.to_string())
    }
}

/// Between a policy's step and the number of its replay.
const REPLAY: &str = "#replay";

impl StepId {
    /// The step of the policy that this was planned for.
    pub fn policy_step(&self) -> &str {
        self.0.split_once(REPLAY).map_or(self.as_str(), |(step, _)| step)
    }

    /// The step under which a dead notification of this one is planned again: a name of its own,
    /// so that planning it twice is planning it once, and the first is never mistaken for it.
    pub fn replay(&self) -> Self {
        let (step, before) = self.0.split_once(REPLAY).unwrap_or((&self.0, "0"));
        let number = before.parse::<u32>().unwrap_or(0).saturating_add(1);
        Self(format!("{step}{REPLAY}{number}"))
    }
}

impl NotificationId {
    /// The notification for this case, step, contact and channel.
    pub fn derive(
        case: CaseId,
        step: &StepId,
        contact: &ContactId,
        channel: crate::account::Channel,
    ) -> Self {
        let case = case.to_string();
        Self(derive(&["notification", &case, step.as_str(), contact.as_str(), channel.as_str()]))
    }
}

/// Hashes length-prefixed parts, so that no two different lists of parts read the same.
fn derive(parts: &[&str]) -> Uuid {
    let mut name = Vec::new();
    for part in parts {
        name.extend_from_slice(&(part.len() as u64).to_be_bytes());
        name.extend_from_slice(part.as_bytes());
    }
    Uuid::new_v5(&NAMESPACE, &name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Channel;

    #[test]
    fn a_text_id_refuses_what_could_break_a_log_or_a_column() {
        for bad in ["", "a\nb", "a\u{0}b", &"x".repeat(201)] {
            assert!(EventId::parse(bad).is_err(), "{bad:?}");
        }
        for good in ["550e8400-e29b-41d4-a716-446655440030", "deadbeef", "clinic_1", "é 日本"] {
            assert_eq!(EventId::parse(good).map(|id| id.to_string()), Ok(good.to_owned()));
        }
    }

    #[test]
    fn a_replay_is_a_step_of_its_own_that_remembers_the_policy() {
        let step = StepId::parse("first").unwrap();
        let (once, twice) = (step.replay(), step.replay().replay());
        assert_eq!((once.as_str(), twice.as_str()), ("first#replay1", "first#replay2"));
        for step in [&step, &once, &twice] {
            assert_eq!(step.policy_step(), "first");
            assert_eq!(StepId::parse(step.as_str()).as_ref(), Ok(step));
        }
        let longest = StepId::parse(&"x".repeat(60)).unwrap();
        let replays = (0..1000).fold(longest, |step, _| step.replay());
        assert!(StepId::parse(replays.as_str()).is_ok(), "a stored step is read back");
    }

    #[test]
    fn derived_ids_are_stable_over_releases_and_tell_their_parts_apart() {
        let case = CaseId::opened_by(&EventId::parse("evt-1").unwrap());
        // A change here would plan every open step of every open case a second time.
        assert_eq!(case.to_string(), "86db0406-f6ef-5c09-a792-e865df98cec9");
        let id = |step: &str, contact: &str, channel| {
            let (step, contact) =
                (StepId::parse(step).unwrap(), ContactId::parse(contact).unwrap());
            NotificationId::derive(case, &step, &contact, channel)
        };
        assert_eq!(id("first", "u1", Channel::Email), id("first", "u1", Channel::Email));
        assert_ne!(id("first", "u1", Channel::Email), id("first", "u1", Channel::Sms));
        assert_ne!(id("firstu", "1", Channel::Email), id("first", "u1", Channel::Email));
    }
}
