//! Which events for the customer's app the rows of a transaction come to. One function over what is
//! written, whatever wrote it: a path that changes a case cannot forget to tell of it. An event's
//! id is derived from its fact, so that a fact found again is an insert that does nothing.

use super::Writes;
use relink_core::Timestamp;
use relink_core::app_event::{AppEvent, Endpoint, Fact, Owner, Reach, event, reach};
use relink_core::case::Case;
use relink_core::id::{AccountRef, CaseId, EndpointId};
use relink_core::notification::{Notification, NotificationState};
use std::collections::{BTreeMap, BTreeSet};

/// An event to insert, with a delivery for each endpoint; nothing of one that exists.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AppEventWrite {
    pub(crate) event: AppEvent,
    pub(crate) endpoints: Vec<EndpointId>,
}

/// What has to be read before events can be told of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Concerned {
    pub(crate) cases: BTreeSet<CaseId>,
    pub(crate) accounts: BTreeSet<AccountRef>,
}

/// The concerned cases once everything is written, and their accounts as they were before: one that
/// is deleted with its case is still named.
#[derive(Debug, Clone, Default)]
pub(crate) struct Around {
    pub(crate) owners: BTreeMap<AccountRef, Owner>,
    pub(crate) cases: BTreeMap<CaseId, Case>,
    pub(crate) states: BTreeMap<CaseId, Vec<NotificationState>>,
}

/// The cases that `writes` may have something to tell of; `None` when there is none, or nobody who
/// listens.
pub(crate) fn concerned(writes: &Writes, endpoints: &[Endpoint]) -> Option<Concerned> {
    if endpoints.is_empty() {
        return None;
    }
    let mut concerned = Concerned::default();
    let mut take = |case_id: CaseId, account_ref: &AccountRef| {
        concerned.cases.insert(case_id);
        concerned.accounts.insert(account_ref.clone());
    };
    writes.new_cases.iter().for_each(|new| take(new.case.id, &new.case.account_ref));
    writes.cases.iter().for_each(|case| take(case.id, &case.account_ref));
    let ended = writes.notifications.iter().map(|(stored, _)| &stored.notification);
    ended.filter(|row| row.state.is_end()).for_each(|row| take(row.case_id, &row.account_ref));
    (!concerned.cases.is_empty()).then_some(concerned)
}

/// The events of `writes`, each with the endpoints that want it.
pub(crate) fn app_events(
    writes: &Writes,
    around: &Around,
    endpoints: &[Endpoint],
    now: Timestamp,
) -> Vec<AppEventWrite> {
    let owner_of = |account_ref: &AccountRef| -> Option<Owner> {
        let put = writes.accounts.iter().rfind(|put| put.account.account_ref == *account_ref);
        let put = put.map(|put| Owner {
            user_id: put.account.user_id.clone(),
            org_id: put.account.org_id.clone(),
        });
        put.or_else(|| around.owners.get(account_ref).cloned())
    };
    let mut events = Vec::new();
    for case in around.cases.values() {
        let owner = owner_of(&case.account_ref);
        for fact in facts(writes, case, around, owner.is_some()) {
            let event = event(case, owner.as_ref(), fact, now);
            let endpoints: Vec<EndpointId> = endpoints
                .iter()
                .filter(|endpoint| endpoint.events.contains(&event.kind))
                .map(|endpoint| endpoint.id.clone())
                .collect();
            if !endpoints.is_empty() {
                events.push(AppEventWrite { event, endpoints });
            }
        }
    }
    events
}

/// What happened to `case`, in the order of a story.
fn facts<'a>(
    writes: &'a Writes,
    case: &Case,
    around: &Around,
    account_known: bool,
) -> Vec<Fact<'a>> {
    let mut facts = Vec::new();
    let is_new = writes.new_cases.iter().any(|new| new.case.id == case.id);
    if is_new {
        facts.push(Fact::Opened);
    }
    facts.extend(sent(writes, case.id).map(Fact::Notified));
    match case.close_reason {
        Some(reason) if is_new || writes.cases.iter().any(|row| row.id == case.id) => {
            facts.push(Fact::Ended(reason));
        }
        Some(_) => {}
        None => {
            let states = around.states.get(&case.id).into_iter().flatten().copied();
            if reach(account_known, states) == Reach::None {
                facts.push(Fact::Unreachable);
            }
        }
    }
    facts
}

fn sent(writes: &Writes, case: CaseId) -> impl Iterator<Item = &Notification> {
    let rows = writes.notifications.iter().map(|(stored, _)| &stored.notification);
    rows.filter(move |row| row.case_id == case && row.state == NotificationState::Sent)
}

#[cfg(test)]
#[path = "app_events_tests.rs"]
mod tests;
