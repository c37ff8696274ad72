//! HTTP as Relink speaks it: [`listener`] opens a port and knows how to leave it; [`server`] is the
//! only accept loop, with a limit on everything a peer can make it hold; [`client`] is the only client, with a deadline on every call, no
//! hidden retries, and an error that tells "not sent" from "no answer".
//!
//! Knows nothing of Relink's words: whoever uses it decides what a request or an answer means.

pub mod body;
pub mod client;
pub mod listener;
pub mod problem;
pub mod server;

mod connect;
mod stream;

/// Requests and answers are hyper's.
pub use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri, header};
