//! Never after the repair, in runs at random: signals, repairs that nobody is told of, outages of
//! Cobalt and of providers, restarts, and several workers, over a real store. One seed is one run.
//!
//! `RELINK_REPAIRS_SEED` names the first, `RELINK_REPAIRS_RUNS` how many follow.

use crate::support::*;
use fastrand::Rng;
use futures_util::future::join_all;
use relink_core::account::Channel;
use relink_core::attempt::{Outcome, OutcomeKind, Reason};
use relink_core::id::{CaseId, NotificationId};
use relink_core::notification::{NonSend, NotificationState};
use relink_core::signal::SignalKind;
use relink_core::visit::{Visit, VisitStep, Visitor, Way};
use relink_core::wire::{SignalMessage, Topic};
use relink_store::{
    CaseFilter, CaseHistory, CaseStore as _, ComingBackStore as _, DueStore as _, InspectStore as _,
};
use relink_worker::deliver::Courier;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Runs that share a store, one after the other, with accounts of their own.
const RUNS_PER_STORE: u64 = 50;

/// Things that happen in one run.
const STEPS: usize = 30;

const ACCOUNTS: usize = 3;

/// What the runs of a test came to.
type Tally = BTreeMap<&'static str, u64>;

/// One run.
struct Run<'a> {
    world: &'a World,
    rng: Rng,
    cobalt: Arc<FakeCobalt>,
    judge: Judge,
    accounts: Vec<String>,
    couriers: Vec<Courier>,
    senders: [Arc<ScriptedSender>; 2],
    events: usize,
    deliveries: u64,
    /// Whether couriers ask Cobalt at all.
    asks: bool,
    wrong: Vec<String>,
}

impl<'a> Run<'a> {
    async fn new(world: &'a World, seed: u64, asks: bool) -> Self {
        let (cobalt, judge) = (Arc::<FakeCobalt>::default(), Judge::default());
        judge.watch_cobalt(&cobalt);
        let senders = [Channel::Email, Channel::Sms].map(ScriptedSender::on);
        let accounts: Vec<String> =
            (0..ACCOUNTS).map(|n| format!("run {seed} account {n}")).collect();
        for account in &accounts {
            world.register_with(account, account).await;
            cobalt.say(account, Says::Works);
            judge.changed(account, true);
        }
        senders.iter().for_each(|sender| judge.watch_sender(sender));
        let mut run = Self {
            world,
            rng: Rng::with_seed(seed),
            cobalt,
            judge,
            accounts,
            couriers: Vec::new(),
            senders,
            events: 0,
            deliveries: 0,
            asks,
            wrong: Vec::new(),
        };
        run.restart();
        run
    }

    /// The workers of two processes, without a memory.
    fn restart(&mut self) {
        let probers = [(); 2].map(|()| self.world.prober(&self.cobalt));
        let pairs = probers.iter().flat_map(|prober| self.senders.iter().map(move |s| (prober, s)));
        self.couriers = pairs
            .map(|(prober, sender)| match self.asks {
                true => self.world.asking(sender, prober),
                false => self.world.courier(sender),
            })
            .collect();
    }

    async fn step(&mut self) {
        let account = self.accounts[self.rng.usize(..ACCOUNTS)].clone();
        match self.rng.u8(..20) {
            0..=2 => {
                self.set(&account, Says::Broken);
                self.signal(&account, SignalKind::LoginRequired).await;
            }
            3 => self.signal(&account, SignalKind::PasswordChangeWarning).await,
            // Elsewhere, and nobody says so.
            4..=6 => self.set(&account, Says::Works),
            7 => self.outage(),
            8 => self.restart(),
            9 => self.somebody_says_done(&account).await,
            10 => {
                let reason = Reason::NoAnswer;
                self.senders[0].then(Act::End(Outcome::Unknown { reason }));
            }
            11 => {
                let busy = Outcome::Deferred { reason: Reason::ProviderBusy, retry_after: None };
                self.senders[self.rng.usize(..2)].then(Act::End(busy));
            }
            12..=14 => self.next_moment().await,
            15 => {
                let seconds = self.rng.u64(..7_200);
                self.pass(Duration::from_secs(seconds)).await;
            }
            _ => self.deliver_what_is_due().await,
        }
    }

    fn set(&self, account: &str, says: Says) {
        self.judge.changed(account, says == Says::Works);
        self.cobalt.say(account, says);
    }

    fn outage(&mut self) {
        let ways =
            [None, None, Some(Says::Status(503)), Some(Says::Status(401)), Some(Says::Garbage)];
        self.cobalt.say_to_all(ways[self.rng.usize(..ways.len())]);
    }

