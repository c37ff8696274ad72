//! Did a message that got no answer go out? Twilio lists messages by recipient and day; the
//! link in a text belongs to one notification only and so tells ours from all others.
//!
//! `Absent` leads to a second send and is said only of a list that was read to its end and
//! hides nothing; anything less is `Unavailable`.

use crate::answer::{Message, Page};
use crate::classify;
use crate::sender::{SmsSender, refused, unanswered};
use bytes::Bytes;
use relink_core::Timestamp;
use relink_core::attempt::Reason;
use relink_core::masked::PhoneNumber;
use relink_core::sender::LookUp;
use relink_core::time::since;
use relink_http::Method;
use std::time::Duration;

/// Messages a page.
const PAGE_SIZE: &str = "50";

/// The most pages that are read: 500 messages to one number in a day or two.
const MAX_PAGES: usize = 10;

/// How far Twilio's clock and ours may be apart.
const CLOCKS_APART: Duration = Duration::from_secs(60 * 60);

/// Searches the account's messages to `to` for `link`, from the day of `begun` on.
pub(crate) async fn look_up(
    sender: &SmsSender,
    to: &PhoneNumber,
    link: &str,
    begun: Timestamp,
) -> LookUp {
    let mut path = first_page(sender, to, begun);
    let mut refused = None;
    let mut hidden = false;
    for _ in 0..MAX_PAGES {
        let page = match read_page(sender, &path).await {
            Ok(page) => page,
            Err(reason) => return LookUp::Unavailable { reason },
        };
        for message in &page.messages {
            match place(message, link, begun) {
                Place::Found(sid) => {
                    return LookUp::Found { provider_message_id: sid.to_owned() };
                }
                // A resend of the same notification may still be found.
                Place::Refused(reason) => refused = Some(reason),
                Place::Hidden => hidden = true,
                Place::Another => {}
            }
        }
        match next_page(page.next_page_uri) {
            NextPage::At(next) => path = next,
            NextPage::Wrong => return LookUp::Unavailable { reason: Reason::ProviderError },
            NextPage::None => {
                return match refused {
                    Some(reason) => LookUp::Refused { reason },
                    None if hidden => LookUp::Unavailable { reason: Reason::ProviderError },
                    None => LookUp::Absent,
                };
            }
        }
    }
    LookUp::Unavailable { reason: Reason::ProviderError }
}

fn first_page(sender: &SmsSender, to: &PhoneNumber, begun: Timestamp) -> String {
    let from = begun.checked_sub(CLOCKS_APART).unwrap_or(Timestamp::MIN);
    let day = from.to_zoned(jiff::tz::TimeZone::UTC).date();
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("To", to.expose())
        .append_pair("DateSent>", &day.to_string())
        .append_pair("PageSize", PAGE_SIZE)
        .finish();
    format!("{}?{query}", sender.messages)
}

async fn read_page(sender: &SmsSender, path: &str) -> Result<Page, Reason> {
    let url = format!("{}{path}", sender.host);
    let answer = sender.http.call(Method::GET, &url, sender.headers(), Bytes::new()).await;
    let answer = answer.map_err(|error| unanswered(&error).reason())?;
    if !answer.status.is_success() {
        return Err(refused(&answer).outcome.reason());
    }
    serde_json::from_slice(&answer.body).map_err(|_| Reason::ProviderError)
}

enum NextPage {
    At(String),
    Wrong,
    None,
}

/// The credentials go to the configured host only: a page elsewhere is none.
fn next_page(uri: Option<String>) -> NextPage {
    match uri {
        Some(uri) if uri.starts_with("/2010-04-01/") => NextPage::At(uri),
        Some(uri) if !uri.is_empty() => NextPage::Wrong,
        Some(_) | None => NextPage::None,
    }
}

/// What one message of the list is to the search.
enum Place<'a> {
    Found(&'a str),
    Refused(Reason),
    /// Its text has been taken out, so it could be ours.
    Hidden,
    Another,
}

fn place<'a>(message: &'a Message, link: &str, begun: Timestamp) -> Place<'a> {
    match message.body.as_deref() {
        None | Some("") if could_be_of(message, begun) => Place::Hidden,
        Some(text) if carries(text, link) => match message.sid() {
            _ if message.failed_at_twilio() => {
                Place::Refused(classify::failure(message.error_code).reason())
            }
            Some(sid) => Place::Found(sid),
            None => Place::Hidden,
        },
        Some(_) | None => Place::Another,
    }
}

/// Whether `text` holds `link` as a whole word, not as the beginning of a longer one.
fn carries(text: &str, link: &str) -> bool {
    !link.is_empty() && text.split_whitespace().any(|word| word == link)
}

fn could_be_of(message: &Message, begun: Timestamp) -> bool {
    let created = message.date_created.as_deref();
    let created = created.and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
    created.is_none_or(|created| since(created.timestamp(), begun) <= CLOCKS_APART)
}

#[cfg(test)]
#[path = "look_up_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "look_up_fuzz.rs"]
mod fuzz;
