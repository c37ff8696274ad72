//! Cobalt's list of events as a scenario has it: account-wide or by token, page by page, with
//! faults on command.

use relink_cobalt::{CobaltError, EventFilter, EventsPage, ListedEvent};
use relink_core::Timestamp;
use relink_core::signal::SignalKind;
use relink_core::time::earlier;
use relink_worker::reconcile::EventList;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

/// Events on a page.
const PAGE: usize = 3;

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) token: Option<String>,
    pub(crate) event_type: String,
    pub(crate) from: String,
    pub(crate) page: u32,
}

/// A page of the list of a token, or of the account-wide one.
type Place = (Option<String>, u32);

#[derive(Default)]
pub(crate) struct FakeList {
    lists: Mutex<HashMap<Option<String>, Vec<ListedEvent>>>,
    faults: Mutex<HashMap<Place, Vec<CobaltError>>>,
    endless: Mutex<Option<Endless>>,
    asked: Mutex<Vec<Question>>,
}

/// A list without an end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Endless {
    /// New events for ever.
    Growing,
    /// The first page for ever.
    Stuck,
}

impl FakeList {
    /// Lists an event account-wide.
    pub(crate) fn list(&self, event: ListedEvent) {
        self.lists.lock().unwrap().entry(None).or_default().push(event);
    }

    /// Lists an event for the account of `token`.
    pub(crate) fn list_for(&self, token: &str, event: ListedEvent) {
        self.lists.lock().unwrap().entry(Some(token.to_owned())).or_default().push(event);
    }

    /// Page `page` of the list of `token`, or the account-wide one, fails like this `times` times.
    pub(crate) fn fail(&self, token: Option<&str>, page: u32, times: usize, error: &CobaltError) {
        let mut faults = self.faults.lock().unwrap();
        let key = (token.map(str::to_owned), page);
        faults.entry(key).or_default().extend(vec![error.clone(); times]);
    }

    /// Page `page` of the list of `token` fails no more.
    pub(crate) fn mend(&self, token: Option<&str>, page: u32) {
        self.faults.lock().unwrap().remove(&(token.map(str::to_owned), page));
    }

    pub(crate) fn never_end(&self, how: Endless) {
        *self.endless.lock().unwrap() = Some(how);
    }

    pub(crate) fn asked(&self) -> Vec<Question> {
        self.asked.lock().unwrap().clone()
    }

    /// Each token, or `None`, with the pages asked for, warnings left out.
    pub(crate) fn pages(&self) -> Vec<(Option<String>, u32)> {
        let asked = self.asked().into_iter();
        asked
            .filter(|question| question.event_type.ends_with("login_required"))
            .map(|question| (question.token, question.page))
            .collect()
    }
}

#[async_trait::async_trait]
impl EventList for FakeList {
    async fn page(&self, filter: &EventFilter<'_>, page: u32) -> Result<EventsPage, CobaltError> {
        let token = filter.access_token.map(|token| token.expose().to_owned());
        let event_type = filter.event_type.unwrap_or_default().to_owned();
        let from = filter.from.map(|day| day.to_string()).unwrap_or_default();
        let question =
            Question { token: token.clone(), event_type: event_type.clone(), from, page };
        self.asked.lock().unwrap().push(question);
        if let Some(fault) =
            self.faults.lock().unwrap().get_mut(&(token.clone(), page)).and_then(Vec::pop)
        {
            return Err(fault);
        }
        if let Some(endless) = *self.endless.lock().unwrap() {
            let id = match endless {
                Endless::Growing => format!("e{page}"),
                Endless::Stuck => "e".to_owned(),
            };
            let events = vec![event(&id, "clinic_1", Timestamp::UNIX_EPOCH)];
            return Ok(EventsPage { events, unreadable: 0, last: false });
        }
        // What is no business of ours slips through every filter.
        let wanted = event_type.ends_with("login_required").then_some(SignalKind::LoginRequired);
        let wanted = wanted.unwrap_or(SignalKind::PasswordChangeWarning);
        let lists = self.lists.lock().unwrap();
        let matching: Vec<ListedEvent> = lists.get(&token).into_iter().flatten().cloned().collect();
        let matching: Vec<ListedEvent> =
            matching.into_iter().filter(|it| it.kind().is_none_or(|kind| kind == wanted)).collect();
        let start = PAGE * usize::try_from(page - 1).unwrap();
        let events: Vec<_> = matching.iter().skip(start).take(PAGE).cloned().collect();
        Ok(EventsPage { events, unreadable: 0, last: start + PAGE >= matching.len() })
    }
}

/// An event of ours.
pub(crate) fn event(id: &str, account: &str, created_at: Timestamp) -> ListedEvent {
    ListedEvent {
        event_id: id.parse().unwrap(),
        event_type: "access_token.login_required".to_owned(),
        account_ref: Some(account.parse().unwrap()),
        created_at: Some(created_at),
        delivered: Some(false),
        emr_instance_domain: None,
        error_type: None,
    }
}

/// An event of ten minutes ago.
pub(crate) fn missed(id: &str, account: &str, now: Timestamp) -> ListedEvent {
    event(id, account, earlier(now, Duration::from_secs(600)))
}

/// Cobalt's refusal with this status.
pub(crate) fn refusal(status: u16) -> CobaltError {
    CobaltError::Refused { call: "list webhook events", status, code: None }
}

/// Cobalt's word that the login is broken.
pub(crate) fn login_required() -> CobaltError {
    CobaltError::LoginRequired { call: "list webhook events" }
}
