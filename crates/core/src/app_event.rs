//! What the customer's app is told about its cases, and when it is told again. Pure: the words, the
//! body, the schedule. An event names ids and words only: never an address, a person's name, a link
//! or the EHR. Its id is derived from the fact, so that a retry, a replay or a second process cannot
//! make two events of one fact.

use crate::account::Channel;
use crate::case::{Case, CloseReason};
use crate::id::{AccountRef, AppEventId, CaseId, ContactId, EndpointId};
use crate::notification::{Notification, NotificationState};
use crate::signal::SignalKind;
use crate::time::whole_millis;
use crate::words::words;
use jiff::Timestamp;
use serde::Serialize;
use std::time::Duration;

/// The version of the `data` of an event. Within one, fields are added and never change.
pub const VERSION: u32 = 1;

/// How long one call to an endpoint may take.
pub const TELL_WITHIN: Duration = Duration::from_secs(10);

/// How long ended deliveries are kept.
pub const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The endpoint that is RabbitMQ's exchange of events.
pub const EXCHANGE: &str = "exchange";

words! {
    /// What happened; also the `type` of the body and the routing key.
    pub enum AppEventKind {
        /// A case was opened: an account needs its person again.
        Opened = "relink.case.opened",
        /// A provider accepted a message about it.
        Notified = "relink.case.notified",
        /// The account works again.
        Repaired = "relink.case.repaired",
        /// Nobody came before the policy's `expire`.
        Expired = "relink.case.expired",
        /// The case is open, no message of it was accepted and none is left to send.
        Unreachable = "relink.case.unreachable",
        /// It was closed by an operator, or with its account.
        Closed = "relink.case.closed",
    }
}

words! {
    /// Where the delivery of an event to one endpoint stands.
    pub enum DeliveryState {
        /// Waits for its moment, or for its next try.
        Pending = "pending",
        /// The endpoint took it.
        Delivered = "delivered",
        /// It did not, as often as it was tried.
        GivenUp = "given_up",
    }
}

/// An endpoint as the store needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name.
    pub id: EndpointId,
    /// What it wants to hear of.
    pub events: Vec<AppEventKind>,
}

/// An event, ready to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppEvent {
    /// The same for the same fact.
    pub id: AppEventId,
    /// What happened.
    pub kind: AppEventKind,
    /// The case.
    pub case_id: CaseId,
    /// Its account.
    pub account_ref: AccountRef,
    /// When.
    pub at: Timestamp,
    /// The JSON body, byte for byte as it is signed and sent.
    pub body: String,
}

/// The customer's own names for an account's user and clinic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The end user.
    pub user_id: String,
    /// The clinic.
    pub org_id: String,
}

/// A fact about a case.
#[derive(Debug, Clone, Copy)]
pub enum Fact<'a> {
    /// It was opened.
    Opened,
    /// A provider accepted this message.
    Notified(&'a Notification),
    /// It ended, for this reason.
    Ended(CloseReason),
    /// Nobody can be told.
    Unreachable,
}

