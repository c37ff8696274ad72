//! Everything the scenarios share: a world to ask, and a store that is down.

mod down;
mod world;

pub(crate) use down::Down;
pub(crate) use world::{APP_KEY, Asked, OPS_KEY, Reply, World, account, documented};
