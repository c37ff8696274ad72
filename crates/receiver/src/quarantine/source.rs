//! From where a request came, for sharing the quarantine's room. A public peer is its own source;
//! behind a proxy, on this machine or in a private network, it is the address that the proxy
//! added last to `X-Forwarded-For`. Addresses of one network (IPv4 /24, IPv6 /48) are one source:
//! they cost a forger the price of one.

use relink_core::seal::sha256_hex;
use relink_http::HeaderMap;
use std::net::IpAddr;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// Where a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source(Option<IpAddr>);

impl Source {
    /// The source of a request from `peer` with these headers.
    pub(crate) fn of(peer: Option<IpAddr>, headers: &HeaderMap) -> Self {
        let peer = peer.map(|peer| peer.to_canonical());
        match peer {
            // Whoever reaches us directly could write anything into the header.
            Some(peer) if !may_be_a_proxy(peer) => Self(Some(peer)),
            Some(_) | None => Self(forwarded_for(headers).or(peer)),
        }
    }

    /// Tells networks apart in file names.
    pub(super) fn tag(self) -> u32 {
        let network = match self.0 {
            Some(IpAddr::V4(address)) => {
                let [a, b, c, _] = address.octets();
                format!("4/{a}.{b}.{c}")
            }
            Some(IpAddr::V6(address)) => {
                let [a, b, c, ..] = address.segments();
                format!("6/{a:x}:{b:x}:{c:x}")
            }
            None => "unknown".to_owned(),
        };
        let digest = sha256_hex(network.as_bytes());
        digest.get(..8).and_then(|hex| u32::from_str_radix(hex, 16).ok()).unwrap_or_default()
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(address) => write!(f, "{address}"),
            None => f.write_str("unknown"),
        }
    }
}

fn may_be_a_proxy(peer: IpAddr) -> bool {
    match peer {
        IpAddr::V4(peer) => peer.is_loopback() || peer.is_private() || peer.is_link_local(),
        IpAddr::V6(peer) => {
            peer.is_loopback() || peer.is_unique_local() || peer.is_unicast_link_local()
        }
    }
}

/// The last address: the only one that the proxy in front of us has seen itself.
fn forwarded_for(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all(FORWARDED_FOR).iter().next_back()?.to_str().ok()?;
    let last: IpAddr = last.rsplit(',').next()?.trim().parse().ok()?;
    Some(last.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use relink_http::header::HeaderValue;

    fn source(peer: &str, forwarded: &[&str]) -> Source {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_str(value).unwrap());
        }
        Source::of(peer.parse().ok(), &headers)
    }

    #[test]
    fn a_proxys_word_counts_and_a_strangers_does_not() {
        for (peer, forwarded, expected) in [
            ("203.0.113.7", &["198.51.100.1"][..], "203.0.113.7"),
            ("127.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.2", &["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
            ("::1", &["1.1.1.1", "2001:db8::1"], "2001:db8::1"),
            ("::ffff:127.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["nonsense"], "127.0.0.1"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("none", &[], "unknown"),
        ] {
            assert_eq!(source(peer, forwarded).to_string(), expected, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn one_network_is_one_source() {
        let tag = |peer: &str| source(peer, &[]).tag();
        assert_eq!(tag("203.0.113.7"), tag("203.0.113.200"));
        assert_ne!(tag("203.0.113.7"), tag("203.0.112.7"));
        assert_eq!(tag("2001:db8:1::1"), tag("2001:db8:1:ffff::2"));
        assert_ne!(tag("2001:db8:1::1"), tag("2001:db8:2::1"));
    }
}
