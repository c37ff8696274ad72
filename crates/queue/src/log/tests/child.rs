//! A real process that is killed, or that meets a real limit of the system, while it writes.
//! The parent believes only what the child said after it had the receipt.

use super::*;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

const FOLDER: &str = "RELINK_TEST_LOG_FOLDER";

/// Appends from many tasks for ever; says `stored <id>` behind each receipt, `failed` behind
/// each refusal, and `settled <id>` before it settles every third.
async fn write_for_ever(folder: &std::ffi::OsStr) {
    let options = LogOptions { segment_bytes: 200_000, ..options(Path::new(folder)) };
    let log = SegmentLog::open(options, key()).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    let life = std::process::id();
    for producer in 0..16 {
        let log = log.clone();
        tasks.spawn(async move {
            for n in 0_u64.. {
                let id = format!("{life}-{producer}-{n}");
                let body = format!("body of {id}{}", "x".repeat(700));
                match log.append(&id, Bytes::from(body)).await {
                    Ok(receipt) => {
                        say(&format!("stored {id}"));
                        if n % 3 == 0 {
                            say(&format!("settled {id}"));
                            log.settle(receipt.seq());
                        }
                    }
                    Err(_) => say("failed"),
                }
            }
        });
    }
    tasks.join_all().await;
}

/// One line in one write, so that a kill cannot cut it in two.
fn say(line: &str) {
    let line = format!("\n{line}\n");
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

fn start(mut command: Command, dir: &TempDir) -> Child {
    command.env(FOLDER, dir.path()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Runs this test program again, as the child: the test below is both.
fn child_arguments() -> [&'static str; 3] {
    let name = "log::tests::child::whatever_had_a_receipt_is_there_after_kill_9";
    ["--exact", name, "--nocapture"]
}

#[derive(Default)]
struct Said {
    stored: BTreeSet<String>,
    settled: BTreeSet<String>,
    failed: usize,
}

impl Said {
    /// Listens until `enough`, kills the child, and takes in what it had said by then.
    fn listen_and_kill(&mut self, mut child: Child, enough: impl Fn(&Self) -> bool) {
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while !enough(self) {
            self.take(&lines.next().expect("the child ended by itself").unwrap());
        }
        child.kill().unwrap();
        lines.map_while(Result::ok).for_each(|line| self.take(&line));
        child.wait().unwrap();
    }

    fn take(&mut self, line: &str) {
        match line.split_once(' ') {
            Some(("stored", id)) => drop(self.stored.insert(id.to_owned())),
            Some(("settled", id)) => drop(self.settled.insert(id.to_owned())),
            _ => self.failed += usize::from(line == "failed"),
        }
    }

    async fn check(&self, dir: &TempDir) {
        let log = open(dir);
        let found: BTreeSet<String> = ids(&log).await.into_iter().collect();
        let owed: Vec<&String> =
            self.stored.iter().filter(|id| !self.settled.contains(*id)).collect();
        let lost: Vec<_> = owed.iter().filter(|id| !found.contains(**id)).collect();
        assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), owed.len());
        assert_eq!(log.stats().quarantined, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_had_a_receipt_is_there_after_kill_9() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return write_for_ever(&folder).await;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut said = Said::default();
    for round in 1..=5 {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(child_arguments());
        let before = said.stored.len();
        said.listen_and_kill(start(command, &dir), |said| said.stored.len() >= before + 800);
        assert!(said.settled.len() > 100 * round);
        said.check(&dir).await;
    }
    assert_eq!(said.failed, 0);
}

/// The system's file size limit makes real writes stop half-way, as a full disk does.
#[tokio::test]
async fn whatever_had_a_receipt_is_there_although_writes_were_cut_short() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    // 100 blocks of 512 or 1024 bytes: below the 200,000 at which a segment would end.
    command.arg("-c").arg(r#"trap "" XFSZ; ulimit -f 100; exec "$0" "$@""#);
    command.arg(std::env::current_exe().unwrap()).args(child_arguments());
    let mut said = Said::default();
    said.listen_and_kill(start(command, &dir), |said| {
        said.failed >= 30 && said.stored.len() >= 500
    });
    assert!(!said.settled.is_empty());
    said.check(&dir).await;
    assert!(segment_files(&dir).len() > 2, "several segments were given up");
}