    /// A signal on its way through the planner, sometimes twice.
    async fn signal(&mut self, account: &str, kind: SignalKind) {
        self.events += 1;
        let signal = self.world.signal(&format!("{account} event {}", self.events), account, kind);
        let body = SignalMessage::encode(&signal);
        let batch = (0..=self.rng.usize(..2)).map(|_| delivery(body.clone()).0).collect();
        self.world.planner().apply(batch, &CancellationToken::new()).await;
        for case in self.open_cases(account).await {
            self.judge.opened(case, account);
        }
    }

    async fn open_cases(&self, account: &str) -> Vec<CaseId> {
        let account_ref = Some(account.parse().unwrap());
        let filter =
            CaseFilter { open: Some(true), account_ref, limit: 10, ..CaseFilter::default() };
        self.world.store.cases(&filter).await.unwrap().iter().map(|case| case.id).collect()
    }

    async fn somebody_says_done(&mut self, account: &str) {
        let visit = Visit {
            at: self.world.now(),
            step: VisitStep::Done,
            way: Way::InApp,
            visitor: Visitor::Person,
            notification_id: None,
        };
        for case in self.open_cases(account).await {
            self.world.store.note_visits(case, std::slice::from_ref(&visit)).await.unwrap();
        }
        let seconds = self.rng.u64(..60);
        self.pass(Duration::from_secs(seconds)).await;
        if self.asks {
            let rechecker = self.world.rechecker(&self.world.prober(&self.cobalt));
            rechecker.round().await.unwrap();
        }
    }

    /// On the clock of the store, and on that of the process.
    async fn pass(&self, by: Duration) {
        self.world.advance(by);
        tokio::time::advance(by).await;
    }

    async fn next_moment(&self) {
        if let Some(wait) = self.world.store.next_due_in().await.unwrap() {
            self.pass(wait).await;
        }
    }

    /// One step of the scheduler, and what it published, delivered by several workers at once,
    /// some of it twice.
    async fn deliver_what_is_due(&mut self) {
        let (mut publisher, mut published) = FakePublisher::new();
        self.world.scheduler().step(&mut publisher).await.unwrap();
        let mut due = Vec::new();
        while let Ok((topic, message)) = published.try_recv() {
            let copies = 1 + usize::from(self.rng.u8(..6) == 0);
            due.extend(vec![(topic, message); copies]);
        }
        self.rng.shuffle(&mut due);
        let stop = CancellationToken::new();
        let mut under_way = Vec::new();
        for (topic, message) in due {
            let channel = if topic == Topic::SendEmail { Channel::Email } else { Channel::Sms };
            let of_channel = |it: &&Courier| it.sender.channel() == channel;
            let couriers: Vec<&Courier> = self.couriers.iter().filter(of_channel).collect();
            let courier = couriers[self.rng.usize(..couriers.len())];
            self.deliveries += 1;
            let work = courier.deliver(delivery(message.body).0, &stop);
            under_way.push(DELIVERY.scope(self.deliveries, work));
        }
        let mut all = std::pin::pin!(join_all(under_way));
        loop {
            tokio::select! {
                biased;
                _ = &mut all => return,
                // Some wait for a provider that is out of order.
                () = a_moment() => tokio::time::advance(Duration::from_secs(30)).await,
            }
        }
    }

    /// Everybody answers, until nothing is left to do.
    async fn come_to_rest(&mut self) {
        self.cobalt.say_to_all(None);
        self.restart();
        for _ in 0..300 {
            self.deliver_what_is_due().await;
            if self.world.store.next_due_in().await.unwrap().is_none() {
                return;
            }
            self.next_moment().await;
        }
        self.wrong.push("it does not come to rest".to_owned());
    }

    async fn look_at_everything(&mut self, tally: &mut Tally) {
        let (wrong, unasked) = self.judge.verdict();
        self.wrong.extend(wrong);
        for (case, id) in unasked {
            let visits = self.world.history(case).await.visits;
            let over = |visit: &&Visit| visit.step == VisitStep::PatienceOver;
            if !visits.iter().filter(over).any(|visit| visit.notification_id == Some(id)) {
                self.wrong.push(format!("{id}, whose account worked, and nobody asked"));
            }
        }
        for account in self.accounts.clone() {
            let account_ref = Some(account.parse().unwrap());
            let filter = CaseFilter { account_ref, limit: 100, ..CaseFilter::default() };
            for case in self.world.store.cases(&filter).await.unwrap() {
                let history = self.world.history(case.id).await;
                self.look_at(&history);
                count(&history, tally);
            }
        }
    }

