//! The commands for operators, one file per noun.

pub(crate) mod accounts;
pub(crate) mod attempts;
pub(crate) mod audit;
pub(crate) mod cases;
pub(crate) mod check;
pub(crate) mod config;
pub(crate) mod dead;
pub(crate) mod demo;
pub(crate) mod events;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod operator;
pub(crate) mod quarantine;
pub(crate) mod reconcile;
pub(crate) mod webhook;

mod account_file;
mod audit_parts;
mod demo_once;
mod demo_world;
mod link_id;
mod replay;
mod secret_file;
