//! The ports of a process: sockets that its supervisor opened and keeps (systemd's protocol:
//! `LISTEN_PID`, `LISTEN_FDS`, `LISTEN_FDNAMES`), else opened as configured. With the former a
//! restart refuses nobody: while no process runs, connections wait in the socket.

use crate::failure::Failure;
use listenfd::ListenFd;
use relink_http::listener::Listener;
use relink_http::server::bind;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// For which a process that was told to stop goes on accepting: a proxy that asks `/readyz` every
/// second has seen by then that it is leaving.
const LINGER: Duration = Duration::from_secs(2);

/// What a port is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    Receiver,
    Web,
    Admin,
}

impl Purpose {
    const ALL: [Self; 3] = [Self::Receiver, Self::Web, Self::Admin];

    /// The name of a socket that is handed over for it.
    fn name(self) -> &'static str {
        match self {
            Self::Receiver => "receiver",
            Self::Web => "web",
            Self::Admin => "admin",
        }
    }
}

/// What must be known of a port to open it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) purpose: Purpose,
    /// Where, unless a socket was handed over.
    pub(crate) address: SocketAddr,
    /// Whether others may listen there too.
    pub(crate) shared: bool,
}

/// Where listeners come from.
#[derive(Debug)]
pub(crate) struct Ports {
    inherited: BTreeMap<Purpose, std::net::TcpListener>,
    linger: Duration,
}

impl Ports {
    /// Takes what the supervisor handed over. Must be called while the process has one thread:
    /// the variables are removed, so that no child takes the sockets for its own.
    ///
    /// # Errors
    /// A socket that is no TCP socket or has none of the names.
    pub(crate) fn from_env() -> Result<Self, Failure> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut handed = ListenFd::from_env();
        let mut inherited = BTreeMap::new();
        for (number, purpose) in purposes(&names, handed.len())?.into_iter().enumerate() {
            let taken = handed.take_tcp_listener(number);
            if let Some(socket) = taken.map_err(|error| unusable(purpose, &error))? {
                inherited.insert(purpose, socket);
            }
        }
        Ok(Self { inherited, linger: LINGER })
    }

    /// Nothing handed over, and nobody who would have to see that the process is leaving.
    pub(crate) fn private() -> Self {
        Self { inherited: BTreeMap::new(), linger: Duration::ZERO }
    }

    /// The socket of this name that was handed over, else a new one.
    pub(crate) async fn open(&mut self, wanted: Wanted) -> Result<Listener, Failure> {
        let Wanted { purpose, address, shared } = wanted;
        if let Some(socket) = self.inherited.remove(&purpose) {
            return Listener::inherited(socket).map_err(|error| unusable(purpose, &error));
        }
        let listener = match shared {
            true => Listener::bind_shared(address)?,
            false => bind(address).await?.into(),
        };
        Ok(match purpose {
            Purpose::Receiver | Purpose::Web => listener.lingering(self.linger),
            // It outlives the others, and is asked by who knows that.
            Purpose::Admin => listener,
        })
    }

    /// Refuses sockets that nobody took: connections would wait in them for ever.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let left: Vec<&str> = self.inherited.into_keys().map(Purpose::name).collect();
        if left.is_empty() {
            return Ok(());
        }
        Err(Failure::config(format!(
            "a socket for {} was handed over, and this command does not serve it: take it out of \
             the service's Sockets=, or start the command that does",
            left.join(" and ")
        )))
    }
}

fn unusable(purpose: Purpose, error: &std::io::Error) -> Failure {
    Failure::config(format!("the socket {} that was handed over: {error}", purpose.name()))
}

/// What `count` sockets are for, by their names in `LISTEN_FDNAMES`: each known, none twice.
fn purposes(names: &str, count: usize) -> Result<Vec<Purpose>, Failure> {
    let given: Vec<&str> = names.split(':').filter(|name| !name.is_empty()).collect();
    let mut purposes = Vec::new();
    for number in 0..count {
        let name = given.get(number).copied().unwrap_or("(none)");
        let Some(purpose) = Purpose::ALL.into_iter().find(|known| known.name() == name) else {
            return Err(Failure::config(format!(
                "socket {number} that was handed over has the name {name}: write \
                 FileDescriptorName= with one of {} into its .socket unit",
                Purpose::ALL.map(Purpose::name).join(", ")
            )));
        };
        if purposes.contains(&purpose) {
            return Err(Failure::config(format!(
                "two sockets with the name {name} were handed over: give one ListenStream=, such \
                 as [::]:8080, which takes IPv4 too"
            )));
        }
        purposes.push(purpose);
    }
    Ok(purposes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_known_by_their_names() {
        assert_eq!(purposes("", 0).unwrap(), []);
        // Left over from a parent: no socket is ours.
        assert_eq!(purposes("relink.socket", 0).unwrap(), []);
        assert_eq!(purposes("web:receiver", 2).unwrap(), [Purpose::Web, Purpose::Receiver]);
        for (names, count, part) in [
            ("relink.socket", 1, "relink.socket"),
            ("", 1, "(none)"),
            ("web", 2, "FileDescriptorName="),
            ("web:web", 2, "two sockets"),
        ] {
            let error = format!("{:?}", purposes(names, count).unwrap_err());
            assert!(error.contains(part) && error.contains("64"), "{names}: {error}");
        }
    }

    #[tokio::test]
    async fn a_socket_that_nobody_takes_is_refused() {
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        let web = std::net::TcpListener::bind(any).unwrap();
        let address = web.local_addr().unwrap();
        let ports = || Ports {
            inherited: BTreeMap::from([(Purpose::Web, web.try_clone().unwrap())]),
            linger: Duration::ZERO,
        };
        let mut taken = ports();
        let wanted = Wanted { purpose: Purpose::Web, address: any, shared: false };
        assert_eq!(taken.open(wanted).await.unwrap().local_addr().unwrap(), address);
        taken.finish().unwrap();
        let mut left = ports();
        left.open(Wanted { purpose: Purpose::Receiver, ..wanted }).await.unwrap();
        let error = format!("{:?}", left.finish().unwrap_err());
        assert!(error.contains("a socket for web"), "{error}");
    }
}
