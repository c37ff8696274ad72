use super::*;
use relink_core::Timestamp;
use relink_core::account::{Contact, Role};
use relink_core::case::Case;
use relink_core::id::{AccountRef, CaseId, ContactId, EventId};
use relink_core::masked::Secret;
use relink_store::AccountAtHand;

fn way_back(reason: Option<CloseReason>) -> WayBack {
    let case = Case {
        id: CaseId::opened_by(&EventId::parse("e1").unwrap()),
        account_ref: AccountRef::parse("acc").unwrap(),
        kind: SignalKind::LoginRequired,
        opened_at: Timestamp::UNIX_EPOCH,
        expires_at: Timestamp::UNIX_EPOCH,
        hold: None,
        closed_at: reason.map(|_| Timestamp::UNIX_EPOCH),
        close_reason: reason,
        signals: 1,
        emr_instance_domain: None,
        error_type: None,
    };
    let contact = Contact {
        id: ContactId::parse("u1").unwrap(),
        role: Role::User,
        email: None,
        phone: None,
        locale: None,
        time_zone: None,
        sms_consent: false,
        name: None,
    };
    let account = AccountAtHand {
        user_id: "user".into(),
        org_id: "org".into(),
        access_token: Ok(Secret::new("token")),
    };
    WayBack {
        open_case: case.is_open().then_some(case.id),
        now: case.opened_at,
        case,
        notification: None,
        contact: Some(contact),
        account: Some(account),
        minted_lately: 0,
    }
}

#[test]
fn an_open_case_wants_its_person() {
    let open = way_back(None);
    let state = |at| standing(&open, at, true);
    assert_eq!(state(None), State::Fresh);
    assert_eq!(state(At::parse("half_way")), State::HalfWay);
    assert_eq!(state(At::parse("checking")), State::Checking);
    assert_eq!(state(Some(At::Returned)), State::Returned);
    // Nobody can say by an address that something works.
    assert_eq!(state(At::parse("fixed")), State::Fresh);
    assert_eq!(standing(&open, None, false), State::NotSetUp);
    let mut warned = way_back(None);
    warned.case.kind = SignalKind::PasswordChangeWarning;
    assert_eq!(standing(&warned, None, true), State::Warned);
    let gone = WayBack { account: None, ..open };
    assert_eq!(standing(&gone, None, true), State::Unknown);
}

#[test]
fn an_ended_case_says_only_what_is_known() {
    use CloseReason::{AccountDeleted, Expired, Operator, Repaired};
    let state = |way_back: &WayBack| standing(way_back, Some(At::Checking), false);
    assert_eq!(state(&way_back(Some(Repaired))), State::Fixed);
    assert_eq!(state(&way_back(Some(Expired))), State::Ended);
    assert_eq!(state(&way_back(Some(Operator))), State::Ended);
    assert_eq!(state(&way_back(Some(AccountDeleted))), State::Unknown);
    for reason in [Repaired, Expired, Operator] {
        let ended = way_back(Some(reason));
        // It broke again: "all done" would be a lie.
        let again = WayBack { open_case: Some(ended.case.id), ..ended.clone() };
        assert_eq!(state(&again), State::Ended);
        let nobody = WayBack { contact: None, ..again.clone() };
        assert_eq!(state(&nobody), State::Unknown);
        let nothing = WayBack { account: None, ..again };
        assert_eq!(state(&nothing), State::Unknown);
    }
}

#[test]
fn every_state_has_a_word_and_a_status_of_its_own_kind() {
    let words: std::collections::BTreeSet<_> = State::ALL.iter().map(|s| s.as_str()).collect();
    assert_eq!(words.len(), State::ALL.len());
    for state in State::ALL {
        let waits = matches!(state.status().as_u16(), 429 | 503) && state != State::NotSetUp;
        assert_eq!(state.retry_after().is_some(), waits, "{state:?}");
    }
}
