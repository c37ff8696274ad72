//! What the app says of a case: one calm sentence, in English or Spanish. No wording has a place for
//! anything of the case, so nothing of an EHR, a clinic or a person can get into it.

use axum::http::{HeaderMap, header};
use relink_core::feed::Notice;

/// A language that there is wording in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lang {
    En,
    Es,
}

impl Lang {
    pub(crate) const ALL: [Self; 2] = [Self::En, Self::Es];

    /// The one asked for by name, else by the browser, else English.
    pub(crate) fn asked(name: Option<&str>, headers: &HeaderMap) -> Self {
        let browser = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let first = browser.and_then(|list| list.split([',', ';']).next());
        name.or(first).map_or(Self::En, Self::of)
    }

    /// By the first part of a BCP 47 tag.
    fn of(tag: &str) -> Self {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or("");
        if primary.eq_ignore_ascii_case("es") { Self::Es } else { Self::En }
    }

    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Es => "es",
        }
    }
}

/// The sentence.
pub(crate) fn sentence(notice: Notice, lang: Lang) -> &'static str {
    match (notice, lang) {
        (Notice::SignInAgain, Lang::En) => {
            "One of your connected accounts needs you to sign in again."
        }
        (Notice::SignInAgain, Lang::Es) => {
            "Una de sus cuentas conectadas necesita que inicie sesión de nuevo."
        }
        (Notice::PasswordChange, Lang::En) => {
            "One of your connected accounts will ask for a new password soon. After you have changed it, please sign in again here."
        }
        (Notice::PasswordChange, Lang::Es) => {
            "Una de sus cuentas conectadas pedirá pronto una contraseña nueva. Después de cambiarla, inicie sesión aquí de nuevo."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_asked_for_by_name_or_by_the_browser() {
        let browser = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, value.parse().unwrap());
            headers
        };
        for (name, accepts, lang) in [
            (Some("es"), "en", Lang::Es),
            (Some("es-MX"), "en", Lang::Es),
            (Some("ES_mx"), "en", Lang::Es),
            (Some("eskimo"), "es", Lang::En),
            (Some(""), "es", Lang::En),
            (None, "es-419,es;q=0.9,en;q=0.8", Lang::Es),
            (None, "de, es;q=0.5", Lang::En),
            (None, "*", Lang::En),
        ] {
            assert_eq!(Lang::asked(name, &browser(accepts)), lang, "{name:?} {accepts}");
        }
        assert_eq!(Lang::asked(None, &HeaderMap::new()), Lang::En);
    }
}
