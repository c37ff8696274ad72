//! What fails its signature and may be ours all the same: kept, sealed, bounded, and never at the
//! cost of an answer.

use crate::support::*;
use relink_core::Timestamp;
use relink_core::time::after;
use relink_core::wire::SignalMessage;
use std::time::Duration;

/// What is cut off a moment that is stored.
const MILLI: Duration = Duration::from_millis(1);

fn forged(id: &str) -> Vec<u8> {
    signed("another secret", event(id).as_bytes())
}

/// Waits until as many are kept.
async fn kept(world: &World, count: usize) {
    eventually("they are kept", || world.quarantined().len() == count).await;
}

#[tokio::test]
async fn a_request_under_an_unknown_secret_is_a_401_and_kept_as_it_came() {
    let world = World::usual().await;
    assert_eq!(exchange(world.addr, &forged("e1")).await.status, 401);
    kept(&world, 1).await;
    let held = world.held(&world.quarantined()[0]);
    assert_eq!(held.body, event("e1").as_bytes());
    assert_eq!(held.source, "127.0.0.1");
    let again = signed("another secret", &held.body);
    assert!(String::from_utf8(again).unwrap().contains(&held.signature));
    eventually("it is counted", || world.fate("kept") == 1.0).await;
    assert_eq!(world.metric("relink_quarantine_entries"), 1.0);
    assert_eq!(world.ever_stored(), 0, "it went nowhere else");

    assert_eq!(exchange(world.addr, &forged("e1")).await.status, 401);
    eventually("a repeat is counted", || world.fate("repeated") == 1.0).await;
    assert_eq!(world.quarantined().len(), 1);
}

#[tokio::test]
async fn what_a_command_takes_away_is_no_longer_counted_and_a_scrape_reads_no_folder() {
    let world = World::usual().await;
    for id in ["e1", "e2", "e3"] {
        assert_eq!(exchange(world.addr, &forged(id)).await.status, 401);
    }
    eventually("they are counted", || world.metric("relink_quarantine_entries") == 3.0).await;
    let folder = world.folder().join("quarantine");
    let one = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(one).unwrap();
    eventually("one is gone", || world.metric("relink_quarantine_entries") == 2.0).await;
    // Out of reach: what is known stays known, and is said all the same.
    std::fs::rename(&folder, world.folder().join("elsewhere")).unwrap();
    std::fs::write(&folder, "in the way").unwrap();
    assert_eq!(world.metric("relink_quarantine_entries"), 2.0);
}

#[tokio::test]
async fn a_request_that_is_sent_in_again_is_the_one_that_came_first() {
    let world = World::usual().await;
    // Nothing in it says what it is called or when it happened.
    let body = r#"{"type":"login_required","access_token_reference_id":"clinic_1"}"#;
    let webhook = async |secret: &str, more: &[(&str, &str)]| {
        let signature = sign(secret, body.as_bytes());
        let own = [("cobalt-verification", signature.as_str())];
        let headers = [&own[..], more].concat();
        post(world.addr, "/webhooks/cobalt", &headers, body.as_bytes()).await.status
    };
    assert_eq!(webhook("another secret", &[("webhook-id", "msg-1")]).await, 401);
    kept(&world, 1).await;
    let held = world.held(&world.quarantined()[0]);
    assert_eq!(held.webhook_id.as_deref(), Some("msg-1"));

    let came: Timestamp = "2026-11-20T12:00:00.5Z".parse().unwrap();
    let pass = world.arrival_pass(came, body);
    let later = world.arrival_pass("2999-01-01T00:00:00Z".parse().unwrap(), body);
    let foreign = world.arrival_pass(came, "another body");
    let begun = Timestamp::now();
    for (id, pass) in [("own", &pass), ("later", &later), ("foreign", &foreign)] {
        let more = [("webhook-id", id), ("relink-arrival", pass.as_str())];
        assert_eq!(webhook(SECRET, &more).await, 202);
    }
    world.forwarded().await;
    for message in world.queue.stored() {
        let signal = SignalMessage::decode(&message.body).unwrap().signal;
        assert_eq!(signal.occurred_at, signal.received_at);
        match signal.event_id.as_str() {
            "own" => assert_eq!(signal.received_at, came),
            _ => assert!((begun..=Timestamp::now()).contains(&after(signal.received_at, MILLI))),
        }
    }
    assert_eq!(world.queue.stored_ids(), ["own", "later", "foreign"]);
}

#[tokio::test]
async fn what_cannot_be_ours_is_not_kept() {
    let world = World::usual().await;
    let signature = "0".repeat(64);
    let headers = [("cobalt-verification", signature.as_str())];
    let others = event("x").replace("access_token.login_required", "patient.created");
    for body in ["login_required", "[]", "", "{\"type\"", &others] {
        let reply = post(world.addr, "/webhooks/cobalt", &headers, body.as_bytes()).await;
        assert_eq!(reply.status, 401, "{body}");
    }
    for headers in [&[][..], &[("cobalt-verification", "abc")]] {
        let reply = post(world.addr, "/webhooks/cobalt", headers, EVENT.as_bytes()).await;
        assert_eq!(reply.status, 401);
    }
    let reply = post(world.addr, "/v1/reports", &headers, EVENT.as_bytes()).await;
    assert_eq!(reply.status, 401);
    assert_eq!(world.webhook(EVENT).await.status, 202);
    // They are looked at in order, so with the last one all are done.
    exchange(world.addr, &forged("last")).await;
    kept(&world, 1).await;
    eventually("the rest is counted", || world.fate("not_ours") == 2.0).await;
}

