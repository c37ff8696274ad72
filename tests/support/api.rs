//! The app's API, used as an app would.

use crate::corner::{API_KEY, Corner};
use crate::wait::eventually;
use bytes::Bytes;
use relink_http::client::{HttpClient, Limits};
use relink_http::{HeaderMap, Method, header};
use relink_sandbox::PretendCobalt;
use serde_json::{Value, json};

/// A client of the web role.
#[derive(Clone)]
pub struct Api {
    base: String,
    client: HttpClient,
    cobalt: PretendCobalt,
}

impl Api {
    /// For a corner's web role.
    pub fn new(corner: &Corner) -> Self {
        let client = HttpClient::new(Limits::default()).unwrap();
        Self { base: format!("http://{}", corner.web), client, cobalt: corner.cobalt.clone() }
    }

    /// One call; the status and the JSON, or `None` without an answer.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Option<(u16, Value)> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, format!("Bearer {API_KEY}").parse().unwrap());
        headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
        let body = body.map(ToString::to_string).unwrap_or_default();
        let url = format!("{}{path}", self.base);
        let answer = self.client.call(method, &url, headers, Bytes::from(body)).await.ok()?;
        let json = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        Some((answer.status.as_u16(), json))
    }

    /// Registers an account with one user who can be reached both ways, and whose login is broken at
    /// Cobalt: that is what every event here tells of. Waits for the web role.
    pub async fn register(&self, account_ref: &str, number: usize) {
        let token = format!("canary-token-{number}");
        self.cobalt.add_account(account_ref, &token);
        self.cobalt.break_silently(account_ref);
        let account = json!({
            "user_id": format!("user-{number}"), "org_id": "org", "access_token": token,
            "contacts": [{
                "id": "user", "role": "user", "email": format!("user{number}@clinic.example"),
                "phone": format!("+1202555{number:04}"), "sms_consent": true, "name": "Dr. Roe",
            }],
        });
        let path = format!("/v1/accounts/{account_ref}");
        eventually("the account to be registered", || async {
            let (status, _) = self.call(Method::PUT, &path, Some(&account)).await?;
            (status == 200 || status == 201).then_some(())
        })
        .await;
    }

    /// Every page of a list.
    pub async fn all(&self, path: &str, key: &str) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut cursor = String::new();
        loop {
            // The web role may be coming up again.
            let path = format!("{path}{cursor}");
            let page = eventually("a page of the API", || async {
                let (status, page) = self.call(Method::GET, &path, None).await?;
                (status == 200).then_some(page)
            })
            .await;
            rows.extend(page.get(key).and_then(Value::as_array).cloned().unwrap_or_default());
            match page.get("next").and_then(Value::as_str) {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return rows,
            }
        }
    }

    /// Every attempt, newest first.
    pub async fn attempts(&self) -> Vec<Value> {
        self.all("/v1/attempts?limit=200", "attempts").await
    }

    /// Every case, newest first.
    pub async fn cases(&self) -> Vec<Value> {
        self.all("/v1/cases?limit=200", "cases").await
    }
}
