//! Rows of `notifications`.

use super::{At, millis, moment};
use crate::StoreError;
use relink_core::Timestamp;
use relink_core::id::WorkerId;
use relink_core::notification::{NewNotification, Notification, NotificationState};
use relink_core::time::{from_millis, to_millis};

/// A notification with what only the store needs to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredNotification {
    pub(crate) notification: Notification,
    /// When the scheduler looks at it next; `None` at an end and while parked.
    pub(crate) wake_at: Option<Timestamp>,
    pub(crate) lease_owner: Option<WorkerId>,
    /// The id of the key that its link is derived with.
    pub(crate) link_key: Option<String>,
}

/// The columns of `notifications`, apart from `created_at` and `updated_at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotificationColumns {
    pub(crate) notification_id: String,
    pub(crate) case_id: String,
    pub(crate) account_ref: String,
    pub(crate) step: String,
    pub(crate) channel: String,
    pub(crate) contact_id: String,
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
    pub(crate) planned_for: i64,
    pub(crate) due_at: i64,
    pub(crate) wake_at: Option<i64>,
    pub(crate) fence: i64,
    pub(crate) lease_owner: Option<String>,
    pub(crate) lease_until: Option<i64>,
    pub(crate) attempts: i64,
    pub(crate) spent: i64,
    pub(crate) doubts: i64,
    pub(crate) looks: i64,
    pub(crate) link_key: Option<String>,
}

impl StoredNotification {
    /// The row that a planned notification starts as: due at its moment, not yet tried.
    pub(crate) fn planned(new: &NewNotification) -> Self {
        let NewNotification { id, case_id, account_ref, step, channel, contact_id, planned_for } =
            new.clone();
        Self {
            notification: Notification {
                id,
                case_id,
                account_ref,
                step,
                channel,
                contact_id,
                state: NotificationState::Planned,
                reason: None,
                planned_for,
                due_at: planned_for,
                fence: 0,
                lease_until: None,
                attempts: 0,
                spent: 0,
                doubts: 0,
                looks: 0,
            },
            wake_at: Some(planned_for),
            lease_owner: None,
            link_key: None,
        }
    }
}

impl TryFrom<NotificationColumns> for StoredNotification {
    type Error = StoreError;

    fn try_from(row: NotificationColumns) -> Result<Self, StoreError> {
        let at = At { table: "notifications", row: &row.notification_id };
        Ok(Self {
            notification: Notification {
                id: at.read("notification_id", &row.notification_id)?,
                case_id: at.read("case_id", &row.case_id)?,
                account_ref: at.read("account_ref", &row.account_ref)?,
                step: at.read("step", &row.step)?,
                channel: at.read("channel", &row.channel)?,
                contact_id: at.read("contact_id", &row.contact_id)?,
                state: at.read("state", &row.state)?,
                reason: at.read_some("reason", row.reason.as_ref())?,
                planned_for: from_millis(row.planned_for),
                due_at: from_millis(row.due_at),
                fence: row.fence,
                lease_until: moment(row.lease_until),
                attempts: at.count("attempts", row.attempts)?,
                spent: at.count("spent", row.spent)?,
                doubts: at.count("doubts", row.doubts)?,
                looks: at.count("looks", row.looks)?,
            },
            wake_at: moment(row.wake_at),
            lease_owner: at.read_some("lease_owner", row.lease_owner.as_ref())?,
            link_key: row.link_key,
        })
    }
}

impl From<&StoredNotification> for NotificationColumns {
    fn from(stored: &StoredNotification) -> Self {
        let StoredNotification { notification, wake_at, lease_owner, link_key } = stored;
        Self {
            notification_id: notification.id.to_string(),
            case_id: notification.case_id.to_string(),
            account_ref: notification.account_ref.to_string(),
            step: notification.step.to_string(),
            channel: notification.channel.to_string(),
            contact_id: notification.contact_id.to_string(),
            state: notification.state.to_string(),
            reason: notification.reason.map(|reason| reason.to_string()),
            planned_for: to_millis(notification.planned_for),
            due_at: to_millis(notification.due_at),
            wake_at: millis(*wake_at),
            fence: notification.fence,
            lease_owner: lease_owner.as_ref().map(ToString::to_string),
            lease_until: millis(notification.lease_until),
            attempts: notification.attempts.into(),
            spent: notification.spent.into(),
            doubts: notification.doubts.into(),
            looks: notification.looks.into(),
            link_key: link_key.clone(),
        }
    }
}
