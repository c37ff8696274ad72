//! Misbehaviour on command: a queue of faults, one taken per message, then good behaviour.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Faults to come, in order.
#[derive(Debug)]
pub struct Script<F>(Mutex<VecDeque<F>>);

impl<F> Default for Script<F> {
    fn default() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }
}

impl<F> Script<F> {
    /// Adds a fault for a message to come.
    pub fn push(&self, fault: F) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(fault);
    }

    /// The fault for the message in hand.
    pub fn next(&self) -> Option<F> {
        self.next_if(|_| true)
    }

    /// The next fault, if it can strike here; otherwise it stays the next.
    pub fn next_if(&self, strikes: impl FnOnce(&F) -> bool) -> Option<F> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        faults.pop_front_if(|fault| strikes(fault))
    }
}
