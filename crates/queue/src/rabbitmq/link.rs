//! One connection with one channel on it, owned by one task: dialled under deadlines, with
//! everything declared, dropped at the first fault.

use super::topology::Topology;
use super::wire::Wire;
use crate::QueueError;
use futures_util::StreamExt as _;
use lapin::options::{
    ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties, ErrorKind, Event, ExchangeKind};
use relink_config::RabbitMq;
use relink_core::masked::Secret;
use relink_core::wire::Topic;
use std::net::Ipv6Addr;
use std::str::FromStr as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// For the whole handshake: the library alone waits for ever on a peer that accepts and says
/// nothing.
pub(crate) const CONNECT: Duration = Duration::from_secs(3);

/// For connecting and declaring everything, however slowly each answer comes. Making the queues
/// for the first time takes a busy broker seconds.
const DIAL: Duration = Duration::from_secs(10);

/// For any other answer of the broker.
pub(crate) const RPC: Duration = Duration::from_secs(5);

/// Seconds; a silent peer is noticed after twice this.
pub(crate) const HEARTBEAT: u16 = 10;

/// Bytes in a frame. The library keeps 64 frames' worth of buffers for each connection: 8 MB at
/// the broker's usual 128 KiB, for messages of one or two KiB. Larger bodies travel in several frames.
const FRAME_MAX: u32 = 32 * 1024;

/// AMQP's reply code for "exists with other arguments".
const PRECONDITION_FAILED: u16 = 406;

/// AMQP's reply code for "exclusive to another connection".
const RESOURCE_LOCKED: u16 = 405;

/// Knows where the brokers are; takes them in turn.
pub(crate) struct Dialer {
    urls: Vec<Secret>,
    next: AtomicUsize,
    name: String,
    pub(crate) topology: Topology,
}

impl Dialer {
    pub(crate) fn new(config: RabbitMq, name: &str) -> Self {
        Self {
            topology: Topology::new(&config.prefix),
            urls: config.urls,
            next: AtomicUsize::new(0),
            name: name.to_owned(),
        }
    }

    /// Connects to the first broker that answers, starting where the last success was, and
    /// declares everything. `purpose` is shown in the broker's list of connections.
    pub(crate) async fn dial(&self, purpose: &str) -> Result<Link, QueueError> {
        let mut last = None;
        for _ in 0..self.urls.len() {
            let index = self.next.load(Ordering::Relaxed) % self.urls.len().max(1);
            let Some(url) = self.urls.get(index) else { break };
            let dialled = tokio::time::timeout(DIAL, self.dial_one(url, purpose)).await;
            match dialled.unwrap_or_else(|_| Err(too_slow(url))) {
                Ok(link) => return Ok(link),
                // Somebody must act: another broker of the cluster would say the same.
                Err(error @ QueueError::Mismatch(_)) => return Err(error),
                Err(error) => {
                    self.next.store(index + 1, Ordering::Relaxed);
                    last = Some(error);
                }
            }
        }
        Err(last.unwrap_or_else(|| unreachable("(no url)", "none is configured")))
    }

    async fn dial_one(&self, url: &Secret, purpose: &str) -> Result<Link, QueueError> {
        let mut uri = read(url)
            .ok_or_else(|| unreachable("(unreadable url)", "not an amqp:// or amqps:// URL"))?;
        uri.query.heartbeat = Some(HEARTBEAT);
        uri.query.frame_max = Some(FRAME_MAX);
        let place = place(&uri);
        let properties = ConnectionProperties::default()
            .with_connection_name(format!("{} {purpose}", self.name).into());
        let wire = within(&place, CONNECT, Wire::open(uri, properties)).await?;
        let blocked = watch_blocked(wire.connection());
        let channel = within(&place, RPC, wire.connection().create_channel()).await?;
        let link = Link { channel, blocked, place, topology: self.topology.clone(), wire };
        link.declare().await?;
        Ok(link)
    }
}

/// The parts of a URL. The library takes an address in brackets for `localhost`, and would send
/// the password there.
fn read(url: &Secret) -> Option<AMQPUri> {
    let mut uri = AMQPUri::from_str(url.expose()).ok()?;
    let (_, rest) = url.expose().split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if let Some((address, _)) = host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        uri.authority.host = address.parse::<Ipv6Addr>().ok()?.to_string();
    }
    Some(uri)
}

