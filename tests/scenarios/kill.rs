//! `kill -9` of each process in turn under 200 events a second: nothing that was answered 2xx is
//! lost, and a message goes out a second time only where a doubt is on record. Stopped with SIGTERM
//! at any moment instead, they leave no doubt at all.

use relink_sandbox::Caught;
use relink_tests::{Api, Corner, Engines, ONE_STEP, Relink, Sender, eventually, login_required};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

const EVENTS_A_SECOND: u64 = 200;
const SECONDS: u64 = 12;

/// Long enough for a process to come up and do some of its work.
const KILL_EVERY: Duration = Duration::from_millis(1500);

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

/// How processes end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Kill,
    Stop,
}

/// Ends one process after another and starts it again at once.
async fn end_in_turn(
    corner: &Corner,
    processes: &mut [(&str, Relink)],
    until: Instant,
    end: End,
) -> u32 {
    let mut kills = 0;
    while Instant::now() < until {
        for (role, process) in processes.iter_mut() {
            let random = u32::try_from(uuid::Uuid::new_v4().as_u128() % 1000).unwrap();
            tokio::time::sleep(KILL_EVERY + Duration::from_millis(1) * random).await;
            match end {
                End::Kill => process.kill(),
                End::Stop => {
                    process.ask_to_stop();
                    assert_eq!(process.ended().await, Some(0), "{role}");
                }
            }
            *process = corner.start(&[role]);
            kills += 1;
        }
    }
    kills
}

/// What a checker needs to know about one account.
#[derive(Debug, Default)]
struct Told {
    accepted_by_provider: usize,
    recorded_accepted: usize,
    doubts_on_record: usize,
}

impl Told {
    /// The person was told and it is on record; or it was in doubt twice, and is an operator's.
    fn is_settled(&self) -> bool {
        self.recorded_accepted > 0 || self.doubts_on_record == 2
    }
}

fn tell(caught: &[Caught], attempts: &[Value]) -> BTreeMap<usize, Told> {
    let mut told: BTreeMap<usize, Told> = BTreeMap::new();
    for message in caught {
        let number = message.to.trim_start_matches("user").split('@').next().unwrap();
        told.entry(number.parse().unwrap()).or_default().accepted_by_provider += 1;
    }
    for attempt in attempts {
        let number = attempt["account_ref"].as_str().unwrap().trim_start_matches("account-");
        let told = told.entry(number.parse().unwrap()).or_default();
        match attempt["outcome"].as_str() {
            Some("unknown") => told.doubts_on_record += 1,
            Some("accepted") => told.recorded_accepted += 1,
            Some(_) | None => {}
        }
    }
    told
}

/// What became of everybody, once nothing is on its way. Providers and records are read one after
/// the other, so they are compared only when neither moved meanwhile.
async fn at_rest(corner: &Corner, api: &Api) -> Option<BTreeMap<usize, Told>> {
    let caught = corner.inbox.all();
    let attempts = api.attempts().await;
    let told = tell(&caught, &attempts);
    let ended = attempts.iter().all(|attempt| !attempt["finished_at"].is_null());
    let still = corner.inbox.all().len() == caught.len();
    (ended && still && told.values().all(Told::is_settled)).then_some(told)
}

async fn ended_in_turn(engines: Engines, roles: &[&'static str], end: End) {
    let corner = Corner::new(engines, ONE_STEP).await;
    let accounts = usize::try_from(EVENTS_A_SECOND * SECONDS).unwrap();
    let file = corner.folder.path().join("accounts.jsonl");
    std::fs::write(&file, (0..accounts).map(account_line).collect::<String>()).unwrap();
    for number in 0..accounts {
        corner.broken_at_cobalt(&format!("account-{number}"), &format!("t{number}"));
    }
    // `run` makes its own schema; the import needs it before.
    corner.migrate();
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
        tokio::join!(load(&corner, accounts), end_in_turn(&corner, &mut processes, until, end));
    assert!(acknowledged.len() > accounts / 10, "only {} were accepted", acknowledged.len());

    // A notification whose worker died is settled once its lease has run out.
    let api = Api::new(&corner);
    let told = eventually("every acknowledged event to reach a recorded end", || async {
        let told = at_rest(&corner, &api).await?;
        acknowledged.iter().all(|number| told.contains_key(number)).then_some(told)
    })
    .await;
    let count = |which: fn(&Told) -> bool| told.values().filter(|told| which(told)).count();
    println!(
        "kills {kills}, attempted {accounts}, acknowledged {}, lost 0, accepted once {}, accepted twice {}, \
         left to the operator after two doubts {}, doubts on record {}",
        acknowledged.len(),
        count(|told| told.accepted_by_provider == 1),
        count(|told| told.accepted_by_provider == 2),
        count(|told| told.recorded_accepted == 0),
        told.values().map(|told| told.doubts_on_record).sum::<usize>(),
    );
    for (number, told) in told {
        assert!(
            told.accepted_by_provider <= 1 + told.doubts_on_record
                && told.accepted_by_provider <= 2,
            "account-{number}: {told:?}"
        );
        assert!(told.recorded_accepted <= told.accepted_by_provider, "account-{number}: {told:?}");
        assert!(end == End::Kill || told.doubts_on_record == 0, "account-{number}: {told:?}");
    }
}

fn account_line(number: usize) -> String {
    format!(
        "{{\"account_ref\":\"account-{number}\",\"user_id\":\"u{number}\",\"org_id\":\"o\",\"access_token\":\"t{number}\",\"contacts\":[{{\"id\":\"user\",\"role\":\"user\",\"email\":\"user{number}@clinic.example\"}}]}}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_killed_in_turn_lose_nothing() {
    ended_in_turn(Engines::Servers, &["receive", "work", "web"], End::Kill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_killed_again_and_again_loses_nothing() {
    ended_in_turn(Engines::Embedded, &["run"], End::Kill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_stopped_in_turn_leave_no_doubt() {
    ended_in_turn(Engines::Servers, &["receive", "work", "web"], End::Stop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_stopped_again_and_again_leaves_no_doubt() {
    ended_in_turn(Engines::Embedded, &["run"], End::Stop).await;
}
