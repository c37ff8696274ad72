//! Connecting: to nobody, to somebody silent, with the wrong word, and to a broker that is set up
//! otherwise.

use crate::support::admin::Admin;
use crate::support::broker::{Broker, prefix};
use crate::support::engine::rabbit;
use crate::support::{message, next, store};
use relink_core::wire::Topic;
use relink_queue::{PublishFault, Published, Queue, QueueError, Settlement};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};

/// An address where nobody listens.
async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A peer that accepts and says nothing.
struct Silent {
    address: String,
    accepted: tokio::sync::mpsc::UnboundedReceiver<TcpStream>,
}

impl Silent {
    async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, accepted) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if sender.send(stream).is_err() {
                    return;
                }
            }
        });
        Self { address, accepted }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_there_is_said_at_once() {
    let place = nobody().await;
    let queue = rabbit(&[format!("amqp://u:p@{place}/%2f")], &prefix());
    let started = Instant::now();
    let error = queue.prepare().await.unwrap_err();
    assert!(matches!(&error, QueueError::Unreachable { place: at, .. } if *at == place), "{error}");
    assert_eq!(queue.depth(Topic::Signals).await, None);
    assert!(queue.dead_letters().list(1).await.is_err());
    let published = queue.publisher().publish(Topic::Signals, &[message("1")]).await;
    assert_eq!(published, [Published::NotStored(PublishFault::Unreachable)]);
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

/// The library alone waits for ever, and keeps a thread and a socket for each attempt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_peer_is_given_up_after_three_seconds_and_nothing_of_it_stays() {
    let mut silent = Silent::listen().await;
    let queue = rabbit(&[format!("amqp://u:p@{}/%2f", silent.address)], &prefix());
    let attempts = std::array::from_fn::<_, 4, _>(|_| async {
        let (queue, started) = (queue.publisher(), Instant::now());
        let (mut publisher, batch) = (queue, [message("1")]);
        let published = publisher.publish(Topic::Signals, &batch).await;
        assert_eq!(published, [Published::NotStored(PublishFault::Unreachable)]);
        started.elapsed()
    });
    let started = Instant::now();
    let (error, took) = tokio::join!(queue.prepare(), futures_util::future::join_all(attempts));
    let error = error.unwrap_err();
    assert!(matches!(error, QueueError::Unreachable { .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5), "{took:?}");
    for _ in 0..5 {
        let mut stream = silent.accepted.recv().await.unwrap();
        // What the library had to say, and then the end.
        let mut said = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut said));
        ended.await.expect("the connection is still open").unwrap();
        assert!(said.starts_with(b"AMQP"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_said_quickly_and_never_shown() {
    let broker = Broker::any().await;
    let address = broker.url().rsplit_once('@').unwrap().1.to_owned();
    let place = address.split('/').next().unwrap().to_owned();
    let queue = rabbit(&[format!("amqp://secretuser:hunter2@{address}")], &prefix());
    let started = Instant::now();
    let error = queue.prepare().await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let QueueError::Unreachable { place: at, why } = &error else { panic!("{error}") };
    assert_eq!(*at, place);
    assert!(why.contains("ACCESS_REFUSED"), "{why}");
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains("hunter2") && !text.contains("secretuser"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_virtual_host_and_an_unreadable_url_are_faults_and_not_panics() {
    let broker = Broker::any().await;
    let url = broker.url().replace("%2f", "elsewhere");
    for url in [url, "amqp://hunter2@[::1".to_owned(), "http://hunter2@x".to_owned()] {
        let error = rabbit(&[url], &prefix()).prepare().await.unwrap_err();
        assert!(matches!(&error, QueueError::Unreachable { .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

/// The library's reader of URLs takes an address in brackets for `localhost`: the password would go
/// to whoever listens there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_in_brackets_is_where_it_connects() {
    let queue = rabbit(&["amqp://hunter2:p%5B@[::1]:1/%2f".to_owned()], &prefix());
    let error = queue.prepare().await.unwrap_err();
    let QueueError::Unreachable { place, .. } = &error else { panic!("{error}") };
    assert_eq!(place, "[::1]:1");
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_with_other_arguments_is_named() {
    let (broker, prefix) = (Broker::any().await, prefix());
    let admin = Admin::connect(&broker.url()).await;
    let name = format!("{prefix}.send.sms");
    admin.declare_queue(&name, "x-max-length", 5).await;
    let queue = rabbit(&[broker.url()], &prefix);
    for _ in 0..2 {
        let error = queue.prepare().await.unwrap_err();
        let QueueError::Mismatch(text) = &error else { panic!("{error}") };
        assert!(text.contains(&name) && text.contains("queue.rabbitmq.prefix"), "{text}");
    }
    // An operator removes it: no restart is needed.
    admin.delete_queue(&name).await;
    queue.prepare().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_broker_that_answers_is_used() {
    let (broker, prefix) = (Broker::any().await, prefix());
    let silent = Silent::listen().await;
    let urls = [
        format!("amqp://u:p@{}/%2f", nobody().await),
        format!("amqp://u:p@{}/%2f", silent.address),
        broker.url(),
    ];
    let queue = rabbit(&urls, &prefix);
    let started = Instant::now();
    queue.prepare().await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(10));
    // From then on it is the first to be asked: the silent one would cost three seconds each.
    let again = Instant::now();
    for n in 0..3 {
        store(&queue, Topic::Signals, &[message(&n.to_string())]).await;
    }
    assert!(again.elapsed() < Duration::from_secs(9), "{:?}", again.elapsed());
    let mut consumer = queue.consumer(Topic::Signals, 5);
    for n in 0..3 {
        let got = next(&mut *consumer).await;
        assert_eq!(got.id, n.to_string());
        got.settle(Settlement::Done);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_has_one_owner_until_that_ends() {
    let (broker, prefix) = (Broker::any().await, prefix());
    let (one, other) = (rabbit(&[broker.url()], &prefix), rabbit(&[broker.url()], &prefix));
    let owned = one.own("sqlite").await.unwrap();
    let error = other.own("sqlite").await.err().expect("a second owner");
    assert!(matches!(&error, QueueError::Taken { .. }), "{error}");
    assert!(error.to_string().contains(&format!("{prefix}.owner.sqlite")), "{error}");
    // Something else, and somebody else's, are free.
    other.own("else").await.unwrap();
    rabbit(&[broker.url()], &format!("{prefix}x")).own("sqlite").await.unwrap();
    drop(owned);
    crate::support::eventually("the claim to be free", async || other.own("sqlite").await.ok())
        .await;
}
