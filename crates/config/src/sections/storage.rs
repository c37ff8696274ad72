//! `[queue]` and `[store]`: which engine stands behind each, and how it is reached.

use crate::address::is_this_machine;
use crate::kind::{Fault, Raw};
use crate::kinds::{count, id, interval, word};
use crate::reader::Section;
use crate::secret::{Fallback, Privacy};
use crate::types::{PgTls, Postgres, Queue, RabbitMq, Store};
use relink_core::masked::Secret;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Below this, what kills a worker would be back before the worker is.
const LEAST_AUTO_REPLAY: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, PartialEq, Eq)]
enum QueueKind {
    Embedded,
    RabbitMq,
}

pub(super) fn queue(s: &mut Section<'_, '_>) -> Option<Queue> {
    const KINDS: &[(&str, QueueKind)] =
        &[("embedded", QueueKind::Embedded), ("rabbitmq", QueueKind::RabbitMq)];
    let kind = s
        .key("kind", "The engine: a durable log in data_dir for one process, or RabbitMQ for many.")
        .or(word(KINDS), Raw::Text("embedded"));
    s.in_use = kind == Some(QueueKind::RabbitMq);
    let rabbitmq = s.section("rabbitmq", rabbitmq);
    Some(match kind? {
        QueueKind::Embedded => {
            rabbitmq?;
            Queue::Embedded
        }
        QueueKind::RabbitMq => Queue::RabbitMq(rabbitmq?),
    })
}

fn rabbitmq(s: &mut Section<'_, '_>) -> Option<RabbitMq> {
    let urls = s
        .key("urls", "The brokers of one cluster, tried in turn.")
        .sourced_list(&["amqp://guest:guest@127.0.0.1:5672/%2f"]);
    let prefix = s
        .key("prefix", "The exchange, and what the name of every queue starts with.")
        .or(id(), Raw::Text("relink"));
    let publish_window = s
        .key("publish_window", "Messages published and not yet confirmed at once.")
        .or(count(1, 65_535), Raw::Integer(256));
    let auto_replay_after = s
        .key(
            "auto_replay_after",
            "How long after its death at the delivery limit a message is replayed once.",
        )
        .or(interval(LEAST_AUTO_REPLAY), Raw::Text("10m"));
    let urls = urls.and_then(|urls| checked_urls(s, urls));
    Some(RabbitMq {
        urls: urls?,
        prefix: prefix?,
        publish_window: publish_window?,
        auto_replay_after: auto_replay_after?,
    })
}

fn checked_urls(s: &mut Section<'_, '_>, urls: Vec<Secret>) -> Option<Vec<Secret>> {
    let example = "write it like \"amqps://user:password@rabbit.example.org:5671/%2f\"";
    if urls.is_empty() && s.in_use {
        s.problem(
            "urls",
            Fault::new("is empty", format!("name at least one broker: {example}")).hidden(),
        );
        return None;
    }
    for url in &urls {
        let scheme = url.expose().split_once("://");
        let fault = match scheme {
            Some(("amqp" | "amqps", rest)) if !host_of(rest).is_empty() => None,
            Some(_) | None => Some(Fault::new("holds something that is no AMQP URL", example)),
        };
        if let Some(fault) = fault {
            s.problem("urls", fault.hidden());
            return None;
        }
        if s.in_use && url.expose().starts_with("amqp://") && leaves_this_machine(url) {
            let remedy = "use amqps:// unless the network between is private";
            s.warn("urls", "reaches a broker on another host unencrypted", remedy);
        }
    }
    Some(urls)
}

/// The store for a process that is not to reach it: its URL, which may hold a password, is not
/// fetched.
pub(super) fn no_store(s: &mut Section<'_, '_>) -> Option<Store> {
    let url =
        s.key("url", "sqlite:FILE, a file in data_dir, or postgres://user@host/database.").source();
    let rest = store_rest(s);
    url.and(rest).map(|_| Store::NotHeld)
}

fn store_rest(s: &mut Section<'_, '_>) -> Option<(PgTls, usize)> {
    const TLS: &[(&str, PgTls)] =
        &[("verify-full", PgTls::VerifyFull), ("disable", PgTls::Disable)];
    let tls = s
        .key(
            "tls",
            "PostgreSQL only: encrypted and checked against the host name, or in the clear.",
        )
        .or(word(TLS), Raw::Text("verify-full"));
    let max_connections = s
        .key("max_connections", "PostgreSQL only: connections at most, by each process.")
        .or(count(1, 1000), Raw::Integer(10));
    Some((tls?, max_connections?))
}

pub(super) fn store(s: &mut Section<'_, '_>, data_dir: &Path) -> Option<Store> {
    let url = s
        .key("url", "sqlite:FILE, a file in data_dir, or postgres://user@host/database.")
        .sourced(Privacy::Plain, Fallback::Literal("sqlite:relink.db"));
    let rest = store_rest(s);
    let url = url?.unwrap_or_else(|| Secret::new(""));
    if let Some(file) = url.expose().strip_prefix("sqlite:") {
        let file = sqlite_file(file, data_dir);
        return file.map(Store::Sqlite).map_err(|fault| s.problem("url", fault)).ok();
    }
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.expose().starts_with(scheme)) {
        let remedy = "write \"sqlite:relink.db\" or \"postgres://user@host/database\"";
        s.problem("url", Fault::new("names neither SQLite nor PostgreSQL", remedy).hidden());
        return None;
    }
    let (tls, max_connections) = rest?;
    let postgres = Postgres { url, tls, max_connections };
    if postgres.tls == PgTls::Disable && leaves_this_machine(&postgres.url) {
        let remedy = "set tls = \"verify-full\" unless the network between is private";
        s.warn("tls", "reaches a database on another host unencrypted", remedy);
    }
    Some(Store::Postgres(postgres))
}

fn sqlite_file(written: &str, data_dir: &Path) -> Result<PathBuf, Fault> {
    let file = written.strip_prefix("//").unwrap_or(written);
    if file.contains([':', '?']) || file.is_empty() || file.ends_with('/') {
        return Err(Fault::new(
            "is not a plain SQLite file; what is accepted must outlive the process",
            "write \"sqlite:relink.db\", or an absolute path: \"sqlite:/var/lib/relink/relink.db\"",
        ));
    }
    Ok(data_dir.join(file))
}

/// Whether a URL with an optional `user:password@` names another host.
fn leaves_this_machine(url: &Secret) -> bool {
    let rest = url.expose().split_once("://").map_or("", |(_, rest)| rest);
    let host = host_of(rest);
    // Without a host PostgreSQL uses a local socket.
    !host.is_empty() && !is_this_machine(host)
}

fn host_of(rest: &str) -> &str {
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        Some(_) | None => host,
    }
}
