//! The rows in memory mean what SQLite makes of them: every operation of a run is done again in
//! a real store, which must give the same answers and end with the same rows. Events for the customer's app are the
//! store's alone: the rows in memory say which there have to be.

use super::courier::spoken;
use super::ledger::Ledger;
use super::people;
use super::run::{Start, recorded};
use crate::{
    AccountStore, AppDeliveryFilter, AppDeliveryRow, AppEventStore, Applied, AttemptRow,
    BeginRequest, CaseFilter, CaseStore, Clock, DeliveryStore, DueStore, FinishRequest, Finished,
    LookUpRequest, NonSendRow, OpenCase, Operated, OperatorAct, OperatorStore, SignalRow,
    SignalStore, SqliteStore, Store,
};
use relink_core::account::AccountUpsert;
use relink_core::app_event::{AppEventKind, Endpoint, Fact, Reach, reach};
use relink_core::case::{Case, CloseReason};
use relink_core::id::{AccountRef, CaseId, EndpointId, NotificationId, OperatorId};
use relink_core::notification::{Notification, NotificationState};
use relink_core::policy::Rules;
use relink_core::signal::Signal;
use relink_core::time::to_millis;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// Runs that are mirrored: each operation is a commit on the disk.
const RUNS: u64 = 12;

/// Choices in each.
const STEPS: usize = 400;

/// An operation and its answer.
#[derive(Debug, Clone)]
pub(super) enum Op {
    /// The store is opened again with these.
    Rules(Rules),
    Apply(Signal, Applied),
    Expire(usize, usize),
    Claim(usize, Vec<NotificationId>),
    GiveBack(Vec<NotificationId>),
    Begin(BeginRequest, String),
    Finish(FinishRequest, Finished),
    FinishLookUp(LookUpRequest, Finished),
    Renew(NotificationId, i64, Duration, bool),
    Put(AccountUpsert),
    Delete(AccountRef, bool),
    Close(CaseId, CloseReason),
    Hold(CaseId, bool, bool),
    /// The dead one, and the one planned in its place.
    Replay(NotificationId, NotificationId),
}

#[test]
fn sqlite_answers_and_ends_like_the_rows_in_memory() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for seed in 1..=RUNS {
        let ledger = recorded(Start { seed, steps: STEPS, flaw: None });
        runtime.block_on(mirror(seed, ledger));
    }
}

async fn mirror(seed: u64, mut ledger: Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("relink.db");
    let millis = Arc::new(AtomicI64::new(0));
    let clock = Clock::Manual(Arc::clone(&millis));
    let mut store = None;
    for (number, (now, op)) in ledger.log.take().unwrap().into_iter().enumerate() {
        millis.store(to_millis(now), Ordering::SeqCst);
        if let Op::Rules(rules) = op {
            drop(store.take());
            store = Some(open(&file, rules, &clock).await);
        } else {
            let store = store.as_ref().unwrap();
            again(store, &op).await.unwrap_or_else(|got| {
                panic!("seed {seed}, operation {number}: {op:?}, but SQLite says {got}")
            });
        }
    }
    same_rows(&store.unwrap(), &ledger).await;
}

async fn open(file: &Path, mut rules: Rules, clock: &Clock) -> SqliteStore {
    let id = EndpointId::parse("app").unwrap();
    rules.app = vec![Endpoint { id, events: AppEventKind::ALL.to_vec() }];
    let store = SqliteStore::open(file, Arc::new(rules), people::keys(), clock.clone()).unwrap();
    store.migrate().await.unwrap();
    store
}

