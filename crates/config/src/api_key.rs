//! Who is asking: the bearer token of a request against `[[api.keys]]`.

use crate::{ApiKey, ApiRole};

/// No key, or none that fits. Does not tell which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("send `Authorization: Bearer <key>` with a key from [[api.keys]]")]
pub struct NotAuthenticated;

/// The key that an `Authorization` header proves (RFC 6750, 2.1). Every key is compared, in
/// constant time.
///
/// # Errors
/// [`NotAuthenticated`] when the header is missing, of another scheme, or fits no key.
pub fn authenticate<'k>(
    keys: &'k [ApiKey],
    authorization: Option<&str>,
) -> Result<&'k ApiKey, NotAuthenticated> {
    let (scheme, token) =
        authorization.and_then(|value| value.split_once(' ')).ok_or(NotAuthenticated)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(NotAuthenticated);
    }
    let mut found = None;
    for key in keys {
        if key.secret.prove(token.trim()).is_some() {
            found = Some(key);
        }
    }
    found.ok_or(NotAuthenticated)
}

impl ApiRole {
    /// Whether a key of this role may do what `needed` may: operators may do everything.
    pub fn covers(self, needed: Self) -> bool {
        match (self, needed) {
            (Self::Ops, _) | (Self::App, Self::App) => true,
            (Self::App, Self::Ops) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use relink_core::masked::Secret;

    #[test]
    fn only_the_whole_key_in_the_right_scheme_counts() {
        let key = |id: &str, role, secret: &str| ApiKey {
            id: id.into(),
            role,
            secret: Secret::new(secret),
        };
        let keys = [
            key("app", ApiRole::App, "app-key-0123456789"),
            key("ops", ApiRole::Ops, "ops-key-0123456789"),
        ];
        let who = |header| authenticate(&keys, header).map(|key| key.id.as_str());
        assert_eq!(who(Some("Bearer app-key-0123456789")), Ok("app"));
        assert_eq!(who(Some("bearer ops-key-0123456789")), Ok("ops"));
        for bad in [
            None,
            Some(""),
            Some("Bearer"),
            Some("Bearer "),
            Some("Basic app-key-0123456789"),
            Some("Bearer app-key-012345678"),
        ] {
            assert_eq!(who(bad), Err(NotAuthenticated), "{bad:?}");
        }
        assert!(ApiRole::Ops.covers(ApiRole::App) && !ApiRole::App.covers(ApiRole::Ops));
    }
}
