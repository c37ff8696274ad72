//! Every exchange and queue, each argument with its reason. Nobody else spells a name.
//! Everything here is understood by RabbitMQ 3.10 and later; declaring it again changes nothing.

use lapin::types::{AMQPValue, FieldTable, LongString};
use relink_core::wire::Topic;

/// More than the signals of a day at a large customer; beyond it the broker refuses, and what
/// was refused waits in the spool and in the store.
const MAX_QUEUE_BYTES: i64 = 1024 * 1024 * 1024;

/// Deliveries of one message before it is buried. Named because it is unlimited before 4.0.
const DELIVERY_LIMIT: i64 = 20;

/// As good as none: a dead letter is not delivered, only looked at. Named because the default of
/// 4.0 and later, 20, would drop a letter after so many looks, and because a queue without a limit
/// puts what is given back at its end.
const LOOKS_LIMIT: i64 = i32::MAX as i64;

/// The names under one prefix.
#[derive(Debug, Clone)]
pub(crate) struct Topology {
    prefix: String,
}

impl Topology {
    pub(crate) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// Where everything is published: direct, keys are the topics' words.
    pub(crate) fn exchange(&self) -> String {
        self.prefix.clone()
    }

    /// Where buried messages go: direct, the same keys.
    pub(crate) fn dead_exchange(&self) -> String {
        format!("{}.dead", self.prefix)
    }

    /// Where the customer's consumers hear of cases: topic, durable, keys are the types of events.
    /// Nothing of ours is bound to it, so it is declared only by whoever publishes there.
    pub(crate) fn events_exchange(&self) -> String {
        format!("{}.events", self.prefix)
    }

    /// The queue of a topic.
    pub(crate) fn queue(&self, topic: Topic) -> String {
        format!("{}.{topic}", self.prefix)
    }

    /// The queue of buried messages.
    pub(crate) fn dead_queue(&self) -> String {
        format!("{}.dead", self.prefix)
    }

    /// The exclusive queue that says who owns `what`: classic, never written to, gone with its
    /// owner's connection.
    pub(crate) fn owner_queue(&self, what: &str) -> String {
        format!("{}.owner.{what}", self.prefix)
    }

    /// The topic whose queue has this name.
    pub(crate) fn topic_of(&self, queue: &str) -> Option<Topic> {
        Topic::ALL.iter().copied().find(|topic| self.queue(*topic) == queue)
    }

    /// The arguments of a topic's queue.
    pub(crate) fn arguments(&self, topic: Topic) -> FieldTable {
        let mut arguments = quorum();
        let mut set = |name: &str, value| {
            arguments.insert(name.into(), value);
        };
        set("x-delivery-limit", AMQPValue::LongLongInt(DELIVERY_LIMIT));
        // At-least-once dead lettering needs publishers to be refused, not the oldest dropped.
        set("x-overflow", text("reject-publish"));
        set("x-max-length-bytes", AMQPValue::LongLongInt(MAX_QUEUE_BYTES));
        set("x-dead-letter-exchange", text(&self.dead_exchange()));
        set("x-dead-letter-routing-key", text(topic.as_str()));
        // The source keeps a dead message until the dead queue has confirmed it.
        set("x-dead-letter-strategy", text("at-least-once"));
        arguments
    }

    /// The arguments of the dead queue: no length limit, which would pin messages in their
    /// sources.
    pub(crate) fn dead_arguments(&self) -> FieldTable {
        let mut arguments = quorum();
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(LOOKS_LIMIT));
        arguments
    }
}

/// Replicated where there is a cluster, and never a classic queue, whose confirmed messages a
/// partition can lose.
fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(value))
}
