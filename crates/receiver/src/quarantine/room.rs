//! Who gives way when the quarantine is full. Pure: sizes and sources in, a decision out. Within
//! one source what came first stays; between sources room is shared evenly, so that a flood
//! displaces itself before it displaces anybody else (docs/adr/0006).

use std::collections::HashMap;

/// What a kept request takes and from where it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) source: u32,
    /// On the disk.
    pub(super) bytes: u64,
}

/// What must happen before a newcomer is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Room {
    /// These go, by their position; often none.
    Made(Vec<usize>),
    /// The newcomer is refused, and everybody stays.
    Refused,
}

/// Whether `newcomer` fits under `max_bytes` beside `kept`, which is ordered oldest first.
pub(super) fn room(kept: &[Place], newcomer: Place, max_bytes: u64) -> Room {
    let mut shares: HashMap<u32, u64> = HashMap::new();
    for place in kept {
        *shares.entry(place.source).or_default() += place.bytes;
    }
    let mut total: u64 = kept.iter().map(|place| place.bytes).sum();
    let own = shares.get(&newcomer.source).copied().unwrap_or(0) + newcomer.bytes;
    let mut gone = Vec::new();
    while total + newcomer.bytes > max_bytes {
        let others = shares.iter().filter(|(source, _)| **source != newcomer.source);
        // The smaller tag among equals, so that the decision does not depend on a map's order.
        let Some((&largest, &share)) = others.max_by_key(|(source, share)| (**share, !**source))
        else {
            return Room::Refused;
        };
        let newest = kept
            .iter()
            .enumerate()
            .rfind(|(at, place)| place.source == largest && !gone.contains(at));
        let Some((at, place)) = newest else { return Room::Refused };
        let left = share - place.bytes;
        // Nobody may be pushed below the one who comes.
        if own > left {
            return Room::Refused;
        }
        shares.insert(largest, left);
        total -= place.bytes;
        gone.push(at);
    }
    Room::Made(gone)
}

#[cfg(test)]
#[path = "room_tests.rs"]
mod tests;
