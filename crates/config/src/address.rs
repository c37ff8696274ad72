//! The kinds that name a place: URLs, socket addresses, mailboxes, phone numbers, host names.
//! What passes here can be put into a header, a link or a command line as it is.

use crate::kind::{Fault, Kind, Shape};
use crate::kinds::plain_text;
use crate::types::Mailbox;
use relink_core::masked::{EmailAddress, PhoneNumber};
use std::net::{IpAddr, SocketAddr};

const URL: &str = "write it like \"https://relink.example.org\"";
const SOCKET: &str = "write address and port, such as \"127.0.0.1:8080\", \"0.0.0.0:8080\" for every IPv4 interface or \"[::]:8080\" for all";
const MAILBOX: &str = "write \"Acme Health <no-reply@acme.example>\" or only the address";
const PHONE: &str = "write it like \"+15005550006\"";
const HOST: &str =
    "write a host name or an IP address alone: no scheme, no port, such as \"smtp.example.org\"";

/// What may follow the host of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UrlPath {
    /// Nothing: the paths are ours.
    Refused,
    /// A path, without query and fragment.
    Allowed,
    /// The same, and a slash at its end stays: somebody else's router may tell them apart.
    Exact,
}

/// An `https` URL, or an `http` one to this machine; no trailing slash.
pub(crate) fn url(path: UrlPath) -> Kind<String> {
    Kind::new(Shape::Url, move |raw| {
        let text = plain_text(raw, 500).map_err(|fault| fault.advised(URL))?;
        checked_url(&text, path)
            .map_err(|fault| Fault { hide_value: text.contains(['@', '?']), ..fault })
    })
}

/// A path of ours at somebody else's API, as it goes over the wire, with a query or without.
pub(crate) fn request_path() -> Kind<String> {
    const REMEDY: &str =
        "write it like \"/v1/settings\" or \"/v1/appointments?start_date=2026-11-26\"";
    Kind::new(Shape::Text, |raw| {
        let text = plain_text(raw, 500).map_err(|fault| fault.advised(REMEDY))?;
        if !text.starts_with('/') || text.starts_with("//") {
            return Err(Fault::new("does not begin with one \"/\"", REMEDY));
        }
        if text.contains('#') {
            return Err(Fault::new("has a fragment, which no server gets to see", REMEDY));
        }
        // RFC 3986, 3.3 and 3.4.
        if !text.chars().all(|c| c.is_ascii_alphanumeric() || "/?-._~%!$&'()*+,;=:@".contains(c)) {
            return Err(Fault::new("has characters that must be percent-encoded", REMEDY));
        }
        Ok(text)
    })
}

/// Where a web page comes from, as browsers spell it: scheme, host and, unless it is the scheme's
/// own, port. Compared byte by byte, so another spelling would never match.
pub(crate) fn origin() -> Kind<String> {
    const ORIGIN: &str = "write it like \"https://app.example.org\": scheme, host and, unless it is the scheme's own, port";
    let kind = url(UrlPath::Refused);
    Kind::new(Shape::Url, move |raw| {
        let text = kind.read(raw).map_err(|fault| fault.advised(ORIGIN))?;
        let default_port = match text.starts_with("https:") {
            true => text.ends_with(":443"),
            false => text.ends_with(":80"),
        };
        if default_port {
            return Err(Fault::new("is not spelled as browsers spell it", ORIGIN));
        }
        Ok(text)
    })
}

/// `127.0.0.1:8080`; port 0 takes a free one.
pub(crate) fn socket_address() -> Kind<SocketAddr> {
    Kind::new(Shape::SocketAddress, |raw| {
        let text = plain_text(raw, 100).map_err(|fault| fault.advised(SOCKET))?;
        text.parse().map_err(|_| Fault::new("is not an IP address with a port", SOCKET))
    })
}

