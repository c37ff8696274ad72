//! A batch means what its requests mean one after the other: the same requests go to PostgreSQL
//! in batches and to SQLite one by one, and both must end with the same ledger.

use crate::server::TestDatabase;
use crate::world::{account, account_ref, begin_request, keys, rules, signal_at, store_at};
use relink_core::account::AccountUpsert;
use relink_core::attempt::{Outcome, Reason};
use relink_core::id::NotificationId;
use relink_core::plan::SignalResult;
use relink_core::signal::{Signal, SignalKind};
use relink_core::time::from_millis;
use relink_store::{
    AccountStore as _, Begin, BeginRequest, CaseFilter, CaseHistory, CaseStore as _, Clock,
    FinishRequest, InspectStore as _, SignalStore as _, SqliteStore, Store,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

const START: i64 = 1_760_000_000_000;
const ACCOUNTS: usize = 4;

/// A small generator of its own, so that a failing script can be run again by its number.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        // Knuth's MMIX constants; the upper half is the better one.
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

/// One batch of one kind of request, or time that passes.
#[derive(Debug, Clone)]
enum Move {
    Signals(Vec<Signal>),
    Accounts(Vec<AccountUpsert>),
    Begin(Vec<usize>),
    Finish(Vec<(usize, Outcome)>),
    Later(i64),
}

fn script(dice: &mut Dice) -> Vec<Move> {
    let mut now = START;
    (0..25)
        .map(|turn| match dice.roll(6) {
            0 | 1 => Move::Signals((0..=dice.roll(5)).map(|_| a_signal(dice, turn, now)).collect()),
            2 => Move::Accounts((0..=dice.roll(3)).map(|_| an_account(dice)).collect()),
            3 => Move::Begin((0..=dice.roll(6)).map(|_| dice.roll(12)).collect()),
            4 => Move::Finish(
                (0..=dice.roll(6)).map(|_| (dice.roll(12), an_outcome(dice))).collect(),
            ),
            _ => {
                let by = [1_000, 61_000, 3_600_000][dice.roll(3)];
                now += by;
                Move::Later(by)
            }
        })
        .collect()
}

fn a_signal(dice: &mut Dice, turn: usize, now: i64) -> Signal {
    use SignalKind::{LoginRequired, PasswordChangeWarning, Repaired};
    // Few names, so that events repeat, and sometimes with another content.
    let event = format!("event-{}-{}", turn / 3, dice.roll(6));
    let kind = [LoginRequired, LoginRequired, PasswordChangeWarning, Repaired][dice.roll(4)];
    let occurred_at = from_millis(now - [0, 0, 30_000][dice.roll(3)]);
    let mut signal = signal_at(&event, dice.roll(ACCOUNTS), kind, occurred_at);
    signal.digest = format!("digest-{}", dice.roll(8) / 7);
    signal
}

fn an_account(dice: &mut Dice) -> AccountUpsert {
    let mut upsert = account(dice.roll(ACCOUNTS));
    match dice.roll(4) {
        0 => upsert.account.contacts.clear(),
        1 => upsert.account.contacts[0].email = None,
        2 => upsert.account.contacts[0].sms_consent = false,
        _ => {}
    }
    upsert
}

fn an_outcome(dice: &mut Dice) -> Outcome {
    match dice.roll(4) {
        0 => Outcome::Accepted,
        1 => Outcome::Deferred { reason: Reason::TemporaryRefusal, retry_after: None },
        2 => Outcome::Rejected { reason: Reason::NoSuchRecipient },
        _ => Outcome::Unknown { reason: Reason::NoAnswer },
    }
}

/// A store and what its workers hold.
struct Side<S> {
    store: S,
    clock: Arc<AtomicI64>,
    /// Ids of notifications and outcomes still owed, in the order they were begun.
    begun: Vec<(NotificationId, u32, i64)>,
}

impl<S: Store> Side<S> {
    /// Plays a move as it is, or cut into single requests; answers what came back.
    async fn play(&mut self, step: &Move, ids: &[NotificationId], whole: bool) -> Vec<String> {
        match step {
            Move::Later(by) => {
                self.clock.fetch_add(*by, Ordering::SeqCst);
                Vec::new()
            }
            Move::Signals(signals) => {
                let mut answers = Vec::new();
                for batch in signals.chunks(if whole { signals.len() } else { 1 }) {
                    answers.extend(self.store.apply_signals(batch).await.unwrap());
                }
                answers.iter().map(|applied| format!("{applied:?}")).collect()
            }
            Move::Accounts(accounts) => {
                let mut answers = Vec::new();
                for batch in accounts.chunks(if whole { accounts.len() } else { 1 }) {
                    answers.extend(self.store.put_accounts(batch).await.unwrap());
                }
                answers.iter().map(ToString::to_string).collect()
            }
            Move::Begin(which) => {
                let requests: Vec<BeginRequest> = which
                    .iter()
                    .filter_map(|which| ids.get(*which))
                    .map(|id| begin_request(*id, "worker"))
                    .collect();
                self.begin(&requests, whole).await
            }
            Move::Finish(which) => {
                let requests: Vec<FinishRequest> = which
                    .iter()
                    .filter_map(|(which, outcome)| Some((self.begun.get(*which)?, outcome)))
                    .map(|((id, number, fence), outcome)| finish(*id, *number, *fence, outcome))
                    .collect();
                let mut answers = Vec::new();
                for batch in requests.chunks(if whole { requests.len().max(1) } else { 1 }) {
                    answers.extend(self.store.finish(batch).await.unwrap());
                }
                answers.iter().map(|finished| format!("{finished:?}")).collect()
            }
        }
    }

    async fn begin(&mut self, requests: &[BeginRequest], whole: bool) -> Vec<String> {
        let mut answers = Vec::new();
        for batch in requests.chunks(if whole { requests.len().max(1) } else { 1 }) {
            answers.extend(self.store.begin(batch).await.unwrap());
        }
        for begin in &answers {
            if let Begin::Send(open) = begin {
                let row = &open.snapshot.notification;
                self.begun.insert(0, (row.id, open.number, row.fence));
            }
        }
        answers.iter().map(|begin| format!("{begin:?}")).collect()
    }

    async fn ledger(&self) -> Vec<CaseHistory> {
        let filter = CaseFilter { limit: 1_000, ..CaseFilter::default() };
        let mut ledger = Vec::new();
        for case in self.store.cases(&filter).await.unwrap() {
            ledger.push(self.store.case(case.id).await.unwrap().unwrap());
        }
        ledger
    }
}

fn finish(id: NotificationId, number: u32, fence: i64, outcome: &Outcome) -> FinishRequest {
    FinishRequest {
        notification_id: id,
        number,
        fence,
        sent: outcome.clone().into(),
        took: Duration::from_millis(5),
        jitter: 0.5,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_means_what_its_requests_mean_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..6 {
        let database = TestDatabase::create().await;
        let clocks = [START, START].map(|at| Arc::new(AtomicI64::new(at)));
        let [in_batches, one_by_one] = clocks.clone().map(Clock::Manual);
        let mut batches = Side {
            store: store_at(&database, 2, in_batches).await,
            clock: Arc::clone(&clocks[0]),
            begun: Vec::new(),
        };
        let file = folder.path().join(format!("{number}.db"));
        let sqlite = SqliteStore::open(&file, rules(), keys(), one_by_one).unwrap();
        sqlite.migrate().await.unwrap();
        let mut singles = Side { store: sqlite, clock: Arc::clone(&clocks[1]), begun: Vec::new() };

        let mut dice = Dice(number);
        for (turn, step) in script(&mut dice).iter().enumerate() {
            let ids = planned(&singles.ledger().await);
            let expected = singles.play(step, &ids, false).await;
            let got = batches.play(step, &ids, true).await;
            assert_eq!(got, expected, "script {number}, turn {turn}: {step:?}");
        }
        assert_eq!(batches.ledger().await, singles.ledger().await, "script {number}");
        for number in 0..ACCOUNTS {
            let stored = batches.store.account(&account_ref(number)).await.unwrap();
            assert_eq!(stored, singles.store.account(&account_ref(number)).await.unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_signal_of_a_batch_sees_what_those_before_it_did() {
    use SignalKind::{LoginRequired, Repaired};
    let database = TestDatabase::create().await;
    let clock = Clock::Manual(Arc::new(AtomicI64::new(START)));
    let store = store_at(&database, 1, clock).await;
    store.put_accounts(&[account(1), account(1)]).await.unwrap();
    let later = from_millis(START + 1);
    let signals = [
        signal_at("a", 1, LoginRequired, later),
        signal_at("b", 1, Repaired, later),
        signal_at("c", 1, LoginRequired, later),
        signal_at("d", 1, Repaired, later),
        signal_at("e", 1, LoginRequired, later),
        signal_at("e", 1, LoginRequired, later),
    ];
    let results: Vec<SignalResult> = store
        .apply_signals(&signals)
        .await
        .unwrap()
        .into_iter()
        .map(|applied| applied.result)
        .collect();
    use SignalResult::{Closed, Duplicate, Noted, Opened, Stale};
    // One batch has one now, in which nothing can be later than the repair.
    assert_eq!(results, [Opened, Closed, Stale, Noted, Stale, Duplicate]);
    let filter = CaseFilter { limit: 10, ..CaseFilter::default() };
    let cases = store.cases(&filter).await.unwrap();
    assert_eq!((cases.len(), cases.iter().filter(|case| case.is_open()).count()), (1, 0));
    let planned = store.stats().await.unwrap();
    assert_eq!((planned.cases_open, planned.sends_after_repair), (0, 0));
}

/// The notifications of all cases, newest case first.
fn planned(ledger: &[CaseHistory]) -> Vec<NotificationId> {
    ledger.iter().flat_map(|history| &history.notifications).map(|row| row.id).collect()
}