/// Host and port: what may be shown of a URL.
fn place(uri: &AMQPUri) -> String {
    let (host, port) = (&uri.authority.host, uri.authority.port);
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn too_slow(url: &Secret) -> QueueError {
    let place = read(url).map_or_else(String::new, |uri| place(&uri));
    unreachable(&place, &format!("connecting and declaring took longer than {DIAL:?}"))
}

/// A live connection and its channel. Dropping it closes both, in the background.
pub(crate) struct Link {
    pub(crate) channel: Channel,
    /// The reason while the broker blocks publishing.
    pub(crate) blocked: watch::Receiver<Option<String>>,
    pub(crate) place: String,
    topology: Topology,
    wire: Wire,
}

impl Link {
    /// Whether nothing is known to be wrong with it.
    pub(crate) fn is_usable(&self) -> bool {
        let connected = self.wire.connection().status().connected();
        connected && self.channel.status().connected() && self.blocked.borrow().is_none()
    }

    /// Why the broker blocks publishing; `None` once it does not, or the connection has ended.
    pub(crate) fn blocked_by(&self) -> Option<String> {
        let reason = self.blocked.borrow().clone();
        reason.filter(|_| self.wire.connection().status().connected())
    }

    /// Turns on publisher confirms.
    pub(crate) async fn confirm(&self) -> Result<(), QueueError> {
        let select = self.channel.confirm_select(ConfirmSelectOptions::default());
        within(&self.place, RPC, select).await
    }

    /// Declares everything: targets of dead letters before their sources.
    pub(crate) async fn declare(&self) -> Result<(), QueueError> {
        let topology = &self.topology;
        self.exchange(&topology.dead_exchange(), ExchangeKind::Direct).await?;
        self.exchange(&topology.exchange(), ExchangeKind::Direct).await?;
        let dead = topology.dead_queue();
        self.queue(&dead, topology.dead_arguments()).await?;
        for topic in Topic::ALL.iter().copied() {
            self.bind(&dead, &topology.dead_exchange(), topic).await?;
            self.declare_topic(topic).await?;
            self.bind(&topology.queue(topic), &topology.exchange(), topic).await?;
        }
        Ok(())
    }

    /// Declares one topic's queue and answers how many messages wait in it.
    pub(crate) async fn declare_topic(&self, topic: Topic) -> Result<u64, QueueError> {
        self.queue(&self.topology.queue(topic), self.topology.arguments(topic)).await
    }

    /// Declares the dead queue and answers how many messages wait in it.
    pub(crate) async fn declare_dead(&self) -> Result<u64, QueueError> {
        self.queue(&self.topology.dead_queue(), self.topology.dead_arguments()).await
    }

    /// Declares a queue that belongs to this connection alone.
    pub(crate) async fn declare_owned(&self, name: &str) -> Result<(), QueueError> {
        let options = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        let declared = self.channel.queue_declare(name.into(), options, FieldTable::default());
        within(&self.place, RPC, declared).await.map(drop)
    }

    /// Deletes what [`Self::declare_owned`] declared.
    pub(crate) async fn delete_owned(&self, name: &str) -> Result<(), QueueError> {
        let deleted = self.channel.queue_delete(name.into(), QueueDeleteOptions::default());
        within(&self.place, RPC, deleted).await.map(drop)
    }

    /// Declares the exchange of events.
    pub(crate) async fn declare_events(&self) -> Result<(), QueueError> {
        self.exchange(&self.topology.events_exchange(), ExchangeKind::Topic).await
    }

    async fn exchange(&self, name: &str, kind: ExchangeKind) -> Result<(), QueueError> {
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let none = FieldTable::default();
        let declared = self.channel.exchange_declare(name.into(), kind, options, none);
        within(&self.place, RPC, declared).await
    }

    async fn queue(&self, name: &str, arguments: FieldTable) -> Result<u64, QueueError> {
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let declared = self.channel.queue_declare(name.into(), options, arguments);
        let queue = within(&self.place, RPC, declared).await?;
        Ok(u64::from(queue.message_count()))
    }

    async fn bind(&self, queue: &str, exchange: &str, topic: Topic) -> Result<(), QueueError> {
        let (options, none) = (QueueBindOptions::default(), FieldTable::default());
        let key = topic.as_str().into();
        let bound = self.channel.queue_bind(queue.into(), exchange.into(), key, options, none);
        within(&self.place, RPC, bound).await
    }
}

/// Follows the broker's alarms; ends with the connection.
fn watch_blocked(connection: &Connection) -> watch::Receiver<Option<String>> {
    let (sender, receiver) = watch::channel(None);
    let mut events = Box::pin(connection.events_listener());
    tokio::spawn(async move {
        loop {
            let event = tokio::select! {
                () = sender.closed() => break,
                event = events.next() => event,
            };
            match event {
                Some(Event::ConnectionBlocked(reason)) => drop(sender.send_replace(Some(reason))),
                Some(Event::ConnectionUnblocked) => drop(sender.send_replace(None)),
                // Whoever uses the connection meets the error itself.
                Some(Event::Error(_)) | None => break,
                Some(_other) => {}
            }
        }
    });
    receiver
}

/// One call of the library under a deadline. After an error the link is not used again.
pub(crate) async fn within<T>(
    place: &str,
    limit: Duration,
    call: impl Future<Output = lapin::Result<T>>,
) -> Result<T, QueueError> {
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(describe(place, &error)),
        Err(_) => Err(unreachable(place, &format!("no answer within {limit:?}"))),
    }
}

fn describe(place: &str, error: &lapin::Error) -> QueueError {
    if let ErrorKind::ProtocolError(amqp) = error.kind()
        && amqp.get_id() == RESOURCE_LOCKED
    {
        let why = amqp.get_message().to_string();
        return QueueError::Taken { what: format!("an exclusive queue at {place}"), why };
    }
    if let ErrorKind::ProtocolError(amqp) = error.kind()
        && amqp.get_id() == PRECONDITION_FAILED
    {
        return QueueError::Mismatch(format!(
            "{place} says: {}. Remove that queue or exchange once it is empty, or choose another queue.rabbitmq.prefix",
            amqp.get_message()
        ));
    }
    unreachable(place, &error.to_string())
}

pub(crate) fn unreachable(place: &str, why: &str) -> QueueError {
    QueueError::Unreachable { place: place.to_owned(), why: why.to_owned() }
}
