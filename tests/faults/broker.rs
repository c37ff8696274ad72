//! The broker killed, frozen, restarted, short of memory, emptied, or robbed of its queues.

use crate::seen::judge_undisturbed;
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions, QueuePurgeOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use relink_sandbox::MailFault;
use relink_tests::{Channels, PrivateBroker, Servers, Setup, Stage, Toxic, Toxics, eventually};
use std::time::Duration;

/// More accounts than any of these loads gets to.
const ROOM: usize = 3000;

async fn on_a_private_broker() -> (PrivateBroker, Stage) {
    let broker = PrivateBroker::start().await;
    let stage = on(&broker).await;
    (broker, stage)
}

async fn on(broker: &PrivateBroker) -> Stage {
    let servers = Servers { amqp: broker.url(), ..Servers::shared() };
    Stage::open(Setup { servers, accounts: ROOM, channels: Channels::Email }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_broker_fills_the_spool_which_drains_after_its_restart() {
    let (mut broker, stage) = on_a_private_broker().await;
    let load = stage.load(20);
    load.reaches(30).await;
    broker.kill().await;
    load.goes_on(60).await;
    broker.restart().await;
    let ledger = load.stop_after(30).await;
    judge_undisturbed(&stage, &ledger, "broker killed and restarted").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_broker_delays_no_answer() {
    let (broker, stage) = on_a_private_broker().await;
    let load = stage.load(8);
    load.reaches(20).await;
    broker.freeze(true);
    // Beyond the heartbeats that notice it.
    load.goes_on(120).await;
    broker.freeze(false);
    let ledger = load.stop_after(30).await;
    judge_undisturbed(&stage, &ledger, "broker frozen").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_memory_alarm_fills_the_spool_and_passes() {
    let (broker, stage) = on_a_private_broker().await;
    let load = stage.load(20);
    load.reaches(30).await;
    broker.ctl(&["set_vm_memory_high_watermark", "0"]).await;
    load.goes_on(60).await;
    broker.ctl(&["set_vm_memory_high_watermark", "0.4"]).await;
    let ledger = load.stop_after(30).await;
    judge_undisturbed(&stage, &ledger, "memory alarm").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_and_started_broker_application_is_found_again() {
    let (broker, stage) = on_a_private_broker().await;
    let load = stage.load(20);
    load.reaches(30).await;
    broker.ctl(&["stop_app"]).await;
    load.goes_on(60).await;
    broker.ctl(&["start_app"]).await;
    let ledger = load.stop_after(30).await;
    judge_undisturbed(&stage, &ledger, "stop_app, start_app").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_closed_again_and_again_are_opened_again_and_none_is_left_behind() {
    let (broker, stage) = on_a_private_broker().await;
    let load = stage.load(8);
    load.reaches(20).await;
    let count = async || {
        let list = broker.ctl(&["list_connections", "pid", "--no-table-headers"]).await;
        list.lines().count()
    };
    let before = count().await;
    for _ in 0..2 {
        broker.ctl(&["close_all_connections", "test"]).await;
        load.goes_on(20).await;
    }
    let ledger = load.stop_after(30).await;
    judge_undisturbed(&stage, &ledger, "all connections closed, twice").await;
    eventually("the connections to be few again", || async {
        (count().await <= before + 2).then_some(())
    })
    .await;
}

/// Its passwords are changed under it, and changed back.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_fills_the_spool_and_is_not_tried_in_a_tight_loop() {
    let (broker, stage) = on_a_private_broker().await;
    let load = stage.load(8);
    load.reaches(30).await;
    broker.ctl(&["change_password", "relink", "another"]).await;
    broker.ctl(&["close_all_connections", "test"]).await;
    let before = stage.broker.accepted();
    let sent = load.sent();
    load.goes_on(80).await;
    let seconds = (load.sent() - sent) / 8;
    let tries = stage.broker.accepted() - before;
    // Five connections of two processes, each with a growing pause.
    assert!(tries <= 25 * seconds, "{tries} tries in {seconds} s");
    broker.ctl(&["change_password", "relink", "test-only-password"]).await;
    let ledger = load.stop_after(30).await;
    judge_undisturbed(&stage, &ledger, "broker refuses the password").await;
}

/// What the old broker had is gone with it; what was due comes from the store, what was not
/// forwarded from the spool. Signals that only the old broker had would be lost with any queue
/// that is thrown away, so they are let through before.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_swapped_for_an_empty_one_is_filled_by_the_scheduler() {
    let (old, stage) = on_a_private_broker().await;
    let new = PrivateBroker::start().await;
    let load = stage.load(20);
    load.reaches(30).await;
    // Nothing reaches the broker any more; what is in it is worked off.
    stage.mail.cut();
    let to_old = Toxic { hold: true, ..Toxic::default() };
    stage.broker.set(Toxics { up: to_old, ..Toxics::default() });
    load.goes_on(20).await;
    stage.broker.redirect(new.address());
    stage.broker.heal();
    stage.mail.heal();
    drop(old);
    let ledger = load.stop_after(30).await;
    judge_undisturbed(&stage, &ledger, "broker swapped for an empty one").await;
}

/// The shortest limit that this broker keeps to, and a look each second, not each minute, whether
/// somebody exceeds it.
#[tokio::test(flavor = "multi_thread")]
async fn a_channel_closed_for_a_message_held_too_long_is_opened_again_and_nobody_is_told_twice() {
    const IMPATIENT: &str = "{consumer_timeout, 10000}, {channel_tick_interval, 1000}";
    let broker = PrivateBroker::start_with(IMPATIENT).await;
    let stage = on(&broker).await;
    // The message is held until the mail server answers, and its lease is renewed.
    stage.corner.mail.script.push(MailFault::AcceptAndStall(Duration::from_secs(30)));
    let load = stage.load(4);
    let worker = stage.place("work");
    eventually("the broker to close the worker's channel", || async {
        let log = stage.processes[worker].process.log();
        log.contains("delivery acknowledgement on channel").then_some(())
    })
    .await;
    // Redelivered while its send is under way; and others come through.
    let told = stage.corner.inbox.len();
    eventually("others to be told after that", || async {
        (stage.corner.inbox.len() > told + 5).then_some(())
    })
    .await;
    let ledger = load.stop_after(5).await;
    let verdict = judge_undisturbed(&stage, &ledger, "consumer timeout of the broker").await;
    assert_eq!((verdict.duplicated, verdict.doubts), (0, 0));
}

/// The same when nobody leads the way: both are configured, and the first is gone for good.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_broker_takes_over_from_one_that_is_gone_for_good() {
    let (mut old, new) = tokio::join!(PrivateBroker::start(), PrivateBroker::start());
    let servers = Servers { amqp: old.url(), ..Servers::shared() };
    let setup = Setup { servers, accounts: ROOM, channels: Channels::Email };
    let stage = Stage::dark(setup).await;
    let first = format!("@{}/%2f\"", stage.broker.address);
    stage.corner.reconfigure(&first, &format!("{first}, \"{}\"", new.url()));
    let stage = stage.start().await;
    let load = stage.load(20);
    load.reaches(30).await;
    // Nothing reaches the broker any more; what is in it is worked off.
    stage.mail.cut();
    let to_old = Toxic { hold: true, ..Toxic::default() };
    stage.broker.set(Toxics { up: to_old, ..Toxics::default() });
    let mut planned = 0;
    loop {
        load.goes_on(60).await;
        let cases = stage.api().cases().await.len();
        if cases == std::mem::replace(&mut planned, cases) {
            break;
        }
    }
    old.kill().await;
    stage.broker.cut();
    stage.mail.heal();
    let ledger = load.stop_after(60).await;
    judge_undisturbed(&stage, &ledger, "first of two brokers gone for good").await;
}

/// A second client, for what an operator or another program may do.
async fn admin(stage: &Stage) -> (Connection, Channel) {
    let connection = Connection::connect(&stage.amqp, ConnectionProperties::default()).await;
    let connection = connection.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

/// Does something to the shared broker's objects of this stage, twice, under load.
async fn meddled_with(fault: &str, meddle: impl AsyncFn(&Channel, &str)) {
    let stage = Stage::open(Setup::shared(ROOM, Channels::Email)).await;
    let (_connection, channel) = admin(&stage).await;
    let load = stage.load(20);
    for _ in 0..2 {
        load.goes_on(40).await;
        meddle(&channel, &stage.prefix).await;
    }
    let ledger = load.stop_after(30).await;
    judge_undisturbed(&stage, &ledger, fault).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_send_queue_is_declared_again_and_filled_by_the_scheduler() {
    meddled_with("send queue deleted", async |channel, prefix| {
        let queue = format!("{prefix}.send.email");
        channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purged_send_queue_is_filled_again_by_the_scheduler() {
    meddled_with("send queue purged", async |channel, prefix| {
        let queue = format!("{prefix}.send.email");
        channel.queue_purge(queue.into(), QueuePurgeOptions::default()).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_exchange_takes_nothing_with_it() {
    meddled_with("exchange deleted", async |channel, prefix| {
        let options = ExchangeDeleteOptions::default();
        channel.exchange_delete(prefix.into(), options).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_binding_makes_nothing_count_as_stored() {
    meddled_with("binding removed", async |channel, prefix| {
        let queue = format!("{prefix}.signals");
        let none = FieldTable::default();
        channel.queue_unbind(queue.into(), prefix.into(), "signals".into(), none).await.unwrap();
    })
    .await;
}
