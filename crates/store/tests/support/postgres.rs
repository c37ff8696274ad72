//! A PostgreSQL of the tests' own, and a fresh database on it for each test.
//!
//! With `RELINK_TEST_POSTGRES_URL` the databases are made on that server, which must let its
//! user create and drop them; without, a private server is started and stopped with the tests.
//! A machine that has neither fails the test: nothing is ever skipped.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test whose server cannot be had fails on the spot and says why"
)]

use relink_config::{PgTls, Postgres};
use relink_core::masked::Secret;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio_postgres::NoTls;

/// Names a server to use in place of a private one.
const URL_VARIABLE: &str = "RELINK_TEST_POSTGRES_URL";

/// `off` makes a private server faster, and as lossy as its host is unreliable.
const FSYNC_VARIABLE: &str = "RELINK_TEST_POSTGRES_FSYNC";

/// How long a server may take to answer, recovery included.
const START_DEADLINE: Duration = Duration::from_secs(60);

/// Runs the server until it is told to stop, or until standard input ends, which it does with
/// this process however that ends; then nothing is left behind. $1: the folder; the rest: the
/// server's command line.
const SUPERVISOR: &str = r#"
dir=$1; shift
"$@" >>"$dir/log" 2>&1 </dev/null &
server=$!
read -r told
kill -QUIT "$server" 2>/dev/null
kill -CONT "$server" 2>/dev/null
wait "$server"
[ "$told" = stop ] || rm -rf "$dir"
"#;

/// A database of one test, empty at first, dropped with it.
pub(crate) struct TestDatabase {
    url: String,
    name: String,
    admin_url: String,
    server: Option<Arc<Server>>,
}

impl TestDatabase {
    /// On the server that `RELINK_TEST_POSTGRES_URL` names, or on the private one that the
    /// tests of this process share.
    pub(crate) async fn create() -> Self {
        match std::env::var(URL_VARIABLE) {
            Ok(url) => Self::on(url, None).await,
            Err(_) => {
                let server = Server::shared();
                Self::on(server.url(), Some(server)).await
            }
        }
    }

    /// On a server of its own, for tests that break it.
    pub(crate) async fn on_own_server(max_connections: usize) -> Self {
        let server = Arc::new(Server::start(max_connections));
        Self::on(server.url(), Some(server)).await
    }

    async fn on(admin_url: String, server: Option<Arc<Server>>) -> Self {
        let name = format!("relink_{}", uuid::Uuid::new_v4().simple());
        let admin = connect(&admin_url).await;
        admin.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("CREATE DATABASE");
        Self { url: with_database(&admin_url, &name), name, admin_url, server }
    }

    /// Settings of a store on it.
    pub(crate) fn settings(&self, max_connections: usize) -> Postgres {
        Postgres { url: Secret::new(&self.url), tls: PgTls::Disable, max_connections }
    }

    /// A connection beside the store, for looking at what it left.
    pub(crate) async fn client(&self) -> tokio_postgres::Client {
        connect(&self.url).await
    }

    /// Its private server.
    pub(crate) fn server(&self) -> &Server {
        self.server.as_deref().expect("a database on a server of its own")
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if self.server.is_some() {
            return;
        }
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let url = self.admin_url.clone();
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                connect(&url).await.batch_execute(&sql).await.expect("DROP DATABASE");
            });
        });
        let dropped = dropping.join();
        if !std::thread::panicking() {
            dropped.expect("the test's database is dropped");
        }
    }
}

/// A private server in a folder of its own. Stopped when dropped, and when this process ends in
/// any other way.
pub(crate) struct Server {
    dir: TempDir,
    owner: Option<(u32, u32)>,
    port: u16,
    /// More settings, as `name=value`.
    settings: Vec<String>,
    running: Mutex<Option<Running>>,
}

struct Running {
    supervisor: Child,
    pid: u32,
}

