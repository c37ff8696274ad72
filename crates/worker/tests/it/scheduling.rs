//! Timers: what is due is published once, in time, and again when the queue did not take it.

use crate::support::*;
use relink_core::account::Channel;
use relink_core::wire::{DueMessage, Topic};
use relink_queue::OutMessage;
use relink_store::StoreError;
use relink_worker::depths::DEEP;
use relink_worker::schedule::Step;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

struct Running {
    task: JoinHandle<()>,
    stop: CancellationToken,
    published: UnboundedReceiver<(Topic, OutMessage)>,
    publisher: FakePublisher,
}

fn run(world: &World) -> Running {
    let (publisher, published) = FakePublisher::new();
    let stop = CancellationToken::new();
    let (scheduler, stopping, own) = (world.scheduler(), stop.clone(), publisher.clone());
    let task = tokio::spawn(async move { scheduler.run(Box::new(own), stopping).await });
    Running { task, stop, published, publisher }
}

impl Running {
    async fn end(self) {
        self.stop.cancel();
        soon("the scheduler's end", self.task).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_due_is_published_by_id_to_its_channels_topic_with_its_trace() {
    let world = World::new().await;
    let (_, email) = world.due_email("clinic_1").await;
    let (case, _) = world.due_email("clinic_2").await;
    world.advance(DAY);
    let sms = id_of(case, "nudge", Channel::Sms);
    let (mut publisher, mut published) = FakePublisher::new();
    let scheduler = world.scheduler();
    assert_eq!(scheduler.step(&mut publisher).await, Ok(Step::Published(4)));
    assert_eq!(scheduler.step(&mut publisher).await, Ok(Step::Idle));
    let mut out = Vec::new();
    while let Ok(message) = published.try_recv() {
        out.push(message);
    }
    for (topic, id) in [(Topic::SendEmail, email), (Topic::SendSms, sms)] {
        let (_, message) =
            out.iter().find(|(to, m)| *to == topic && m.id == id.to_string()).unwrap();
        assert_eq!(message.body, DueMessage::encode(id));
        let trace = message.trace.map(|trace| trace.trace_id());
        assert_eq!(trace.as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
    }
}

#[tokio::test]
async fn what_the_queue_did_not_take_is_given_back_and_published_later() {
    let world = World::new().await;
    let (_, email) = world.due_email("clinic_1").await;
    world.advance(DAY);
    let (mut publisher, mut published) = FakePublisher::new();
    publisher.refused.lock().unwrap().push(Topic::SendEmail);
    let scheduler = world.scheduler();
    assert_eq!(scheduler.step(&mut publisher).await, Ok(Step::Faulty));
    assert_eq!(published.try_recv().unwrap().0, Topic::SendSms);
    assert_eq!(world.metric("relink_due_not_published_total"), 1.0);
    publisher.refused.lock().unwrap().clear();
    assert_eq!(scheduler.step(&mut publisher).await, Ok(Step::Published(1)));
    assert_eq!(published.try_recv().unwrap().1.id, email.to_string());
}

#[tokio::test]
async fn what_could_not_be_given_back_comes_back_by_itself() {
    let world = World::new().await;
    world.due_email("clinic_1").await;
    let (mut publisher, mut published) = FakePublisher::new();
    publisher.refused.lock().unwrap().push(Topic::SendEmail);
    world.store.fail("give_back", 1, &StoreError::Unavailable("on purpose".into()));
    let scheduler = world.scheduler();
    assert_eq!(scheduler.step(&mut publisher).await, Ok(Step::Faulty));
    publisher.refused.lock().unwrap().clear();
    assert_eq!(scheduler.step(&mut publisher).await, Ok(Step::Idle));
    world.advance(Duration::from_secs(120));
    assert_eq!(scheduler.step(&mut publisher).await, Ok(Step::Published(1)));
    assert!(published.try_recv().is_ok());
}

#[tokio::test]
async fn a_deep_queue_gets_no_more_copies_and_nothing_is_forgotten() {
    let world = World::new().await;
    let (_, email) = world.due_email("clinic_1").await;
    let (mut publisher, mut published) = FakePublisher::new();
    let scheduler = world.scheduler();
    tokio::time::pause();
    for depth in [DEEP, DEEP + 1] {
        *world.queue.depth.lock().unwrap() = Some(depth);
        assert_eq!(scheduler.step(&mut publisher).await, Ok(Step::Published(1)));
        assert_eq!(scheduler.step(&mut publisher).await, Ok(Step::Idle), "no spinning");
        world.advance(Duration::from_secs(120));
        tokio::time::advance(Duration::from_secs(120)).await;
    }
    assert!(published.try_recv().is_err());
    *world.queue.depth.lock().unwrap() = Some(DEEP - 1);
    assert_eq!(scheduler.step(&mut publisher).await, Ok(Step::Published(1)));
    assert_eq!(published.try_recv().unwrap().1.id, email.to_string());
}

#[tokio::test(start_paused = true)]
async fn how_deep_a_queue_is_is_asked_once_a_second_and_what_was_published_since_is_added() {
    let world = World::new().await;
    let (mut publisher, _published) = FakePublisher::new();
    let scheduler = world.scheduler();
    let asked = || world.queue.depth_asked.load(std::sync::atomic::Ordering::SeqCst);
    // Two more are room enough for two.
    *world.queue.depth.lock().unwrap() = Some(DEEP - 2);
    for (account, expected) in [("clinic_1", 1), ("clinic_2", 1), ("clinic_3", 2)] {
        let still = stand_still();
        world.due_email(account).await;
        assert_eq!(scheduler.step(&mut publisher).await, Ok(Step::Published(1)));
        assert_eq!(asked(), expected, "{account}");
        drop(still);
    }
    // Known to be deep, it is not asked again and again either.
    *world.queue.depth.lock().unwrap() = Some(DEEP);
    tokio::time::advance(Duration::from_secs(1)).await;
    for account in ["clinic_4", "clinic_5"] {
        let still = stand_still();
        world.due_email(account).await;
        assert_eq!(scheduler.step(&mut publisher).await, Ok(Step::Published(1)));
        assert_eq!(asked(), 3, "{account}");
        drop(still);
    }
    tokio::time::advance(Duration::from_secs(1)).await;
    world.due_email("clinic_6").await;
    scheduler.step(&mut publisher).await.unwrap();
    assert_eq!(asked(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_this_process_is_published_without_waiting() {
    let world = World::new().await;
    let mut running = run(&world);
    until("a look", || !world.store.asked("next_due_in").is_empty()).await;
    let still = stand_still();
    world.due_email("clinic_1").await;
    let begun = Instant::now();
    world.planned.notify_one();
    assert!(running.published.recv().await.is_some());
    assert_eq!(begun.elapsed(), Duration::ZERO);
    drop(still);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_another_process_is_found_within_a_second() {
    let world = World::new().await;
    let mut running = run(&world);
    until("a look", || !world.store.asked("next_due_in").is_empty()).await;
    let begun = Instant::now();
    world.due_email("clinic_1").await;
    assert!(running.published.recv().await.is_some());
    assert!(begun.elapsed() <= Duration::from_secs(1), "{:?}", begun.elapsed());
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn it_sleeps_until_the_next_moment_and_never_longer_than_a_second() {
    let world = World::new().await;
    world.due_email("clinic_1").await;
    // The text is due in 300 ms, by a clock that does not move on.
    world.advance(DAY - Duration::from_millis(300));
    let begun = Instant::now();
    let mut running = run(&world);
    assert!(running.published.recv().await.is_some());
    let looks = || world.store.asked("claim_due");
    until("a look", || looks().len() >= 4).await;
    // One that finds the email, one that finds no more, and then every 300 ms.
    let at: Vec<u128> = looks().iter().map(|look| (*look - begun).as_millis()).collect();
    assert_eq!(at[..2], [0, 0]);
    assert!((300..=302).contains(&at[2]) && (600..=604).contains(&at[3]), "{at:?}");
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_store_or_queue_that_is_down_is_asked_less_and_less_often() {
    for part in ["store", "queue"] {
        let world = World::new().await;
        world.due_email("clinic_1").await;
        let mut running = run(&world);
        if part == "store" {
            world.store.fail("claim_due", 12, &StoreError::Unavailable("on purpose".into()));
        } else {
            running.publisher.refused.lock().unwrap().push(Topic::SendEmail);
        }
        until("a look", || world.store.asked("claim_due").len() >= 12).await;
        let looks = world.store.asked("claim_due");
        let waits: Vec<Duration> = looks.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(waits[0] <= Duration::from_millis(101), "{part}: {waits:?}");
        assert!(waits[10] >= Duration::from_secs(1), "{part}: {waits:?}");
        assert!(waits.iter().all(|wait| *wait <= Duration::from_millis(10_001)), "{waits:?}");
        running.publisher.refused.lock().unwrap().clear();
        assert!(running.published.recv().await.is_some(), "{part}: it goes on afterwards");
        running.end().await;
    }
}
