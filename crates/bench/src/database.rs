//! A database on the given PostgreSQL that nobody else uses, dropped at the end.

use anyhow::Context as _;
use tokio_postgres::{Client, NoTls};

/// The database.
pub(crate) struct Database {
    /// With the name of the database in it.
    pub(crate) url: String,
    name: String,
    admin_url: String,
}

impl Database {
    /// Makes one; the user in `admin_url` must be allowed to.
    pub(crate) async fn create(admin_url: &str) -> anyhow::Result<Self> {
        let name = crate::settings::unique("relink_bench_");
        let admin = connect(admin_url).await?;
        admin
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await
            .context("the database cannot be made")?;
        Ok(Self { url: with_database(admin_url, &name), name, admin_url: admin_url.to_owned() })
    }

    /// The server's settings that decide whether a commit is on the disk.
    pub(crate) async fn durability(&self) -> anyhow::Result<String> {
        let client = connect(&self.url).await?;
        let row = client
            .query_one(
                "SELECT current_setting('server_version'), current_setting('fsync'), \
                 current_setting('wal_sync_method')",
                &[],
            )
            .await
            .context("the server does not say how it writes")?;
        let [version, fsync, method] = [0, 1, 2].map(|column| row.get::<_, String>(column));
        let warning = if fsync == "on" { "" } else { ": ITS COMMITS ARE NOT ON THE DISK" };
        Ok(format!("PostgreSQL {version}, fsync = {fsync} by {method}{warning}"))
    }

    /// Drops it with whoever is still connected.
    pub(crate) async fn remove(self) -> anyhow::Result<()> {
        let admin = connect(&self.admin_url).await?;
        admin
            .batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.name))
            .await
            .context("the database cannot be dropped")
    }
}

async fn connect(url: &str) -> anyhow::Result<Client> {
    // The library's own words may repeat a part of the URL.
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .map_err(|_| anyhow::anyhow!("PostgreSQL cannot be reached"))?;
    tokio::spawn(connection);
    Ok(client)
}

/// The same server, another database.
fn with_database(url: &str, name: &str) -> String {
    let (base, parameters) = match url.split_once('?') {
        Some((base, parameters)) => (base, format!("?{parameters}")),
        None => (url, String::new()),
    };
    let (scheme, rest) = base.split_once("://").unwrap_or(("postgres", base));
    let host = rest.split_once('/').map_or(rest, |(host, _)| host);
    format!("{scheme}://{host}/{name}{parameters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_a_url_changes() {
        for (url, expected) in [
            ("postgres://a:b@127.0.0.1:1/postgres", "postgres://a:b@127.0.0.1:1/x"),
            ("postgres://a@h", "postgres://a@h/x"),
            ("postgresql://a@h/db?connect_timeout=3", "postgresql://a@h/x?connect_timeout=3"),
        ] {
            assert_eq!(with_database(url, "x"), expected);
        }
    }
}
