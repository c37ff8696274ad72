//! Between rows as PostgreSQL hands them over and the columns both databases share; and, for
//! writing many rows with one statement, one array per column, bound in the order given here.

use super::transaction::Query;
use crate::rows::{
    AccountColumns, AppDeliveryColumns, AppEventColumns, AttemptColumns, CaseColumns,
    ContactColumns, DueEventColumns, KnownColumns, LogColumns, NonSendColumns, NotificationColumns,
    SignalColumns, VisitColumns,
};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};

/// Rows read from an answer.
pub(super) trait FromRow: Sized {
    /// Reads columns by name.
    fn from_row(row: &Row) -> Result<Self, Error>;
}

/// Reads every row of an answer.
pub(super) fn read_all<T: FromRow>(rows: &[Row]) -> Result<Vec<T>, Error> {
    rows.iter().map(T::from_row).collect()
}

/// A value on its way into a column.
trait Cell {
    /// As PostgreSQL can hold it. Its text cannot hold NUL: one odd word from outside must not
    /// refuse the whole batch, so it is written as U+FFFD.
    fn storable(self) -> Self;
}

impl Cell for String {
    fn storable(self) -> Self {
        if self.contains('\0') { self.replace('\0', "\u{fffd}") } else { self }
    }
}

impl<T: Cell> Cell for Option<T> {
    fn storable(self) -> Self {
        self.map(T::storable)
    }
}

macro_rules! stored_as_they_are {
    ($($type:ty),+) => { $(impl Cell for $type { fn storable(self) -> Self { self } })+ };
}
stored_as_they_are!(i64, bool, Vec<u8>);

/// Columns for writing: one array each.
macro_rules! arrays {
    ($(#[$meta:meta])* $arrays:ident of $columns:ident { $($field:ident: $type:ty),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Default)]
        pub(super) struct $arrays { rows: usize, $($field: Vec<$type>),+ }

        impl FromIterator<$columns> for $arrays {
            fn from_iter<I: IntoIterator<Item = $columns>>(rows: I) -> Self {
                let mut arrays = Self::default();
                for row in rows {
                    arrays.rows += 1;
                    $(arrays.$field.push(row.$field.storable());)+
                }
                arrays
            }
        }

        impl $arrays {
            /// The statement with every array bound in order, then `more`; `None` without rows.
            pub(super) fn query<'a>(
                &'a self,
                sql: &'static str,
                more: &[&'a (dyn ToSql + Sync)],
            ) -> Option<Query<'a>> {
                let mut params: Vec<&'a (dyn ToSql + Sync)> = vec![$(&self.$field),+];
                params.extend_from_slice(more);
                (self.rows > 0).then_some(Query { sql, params })
            }
        }
    };
}

/// Columns for reading by name and for writing.
macro_rules! columns {
    ($(#[$meta:meta])* $arrays:ident of $columns:ident { $($field:ident: $type:ty),+ $(,)? }) => {
        impl FromRow for $columns {
            fn from_row(row: &Row) -> Result<Self, Error> {
                Ok(Self { $($field: row.try_get(stringify!($field))?),+ })
            }
        }
        arrays! { $(#[$meta])* $arrays of $columns { $($field: $type),+ } }
    };
}

impl FromRow for KnownColumns {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            event_id: row.try_get("event_id")?,
            account_ref: row.try_get("account_ref")?,
            kind: row.try_get("kind")?,
            digest: row.try_get("digest")?,
            case_id: row.try_get("case_id")?,
        })
    }
}

/// An account to insert or replace, its token sealed.
pub(super) struct AccountPutColumns {
    pub(super) account_ref: String,
    pub(super) user_id: String,
    pub(super) org_id: String,
    pub(super) emr_instance_domain: Option<String>,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
    pub(super) access_token: Vec<u8>,
    pub(super) access_token_key: String,
}

/// The end of an attempt.
pub(super) struct FinishColumns {
    pub(super) notification_id: String,
    pub(super) number: i64,
    pub(super) finished_at: i64,
    pub(super) outcome: String,
    pub(super) reason: String,
    pub(super) provider_message_id: Option<String>,
    pub(super) provider_code: Option<String>,
    pub(super) took_ms: Option<i64>,
}

/// What became of an attempt in doubt.
pub(super) struct ResolutionColumns {
    pub(super) notification_id: String,
    pub(super) number: i64,
    pub(super) resolved_at: i64,
    pub(super) resolved_as: String,
    pub(super) provider_message_id: Option<String>,
}

/// A link.
pub(super) struct LinkColumns {
    pub(super) token_hash: String,
    pub(super) notification_id: String,
}

impl FromRow for AccountColumns {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            account_ref: row.try_get("account_ref")?,
            user_id: row.try_get("user_id")?,
            org_id: row.try_get("org_id")?,
            emr_instance_domain: row.try_get("emr_instance_domain")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}
