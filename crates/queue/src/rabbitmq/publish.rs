//! Publishing: a window of messages at a time, each persistent, mandatory and confirmed.
//!
//! The client library can hand a returned (unroutable) message to another message's confirm.
//! So nothing is called stored until every confirm of the window has come and every message
//! that any of them carried back has been taken out by its id.

use super::envelope::{id_of, properties};
use super::link::{Dialer, Link, RPC};
use super::on_the_way::{Confirms, OnTheWay, Sent};
use crate::{OutMessage, PublishFault, Published, Publisher, QueueError};
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, PublisherConfirm};
use relink_core::wire::Topic;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// For a whole batch, connecting included.
const PUBLISH: Duration = Duration::from_secs(13);

/// How long it is known what was stored late: longer than any pause before it is handed in again, and
/// short, since the same message may have to go out again for another reason.
const REMEMBERED: Duration = Duration::from_secs(30);

/// How long messages come back before everything is declared again. Consumers of a queue that was
/// deleted hear of it first, and see to it: a queue that is back before they heard of it would
/// hold them without serving them.
const RETURNED_LONG: Duration = Duration::from_secs(2);

/// How long a queue refuses everything before another connection is tried. A channel that first
/// wrote to a queue between the end of its leader and the election of the next one is refused until
/// the old leader is back, while a new channel is served (seen with 3.10).
const REFUSED_LONG: Duration = Duration::from_secs(1);

/// The same while new connections are refused too: the queue is full then.
const REFUSED_LONGEST: Duration = Duration::from_secs(60);

/// A publisher with a connection of its own.
pub(crate) struct RabbitPublisher {
    dialer: Arc<Dialer>,
    window: usize,
    line: Line,
    /// Stored after they had been answered as blocked. Whoever hands one of them in again, as it
    /// should, is answered from here.
    late: Vec<Sent>,
    late_since: Instant,
    /// Since when messages come back for want of a queue.
    returned_since: Option<Instant>,
    /// Since when a key's queue refuses and stores nothing over this connection, and how long that
    /// is borne.
    refused_since: HashMap<String, (Instant, Duration)>,
}

/// What a publisher has of a connection.
enum Line {
    /// Nothing: the next window dials.
    Down,
    /// One that is good as far as is known.
    Up(Link),
    /// One that the broker blocks, with what was on its way. It is only watched: dialling again
    /// would be blocked again, and each time leave another window of messages with a broker that is
    /// short of room already.
    Blocked(Link, Option<OnTheWay>),
}

/// A message as it goes out.
pub(crate) struct Outgoing<'a> {
    pub(crate) body: &'a [u8],
    pub(crate) properties: BasicProperties,
}

#[async_trait::async_trait]
impl Publisher for RabbitPublisher {
    async fn publish(&mut self, topic: Topic, batch: &[OutMessage]) -> Vec<Published> {
        let exchange = self.dialer.topology.exchange();
        let deadline = Instant::now() + PUBLISH;
        let mut answers = Vec::with_capacity(batch.len());
        for window in batch.chunks(self.window) {
            let outgoing: Vec<Outgoing<'_>> = window
                .iter()
                .map(|message| Outgoing {
                    body: &message.body,
                    properties: properties(&message.id, topic.as_str(), message.trace),
                })
                .collect();
            let published = self.window(&exchange, topic.as_str(), &outgoing);
            // Cut off in the middle, the connection is dropped.
            let Ok(published) = tokio::time::timeout_at(deadline, published).await else { break };
            answers.extend(published);
            if !matches!(self.line, Line::Up(_)) {
                break;
            }
        }
        // The rest would only meet the same fault again, after the same wait.
        answers.resize(batch.len(), Published::NotStored(self.fault()));
        answers
    }
}

impl RabbitPublisher {
    pub(crate) fn new(dialer: Arc<Dialer>, window: usize) -> Self {
        Self {
            dialer,
            window,
            line: Line::Down,
            late: Vec::new(),
            late_since: Instant::now(),
            returned_since: None,
            refused_since: HashMap::new(),
        }
    }

