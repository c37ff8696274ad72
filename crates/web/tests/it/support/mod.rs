//! Everything the scenarios share: a world to ask, a store that is down, a pretend Cobalt.

mod down;
mod pretend;
mod setting;
mod world;

pub(crate) use down::Down;
pub(crate) use pretend::{LINK_TOKEN, Pretend};
pub(crate) use setting::{APP_KEY, OPS_KEY, Setting};
pub(crate) use world::{Asked, Reply, World, account, documented};
