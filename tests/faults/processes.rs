//! Processes that are killed, frozen, told to stop, or short of file handles.

use crate::seen::{judge, judge_undisturbed};
use relink_tests::{Channels, Setup, Stage, eventually};
use rustix::process::Signal;

/// Events of the short form; `RELINK_FAULT_EVENTS` asks for a longer one.
fn events() -> usize {
    std::env::var("RELINK_FAULT_EVENTS").map_or(160, |count| count.parse().unwrap())
}

/// Kills the processes at `places` in turn, after each so-many events, while a load runs.
async fn killed_under_load(stage: &mut Stage, places: &[usize], every: usize, fault: &str) {
    let load = stage.load(20);
    let mut kills = 0;
    while load.sent() + every < events() {
        load.goes_on(every).await;
        for place in places {
            stage.kill_and_restart(*place);
            kills += 1;
        }
    }
    let ledger = load.finish().await;
    stage.until_running().await;
    let verdict = judge(stage, &ledger, &format!("{fault}, {kills} kills")).await;
    assert!(kills > 0 && verdict.acknowledged > 0, "{verdict}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_killed_again_and_again_loses_no_receipt() {
    let mut stage = Stage::open(Setup::shared(events(), Channels::Email)).await;
    killed_under_load(&mut stage, &[0], 40, "receiver killed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_again_and_again_inserts_and_sends_nothing_unexplained() {
    let mut stage = Stage::open(Setup::shared(events(), Channels::Email)).await;
    killed_under_load(&mut stage, &[1], 40, "worker killed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_processes_killed_at_once_recover_fully() {
    let mut stage = Stage::open(Setup::shared(events(), Channels::Email)).await;
    killed_under_load(&mut stage, &[0, 1, 2], 60, "all processes killed at once").await;
}

/// Every event goes to both; whichever is left answers for both.
#[tokio::test(flavor = "multi_thread")]
async fn two_receivers_with_one_killed_every_three_seconds_miss_nothing() {
    let mut stage = Stage::open(Setup::shared(events(), Channels::Email)).await;
    stage.add_receiver().await;
    let load = stage.load(20);
    let mut kills = 0;
    while load.sent() + 60 < events() {
        load.goes_on(60).await;
        stage.kill_and_restart(if kills % 2 == 0 { 0 } else { 3 });
        kills += 1;
        stage.until_running().await;
    }
    let ledger = load.finish().await;
    let fault = format!("one of two receivers killed, {kills} kills");
    let verdict = judge_undisturbed(&stage, &ledger, &fault).await;
    assert_eq!((verdict.duplicated, verdict.doubts), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_worker_is_replaced_and_cannot_overwrite_its_successor() {
    let mut stage = Stage::open(Setup::shared(120, Channels::Email)).await;
    let load = stage.load(20);
    load.reaches(30).await;
    stage.processes[1].process.signal(Signal::STOP);
    stage.add_worker().await;
    let ledger = load.finish().await;
    // Longer than any lease of this stage.
    eventually("the second worker to have told most", || async {
        (stage.corner.inbox.len() >= 80).then_some(())
    })
    .await;
    stage.processes[1].process.signal(Signal::CONT);
    judge(&stage, &ledger, "worker frozen beyond its leases").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_short_of_file_handles_recovers_without_a_restart() {
    let mut stage = Stage::open(Setup::shared(1000, Channels::Email)).await;
    let limit = |stage: &mut Stage, count: u64| {
        let pid = stage.actor("receive").process.pid();
        let limit = rustix::process::Rlimit { current: Some(count), maximum: Some(4096) };
        rustix::process::prlimit(Some(pid), rustix::process::Resource::Nofile, limit).unwrap();
    };
    limit(&mut stage, 16);
    let load = stage.load(20);
    load.reaches(60).await;
    limit(&mut stage, 1024);
    let ledger = load.stop_after(60).await;
    let verdict = judge(&stage, &ledger, "receiver with 16 file handles").await;
    assert!(verdict.acknowledged >= 30, "{verdict}");
    let last: Vec<_> = ledger.events.values().rev().take(10).collect();
    assert!(last.iter().all(|told| told.is_acknowledged()), "{last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_told_to_stop_finishes_what_it_sends() {
    let mut stage = Stage::open(Setup::shared(3000, Channels::Email)).await;
    let load = stage.load(20);
    let mut stops = 0;
    while stops < 4 {
        load.goes_on(20 + fastrand::usize(0..10)).await;
        stage.processes[1].process.signal(Signal::TERM);
        assert_eq!(stage.restart_once_ended("work").await, 0);
        stops += 1;
    }
    let ledger = load.stop_after(10).await;
    let verdict = judge(&stage, &ledger, &format!("worker told to stop, {stops} times")).await;
    assert_eq!((verdict.duplicated, verdict.doubts), (0, 0));
}
