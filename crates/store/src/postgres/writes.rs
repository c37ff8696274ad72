//! Writes of a whole batch, each list with one statement, all on their way at once.

use super::columns::{
    AccountArrays, AccountPutColumns, AppEventArrays, AttemptArrays, CaseArrays, ContactArrays,
    FinishArrays, FinishColumns, LinkArrays, LinkColumns, LogArrays, NonSendArrays,
    NotificationArrays, ResolutionArrays, ResolutionColumns, SignalArrays, VisitArrays,
};
use super::error::Failure;
use super::limit;
use super::tell::{Keys, around};
use super::transaction::{Query, Transaction, query};
use crate::StoreError;
use crate::changes::{
    AccountWrite, AppEventWrite, AttemptFinish, AttemptResolution, Concerned, LinkWrite, Writes,
    app_events, concerned,
};
use crate::rows::{
    AppEventColumns, AttemptColumns, CaseColumns, ContactColumns, LogColumns, NonSendColumns,
    NotificationColumns, SignalColumns, StoredNotification, VisitColumns,
};
use relink_core::time::to_millis;
use relink_core::visit::MAX_VISITS;
use std::collections::BTreeMap;

/// Writes all of it and commits, in one round trip; in one more, when there is something that the
/// customer's app is to be told of.
pub(super) async fn commit(tx: &Transaction, writes: Writes) -> Result<(), Failure> {
    let mut writes = one_row_each(writes);
    let events = match concerned(&writes, &tx.rules().app) {
        None => Vec::new(),
        Some(concerned) => {
            let events = write_and_look(tx, &writes, &concerned).await?;
            writes = Writes::default();
            events
        }
    };
    let rows = Rows::from(Writes { app_events: events, ..writes });
    tx.commit(&rows.queries()).await?;
    Ok(())
}

/// Writes all of it without committing; answers the events it comes to.
async fn write_and_look(
    tx: &Transaction,
    writes: &Writes,
    concerned: &Concerned,
) -> Result<Vec<AppEventWrite>, Failure> {
    let (keys, rows) = (Keys::of(concerned), Rows::from(writes.clone()));
    let before = std::iter::once(keys.before());
    let queries: Vec<Query<'_>> = before.chain(rows.queries()).chain(keys.after()).collect();
    let answers = tx.execute_all(&queries).await?;
    let (Some(owners), [.., cases, states, now]) = (answers.first(), answers.as_slice()) else {
        // Committed like this, the change would never be told of.
        return Err(Failure::Store(StoreError::Refused(
            "PostgreSQL left out answers to what a change concerns".to_owned(),
        )));
    };
    let (around, now) = (around(owners, cases, states)?, tx.now(now)?);
    Ok(app_events(writes, &around, &tx.rules().app, now))
}

/// Requests of one batch may have written to the same row one after the other: what counts is
/// the last. What a case opened in this batch went through goes into its one insert, so that an
/// account whose case closes and opens again never has two open ones on the way.
fn one_row_each(writes: Writes) -> Writes {
    let mut accounts = BTreeMap::new();
    for write in writes.accounts {
        accounts.insert(write.account.account_ref.clone(), write);
    }
    let mut cases = BTreeMap::new();
    for case in writes.cases {
        cases.insert(case.id, case);
    }
    let mut new_cases = writes.new_cases;
    for new in &mut new_cases {
        if let Some(case) = cases.remove(&new.case.id) {
            new.case = case;
        }
    }
    let mut notifications = BTreeMap::new();
    for (stored, at) in writes.notifications {
        notifications.insert(stored.notification.id, (stored, at));
    }
    Writes {
        accounts: accounts.into_values().collect(),
        cases: cases.into_values().collect(),
        new_cases,
        notifications: notifications.into_values().collect(),
        ..writes
    }
}

/// Every list as one array per column.
struct Rows {
    accounts: AccountArrays,
    /// The accounts whose contacts are replaced.
    replaced: Vec<String>,
    contacts: ContactArrays,
    deleted_accounts: Vec<String>,
    cases: CaseArrays,
    new_cases: CaseArrays,
    signals: SignalArrays,
    new_notifications: NotificationArrays,
    planned_at: Vec<i64>,
    notifications: NotificationArrays,
    changed_at: Vec<i64>,
    new_attempts: AttemptArrays,
    finished: FinishArrays,
    resolved: ResolutionArrays,
    non_sends: NonSendArrays,
    links: LinkArrays,
    operator_log: LogArrays,
    visits: VisitArrays,
    /// Which of the visits are recorded however many there are.
    always: Vec<bool>,
    most_visits: i64,
    recheck_cases: Vec<String>,
    recheck_at: Vec<i64>,
    app_events: AppEventArrays,
    told: Vec<String>,
    told_to: Vec<String>,
    told_at: Vec<i64>,
}