/// Does it again; fails with another answer than the one before.
async fn again(store: &SqliteStore, op: &Op) -> Result<(), String> {
    fn same<T: PartialEq + std::fmt::Debug>(wanted: &T, got: T) -> Result<(), String> {
        if *wanted == got { Ok(()) } else { Err(format!("{got:?}")) }
    }
    match op {
        Op::Rules(_) => Ok(()),
        Op::Apply(signal, applied) => {
            let got = store.apply_signals(std::slice::from_ref(signal)).await.unwrap();
            same(&vec![applied.clone()], got)
        }
        Op::Expire(most, expired) => same(expired, store.expire_cases(*most).await.unwrap()),
        Op::Claim(most, claimed) => {
            let got = store.claim_due(*most).await.unwrap();
            let mut got: Vec<_> = got.into_iter().map(|due| due.notification_id).collect();
            let mut claimed = claimed.clone();
            claimed.sort_unstable();
            got.sort_unstable();
            same(&claimed, got)
        }
        Op::GiveBack(ids) => {
            store.give_back(ids).await.unwrap();
            Ok(())
        }
        Op::Begin(request, said) => {
            let got = store.begin(std::slice::from_ref(request)).await.unwrap();
            same(&vec![said.clone()], got.iter().map(spoken).collect())
        }
        Op::Finish(request, finished) => {
            let got = store.finish(std::slice::from_ref(request)).await.unwrap();
            same(&vec![finished.clone()], got)
        }
        Op::FinishLookUp(request, finished) => {
            same(finished, store.finish_look_up(request).await.unwrap())
        }
        Op::Renew(id, fence, lease, ours) => {
            same(ours, store.renew(*id, *fence, *lease).await.unwrap())
        }
        Op::Put(upsert) => {
            store.put_accounts(std::slice::from_ref(upsert)).await.unwrap();
            Ok(())
        }
        Op::Delete(account_ref, known) => {
            same(known, store.delete_account(account_ref).await.unwrap())
        }
        Op::Close(id, reason) => {
            let got = store.close_case(&OpenCase::Id(*id), *reason).await.unwrap();
            same(&Some(*id), got)
        }
        Op::Hold(id, hold, changed) => same(changed, store.hold_case(*id, *hold).await.unwrap()),
        Op::Replay(id, again) => {
            let operator = OperatorId::parse("simulated").unwrap();
            match store.operate(&operator, &OperatorAct::Replay(*id)).await.unwrap() {
                Operated::Done { planned, .. } => same(&Some(*again), planned),
                other @ (Operated::NothingToDo
                | Operated::CaseClosed
                | Operated::ReplayedBefore(_)) => Err(format!("{other:?}")),
            }
        }
    }
}

/// Every case with its signals, notifications, attempts and reasons.
async fn same_rows(store: &SqliteStore, ledger: &Ledger) {
    let filter = CaseFilter { limit: 10_000, ..CaseFilter::default() };
    assert_eq!(store.cases(&filter).await.unwrap().len(), ledger.cases.len());
    assert_eq!(store.next_due_in().await.unwrap(), None);
    let filter = AppDeliveryFilter { failed: false, limit: 100_000 };
    let told = store.app_deliveries(filter).await.unwrap();
    for stored in &ledger.cases {
        let id = stored.case.id;
        same_events(&told, &stored.case, ledger);
        let mut found = store.case(id).await.unwrap().unwrap();
        assert_eq!(found.case, stored.case);

        let of_case = |write: &&crate::changes::SignalWrite| write.case_id == Some(id);
        let signals: Vec<SignalRow> =
            ledger.signals.values().filter(of_case).map(|write| write.row.clone()).collect();
        found.signals.sort_by(|a, b| a.signal.event_id.cmp(&b.signal.event_id));
        assert_eq!(found.signals, signals);

        let mut notifications: Vec<Notification> =
            ledger.notifications_of(id).into_iter().map(|stored| stored.notification).collect();
        notifications.sort_by_key(|row| row.id);
        found.notifications.sort_by_key(|row| row.id);
        assert_eq!(found.notifications, notifications);

        let mut attempts: Vec<AttemptRow> =
            ledger.attempts.values().filter(|row| row.case_id == id).cloned().collect();
        attempts.sort_by_key(|row| (row.started_at, row.notification_id, row.number));
        assert_eq!(found.attempts, attempts);

        let mut non_sends: Vec<NonSendRow> = ledger
            .non_sends
            .iter()
            .filter(|(case, _)| *case == id)
            .map(|(_, row)| row.clone())
            .collect();
        non_sends.sort_by_key(|row| row.at);
        assert_eq!(found.non_sends, non_sends);
    }
}

/// Every fact of a case was told once, and nothing else.
fn same_events(told: &[AppDeliveryRow], case: &Case, ledger: &Ledger) {
    let of_case = told.iter().filter(|row| row.case_id == case.id);
    let mut kinds: Vec<AppEventKind> = of_case.map(|row| row.kind).collect();
    let states: Vec<NotificationState> =
        ledger.notifications_of(case.id).iter().map(|row| row.notification.state).collect();
    let silent = kinds.iter().filter(|kind| **kind == AppEventKind::Unreachable).count();
    assert!(silent <= 1, "{kinds:?}");
    let known = ledger.accounts.contains_key(&case.account_ref);
    if case.is_open() && reach(known, states.iter().copied()) == Reach::None {
        assert_eq!(silent, 1, "{states:?}");
    }
    kinds.retain(|kind| *kind != AppEventKind::Unreachable);
    kinds.sort_unstable();
    let mut wanted = vec![AppEventKind::Opened];
    let sent = states.iter().filter(|state| **state == NotificationState::Sent);
    wanted.extend(sent.map(|_| AppEventKind::Notified));
    wanted.extend(case.close_reason.map(|reason| Fact::Ended(reason).kind()));
    assert_eq!(kinds, wanted, "case {}", case.id);
}
