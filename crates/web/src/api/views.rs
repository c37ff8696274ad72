//! The JSON of the API, apart from the types inside so that these can change and that cannot.
//! Moments are RFC 3339 in UTC; addresses are masked.

use relink_core::account::Contact;
use relink_core::case::Case;
use relink_core::notification::Notification;
use relink_store::{AttemptRow, CaseHistory, NonSendRow, SignalRow, StoredAccount};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An account to register. Checked by `relink_core::account::AccountInput`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the request for the OpenAPI document")]
pub(crate) struct AccountBody {
    /// Your id of the end user.
    #[schema(min_length = 1, max_length = 300)]
    user_id: String,
    /// Your id of the clinic.
    #[schema(min_length = 1, max_length = 300)]
    org_id: String,
    /// Cobalt's access token; stored encrypted, never shown again.
    #[schema(min_length = 1, max_length = 300)]
    access_token: String,
    /// The EHR instance.
    emr_instance_domain: Option<String>,
    /// Everybody who is told.
    #[schema(max_items = 20)]
    #[serde(default)]
    contacts: Vec<ContactBody>,
}

/// A person to tell.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the request for the OpenAPI document")]
pub(crate) struct ContactBody {
    /// Unique within the account.
    #[schema(min_length = 1, max_length = 100)]
    id: String,
    /// `user` or `admin`.
    #[schema(pattern = "^(user|admin)$")]
    role: String,
    /// Where email goes.
    email: Option<String>,
    /// E.164, such as +15005550006.
    phone: Option<String>,
    /// BCP 47, such as en or es-MX.
    locale: Option<String>,
    /// IANA, such as America/New_York.
    time_zone: Option<String>,
    /// Whether this person agreed to text messages; without it none is sent.
    #[serde(default)]
    sms_consent: bool,
    /// How a greeting may call the person.
    name: Option<String>,
}

/// An account, masked.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountView {
    account_ref: String,
    user_id: String,
    org_id: String,
    emr_instance_domain: Option<String>,
    contacts: Vec<ContactView>,
    created_at: String,
    updated_at: String,
    /// What Cobalt says, in force for contacts without a zone of their own; read only.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
}

/// A contact, masked.
#[derive(Serialize, ToSchema)]
pub(crate) struct ContactView {
    id: String,
    role: String,
    email: Option<String>,
    phone: Option<String>,
    locale: Option<String>,
    time_zone: Option<String>,
    sms_consent: bool,
    name: Option<String>,
}

/// What `relinked` did.
#[derive(Serialize, ToSchema)]
pub(crate) struct RelinkedView {
    /// The case that was open; null when none was.
    pub(crate) closed_case: Option<String>,
}

/// A case.
#[derive(Serialize, ToSchema)]
pub(crate) struct CaseView {
    id: String,
    account_ref: String,
    kind: String,
    open: bool,
    opened_at: String,
    expires_at: String,
    hold: Option<String>,
    closed_at: Option<String>,
    close_reason: Option<String>,
    signals: u32,
    emr_instance_domain: Option<String>,
    error_type: Option<String>,
}

/// A page of cases.
#[derive(Serialize, ToSchema)]
pub(crate) struct CasePage {
    pub(crate) cases: Vec<CaseView>,
    /// Hand it back as `cursor`; null on the last page.
    pub(crate) next: Option<String>,
}

/// A case with its history, each list oldest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct CaseDetail {
    case: CaseView,
    signals: Vec<SignalView>,
    notifications: Vec<NotificationView>,
    attempts: Vec<AttemptView>,
    non_sends: Vec<NonSendView>,
}

/// A signal that the case took in.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignalView {
    event_id: String,
    kind: String,
    source: String,
    occurred_at: String,
    received_at: String,
    applied_at: String,
    result: String,
    trace_id: Option<String>,
}

/// A planned message.
#[derive(Serialize, ToSchema)]
pub(crate) struct NotificationView {
    id: String,
    step: String,
    channel: String,
    contact_id: String,
    state: String,
    reason: Option<String>,
    planned_for: String,
    due_at: String,
    attempts: u32,
    doubts: u32,
}

/// One try.
#[derive(Serialize, ToSchema)]
pub(crate) struct AttemptView {
    notification_id: String,
    number: u32,
    case_id: String,
    account_ref: String,
    step: String,
    channel: String,
    contact_id: String,
    address: String,
    started_at: String,
    finished_at: Option<String>,
    outcome: Option<String>,
    reason: Option<String>,
    resolved_as: Option<String>,
    provider_message_id: Option<String>,
    provider_code: Option<String>,
    took_ms: Option<i64>,
}

