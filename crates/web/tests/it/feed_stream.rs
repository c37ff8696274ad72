//! Streams over real connections.

use crate::support::*;
use hyper_util::service::TowerToHyperService;
use relink_http::server::{Limits, bind, serve};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

const LONG: Duration = Duration::from_secs(30);

/// The world on a socket of its own.
struct Running {
    world: World,
    address: SocketAddr,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

impl Running {
    async fn of(world: World) -> Self {
        let (listener, stop) =
            (bind(([127, 0, 0, 1], 0).into()).await.unwrap(), CancellationToken::new());
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(world.web.clone().run(listener, stop.clone()));
        Self { world, address, stop, serving }
    }

    async fn listen(&self, more: &str) -> Reader {
        Reader::at(self.address, more).await
    }
}

/// Somebody who listens.
struct Reader {
    socket: TcpStream,
    heard: String,
}

impl Reader {
    async fn at(address: SocketAddr, more: &str) -> Self {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET /v1/users/user-1/cases/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {APP_KEY}\r\n{more}\r\n"
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        Self { socket, heard: String::new() }
    }

    /// Reads on until `heard` has what `enough` wants, or the other end hangs up.
    async fn until(&mut self, enough: impl Fn(&str) -> bool) -> bool {
        let reading = async {
            let mut space = [0; 4096];
            while !enough(&self.heard) {
                match self.socket.read(&mut space).await {
                    Ok(0) | Err(_) => return false,
                    Ok(read) => self.heard.push_str(&String::from_utf8_lossy(&space[..read])),
                }
            }
            true
        };
        tokio::time::timeout(LONG, reading).await.expect("nothing more is heard")
    }

    async fn hears(&mut self, text: &str) {
        assert!(self.until(|heard| heard.contains(text)).await, "no {text} in {}", self.heard);
        let at = self.heard.find(text).unwrap();
        self.heard.drain(..at + text.len());
    }
}

#[tokio::test]
async fn two_hundred_pages_hear_of_a_case_and_of_its_end() {
    let running =
        Running::of(World::changed(|config| config.web.max_connections = 400).await).await;
    let mut readers = Vec::new();
    // 32 for each user, so several users, all of whom are asked for in one question.
    for number in 0..200 {
        let user = number / 32;
        let mut account = account();
        account["user_id"] = format!("user-{user}").into();
        if number % 32 == 0 {
            running.world.put(&format!("clinic_{user}"), &account).await;
        }
        let mut socket = TcpStream::connect(running.address).await.unwrap();
        let request = format!(
            "GET /v1/users/user-{user}/cases/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {APP_KEY}\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        readers.push(Reader { socket, heard: String::new() });
    }
    for reader in &mut readers {
        reader.hears("content-type: text/event-stream").await;
        reader.hears("\"cases\":[]").await;
    }
    let mut cases = Vec::new();
    for user in 0..7 {
        cases.push(running.world.open_case_with(&format!("clinic_{user}"), None, "x").await);
    }
    for (number, reader) in readers.iter_mut().enumerate() {
        reader.hears(&format!("\"id\":\"{}\"", cases[number / 32])).await;
    }
    for user in 0..7 {
        running.world.ask("POST", &format!("/v1/accounts/clinic_{user}/relinked")).await;
    }
    for reader in &mut readers {
        reader.hears("\"cases\":[]").await;
    }
    assert!(running.world.metrics().contains("relink_feed_streams 200"));
    drop(readers);
}

#[tokio::test]
async fn a_stop_ends_streams_at_once() {
    let running = Running::of(World::new().await).await;
    let mut reader = running.listen("").await;
    reader.hears("\"cases\":[]").await;
    let began = Instant::now();
    running.stop.cancel();
    // The last chunk of the body: an orderly end, and no cut.
    reader.hears("0\r\n\r\n").await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    drop(reader);
    tokio::time::timeout(LONG, running.serving).await.unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_stream_outlives_the_deadlines_of_a_request_and_a_reader_that_reads_nothing_does_not() {
    let world = World::new().await;
    let (listener, stop) =
        (bind(([127, 0, 0, 1], 0).into()).await.unwrap(), CancellationToken::new());
    let address = listener.local_addr().unwrap();
    let limits = Limits {
        header_timeout: Duration::from_millis(200),
        write_timeout: Duration::from_millis(200),
        ..Limits::default()
    };
    let service = TowerToHyperService::new(world.web.router());
    let serving = tokio::spawn(serve(listener, service, limits, stop.clone()));
    let mut good = Reader::at(address, "").await;
    let slow = Reader::at(address, "").await;
    good.hears("\"cases\":[]").await;
    // A list of 50 cases is some 15 kB; what the system itself holds for the one who does not read
    // is full after some hundred of them.
    for number in 0..50 {
        world.open_case(&format!("clinic_{number}")).await;
    }
    let gone = async {
        let mut number = 0;
        while !world.metrics().contains("relink_feed_streams 1\n") {
            let (hold, name) = (number % 2 == 0, number / 2 % 50);
            let act = if hold { "hold" } else { "release" };
            let filter = format!("/v1/cases?account_ref=clinic_{name}");
            let case = world.ask("GET", &filter).await.json()["cases"][0]["id"].clone();
            world.advance(Duration::from_secs(15 * 60));
            world.ask("POST", &format!("/v1/cases/{}/{act}", case.as_str().unwrap())).await;
            good.hears("event: cases").await;
            number += 1;
        }
    };
    tokio::time::timeout(2 * LONG, gone).await.expect("the slow reader is never cut off");
    good.heard.clear();
    world.ask("POST", "/v1/accounts/clinic_7/relinked").await;
    good.hears("event: cases").await;
    drop(slow);
    stop.cancel();
    drop(good);
    tokio::time::timeout(LONG, serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn more_streams_than_may_be_are_sent_away_for_a_while() {
    let running = Running::of(World::new().await).await;
    let mut readers = Vec::new();
    for _ in 0..32 {
        let mut reader = running.listen("").await;
        reader.hears("retry: ").await;
        readers.push(reader);
    }
    let mut refused = running.listen("").await;
    refused.hears("HTTP/1.1 503").await;
    refused.hears("retry-after: 30").await;
    // As soon as one has left there is room again.
    readers.pop();
    let room = async {
        while !running.world.metrics().contains("relink_feed_streams 31\n") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, room).await.expect("who left still counts");
    running.listen("").await.hears("HTTP/1.1 200").await;
}

#[tokio::test]
async fn who_comes_back_with_the_newest_id_is_only_told_that_it_holds() {
    let running = Running::of(World::new().await).await;
    running.world.open_case("clinic_1").await;
    let mut first = running.listen("").await;
    first.hears("id: ").await;
    assert!(first.until(|heard| heard.contains("\n\n")).await);
    let id: String = first.heard.chars().take(16).collect();
    let mut again = running.listen(&format!("last-event-id: {id}\r\n")).await;
    again.hears("retry: ").await;
    again.hears("\r\n:\n\n\r\n").await;
    assert!(!again.heard.contains("event:"));
}
