//! The only SMTP: render, drive each phase, one outcome per send.
//!
//! A message is rendered and addressed in full before a connection is looked for. Each phase of
//! the transaction has a deadline of its own, and the one moment that matters is known exactly:
//! before the final dot a failure means "not sent", after it silence means "nobody knows". A
//! connection that saw a timeout or an error is never used again, because an unread reply on it
//! would be taken for the next mail's.

mod classify;
mod compose;
mod connection;
mod dial;
mod pool;
mod sender;
mod stream;
mod templates;
mod tls;

pub use compose::EmailSetupError;
pub use connection::Deadlines;
pub use sender::EmailSender;
