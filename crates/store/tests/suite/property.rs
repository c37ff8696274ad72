//! Whatever happens in whatever order, the promises hold: one lease at most, nothing begun after
//! its case closed, ends that stay ends, never a third message, a reason for everything, and
//! nothing that stays open for ever.

use crate::world::{DAY, LEASE, MINUTE, World, account_ref, admin, deferred, finished, request};
use crate::world::{operator, unknown, upsert, user};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use relink_core::attempt::{Outcome, OutcomeKind, Reason};
use relink_core::case::CloseReason;
use relink_core::id::NotificationId;
use relink_core::notification::{NonSend, Notification, NotificationState};
use relink_core::sender::LookUp;
use relink_core::signal::SignalKind;
use relink_store::{
    AttemptRow, AuditRequest, Begin, CaseFilter, CaseHistory, FinishRequest, LookUpRequest,
    OpenCase, Operated, OperatorAct, StoreCheck,
};
use std::collections::HashMap;
use std::time::Duration;

/// Something that happens. Indexes pick among what there is by then.
#[derive(Debug, Clone)]
enum Op {
    Signal { account: u8, event: u8, kind: SignalKind },
    Put { account: u8, contacts: u8 },
    Delete { account: u8 },
    Wait(Duration),
    Claim,
    Begin { which: Index, worker: u8 },
    Finish { which: Index, outcome: Outcome },
    FinishLookUp { which: Index, found: LookUp },
    Renew { which: Index },
    Hold { account: u8, hold: bool },
    Close { account: u8 },
    Expire,
    Replay { which: Index },
}

fn op() -> impl Strategy<Value = Op> {
    let account = 0..2_u8;
    let which = any::<Index>;
    let kind = prop_oneof![
        6 => Just(SignalKind::LoginRequired),
        1 => Just(SignalKind::PasswordChangeWarning),
        1 => Just(SignalKind::Repaired),
    ];
    let seconds = prop_oneof![
        4 => Just(30),
        6 => Just(60),
        8 => Just(120),
        2 => Just(600),
        1 => Just(86_400),
    ];
    let outcome = prop_oneof![
        2 => Just(Outcome::Accepted),
        2 => Just(deferred(Reason::TemporaryRefusal)),
        1 => Just(deferred(Reason::ConnectFailed)),
        1 => Just(Outcome::Rejected { reason: Reason::NoSuchRecipient }),
        1 => Just(Outcome::Rejected { reason: Reason::ContentRefused }),
        3 => Just(unknown()),
    ];
    let found = prop_oneof![
        1 => Just(LookUp::Found { provider_message_id: "found".to_owned() }),
        1 => Just(LookUp::Refused { reason: Reason::NotAMobile }),
        3 => Just(LookUp::Absent),
        1 => Just(LookUp::Unavailable { reason: Reason::ConnectFailed }),
    ];
    prop_oneof![
        4 => (account.clone(), 0..12_u8, kind)
            .prop_map(|(account, event, kind)| Op::Signal { account, event, kind }),
        1 => (account.clone(), 0..4_u8)
            .prop_map(|(account, contacts)| Op::Put { account, contacts }),
        1 => account.clone().prop_map(|account| Op::Delete { account }),
        12 => seconds.prop_map(|seconds| Op::Wait(Duration::from_secs(seconds))),
        2 => Just(Op::Claim),
        16 => (which(), 0..4_u8).prop_map(|(which, worker)| Op::Begin { which, worker }),
        12 => (which(), outcome).prop_map(|(which, outcome)| Op::Finish { which, outcome }),
        6 => (which(), found).prop_map(|(which, found)| Op::FinishLookUp { which, found }),
        1 => which().prop_map(|which| Op::Renew { which }),
        2 => (account.clone(), any::<bool>())
            .prop_map(|(account, hold)| Op::Hold { account, hold }),
        1 => account.prop_map(|account| Op::Close { account }),
        1 => Just(Op::Expire),
        1 => which().prop_map(|which| Op::Replay { which }),
    ]
}

