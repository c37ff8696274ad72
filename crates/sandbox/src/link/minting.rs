//! `POST /v1/link/token/create`: who asks for whom, and a token of one use.

use super::{LinkPath, Links, TokenKey};
use crate::answer::Asked;
use hyper::StatusCode;
use serde_json::{Map, Value};

/// Why no token is made, as Cobalt would say it.
#[derive(Debug)]
pub(crate) struct NoToken {
    pub(crate) status: StatusCode,
    pub(crate) error: &'static str,
    pub(crate) message: &'static str,
}

impl NoToken {
    fn bad(message: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: "bad_request", message }
    }
}

impl Links {
    /// The answer with a new token. `account_of` knows whose an access token is.
    pub(crate) fn create(
        &self,
        asked: &Asked,
        account_of: impl FnOnce(&str) -> Option<String>,
    ) -> Result<Value, NoToken> {
        let minting = self.lock().minting;
        if !exists(&asked.path, minting.path) {
            let status = StatusCode::NOT_FOUND;
            return Err(NoToken { status, error: "not_found", message: "No such route" });
        }
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or(Value::Null);
        let given =
            |name: &str| body.get(name).and_then(Value::as_str).is_some_and(|s| !s.is_empty());
        if !given("user_id") || !given("org_id") {
            return Err(NoToken::bad("user_id and org_id are required"));
        }
        let account = match body.get("access_token") {
            None | Some(Value::Null) => None,
            Some(token) => match account_of(token.as_str().unwrap_or_default()) {
                Some(account) => Some(account),
                None => return Err(NoToken::bad("access_token is of no account")),
            },
        };
        let mut answer = Map::new();
        answer.insert("success".into(), true.into());
        let key = match minting.key {
            TokenKey::Token => "token",
            TokenKey::LinkToken => "link_token",
        };
        answer.insert(key.into(), self.mint(account).into());
        Ok(answer.into())
    }
}

fn exists(path: &str, which: LinkPath) -> bool {
    let versioned = path.starts_with("/v1/");
    match which {
        LinkPath::Both => true,
        LinkPath::Versioned => versioned,
        LinkPath::Bare => !versioned,
    }
}
