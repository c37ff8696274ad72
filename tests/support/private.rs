//! Servers of one test's own, for faults that would harm the ones that tests share.

#[allow(dead_code, reason = "the queue's own tests use the rest")]
#[path = "../../crates/queue/tests/it/support/broker.rs"]
mod broker;
#[allow(dead_code, reason = "the queue's own tests use the rest")]
#[path = "../../crates/queue/tests/it/support/node.rs"]
pub(crate) mod node;
#[allow(dead_code, reason = "the store's own tests use the rest")]
#[path = "../../crates/store/tests/support/postgres.rs"]
mod postgres;

use crate::corner::Servers;
use crate::small_disk::SmallDisk;
use rustix::process::Signal;
use std::net::SocketAddr;

/// A RabbitMQ that nobody else uses. Ends with this value, and with the test process.
pub struct PrivateBroker(Option<broker::Broker>);

impl PrivateBroker {
    /// Starts one.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// Starts one with more settings of its application `rabbit`, as Erlang writes them.
    pub async fn start_with(settings: &'static str) -> Self {
        let wishes = node::Wishes { advanced: settings.to_owned(), ..Default::default() };
        Self(Some(broker::Broker::private_with(wishes).await))
    }

    /// Starts one that keeps its data on `disk`, and blocks publishers while less than `limit`
    /// bytes are left of it.
    pub async fn start_on(disk: &SmallDisk, limit: u64) -> Self {
        let data = Some(disk.path().join("data"));
        let settings = format!("disk_free_limit.absolute = {limit}");
        let wishes = node::Wishes { data, settings, ..node::Wishes::default() };
        Self(Some(broker::Broker::private_with(wishes).await))
    }

    fn broker(&self) -> &broker::Broker {
        self.0.as_ref().unwrap()
    }

    /// `amqp://`.
    pub fn url(&self) -> String {
        self.broker().url()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        address_of(&self.url())
    }

    /// `kill -9`, with everything it started.
    pub async fn kill(&mut self) {
        self.0.as_mut().unwrap().kill().await;
    }

    /// Starts it again on what it had stored.
    pub async fn restart(&mut self) {
        let broker = self.0.take().unwrap();
        self.0 = Some(broker.restart().await);
    }

    /// Lets it neither run nor end, or go on.
    pub fn freeze(&self, frozen: bool) {
        self.broker().signal(if frozen { Signal::STOP } else { Signal::CONT });
    }

    /// Whether it blocks publishers because its disk is full.
    pub async fn has_disk_alarm(&self) -> bool {
        self.ctl(&["eval", "rabbit_alarm:get_alarms()."]).await.contains("disk")
    }

    /// `rabbitmqctl`, with its output.
    pub async fn ctl(&self, arguments: &[&str]) -> String {
        self.broker().ctl(arguments).await
    }
}

/// A PostgreSQL that nobody else uses. Ends with this value, and with the test process.
pub struct PrivatePostgres(std::sync::Arc<postgres::Server>);

impl PrivatePostgres {
    /// Starts one that lets so many connections in.
    pub async fn start(max_connections: usize) -> Self {
        let started =
            tokio::task::spawn_blocking(move || postgres::Server::start(max_connections)).await;
        Self(std::sync::Arc::new(started.unwrap()))
    }

    /// `postgres://`, a superuser's.
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// `kill -9` of the server, as by a power cut.
    pub async fn kill(&self) {
        let server = std::sync::Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || server.kill_9()).await.unwrap();
    }

    /// Runs it again on what it had stored.
    pub async fn restart(&self) {
        let server = std::sync::Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || server.restart()).await.unwrap();
    }

    /// Lets it neither run nor end, or go on.
    pub fn freeze(&self, frozen: bool) {
        self.0.freeze(frozen);
    }
}

/// A broker and a database that nobody else uses, and how they are reached.
pub async fn private_servers() -> (PrivateBroker, PrivatePostgres, Servers) {
    let (broker, database) = tokio::join!(PrivateBroker::start(), PrivatePostgres::start(100));
    let servers = Servers { amqp: broker.url(), postgres: database.url() };
    (broker, database, servers)
}

/// Host and port of a server's URL.
pub(crate) fn address_of(url: &str) -> SocketAddr {
    let rest = url.split_once("://").unwrap().1;
    let host = rest.split('/').next().unwrap().rsplit('@').next().unwrap();
    host.parse().unwrap_or_else(|_| panic!("{url} has no 127.0.0.1:PORT"))
}
