//! Cobalt's list of webhook events, which shows what was missed. Two shapes of item are known
//! and both are read; of an item only ids, type and times are kept, and of one of ours what its
//! webhook says too, because `data` of other events may hold what must never be kept.

use crate::answer::text;
use crate::event::{MAX_DOMAIN_BYTES, MAX_ERROR_TYPE_BYTES, kind_of};
use jiff::Timestamp;
use jiff::civil::Date;
use relink_core::id::{AccountRef, EventId};
use relink_core::masked::Secret;
use relink_core::signal::{LISTED, Signal, SignalKind, SignalSource};
use relink_core::time::whole_millis;
use serde_json::Value;

/// The most that Cobalt gives at once.
const PAGE_SIZE: u32 = 100;

/// Which events to list. The default is all of them, account-wide.
#[derive(Debug, Clone, Copy, Default)]
pub struct EventFilter<'a> {
    /// One type only. The answer may still hold others.
    pub event_type: Option<&'a str>,
    /// From this day on.
    pub from: Option<Date>,
    /// Up to and with this day.
    pub to: Option<Date>,
    /// Of one account only, should Cobalt refuse to list account-wide.
    pub access_token: Option<&'a Secret>,
}

/// One page of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsPage {
    /// What could be read, in Cobalt's order. One event may stand here more than once.
    pub events: Vec<ListedEvent>,
    /// Items without a usable id or type.
    pub unreadable: usize,
    /// Whether no page follows.
    pub last: bool,
}

/// One event of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedEvent {
    /// The dedupe key, the same as in the webhook.
    pub event_id: EventId,
    /// Its type; see [`ListedEvent::kind`].
    pub event_type: String,
    /// The account, if it is named.
    pub account_ref: Option<AccountRef>,
    /// When it happened, if that can be read.
    pub created_at: Option<Timestamp>,
    /// Whether Cobalt believes that some URL took it.
    pub delivered: Option<bool>,
    /// The EHR instance, of an event of ours.
    pub emr_instance_domain: Option<String>,
    /// Cobalt's word for what is wrong, of an event of ours.
    pub error_type: Option<String>,
}

impl ListedEvent {
    /// What it says, if it is one of ours.
    pub fn kind(&self) -> Option<SignalKind> {
        kind_of(&self.event_type)
    }

    /// The signal that its webhook would have been, but for the digest, which is [`LISTED`].
    /// `None` when it is not one of ours or names no account. `now` stands in for a time that
    /// cannot be read or is later.
    pub fn signal(&self, now: Timestamp) -> Option<Signal> {
        Some(Signal {
            event_id: self.event_id.clone(),
            account_ref: self.account_ref.clone()?,
            kind: self.kind()?,
            source: SignalSource::Reconcile,
            occurred_at: whole_millis(self.created_at.unwrap_or(now).min(now)),
            received_at: whole_millis(now),
            emr_instance_domain: self.emr_instance_domain.clone(),
            error_type: self.error_type.clone(),
            digest: LISTED.to_owned(),
            trace: None,
        })
    }

    fn read(item: &Value) -> Option<Self> {
        let data = item.get("data").unwrap_or(&Value::Null);
        let event_type = text(item, &["type", "event_type"])?;
        let ours = kind_of(&event_type).is_some();
        let word =
            |name, max_bytes| text(data, &[name]).filter(|word| ours && word.len() <= max_bytes);
        let account = ["access_token_reference_id"];
        let account_ref = text(item, &account).or_else(|| text(data, &account));
        Some(Self {
            event_id: EventId::parse(&text(item, &["id", "event_id"])?).ok()?,
            event_type,
            account_ref: account_ref.and_then(|text| AccountRef::parse(&text).ok()),
            created_at: text(item, &["created", "created_at"]).and_then(|text| text.parse().ok()),
            delivered: delivered(item),
            emr_instance_domain: word("emr_instance_domain", MAX_DOMAIN_BYTES),
            error_type: word("error_type", MAX_ERROR_TYPE_BYTES),
        })
    }
}

impl EventFilter<'_> {
    /// The query for `page`.
    pub(crate) fn query(&self, page: u32) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(event_type) = self.event_type {
            query.append_pair("event_type", event_type);
        }
        for (name, day) in [("start_date", self.from), ("end_date", self.to)] {
            if let Some(day) = day {
                query.append_pair(name, &day.to_string());
            }
        }
        query
            .append_pair("page", &page.max(1).to_string())
            .append_pair("page_size", &PAGE_SIZE.to_string())
            .append_pair("sort", "created_at")
            .finish()
    }
}

impl EventsPage {
    /// Reads the answer to the question for page `asked`; `None` when there is no list in it.
    pub(crate) fn read(answer: &Value, asked: u32) -> Option<Self> {
        let items = ["webhook_events", "events", "data"]
            .iter()
            .find_map(|name| answer.get(name)?.as_array())?;
        let events: Vec<_> = items.iter().filter_map(ListedEvent::read).collect();
        // Without a count of pages, an empty one is the end.
        let total = answer.get("pagination").and_then(|it| it.get("total_pages")?.as_u64());
        let last = items.is_empty() || total.is_some_and(|total| u64::from(asked.max(1)) >= total);
        Some(Self { unreadable: items.len() - events.len(), events, last })
    }
}

/// `delivered` is a truth value, `delivery_status` and `status` are words.
fn delivered(item: &Value) -> Option<bool> {
    if let Some(delivered) = item.get("delivered").and_then(Value::as_bool) {
        return Some(delivered);
    }
    match text(item, &["delivery_status", "status"])?.as_str() {
        "success" => Some(true),
        "failed" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
#[path = "listed_tests.rs"]
mod tests;