impl Fact<'_> {
    /// Its word.
    pub fn kind(self) -> AppEventKind {
        match self {
            Self::Opened => AppEventKind::Opened,
            Self::Notified(_) => AppEventKind::Notified,
            Self::Unreachable => AppEventKind::Unreachable,
            Self::Ended(CloseReason::Repaired) => AppEventKind::Repaired,
            Self::Ended(CloseReason::Expired) => AppEventKind::Expired,
            Self::Ended(CloseReason::Operator | CloseReason::AccountDeleted) => {
                AppEventKind::Closed
            }
        }
    }

    fn id(self, case: CaseId) -> AppEventId {
        match self {
            Self::Notified(notification) => AppEventId::derive(self.kind(), &notification.id),
            Self::Opened | Self::Ended(_) | Self::Unreachable => {
                AppEventId::derive(self.kind(), &case)
            }
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: AppEventKind,
    timestamp: Timestamp,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    version: u32,
    case_id: CaseId,
    account_ref: &'a AccountRef,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    org_id: Option<&'a str>,
    kind: SignalKind,
    opened_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<CloseReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<Channel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact_id: Option<&'a ContactId>,
}

/// The event of `fact` about `case`, as it is now.
pub fn event(case: &Case, owner: Option<&Owner>, fact: Fact<'_>, now: Timestamp) -> AppEvent {
    let at = whole_millis(now);
    let message = match fact {
        Fact::Notified(notification) => Some(notification),
        Fact::Opened | Fact::Ended(_) | Fact::Unreachable => None,
    };
    let ended = matches!(fact, Fact::Ended(_));
    let body = Body {
        r#type: fact.kind(),
        timestamp: at,
        data: Data {
            version: VERSION,
            case_id: case.id,
            account_ref: &case.account_ref,
            user_id: owner.map(|owner| owner.user_id.as_str()),
            org_id: owner.map(|owner| owner.org_id.as_str()),
            kind: case.kind,
            opened_at: whole_millis(case.opened_at),
            closed_at: case.closed_at.filter(|_| ended).map(whole_millis),
            reason: case.close_reason.filter(|_| ended),
            channel: message.map(|message| message.channel),
            step: message.map(|message| message.step.policy_step()),
            contact_id: message.map(|message| &message.contact_id),
        },
    };
    AppEvent {
        id: fact.id(case.id),
        kind: fact.kind(),
        case_id: case.id,
        account_ref: case.account_ref.clone(),
        at,
        // Texts, numbers and moments: serialising them cannot fail.
        body: serde_json::to_string(&body).unwrap_or_default(),
    }
}

/// Whether a case gets through to anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// A message of it was accepted.
    Reached,
    /// One may still be, or the account is still to be registered.
    Possible,
    /// None was and none is left.
    None,
}

/// What the states of all notifications of an open case come to.
pub fn reach(account_known: bool, states: impl IntoIterator<Item = NotificationState>) -> Reach {
    let mut waiting = !account_known;
    for state in states {
        if state == NotificationState::Sent {
            return Reach::Reached;
        }
        waiting |= !state.is_end();
    }
    if waiting { Reach::Possible } else { Reach::None }
}

/// Waits between tries: with the first, ten over about three days.
const SCHEDULE: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 60 * 60),
    Duration::from_secs(5 * 60 * 60),
    Duration::from_secs(10 * 60 * 60),
    Duration::from_secs(14 * 60 * 60),
    Duration::from_secs(20 * 60 * 60),
    Duration::from_secs(24 * 60 * 60),
];

/// The longest wait an endpoint may ask for.
const LONGEST_WISH: Duration = Duration::from_secs(24 * 60 * 60);

/// The share of a wait that jitter may add.
const JITTER_SHARE: f64 = 0.10;

/// What an endpoint made of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It has it.
    Taken,
    /// It wants no more events (410).
    Gone,
    /// Not this time; `wish` is its `Retry-After`.
    NotTaken {
        /// How long it asks to be left alone.
        wish: Option<Duration>,
    },
}

impl Told {
    /// Read from the status of an answer.
    pub fn by_status(status: u16, wish: Option<Duration>) -> Self {
        match status {
            200..=299 => Self::Taken,
            410 => Self::Gone,
            _ => Self::NotTaken { wish },
        }
    }
}

/// The wait before the next try after `tries` that failed; `None` when all are used up. `jitter` is
/// drawn by the caller, 0.0 to 1.0. Whole milliseconds, the grain of the store.
pub fn wait_after(tries: u32, wish: Option<Duration>, jitter: f64) -> Option<Duration> {
    let wait = SCHEDULE.get(usize::try_from(tries.saturating_sub(1)).ok()?)?;
    let wait = wait.mul_f64(1.0 + JITTER_SHARE * jitter.clamp(0.0, 1.0));
    let wait = wish.map_or(wait, |wish| wait.max(wish.min(LONGEST_WISH)));
    Some(Duration::from_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
#[path = "app_event_tests.rs"]
mod tests;