/// One sequence, on accounts of its own.
struct Run<'a> {
    world: &'a World,
    name: usize,
    /// Every attempt and every look ever begun: recorded in time, late, twice or never.
    sends: Vec<FinishRequest>,
    looks: Vec<LookUpRequest>,
    /// The last known end of each notification.
    ends: HashMap<NotificationId, (NotificationState, Option<Reason>)>,
}

impl Run<'_> {
    fn account(&self, number: u8) -> String {
        format!("run {} account {number}", self.name)
    }

    async fn histories(&self) -> Vec<CaseHistory> {
        let mut histories = Vec::new();
        for number in 0..2 {
            let account_ref = Some(account_ref(&self.account(number)));
            let filter = CaseFilter { account_ref, limit: 100, ..CaseFilter::default() };
            for case in self.world.store.cases(&filter).await.unwrap() {
                histories.push(self.world.history(case.id).await);
            }
        }
        histories
    }

    /// Any notification, or one that has come due and not to an end.
    async fn pick(&self, which: &Index, due: bool) -> Option<(CaseHistory, Notification)> {
        let mut all = Vec::new();
        for history in self.histories().await {
            for notification in history.notifications.clone() {
                let waits = !notification.state.is_end();
                if !due || (waits && notification.due_at <= self.world.now()) {
                    all.push((history.clone(), notification));
                }
            }
        }
        (!all.is_empty()).then(|| all.swap_remove(which.index(all.len())))
    }

    async fn happen(&mut self, op: &Op) {
        let (world, store) = (self.world, &self.world.store);
        match op {
            Op::Signal { account, event, kind } => {
                let name = self.account(*account);
                world.apply(world.signal(&format!("{name} event {event}"), &name, *kind)).await;
            }
            Op::Put { account, contacts } => {
                let mut people = Vec::new();
                people.extend((contacts & 1 == 1).then(user));
                people.extend((contacts & 2 == 2).then(admin));
                world.put(upsert(&self.account(*account), people)).await;
            }
            Op::Delete { account } => {
                store.delete_account(&account_ref(&self.account(*account))).await.unwrap();
            }
            Op::Wait(by) => world.advance(*by),
            Op::Claim => drop(world.claim().await),
            Op::Begin { which, worker } => self.begin(which, *worker).await,
            Op::Finish { which, outcome } => {
                if !self.sends.is_empty() {
                    // One of the latest: the others' time is long past.
                    let recent = self.sends.len().min(3);
                    let at = self.sends.len() - 1 - which.index(recent);
                    let mut request = self.sends[at].clone();
                    request.sent = outcome.clone().into();
                    store.finish(&[request]).await.unwrap();
                }
            }
            Op::FinishLookUp { which, found } => {
                if !self.looks.is_empty() {
                    let look = self.looks[which.index(self.looks.len())].clone();
                    let request = LookUpRequest { found: found.clone(), ..look };
                    store.finish_look_up(&request).await.unwrap();
                }
            }
            Op::Renew { which } => {
                if !self.sends.is_empty() {
                    let FinishRequest { notification_id, fence, .. } =
                        self.sends[which.index(self.sends.len())];
                    store.renew(notification_id, fence, LEASE).await.unwrap();
                }
            }
            Op::Hold { account, hold } => {
                if let Some(case) = self.open_case(*account).await {
                    store.hold_case(case, *hold).await.unwrap();
                }
            }
            Op::Close { account } => {
                let which = OpenCase::Account(account_ref(&self.account(*account)));
                store.close_case(&which, CloseReason::Repaired).await.unwrap();
            }
            Op::Expire => {
                store.expire_cases(100).await.unwrap();
            }
            Op::Replay { which } => {
                if let Some((history, notification)) = self.pick(which, false).await {
                    self.replay(&history, &notification).await;
                }
            }
        }
    }

    /// Only what is dead, of an open case, once; and the dead one stays as it is.
    async fn replay(&self, history: &CaseHistory, notification: &Notification) {
        let act = OperatorAct::Replay(notification.id);
        let operated = self.world.store.operate(&operator(), &act).await.unwrap();
        let dead = notification.state == NotificationState::Dead;
        let replayed = history.non_sends.iter().any(|row| {
            row.notification_id == Some(notification.id) && row.decision == NonSend::Replayed
        });
        match operated {
            Operated::Done { .. } => assert!(dead && !replayed && history.case.is_open()),
            Operated::NothingToDo => assert!(!dead),
            Operated::ReplayedBefore(_) => assert!(replayed),
            Operated::CaseClosed => assert!(!history.case.is_open()),
        }
    }

    async fn open_case(&self, account: u8) -> Option<relink_core::id::CaseId> {
        let account_ref = Some(account_ref(&self.account(account)));
        let filter =
            CaseFilter { account_ref, open: Some(true), limit: 1, ..CaseFilter::default() };
        self.world.store.cases(&filter).await.unwrap().first().map(|case| case.id)
    }

    async fn begin(&mut self, which: &Index, worker: u8) {
        // Mostly what can still be sent; now and then a stray copy of anything.
        let open = worker > 0;
        let Some((before, notification)) = self.pick(which, open).await else { return };
        let asked = request(&format!("w{worker}"), notification.id);
        let leased = notification.lease_until.is_some_and(|until| until > self.world.now());
        match self.world.store.begin(&[asked]).await.unwrap().remove(0) {
            Begin::Send(open) => {
                assert!(before.case.is_open() && before.case.hold.is_none() && !leased);
                assert!(notification.due_at <= self.world.now());
                self.sends.push(finished(&open, Outcome::Accepted));
            }
            Begin::LookUp(open) => {
                assert!(before.case.is_open() && before.case.hold.is_none() && !leased);
                self.looks.push(LookUpRequest {
                    notification_id: notification.id,
                    number: open.number,
                    fence: open.snapshot.notification.fence,
                    found: LookUp::Absent,
                });
            }
            Begin::NotSent { .. } => assert!(!leased),
            Begin::NotNow => {}
        }
    }

    async fn check(&mut self) {
        let histories = self.histories().await;
        for number in 0..2 {
            let account_ref = account_ref(&self.account(number));
            let open = histories.iter().filter(|history| {
                history.case.account_ref == account_ref && history.case.is_open()
            });
            assert!(open.count() <= 1, "one case, one voice");
        }
        for history in &histories {
            for notification in &history.notifications {
                let attempts: Vec<&AttemptRow> = history
                    .attempts
                    .iter()
                    .filter(|attempt| attempt.notification_id == notification.id)
                    .collect();
                check_attempts(history, notification, &attempts);
                Self::check_voice(&attempts);
                self.check_end(history, notification);
            }
        }
    }

    /// At most two messages that may have arrived; what an operator asks for is another one.
    fn check_voice(attempts: &[&AttemptRow]) {
        let may_have_arrived = attempts.iter().filter(|attempt| {
            let known = attempt.resolved_as.or(attempt.outcome);
            !matches!(known, Some(OutcomeKind::Deferred | OutcomeKind::Rejected))
        });
        assert!(may_have_arrived.count() <= 2, "never a third one: {attempts:#?}");
    }

    fn check_end(&mut self, history: &CaseHistory, notification: &Notification) {
        let now = (notification.state, notification.reason);
        if let Some(end) = self.ends.get(&notification.id) {
            assert_eq!(*end, now, "an end changed");
        }
        let told = |decision: NonSend| {
            history.non_sends.iter().any(|row| {
                row.notification_id == Some(notification.id)
                    && row.decision == decision
                    && Some(row.reason) == notification.reason
            })
        };
        match notification.state {
            NotificationState::Skipped => assert!(told(NonSend::Skipped)),
            NotificationState::Cancelled => assert!(told(NonSend::Cancelled)),
            NotificationState::Dead => assert!(told(NonSend::Dead)),
            NotificationState::Sent | NotificationState::Failed => {}
            NotificationState::Planned
            | NotificationState::Sending
            | NotificationState::Doubtful => return,
        }
        assert!(notification.reason.is_some(), "an end without a reason");
        assert_eq!(notification.lease_until, None, "an end that is leased");
        self.ends.insert(notification.id, now);
    }

    /// After everything has expired, nothing more is sent and nothing stays open.
    async fn come_to_an_end(&mut self) {
        let world = self.world;
        world.advance(31 * DAY);
        world.store.expire_cases(1000).await.unwrap();
        for _ in 0..10 {
            for due in world.claim().await {
                match world.begin(due.notification_id).await {
                    Begin::NotNow | Begin::NotSent { .. } => {}
                    other => panic!("sent after its case expired: {other:?}"),
                }
            }
            world.advance(LEASE + MINUTE);
        }
        assert_eq!(world.store.next_due_in().await.unwrap(), None);
        self.check().await;
        for history in self.histories().await {
            assert!(!history.case.is_open());
            for notification in history.notifications {
                assert!(notification.state.is_end(), "left open: {notification:?}");
            }
        }
        let stats = world.store.stats().await.unwrap();
        assert_eq!((stats.sends_after_repair, stats.unknown_open), (0, 0));
        let audited = world.store.audit(&AuditRequest { examples: 3, known_head: None }).await;
        for found in audited.unwrap().found {
            // The worker of this test may say of one attempt first that it was deferred and then
            // that it was accepted. No real one changes its mind, so an audit may complain.
            if found.check == StoreCheck::Sent {
                continue;
            }
            assert_eq!(found.violating, 0, "{found:?}");
        }
    }
}

