//! Clocks that step while their process works, or that differ between hosts. Leases and due
//! moments go by the database's clock, so nothing may come early, late or twice.

use crate::seen::judge;
use relink_core::Timestamp;
use relink_core::time::since;
use relink_tests::{Channels, FakeClock, Ledger, Sender, Setup, Stage, Toxic, Toxics};
use relink_tests::{account, eventually, login_required_at};
use std::time::Duration;

/// More accounts than any of these loads gets to.
const ROOM: usize = 3000;

const HOUR: i64 = 3600;

/// What [`plan_ahead`] lets pass between a signal and its message.
const SETTLE: Duration = Duration::from_secs(5);

/// Far more than a busy machine takes, far less than a clock steps.
const LATE: Duration = Duration::from_secs(180);

/// Leases that a busy machine does not let run out, and a clock that is ten minutes off does.
fn outlast_noise(stage: &Stage) {
    stage.corner.reconfigure("lease = \"4s\"", "lease = \"60s\"");
}

/// A message after some seconds; a reminder, an expiry and a limit of lateness that a clock which
/// is an hour off would bring about at once.
fn plan_ahead(stage: &Stage) {
    outlast_noise(stage);
    let limits = "settle = \"5s\"\nexpire = \"50m\"\nlate_by_max = \"20m\"";
    stage.corner.reconfigure("settle = \"0s\"", limits);
    let channels = "channels = [\"email\", \"sms\"]";
    let nudge = "[[policy.steps]]\nid = \"nudge\"\nat = \"30m\"\nto = \"user\"";
    stage.corner.reconfigure(channels, &format!("{channels}\n{nudge}\n{channels}"));
}

/// One message for each, in its time, and no case that ended.
async fn assert_by_the_plan(stage: &Stage, ledger: &Ledger, fault: &str) {
    let caught = stage.corner.inbox.all();
    let mut latest = Duration::ZERO;
    for (number, told) in &ledger.events {
        let address = format!("user{number}@clinic.example");
        let to_them: Vec<_> = caught.iter().filter(|caught| caught.to == address).collect();
        // What a busy machine did not acknowledge may have been stored all the same.
        let least = usize::from(told.is_acknowledged());
        assert!((least..=1).contains(&to_them.len()), "account-{number}: {}", to_them.len());
        let Some(only) = to_them.first() else { continue };
        let after = since(told.posted_at, only.at);
        assert!(after >= SETTLE, "account-{number} was told after {after:?}");
        latest = latest.max(after);
    }
    assert!(latest < SETTLE + LATE, "a message came {latest:?} after its event");
    let cases = stage.api().cases().await;
    assert!(cases.iter().all(|case| case["closed_at"].is_null()), "cases ended");
    println!("| {fault} | planned after {SETTLE:?}, the last message after {latest:?} |");
}

/// A load during which the clock of one process steps an hour ahead, back, and to the right time.
async fn stepped(role: &'static str) {
    let clock = FakeClock::ahead_by(0);
    let stage = Stage::dark(Setup::shared(ROOM, Channels::Email)).await;
    plan_ahead(&stage);
    let mut stage = stage.started(role, &clock.environment()).await;
    let load = stage.load(20);
    load.reaches(40).await;
    clock.set(HOUR);
    until_ahead(&mut stage, role).await;
    load.goes_on(60).await;
    clock.set(-HOUR);
    load.goes_on(60).await;
    clock.set(0);
    let ledger = load.stop_after(60).await;
    let fault = format!("clock of `{role}` steps an hour ahead, back, and right");
    let verdict = judge(&stage, &ledger, &fault).await;
    assert_eq!((verdict.duplicated, verdict.doubts), (0, 0));
    assert_by_the_plan(&stage, &ledger, &fault).await;
}

/// The process itself says what time it has, in the `Date` of its answers.
async fn until_ahead(stage: &mut Stage, role: &str) {
    let process = &stage.actor(role).process;
    eventually("the process to have another time", || async {
        let ahead = since(Timestamp::now(), process.clock().await?);
        (ahead > Duration::from_secs(HOUR.unsigned_abs() / 2)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_clock_steps_an_hour_sends_by_the_plan_all_the_same() {
    stepped("work").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_whose_clock_steps_an_hour_changes_no_plan() {
    stepped("receive").await;
}

/// Redelivered messages meet the other host while the first still sends: whose lease it is must
/// not depend on who asks.
#[tokio::test(flavor = "multi_thread")]
async fn workers_with_clocks_ten_minutes_apart_respect_each_others_leases() {
    let (behind, ahead) = (FakeClock::ahead_by(-300), FakeClock::ahead_by(300));
    let stage = Stage::dark(Setup::shared(ROOM, Channels::Email)).await;
    outlast_noise(&stage);
    let mut stage = stage.started("work", &behind.environment()).await;
    stage.add_worker_in(&ahead.environment()).await;
    let slow = Toxic { latency: Duration::from_millis(150), ..Toxic::default() };
    stage.mail.set(Toxics::both(slow));
    let load = stage.load(10);
    for _ in 0..5 {
        load.goes_on(20).await;
        stage.broker.reset_all();
    }
    let ledger = load.stop_after(20).await;
    let fault = "clocks of two workers 10 min apart";
    let verdict = judge(&stage, &ledger, fault).await;
    assert_eq!((verdict.duplicated, verdict.doubts), (0, 0));
}

/// Cobalt says when it happened, and the database when the last repair was: what the receiver's
/// host thinks must not turn news into late news of something mended since.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_breaks_again_is_heard_of_by_a_receiver_ten_minutes_behind() {
    let clock = FakeClock::ahead_by(-600);
    let stage = Stage::dark(Setup::shared(1, Channels::Email)).await;
    let stage = stage.started("receive", &clock.environment()).await;
    let sender = Sender::new(&format!("http://{}", stage.corner.receiver));
    let breaks = async |event_id: &str| {
        let event = login_required_at(event_id, &account(0), Timestamp::now());
        sender.until_accepted(&event).await;
    };
    breaks("evt-first").await;
    stage.corner.inbox.wait_for(1).await;
    assert!(stage.repair(0).await.is_some());
    breaks("evt-again").await;
    eventually("the account's second message", || async {
        (stage.corner.inbox.len() == 2).then_some(())
    })
    .await;
    println!("| receiver 10 min behind, account breaks again after its repair | told 2 |");
}