    /// Each message at most once, and each that is not sent for a reason.
    fn look_at(&mut self, history: &CaseHistory) {
        for row in &history.notifications {
            let told = |decision| {
                let about = |it: &&relink_store::NonSendRow| it.notification_id == Some(row.id);
                history.non_sends.iter().filter(about).any(|it| it.decision == decision)
            };
            let reasoned = match row.state {
                NotificationState::Sent | NotificationState::Failed => true,
                NotificationState::Skipped => told(NonSend::Skipped),
                NotificationState::Cancelled => told(NonSend::Cancelled),
                NotificationState::Dead => told(NonSend::Dead),
                NotificationState::Planned
                | NotificationState::Sending
                | NotificationState::Doubtful => false,
            };
            if !reasoned {
                self.wrong.push(format!("{} ends as {} without a reason", row.id, row.state));
            }
            self.counted_once(history, row.id);
        }
    }

    fn counted_once(&mut self, history: &CaseHistory, id: NotificationId) {
        let of = history.attempts.iter().filter(|attempt| attempt.notification_id == id);
        let (accepted, others): (Vec<_>, Vec<_>) =
            of.partition(|attempt| attempt.outcome == Some(OutcomeKind::Accepted));
        let handed = usize::try_from(self.judge.handed(id)).unwrap();
        if accepted.len() > 1 || handed != accepted.len() + others.len() {
            let (accepted, others) = (accepted.len(), others.len());
            self.wrong
                .push(format!("{id}: {handed} handed over, {accepted} accepted, {others} not"));
        }
    }
}

/// A few milliseconds of real time: longer than the store takes, mostly.
async fn a_moment() {
    let pause = || std::thread::sleep(Duration::from_millis(10));
    tokio::task::spawn_blocking(pause).await.unwrap();
}

fn count(history: &CaseHistory, tally: &mut Tally) {
    let mut add = |what, more: usize| *tally.entry(what).or_default() += more as u64;
    add("cases", 1);
    let sent = |state| state == NotificationState::Sent;
    add("sent", history.notifications.iter().filter(|row| sent(row.state)).count());
    let proven = |way| move |it: &&Visit| it.step == VisitStep::Proven && it.way == way;
    add("proven before a send", history.visits.iter().filter(proven(Way::BeforeSend)).count());
    add("proven by a recheck", history.visits.iter().filter(proven(Way::Recheck)).count());
    let deferred = history.non_sends.iter().filter(|row| row.reason == Reason::HealthUnknown);
    add("put off", deferred.count());
    let over = |it: &&Visit| it.step == VisitStep::PatienceOver;
    add("out of patience", history.visits.iter().filter(over).count());
}

/// Plays `runs` from `first` on; what was wrong with them, by seed.
async fn play(first: u64, runs: u64, asks: bool) -> (Tally, Vec<String>) {
    let (mut tally, mut wrong) = (Tally::default(), Vec::new());
    for start in (first..first + runs).step_by(usize::try_from(RUNS_PER_STORE).unwrap()) {
        let world = World::in_memory().await;
        for seed in start..(start + RUNS_PER_STORE).min(first + runs) {
            let mut run = Run::new(&world, seed, asks).await;
            for _ in 0..STEPS {
                run.step().await;
            }
            run.come_to_rest().await;
            run.look_at_everything(&mut tally).await;
            wrong.extend(run.wrong.iter().map(|what| format!("seed {seed}: {what}")));
        }
        if world.store.stats().await.unwrap().sends_after_repair > 0 {
            wrong.push(format!("sends after a repair, in runs from {start} on"));
        }
    }
    (tally, wrong)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_of_an_account_that_works_in_a_thousand_runs() {
    let _still = stand_still();
    let first = number("RELINK_REPAIRS_SEED").unwrap_or(1);
    let runs = number("RELINK_REPAIRS_RUNS").unwrap_or(1_000);
    let (tally, wrong) = play(first, runs, true).await;
    println!("{runs} runs from seed {first}: {tally:?}");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    if runs >= 100 {
        for (what, count) in &tally {
            assert!(*count > 0, "never {what}: {tally:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_question_the_same_runs_tell_people_of_accounts_that_work() {
    let _still = stand_still();
    let (tally, wrong) = play(1, 50, false).await;
    let told = wrong.iter().filter(|what| what.contains("whose account worked")).count();
    assert!(told > 10, "{told} noticed: {tally:?}");
}
