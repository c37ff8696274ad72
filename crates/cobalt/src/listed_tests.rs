use super::*;
use crate::client::CobaltError;
use crate::pretend::{Pretend, client};
use serde_json::json;

fn event(id: &str, event_type: &str) -> ListedEvent {
    ListedEvent {
        event_id: id.parse().unwrap(),
        event_type: event_type.to_owned(),
        account_ref: None,
        created_at: None,
        delivered: None,
        emr_instance_domain: None,
        error_type: None,
    }
}

#[tokio::test]
async fn the_newer_and_the_older_shape_of_an_item() {
    let answer = json!({"success": true, "webhook_events": [
        {"event_id": "e1", "event_type": "access_token.login_required", "webhook_url": "https://a",
         "delivery_status": "failed", "data": {"access_token_reference_id": "other", "mrn": "canary"},
         "created_at": "2023-11-07T05:31:56Z", "job_id": "j", "access_token_reference_id": "clinic_1"},
        {"id": "e2", "access_token_reference_id": "clinic_2", "object": "event",
         "created": "2023-11-07T05:31:56-07:00", "type": "login_required", "job_id": "j", "status": "failed",
         "delivered": true, "delivery_attempts": 2, "response_status_code": 200, "data": {}},
    ], "pagination": {"current_page": 1, "total_pages": 2, "total_count": 151, "page_size": 100}});
    let cobalt = Pretend::start(vec![(200, answer.to_string())]).await;
    let page = client(&cobalt.url).webhook_events(&EventFilter::default(), 1).await.unwrap();
    let newer = ListedEvent {
        account_ref: Some("clinic_1".parse().unwrap()),
        created_at: Some("2023-11-07T05:31:56Z".parse().unwrap()),
        delivered: Some(false),
        ..event("e1", "access_token.login_required")
    };
    let older = ListedEvent {
        account_ref: Some("clinic_2".parse().unwrap()),
        created_at: Some("2023-11-07T12:31:56Z".parse().unwrap()),
        delivered: Some(true),
        ..event("e2", "login_required")
    };
    assert_eq!(page, EventsPage { events: vec![newer, older], unreadable: 0, last: false });
    assert!(page.events.iter().all(|event| event.kind() == Some(SignalKind::LoginRequired)));
    assert!(!format!("{page:?}").contains("canary"));
    assert_eq!(
        cobalt.seen(),
        [
            "GET /v1/webhook-events?page=1&page_size=100&sort=created_at\nclient_id: ci_live_1\nclient_secret: cs_live_canary\ncontent-type: application/json\n"
        ]
    );
}

