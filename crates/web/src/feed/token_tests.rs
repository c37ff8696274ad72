use super::*;
use relink_config::ApiRole;
use relink_core::masked::Secret;
use serde_json::{Value, json};

const NOW: i64 = 1_767_225_600;

fn key(id: &str, secret: &str) -> ApiKey {
    ApiKey { id: id.to_owned(), role: ApiRole::App, secret: Secret::new(secret) }
}

fn keys() -> Vec<ApiKey> {
    vec![key("app", "app-key-0123456789abcdef"), key("other", "other-key-0123456789abc")]
}

fn now() -> Timestamp {
    from_millis(NOW * 1000)
}

/// A token as any library makes it.
fn signed(header: &Value, claims: &Value, secret: &str) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let input = format!("{}.{}", encode(header), encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, input.as_bytes())))
}

fn header() -> Value {
    json!({ "alg": "HS256", "typ": "JWT", "kid": "app" })
}

fn claims() -> Value {
    json!({ "sub": "user-1", "aud": "relink", "iat": NOW, "exp": NOW + 600 })
}

const SECRET: &str = "app-key-0123456789abcdef";

fn judged(token: &str) -> Result<UserToken, Refused> {
    verify(&keys(), token, now())
}

/// The claims with some of them replaced; `null` takes one away.
fn with(changes: Value) -> Value {
    let mut all = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            all.as_object_mut().unwrap().remove(name);
        } else {
            all[name] = value.clone();
        }
    }
    all
}

#[test]
fn the_example_of_the_standard_verifies() {
    // RFC 7515, A.1.1: its key and its signing input give its signature.
    let secret =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let input = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signature = URL_SAFE_NO_PAD.decode("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &URL_SAFE_NO_PAD.decode(secret).unwrap());
    hmac::verify(&key, input.as_bytes(), &signature).unwrap();
}

#[test]
fn a_token_of_the_apps_backend_holds_for_its_user_until_its_end() {
    let expires_at = from_millis((NOW + 600) * 1000);
    let whole = UserToken { user_id: "user-1".to_owned(), expires_at };
    assert_eq!(judged(&signed(&header(), &claims(), SECRET)), Ok(whole));
    for good in [
        json!({ "aud": ["someone", "relink"] }),
        json!({ "iat": null }),
        json!({ "exp": NOW + 3600, "iat": NOW }),
        json!({ "exp": NOW + 3600 + 60, "iat": NOW + 60 }),
        json!({ "exp": NOW - 59, "iat": NOW - 600 }),
        json!({ "exp": NOW as f64 + 0.5 }),
        json!({ "nbf": NOW + 60, "more": "claims" }),
        json!({ "sub": "Zoë/ä %2F?" }),
    ] {
        assert!(judged(&signed(&header(), &with(good.clone()), SECRET)).is_ok(), "{good}");
    }
}

#[test]
fn no_claim_is_taken_that_says_too_much_or_too_little() {
    for bad in [
        json!({ "sub": null }),
        json!({ "sub": "" }),
        json!({ "sub": "a\nb" }),
        json!({ "sub": "x".repeat(301) }),
        json!({ "sub": 7 }),
        json!({ "aud": null }),
        json!({ "aud": "Relink" }),
        json!({ "aud": [] }),
        json!({ "exp": null }),
        json!({ "exp": "tomorrow" }),
        json!({ "exp": NOW - 60 }),
        json!({ "exp": NOW + 3600 + 61, "iat": null }),
        json!({ "exp": NOW + 3600, "iat": NOW - 1 }),
        json!({ "exp": 1e300 }),
        json!({ "exp": -1e300 }),
        json!({ "iat": NOW + 61, "exp": NOW + 600 }),
        json!({ "nbf": NOW + 61 }),
    ] {
        assert_eq!(judged(&signed(&header(), &with(bad.clone()), SECRET)), Err(Refused), "{bad}");
    }
}

#[test]
fn no_header_chooses_another_algorithm_or_key() {
    for bad in [
        json!({ "alg": "none", "kid": "app" }),
        json!({ "alg": "None", "kid": "app" }),
        json!({ "alg": "hs256", "kid": "app" }),
        json!({ "alg": "HS384", "kid": "app" }),
        json!({ "alg": "HS512", "kid": "app" }),
        json!({ "alg": "RS256", "kid": "app" }),
        json!({ "alg": "ES256", "kid": "app" }),
        json!({ "alg": "HS256", "kid": "other" }),
        json!({ "alg": "HS256", "kid": "nobody" }),
        json!({ "alg": "HS256", "kid": "" }),
        json!({ "alg": "HS256" }),
        json!({ "kid": "app" }),
        json!({ "alg": "HS256", "kid": "app", "crit": ["exp"] }),
        json!({ "alg": "HS256", "kid": ["app"] }),
    ] {
        assert_eq!(judged(&signed(&bad, &claims(), SECRET)), Err(Refused), "{bad}");
    }
    assert_eq!(judged(&signed(&header(), &claims(), "other-key-0123456789abc")), Err(Refused));
    assert_eq!(judged(&signed(&header(), &claims(), "")), Err(Refused));
}

#[test]
fn no_change_of_a_token_goes_unnoticed() {
    let token = signed(&header(), &claims(), SECRET);
    let parts: Vec<&str> = token.split('.').collect();
    let [head, body, tag] = parts[..] else { panic!("three parts") };
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        format!("{head}.{body}."),
        format!("{head}.{body}"),
        format!(".{body}.{tag}"),
        format!("{head}..{tag}"),
        format!("{token}="),
        format!("{token}.{tag}"),
        format!("{token}A"),
        format!("{head}.{body}.{}", &tag[..tag.len() - 2]),
        format!("{token}{}", "A".repeat(5000)),
    ] {
        assert_eq!(judged(&bad), Err(Refused), "{bad}");
    }
    let mut flipped = 0;
    for at in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert_eq!(judged(&changed), Err(Refused), "at {at}");
        flipped += 1;
    }
    assert!(flipped > 100);
}

#[test]
fn what_is_made_here_holds_here_for_that_user_and_key() {
    let keys = keys();
    for user in ["user-1", "Zoë \"quoted\" / %2e%2e"] {
        let (token, expires_at) = mint(&keys[1], user, now());
        let told = UserToken { user_id: user.to_owned(), expires_at };
        assert_eq!(verify(&keys, &token, now()), Ok(told));
        assert_eq!(verify(&keys[..1], &token, now()), Err(Refused), "its key is gone");
    }
}