#[tokio::test]
async fn without_a_live_secret_nothing_is_lost_either() {
    let mut setup = Setup::default();
    setup.secrets[0].not_after = Some("2020-01-01T00:00:00Z".parse().unwrap());
    let world = World::start(setup).await;
    assert_eq!(world.webhook(EVENT).await.status, 503);
    kept(&world, 1).await;
}

#[tokio::test]
async fn nothing_is_kept_by_whoever_wants_it_so() {
    let world = World::start(Setup { quarantine_max: 0, ..Setup::default() }).await;
    assert_eq!(exchange(world.addr, &forged("e1")).await.status, 401);
    let folder = world.stop().await;
    assert!(!folder.path().join("quarantine").exists());
}

#[tokio::test]
async fn a_flood_stays_under_the_cap_and_good_ones_are_answered() {
    const FORGED: usize = 1500;
    const PLACES: usize = 50;
    let quarantine_max = PLACES as u64 * 4096;
    let world = World::start(Setup { quarantine_max, ..Setup::default() }).await;
    let addr = world.addr;
    let flood = tokio::spawn(async move {
        for n in 0..FORGED {
            assert_eq!(exchange(addr, &forged(&format!("f{n}"))).await.status, 401);
        }
    });
    let mut good = 0;
    while !flood.is_finished() {
        assert_eq!(world.webhook(&event(&format!("e{good}"))).await.status, 202);
        good += 1;
        assert!(world.quarantined().len() <= PLACES);
    }
    flood.await.unwrap();
    let fates = ["kept", "full", "dropped"];
    eventually("each has its fate", || {
        fates.map(|fate| world.fate(fate)).iter().sum::<f64>() == FORGED as f64
    })
    .await;
    assert_eq!(world.quarantined().len(), PLACES);
    assert_eq!(world.fate("kept"), PLACES as f64, "of one source, what came first");
    assert!(good > 0);
}

#[tokio::test]
async fn a_disk_that_hangs_fails_or_is_full_changes_no_401() {
    let disk = FaultyDisk::default();
    let world = World::start(Setup { disk: disk.clone(), ..Setup::default() }).await;
    disk.fill(true);
    assert_eq!(exchange(world.addr, &forged("full")).await.status, 401);
    eventually("it is counted", || world.fate("disk_low") == 1.0).await;
    disk.fill(false);
    disk.fail(true);
    assert_eq!(exchange(world.addr, &forged("failing")).await.status, 401);
    eventually("it is counted", || world.fate("failed") == 1.0).await;
    disk.fail(false);
    disk.stall(true);
    // Each is answered within the deadline of every answer, or this fails.
    for n in 0..300 {
        assert_eq!(exchange(world.addr, &forged(&format!("e{n}"))).await.status, 401);
    }
    assert!(world.fate("dropped") > 0.0, "more waits than the queue may hold");
    disk.stall(false);
    eventually("the rest is kept", || world.fate("kept") + world.fate("dropped") == 300.0).await;
    assert_eq!(world.webhook(EVENT).await.status, 202);
}

#[tokio::test]
async fn what_waits_is_written_when_the_receiver_stops_and_is_there_afterwards() {
    let world = World::usual().await;
    for n in 0..40 {
        assert_eq!(exchange(world.addr, &forged(&format!("e{n}"))).await.status, 401);
    }
    let folder = world.stop().await;
    let setup = Setup { quarantine_keep: Duration::from_secs(3600), ..Setup::default() };
    let world = World::start_in(folder, setup).await;
    assert_eq!(world.quarantined().len(), 40);
    assert_eq!(world.metric("relink_quarantine_entries"), 40.0);
    let folder = world.stop().await;
    // A start is also a sweep.
    let setup = Setup { quarantine_keep: Duration::from_millis(1), ..Setup::default() };
    let world = World::start_in(folder, setup).await;
    kept(&world, 0).await;
}

#[tokio::test]
async fn nothing_of_a_request_is_readable_on_the_disk() {
    let world = World::usual().await;
    let canary = event("CANARY-id").replace("clinic_1", "CANARY-account");
    exchange(world.addr, &signed("another", canary.as_bytes())).await;
    kept(&world, 1).await;
    let files = std::fs::read_dir(world.folder().join("quarantine")).unwrap();
    let files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        for part in ["CANARY", "login_required", "127.0.0.1", "FIXTURE"] {
            assert!(!bytes.windows(part.len()).any(|window| window == part.as_bytes()), "{part}");
        }
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
