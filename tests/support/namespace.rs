//! A network and a mount table of a test's own, in which it may lose packets, fill disks and
//! take names away: nobody else on this machine notices, and nothing of it is left behind.
//!
//! A process cannot move its other threads into a namespace, so the test starts its own program
//! again in one, with itself as the only test. What it needs beside the kernel comes from Debian's
//! packages util-linux, mount, iproute2 and nftables, which `scripts/test` installs. A machine
//! that gives no namespaces fails the test: nothing is ever skipped.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Set inside a namespace: the file to make once the body has run to its end.
const DONE: &str = "RELINK_TEST_NAMESPACE_DONE";

/// For a body: longer than any wait in it, which says more about what is wrong.
const LIMIT: Duration = Duration::from_secs(360);

/// For a body that no longer sees to its own limit.
const HARD_LIMIT: Duration = Duration::from_secs(420);

/// Servers of the tests that cannot be reached from inside.
const OUTSIDE: [&str; 2] = ["RELINK_TEST_AMQP_URL", "RELINK_TEST_POSTGRES_URL"];

/// Runs `body` with a loopback interface and a mount table that belong to it alone. It can reach
/// nothing that was started outside: brokers and databases have to be its own. Temporary files are
/// in memory, so that no neighbour's disk traffic delays what is not about disks.
///
/// Has to be all that a test does, and its closure has to stand in the test itself.
///
/// # Panics
/// The body fails, or takes longer than 6 min; or the machine gives no namespaces, or lacks a
/// program for them.
pub async fn isolated<Body: AsyncFnOnce()>(body: Body) {
    let Some(done) = std::env::var_os(DONE) else {
        let test = test_of::<Body>();
        return tokio::task::spawn_blocking(move || enter(&test)).await.unwrap();
    };
    run("ip", &["link", "set", "lo", "up"]);
    let temporary = std::env::temp_dir();
    let options = "size=2g,mode=1777";
    run("mount", &["-t", "tmpfs", "-o", options, "tmpfs", temporary.to_str().unwrap()]);
    let ended = tokio::time::timeout(LIMIT, body()).await;
    assert!(ended.is_ok(), "not done after {LIMIT:?}");
    std::fs::write(done, "").unwrap();
}

/// The path of a test within its program, by the path of a closure in it.
fn test_of<Body>() -> String {
    let path = std::any::type_name::<Body>();
    let test = path.split("::{{closure}}").next().unwrap();
    test.split_once("::").unwrap().1.to_owned()
}

fn enter(test: &str) {
    assert_allowed();
    let folder = tempfile::Builder::new().prefix("relink-namespace-").tempdir().unwrap();
    // PostgreSQL has a user of its own.
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o711)).unwrap();
    let (done, temporary) = (folder.path().join("done"), folder.path().join("tmp"));
    std::fs::create_dir(&temporary).unwrap();
    let mut command = unshare();
    command.arg(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]);
    command.env(DONE, &done).env("TMPDIR", &temporary).stdin(Stdio::null());
    for server in OUTSIDE {
        command.env_remove(server);
    }
    let status = ended(command.spawn().unwrap());
    assert!(status.success(), "{test} failed in its namespace: {status}");
    // A program that knows no test of this name runs none, and is content.
    assert!(done.exists(), "{test} did not run to its end in its namespace");
}

fn ended(mut child: Child) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if started.elapsed() > HARD_LIMIT {
            child.kill().unwrap();
            return child.wait().unwrap();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Runs what is added to it in new namespaces. Without root a user namespace comes with them, in
/// which this user keeps the name and gets the rights.
fn unshare() -> Command {
    let mut command = tool("unshare");
    command.args(["--net", "--mount"]);
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-current-user", "--keep-caps"]);
    }
    command.arg("--");
    command
}

fn assert_allowed() {
    let tried = unshare().arg("true").output().unwrap();
    assert!(
        tried.status.success(),
        "this machine gives a test no network and mount namespace: {}\
         Run the tests as root; or let users have namespaces \
         (sysctl kernel.unprivileged_userns_clone=1, \
         sysctl kernel.apparmor_restrict_unprivileged_userns=0); \
         in a container, give it the capabilities SYS_ADMIN and NET_ADMIN.",
        String::from_utf8_lossy(&tried.stderr)
    );
}

/// Runs a program of the system to its end; answers what it said.
///
/// # Panics
/// There is no such program, or it fails.
pub(crate) fn run(name: &str, arguments: &[&str]) -> String {
    let output = tool(name).args(arguments).stdin(Stdio::null()).output().unwrap();
    let fault = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {arguments:?}: {fault}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A program found by `PATH`, or where administrators have theirs, which is not in every `PATH`.
pub(crate) fn tool(name: &str) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let found = folders.map(|folder| folder.join(name)).find(|file| Path::is_file(file));
    Command::new(found.unwrap_or_else(|| {
        panic!(
            "there is no {name}: tests in a namespace need Debian's packages util-linux, mount, \
             iproute2 and nftables"
        )
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_has_a_network_of_its_own() {
        isolated(async || {
            let links = run("ip", &["-oneline", "link", "show"]);
            assert_eq!(links.lines().count(), 1, "{links}");
            assert!(links.contains(" lo:") && links.contains("UP"), "{links}");
            assert!(OUTSIDE.iter().all(|server| std::env::var_os(server).is_none()));
        })
        .await;
    }

    #[tokio::test]
    async fn a_body_has_mounts_of_its_own() {
        isolated(async || {
            let folder = tempfile::tempdir().unwrap();
            let place = folder.path().to_str().unwrap();
            run("mount", &["-t", "tmpfs", "-o", "size=64k", "tmpfs", place]);
            assert!(std::fs::read_to_string("/proc/self/mounts").unwrap().contains(place));
            run("umount", &[place]);
        })
        .await;
    }

    #[tokio::test]
    #[should_panic(expected = "in its namespace")]
    async fn what_fails_inside_fails_outside() {
        // Said in these words inside, too: what should panic does so in both places.
        isolated(async || panic!("nothing works in its namespace")).await;
    }
}
