//! Packets lost between processes: rules of the kernel's packet filter, for the loopback interface
//! of a test in a namespace of its own. A proxy can hold bytes back; only here do whole packets,
//! handshakes and goodbyes go missing, with nobody told.

use crate::namespace::run;
use std::net::{IpAddr, SocketAddr};

/// The one table of rules. Removed with the namespace.
#[derive(Debug)]
pub struct PacketFilter(());

impl PacketFilter {
    /// Lets everything pass, at first.
    ///
    /// # Panics
    /// The kernel takes no rules: this is no namespace of a test's own, or it has no nf_tables.
    pub fn install() -> Self {
        nft("add table inet faults");
        nft("add counter inet faults lost");
        nft("add chain inet faults arriving { type filter hook input priority 0 ; }");
        Self(())
    }

    /// Loses every packet to and from a server.
    pub fn lose_all(&self, server: SocketAddr) {
        drop_if(&format!("tcp dport {}", server.port()));
        drop_if(&format!("tcp sport {}", server.port()));
    }

    /// Loses this share of the packets to and from a server, each by itself at random.
    pub fn lose_some(&self, percent: u8, server: SocketAddr) {
        let dice = format!("numgen random mod 100 < {percent}");
        drop_if(&format!("tcp dport {} {dice}", server.port()));
        drop_if(&format!("tcp sport {} {dice}", server.port()));
    }

    /// Loses every packet of the connections that are open to a server now, and of no other;
    /// answers how many those are.
    pub fn lose_open(&self, server: SocketAddr) -> usize {
        let port = server.port();
        let list = run("ss", &["-Htn", "state", "established", &format!("( dport = :{port} )")]);
        let local = |line: &str| line.split_whitespace().nth(2)?.rsplit(':').next()?.parse().ok();
        let clients: Vec<u16> = list.lines().filter_map(local).collect();
        assert_eq!(clients.len(), list.lines().count(), "{list}");
        for client in &clients {
            drop_if(&format!("tcp sport {client} tcp dport {port}"));
            drop_if(&format!("tcp sport {port} tcp dport {client}"));
        }
        clients.len()
    }

    /// Loses every packet between two addresses.
    pub fn lose_between(&self, one: IpAddr, other: IpAddr) {
        drop_if(&format!("ip saddr {one} ip daddr {other}"));
        drop_if(&format!("ip saddr {other} ip daddr {one}"));
    }

    /// Lets everything pass again.
    pub fn heal(&self) {
        nft("flush chain inet faults arriving");
    }

    /// How many packets were lost so far.
    pub fn lost(&self) -> u64 {
        let text = nft("list counter inet faults lost");
        let count = text.split("packets ").nth(1).and_then(|rest| rest.split(' ').next());
        count.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{text}"))
    }
}

fn drop_if(matches: &str) {
    nft(&format!("add rule inet faults arriving {matches} counter name lost drop"));
}

fn nft(command: &str) -> String {
    run("nft", &[command])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isolated;
    use std::io::{self, Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    /// More than two packets on loopback need, less than the kernel's first repetition of a SYN.
    const SHORT: Duration = Duration::from_millis(800);

    #[tokio::test]
    async fn what_is_lost_is_silence_until_it_is_healed() {
        isolated(async || {
            let filter = PacketFilter::install();
            let server = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = server.local_addr().unwrap();
            TcpStream::connect_timeout(&address, SHORT).unwrap();
            assert_eq!(filter.lost(), 0);
            filter.lose_all(address);
            let error = TcpStream::connect_timeout(&address, SHORT).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert!(filter.lost() > 0);
            filter.heal();
            TcpStream::connect_timeout(&address, Duration::from_secs(60)).unwrap();
        })
        .await;
    }

    #[tokio::test]
    async fn open_connections_can_be_lost_alone() {
        isolated(async || {
            let filter = PacketFilter::install();
            let server = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = server.local_addr().unwrap();
            let open = || {
                let mut client = TcpStream::connect(address).unwrap();
                let (mut peer, _) = server.accept().unwrap();
                client.write_all(b"x").unwrap();
                peer.read_exact(&mut [0]).unwrap();
                (client, peer)
            };
            let (mut old, mut old_peer) = open();
            assert_eq!(filter.lose_open(address), 1);
            old.write_all(b"x").unwrap();
            old_peer.set_read_timeout(Some(SHORT)).unwrap();
            let error = old_peer.read_exact(&mut [0]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
            open();
        })
        .await;
    }
}