impl From<Writes> for Rows {
    fn from(w: Writes) -> Self {
        let told = || {
            w.app_events
                .iter()
                .flat_map(|write| write.endpoints.iter().map(move |to| (&write.event, to)))
        };
        Self {
            replaced: w.accounts.iter().map(|put| put.account.account_ref.to_string()).collect(),
            contacts: w.accounts.iter().flat_map(|put| ContactColumns::of(&put.account)).collect(),
            accounts: w.accounts.into_iter().map(account_columns).collect(),
            deleted_accounts: w.deleted_accounts.iter().map(ToString::to_string).collect(),
            cases: w.cases.iter().map(|case| CaseColumns::new(case, None)).collect(),
            new_cases: w.new_cases.iter().map(|c| CaseColumns::new(&c.case, c.trace)).collect(),
            signals: w.signals.iter().map(|s| SignalColumns::new(&s.row, s.case_id)).collect(),
            planned_at: w.new_notifications.iter().map(|(_, at)| to_millis(*at)).collect(),
            new_notifications: w
                .new_notifications
                .iter()
                .map(|(new, _)| NotificationColumns::from(&StoredNotification::planned(new)))
                .collect(),
            changed_at: w.notifications.iter().map(|(_, at)| to_millis(*at)).collect(),
            notifications: w.notifications.iter().map(|(stored, _)| stored.into()).collect(),
            new_attempts: w.new_attempts.iter().map(AttemptColumns::from).collect(),
            finished: w.finished_attempts.into_iter().map(finish_columns).collect(),
            resolved: w.resolved_attempts.into_iter().map(resolution_columns).collect(),
            non_sends: w.non_sends.iter().map(|(id, row)| NonSendColumns::new(*id, row)).collect(),
            links: w.links.into_iter().map(link_columns).collect(),
            operator_log: w.operator_log.into_iter().map(LogColumns::from).collect(),
            visits: w.visits.iter().map(VisitColumns::from).collect(),
            always: w.visits.iter().map(|w| w.visit.step.is_always_recorded()).collect(),
            most_visits: limit(MAX_VISITS),
            recheck_cases: w.rechecks.iter().map(|(id, _)| id.to_string()).collect(),
            recheck_at: w.rechecks.iter().map(|(_, at)| to_millis(*at)).collect(),
            app_events: w.app_events.iter().map(AppEventColumns::from).collect(),
            told: told().map(|(event, _)| event.id.to_string()).collect(),
            told_to: told().map(|(_, to)| to.to_string()).collect(),
            told_at: told().map(|(event, _)| to_millis(event.at)).collect(),
        }
    }
}

impl Rows {
    /// The statements that have something to write, in an order in which every constraint holds.
    fn queries(&self) -> Vec<Query<'_>> {
        [
            self.accounts.query(sql!("put_accounts"), &[]),
            by_ref(sql!("delete_contacts"), &self.replaced),
            self.contacts.query(sql!("insert_contacts"), &[]),
            by_ref(sql!("delete_accounts"), &self.deleted_accounts),
            // Before the inserts: a closed case makes room for a new one of its account.
            self.cases.query(sql!("update_cases"), &[]),
            self.new_cases.query(sql!("insert_cases"), &[]),
            self.signals.query(sql!("insert_signals"), &[]),
            self.new_notifications.query(sql!("insert_notifications"), &[&self.planned_at]),
            // After the inserts: it may be one of them that changes.
            self.notifications.query(sql!("update_notifications"), &[&self.changed_at]),
            self.new_attempts.query(sql!("insert_attempts"), &[]),
            self.finished.query(sql!("finish_attempts"), &[]),
            self.resolved.query(sql!("resolve_attempts"), &[]),
            self.non_sends.query(sql!("insert_non_sends"), &[]),
            self.links.query(sql!("insert_links"), &[]),
            self.operator_log.query(sql!("insert_operator_log"), &[]),
            self.visits.query(sql!("insert_visits"), &[&self.always, &self.most_visits]),
            self.rechecks(),
            self.app_events
                .query(sql!("insert_app_events"), &[&self.told, &self.told_to, &self.told_at]),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Rows {
    fn rechecks(&self) -> Option<Query<'_>> {
        let Self { recheck_cases, recheck_at, .. } = self;
        let some = !recheck_cases.is_empty();
        some.then(|| query(sql!("put_rechecks"), &[recheck_cases, recheck_at]))
    }
}

fn by_ref<'a>(sql: &'static str, refs: &'a Vec<String>) -> Option<Query<'a>> {
    (!refs.is_empty()).then(|| query(sql, &[refs]))
}

fn account_columns(put: AccountWrite) -> AccountPutColumns {
    let AccountWrite { account, token, at } = put;
    AccountPutColumns {
        account_ref: account.account_ref.to_string(),
        user_id: account.user_id,
        org_id: account.org_id,
        emr_instance_domain: account.emr_instance_domain,
        created_at: to_millis(at),
        updated_at: to_millis(at),
        access_token: token.bytes,
        access_token_key: token.key,
    }
}

fn finish_columns(finish: AttemptFinish) -> FinishColumns {
    FinishColumns {
        notification_id: finish.notification_id.to_string(),
        number: finish.number.into(),
        finished_at: to_millis(finish.finished_at),
        outcome: finish.outcome.to_string(),
        reason: finish.reason.to_string(),
        provider_message_id: finish.provider_message_id,
        provider_code: finish.provider_code,
        took_ms: finish.took_ms,
    }
}

fn resolution_columns(resolution: AttemptResolution) -> ResolutionColumns {
    ResolutionColumns {
        notification_id: resolution.notification_id.to_string(),
        number: resolution.number.into(),
        resolved_at: to_millis(resolution.resolved_at),
        resolved_as: resolution.resolved_as.to_string(),
        provider_message_id: resolution.provider_message_id,
    }
}

fn link_columns(link: LinkWrite) -> LinkColumns {
    LinkColumns { token_hash: link.token_hash, notification_id: link.notification_id.to_string() }
}
