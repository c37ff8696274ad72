//! The proxy against a server that says back what it hears.

use super::{Proxy, Toxic, Toxics};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Long enough that a healthy proxy has answered on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.into_split();
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
            });
        }
    });
    address
}

async fn dial(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address).await.unwrap()
}

/// Says `bytes` and hears them again.
async fn round_trip(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<Duration> {
    let started = Instant::now();
    stream.write_all(bytes).await?;
    let mut heard = vec![0; bytes.len()];
    timeout(PATIENCE, stream.read_exact(&mut heard)).await.expect("an echo in time")?;
    assert_eq!(heard, bytes);
    Ok(started.elapsed())
}

async fn hears_nothing(stream: &mut TcpStream) {
    let heard = timeout(Duration::from_millis(300), stream.read_u8()).await;
    assert!(heard.is_err(), "{heard:?}");
}

async fn is_reset(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("an end in time");
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn in_good_health_everything_passes_and_an_end_is_an_end() {
    let proxy = Proxy::start(echo().await).await;
    let mut stream = dial(&proxy).await;
    let megabyte: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let (mut reader, mut writer) = stream.split();
    let mut heard = Vec::new();
    let (said, ended) = tokio::join!(
        async {
            writer.write_all(&megabyte).await?;
            writer.shutdown().await
        },
        reader.read_to_end(&mut heard)
    );
    said.unwrap();
    ended.unwrap();
    assert_eq!(heard, megabyte);
    assert_eq!(proxy.accepted(), 1);
}

#[tokio::test]
async fn latency_is_paid_each_way_and_pieces_share_it() {
    let proxy = Proxy::start(echo().await).await;
    let mut stream = dial(&proxy).await;
    let latency = Duration::from_millis(150);
    let jitter = Duration::from_millis(50);
    proxy.set(Toxics::both(Toxic { latency, jitter, ..Toxic::default() }));
    assert!(round_trip(&mut stream, b"ping").await.unwrap() >= 2 * latency);
    // 40 pieces one after another would take 6 s each way.
    let many = vec![7; 40 * 16 * 1024];
    let (mut reader, mut writer) = stream.split();
    let mut heard = vec![0; many.len()];
    let started = Instant::now();
    let (said, back) = tokio::join!(writer.write_all(&many), reader.read_exact(&mut heard));
    said.unwrap();
    back.unwrap();
    assert!(started.elapsed() >= 2 * latency && started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_black_hole_accepts_and_a_healed_one_lets_through_what_was_held() {
    let proxy = Proxy::start(echo().await).await;
    proxy.set(Toxics::black_hole());
    let mut stream = dial(&proxy).await;
    stream.write_all(b"held").await.unwrap();
    hears_nothing(&mut stream).await;
    proxy.heal();
    let mut heard = [0; 4];
    timeout(PATIENCE, stream.read_exact(&mut heard)).await.unwrap().unwrap();
    assert_eq!(&heard, b"held");
}

#[tokio::test]
async fn one_direction_alone_can_be_held() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap()).await;
    let mut client = dial(&proxy).await;
    let (mut server, _) = listener.accept().await.unwrap();
    proxy.set(Toxics::no_answers());
    client.write_all(b"asked").await.unwrap();
    let mut asked = [0; 5];
    timeout(PATIENCE, server.read_exact(&mut asked)).await.unwrap().unwrap();
    server.write_all(b"answered").await.unwrap();
    hears_nothing(&mut client).await;
    proxy.heal();
    let mut answered = [0; 8];
    timeout(PATIENCE, client.read_exact(&mut answered)).await.unwrap().unwrap();
    assert_eq!((&asked, &answered), (b"asked", b"answered"));
}

#[tokio::test]
async fn a_reset_comes_after_exactly_so_many_bytes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap()).await;
    proxy.set(Toxics {
        up: Toxic { reset_after: Some(1000), ..Toxic::default() },
        ..Toxics::default()
    });
    let mut client = dial(&proxy).await;
    let (mut server, _) = listener.accept().await.unwrap();
    client.write_all(&[1; 600]).await.unwrap();
    let mut heard = vec![0; 600];
    timeout(PATIENCE, server.read_exact(&mut heard)).await.unwrap().unwrap();
    client.write_all(&[2; 600]).await.unwrap();
    is_reset(&mut client).await;
    // What the system had not handed over yet may go with the reset; more than that cannot come.
    let mut rest = Vec::new();
    let ended = timeout(PATIENCE, server.read_to_end(&mut rest)).await.unwrap();
    assert!(ended.is_err() && rest.len() <= 400, "{ended:?} after {}", rest.len());
}

#[tokio::test]
async fn slices_and_a_narrow_road_change_nothing_but_the_time() {
    let proxy = Proxy::start(echo().await).await;
    let mut stream = dial(&proxy).await;
    proxy.set(Toxics::both(Toxic { slice: Some(1), ..Toxic::default() }));
    let line: Vec<u8> = (0..=255).collect();
    round_trip(&mut stream, &line).await.unwrap();
    let narrow = Toxic { bytes_per_second: Some(1000), slice: Some(50), ..Toxic::default() };
    proxy.set(Toxics { up: narrow, ..Toxics::default() });
    assert!(round_trip(&mut stream, &[9; 400]).await.unwrap() >= Duration::from_millis(350));
}

#[tokio::test]
async fn a_cut_resets_what_is_open_and_what_comes_until_it_is_healed() {
    let proxy = Proxy::start(echo().await).await;
    let mut open = dial(&proxy).await;
    round_trip(&mut open, b"before").await.unwrap();
    proxy.cut();
    is_reset(&mut open).await;
    // The reset may come before the end of the dialling.
    if let Ok(mut refused) = TcpStream::connect(proxy.address).await {
        is_reset(&mut refused).await;
    }
    proxy.heal();
    round_trip(&mut dial(&proxy).await, b"after").await.unwrap();
}

#[tokio::test]
async fn a_redirected_proxy_leads_elsewhere_and_nowhere_is_a_reset() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let proxy = Proxy::start(gone).await;
    is_reset(&mut dial(&proxy).await).await;
    proxy.redirect(echo().await);
    round_trip(&mut dial(&proxy).await, b"here").await.unwrap();
}