fn check_attempts(history: &CaseHistory, notification: &Notification, attempts: &[&AttemptRow]) {
    let numbers: Vec<u32> = attempts.iter().map(|attempt| attempt.number).collect();
    let expected: Vec<u32> = (1..=notification.attempts).collect();
    assert_eq!(numbers, expected, "attempts are numbered without a gap");
    let under_way: Vec<u32> = attempts
        .iter()
        .filter(|attempt| attempt.outcome.is_none())
        .map(|attempt| attempt.number)
        .collect();
    if notification.state == NotificationState::Sending {
        assert_eq!(under_way, [notification.attempts], "only the last one is under way");
    } else {
        assert!(under_way.is_empty(), "an attempt nobody will finish");
    }
    if let Some(closed_at) = history.case.closed_at {
        assert!(attempts.iter().all(|attempt| attempt.started_at <= closed_at));
        let waits =
            matches!(notification.state, NotificationState::Planned | NotificationState::Doubtful);
        assert!(!waits, "something of a closed case waits: {notification:?}");
    }
}

fn holds_on(world: impl Future<Output = World>, cases: u32) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.unwrap();
    let world = runtime.block_on(world);
    let name = std::cell::Cell::new(0);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let sequences = proptest::collection::vec(op(), 1..60);
    let result = TestRunner::new(config).run(&sequences, |ops| {
        name.set(name.get() + 1);
        let mut run = Run {
            world: &world,
            name: name.get(),
            sends: Vec::new(),
            looks: Vec::new(),
            ends: HashMap::new(),
        };
        runtime.block_on(async {
            // Most of what can go wrong needs an account and a case.
            let opened = Op::Signal { account: 0, event: 0, kind: SignalKind::LoginRequired };
            for op in [Op::Put { account: 0, contacts: 3 }, opened, Op::Wait(10 * MINUTE)]
                .iter()
                .chain(&ops)
            {
                run.happen(op).await;
                run.check().await;
            }
            run.come_to_an_end().await;
        });
        Ok(())
    });
    runtime.block_on(async { drop(world) });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

#[test]
fn the_promises_hold_on_sqlite() {
    holds_on(World::on_sqlite(), 60);
}

#[test]
fn the_promises_hold_on_postgres() {
    holds_on(World::on_postgres(), 20);
}
