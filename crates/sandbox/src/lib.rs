//! A pretend world: Cobalt with its Link, a mail server and Twilio, each on a port of its own, each
//! able to misbehave on command, and a page to press the buttons on. Used by `relink demo` and by
//! the tests.
//!
//! Speaks only the wire: it knows nothing of receivers, stores or workers. What it accepts is
//! kept in an [`Inbox`], because a fake that is kinder or more forgetful than the real service
//! proves nothing.

mod answer;

pub mod cobalt;
pub mod inbox;
pub mod link;
pub mod page;
pub mod script;
pub mod smtp;
pub mod twilio;

pub use cobalt::{
    ApiFault, Listing, PretendCobalt, RegisterAnswer, RegisteredUrl, Registration, RotatePath,
    WebhookFault,
};
pub use inbox::{Caught, Inbox};
pub use link::{LinkBehaviour, LinkPath, Minting, TokenKey};
pub use page::DemoPage;
pub use script::Script;
pub use smtp::{MailCatcher, MailFault, Phase};
pub use twilio::{PretendTwilio, TextFault};
