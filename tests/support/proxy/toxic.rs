//! What can be wrong with one direction of a connection.

use std::time::Duration;

/// The illness of one direction; the default is good health.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Toxic {
    /// Added to every byte's way.
    pub latency: Duration,
    /// At most this much more, at random. Order is kept.
    pub jitter: Duration,
    /// Nothing passes while this is set; what came meanwhile passes afterwards, as it does when
    /// a network that dropped packets lets the repeated ones through.
    pub hold: bool,
    /// The largest piece written at once, in bytes.
    pub slice: Option<usize>,
    /// The fastest it goes.
    pub bytes_per_second: Option<u64>,
    /// Both sides get a reset once this many bytes have passed since the connection began.
    pub reset_after: Option<u64>,
}

/// The illness of both directions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Toxics {
    /// From the client to the server.
    pub up: Toxic,
    /// From the server to the client.
    pub down: Toxic,
}

impl Toxics {
    /// The same illness in both directions.
    pub fn both(toxic: Toxic) -> Self {
        Self { up: toxic, down: toxic }
    }

    /// Connections are accepted, and nothing passes.
    pub fn black_hole() -> Self {
        Self::both(Toxic { hold: true, ..Toxic::default() })
    }

    /// What the client says arrives; the answers do not.
    pub fn no_answers() -> Self {
        Self { down: Toxic { hold: true, ..Toxic::default() }, ..Self::default() }
    }
}
