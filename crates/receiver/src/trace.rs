//! The trace a request belongs to: the sender's when it names one in `traceparent`, a new one
//! otherwise. Either way this process adds a span of its own to it.

use aws_lc_rs::rand;
use relink_core::trace::{HEADER, TraceContext};
use relink_http::HeaderMap;

/// The trace for a request with these headers.
pub(crate) fn of_request(headers: &HeaderMap) -> TraceContext {
    let [trace_high, trace_low, span] = random();
    headers
        .get(HEADER)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<TraceContext>().ok())
        .map_or_else(
            || {
                TraceContext::from_random(
                    u128::from(trace_high) << 64 | u128::from(trace_low),
                    span,
                )
            },
            |caller| caller.child(span),
        )
}

/// A number from 0.0 to 1.0, for spreading retries.
pub(crate) fn jitter() -> f64 {
    let [number, ..] = random();
    // The top 53 bits: as many as a float can tell apart.
    (number >> 11) as f64 / (1_u64 << 53) as f64
}

fn random() -> [u64; 3] {
    let mut bytes = [[0_u8; 8]; 3];
    // A generator that fails leaves zeroes: a trace id that is not unique, a wait without
    // spread. Neither is worth refusing an event for.
    let _ = rand::fill(bytes.as_flattened_mut());
    bytes.map(u64::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use relink_http::header::HeaderValue;

    fn headers(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(HEADER.parse().unwrap(), HeaderValue::from_static(value))])
    }

    #[test]
    fn the_callers_trace_goes_on_under_a_span_of_our_own() {
        let caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let trace = of_request(&headers(caller));
        assert_eq!(trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        assert_ne!(trace.to_string(), caller);
    }

    #[test]
    fn without_a_usable_header_a_new_trace_begins_each_time() {
        let first = of_request(&HeaderMap::new());
        let second = of_request(&headers("nonsense"));
        assert_ne!(first.trace_id(), second.trace_id());
    }

    #[test]
    fn jitter_stays_in_its_range_and_moves() {
        let drawn: Vec<f64> = (0..100).map(|_| jitter()).collect();
        assert!(drawn.iter().all(|jitter| (0.0..=1.0).contains(jitter)));
        assert!(drawn.windows(2).any(|pair| pair[0] != pair[1]));
    }
}
