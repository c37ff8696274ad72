//! What a body that nothing has verified says about itself: enough to tell an event of ours from
//! anything else and to show an operator which one it claims to be. Never a fact: no
//! [`Signal`](relink_core::signal::Signal) can be made from a claim.

use crate::event::{account_ref, event_id, kind_of};
use crate::json::Json;
use crate::stringify::stringify;
use relink_core::id::{AccountRef, EventId};
use relink_core::seal::sha256_hex;
use relink_core::signal::SignalKind;

/// What a body claims to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The kind that its type stands for.
    pub kind: SignalKind,
    /// Its id; the header's when it names none, and without that the hash of the body.
    pub event_id: Option<EventId>,
    /// The account it is about, if it names one.
    pub account_ref: Option<AccountRef>,
}

/// Reads the claim of a body that came with this value of
/// [`EVENT_ID_HEADER`](crate::event::EVENT_ID_HEADER); `None` when it is no JSON object with the
/// type of an event of ours.
pub fn claim(body: &[u8], webhook_id: Option<&str>) -> Option<Claim> {
    let json = Json::parse(body).ok()?;
    let kind = kind_of(&json.get("type")?.as_text()?)?;
    let digest = sha256_hex(stringify(&json).as_bytes());
    let mut oddities = Vec::new();
    Some(Claim {
        kind,
        event_id: event_id(&json, webhook_id, &digest, &mut oddities).ok(),
        account_ref: account_ref(&json, &mut oddities).ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_ours_is_named_and_anything_else_is_not() {
        let body = br#"{"id":"evt-1","type":"access_token.login_required","access_token_reference_id":"clinic_1"}"#;
        let known = claim(body, Some("msg-1")).unwrap();
        assert_eq!(known.kind, SignalKind::LoginRequired);
        assert_eq!(known.event_id.unwrap().as_str(), "evt-1");
        assert_eq!(known.account_ref.unwrap().as_str(), "clinic_1");
        let bare = br#"{"type":"login_required"}"#;
        let named = claim(bare, Some("msg-1")).unwrap();
        assert_eq!(named.event_id.unwrap().as_str(), "msg-1");
        let bare = claim(bare, None).unwrap();
        assert!(bare.event_id.unwrap().as_str().starts_with("sha256:"));
        assert_eq!(bare.account_ref, None);
        for other in [
            &b""[..],
            b"[]",
            b"login_required",
            b"{\"type\":1}",
            b"{\"type\":\"patient.created\"}",
            b"{\"type\":\"login_required\"",
        ] {
            assert_eq!(claim(other, None), None, "{other:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
            let _ = claim(&bytes, None);
        }
    }
}
