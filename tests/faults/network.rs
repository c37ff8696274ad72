//! The way to the broker: slow, narrow, one-way, silent, or reset in the middle of a frame.

use crate::seen::judge_undisturbed;
use relink_tests::{Channels, Setup, Stage, Toxic, Toxics, Verdict};
use std::time::Duration;

/// More accounts than any of these loads gets to.
const ROOM: usize = 3000;

/// A load of which the middle part meets the illness.
async fn under(toxics: Toxics, fault: &str) -> Verdict {
    let stage = Stage::open(Setup::shared(ROOM, Channels::Email)).await;
    let load = stage.load(20);
    load.reaches(20).await;
    stage.broker.set(toxics);
    load.goes_on(80).await;
    stage.broker.heal();
    let ledger = load.stop_after(30).await;
    judge_undisturbed(&stage, &ledger, fault).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_accepts_and_says_nothing_delays_no_answer() {
    let stage = Stage::open(Setup::shared(ROOM, Channels::Email)).await;
    let load = stage.load(20);
    load.reaches(20).await;
    stage.broker.set(Toxics::black_hole());
    stage.broker.reset_all();
    load.goes_on(80).await;
    // Held connections have to be given up for new ones to be dialled.
    assert!(stage.broker.accepted() > 0);
    stage.broker.heal();
    let ledger = load.stop_after(30).await;
    judge_undisturbed(&stage, &ledger, "broker accepts and is silent").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn confirms_that_never_come_make_no_doubles() {
    let verdict = under(Toxics::no_answers(), "confirms never come").await;
    assert_eq!(verdict.duplicated, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_broker_delays_no_answer() {
    let slow = Toxic {
        latency: Duration::from_millis(200),
        jitter: Duration::from_millis(300),
        ..Toxic::default()
    };
    under(Toxics::both(slow), "300 ms +- latency to the broker").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_narrow_road_to_the_broker_fills_the_spool() {
    let narrow = Toxic { bytes_per_second: Some(1000), slice: Some(100), ..Toxic::default() };
    under(Toxics::both(narrow), "8 kbit/s to the broker").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_in_single_bytes_are_read() {
    under(Toxics::both(Toxic { slice: Some(1), ..Toxic::default() }), "slices of 1 byte").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resets_in_the_middle_of_frames_lose_nothing() {
    let stage = Stage::open(Setup::shared(ROOM, Channels::Email)).await;
    let load = stage.load(20);
    load.reaches(20).await;
    for bytes in [1, 9, 300, 700, 1000, 1500, 2500, 4096] {
        let toxic = Toxic { reset_after: Some(bytes), ..Toxic::default() };
        stage.broker.set(Toxics { up: toxic, down: Toxic::default() });
        load.goes_on(5).await;
        stage.broker.set(Toxics { up: Toxic::default(), down: toxic });
        load.goes_on(5).await;
    }
    stage.broker.heal();
    let ledger = load.stop_after(30).await;
    judge_undisturbed(&stage, &ledger, "reset after N bytes, N from 1 to 4096").await;
}
