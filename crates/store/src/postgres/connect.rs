//! Connections: the URL, TLS, the session's own limits, and the pool.
//!
//! A connection that is handed out has every limit set on the server's side too, so that no
//! statement, lock or forgotten transaction outlives its caller by more than seconds.

use super::error::{Failure, describe};
use crate::StoreError;
use deadpool_postgres::{
    Connect, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod,
};
use relink_config::{PgTls, Postgres};
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// The longest wait for a connection, whether for a free one or for the server.
pub(super) const ACQUIRE_DEADLINE: Duration = Duration::from_secs(3);

/// When a silent connection is asked for a sign of life, and how long it may owe one.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(15);

/// Set on every connection, whatever the server, database or user has as default.
/// - `synchronous_commit`: a commit that is answered is on disk.
/// - `default_transaction_isolation`: a statement behind a lock sees what was committed before
///   the lock was given.
/// - `plan_cache_mode`, `enable_seqscan`: every statement has an index to go by, whichever of its
///   conditions are NULL; a plan made while the tables were small must not be kept, nor one be
///   made that reads all of a table (measured on a fresh database of 20,000 cases: signals are
///   applied three times as fast).
/// - `jit`: compiling costs more than statements this short ever could.
const SESSION: &str = "SET synchronous_commit = on; \
     SET default_transaction_isolation = 'read committed'; \
     SET plan_cache_mode = force_custom_plan; \
     SET enable_seqscan = off; \
     SET jit = off; \
     SET statement_timeout = '10s'; \
     SET lock_timeout = '3s'; \
     SET idle_in_transaction_session_timeout = '15s'";

/// Makes the pool; connects to nothing yet.
///
/// # Errors
/// [`StoreError::Refused`] when the URL cannot be read or there are no root certificates.
pub(super) fn pool(settings: &Postgres) -> Result<Pool, StoreError> {
    let config = client_config(settings)?;
    let tls = match settings.tls {
        PgTls::Disable => Tls::Disable,
        PgTls::VerifyFull => Tls::VerifyFull(verifying()?),
    };
    let recycle = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_connect(config, Connector { tls }, recycle);
    Pool::builder(manager)
        .max_size(settings.max_connections.max(1))
        .build()
        .map_err(|error| StoreError::Refused(format!("[store]: {error}")))
}

fn client_config(settings: &Postgres) -> Result<Config, StoreError> {
    // The library's own words may repeat a part of the URL, and with it of the password.
    let mut config = Config::from_str(settings.url.expose()).map_err(|_| {
        StoreError::Refused(
            "[store] url: not a PostgreSQL URL; write postgres://user:password@host:5432/database \
             with special characters percent-encoded, and set tls beside it, not in it"
                .into(),
        )
    })?;
    config
        .application_name("relink")
        .ssl_mode(match settings.tls {
            PgTls::Disable => SslMode::Disable,
            PgTls::VerifyFull => SslMode::Require,
        })
        .connect_timeout(ACQUIRE_DEADLINE)
        .keepalives_idle(KEEPALIVE_IDLE)
        .tcp_user_timeout(TCP_USER_TIMEOUT);
    Ok(config)
}

/// Checks the certificate against the system's roots and the host name against the certificate.
fn verifying() -> Result<MakeRustlsConnect, StoreError> {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(StoreError::Refused(
            "[store] tls = \"verify-full\" found no root certificates on this host; install \
             ca-certificates or set SSL_CERT_FILE"
                .into(),
        ));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Refused(format!("[store] tls: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[derive(Clone)]
enum Tls {
    Disable,
    VerifyFull(MakeRustlsConnect),
}

struct Connector {
    tls: Tls,
}

type Connecting<'a> = Pin<
    Box<dyn Future<Output = Result<(Client, JoinHandle<()>), tokio_postgres::Error>> + Send + 'a>,
>;

impl Connect for Connector {
    fn connect(&self, config: &Config) -> Connecting<'_> {
        let config = config.clone();
        Box::pin(async move {
            let (client, io) = match &self.tls {
                Tls::Disable => {
                    let (client, connection) = config.connect(NoTls).await?;
                    (client, drive(connection))
                }
                Tls::VerifyFull(tls) => {
                    let (client, connection) = config.connect(tls.clone()).await?;
                    (client, drive(connection))
                }
            };
            let mut unfinished = AbortOnDrop(Some(io.abort_handle()));
            client.batch_execute(SESSION).await?;
            unfinished.0 = None;
            Ok((client, io))
        })
    }
}

/// Moves the bytes of one connection until it ends. The pool notices by itself.
fn drive<C>(connection: C) -> JoinHandle<()>
where
    C: Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
{
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(error = %describe(&error), "a connection to PostgreSQL was lost");
        }
    })
}

/// Closes a connection whose setting up is given up, which a silent server may never answer.
struct AbortOnDrop(Option<AbortHandle>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// A connection that goes back to the pool only when it is known to be outside a transaction.
/// Dropped any other way (an error, a panic, a deadline) it is closed, and the server rolls back.
pub(super) struct Lease {
    object: Option<Object>,
}

impl Lease {
    /// Waits up to [`ACQUIRE_DEADLINE`].
    pub(super) async fn acquire(pool: &Pool) -> Result<Self, Failure> {
        match tokio::time::timeout(ACQUIRE_DEADLINE, pool.get()).await {
            Ok(Ok(object)) => Ok(Self { object: Some(object) }),
            Ok(Err(PoolError::Backend(error))) => Err(Failure::Unavailable(format!(
                "cannot connect to PostgreSQL: {}",
                describe(&error)
            ))),
            Ok(Err(error)) => Err(Failure::Unavailable(error.to_string())),
            Err(_) => Err(Failure::Unavailable(format!(
                "no connection to PostgreSQL within {} s: all {} of [store] max_connections are \
                 in use, or the server does not answer",
                ACQUIRE_DEADLINE.as_secs(),
                pool.status().max_size
            ))),
        }
    }

    /// The connection.
    pub(super) fn client(&self) -> Result<&Object, Failure> {
        self.object.as_ref().ok_or_else(|| Failure::Unavailable("connection closed".into()))
    }

    /// Gives it back: the caller knows that no transaction is open on it.
    pub(super) fn give_back(mut self) {
        drop(self.object.take());
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            drop(Object::take(object));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use relink_core::masked::Secret;

    fn settings(url: &str, tls: PgTls) -> Postgres {
        Postgres { url: Secret::new(url), tls, max_connections: 2 }
    }

    #[test]
    fn a_bad_url_is_refused_without_repeating_any_of_it() {
        for url in [
            "postgres://u:p@h/db?canary=1",
            "mysql://u:canary@h/db",
            "postgres://u:canary@h:port/db",
            "postgres://u:canary@h/db?sslmode=verify-full",
        ] {
            let Err(error) = pool(&settings(url, PgTls::Disable)) else { panic!("{url}") };
            assert!(matches!(error, StoreError::Refused(_)), "{url}: {error}");
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }

    #[test]
    fn the_url_cannot_weaken_the_configured_tls() {
        let url = "postgres://u@h/db?sslmode=disable";
        let config = client_config(&settings(url, PgTls::VerifyFull)).unwrap();
        assert_eq!(config.get_ssl_mode(), SslMode::Require);
        assert_eq!(config.get_application_name(), Some("relink"));
    }
}
