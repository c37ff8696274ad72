//! What counts as an address, as tables.

use super::*;
use crate::kind::Raw;

#[test]
fn a_path_at_somebody_elses_api_is_taken_as_it_goes_over_the_wire() {
    let read = |text: &str| request_path().read(&Raw::Text(text));
    for good in [
        "/",
        "/v1/settings",
        "/v1/appointments?start_date=2026-11-26&end_date=2026-11-26",
        "/a/%20b:c@d;e",
    ] {
        assert_eq!(read(good).unwrap(), good);
    }
    let long = format!("/{}", "x".repeat(500));
    for bad in [
        "",
        "v1/settings",
        "//host/path",
        "/v1#top",
        "/a b",
        "/a\nb",
        "/\u{7f}",
        "/\"a\"",
        "/é",
        &long,
    ] {
        assert!(read(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn urls_are_https_or_of_this_machine() {
    let good = [
        ("https://relink.example.org", "https://relink.example.org"),
        ("https://Relink.Example.org/", "https://relink.example.org"),
        ("HTTPS://relink.example.org:8443/a/B/", "https://relink.example.org:8443/a/B"),
        ("http://localhost:8081", "http://localhost:8081"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://[::1]:8081/", "http://[::1]:8081"),
        ("http://demo.localhost", "http://demo.localhost"),
    ];
    for (written, meant) in good {
        assert_eq!(url(UrlPath::Allowed).read(&Raw::Text(written)).unwrap(), meant);
    }
    for bad in [
        "relink.example.org",
        "ftp://relink.example.org",
        "http://relink.example.org",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "https://",
        "https:///path",
        "https://user:pw@relink.example.org",
        "https://relink.example.org?x=1",
        "https://relink.example.org/a#b",
        "https://relink.example.org/a b",
        "https://relink.example.org:0",
        "https://relink.example.org:99999",
        "https://relink.example.org:",
        "https://[::1",
        "https://a..b",
        "https://-a.example",
    ] {
        assert!(url(UrlPath::Allowed).read(&Raw::Text(bad)).is_err(), "{bad}");
    }
    assert!(url(UrlPath::Refused).read(&Raw::Text("https://api.usecobalt.com/v1")).is_err());
}

#[test]
fn an_origin_is_spelled_as_browsers_do() {
    for good in ["https://app.example.org", "https://app.example.org:8443", "http://localhost:3000"]
    {
        assert_eq!(origin().read(&Raw::Text(good)).unwrap(), good);
    }
    for bad in [
        "*",
        "null",
        "app.example.org",
        "https://*.example.org",
        "https://app.example.org/path",
        "https://app.example.org:443",
        "http://localhost:80",
        "http://app.example.org",
        "https://user@app.example.org",
    ] {
        assert!(origin().read(&Raw::Text(bad)).is_err(), "{bad}");
    }
    // Another spelling of the same place is taken in the browsers' one.
    let read = origin().read(&Raw::Text("https://App.Example.org/")).unwrap();
    assert_eq!(read, "https://app.example.org");
}

#[test]
fn a_password_in_a_url_is_not_repeated() {
    let fault = url(UrlPath::Allowed).read(&Raw::Text("https://u:canary@h.example")).unwrap_err();
    assert!(fault.hide_value && !fault.what.contains("canary"));
}

#[test]
fn mailboxes_are_a_name_and_an_address() {
    let read = |text| mailbox().read(&Raw::Text(text));
    let acme = |name: Option<&str>| Mailbox {
        name: name.map(str::to_owned),
        address: "no-reply@acme.example".to_owned(),
    };
    for (text, name) in [
        ("Acme Health <no-reply@acme.example>", Some("Acme Health")),
        ("\"Acme, Health\" <no-reply@acme.example>", Some("Acme, Health")),
        ("no-reply@acme.example", None),
        ("<no-reply@acme.example>", None),
    ] {
        assert_eq!(read(text).unwrap(), acme(name), "{text}");
    }
    for bad in [
        "",
        "Acme",
        "Acme <no-reply>",
        "Acme no-reply@acme.example",
        "Acme <a@b.example> <c@d.example>",
        "Acme\r\nBcc: x@y.example <a@b.example>",
    ] {
        assert!(read(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn hosts_stand_alone() {
    for good in ["127.0.0.1", "::1", "smtp.example.org", "mail_relay"] {
        assert!(host().read(&Raw::Text(good)).is_ok(), "{good}");
    }
    for bad in ["", "smtp.example.org:25", "https://smtp.example.org", "a b", "user@host"] {
        assert!(host().read(&Raw::Text(bad)).is_err(), "{bad}");
    }
}
