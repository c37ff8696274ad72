//! A cluster of three RabbitMQ servers of a test's own, each with an address of this machine, so
//! that packets between two of them can be told from all others.

use crate::packet_filter::PacketFilter;
use crate::private::node::{Group, Node, Place, Wishes, free_port, mapper};
use crate::wait::eventually;
use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt as _;
use tokio::task::spawn_blocking;

/// Not 127.0.0.1, from which clients come.
const ADDRESSES: [Ipv4Addr; 3] =
    [Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3), Ipv4Addr::new(127, 0, 0, 4)];

const START_ATTEMPTS: usize = 5;

/// The cluster. A queue that is declared while all of it runs has a copy on each node. Ends with
/// this value, and with the test process.
pub struct Cluster {
    nodes: Vec<Node>,
    _mapper: Group,
}

impl Cluster {
    /// Starts one in which a node notices after about `noticed_s` seconds that it hears nothing
    /// any more from another, and after at most 1.25 times that. A node that hears from no other
    /// pauses.
    pub async fn start(noticed_s: u32) -> Self {
        for _ in 1..START_ATTEMPTS {
            // Somebody else may take a port between its choice and its use.
            if let Ok(cluster) = Self::try_start(noticed_s).await {
                return cluster;
            }
        }
        let started = Self::try_start(noticed_s).await;
        started.unwrap_or_else(|log| panic!("the cluster does not start:\n{log}"))
    }

    async fn try_start(noticed_s: u32) -> Result<Self, String> {
        let port = free_port();
        let mapper = mapper(port, &ADDRESSES);
        let places = ADDRESSES.map(|address| Place::new(address, port));
        let mut settings = "cluster_partition_handling = pause_minority\n\
             cluster_formation.peer_discovery_backend = classic_config\n"
            .to_owned();
        for (number, place) in (1..).zip(places) {
            let name = place.name();
            writeln!(settings, "cluster_formation.classic_config.nodes.{number} = {name}").unwrap();
        }
        // One scheduler each: three servers share the machine with everything else.
        let emulator = format!("-kernel net_ticktime {noticed_s} +S 1:1");
        let wishes = Wishes { settings, emulator, ..Wishes::default() };
        let nodes = places.map(|place| Node::new(place, &wishes));
        let mut cluster = Self { nodes: nodes.into(), _mapper: mapper };
        for node in &mut cluster.nodes {
            share_cookie(node);
            node.launch();
        }
        spawn_blocking(move || {
            cluster.nodes.iter().try_for_each(Node::until_serving)?;
            Ok(cluster)
        })
        .await
        .unwrap()
    }

    /// `amqp://` of each node.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.place.url()).collect()
    }

    /// `kill -9` of one node, with everything it started.
    pub async fn kill(&mut self, node: usize) {
        self.nodes[node].kill().await;
    }

    /// Starts a node again on what it had stored.
    pub async fn restart(&mut self, node: usize) {
        self.nodes[node].launch();
        eventually("a node to serve again", || async { self.serves(node).then_some(()) }).await;
    }

    fn serves(&self, node: usize) -> bool {
        let state = self.nodes[node].serves();
        state.unwrap_or_else(|log| panic!("RabbitMQ does not start again:\n{log}"))
    }

    /// Loses every packet between one node and the others, but none of its clients'.
    pub fn cut_off(&self, node: usize, filter: &PacketFilter) {
        for other in (0..ADDRESSES.len()).filter(|other| *other != node) {
            filter.lose_between(IpAddr::V4(ADDRESSES[node]), IpAddr::V4(ADDRESSES[other]));
        }
    }

    /// Which node leads a queue, once every node has a copy of it, as the first node knows.
    pub async fn leader(&self, queue: &str) -> usize {
        let list = ["list_queues", "name", "leader", "online", "--no-table-headers"];
        let name = eventually("a copy of the queue on every node", || async {
            let text = self.nodes[0].ctl(&list).await;
            let row = text.lines().find_map(|row| row.strip_prefix(queue)?.strip_prefix('\t'))?;
            let (leader, copies) = row.split_once('\t')?;
            (copies.matches('@').count() == self.nodes.len()).then(|| leader.trim().to_owned())
        })
        .await;
        self.nodes.iter().position(|node| node.place.name() == name).unwrap()
    }

    /// Whether a node runs and hears from all others, as it says itself. One that has paused, or is
    /// about to, does not.
    pub async fn is_whole(&self, node: usize) -> bool {
        let running = ["eval", "length(rabbit_mnesia:cluster_nodes(running))."];
        self.nodes[node].ctl(&running).await.trim() == self.nodes.len().to_string()
    }
}

/// Servers talk to one another only with the same cookie.
fn share_cookie(node: &Node) {
    let cookie = node.home().join(".erlang.cookie");
    fs::write(&cookie, "cluster-of-a-test").unwrap();
    fs::set_permissions(&cookie, fs::Permissions::from_mode(0o400)).unwrap();
}