impl Server {
    /// The one that tests running in this process at the same time have in common.
    fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return server;
        }
        let server = Arc::new(Self::start(200));
        *shared = Arc::downgrade(&server);
        server
    }

    /// Makes a cluster and runs it; answers once it takes connections.
    pub(crate) fn start(max_connections: usize) -> Self {
        Self::start_with(vec![format!("max_connections={max_connections}")], &[])
    }

    /// The same with `server.crt` and `server.key` of `certificates`, for TLS.
    pub(crate) fn start_with_tls(max_connections: usize, certificates: &Path) -> Self {
        let settings = vec![format!("max_connections={max_connections}"), "ssl=on".to_owned()];
        let files = ["server.crt", "server.key"].map(|name| certificates.join(name));
        Self::start_with(settings, &files)
    }

    fn start_with(settings: Vec<String>, files: &[PathBuf]) -> Self {
        let dir = tempfile::Builder::new().prefix("relink-pg-").tempdir().expect("a folder");
        let owner = owner_for(dir.path());
        let mut initdb = Command::new(program("initdb"));
        initdb.args(["--username=relink", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
        initdb.args(["--no-sync", "--pgdata"]).arg(dir.path().join("data"));
        let made = run_as(owner, &mut initdb).output().expect("initdb runs");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        for file in files {
            let name = file.file_name().expect("a name");
            let copy = dir.path().join("data").join(name);
            fs::copy(file, &copy).expect("a file of the server");
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).expect("its mode");
            chown(&copy, owner.map(|owner| owner.0), owner.map(|owner| owner.1))
                .expect("its owner");
        }
        let server = Self { dir, owner, port: free_port(), settings, running: Mutex::new(None) };
        server.run();
        server
    }

    /// `postgres://` with a user who may do everything.
    pub(crate) fn url(&self) -> String {
        format!("postgres://relink@127.0.0.1:{}/postgres", self.port)
    }

    /// On 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Ends it like a power cut.
    pub(crate) fn kill_9(&self) {
        let pid = self.pid();
        signal("-KILL", pid);
        wait_until("the killed server is gone", || has_ended(pid));
    }

    /// Stops it without its knowing, like a host that hangs, or lets it go on.
    pub(crate) fn freeze(&self, frozen: bool) {
        let name = if frozen { "-STOP" } else { "-CONT" };
        let pid = self.pid();
        signal(name, pid);
        for child in descendants(pid) {
            try_signal(name, child);
        }
    }

    /// Runs it again in the same folder and at the same port; answers once it takes connections.
    pub(crate) fn restart(&self) {
        self.stop();
        self.run();
    }

    fn run(&self) {
        let started = Instant::now();
        loop {
            let mut supervisor = self.spawn();
            if let Some(pid) = self.wait_for_server(&supervisor) {
                *self.running.lock().expect("one test") = Some(Running { supervisor, pid });
                return;
            }
            end(&mut supervisor);
            // What a killed server left behind may still hold its memory: tried again.
            let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            assert!(started.elapsed() < START_DEADLINE, "PostgreSQL does not start:\n{log}");
        }
    }

    fn spawn(&self) -> Child {
        let fsync = std::env::var(FSYNC_VARIABLE).unwrap_or_else(|_| "on".to_owned());
        let mut command = Command::new("sh");
        command.args(["-c", SUPERVISOR, "sh"]).arg(self.dir.path()).arg(program("postgres"));
        command.arg("-D").arg(self.dir.path().join("data")).arg("-k").arg(self.dir.path());
        command.args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        command.args(["-c", "superuser_reserved_connections=2", "-c", "shared_buffers=32MB"]);
        command.args(["-c", &format!("fsync={fsync}")]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        run_as(self.owner, &mut command).spawn().expect("sh runs")
    }

    /// The server's process id once it takes connections; `None` when it has ended instead.
    fn wait_for_server(&self, supervisor: &Child) -> Option<u32> {
        let started = Instant::now();
        while started.elapsed() < START_DEADLINE {
            if let Some(pid) = children(supervisor.id()).first().copied() {
                if has_ended(pid) {
                    return None;
                }
                if self.says_ready(pid) {
                    return Some(pid);
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    /// The server's own file: its process id in the first line, its state in the eighth.
    fn says_ready(&self, pid: u32) -> bool {
        let file = fs::read_to_string(self.dir.path().join("data/postmaster.pid"));
        let lines: Vec<String> =
            file.unwrap_or_default().lines().map(|line| line.trim().to_owned()).collect();
        lines.first() == Some(&pid.to_string()) && lines.get(7).is_some_and(|line| line == "ready")
    }

    fn pid(&self) -> u32 {
        self.running.lock().expect("one test").as_ref().expect("it runs").pid
    }

    fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut running) = running {
            end(&mut running.supervisor);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Tells the supervisor to stop the server, and waits for it.
fn end(supervisor: &mut Child) {
    if let Some(mut told) = supervisor.stdin.take() {
        let _ = told.write_all(b"stop\n");
    }
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(10) {
        if supervisor.try_wait().is_ok_and(|status| status.is_some()) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = supervisor.kill();
    let _ = supervisor.wait();
}

/// Connects; fails the test when that cannot be done.
async fn connect(url: &str) -> tokio_postgres::Client {
    let connecting = tokio_postgres::connect(url, NoTls);
    let (client, connection) = tokio::time::timeout(START_DEADLINE, connecting)
        .await
        .expect("the test server answers in time")
        .unwrap_or_else(|error| panic!("{URL_VARIABLE} or the private server: {error:?}"));
    tokio::spawn(connection);
    client
}

fn with_database(url: &str, name: &str) -> String {
    let (base, parameters) = url.split_once('?').unwrap_or((url, ""));
    let host = base.find("://").map_or(0, |at| at + 3);
    let end = base[host..].find('/').map_or(base.len(), |at| host + at);
    let parameters = if parameters.is_empty() { String::new() } else { format!("?{parameters}") };
    format!("{}/{name}{parameters}", &base[..end])
}

/// Found by `PATH`, or where Debian keeps it, the newest version first.
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    let found = folders.into_iter().map(|folder| folder.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "these tests need PostgreSQL: install Debian's package postgresql, or name a server \
             in {URL_VARIABLE}; there is no `{name}`"
        )
    })
}

/// PostgreSQL does not run as root: the folder is given to the user its package brings.
fn owner_for(dir: &Path) -> Option<(u32, u32)> {
    if fs::metadata(dir).expect("the folder").uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("the list of users");
    let user = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let (user, group) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        (name == "postgres").then_some((user, group))
    });
    let (user, group) = user.expect(
        "PostgreSQL does not run as root and there is no user `postgres`: install Debian's \
         package postgresql",
    );
    chown(dir, Some(user), Some(group)).expect("the folder is given away");
    Some((user, group))
}

fn run_as(owner: Option<(u32, u32)>, command: &mut Command) -> &mut Command {
    command.current_dir("/");
    if let Some((user, group)) = owner {
        command.uid(user).gid(group);
    }
    command
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its number").port()
}

fn signal(name: &str, pid: u32) {
    assert!(try_signal(name, pid), "kill {name} {pid}");
}

/// The same for one that may have ended meanwhile, as the server of a client that left does; answers
/// whether it was there.
fn try_signal(name: &str, pid: u32) -> bool {
    let mut kill = Command::new("kill");
    let sent = kill.args([name, &pid.to_string()]).stderr(Stdio::null()).status();
    sent.is_ok_and(|status| status.success())
}

/// A process and everything it started.
fn descendants(pid: u32) -> Vec<u32> {
    std::iter::once(pid).chain(children(pid).into_iter().flat_map(descendants)).collect()
}

fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// Gone, or waiting only for its parent to notice.
fn has_ended(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(10), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
