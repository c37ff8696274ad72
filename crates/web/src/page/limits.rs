//! How often one address may guess, and how often one case may have Cobalt asked: token buckets
//! in memory. Each process has its own, and forgets them when it ends.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Buckets by key, of a bounded number.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    holds: u32,
    refill: Duration,
    most: usize,
    tables: Mutex<Tables<K>>,
}

/// The newer half and the older one: the older is forgotten as a whole when the newer is full. So
/// the size is bounded without a search for what to forget.
#[derive(Debug)]
struct Tables<K> {
    newer: HashMap<K, Bucket>,
    older: HashMap<K, Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: u32,
    /// The moment up to which it has been refilled.
    at: Instant,
}

/// That a limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Empty;

impl<K: Eq + Hash + Copy> Buckets<K> {
    /// Buckets that hold `holds` at first and get one back every `refill`; `most` of them.
    pub(crate) fn new(holds: u32, refill: Duration, most: usize) -> Self {
        let tables = Tables { newer: HashMap::new(), older: HashMap::new() };
        Self { holds, refill, most, tables: Mutex::new(tables) }
    }

    /// Whether there is something left for `key`. Takes nothing.
    ///
    /// # Errors
    /// There is not.
    pub(crate) fn check(&self, key: K, now: Instant) -> Result<(), Empty> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = self.refilled(tables.get(key), now);
        if bucket.left == 0 { Err(Empty) } else { Ok(()) }
    }

    /// Takes one.
    ///
    /// # Errors
    /// Nothing is left.
    pub(crate) fn take(&self, key: K, now: Instant) -> Result<(), Empty> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bucket = self.refilled(tables.get(key), now);
        let taken = bucket.left.checked_sub(1);
        bucket.left = taken.unwrap_or(0);
        if tables.newer.len() >= self.most / 2 && !tables.newer.contains_key(&key) {
            tables.older = std::mem::take(&mut tables.newer);
        }
        tables.newer.insert(key, bucket);
        taken.map(|_| ()).ok_or(Empty)
    }

    fn refilled(&self, bucket: Option<Bucket>, now: Instant) -> Bucket {
        let Some(Bucket { left, at }) = bucket else { return Bucket { left: self.holds, at: now } };
        let passed = now.saturating_duration_since(at).as_millis() / self.refill.as_millis().max(1);
        let back = u32::try_from(passed).unwrap_or(u32::MAX);
        if left.saturating_add(back) >= self.holds {
            return Bucket { left: self.holds, at: now };
        }
        // What has not made a whole one yet is not lost.
        Bucket { left: left + back, at: at + self.refill * back }
    }
}

impl<K: Eq + Hash + Copy> Tables<K> {
    fn get(&self, key: K) -> Option<Bucket> {
        self.newer.get(&key).or_else(|| self.older.get(&key)).copied()
    }
}

/// Who asks, as a key for a limit: the peer, or behind a proxy what the proxy itself added last to
/// `X-Forwarded-For`; everything before that came from whoever asks. Of IPv6 the network of 64
/// bits, since one household has all of it.
pub(crate) fn client(peer: IpAddr, forwarded: Option<&str>) -> IpAddr {
    let last = forwarded.and_then(|header| address(header.rsplit(',').next()?.trim()));
    match last.unwrap_or(peer).to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
    }
}

/// An address with or without a port and brackets.
fn address(text: &str) -> Option<IpAddr> {
    let parsed = text.parse::<std::net::SocketAddr>().map(|socket| socket.ip());
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    parsed.ok().or_else(|| bare.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let start = Instant::now();
        let buckets = Buckets::new(3, Duration::from_secs(2), 100);
        for _ in 0..3 {
            assert_eq!(buckets.check(1, start), Ok(()));
            assert_eq!(buckets.take(1, start), Ok(()));
        }
        let at = |ms: u64| start + Duration::from_millis(ms);
        for now in [0, 1000, 1999] {
            assert_eq!(buckets.check(1, at(now)), Err(Empty));
            assert_eq!(buckets.take(1, at(now)), Err(Empty), "trying again does not put it off");
        }
        assert_eq!(buckets.take(2, start), Ok(()), "others are not concerned");
        assert_eq!(buckets.take(1, at(2000)), Ok(()));
        assert_eq!(buckets.take(1, at(2000)), Err(Empty));
        assert_eq!(buckets.take(1, at(4000)), Ok(()));
        for _ in 0..3 {
            assert_eq!(buckets.take(1, at(1_000_000)), Ok(()));
        }
        assert_eq!(buckets.take(1, at(1_000_000)), Err(Empty), "it holds no more than at first");
    }

    #[test]
    fn a_flood_of_addresses_does_not_fill_the_memory() {
        let (now, most) = (Instant::now(), 100);
        let buckets = Buckets::new(1, Duration::from_secs(60), most);
        for key in 0..10_000 {
            buckets.take(key, now).unwrap();
            let tables = buckets.tables.lock().unwrap();
            assert!(tables.newer.len() + tables.older.len() <= most);
        }
        assert_eq!(buckets.take(9_999, now), Err(Empty), "the latest is remembered");
    }

    #[test]
    fn only_the_proxys_own_word_counts() {
        let peer: IpAddr = "10.0.0.1".parse().unwrap();
        let of = |forwarded| client(peer, forwarded).to_string();
        assert_eq!(of(None), "10.0.0.1");
        assert_eq!(of(Some("203.0.113.7")), "203.0.113.7");
        assert_eq!(of(Some("1.1.1.1, 203.0.113.7")), "203.0.113.7");
        assert_eq!(of(Some("203.0.113.7:4711")), "203.0.113.7");
        assert_eq!(of(Some("[2001:db8:1:2:3::4]:4711")), "2001:db8:1:2::");
        assert_eq!(of(Some("2001:db8:1:2:ffff::9")), "2001:db8:1:2::");
        assert_eq!(of(Some("::ffff:203.0.113.7")), "203.0.113.7");
        for odd in ["", ",", "unknown", "1.2.3.4,", "203.0.113", "é"] {
            assert_eq!(of(Some(odd)), "10.0.0.1", "{odd}");
        }
    }
}
