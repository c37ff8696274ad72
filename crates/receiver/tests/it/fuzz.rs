//! Requests as bytes on a socket, damaged: an answer of 2xx or 4xx or a closed connection, never
//! a fault of the receiver's; nothing unproven is stored; the next sender is served.

use crate::support::*;
use relink_fuzz::Target;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::Builder;
use tokio::time::timeout;

const WORDS: &[&[u8]] = &[
    b"transfer-encoding: chunked\r\n",
    b"content-length: 0\r\n",
    b"content-length: 99999999999\r\n",
    b"expect: 100-continue\r\n",
    b"connection: upgrade\r\nupgrade: h2c\r\n",
    b"POST /webhooks/cobalt HTTP/1.1\r\n\r\n",
    b"HTTP/1.0",
    b"0\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b"cobalt-verification: ",
    b"/%2e%2e/",
    b"http://receiver/v1/reports",
];

/// How long a connection may be silent before we say that nothing more will come.
const LULL: Duration = Duration::from_millis(30);

/// Everything that is answered, to the end of the connection.
async fn answered(world: &World, bytes: &[u8]) -> String {
    let (mut receive, mut send) = open(world.addr).await.into_split();
    let bytes = bytes.to_vec();
    // A receiver that has heard enough may stop reading.
    let sending = tokio::spawn(async move {
        let _ = send.write_all(&bytes).await;
        send
    });
    let mut said = Vec::new();
    while let Ok(Ok(1..)) = timeout(LULL, receive.read_buf(&mut said)).await {}
    if let Ok(Ok(mut send)) = timeout(Duration::from_secs(10), sending).await {
        let _ = send.shutdown().await;
    }
    let rest = async { while matches!(receive.read_buf(&mut said).await, Ok(1..)) {} };
    timeout(Duration::from_secs(20), rest).await.expect("the connection ends");
    String::from_utf8_lossy(&said).into_owned()
}

fn statuses(said: &str) -> Vec<u16> {
    let answers = said.split("HTTP/1.1 ").skip(1);
    answers.map(|answer| answer.get(..3).unwrap_or_default().parse().unwrap()).collect()
}

#[test]
fn requests() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let world = runtime.block_on(World::usual());
    let target = Target::new(env!("CARGO_MANIFEST_DIR"), "request");
    target.words(WORDS).rounds(300).run(|bytes, _| {
        let said = runtime.block_on(answered(&world, bytes));
        for status in statuses(&said) {
            assert!(matches!(status, 100 | 200 | 202 | 400..=499), "{said}");
        }
        assert!(said.is_empty() || said.starts_with("HTTP/1."), "{said}");
    });
    runtime.block_on(async {
        // Whoever has no secret can only have repeated what was signed, or used the app's key.
        let stored = world.queue.stored_ids();
        let known = |id: &&String| id.starts_with("report:") || EVENT.contains(id.as_str());
        assert!(stored.iter().all(|id| known(&id)), "{stored:?}");
        assert_eq!(world.webhook(&event("good")).await.status, 202);
        world.forwarded().await;
        assert!(world.queue.stored_ids().contains(&"good".to_owned()));
    });
}
