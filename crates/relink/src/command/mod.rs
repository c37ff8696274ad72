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
pub(crate) mod migrate;
pub(crate) mod operator;
pub(crate) mod quarantine;
pub(crate) mod reconcile;

mod account_file;
mod audit_parts;
mod demo_once;
mod demo_world;
mod replay;
