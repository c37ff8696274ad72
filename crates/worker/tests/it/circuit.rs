//! A provider that is out of order, or refuses the set-up, is left alone but for one try at a
//! time, and what waits meanwhile costs no attempt.

use crate::support::*;
use relink_core::account::Channel;
use relink_core::attempt::{Outcome, Reason};
use relink_core::breaker::{FAULTS_TO_OPEN, PROBE_EVERY, PROBE_SETUP_EVERY};
use relink_core::id::{CaseId, NotificationId};
use relink_core::notification::NotificationState;
use relink_core::wire::DueMessage;
use relink_queue::Settlement;
use relink_worker::circuit::Circuit;
use relink_worker::deliver::Courier;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const OPEN: &str = r#"relink_breaker_open{channel="email"}"#;
const PAUSED: &str = r#"relink_channel_paused{channel="email"}"#;

fn deferred(reason: Reason, retry_after: Option<Duration>) -> Act {
    Act::End(Outcome::Deferred { reason, retry_after })
}

/// A world with a courier under way on a paused clock.
struct Office {
    world: World,
    sender: Arc<ScriptedSender>,
    circuit: Arc<Circuit>,
    inlet: Inlet,
    stop: CancellationToken,
    running: JoinHandle<()>,
    clients: usize,
}

impl Office {
    async fn open() -> Self {
        let world = World::new().await;
        let sender = ScriptedSender::on(Channel::Email);
        let courier: Courier = world.courier(&sender);
        let circuit = Arc::clone(&courier.circuit);
        let (consumer, inlet) = consumer();
        let stop = CancellationToken::new();
        let running = tokio::spawn(Arc::new(courier).run(consumer, stop.clone()));
        Self { world, sender, circuit, inlet, stop, running, clients: 0 }
    }

    /// A due email, in the queue.
    async fn put(&mut self) -> (CaseId, NotificationId, Receipt) {
        self.clients += 1;
        let (case, id) = self.world.due_email(&format!("clinic_{}", self.clients)).await;
        (case, id, self.inlet.put_due(id))
    }

    /// One after another, each to its end, each meeting the same fault.
    async fn meet(&mut self, times: u32, reason: Reason, retry_after: Option<Duration>) {
        for _ in 0..times {
            self.sender.then(deferred(reason, retry_after));
            let (.., receipt) = self.put().await;
            assert_eq!(receipt.end().await, Some(Settlement::Done));
        }
    }

