//! Who may call the pretend API: the two headers of every call, in quotes or not, since Cobalt's
//! older examples put quotes around their values.

use crate::answer::Asked;

/// The credentials that count; any will do until they are set.
#[derive(Debug, Default)]
pub(super) struct Credentials(Option<[String; 2]>);

impl Credentials {
    pub(super) fn require(&mut self, client_id: &str, client_secret: &str) {
        self.0 = Some([client_id.to_owned(), client_secret.to_owned()]);
    }

    /// Why a call is refused.
    pub(super) fn check(&self, asked: &Asked) -> Result<(), &'static str> {
        let given = ["client_id", "client_secret"].map(|name| unquoted(asked.header(name)));
        if given.contains(&"") {
            return Err("Client credentials are missing");
        }
        match &self.0 {
            Some(wanted) if *wanted != given => Err("Client credentials are not valid"),
            Some(_) | None => Ok(()),
        }
    }
}

fn unquoted(value: &str) -> &str {
    let value = value.trim();
    let inside = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    inside.unwrap_or(value).trim()
}
