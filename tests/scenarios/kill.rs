//! `kill -9` of each process in turn under 200 events a second: nothing that was answered 2xx is
//! lost, and a message goes out a second time only where a doubt is on record.

use relink_sandbox::Caught;
use relink_tests::{Api, Corner, Engines, Relink, Sender, eventually, login_required};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

const ONE_STEP: &str = r#"
[policy]
settle = "0s"
[[policy.steps]]
id = "first"
at = "0s"
to = "user"
channels = ["email"]
"#;

const EVENTS_A_SECOND: u64 = 200;
const SECONDS: u64 = 12;

/// Posts for a while at a steady rate; answers the events that got a 2xx.
async fn load(corner: &Corner, accounts: usize) -> BTreeSet<usize> {
    let sender = Sender::new(&format!("http://{}", corner.receiver));
    let mut tick = tokio::time::interval(Duration::from_micros(1_000_000 / EVENTS_A_SECOND));
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut posts = JoinSet::new();
    for number in 0..accounts {
        tick.tick().await;
        let sender = sender.clone();
        posts.spawn(async move {
            let event = login_required(&format!("evt-{number}"), &format!("account-{number}"));
            match sender.post(&event).await {
                Some(202) => Some(number),
                Some(_) | None => None,
            }
        });
    }
    posts.join_all().await.into_iter().flatten().collect()
}

/// Kills one process after another and starts it again at once.
async fn murder(corner: &Corner, processes: &mut [(&str, Relink)], until: Instant) -> u32 {
    let mut kills = 0;
    while Instant::now() < until {
        for (role, process) in processes.iter_mut() {
            tokio::time::sleep(Duration::from_millis(700)).await;
            process.kill();
            *process = corner.start(&[role]);
            kills += 1;
        }
    }
    kills
}

/// What a checker needs to know about one account.
#[derive(Default)]
struct Told {
    accepted_by_provider: usize,
    doubts_on_record: usize,
}

fn tell(caught: &[Caught], attempts: &[Value]) -> BTreeMap<usize, Told> {
    let mut told: BTreeMap<usize, Told> = BTreeMap::new();
    for message in caught {
        let number = message.to.trim_start_matches("user").split('@').next().unwrap();
        told.entry(number.parse().unwrap()).or_default().accepted_by_provider += 1;
    }
    for attempt in attempts {
        let number = attempt["account_ref"].as_str().unwrap().trim_start_matches("account-");
        if attempt["outcome"] == "unknown" {
            told.entry(number.parse().unwrap()).or_default().doubts_on_record += 1;
        }
    }
    told
}

async fn killed_in_turn(engines: Engines, roles: &[&'static str]) {
    let corner = Corner::new(engines, ONE_STEP).await;
    if engines == Engines::Servers {
        let migrated = Relink::output(&corner.config(), &["migrate"]);
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    }
    let accounts = usize::try_from(EVENTS_A_SECOND * SECONDS).unwrap();
    let file = corner.folder.path().join("accounts.jsonl");
    std::fs::write(&file, (0..accounts).map(account_line).collect::<String>()).unwrap();
    // `run` makes its own schema; the import needs it before.
    let migrated = Relink::output(&corner.config(), &["migrate"]);
    assert!(migrated.status.success());
    let imported =
        Relink::output(&corner.config(), &["accounts", "import", file.to_str().unwrap()]);
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));

    let mut processes: Vec<(&str, Relink)> =
        roles.iter().map(|role| (*role, corner.start(&[role]))).collect();
    for (role, process) in &processes {
        eventually(&format!("{role} to run"), || async { process.is_running().then_some(()) })
            .await;
    }
    let until = Instant::now() + Duration::from_secs(SECONDS);
    let (acknowledged, kills) =
        tokio::join!(load(&corner, accounts), murder(&corner, &mut processes, until));
    assert!(acknowledged.len() > accounts / 10, "only {} were accepted", acknowledged.len());

    let api = Api::new(&corner);
    let told = eventually("every acknowledged event to reach its person", || async {
        let caught = corner.inbox.all();
        let seen: BTreeSet<String> = caught.iter().map(|caught| caught.to.clone()).collect();
        acknowledged
            .iter()
            .all(|number| seen.contains(&format!("user{number}@clinic.example")))
            .then_some(caught)
    });
    told.await;
    // Whatever was in doubt when a worker died is settled once its lease has run out; until then
    // nothing may be sent twice without a doubt on record, and that holds at every moment.
    let attempts = api.attempts().await;
    let told = tell(&corner.inbox.all(), &attempts);
    let lost = acknowledged.iter().filter(|number| !told.contains_key(number)).count();
    let twice: Vec<_> = told.iter().filter(|(_, told)| told.accepted_by_provider > 1).collect();
    println!(
        "kills {kills}, attempted {accounts}, acknowledged {}, lost {lost}, sent twice {}, doubts {}",
        acknowledged.len(),
        twice.len(),
        told.values().map(|told| told.doubts_on_record).sum::<usize>(),
    );
    assert_eq!(lost, 0);
    for (number, told) in told {
        assert!(
            told.accepted_by_provider <= 1 + told.doubts_on_record
                && told.accepted_by_provider <= 2,
            "account-{number}: {} acceptances, {} doubts",
            told.accepted_by_provider,
            told.doubts_on_record
        );
    }
}

fn account_line(number: usize) -> String {
    format!(
        "{{\"account_ref\":\"account-{number}\",\"user_id\":\"u{number}\",\"org_id\":\"o\",\"access_token\":\"t{number}\",\"contacts\":[{{\"id\":\"user\",\"role\":\"user\",\"email\":\"user{number}@clinic.example\"}}]}}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_killed_in_turn_lose_nothing() {
    killed_in_turn(Engines::Servers, &["receive", "work", "web"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_killed_again_and_again_loses_nothing() {
    killed_in_turn(Engines::Embedded, &["run"]).await;
}
