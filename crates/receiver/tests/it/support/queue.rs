//! A queue whose broker does what the test says, message by message, and remembers what it has.

use relink_core::wire::Topic;
use relink_queue::{
    Consumer, DeadLetters, OutMessage, PublishFault, Published, Publisher, Queue, QueueError,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What the broker does with one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Stores and confirms it.
    Store,
    /// Stores it, and the confirm is lost.
    StoreInSilence,
    /// Does not take it.
    Fail(PublishFault),
    /// Never answers.
    Hang,
    /// The publisher itself is broken.
    Panic,
}

type Rule = Box<dyn FnMut(&OutMessage) -> Verdict + Send>;

pub(crate) struct ScriptedQueue {
    rule: Mutex<Rule>,
    stored: Mutex<Vec<OutMessage>>,
    calls: AtomicUsize,
}

impl ScriptedQueue {
    pub(crate) fn new(rule: impl FnMut(&OutMessage) -> Verdict + Send + 'static) -> Arc<Self> {
        Arc::new(Self {
            rule: Mutex::new(Box::new(rule)),
            stored: Mutex::default(),
            calls: AtomicUsize::new(0),
        })
    }

    /// One that works.
    pub(crate) fn good() -> Arc<Self> {
        Self::new(|_| Verdict::Store)
    }

    /// One that cannot be reached.
    pub(crate) fn down() -> Arc<Self> {
        Self::new(|_| Verdict::Fail(PublishFault::Unreachable))
    }

    pub(crate) fn now(&self, rule: impl FnMut(&OutMessage) -> Verdict + Send + 'static) {
        *self.rule.lock().unwrap() = Box::new(rule);
    }

    /// What the broker holds, in order of arrival, repeats included.
    pub(crate) fn stored(&self) -> Vec<OutMessage> {
        self.stored.lock().unwrap().clone()
    }

    pub(crate) fn stored_ids(&self) -> Vec<String> {
        self.stored().into_iter().map(|message| message.id).collect()
    }

    /// Batches that were published, successfully or not.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

struct ScriptedPublisher(Arc<ScriptedQueue>);

#[async_trait::async_trait]
impl Publisher for ScriptedPublisher {
    async fn publish(&mut self, topic: Topic, batch: &[OutMessage]) -> Vec<Published> {
        assert_eq!(topic, Topic::Signals);
        assert!(!batch.is_empty() && batch.len() <= 256);
        self.0.calls.fetch_add(1, Ordering::SeqCst);
        let mut outcomes = Vec::new();
        for message in batch {
            let verdict = (self.0.rule.lock().unwrap())(message);
            if matches!(verdict, Verdict::Store | Verdict::StoreInSilence) {
                self.0.stored.lock().unwrap().push(message.clone());
            }
            outcomes.push(match verdict {
                Verdict::Store => Published::Stored,
                Verdict::StoreInSilence => Published::NotStored(PublishFault::Unreachable),
                Verdict::Fail(fault) => Published::NotStored(fault),
                Verdict::Hang => std::future::pending().await,
                Verdict::Panic => panic!("a publisher that panics, on purpose"),
            });
        }
        outcomes
    }
}

/// Hands out publishers of one scripted broker.
pub(crate) struct Handle(pub(crate) Arc<ScriptedQueue>);

#[async_trait::async_trait]
impl Queue for Handle {
    async fn prepare(&self) -> Result<(), QueueError> {
        Ok(())
    }

    fn publisher(&self) -> Box<dyn Publisher> {
        Box::new(ScriptedPublisher(Arc::clone(&self.0)))
    }

    fn consumer(&self, _: Topic, _: u16) -> Box<dyn Consumer> {
        unreachable!("the receiver consumes nothing")
    }

    async fn depth(&self, _: Topic) -> Option<u64> {
        None
    }

    fn dead_letters(&self) -> Box<dyn DeadLetters> {
        unreachable!("the receiver buries nothing")
    }
}
