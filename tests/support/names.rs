//! The name service of a test's own namespace: names that are known, and then asked for in vain
//! from a server that hears the question and says nothing.

use crate::namespace::run;
use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// Looked up in the file of hosts first, then by asking.
const ORDER: &str = "hosts: files dns\n";

/// Two tries of 5 s each, as usual.
const SERVER: &str = "nameserver 127.0.0.1\noptions timeout:5 attempts:2\n";

/// The name service of every process that is started from now on. It knows no names at first.
#[derive(Debug)]
pub struct Names {
    hosts: PathBuf,
    local: String,
    asked: Arc<Mutex<BTreeSet<String>>>,
    _folder: TempDir,
}

impl Names {
    /// Takes the place of this machine's.
    ///
    /// # Panics
    /// This is no namespace of a test's own, or this system has no file of hosts.
    pub fn install() -> Self {
        let folder = tempfile::Builder::new().prefix("relink-names-").tempdir().unwrap();
        // What no process can do without, servers in particular. In both families, or looking for
        // the other one would be asked about.
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let host = host.trim();
        let local = format!("127.0.0.1 localhost {host}\n::1 localhost {host}\n");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            run("mount", &["--bind", path.to_str().unwrap(), &format!("/etc/{name}")]);
            path
        };
        file("nsswitch.conf", ORDER);
        file("resolv.conf", SERVER);
        let hosts = file("hosts", &local);
        let asked = Arc::<Mutex<_>>::default();
        listen(Arc::clone(&asked));
        Self { hosts, local, asked, _folder: folder }
    }

    /// From now on these names are 127.0.0.1. Whoever looks for another one asks, and gets no
    /// answer.
    pub fn know(&self, names: &[&str]) {
        let lines = names.iter().map(|name| format!("127.0.0.1 {name}\n"));
        // In place: it is this very file that is mounted.
        std::fs::write(&self.hosts, self.local.clone() + &lines.collect::<String>()).unwrap();
    }

    /// Whether anybody asked for this name, and got no answer.
    pub fn asked_for(&self, name: &str) -> bool {
        self.asked.lock().unwrap().contains(name)
    }
}

/// Hears every question until the process ends. Were nobody there, the kernel would say so, and
/// asking would end at once.
fn listen(asked: Arc<Mutex<BTreeSet<String>>>) {
    let server = UdpSocket::bind("127.0.0.1:53").unwrap();
    std::thread::spawn(move || {
        let mut question = [0; 512];
        while let Ok(length) = server.recv(&mut question) {
            asked.lock().unwrap().extend(name_in(&question[..length]));
        }
    });
}

/// The name in a question (RFC 1035, 4.1.2): parts with their lengths before them, up to an empty
/// one, behind a header of 12 bytes.
fn name_in(question: &[u8]) -> Option<String> {
    let mut rest = question.get(12..)?;
    let mut parts = Vec::new();
    while let Some((length, behind)) = rest.split_first().filter(|(length, _)| **length > 0) {
        let (part, behind) = behind.split_at_checked(usize::from(*length))?;
        parts.push(String::from_utf8_lossy(part));
        rest = behind;
    }
    Some(parts.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{eventually, isolated};
    use std::net::ToSocketAddrs as _;

    #[tokio::test]
    async fn a_name_is_known_or_nobody_answers() {
        isolated(async || {
            let names = Names::install();
            names.know(&["broker.example"]);
            let mut found = ("broker.example", 1).to_socket_addrs().unwrap();
            assert!(found.next().unwrap().ip().is_loopback());
            assert!(!names.asked_for("broker.example"));
            names.know(&[]);
            let looking = std::thread::spawn(|| ("broker.example", 1).to_socket_addrs().is_err());
            eventually("somebody to ask", || async {
                names.asked_for("broker.example").then_some(())
            })
            .await;
            names.know(&["broker.example"]);
            assert!(looking.join().unwrap(), "nobody can have answered");
            assert!(("broker.example", 1).to_socket_addrs().is_ok());
        })
        .await;
    }
}
