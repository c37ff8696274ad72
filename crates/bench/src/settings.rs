//! The configuration that everything here runs with: the program's own, with its defaults, and
//! only what needs a value given one. Ports are free ones, every address is loopback. There are no
//! credentials for Cobalt, so that it is not asked before a send: what is measured is ours.

use anyhow::{Context as _, bail};
use relink_config::{Config, Encryption};
use relink_core::seal::KeyRing;
use std::collections::BTreeMap;
use std::path::Path;

/// What webhooks are signed with here.
pub(crate) const WEBHOOK_SECRET: &str = "whsec_of_the_benchmark_and_of_nobody_else";

/// RabbitMQ for these measurements, when it is there.
pub(crate) const AMQP_VARIABLE: &str = "RELINK_TEST_AMQP_URL";

/// PostgreSQL for these measurements, when it is there.
pub(crate) const POSTGRES_VARIABLE: &str = "RELINK_TEST_POSTGRES_URL";

/// The server that `variable` names.
pub(crate) fn server(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|url| !url.is_empty())
}

/// A configuration file. `engines` holds the sections that choose queue and store.
pub(crate) fn text(data_dir: &Path, smtp_port: u16, engines: &str) -> String {
    format!(
        r#"
[instance]
name = "Acme Health"
data_dir = "{data_dir}"
public_url = "https://relink.example.org"
[receiver]
listen = "127.0.0.1:0"
[web]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
[cobalt]
api_url = "http://127.0.0.1:9"
reconcile_every = "0s"
[[cobalt.webhook_secrets]]
id = "current"
secret = "{WEBHOOK_SECRET}"
[email]
from = "Acme Health <no-reply@acme.example>"
smtp = {{ host = "127.0.0.1", port = {smtp_port}, tls = "none", helo = "bench.acme.example" }}
[sms]
api_url = "http://127.0.0.1:9"
account_sid = "AC00000000000000000000000000000000"
auth_token = "no-token-of-anybody"
from = "+15005550006"
[[api.keys]]
id = "bench"
role = "ops"
secret = "benchmark-key-0123456789"
[[encryption.keys]]
id = "bench"
secret = "{key}"
[policy]
settle = "0s"
[[policy.steps]]
id = "first"
at = "0s"
to = "user"
channels = ["email"]
{engines}
"#,
        data_dir = data_dir.display(),
        key = "5a".repeat(32),
    )
}

/// Reads it as the program does.
pub(crate) fn parse(text: &str) -> anyhow::Result<Config> {
    let nothing: BTreeMap<&str, &str> = BTreeMap::new();
    let loaded = Config::parse(text, "the benchmark's own configuration", Path::new(""), &nothing)
        .context("the benchmark's own configuration is refused")?;
    Ok(loaded.config)
}

/// The keys that the configuration names.
pub(crate) fn keys(config: &Config) -> anyhow::Result<KeyRing> {
    match &config.encryption {
        Encryption::Keys(ring) => Ok(ring.clone()),
        Encryption::NotHeld => bail!("no key was read"),
        Encryption::File(path) => bail!("no key is configured; {} is not used", path.display()),
    }
}

/// Queue and store on servers.
pub(crate) fn servers(amqp_url: &str, prefix: &str, postgres_url: &str) -> String {
    format!(
        r#"
[queue]
kind = "rabbitmq"
[queue.rabbitmq]
urls = ["{amqp_url}"]
prefix = "{prefix}"
{}"#,
        postgres(postgres_url)
    )
}

/// The store on a server.
pub(crate) fn postgres(url: &str) -> String {
    format!("[store]\nurl = \"{url}\"\ntls = \"disable\"\n")
}

/// A name that nobody else has.
pub(crate) fn unique(stem: &str) -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    format!("{stem}{}", id.get(..12).unwrap_or(&id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use relink_config::ProcessRole;

    #[test]
    fn the_configuration_serves_every_role_it_is_used_for() {
        let dir = Path::new("/nowhere");
        let alone = parse(&text(dir, 25, "")).unwrap();
        assert!(alone.check_role(ProcessRole::Run).is_empty());
        let engines = servers("amqp://a:b@127.0.0.1:1/%2f", "p", "postgres://a:b@127.0.0.1:1/db");
        let fleet = parse(&text(dir, 25, &engines)).unwrap();
        for role in [ProcessRole::Receive, ProcessRole::Work, ProcessRole::Web] {
            assert!(fleet.check_role(role).is_empty(), "{role:?}");
        }
    }
}
