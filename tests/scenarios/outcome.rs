//! The store goes away between a send and its record, and the process dies before it is back:
//! the outcome was on the disk, so nobody is told twice.

use relink_sandbox::MailFault;
use relink_tests::{Api, Corner, Engines, ONE_STEP, Proxy, Relink, eventually, postgres_address};
use std::time::Duration;

/// Between a mail's acceptance and its answer: time to take the store away.
const STALL: Duration = Duration::from_secs(3);

const KEPT: &str = "the outcome is kept on disk";

async fn kept(process: &Relink) {
    eventually("the outcome to be kept on disk", || async {
        process.log().contains(KEPT).then_some(())
    })
    .await;
}

/// One person was told once, by one attempt that nobody ever doubted.
async fn told_once(corner: &Corner, api: &Api) {
    let attempts = eventually("the outcome on record", || async {
        let attempts = api.attempts().await;
        attempts.iter().any(|attempt| attempt["outcome"] == "accepted").then_some(attempts)
    })
    .await;
    assert_eq!(attempts.len(), 1, "{attempts:?}");
    // Whatever else might come has to come before this one, in every queue.
    api.register("marker", 999).await;
    corner.breaks("marker").await;
    let caught = corner.inbox.wait_for(2).await;
    let to: Vec<&str> = caught.iter().map(|caught| caught.to.as_str()).collect();
    assert_eq!(to, ["user1@clinic.example", "user999@clinic.example"]);
}

/// A worker whose one mail was taken, and whose database is cut off before the answer comes.
struct CutOff {
    corner: Corner,
    wire: Proxy,
    worker: Relink,
    api: Api,
    _others: [Relink; 2],
}

impl CutOff {
    async fn between_send_and_record() -> Self {
        let corner = Corner::new(Engines::Servers, ONE_STEP).await;
        let server = postgres_address();
        let wire = Proxy::start(server).await;
        corner.migrate();
        let _others = ["receive", "web"].map(|role| corner.start(&[role]));
        corner.reconfigure(&server.to_string(), &wire.address.to_string());
        let worker = corner.start(&["work"]);
        let api = Api::new(&corner);
        api.register("clinic_1", 1).await;
        corner.mail.script.push(MailFault::AcceptAndStall(STALL));
        corner.breaks("clinic_1").await;
        corner.inbox.wait_for(1).await;
        wire.cut();
        kept(&worker).await;
        Self { corner, wire, worker, api, _others }
    }
}

#[tokio::test]
async fn postgres_cut_off_between_send_and_record_and_the_worker_killed() {
    let CutOff { corner, wire, mut worker, api, _others } = CutOff::between_send_and_record().await;
    worker.kill();
    wire.heal();
    let attempts = api.attempts().await;
    assert!(attempts[0]["outcome"].is_null(), "{attempts:?}");
    let worker = corner.start(&["work"]);
    told_once(&corner, &api).await;
    assert_eq!(worker.stop(), Some(0));
}

#[tokio::test]
async fn postgres_cut_off_for_longer_than_the_lease_and_back_while_the_worker_lives() {
    let CutOff { corner, wire, worker, api, _others } = CutOff::between_send_and_record().await;
    // The corner's lease is 4 s: this is the outage itself, not a wait for something to happen.
    tokio::time::sleep(Duration::from_secs(6)).await;
    wire.heal();
    told_once(&corner, &api).await;
    assert_eq!(worker.stop(), Some(0));
}

#[tokio::test]
async fn sqlite_held_by_another_program_between_send_and_record_and_the_process_killed() {
    let corner = Corner::new(Engines::Embedded, ONE_STEP).await;
    let mut process = corner.start(&["run"]);
    let api = Api::new(&corner);
    api.register("clinic_1", 1).await;
    corner.mail.script.push(MailFault::AcceptAndStall(STALL));
    corner.breaks("clinic_1").await;

    corner.inbox.wait_for(1).await;
    let other = rusqlite::Connection::open(corner.folder.path().join("data/relink.db")).unwrap();
    other.busy_timeout(Duration::from_secs(2)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    kept(&process).await;
    process.kill();
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    let process = corner.start(&["run"]);
    told_once(&corner, &api).await;
    assert_eq!(process.stop(), Some(0));
}