arrays! {
    /// Arrays of `accounts`.
    AccountArrays of AccountPutColumns {
        account_ref: String, user_id: String, org_id: String,
        emr_instance_domain: Option<String>, created_at: i64, updated_at: i64,
        access_token: Vec<u8>, access_token_key: String,
    }
}
arrays! {
    /// Arrays of the ends of attempts.
    FinishArrays of FinishColumns {
        notification_id: String, number: i64, finished_at: i64, outcome: String, reason: String,
        provider_message_id: Option<String>, provider_code: Option<String>, took_ms: Option<i64>,
    }
}
arrays! {
    /// Arrays of what became of attempts in doubt.
    ResolutionArrays of ResolutionColumns {
        notification_id: String, number: i64, resolved_at: i64, resolved_as: String,
        provider_message_id: Option<String>,
    }
}
columns! {
    /// Arrays of `operator_log`.
    LogArrays of LogColumns {
        sequence: i64, at: i64, operator: String, action: String, subject_kind: String,
        subject_id: String, detail: String, prev_hash: String, hash: String,
    }
}
arrays! {
    /// Arrays of `links`.
    LinkArrays of LinkColumns { token_hash: String, notification_id: String }
}
columns! {
    /// Arrays of `contacts`.
    ContactArrays of ContactColumns {
        account_ref: String, contact_id: String, position: i64, role: String,
        email: Option<String>, phone: Option<String>, locale: Option<String>,
        time_zone: Option<String>, sms_consent: bool, name: Option<String>,
    }
}
columns! {
    /// Arrays of `cases`.
    CaseArrays of CaseColumns {
        case_id: String, account_ref: String, kind: String, opened_at: i64, expires_at: i64,
        hold: Option<String>, closed_at: Option<i64>, close_reason: Option<String>, signals: i64,
        emr_instance_domain: Option<String>, error_type: Option<String>, trace: Option<String>,
    }
}
columns! {
    /// Arrays of `signals`.
    SignalArrays of SignalColumns {
        event_id: String, account_ref: String, kind: String, source: String, occurred_at: i64,
        received_at: i64, applied_at: i64, emr_instance_domain: Option<String>,
        error_type: Option<String>, digest: String, trace: Option<String>, result: String,
        case_id: Option<String>,
    }
}
columns! {
    /// Arrays of `notifications`.
    NotificationArrays of NotificationColumns {
        notification_id: String, case_id: String, account_ref: String, step: String,
        channel: String, contact_id: String, state: String, reason: Option<String>,
        planned_for: i64, due_at: i64, wake_at: Option<i64>, fence: i64,
        lease_owner: Option<String>, lease_until: Option<i64>, attempts: i64, spent: i64,
        doubts: i64, looks: i64, link_key: Option<String>,
    }
}
columns! {
    /// Arrays of `attempts`.
    AttemptArrays of AttemptColumns {
        notification_id: String, number: i64, case_id: String, account_ref: String, step: String,
        channel: String, contact_id: String, address: String, started_at: i64,
        finished_at: Option<i64>, outcome: Option<String>, reason: Option<String>,
        resolved_as: Option<String>, provider_message_id: Option<String>,
        provider_code: Option<String>, took_ms: Option<i64>, worker: String,
    }
}
columns! {
    /// Arrays of `non_sends`.
    NonSendArrays of NonSendColumns {
        case_id: String, notification_id: Option<String>, step: Option<String>,
        contact_id: Option<String>, at: i64, decision: String, reason: String,
    }
}
columns! {
    /// Arrays of `visits`.
    VisitArrays of VisitColumns {
        case_id: String, notification_id: Option<String>, at: i64, step: String, way: String,
        visitor: String,
    }
}
arrays! {
    /// Arrays of `app_events`.
    AppEventArrays of AppEventColumns {
        event_id: String, kind: String, case_id: String, account_ref: String, at: i64, body: String,
    }
}

impl FromRow for DueEventColumns {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            event_id: row.try_get("event_id")?,
            endpoint: row.try_get("endpoint")?,
            kind: row.try_get("kind")?,
            body: row.try_get("body")?,
            tries: row.try_get("tries")?,
            lease: row.try_get("lease")?,
        })
    }
}

impl FromRow for AppDeliveryColumns {
    fn from_row(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            event_id: row.try_get("event_id")?,
            kind: row.try_get("kind")?,
            case_id: row.try_get("case_id")?,
            account_ref: row.try_get("account_ref")?,
            at: row.try_get("at")?,
            endpoint: row.try_get("endpoint")?,
            state: row.try_get("state")?,
            tries: row.try_get("tries")?,
            last_status: row.try_get("last_status")?,
            last_at: row.try_get("last_at")?,
        })
    }
}
