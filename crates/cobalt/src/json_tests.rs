use super::*;

fn depth_of(levels: usize) -> String {
    format!("{}{}", "[".repeat(levels), "]".repeat(levels))
}

#[test]
fn nesting_is_read_up_to_the_limit_and_refused_quickly_beyond_it() {
    assert!(Json::parse(depth_of(MAX_DEPTH + 1).as_bytes()).is_ok());
    assert_eq!(Json::parse(depth_of(MAX_DEPTH + 2).as_bytes()), Err(JsonError::TooDeep));
    for open in ["[", "{\"a\":", "[{\"a\":"] {
        let deep = open.repeat(100_000);
        assert_eq!(Json::parse(deep.as_bytes()), Err(JsonError::TooDeep), "{open}");
    }
}

#[test]
fn the_place_of_a_fault_is_named() {
    for (text, at) in [("", 0), ("{\"a\":}", 5), ("[1,2", 4), ("01", 1), ("\"\\q\"", 2), ("1 x", 2)]
    {
        assert_eq!(Json::parse(text.as_bytes()), Err(JsonError::Malformed { at }), "{text}");
    }
    assert_eq!(Json::parse(b"\"\xff\""), Err(JsonError::NotUtf8));
}

#[test]
fn a_body_full_of_keys_is_read_and_keeps_each_once() {
    let pairs: Vec<String> = (0..20_000).map(|n| format!("\"k{}\":{n}", n % 7_000)).collect();
    let Ok(Json::Object(entries)) = Json::parse(format!("{{{}}}", pairs.join(",")).as_bytes())
    else {
        panic!("this is an object");
    };
    assert_eq!(entries.len(), 7_000);
    assert_eq!(entries.first().map(|(_, value)| value.clone()), Some(Json::Number(14_000.0)));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        let _ = Json::parse(&bytes);
    }

    #[test]
    fn nothing_that_looks_like_json_makes_the_reader_panic(text in r#"[\[\]{}",:0-9eE.+\-\\u a-ftrnls😀]{0,80}"#) {
        let _ = Json::parse(text.as_bytes());
    }
}
