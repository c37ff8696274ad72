//! What operators did, as a chain: each entry holds the hash of the one before, so that an entry
//! that is changed, removed or slipped in later shows. Pure: the encoding, the link and the
//! check. An entry holds ids and words, never an address, a name or a token.

use crate::id::{InvalidValue, NotificationId, OperatorId, SubjectId};
use crate::seal::sha256_hex;
use crate::time::to_millis;
use crate::words::words;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

words! {
    /// What an operator did.
    pub enum Action {
        /// Planned a dead notification again, or gave a buried message back to its queue.
        DeadReplay = "dead_replay",
        /// Removed a buried message for good.
        DeadDiscard = "dead_discard",
        /// Closed a case.
        CaseClose = "case_close",
        /// Let a case wait.
        CaseHold = "case_hold",
        /// Let a case go on.
        CaseRelease = "case_release",
        /// Forgot an account and its contacts.
        AccountDelete = "account_delete",
        /// Gave an account its name at Cobalt.
        AccountLinkId = "account_link_id",
        /// Registered a webhook with Cobalt.
        WebhookRegister = "webhook_register",
        /// Removed a webhook from Cobalt.
        WebhookRemove = "webhook_remove",
        /// Had Cobalt sign webhooks with a new secret.
        WebhookRotate = "webhook_rotate",
        /// Sealed access tokens again with the first key.
        KeysRotate = "keys_rotate",
        /// Had an event told to the customer's app once more.
        EventReplay = "event_replay",
    }
}

words! {
    /// What it was done to.
    pub enum SubjectKind {
        /// A case.
        Case = "case",
        /// A notification.
        Notification = "notification",
        /// A buried message of the queue.
        Letter = "letter",
        /// An account.
        Account = "account",
        /// A webhook registered with Cobalt, by Cobalt's id.
        Webhook = "webhook",
        /// A key of access tokens, by its id.
        Key = "key",
        /// An event for the customer's app.
        AppEvent = "app_event",
    }
}

/// Who did what to what. `detail` is flat: a few words and ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// Who.
    pub operator: OperatorId,
    /// What.
    pub action: Action,
    /// To what kind of thing.
    pub subject: SubjectKind,
    /// To which.
    pub subject_id: SubjectId,
    /// What else is worth knowing, keys in alphabetical order.
    pub detail: BTreeMap<&'static str, String>,
}

impl Act {
    /// An act without details.
    pub fn new(
        operator: &OperatorId,
        action: Action,
        subject: SubjectKind,
        subject_id: SubjectId,
    ) -> Self {
        Self { operator: operator.clone(), action, subject, subject_id, detail: BTreeMap::new() }
    }

    /// The same act with one more detail.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.detail.insert(key, value.into());
        self
    }
}

impl From<NotificationId> for SubjectId {
    fn from(id: NotificationId) -> Self {
        Self::of_uuid(&id)
    }
}

impl From<crate::id::AppEventId> for SubjectId {
    fn from(id: crate::id::AppEventId) -> Self {
        Self::of_uuid(&id)
    }
}

impl From<crate::id::CaseId> for SubjectId {
    fn from(id: crate::id::CaseId) -> Self {
        Self::of_uuid(&id)
    }
}

/// The end of the chain: what the next entry is linked to, and what to write down elsewhere so
/// that a cut-off end can be noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Head {
    /// The number of the last entry; 0 when there is none.
    pub sequence: u64,
    /// Its hash.
    pub hash: String,
}

impl Default for Head {
    /// Before the first entry: number 0 and 64 zeros.
    fn default() -> Self {
        Self { sequence: 0, hash: "0".repeat(64) }
    }
}

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.sequence, self.hash)
    }
}

impl std::str::FromStr for Head {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let wrong = || InvalidValue::new("head", "write it as NUMBER:HASH, as the audit prints it");
        let (sequence, hash) = text.split_once(':').ok_or_else(wrong)?;
        let sequence = sequence.parse().map_err(|_| wrong())?;
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash.then(|| Self { sequence, hash: hash.to_ascii_lowercase() }).ok_or_else(wrong)
    }
}

/// An entry as it is stored: texts and numbers, so that a damaged one can still be read and
/// pointed at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// 1, 2, …
    pub sequence: u64,
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Who.
    pub operator: String,
    /// What.
    pub action: String,
    /// To what kind of thing.
    pub subject_kind: String,
    /// To which.
    pub subject_id: String,
    /// A flat JSON object.
    pub detail: String,
    /// The hash of the entry before.
    pub prev_hash: String,
    /// Over everything above.
    pub hash: String,
}

impl Entry {
    /// The entry that follows `head`.
    pub fn after(head: &Head, act: &Act, at: Timestamp) -> Self {
        let detail: serde_json::Map<String, serde_json::Value> = act
            .detail
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone().into()))
            .collect();
        let mut entry = Self {
            sequence: head.sequence.saturating_add(1),
            at: to_millis(at),
            operator: act.operator.to_string(),
            action: act.action.to_string(),
            subject_kind: act.subject.to_string(),
            subject_id: act.subject_id.to_string(),
            detail: serde_json::Value::Object(detail).to_string(),
            prev_hash: head.hash.clone(),
            hash: String::new(),
        };
        entry.hash = entry.expected_hash();
        entry
    }

    /// The end of a chain that ends with this entry.
    pub fn head(&self) -> Head {
        Head { sequence: self.sequence, hash: self.hash.clone() }
    }

    /// SHA-256 in hex over the canonical encoding: each part as its length in bytes (u64,
    /// big-endian) and its bytes; numbers in decimal.
    fn expected_hash(&self) -> String {
        let (sequence, at) = (self.sequence.to_string(), self.at.to_string());
        let parts = [
            "relink operator log 1",
            &sequence,
            &at,
            &self.operator,
            &self.action,
            &self.subject_kind,
            &self.subject_id,
            &self.detail,
            &self.prev_hash,
        ];
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        sha256_hex(&bytes)
    }
}

/// Checks a chain, entry by entry, in order.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    head: Head,
    broken: u64,
    first_broken: Vec<u64>,
    expected: Option<Head>,
    seen_expected: bool,
}

impl Chain {
    /// Broken places that are named.
    const NAMED: usize = 5;

    /// A chain that must contain `expected`, a head that was written down before.
    pub fn containing(expected: Option<Head>) -> Self {
        let nothing_expected = expected.as_ref().is_none_or(|head| head.sequence == 0);
        Self { expected, seen_expected: nothing_expected, ..Self::default() }
    }

    /// Takes the next entry.
    pub fn take(&mut self, entry: &Entry) {
        let follows = entry.sequence == self.head.sequence.saturating_add(1);
        let linked = entry.prev_hash == self.head.hash;
        if !(follows && linked && entry.hash == entry.expected_hash()) {
            self.broken = self.broken.saturating_add(1);
            if self.first_broken.len() < Self::NAMED {
                self.first_broken.push(entry.sequence);
            }
        }
        self.head = entry.head();
        if self.expected.as_ref() == Some(&self.head) {
            self.seen_expected = true;
        }
    }

    /// The last entry taken.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// How many entries do not fit the one before or their own hash.
    pub fn broken(&self) -> u64 {
        self.broken
    }

    /// The numbers of the first of them.
    pub fn first_broken(&self) -> &[u64] {
        &self.first_broken
    }

    /// The head that was written down and is not there: the end was cut off or written anew.
    pub fn missing(&self) -> Option<&Head> {
        self.expected.as_ref().filter(|_| !self.seen_expected)
    }
}

#[cfg(test)]
#[path = "operator_log_tests.rs"]
mod tests;
