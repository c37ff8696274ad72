//! Where things are kept and handed over: `[queue]` and `[store]`.

use relink_core::masked::Secret;
use std::path::PathBuf;
use std::time::Duration;

/// `[queue]`
#[derive(Debug, Clone)]
pub enum Queue {
    /// A durable log in the data folder, for one process.
    Embedded,
    /// RabbitMQ 3.10 or later.
    RabbitMq(RabbitMq),
}

/// `[queue.rabbitmq]`
#[derive(Debug, Clone)]
pub struct RabbitMq {
    /// Tried in turn. Each may hold a password, hence secret.
    pub urls: Vec<Secret>,
    /// Exchange name and prefix of every queue.
    pub prefix: String,
    /// Messages published and not yet confirmed at once.
    pub publish_window: usize,
    /// From a message's death at the delivery limit to its one replay by a worker; zero for never.
    pub auto_replay_after: Duration,
}

/// `[store]`
#[derive(Debug, Clone)]
pub enum Store {
    /// A file, already resolved against `data_dir`.
    Sqlite(PathBuf),
    /// A server.
    Postgres(Postgres),
    /// Not read: this process is not to reach it.
    NotHeld,
}

/// PostgreSQL's part of `[store]`.
#[derive(Debug, Clone)]
pub struct Postgres {
    /// `postgres://user@host/db`, which may hold a password.
    pub url: Secret,
    /// `disable` or `verify-full`.
    pub tls: PgTls,
    /// Connections at most.
    pub max_connections: usize,
}

/// How PostgreSQL connections are secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PgTls {
    /// In the clear: loopback and private networks only.
    Disable,
    /// Encrypted, with the certificate and the host name checked.
    VerifyFull,
}
