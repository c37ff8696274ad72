//! One hub for all streams: it looks once a second, and only while somebody listens, with one query
//! for every user that is listened for, and pokes those whose answer changed. No stream has a task,
//! a timer or a query of its own, so a thousand open pages cost the store what one does. A change
//! made by this process is looked for at once.

use crate::feed::mailbox::{Mailbox, StreamBody};
use crate::feed::view::{FeedView, Shown};
use crate::feed::wording::Lang;
use bytes::Bytes;
use prometheus_client::metrics::gauge::Gauge;
use relink_core::policy::Rules;
use relink_core::seal::sha256_hex;
use relink_store::{FeedStore, StoreError, UsersCases};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How often it looks.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The least time between two looks, however often it is poked.
const LEAST_BETWEEN: Duration = Duration::from_millis(20);

/// How often a silent stream shows that it is there: proxies close what is silent for longer.
pub(crate) const BEAT_EVERY: Duration = Duration::from_secs(15);

/// Streams of one user at once: tabs and devices, not a flood.
pub(crate) const MAX_OF_A_USER: usize = 32;

/// Everything that streams and pokes share.
pub(crate) struct Hub {
    store: Arc<dyn FeedStore>,
    rules: Rules,
    /// Streams at once.
    most: usize,
    gauge: Gauge,
    listening: Mutex<Listening>,
    poked: Notify,
}

#[derive(Default)]
struct Listening {
    users: HashMap<String, Listened>,
    streams: usize,
    looks: bool,
    closed: bool,
}

/// A user that is listened for.
#[derive(Default)]
struct Listened {
    shown: Option<Vec<Shown>>,
    frames: Vec<(Lang, Told)>,
    mailboxes: Vec<Arc<Mailbox>>,
}

/// An answer in one language, ready to be written.
#[derive(Clone)]
struct Told {
    id: String,
    frame: Bytes,
}

/// There are as many streams as there may be, or this process is about to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRoom;

/// What somebody who opens a stream asks for.
pub(crate) struct Wish {
    pub(crate) user_id: String,
    pub(crate) lang: Lang,
    pub(crate) until: Option<Instant>,
    /// What they have already, by its id.
    pub(crate) last_id: Option<String>,
}

/// Takes the stream off the hub.
pub(crate) struct Leave {
    hub: Arc<Hub>,
    user_id: String,
    mailbox: Arc<Mailbox>,
}

impl Hub {
    pub(crate) fn new(store: Arc<dyn FeedStore>, rules: Rules, most: usize, gauge: Gauge) -> Self {
        Self { store, rules, most, gauge, listening: Mutex::default(), poked: Notify::new() }
    }

    /// Begins a stream; it says the whole list as soon as it is known, and after each change.
    /// Whoever has the newest list already is told only that it still holds.
    pub(crate) fn join(self: &Arc<Self>, wish: Wish) -> Result<StreamBody<Leave>, NoRoom> {
        let Wish { user_id, lang, until, last_id } = wish;
        let mailbox = Arc::new(Mailbox::new(lang, until, last_id));
        let mut listening = self.listening();
        let of_user = listening.users.get(&user_id).map_or(0, |user| user.mailboxes.len());
        if listening.closed || listening.streams >= self.most || of_user >= MAX_OF_A_USER {
            return Err(NoRoom);
        }
        listening.streams += 1;
        self.gauge.inc();
        let number = listening.streams;
        let user = listening.users.entry(user_id.clone()).or_default();
        user.mailboxes.push(Arc::clone(&mailbox));
        if let Some(told) = user.told(lang) {
            mailbox.put(&told.id, &told.frame);
        }
        let known = user.shown.is_some();
        if !listening.looks {
            listening.looks = true;
            tokio::spawn(Arc::clone(self).look_while_listened_to());
        } else if !known {
            self.poke();
        }
        drop(listening);
        let leave = Leave { hub: Arc::clone(self), user_id, mailbox: Arc::clone(&mailbox) };
        Ok(StreamBody::new(greeting(number), mailbox, leave))
    }

    /// Something may have changed.
    pub(crate) fn poke(&self) {
        self.poked.notify_one();
    }

    /// Ends every stream and takes no more.
    pub(crate) fn close(&self) {
        let mut listening = self.listening();
        listening.closed = true;
        for mailbox in listening.users.values().flat_map(|user| &user.mailboxes) {
            mailbox.close();
        }
    }

