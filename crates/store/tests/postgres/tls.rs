//! `verify-full` speaks to the right server in secret, or not at all.

use crate::server::{Server, TestDatabase};
use crate::world::{keys, rules};
use relink_config::{PgTls, Postgres};
use relink_core::masked::Secret;
use relink_store::{Clock, PostgresStore, Store as _, StoreError};
use std::path::Path;
use std::process::{Command, Stdio};

/// Says to the test below, run again as a program of its own, which server to reach; the roots
/// it trusts are in `SSL_CERT_FILE`, which is read once per program.
const URL_VARIABLE: &str = "RELINK_TEST_TLS_URL";

fn verifying(url: &str) -> PostgresStore {
    let settings = Postgres { url: Secret::new(url), tls: PgTls::VerifyFull, max_connections: 1 };
    PostgresStore::open(&settings, rules(), keys(), Clock::System).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_not_spoken_to_in_the_clear() {
    let database = TestDatabase::on_own_server(10).await;
    let answer = verifying(database.settings(1).url.expose()).check().await;
    let Err(StoreError::Unavailable(why)) = answer else { panic!("{answer:?}") };
    assert!(why.contains("TLS"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_server_that_the_certificate_names_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let root = certificates(folder.path());
    let server = Server::start_with_tls(10, folder.path());
    let port = server.port();
    let named = format!("postgres://relink@localhost:{port}/postgres");
    let other = format!("postgres://relink@127.0.0.1:{port}/postgres");
    assert_eq!(reach(&named, &root), "Ok(())");
    let wrong_name = reach(&other, &root);
    assert!(wrong_name.contains("not valid for name"), "{wrong_name}");
    let system = reach(&named, Path::new("/etc/ssl/certs/ca-certificates.crt"));
    assert!(system.contains("UnknownIssuer"), "{system}");
}

/// Runs [`a_program_of_its_own`] with these roots; answers what the store said.
fn reach(url: &str, roots: &Path) -> String {
    let program = std::env::current_exe().unwrap();
    let run = Command::new(program)
        .args(["--exact", "tls::a_program_of_its_own", "--nocapture"])
        .env(URL_VARIABLE, url)
        .env("SSL_CERT_FILE", roots)
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    let answer = said.split_once("answer: ").map(|(_, rest)| rest.lines().next());
    answer.flatten().unwrap_or_else(|| panic!("{said}")).to_owned()
}

/// Only the other half of the test above: alone it makes sure that a name without a server is
/// reported as such.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_of_its_own() {
    let Ok(url) = std::env::var(URL_VARIABLE) else {
        let nobody = verifying("postgres://relink@localhost:1/postgres").check().await;
        assert!(matches!(nobody, Err(StoreError::Unavailable(_))), "{nobody:?}");
        return;
    };
    let store = verifying(&url);
    let answer = match store.check().await {
        // It was reached: there is no schema in it, and it said so.
        Err(StoreError::Schema(_)) => Ok(()),
        answer => answer,
    };
    println!("answer: {answer:?}");
}

/// A root and a certificate of `localhost`, made with the openssl program.
fn certificates(folder: &Path) -> std::path::PathBuf {
    let script = "set -e
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=test root' \
            -keyout root.key -out root.crt
        openssl req -newkey rsa:2048 -nodes -subj '/CN=localhost' -keyout server.key -out server.csr
        echo 'subjectAltName=DNS:localhost' > names
        openssl x509 -req -in server.csr -CA root.crt -CAkey root.key -CAcreateserial \
            -days 2 -extfile names -out server.crt";
    let made = Command::new("sh")
        .args(["-c", script])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "this test needs openssl (Debian's package openssl): {said}");
    folder.join("root.crt")
}