/// A page of attempts.
#[derive(Serialize, ToSchema)]
pub(crate) struct AttemptPage {
    pub(crate) attempts: Vec<AttemptView>,
    /// Hand it back as `cursor`; null on the last page.
    pub(crate) next: Option<String>,
}

/// What was decided instead of a send.
#[derive(Serialize, ToSchema)]
pub(crate) struct NonSendView {
    at: String,
    notification_id: Option<String>,
    step: Option<String>,
    contact_id: Option<String>,
    decision: String,
    reason: String,
}

fn text<T: ToString>(value: T) -> String {
    value.to_string()
}

impl From<StoredAccount> for AccountView {
    fn from(stored: StoredAccount) -> Self {
        Self {
            account_ref: text(&stored.account.account_ref),
            user_id: stored.account.user_id,
            org_id: stored.account.org_id,
            emr_instance_domain: stored.account.emr_instance_domain,
            contacts: stored.account.contacts.into_iter().map(ContactView::from).collect(),
            created_at: text(stored.created_at),
            updated_at: text(stored.updated_at),
            time_zone: stored.time_zone,
        }
    }
}

impl From<Contact> for ContactView {
    fn from(contact: Contact) -> Self {
        Self {
            id: text(&contact.id),
            role: text(contact.role),
            email: contact.email.map(|address| address.masked()),
            phone: contact.phone.map(|number| number.masked()),
            locale: contact.locale,
            time_zone: contact.time_zone,
            sms_consent: contact.sms_consent,
            name: contact.name,
        }
    }
}

impl From<Case> for CaseView {
    fn from(case: Case) -> Self {
        Self {
            id: text(case.id),
            account_ref: text(&case.account_ref),
            kind: text(case.kind),
            open: case.is_open(),
            opened_at: text(case.opened_at),
            expires_at: text(case.expires_at),
            hold: case.hold.map(text),
            closed_at: case.closed_at.map(text),
            close_reason: case.close_reason.map(text),
            signals: case.signals,
            emr_instance_domain: case.emr_instance_domain,
            error_type: case.error_type,
        }
    }
}

impl From<CaseHistory> for CaseDetail {
    fn from(history: CaseHistory) -> Self {
        Self {
            case: history.case.into(),
            signals: history.signals.into_iter().map(SignalView::from).collect(),
            notifications: history.notifications.into_iter().map(NotificationView::from).collect(),
            attempts: history.attempts.into_iter().map(AttemptView::from).collect(),
            non_sends: history.non_sends.into_iter().map(NonSendView::from).collect(),
        }
    }
}

impl From<SignalRow> for SignalView {
    fn from(row: SignalRow) -> Self {
        Self {
            event_id: text(&row.signal.event_id),
            kind: text(row.signal.kind),
            source: text(row.signal.source),
            occurred_at: text(row.signal.occurred_at),
            received_at: text(row.signal.received_at),
            applied_at: text(row.applied_at),
            result: text(row.result),
            trace_id: row.signal.trace.map(|trace| trace.trace_id()),
        }
    }
}

impl From<Notification> for NotificationView {
    fn from(row: Notification) -> Self {
        Self {
            id: text(row.id),
            step: text(&row.step),
            channel: text(row.channel),
            contact_id: text(&row.contact_id),
            state: text(row.state),
            reason: row.reason.map(text),
            planned_for: text(row.planned_for),
            due_at: text(row.due_at),
            attempts: row.attempts,
            doubts: row.doubts,
        }
    }
}

impl From<AttemptRow> for AttemptView {
    fn from(row: AttemptRow) -> Self {
        Self {
            notification_id: text(row.notification_id),
            number: row.number,
            case_id: text(row.case_id),
            account_ref: text(&row.account_ref),
            step: text(&row.step),
            channel: text(row.channel),
            contact_id: text(&row.contact_id),
            address: row.address,
            started_at: text(row.started_at),
            finished_at: row.finished_at.map(text),
            outcome: row.outcome.map(text),
            reason: row.reason.map(text),
            resolved_as: row.resolved_as.map(text),
            provider_message_id: row.provider_message_id,
            provider_code: row.provider_code,
            took_ms: row.took_ms,
        }
    }
}

impl From<NonSendRow> for NonSendView {
    fn from(row: NonSendRow) -> Self {
        Self {
            at: text(row.at),
            notification_id: row.notification_id.map(text),
            step: row.step.map(text),
            contact_id: row.contact_id.map(text),
            decision: text(row.decision),
            reason: text(row.reason),
        }
    }
}
