//! What the scenarios share: private servers, real processes, senders and checkers.