    /// Publishes one window to an exchange and answers for each message.
    pub(crate) async fn window(
        &mut self,
        exchange: &str,
        key: &str,
        window: &[Outgoing<'_>],
    ) -> Vec<Published> {
        let Some(link) = self.take_link().await else {
            return vec![Published::NotStored(self.fault()); window.len()];
        };
        let stored: Vec<bool> =
            window.iter().map(|message| self.came_late(exchange, key, message)).collect();
        let rest: Vec<&Outgoing<'_>> = window
            .iter()
            .zip(&stored)
            .filter(|(_, is)| !**is)
            .map(|(message, _)| message)
            .collect();
        let published = match publish_window(&link, exchange, key, &rest).await {
            Ok(published) => {
                let unroutable = self.is_unroutable_for_long(&published);
                let refused = self.is_refused_for_long(key, &published);
                if !refused && (!unroutable || link.declare().await.is_ok()) {
                    self.line = Line::Up(link);
                }
                published
            }
            Err(Fault { fault, on_the_way }) => {
                if link.blocked_by().is_some() {
                    self.line = Line::Blocked(link, on_the_way);
                }
                // Otherwise the link is dropped: its channel may hold stale confirms.
                vec![Published::NotStored(fault); rest.len()]
            }
        };
        let mut published = published.into_iter();
        let answer = |stored| match stored {
            true => Published::Stored,
            false => published.next().unwrap_or(Published::NotStored(PublishFault::Unreachable)),
        };
        stored.into_iter().map(answer).collect()
    }

    /// Whether this message was stored after it had been answered as blocked; says so once.
    fn came_late(&mut self, exchange: &str, key: &str, message: &Outgoing<'_>) -> bool {
        if self.late_since.elapsed() > REMEMBERED {
            self.late.clear();
        }
        if self.late.is_empty() {
            return false;
        }
        let copy = Sent::of(exchange, key, message);
        let found = self.late.iter().position(|late| *late == copy);
        found.map(|at| self.late.swap_remove(at)).is_some()
    }

    fn is_unroutable_for_long(&mut self, published: &[Published]) -> bool {
        if !published.contains(&Published::NotStored(PublishFault::Returned)) {
            self.returned_since = None;
            return false;
        }
        let since = *self.returned_since.get_or_insert_with(Instant::now);
        since.elapsed() >= RETURNED_LONG
    }

    fn is_refused_for_long(&mut self, key: &str, published: &[Published]) -> bool {
        let refused = published.contains(&Published::NotStored(PublishFault::Refused));
        if !refused || published.contains(&Published::Stored) {
            self.refused_since.remove(key);
            return false;
        }
        let begun = || (Instant::now(), REFUSED_LONG);
        let (since, borne) = self.refused_since.entry(key.to_owned()).or_insert_with(begun);
        let for_long = since.elapsed() >= *borne;
        if for_long {
            (*since, *borne) = (Instant::now(), (*borne * 2).min(REFUSED_LONGEST));
        }
        for_long
    }

    /// The kept connection while it is good, else a new one; none while the broker blocks.
    async fn take_link(&mut self) -> Option<Link> {
        match std::mem::replace(&mut self.line, Line::Down) {
            Line::Up(link) if link.is_usable() => return Some(link),
            Line::Up(link) if link.blocked_by().is_some() => {
                self.line = Line::Blocked(link, None);
                return None;
            }
            Line::Blocked(link, on_the_way) if link.blocked_by().is_some() => {
                self.line = Line::Blocked(link, on_the_way);
                return None;
            }
            Line::Blocked(link, Some(on_the_way)) if link.is_usable() => {
                if let Some(stored) = on_the_way.stored().await {
                    (self.late, self.late_since) = (stored, Instant::now());
                    return Some(link);
                }
            }
            Line::Up(_) | Line::Blocked(..) | Line::Down => {}
        }
        match self.dial().await {
            Ok(link) => Some(link),
            Err(error) => {
                tracing::debug!(%error, "no connection to publish on");
                None
            }
        }
    }

    async fn dial(&self) -> Result<Link, QueueError> {
        let link = self.dialer.dial("publish").await?;
        link.confirm().await?;
        Ok(link)
    }

    /// What publishing meets while there is no good connection.
    fn fault(&self) -> PublishFault {
        match &self.line {
            Line::Blocked(link, _) => {
                link.blocked_by().map_or(PublishFault::Unreachable, PublishFault::Blocked)
            }
            Line::Up(_) | Line::Down => PublishFault::Unreachable,
        }
    }
}

/// Why a window has one fault for all: after a lost confirm nobody can tell which of the others was
/// returned.
struct Fault {
    fault: PublishFault,
    /// What an alarm cut off, when all of it had been written.
    on_the_way: Option<OnTheWay>,
}

impl From<PublishFault> for Fault {
    fn from(fault: PublishFault) -> Self {
        Self { fault, on_the_way: None }
    }
}

/// An answer for each message, or one fault for all.
async fn publish_window(
    link: &Link,
    exchange: &str,
    key: &str,
    window: &[&Outgoing<'_>],
) -> Result<Vec<Published>, Fault> {
    let mut blocked = link.blocked.clone();
    let mut confirms = None;
    let work = async {
        let asked = hand_over(link, exchange, key, window).await?;
        confirms.insert(Confirms::of(asked)).all().await
    };
    let cut_off = tokio::select! {
        // What is confirmed is confirmed, alarm or not.
        biased;
        worked = work => {
            worked?;
            None
        }
        // A blocked connection neither writes nor confirms: everything on it just waits.
        alarm = blocked.wait_for(Option::is_some) => {
            let reason = alarm.ok().and_then(|reason| reason.clone());
            Some(reason.map_or(PublishFault::Unreachable, PublishFault::Blocked))
        }
    };
    match (cut_off, confirms) {
        (None, confirms) => {
            let ids: Vec<String> =
                window.iter().map(|message| id_of(&message.properties)).collect();
            let ids = ids.iter().map(String::as_str);
            Ok(confirms.map_or_else(Vec::new, |confirms| confirms.answers(ids)))
        }
        (Some(fault), None) => Err(fault.into()),
        (Some(fault), Some(confirms)) => {
            let copies = window.iter().map(|message| Sent::of(exchange, key, message)).collect();
            Err(Fault { fault, on_the_way: Some(OnTheWay::new(copies, confirms)) })
        }
    }
}

async fn hand_over(
    link: &Link,
    exchange: &str,
    key: &str,
    window: &[&Outgoing<'_>],
) -> Result<Vec<PublisherConfirm>, PublishFault> {
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let mut confirms = Vec::with_capacity(window.len());
    for message in window {
        let written = link.channel.basic_publish(
            exchange.into(),
            key.into(),
            options,
            message.body,
            message.properties.clone(),
        );
        match tokio::time::timeout(RPC, written).await {
            Ok(Ok(confirm)) => confirms.push(confirm),
            Ok(Err(error)) => {
                tracing::debug!(%error, "publishing failed");
                return Err(PublishFault::Unreachable);
            }
            Err(_) => return Err(PublishFault::Unreachable),
        }
    }
    Ok(confirms)
}