    fn listening(&self) -> MutexGuard<'_, Listening> {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn look_while_listened_to(self: Arc<Self>) {
        let mut beat_at = Instant::now() + BEAT_EVERY;
        let mut failing = false;
        while let Some(users) = self.users() {
            let found = self.store.open_cases_of_users(&users).await;
            failing = said(failing, found.as_ref().err());
            if let Ok(found) = found {
                self.tell(&users, &found);
            }
            if beat_at <= Instant::now() {
                beat_at = Instant::now() + BEAT_EVERY;
                self.beat();
            }
            tokio::time::sleep(LEAST_BETWEEN).await;
            tokio::select! {
                () = self.poked.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Who is listened for; `None`, and the end of looking, when nobody is.
    fn users(&self) -> Option<Vec<String>> {
        let mut listening = self.listening();
        if listening.users.is_empty() {
            listening.looks = false;
            return None;
        }
        Some(listening.users.keys().cloned().collect())
    }

    /// Pokes the users whose answer changed.
    fn tell(&self, asked: &[String], found: &UsersCases) {
        let mut by_user: HashMap<&str, Vec<Shown>> = HashMap::new();
        for row in &found.cases {
            let shown = Shown::of(row, &self.rules, found.now);
            by_user.entry(&row.user_id).or_default().push(shown);
        }
        let now = Instant::now();
        let mut listening = self.listening();
        for user_id in asked {
            let Some(user) = listening.users.get_mut(user_id) else { continue };
            user.becomes(by_user.remove(user_id.as_str()).unwrap_or_default());
            for mailbox in &user.mailboxes {
                if mailbox.until.is_some_and(|until| until <= now) {
                    mailbox.close();
                }
            }
        }
    }

    fn beat(&self) {
        for mailbox in self.listening().users.values().flat_map(|user| &user.mailboxes) {
            mailbox.beat();
        }
    }
}

impl Listened {
    fn told(&self, lang: Lang) -> Option<&Told> {
        self.frames.iter().find(|(spoken, _)| *spoken == lang).map(|(_, told)| told)
    }

    fn becomes(&mut self, shown: Vec<Shown>) {
        if self.shown.as_ref() == Some(&shown) {
            return;
        }
        self.frames = Lang::ALL.map(|lang| (lang, Told::of(&shown, lang))).into();
        self.shown = Some(shown);
        for mailbox in &self.mailboxes {
            if let Some(told) = self.told(mailbox.lang) {
                mailbox.put(&told.id, &told.frame);
            }
        }
    }
}

impl Told {
    fn of(shown: &[Shown], lang: Lang) -> Self {
        let data = serde_json::to_string(&FeedView::of(shown, lang)).unwrap_or_default();
        let id: String = sha256_hex(data.as_bytes()).chars().take(16).collect();
        let frame = format!("id: {id}\nevent: cases\ndata: {data}\n\n");
        Self { id, frame: frame.into() }
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        let mut listening = self.hub.listening();
        let Some(user) = listening.users.get_mut(&self.user_id) else { return };
        user.mailboxes.retain(|mailbox| !Arc::ptr_eq(mailbox, &self.mailbox));
        if user.mailboxes.is_empty() {
            listening.users.remove(&self.user_id);
        }
        listening.streams = listening.streams.saturating_sub(1);
        self.hub.gauge.dec();
    }
}

/// The first words of a stream: when to come back after it breaks, in milliseconds. Spread out, so
/// that those of a process that ends do not all come back in one moment.
fn greeting(number: usize) -> Bytes {
    let spread = number.wrapping_mul(389) % 3000;
    format!("retry: {}\n\n", 2000 + spread).into()
}

/// Logs an outage at its begin and at its end, once each; answers whether there is one.
fn said(before: bool, error: Option<&StoreError>) -> bool {
    match (before, error) {
        (false, Some(error)) => {
            tracing::warn!(%error, "streams of the in-app feed cannot be told of changes");
        }
        (true, None) => tracing::info!("streams of the in-app feed are told of changes again"),
        (false, None) | (true, Some(_)) => {}
    }
    error.is_some()
}

#[cfg(test)]
#[path = "hub_tests.rs"]
mod tests;
