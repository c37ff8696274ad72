//! A deploy under load: receivers and workers are replaced ten times. No connection is refused or
//! reset, no request is answered with anything but 202, and every event has its case.

use relink_tests::{
    Api, Corner, Engines, Relink, Supervision, eventually, login_required, post_alone,
};
use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

const POLICY: &str = r#"
[policy]
settle = "1h"
"#;

const POSTS_A_SECOND: u64 = 120;
const ROUNDS: usize = 10;

/// Answers between two replacements, so that each generation of processes does some of the work.
const ANSWERS_A_ROUND: usize = 60;

/// What a receiver allows itself for an answer, or a little less.
const DEADLINE: Duration = Duration::from_millis(1400);

/// A steady stream of posts, each on a connection of its own and never repeated.
struct Load {
    answered: Arc<AtomicUsize>,
    stop: CancellationToken,
    running: JoinHandle<Vec<Post>>,
}

/// One post.
struct Post {
    number: usize,
    answer: std::io::Result<(u16, Duration)>,
    took: Duration,
}

impl Load {
    fn start(receiver: SocketAddr) -> Self {
        let (answered, stop) = (Arc::<AtomicUsize>::default(), CancellationToken::new());
        let running = tokio::spawn(stream(receiver, Arc::clone(&answered), stop.clone()));
        Self { answered, stop, running }
    }

    /// Waits until many more were answered.
    async fn goes_on(&self) {
        let enough = self.answered.load(Ordering::SeqCst) + ANSWERS_A_ROUND;
        eventually("more answers", || async {
            (self.answered.load(Ordering::SeqCst) >= enough).then_some(())
        })
        .await;
    }

    /// Ends it; the events that were accepted. Nothing else may have been said to anybody, apart
    /// from what a receiver says when the disk of a busy machine took longer than its deadline.
    async fn all_were_accepted(self) -> BTreeSet<String> {
        self.stop.cancel();
        let posts = self.running.await.unwrap();
        let slowest = posts.iter().map(|post| post.took).max().unwrap_or_default();
        let slow = posts.iter().filter(|post| post.took > Duration::from_secs(1)).count();
        println!("posts {}, slower than 1 s {slow}, slowest {slowest:?}", posts.len());
        let bad: Vec<String> = posts
            .iter()
            .filter(|post| !matches!(post.answer, Ok((202, _))) && !post.met_the_deadline())
            .map(|post| format!("{}: {:?} after {:?}", post.number, post.answer, post.took))
            .collect();
        assert!(bad.is_empty(), "{} of {} failed:\n{}", bad.len(), posts.len(), bad.join("\n"));
        let accepted = posts.iter().filter(|post| !post.met_the_deadline());
        let accepted: BTreeSet<String> =
            accepted.map(|post| format!("account-{}", post.number)).collect();
        assert!(accepted.len() * 10 > posts.len() * 9, "{} of {}", accepted.len(), posts.len());
        accepted
    }
}

impl Post {
    /// 503, and not at once, which would be a refusal.
    fn met_the_deadline(&self) -> bool {
        matches!(self.answer, Ok((503, waited)) if waited >= DEADLINE)
    }
}

async fn stream(
    receiver: SocketAddr,
    answered: Arc<AtomicUsize>,
    stop: CancellationToken,
) -> Vec<Post> {
    let mut tick = tokio::time::interval(Duration::from_micros(1_000_000 / POSTS_A_SECOND));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut posts = JoinSet::new();
    for number in 0.. {
        tick.tick().await;
        if stop.is_cancelled() {
            break;
        }
        let answered = Arc::clone(&answered);
        posts.spawn(async move {
            let event = login_required(&format!("evt-{number}"), &format!("account-{number}"));
            let begun = Instant::now();
            let answer = post_alone(receiver, &event).await;
            answered.fetch_add(1, Ordering::SeqCst);
            Post { number, answer, took: begun.elapsed() }
        });
    }
    posts.join_all().await
}

/// Starts a process and waits until it runs.
async fn running(process: Relink) -> Relink {
    eventually("a process to run", || async { process.is_running().then_some(()) }).await;
    process
}

async fn stop(process: Relink) {
    let code = tokio::task::spawn_blocking(|| process.stop()).await.unwrap();
    assert_eq!(code, Some(0));
}

async fn corner() -> Corner {
    let corner = Corner::new(Engines::Servers, POLICY).await;
    corner.migrate();
    corner
}

async fn every_event_has_its_case(corner: &Corner, accounts: &BTreeSet<String>) {
    let api = Api::new(corner);
    eventually("a case for every event", || async {
        let cases = api.cases().await;
        let found: BTreeSet<String> =
            cases.iter().map(|case| case["account_ref"].as_str().unwrap().to_owned()).collect();
        (found.is_superset(accounts) && cases.len() == found.len()).then_some(())
    })
    .await;
}

