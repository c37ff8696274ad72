//! The handlers of `/v1`, one file per noun.

pub(crate) mod accounts;
pub(crate) mod attempts;
pub(crate) mod cases;
mod cursor;
mod views;