    async fn close(self) {
        self.stop.cancel();
        soon("the courier's end", self.running).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_opens_it_what_comes_waits_without_an_attempt_and_a_probe_closes_it() {
    let mut office = Office::open().await;
    office.meet(FAULTS_TO_OPEN - 1, Reason::ConnectFailed, None).await;
    assert_eq!((office.world.metric(OPEN), office.circuit.trouble()), (0.0, None));
    office.meet(1, Reason::ConnectFailed, None).await;
    let opened = Instant::now();
    assert_eq!((office.world.metric(OPEN), office.world.metric(PAUSED)), (1.0, 0.0));
    assert!(office.circuit.trouble().unwrap().contains("connect_failed"));

    // More than there are places, the first two tries at them failing as well.
    office.sender.then(deferred(Reason::TlsFailed, None));
    office.sender.then(deferred(Reason::ProviderBusy, None));
    let mut waiting = Vec::new();
    for _ in 0..6 {
        waiting.push(office.put().await);
    }
    let asked = office.world.store.asked("begin").len();
    let tries = FAULTS_TO_OPEN as usize;
    tokio::time::sleep_until(opened + PROBE_EVERY - Duration::from_secs(1)).await;
    assert_eq!(
        (office.sender.orders().len(), office.world.store.asked("begin").len()),
        (tries, asked)
    );
    for (case, id, receipt) in &mut waiting {
        assert!(receipt.is_open());
        let notification = office.world.notification(*case, *id).await;
        assert_eq!((notification.attempts, notification.due_at), (0, office.world.now()));
    }

    // Two probes fail, the third is accepted: the rest goes.
    until("a first probe", || office.sender.orders().len() == tries + 1).await;
    tokio::time::sleep(PROBE_EVERY - Duration::from_secs(1)).await;
    assert_eq!(office.sender.orders().len(), tries + 1, "one probe at a time");
    let mut sent = 0;
    for (case, id, receipt) in waiting {
        assert_eq!(receipt.end_whenever().await, Some(Settlement::Done));
        sent += usize::from(office.world.stands(case, id).await.0 == NotificationState::Sent);
    }
    assert_eq!((sent, office.sender.orders().len()), (4, tries + 6));
    assert_eq!((office.world.metric(OPEN), office.circuit.trouble()), (0.0, None));
    assert!(opened.elapsed() < PROBE_EVERY * 4, "{:?}", opened.elapsed());
    office.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_set_up_pauses_the_channel_at_once_and_says_what_to_do() {
    let mut office = Office::open().await;
    office.meet(1, Reason::CredentialsRefused, None).await;
    let paused = Instant::now();
    assert_eq!((office.world.metric(OPEN), office.world.metric(PAUSED)), (1.0, 1.0));
    let trouble = office.circuit.trouble().unwrap();
    assert!(trouble.contains("paused") && trouble.contains("[email.smtp]"), "{trouble}");
    let (case, id, receipt) = office.put().await;
    assert_eq!(receipt.end_whenever().await, Some(Settlement::Done));
    assert!(paused.elapsed() >= PROBE_SETUP_EVERY, "{:?}", paused.elapsed());
    assert_eq!(office.world.stands(case, id).await.0, NotificationState::Sent);
    assert_eq!((office.world.metric(OPEN), office.world.metric(PAUSED)), (0.0, 0.0));
    office.close().await;
}

#[tokio::test(start_paused = true)]
async fn the_provider_says_itself_when_to_come_back() {
    let mut office = Office::open().await;
    let wish = Duration::from_secs(7);
    office.meet(FAULTS_TO_OPEN, Reason::ProviderBusy, Some(wish)).await;
    let opened = Instant::now();
    let (.., receipt) = office.put().await;
    assert_eq!(receipt.end_whenever().await, Some(Settlement::Done));
    assert!((wish..wish * 2).contains(&opened.elapsed()), "{:?}", opened.elapsed());
    office.close().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_too_long_is_let_go_and_comes_back_by_its_row() {
    let mut office = Office::open().await;
    let hour = Some(Duration::from_secs(60 * 60));
    office.meet(FAULTS_TO_OPEN, Reason::QuotaReached, hour).await;
    let (case, id, receipt) = office.put().await;
    let begun = Instant::now();
    assert_eq!(receipt.end_whenever().await, Some(Settlement::Done));
    assert_eq!(begun.elapsed().as_secs(), 600);
    let notification = office.world.notification(case, id).await;
    assert_eq!((notification.state, notification.attempts), (NotificationState::Planned, 0));
    let due = office.world.shared().claim_due(100).await.unwrap();
    assert!(due.iter().any(|due| due.notification_id == id));
    office.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_gives_back_what_waits_for_the_provider() {
    let mut office = Office::open().await;
    office.meet(FAULTS_TO_OPEN, Reason::ConnectFailed, None).await;
    let (case, _, receipt) = office.put().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let world = Arc::new(office.world);
    office.stop.cancel();
    soon("the courier's end", office.running).await.unwrap();
    assert_eq!(receipt.end().await, None);
    assert!(world.attempts(case).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_panics_or_has_nothing_to_send_leaves_its_place_to_the_next() {
    let mut office = Office::open().await;
    office.meet(FAULTS_TO_OPEN, Reason::ConnectFailed, None).await;
    // Not known here: nothing is asked of the provider.
    let nobodys = office
        .inlet
        .put(DueMessage::encode("2639c97f-0d8e-56e7-a3f0-48f01b3f9f71".parse().unwrap()));
    assert_eq!(nobodys.end_whenever().await, Some(Settlement::Done));
    assert_eq!(office.world.metric(OPEN), 1.0);

    office.sender.then(Act::Panic);
    let (.., broken) = office.put().await;
    assert_eq!(broken.end_whenever().await, Some(Settlement::Done));
    assert_eq!(office.world.metric(OPEN), 1.0);
    let now = Instant::now();
    let (.., good) = office.put().await;
    assert_eq!(good.end_whenever().await, Some(Settlement::Done));
    assert_eq!((now.elapsed(), office.world.metric(OPEN)), (Duration::ZERO, 0.0));
    office.close().await;
}

#[tokio::test(start_paused = true)]
async fn the_success_of_a_send_begun_before_the_outage_does_not_end_it() {
    let mut office = Office::open().await;
    let go = Arc::new(Notify::new());
    office.sender.then(Act::When(Arc::clone(&go)));
    let (.., slow) = office.put().await;
    office.sender.begun.notified().await;
    office.meet(FAULTS_TO_OPEN, Reason::ConnectFailed, None).await;
    go.notify_one();
    assert_eq!(slow.end_whenever().await, Some(Settlement::Done));
    assert_eq!(office.world.metric(OPEN), 1.0);
    office.close().await;
}
