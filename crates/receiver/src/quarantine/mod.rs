//! The quarantine: requests that failed their signature, kept sealed for a while, because a wrong
//! secret in the configuration turns every event into a 401 that Cobalt never repeats. Not the
//! `quarantine/` inside a segment log, where damaged bytes go.
//!
//! Nothing in it is proven or promised. It is written behind the answer, within limits of its
//! own: what it cannot take is counted and let go. What verifies later goes in again by the
//! receiver's own door (`relink quarantine redrive`), and by no other.

mod arrival;
mod folder;
mod format;
mod keep;
mod keeper;
mod name;
mod room;
mod source;

pub use arrival::{ARRIVAL_HEADER, arrival_pass};
pub use folder::{Folder, FolderError, Kept, OpenError};
pub use format::{Held, Unreadable};
pub use keep::{Limits, Quarantine};
pub use name::Name;

pub(crate) use keeper::{Inlet, Keeper, open};
pub(crate) use source::Source;

/// The largest body that is kept, in bytes. Cobalt's events are under 2 KiB.
const MAX_BODY: usize = 64 * 1024;

/// Hex digits of an HMAC-SHA256.
const SIGNATURE_LEN: usize = 64;