/// One supervisor's socket, one process after the other behind it.
#[tokio::test(flavor = "multi_thread")]
async fn a_socket_of_the_supervisor_outlives_ten_receivers() {
    let corner = corner().await;
    let _web = running(corner.start(&["web"])).await;
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let supervision = Supervision { socket: &socket, name: "receiver", environment: &[] };
    // What waited between two processes comes all at once.
    let listen = format!("listen = \"{}\"", corner.receiver);
    let more = format!("{listen}\nmax_in_flight = 4096\nmax_connections = 4096");
    let config = corner.variant("supervised", &[(&listen, &more)]);
    let start = || {
        let folder = corner.folder.path();
        running(Relink::start_supervised(folder, &config, &["receive"], &supervision))
    };
    let (mut receiver, mut worker) = (start().await, running(corner.start(&["work"])).await);
    let load = Load::start(socket.local_addr().unwrap());
    for _ in 0..ROUNDS {
        load.goes_on().await;
        stop(receiver).await;
        receiver = start().await;
        // The next worker works beside the one that stops.
        let next = running(corner.start(&["work"])).await;
        stop(std::mem::replace(&mut worker, next)).await;
    }
    load.goes_on().await;
    let accounts = load.all_were_accepted().await;
    every_event_has_its_case(&corner, &accounts).await;
}

/// Two receivers side by side on one port, each with a spool of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_shared_port_goes_through_the_hands_of_ten_receivers() {
    let corner = corner().await;
    let _web = running(corner.start(&["web"])).await;
    let _worker = running(corner.start(&["work"])).await;
    let listen = format!("listen = \"{}\"", corner.receiver);
    let shared = format!("{listen}\nreuse_port = true");
    let configs: [PathBuf; 2] = ["a", "b"].map(|name| {
        let own = format!("data_dir = \"{}\"", corner.folder.path().join(name).display());
        let usual = format!("data_dir = \"{}\"", corner.folder.path().join("data").display());
        corner.variant(name, &[(&usual, &own), (&listen, &shared)])
    });
    let start =
        |n: usize| running(Relink::start(corner.folder.path(), &configs[n % 2], &["receive"]));
    let mut receiver = start(0).await;
    let load = Load::start(corner.receiver);
    for round in 1..=ROUNDS {
        load.goes_on().await;
        let next = start(round).await;
        stop(std::mem::replace(&mut receiver, next)).await;
    }
    load.goes_on().await;
    let accounts = load.all_were_accepted().await;
    every_event_has_its_case(&corner, &accounts).await;
}

#[tokio::test]
async fn a_second_receiver_on_the_same_folder_is_refused() {
    let corner = corner().await;
    let _first = running(corner.start(&["receive"])).await;
    let listen = format!("listen = \"{}\"", corner.receiver);
    let elsewhere = corner.variant("second", &[(&listen, "listen = \"127.0.0.1:0\"")]);
    let second = Relink::output(&elsewhere, &["receive"]);
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(74), "{said}");
    assert!(said.contains("data_dir"), "{said}");
}

#[tokio::test]
async fn the_supervisor_hears_ready_turning_and_stopping() {
    let corner = Corner::new(Engines::Embedded, POLICY).await;
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let path = corner.folder.path().join("notify");
    let supervisor = UnixDatagram::bind(&path).unwrap();
    supervisor.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
    let path = path.to_str().unwrap();
    let environment = [("NOTIFY_SOCKET", path), ("WATCHDOG_USEC", "300000")];
    let supervision = Supervision { socket: &socket, name: "web", environment: &environment };
    let folder = corner.folder.path();
    let process = Relink::start_supervised(folder, &corner.config(), &["run"], &supervision);
    let hear = |word: &str| loop {
        let mut buffer = [0; 64];
        let length = supervisor.recv(&mut buffer).unwrap_or_else(|error| {
            panic!("{word} was not said: {error}\n{}", process.log());
        });
        let said = String::from_utf8_lossy(&buffer[..length]).trim().to_owned();
        if said == word {
            break;
        }
        // The watchdog's word may come at any time, nothing else may.
        assert_eq!(said, "WATCHDOG=1");
    };
    for word in ["READY=1", "WATCHDOG=1", "WATCHDOG=1"] {
        hear(word);
    }
    process.ask_to_stop();
    hear("STOPPING=1");
    assert_eq!(process.exit_code(), Some(0));
}

#[tokio::test]
async fn a_socket_for_a_role_that_the_command_has_not_is_a_fault_of_the_configuration() {
    let corner = corner().await;
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let supervision = Supervision { socket: &socket, name: "receiver", environment: &[] };
    let folder = corner.folder.path();
    let process = Relink::start_supervised(folder, &corner.config(), &["web"], &supervision);
    let (log, code) = tokio::task::spawn_blocking(|| process.exit_code_and_log()).await.unwrap();
    assert_eq!(code, Some(64), "{log}");
    assert!(log.contains("a socket for receiver"), "{log}");
}
