use super::*;
use crate::json::JsonError;

/// Made by JavaScript itself; see `fixtures/js_json.mjs`.
const CORPUS: &str = include_str!("../fixtures/js_json.jsonl");

fn ours(text: &str) -> Result<String, JsonError> {
    Json::parse(text.as_bytes()).map(|json| stringify(&json))
}

#[test]
fn every_text_comes_out_as_javascript_writes_it() {
    let mut written = 0;
    let mut refused = 0;
    for line in CORPUS.lines() {
        let (text, expected): (String, Option<String>) = serde_json::from_str(line).unwrap();
        assert_eq!(ours(&text).ok(), expected, "{text}");
        written += usize::from(expected.is_some());
        refused += usize::from(expected.is_none());
    }
    assert!(written > 800 && refused > 200, "the corpus shrank: {written} and {refused}");
}

#[test]
fn the_rows_where_json_writers_differ() {
    for (text, expected) in [
        (r#"{"b":1,"2":2,"1":3}"#, r#"{"1":3,"2":2,"b":1}"#),
        ("1.0", "1"),
        ("12345678901234567890", "12345678901234567000"),
        (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
        (r#""\uD800""#, r#""\ud800""#),
        ("\"é/\u{2028}\"", "\"é/\u{2028}\""),
        ("[-0, 1e21, 1e-7, 1e400]", "[0,1e+21,1e-7,null]"),
    ] {
        assert_eq!(ours(text).as_deref(), Ok(expected));
    }
}

proptest::proptest! {
    #[test]
    fn writing_is_stable(text in r#"(\{"[ab12]":|\["|[\[\]{}",:0-9eE.+\-\\u ]){0,40}"#) {
        if let Ok(once) = ours(&text) {
            let twice = ours(&once);
            proptest::prop_assert_eq!(twice, Ok(once));
        }
    }

    #[test]
    fn every_number_reads_back_as_the_same_double(bits in proptest::prelude::any::<u64>()) {
        let number = f64::from_bits(bits);
        if number.is_finite() {
            let text = number_text(number);
            proptest::prop_assert_eq!(text.parse::<f64>(), Ok(number), "{}", text);
        }
    }
}
