//! The only Twilio: a thin client of our own (docs/adr/0001-own-twilio-client.md says why) that
//! sends one text message per order, ends every send in one outcome, and finds messages again
//! that got no answer.
//!
//! Never repeats a request, never splits a message, never logs a number, a text or a credential.

mod gsm7;
mod text;

mod answer;
mod classify;

mod look_up;
mod sender;

#[cfg(test)]
mod scripted;

pub use sender::{SmsSender, SmsSetupError};
pub use text::TextError;
