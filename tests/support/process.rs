//! Real processes of the real program. Killed with the test that started them; their log lines
//! go to a file that a failing test names.

use bytes::Bytes;
use relink_http::client::{HttpClient, Limits};
use relink_http::{HeaderMap, Method};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A running process.
pub struct Relink {
    child: Child,
    log: PathBuf,
}

/// The program, as built beside this test.
///
/// # Panics
/// When it is not built.
pub fn relink_binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    // target/<profile>/deps/<test>: the program is two folders up.
    let path = test.parent().and_then(Path::parent).unwrap().join("relink");
    assert!(path.exists(), "{} is not built: `cargo build -p relink`", path.display());
    path
}

impl Relink {
    /// Starts the program with `config`.
    pub fn start(folder: &Path, config: &Path, arguments: &[&str]) -> Self {
        let name = arguments.first().copied().unwrap_or("relink");
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let log = folder.join(format!("{name}-{}.log", unique.get(..6).unwrap()));
        let child = Self::command(config, arguments)
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, log }
    }

    /// Runs the program to its end.
    pub fn output(config: &Path, arguments: &[&str]) -> Output {
        Self::command(config, arguments).stdin(Stdio::null()).output().unwrap()
    }

    fn command(config: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(relink_binary());
        command
            .arg("--config")
            .arg(config)
            .args(arguments)
            .env("TEST_CLIENT_ID", "ci_test")
            .env("TEST_CLIENT_SECRET", "cs_test");
        command
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What its admin listener answers to a path: status and text; `None` while it does not.
    pub async fn admin(&self, path: &str) -> Option<(u16, String)> {
        let log = self.log();
        let line = log.lines().find(|line| line.contains("relink is running"))?;
        let base = line.split("\"admin\":\"").nth(1)?.split('"').next()?;
        let client = HttpClient::new(Limits::default()).unwrap();
        let url = format!("{base}{path}");
        let answer = client.call(Method::GET, &url, HeaderMap::new(), Bytes::new()).await.ok()?;
        Some((answer.status.as_u16(), String::from_utf8_lossy(&answer.body).into_owned()))
    }

    /// Whether it has said that it runs.
    pub fn is_running(&self) -> bool {
        self.log().contains("relink is running")
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to stop, and answers its exit code.
    ///
    /// # Panics
    /// When it has not ended after 30 s.
    pub fn stop(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(started.elapsed() < Duration::from_secs(30), "does not stop:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Relink {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            println!("--- {}\n{}", self.log.display(), tail.join("\n"));
        }
    }
}
