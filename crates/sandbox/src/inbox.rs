//! Everything the pretend providers accepted, in order of acceptance. A message counts as
//! accepted the moment the provider takes responsibility for it, whether or not the sender
//! ever hears of it.

use relink_core::Timestamp;
use relink_core::account::Channel;
use serde::Serialize;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// An accepted message.
#[derive(Debug, Clone, Serialize)]
pub struct Caught {
    /// 1, 2, …
    pub number: usize,
    /// When it was accepted.
    pub at: Timestamp,
    /// Over what.
    pub channel: Channel,
    /// The address or number.
    pub to: String,
    /// The mail's `Message-ID`, or the text message's sid.
    pub id: String,
    /// The mail's subject.
    pub subject: Option<String>,
    /// What a person reads.
    pub text: String,
    /// The mail as it came.
    #[serde(skip)]
    pub raw: Vec<u8>,
}

impl Caught {
    /// The first link in the text.
    pub fn link(&self) -> Option<&str> {
        self.text.split_whitespace().find(|word| word.starts_with("http"))
    }
}

/// Shared by the pretend providers of one sandbox. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Inbox {
    caught: Arc<Mutex<Vec<Caught>>>,
    count: Arc<watch::Sender<usize>>,
}

impl Default for Inbox {
    fn default() -> Self {
        Self { caught: Arc::default(), count: Arc::new(watch::Sender::new(0)) }
    }
}

impl Inbox {
    /// Keeps a message; its number and moment are given here.
    pub(crate) fn keep(&self, mut message: Caught) -> usize {
        let mut caught = self.caught.lock().unwrap_or_else(PoisonError::into_inner);
        message.number = caught.len() + 1;
        message.at = Timestamp::now();
        caught.push(message);
        let count = caught.len();
        drop(caught);
        self.count.send_replace(count);
        count
    }

    /// Everything accepted so far.
    pub fn all(&self) -> Vec<Caught> {
        self.caught.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many were accepted so far.
    pub fn len(&self) -> usize {
        *self.count.borrow()
    }

    /// Whether nothing was accepted yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until at least `count` messages were accepted.
    pub async fn wait_for(&self, count: usize) -> Vec<Caught> {
        let mut watch = self.count.subscribe();
        // The sender lives as long as this inbox.
        let _ = watch.wait_for(|so_far| *so_far >= count).await;
        self.all()
    }
}
