//! Cases with everything that happened to them.

use super::attempt::AttemptView;
use super::text;
use relink_core::case::Case;
use relink_core::notification::Notification;
use relink_core::visit::Visit;
use relink_store::{CaseHistory, NonSendRow, SignalRow};
use serde::Serialize;
use utoipa::ToSchema;

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
    /// What people who came back did.
    visits: Vec<VisitView>,
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

/// A step of somebody who came back.
#[derive(Serialize, ToSchema)]
pub(crate) struct VisitView {
    at: String,
    /// opened, minted, launched, left, came_back, done, not_yet, proven or renewed.
    step: String,
    /// link, in_app, before_send or recheck.
    way: String,
    /// person, unproven or relink.
    visitor: String,
    /// The message whose link it was, if it was one.
    notification_id: Option<String>,
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
            visits: history.visits.into_iter().map(VisitView::from).collect(),
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

impl From<Visit> for VisitView {
    fn from(visit: Visit) -> Self {
        Self {
            at: text(visit.at),
            step: text(visit.step),
            way: text(visit.way),
            visitor: text(visit.visitor),
            notification_id: visit.notification_id.map(text),
        }
    }
}
