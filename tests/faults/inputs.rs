//! The same thing said twice, at once, differently, or by somebody who leaves.

use crate::seen::judge;
use relink_tests::malformed_requests;
use relink_tests::{Channels, Sender, Setup, Stage, account, eventually, login_required};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread")]
async fn two_receivers_told_the_same_at_the_same_moment_make_one_message() {
    let mut stage = Stage::open(Setup::shared(80, Channels::Email)).await;
    stage.add_receiver().await;
    let ledger = stage.load(20).finish().await;
    let verdict = judge(&stage, &ledger, "every event posted to two receivers").await;
    assert_eq!((verdict.acknowledged, verdict.duplicated), (80, 0));
    let statuses = ledger.statuses();
    assert_eq!(statuses.get(&Some(202)), Some(&160), "{statuses:?}");
    let cases = stage.api().cases().await;
    assert!(cases.iter().all(|case| case["signals"] == 1), "one row for each event");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_with_another_body_makes_no_second_message() {
    let stage = Stage::open(Setup::shared(2, Channels::Email)).await;
    let ledger = stage.load(20).finish().await;
    let sender = Sender::new(&format!("http://{}", stage.corner.receiver));
    let other = login_required("evt-0", &account(0)).replace("FIXTURE", "SOMETHING ELSE");
    for _ in 0..5 {
        assert_eq!(sender.post(&other).await, Some(202));
    }
    eventually("the five others to be buried", || async {
        (stage.gauge("relink_dead_letters").await? == 5).then_some(())
    })
    .await;
    assert_eq!((ledger.acknowledged().len(), stage.corner.inbox.len()), (2, 2));
    println!("| same id, other body | attempted 7 | acknowledged 7 | lost 0 | buried 5 | told 2 |");
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_in_a_queue_is_buried_and_holds_up_nobody() {
    use lapin::options::BasicPublishOptions;
    let stage = Stage::open(Setup::shared(40, Channels::Email)).await;
    let load = stage.load(20);
    // Before that the queues may not be declared, and junk would go nowhere.
    stage.corner.inbox.wait_for(1).await;
    let connection = lapin::Connection::connect(&stage.amqp, Default::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let big = vec![b'x'; 1024 * 1024];
    let junk: [&[u8]; 4] = [b"", b"\xff\x00 no JSON", b"{\"v\":1}", &big];
    for (queue, body) in ["signals", "send.email"].iter().flat_map(|q| junk.map(|b| (q, b))) {
        let queue = format!("{}.{queue}", stage.prefix);
        let options = BasicPublishOptions::default();
        channel
            .basic_publish("".into(), queue.into(), options, body, Default::default())
            .await
            .unwrap();
    }
    let ledger = load.finish().await;
    eventually("everybody to be told and the junk to be buried", || async {
        let buried = stage.gauge("relink_dead_letters").await? == 8;
        (buried && stage.corner.inbox.len() == 40).then_some(())
    })
    .await;
    assert_eq!(ledger.acknowledged().len(), 40);
    println!("| poison in two queues | attempted 40 | acknowledged 40 | lost 0 | buried 8 |");
}

/// Says `request` to the receiver, and hears it out.
async fn say(receiver: SocketAddr, name: &'static str, request: Vec<u8>) {
    let mut stream = TcpStream::connect(receiver).await.unwrap();
    // A receiver that has heard enough may close before everything is written.
    let _ = stream.write_all(&request).await;
    let mut said = Vec::new();
    let heard = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut said));
    // A reset is an end as well.
    let _ = heard.await.unwrap_or_else(|_| panic!("{name}: the connection is kept"));
    let said = String::from_utf8_lossy(&said);
    // 503 where the machine is too busy to say 4xx in time.
    let refused = said.starts_with("HTTP/1.1 4") || said.starts_with("HTTP/1.1 503");
    assert!(said.is_empty() || refused, "{name}: {said}");
}

/// Everybody at once, again and again: 3,200 requests, 320 of them of a mebibyte.
#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_grow_no_memory_of_the_receivers() {
    const ROUNDS: usize = 20;
    const AT_ONCE: usize = 8;
    const GROWTH: u64 = 20_000_000;
    let mut stage = Stage::open(Setup::shared(1, Channels::Email)).await;
    let receiver = stage.corner.receiver;
    let before = stage.actor("receive").process.resident();
    let mut requests = 0;
    for _ in 0..ROUNDS {
        let mut senders = JoinSet::new();
        for (name, request) in (0..AT_ONCE).flat_map(|_| malformed_requests()) {
            senders.spawn(say(receiver, name, request));
            requests += 1;
        }
        senders.join_all().await;
    }
    let grown = stage.actor("receive").process.resident().saturating_sub(before);
    println!("| {requests} malformed requests | resident memory grew by {} kB |", grown / 1000);
    assert!(grown < GROWTH, "grew by {grown} bytes from {before}");
    let log = stage.actor("receive").process.log();
    assert!(!log.contains("panicked"), "{log}");
    let ledger = stage.load(20).finish().await;
    let verdict = judge(&stage, &ledger, "after malformed requests").await;
    assert_eq!((verdict.acknowledged, stage.corner.inbox.len()), (1, 1));
}
