//! The queue between the roles: at least once, in no order. Whoever takes a message holds it
//! until it is settled; a lost connection gives it back while its holder works on.

use fastrand::Rng;

/// A message in somebody's hand.
#[derive(Debug, Clone)]
pub(super) struct Taken<T> {
    /// Names the delivery, not the message: a message that comes again has another.
    pub(super) tag: u64,
    pub(super) body: T,
    pub(super) redelivered: bool,
}

pub(super) struct Queue<T> {
    ready: Vec<(T, bool)>,
    unsettled: Vec<(u64, T)>,
    next_tag: u64,
}

impl<T: Clone> Queue<T> {
    pub(super) fn new() -> Self {
        Self { ready: Vec::new(), unsettled: Vec::new(), next_tag: 0 }
    }

    pub(super) fn publish(&mut self, body: T) {
        self.ready.push((body, false));
    }

    /// Any message: no order is promised.
    pub(super) fn take(&mut self, rng: &mut Rng) -> Option<Taken<T>> {
        if self.ready.is_empty() {
            return None;
        }
        let (body, redelivered) = self.ready.swap_remove(rng.usize(..self.ready.len()));
        self.next_tag += 1;
        self.unsettled.push((self.next_tag, body.clone()));
        Some(Taken { tag: self.next_tag, body, redelivered })
    }

    /// Nothing happens when the delivery was given back meanwhile.
    pub(super) fn settle(&mut self, tag: u64) {
        self.unsettled.retain(|(other, _)| *other != tag);
    }

    /// The holder is gone, or its connection.
    pub(super) fn give_back(&mut self, tag: u64) {
        if let Some(at) = self.unsettled.iter().position(|(other, _)| *other == tag) {
            self.ready.push((self.unsettled.swap_remove(at).1, true));
        }
    }

    /// A connection breaks: its holder does not know yet. Answers whether there was one.
    pub(super) fn give_back_any(&mut self, rng: &mut Rng) -> bool {
        let held = !self.unsettled.is_empty();
        if held {
            let tag = self.unsettled[rng.usize(..self.unsettled.len())].0;
            self.give_back(tag);
        }
        held
    }

    /// Answers whether there was a message to copy.
    pub(super) fn duplicate_any(&mut self, rng: &mut Rng) -> bool {
        let some = !self.ready.is_empty();
        if some {
            let copy = self.ready[rng.usize(..self.ready.len())].clone();
            self.ready.push(copy);
        }
        some
    }

    /// Deleted and declared again: everything is gone. Answers whether there was anything.
    pub(super) fn purge(&mut self) -> bool {
        let some = !self.ready.is_empty() || !self.unsettled.is_empty();
        self.ready.clear();
        self.unsettled.clear();
        some
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.unsettled.is_empty()
    }
}