/// `Name <address>` or an address.
pub(crate) fn mailbox() -> Kind<Mailbox> {
    Kind::new(Shape::Mailbox, |raw| {
        let text = plain_text(raw, 400).map_err(|fault| fault.advised(MAILBOX))?;
        let (name, address) = match text.strip_suffix('>').and_then(|open| open.rsplit_once('<')) {
            Some((name, address)) => (name.trim(), address),
            None => ("", text.as_str()),
        };
        let name = name.strip_prefix('"').and_then(|n| n.strip_suffix('"')).unwrap_or(name);
        if name.contains(['<', '>', '"', '\\']) {
            return Err(Fault::new("has a name with quotes, brackets or backslashes", MAILBOX));
        }
        let address = EmailAddress::parse(address)
            .map_err(|error| Fault::new(format!("is not a mailbox: {error}"), MAILBOX))?;
        let name = (!name.is_empty()).then(|| name.to_owned());
        Ok(Mailbox { name, address: address.expose().to_owned() })
    })
}

/// A phone number in E.164.
pub(crate) fn phone() -> Kind<String> {
    Kind::new(Shape::Phone, |raw| {
        let text = plain_text(raw, 40).map_err(|fault| fault.advised(PHONE))?;
        PhoneNumber::parse(&text)
            .map(|number| number.expose().to_owned())
            .map_err(|error| Fault::new(error.to_string(), PHONE))
    })
}

/// A host name or an IP address to connect to.
pub(crate) fn host() -> Kind<String> {
    Kind::new(Shape::Text, |raw| {
        let text = plain_text(raw, 253).map_err(|fault| fault.advised(HOST))?;
        if is_host_name(&text) || text.parse::<IpAddr>().is_ok() {
            return Ok(text);
        }
        Err(Fault::new("is not a host", HOST))
    })
}

/// Whether `host` can only mean this machine.
pub(crate) fn is_this_machine(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let name = bare.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn checked_url(text: &str, allowed: UrlPath) -> Result<String, Fault> {
    let not_a_url = |why: &str| Fault::new(format!("is not a usable URL: {why}"), URL);
    let (scheme, rest) =
        text.split_once("://").ok_or_else(|| not_a_url("it does not start with https://"))?;
    let (authority, path) = match rest.find(['/', '?', '#']) {
        Some(at) => rest.split_at_checked(at).unwrap_or((rest, "")),
        None => (rest, ""),
    };
    if authority.contains('@') {
        return Err(not_a_url("it holds a user name or password"));
    }
    let host = host_of(authority).ok_or_else(|| not_a_url("its host or port is not valid"))?;
    let path = match allowed {
        UrlPath::Refused | UrlPath::Allowed => path.trim_end_matches('/'),
        UrlPath::Exact => path,
    };
    if path.contains(['?', '#']) {
        return Err(not_a_url("it has a query or a fragment"));
    }
    if !path.chars().all(|c| c.is_ascii_alphanumeric() || "/-._~%!$&'()*+,;=:@".contains(c)) {
        return Err(not_a_url("its path has characters that must be percent-encoded"));
    }
    if allowed == UrlPath::Refused && !path.is_empty() {
        return Err(Fault::new("has a path", "leave the path away: Relink adds its own"));
    }
    match scheme.to_ascii_lowercase().as_str() {
        "https" => {}
        "http" if is_this_machine(host) => {}
        "http" => {
            return Err(Fault::new(
                "would travel unencrypted",
                "use https://; http:// is for this machine only (localhost, 127.0.0.1, [::1])",
            ));
        }
        _ => return Err(not_a_url("it does not start with https://")),
    }
    Ok(format!("{}://{}{path}", scheme.to_ascii_lowercase(), authority.to_ascii_lowercase()))
}

/// The host of `host:port`, checked, brackets included.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let port_is_good = port.is_none_or(|port| {
        port.chars().all(|c| c.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|p| p > 0)
    });
    let host_is_good = match host.strip_prefix('[') {
        Some(inside) => {
            inside.strip_suffix(']').is_some_and(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok())
        }
        None => is_host_name(host),
    };
    (port_is_good && host_is_good).then_some(host)
}

fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
