//! A mail server that is away, or refuses the set-up: few attempts are made meanwhile, the process
//! stays ready and says so, and everybody is told once afterwards.

use relink_core::Timestamp;
use relink_core::time::since;
use relink_sandbox::{MailFault, Phase};
use relink_tests::{Api, Corner, Engines, ONE_STEP, Proxy, Relink, eventually};
use serde_json::Value;
use std::collections::BTreeSet;

const PEOPLE: usize = 40;

/// Sends at once; with the three faults that open the breaker, no more than this many attempts
/// can meet an outage before it is noticed.
const CONCURRENCY: usize = 4;

/// What the sending process says of its channels, once it says `wanted`.
async fn says(worker: &Relink, wanted: &str) {
    eventually(wanted, || async {
        let (status, text) = worker.admin("/readyz").await?;
        (status == 200 && text.contains(wanted)).then_some(())
    })
    .await;
}

fn started_at(attempt: &Value) -> Timestamp {
    attempt["started_at"].as_str().unwrap().parse().unwrap()
}

async fn an_outage(engines: Engines) {
    let corner = Corner::new(engines, ONE_STEP).await;
    let wire = Proxy::start(corner.mail.address).await;
    let (old, new) = (corner.mail.address.port(), wire.address.port());
    corner.reconfigure(&format!("port = {old}"), &format!("port = {new}"));
    corner.reconfigure("[email]\n", &format!("[email]\nconcurrency = {CONCURRENCY}\n"));
    wire.cut();
    let processes = corner.deploy(engines);
    let worker = processes.last().unwrap();
    let api = Api::new(&corner);
    for number in 0..PEOPLE {
        let account = format!("clinic_{number}");
        api.register(&account, number).await;
        corner.breaks(&account).await;
    }
    says(worker, "email: its provider is out of order").await;
    let (_, metrics) = worker.admin("/metrics").await.unwrap();
    assert!(metrics.contains("relink_breaker_open{channel=\"email\"} 1"), "{metrics}");
    assert!(metrics.contains("relink_channel_paused{channel=\"email\"} 0"), "{metrics}");

    // Half a minute later one is tried; until then, and after it, nobody else.
    let attempts = eventually("a probe", || async {
        let attempts = api.attempts().await;
        let first = attempts.last().map(started_at)?;
        let probed = attempts.iter().any(|it| since(first, started_at(it)).as_secs() >= 25);
        probed.then_some(attempts)
    })
    .await;
    let met = CONCURRENCY + 3;
    assert!(attempts.len() <= met + 1, "{} attempts in an outage: {attempts:?}", attempts.len());
    assert!(corner.inbox.is_empty());

    wire.heal();
    let caught = corner.inbox.wait_for(PEOPLE).await;
    let told: BTreeSet<String> = caught.iter().map(|caught| caught.to.clone()).collect();
    assert_eq!(told.len(), PEOPLE);
    let attempts = eventually("every outcome", || async {
        let attempts = api.attempts().await;
        let accepted = attempts.iter().filter(|it| it["outcome"] == "accepted").count();
        (accepted == PEOPLE).then_some(attempts)
    })
    .await;
    assert_eq!(corner.inbox.len(), PEOPLE, "one message each");
    // One more probe may have come just before the return.
    assert!(attempts.len() <= PEOPLE + met + 2, "{} attempts in all", attempts.len());
    says(worker, "email: ok").await;
    for process in processes {
        assert_eq!(process.stop(), Some(0));
    }
}

#[tokio::test]
async fn an_outage_of_the_mail_server_costs_few_attempts_embedded() {
    an_outage(Engines::Embedded).await;
}

#[tokio::test]
async fn an_outage_of_the_mail_server_costs_few_attempts_over_rabbitmq() {
    an_outage(Engines::Servers).await;
}

#[tokio::test]
async fn a_refused_set_up_pauses_the_channel_and_pages() {
    let corner = Corner::new(Engines::Embedded, ONE_STEP).await;
    corner.mail.script.push(MailFault::Refuse(Phase::Mail, "530 5.7.0 Authentication required"));
    let process = corner.start(&["run"]);
    let api = Api::new(&corner);
    api.register("clinic_1", 1).await;
    corner.breaks("clinic_1").await;
    says(&process, "email: paused (credentials_refused): mend [email.smtp]").await;
    let (_, metrics) = process.admin("/metrics").await.unwrap();
    assert!(metrics.contains("relink_channel_paused{channel=\"email\"} 1"), "{metrics}");
    let log = process.log();
    let page = log.lines().find(|line| line.contains("the channel is paused")).unwrap();
    assert!(page.contains("ERROR") && page.contains("mend [email.smtp]"), "{page}");
    assert_eq!(api.attempts().await.len(), 1);
    assert_eq!(process.stop(), Some(0));
}
