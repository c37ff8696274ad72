//! What the kernel does to whole groups of processes: frozen together, or ended one by one for want
//! of memory.

use crate::seen::judge;
use relink_tests::{Cgroup, Channels, Controller, ScarceMemory, Setup, Stage};
use relink_tests::{eventually, raise_file_limit};
use rustix::process::{Pid, Signal};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// More accounts than any of these loads gets to.
const ROOM: usize = 6000;

const MIB: u64 = 1024 * 1024;

/// Lets processes neither run nor end, or go on.
enum Freezer {
    Group(Cgroup),
    Signals(Vec<Pid>),
}

impl Freezer {
    fn of(processes: Vec<Pid>) -> Self {
        match Cgroup::new(Controller::Freezer) {
            Ok(group) => {
                processes.iter().for_each(|process| group.add(*process));
                Self::Group(group)
            }
            Err(why) => {
                println!("no control group that freezes ({why}): SIGSTOP to each of them");
                Self::Signals(processes)
            }
        }
    }

    fn freeze(&self, frozen: bool) {
        match self {
            Self::Group(group) => group.freeze(frozen),
            Self::Signals(processes) => {
                let signal = if frozen { Signal::STOP } else { Signal::CONT };
                for process in processes {
                    rustix::process::kill_process(*process, signal).unwrap();
                }
            }
        }
    }
}

/// All workers of one host, as a host that is suspended: those of another take over.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_group_of_workers_is_replaced_and_cannot_overwrite_its_successors() {
    let mut stage = Stage::open(Setup::shared(120, Channels::Email)).await;
    stage.add_worker().await;
    let workers = stage.processes.iter().filter(|actor| actor.role == "work");
    let host = Freezer::of(workers.map(|actor| actor.process.pid()).collect());
    let load = stage.load(20);
    load.reaches(30).await;
    host.freeze(true);
    stage.add_worker().await;
    let ledger = load.finish().await;
    // Longer than any lease of this stage.
    eventually("the third worker to have told most", || async {
        (stage.corner.inbox.len() >= 80).then_some(())
    })
    .await;
    host.freeze(false);
    judge(&stage, &ledger, "two workers frozen beyond their leases").await;
    // A group is removed when nobody is in it.
    drop(stage);
}

/// Senders that hold as much of the receiver's memory as they can, for as long as they can.
async fn hold_memory(receiver: SocketAddr) {
    const SENDERS: usize = 900;
    let body = vec![b'x'; 64_000];
    let head = "POST /webhooks/cobalt HTTP/1.1\r\nhost: receiver\r\ncontent-length: 65000\r\n\r\n";
    let request = [head.as_bytes(), &body].concat();
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        let request = request.clone();
        senders.spawn(async move {
            loop {
                // Cut off after a second, or refused by a receiver that is gone: once more.
                if let Ok(mut stream) = TcpStream::connect(receiver).await {
                    let _ = stream.write_all(&request).await;
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
    }
    senders.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_out_of_memory_is_ended_and_loses_no_receipt() {
    raise_file_limit();
    let memory = ScarceMemory::of(32 * MIB);
    let mut stage = Stage::open(Setup::shared(ROOM, Channels::Email)).await;
    let load = stage.load(20);
    for _ in 0..3 {
        load.goes_on(40).await;
        memory.confine(stage.actor("receive").process.pid());
        let greedy = tokio::spawn(hold_memory(stage.corner.receiver));
        let ended = stage.ended("receive").await;
        greedy.abort();
        assert!(memory.explains(ended), "{ended}: {}", stage.actor("receive").process.log());
        stage.restart("receive").await;
    }
    let ledger = load.stop_after(40).await;
    let fault = format!("receiver out of memory, 3 times, by the kernel {:?}", memory.killed());
    let verdict = judge(&stage, &ledger, &fault).await;
    assert!(verdict.acknowledged >= 80, "{verdict}");
    assert!(memory.killed().is_none_or(|killed| killed >= 3));
    drop(stage);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_out_of_memory_is_ended_and_what_it_had_is_sent() {
    let memory = ScarceMemory::of(96 * MIB);
    let mut stage = Stage::open(Setup::shared(ROOM, Channels::Email)).await;
    let load = stage.load(20);
    for _ in 0..3 {
        load.goes_on(40).await;
        let process = stage.actor("work").process.pid();
        memory.confine(process);
        let neighbour = memory.neighbour_of(process);
        let ended = stage.ended("work").await;
        drop(neighbour);
        assert!(memory.explains(ended), "{ended}: {}", stage.actor("work").process.log());
        stage.restart("work").await;
    }
    let ledger = load.stop_after(40).await;
    let fault = format!("worker out of memory, 3 times, by the kernel {:?}", memory.killed());
    judge(&stage, &ledger, &fault).await;
    assert!(memory.killed().is_none_or(|killed| killed >= 3));
    drop(stage);
}
