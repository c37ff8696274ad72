//! A provider that does, message by message, what the scenario wrote down.

use relink_core::Timestamp;
use relink_core::account::Channel;
use relink_core::attempt::{Outcome, Reason};
use relink_core::sender::{LookUp, MessageOrder, Sender, Sent};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

/// What happens with one message; after the script, everything is accepted.
pub(crate) enum Act {
    /// It ends like this.
    End(Outcome),
    /// It is accepted after this long.
    After(Duration),
    /// It is accepted once the scenario says so.
    When(Arc<Notify>),
    /// The code that sends it is broken.
    Panic,
}

type Watch = Box<dyn FnMut(&MessageOrder) + Send>;

pub(crate) struct ScriptedSender {
    channel: Channel,
    acts: Mutex<VecDeque<Act>>,
    found: Mutex<VecDeque<LookUp>>,
    orders: Mutex<Vec<MessageOrder>>,
    looks: Mutex<Vec<(MessageOrder, Timestamp)>>,
    watch: Mutex<Option<Watch>>,
    /// Told whenever a message is in hand.
    pub(crate) begun: Notify,
}

impl ScriptedSender {
    pub(crate) fn on(channel: Channel) -> Arc<Self> {
        Arc::new(Self {
            channel,
            acts: Mutex::default(),
            found: Mutex::default(),
            orders: Mutex::default(),
            looks: Mutex::default(),
            watch: Mutex::default(),
            begun: Notify::new(),
        })
    }

    pub(crate) fn then(&self, act: Act) {
        self.acts.lock().unwrap().push_back(act);
    }

    /// What the next look at the list shows.
    pub(crate) fn then_shows(&self, found: LookUp) {
        self.found.lock().unwrap().push_back(found);
    }

    /// Runs `watch` at the moment a message is handed over.
    pub(crate) fn watch(&self, watch: impl FnMut(&MessageOrder) + Send + 'static) {
        *self.watch.lock().unwrap() = Some(Box::new(watch));
    }

    /// Everything it was asked to send.
    pub(crate) fn orders(&self) -> Vec<MessageOrder> {
        self.orders.lock().unwrap().clone()
    }

    /// Everything it was asked to look for, and since when.
    pub(crate) fn looks(&self) -> Vec<(MessageOrder, Timestamp)> {
        self.looks.lock().unwrap().clone()
    }
}

#[async_trait::async_trait]
impl Sender for ScriptedSender {
    fn channel(&self) -> Channel {
        self.channel
    }

    async fn send(&self, order: &MessageOrder) -> Sent {
        self.orders.lock().unwrap().push(order.clone());
        if let Some(watch) = self.watch.lock().unwrap().as_mut() {
            watch(order);
        }
        self.begun.notify_one();
        let act = self.acts.lock().unwrap().pop_front();
        let outcome = match act {
            None => Outcome::Accepted,
            Some(Act::End(outcome)) => outcome,
            Some(Act::After(wait)) => {
                tokio::time::sleep(wait).await;
                Outcome::Accepted
            }
            Some(Act::When(go)) => {
                go.notified().await;
                Outcome::Accepted
            }
            Some(Act::Panic) => panic!("a sender that panics, on purpose"),
        };
        let accepted = outcome == Outcome::Accepted;
        Sent {
            provider_message_id: accepted.then(|| "provider-1".to_owned()),
            provider_code: Some(if accepted { "250" } else { "451 4.7.1" }.to_owned()),
            outcome,
        }
    }

    async fn look_up(&self, order: &MessageOrder, since: Timestamp) -> LookUp {
        self.looks.lock().unwrap().push((order.clone(), since));
        let found = self.found.lock().unwrap().pop_front();
        found.unwrap_or(LookUp::Unavailable { reason: Reason::ProviderError })
    }
}