#[tokio::test]
async fn the_question_carries_every_filter() {
    let cobalt = Pretend::start(vec![(200, r#"{"webhook_events":[]}"#.into())]).await;
    let token = Secret::new("at_1");
    let filter = EventFilter {
        event_type: Some("access_token.login_required"),
        from: Some("2025-10-20".parse().unwrap()),
        to: Some("2025-10-21".parse().unwrap()),
        access_token: Some(&token),
    };
    let page = client(&cobalt.url).webhook_events(&filter, 3).await.unwrap();
    assert_eq!(page, EventsPage { events: vec![], unreadable: 0, last: true });
    let seen = cobalt.seen().join("");
    assert!(seen.starts_with("GET /v1/webhook-events?event_type=access_token.login_required&start_date=2025-10-20&end_date=2025-10-21&page=3&page_size=100&sort=created_at\n"), "{seen}");
    assert!(seen.contains("\naccess_token: at_1\n"), "{seen}");
}

#[test]
fn an_item_that_cannot_be_read_is_counted_and_spoils_no_other() {
    let answer = json!({"events": [
        {"type": "login_required"}, {"id": "", "type": "login_required"}, {"id": "e"}, 7, null, [],
        {"id": "x".repeat(201), "type": "login_required"},
        {"id": "e3", "type": "appointment.created", "status": "pending", "created": "yesterday"},
        {"id": "e4", "type": "login_required", "data": {"access_token_reference_id": "clinic_4"}},
    ]});
    let page = EventsPage::read(&answer, 1).unwrap();
    let from_data = ListedEvent {
        account_ref: Some("clinic_4".parse().unwrap()),
        ..event("e4", "login_required")
    };
    let expected = vec![event("e3", "appointment.created"), from_data];
    assert_eq!(page, EventsPage { events: expected, unreadable: 7, last: false });
    assert_eq!(page.events[0].kind(), None);
}

#[test]
fn the_last_page_is_known_by_count_or_by_being_empty() {
    let item = json!([{"id": "e", "type": "t"}]);
    for (answer, asked, last) in [
        (json!({"webhook_events": item, "pagination": {"total_pages": 2}}), 1, Some(false)),
        (json!({"webhook_events": item, "pagination": {"total_pages": 2}}), 2, Some(true)),
        (json!({"webhook_events": item, "pagination": {"total_pages": 0}}), 1, Some(true)),
        (json!({"webhook_events": item, "pagination": {"total_pages": 1}}), 0, Some(true)),
        (json!({"webhook_events": item}), 1, Some(false)),
        (json!({"data": []}), 1, Some(true)),
        (json!({"webhook_events": {}}), 1, None),
        (json!({}), 1, None),
    ] {
        assert_eq!(
            EventsPage::read(&answer, asked).map(|page| page.last),
            last,
            "{answer} {asked}"
        );
    }
}

#[tokio::test]
async fn an_answer_without_a_list_is_an_error_and_not_an_empty_page() {
    let cobalt = Pretend::start(vec![(200, r#"{"success":true}"#.into())]).await;
    let error = client(&cobalt.url).webhook_events(&EventFilter::default(), 1).await.unwrap_err();
    let why = "there is no list of events in it";
    assert_eq!(error, CobaltError::Unreadable { call: "list webhook events", why });
}

#[test]
fn a_listed_event_is_the_signal_of_its_webhook() {
    let now: Timestamp = "2025-10-22T00:00:00Z".parse().unwrap();
    let data = json!({"emr_instance_domain": "https://ehr.example.org", "error_type": "password_expired",
        "message": "canary text"});
    let older = json!({"id": "e", "type": "access_token.login_required", "created": "2025-10-21T14:30:00.000Z",
        "access_token_reference_id": "clinic_1", "data": data});
    let newer = json!({"event_id": "e", "event_type": "login_required", "created_at": "2025-10-21T14:30:00Z",
        "access_token_reference_id": "clinic_1", "data": data});
    let expected = Signal {
        event_id: "e".parse().unwrap(),
        account_ref: "clinic_1".parse().unwrap(),
        kind: SignalKind::LoginRequired,
        source: SignalSource::Reconcile,
        occurred_at: "2025-10-21T14:30:00Z".parse().unwrap(),
        received_at: now,
        emr_instance_domain: Some("https://ehr.example.org".to_owned()),
        error_type: Some("password_expired".to_owned()),
        digest: LISTED.to_owned(),
        trace: None,
    };
    for item in [older, newer] {
        assert_eq!(ListedEvent::read(&item).unwrap().signal(now), Some(expected.clone()), "{item}");
    }
    let with = |field: &str, value: Value| {
        let mut item =
            json!({"id": "e", "type": "login_required", "access_token_reference_id": "clinic_1"});
        item[field] = value;
        ListedEvent::read(&item).unwrap().signal(now)
    };
    assert_eq!(with("type", json!("appointment.created")), None);
    assert_eq!(with("access_token_reference_id", Value::Null), None);
    // Neither a time that cannot be read nor one of the future is believed.
    for created in [json!("yesterday"), json!("2099-01-01T00:00:00Z"), Value::Null] {
        assert_eq!(with("created", created).unwrap().occurred_at, now);
    }
    let warning = with("type", json!("access_token.password_change_warning")).unwrap();
    assert_eq!(warning.kind, SignalKind::PasswordChangeWarning);
    let long = with("data", json!({"error_type": "x".repeat(101)})).unwrap();
    assert_eq!(long.error_type, None);
}
