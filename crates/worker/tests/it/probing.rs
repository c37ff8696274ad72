//! Before every message Cobalt is asked whether the account still needs its person: a repair ends
//! the case, no answer puts the message off, and neither costs a try.

use crate::support::*;
use relink_core::account::Channel;
use relink_core::attempt::{Outcome, Reason};
use relink_core::case::CloseReason;
use relink_core::id::{CaseId, NotificationId};
use relink_core::notification::{NonSend, NotificationState};
use relink_core::plan::WARNING_STEP;
use relink_core::signal::SignalKind;
use relink_core::time::since;
use relink_core::visit::{VisitStep, Way};
use relink_core::wire::DueMessage;
use relink_queue::Settlement;
use relink_store::{AccountStore as _, SignalStore as _, StoreError};
use relink_worker::probe::Prober;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The token of every account that the world registers by itself.
const TOKEN: &str = "canary-access-token";

struct Scene {
    world: World,
    cobalt: Arc<FakeCobalt>,
    prober: Arc<Prober>,
    sender: Arc<ScriptedSender>,
}

impl Scene {
    async fn on(channel: Channel) -> Self {
        let world = World::new().await;
        let cobalt = Arc::<FakeCobalt>::default();
        let prober = world.prober(&cobalt);
        Self { world, cobalt, prober, sender: ScriptedSender::on(channel) }
    }

    async fn deliver(&self, id: NotificationId) {
        let (delivery, receipt) = delivery(DueMessage::encode(id));
        let courier = self.world.asking(&self.sender, &self.prober);
        courier.deliver(delivery, &CancellationToken::new()).await;
        assert_eq!(receipt.end().await, Some(Settlement::Done));
    }

    fn sent(&self) -> usize {
        self.sender.orders().len()
    }

    fn probes(&self, result: &str) -> f64 {
        let line = format!(r#"relink_probes_total{{when="before_send",result="{result}"}}"#);
        self.world.metric(&line)
    }

    async fn told(&self, case: CaseId, id: NotificationId) -> Vec<(NonSend, Reason)> {
        let rows = self.world.history(case).await.non_sends.into_iter();
        rows.filter(|row| row.notification_id == Some(id))
            .map(|row| (row.decision, row.reason))
            .collect()
    }
}

#[tokio::test]
async fn an_account_that_still_needs_its_person_is_told_about() {
    for channel in [Channel::Email, Channel::Sms] {
        let scene = Scene::on(channel).await;
        let (case, id) = match channel {
            Channel::Sms => scene.world.due_sms("clinic_1").await,
            Channel::Email | Channel::InApp => scene.world.due_email("clinic_1").await,
        };
        scene.cobalt.say(TOKEN, Says::Broken);
        scene.deliver(id).await;
        assert_eq!(scene.world.stands(case, id).await.0, NotificationState::Sent);
        assert_eq!((scene.cobalt.asked().len(), scene.probes("login_required")), (1, 1.0));
        // Delivered again it is no question any more.
        scene.deliver(id).await;
        assert_eq!((scene.sent(), scene.cobalt.asked().len()), (1, 1));
    }
}

#[tokio::test]
async fn an_account_that_works_closes_its_case_and_silences_all_that_is_planned() {
    let scene = Scene::on(Channel::Email).await;
    let (case, id) = scene.world.due_email("clinic_1").await;
    scene.cobalt.say(TOKEN, Says::Works);
    scene.deliver(id).await;
    assert_eq!((scene.sent(), scene.probes("healthy")), (0, 1.0));
    let history = scene.world.history(case).await;
    assert_eq!(history.case.close_reason, Some(CloseReason::Repaired));
    assert!(history.attempts.is_empty());
    for row in &history.notifications {
        assert_eq!(row.state, NotificationState::Cancelled);
        let why = scene.told(case, row.id).await;
        assert_eq!(why, [(NonSend::Cancelled, Reason::CaseClosed)]);
    }
    let visit = &history.visits[0];
    assert_eq!((visit.step, visit.way), (VisitStep::Proven, Way::BeforeSend));
    assert_eq!(visit.notification_id, Some(id));
    assert_eq!(scene.world.metric("relink_time_to_relink_seconds_count"), 1.0);
}

#[tokio::test]
async fn news_of_a_break_while_cobalt_is_asked_wins_over_its_answer() {
    let scene = Scene::on(Channel::Email).await;
    let (case, id) = scene.world.due_email("clinic_1").await;
    scene.cobalt.say(TOKEN, Says::Works);
    let answer = Arc::<tokio::sync::Notify>::default();
    *scene.cobalt.held.lock().unwrap() = Some(Arc::clone(&answer));
    let again = scene.world.signal("again", "clinic_1", SignalKind::LoginRequired);
    tokio::join!(scene.deliver(id), async {
        soon("the question", scene.cobalt.begun.notified()).await;
        scene.world.store.apply_signals(&[again]).await.unwrap();
        answer.notify_one();
    });
    assert_eq!(scene.sent(), 1);
    assert!(scene.world.history(case).await.case.is_open());
}

#[tokio::test]
async fn a_repair_that_commits_while_cobalt_is_asked_wins_over_its_answer() {
    let scene = Scene::on(Channel::Email).await;
    let (case, id) = scene.world.due_email("clinic_1").await;
    scene.cobalt.say(TOKEN, Says::Broken);
    let answer = Arc::<tokio::sync::Notify>::default();
    *scene.cobalt.held.lock().unwrap() = Some(Arc::clone(&answer));
    let repaired = scene.world.signal("said", "clinic_1", SignalKind::Repaired);
    tokio::join!(scene.deliver(id), async {
        soon("the question", scene.cobalt.begun.notified()).await;
        scene.world.store.apply_signals(&[repaired]).await.unwrap();
        answer.notify_one();
    });
    assert_eq!(scene.sent(), 0);
    assert!(!scene.world.history(case).await.case.is_open());
}

#[tokio::test]
async fn every_answer_that_proves_nothing_puts_the_message_off_at_no_cost() {
    for says in [
        Some(Says::Status(401)),
        Some(Says::Status(403)),
        Some(Says::Status(404)),
        Some(Says::Status(429)),
        Some(Says::Status(503)),
        Some(Says::Garbage),
        None,
    ] {
        let scene = Scene::on(Channel::Email).await;
        let (case, id) = scene.world.due_email("clinic_1").await;
        scene.cobalt.say_to_all(says);
        scene.deliver(id).await;
        let row = scene.world.notification(case, id).await;
        assert_eq!(
            (row.state, row.reason, row.attempts, row.spent),
            (NotificationState::Planned, Some(Reason::HealthUnknown), 0, 0),
            "{says:?}"
        );
        let wait = since(scene.world.now(), row.due_at);
        assert!((60..=66).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(scene.told(case, id).await, [(NonSend::Deferred, Reason::HealthUnknown)]);
        let line = r#"relink_notifications_total{channel="email",step="first",state="planned",reason="health_unknown"}"#;
        assert_eq!(
            (scene.sent(), scene.probes("unknown"), scene.world.metric(line)),
            (0, 1.0, 1.0)
        );

        // A copy of it in the queue is early: nobody is asked about it.
        scene.deliver(id).await;
        assert_eq!(scene.cobalt.asked().len(), 1);

        scene.world.advance(Duration::from_secs(66));
        scene.cobalt.say_to_all(Some(Says::Broken));
        scene.deliver(id).await;
        assert_eq!(scene.sent(), 1, "{says:?}");
        assert_eq!(scene.world.stands(case, id).await.0, NotificationState::Sent);
    }
}

#[tokio::test]
async fn a_wrong_path_at_cobalt_is_no_reason_to_tell_nobody() {
    let scene = Scene::on(Channel::Email).await;
    let (case, id) = scene.world.due_email("clinic_1").await;
    scene.cobalt.say_to_all(Some(Says::Status(404)));
    let mut waited = Duration::ZERO;
    while scene.sent() == 0 {
        scene.deliver(id).await;
        let row = scene.world.notification(case, id).await;
        let wait = since(scene.world.now(), row.due_at);
        waited += wait;
        scene.world.advance(wait);
        assert!(waited <= PATIENCE, "{waited:?}");
    }
    assert_eq!(waited, PATIENCE);
    let visits = scene.world.history(case).await.visits;
    assert_eq!(visits.len(), 1);
    assert_eq!((visits[0].step, visits[0].way), (VisitStep::PatienceOver, Way::BeforeSend));
    assert_eq!(scene.told(case, id).await.len(), 1);
}

#[tokio::test]
async fn a_warning_is_sent_unasked_and_what_follows_it_is_asked_about() {
    let scene = Scene::on(Channel::Email).await;
    let world = &scene.world;
    world.register("clinic_1").await;
    scene.cobalt.say(TOKEN, Says::Works);
    let warning = world.signal("warned", "clinic_1", SignalKind::PasswordChangeWarning);
    let case = world.store.apply_signals(&[warning]).await.unwrap()[0].case_id.unwrap();
    scene.deliver(id_of(case, WARNING_STEP, Channel::Email)).await;
    assert_eq!((scene.sent(), scene.cobalt.asked().len(), scene.probes("skipped")), (1, 0, 1.0));
    assert!(world.history(case).await.case.is_open());

    let broken = world.signal("broken", "clinic_1", SignalKind::LoginRequired);
    world.store.apply_signals(&[broken]).await.unwrap();
    let first = id_of(case, "first", Channel::Email);
    scene.deliver(first).await;
    assert_eq!((scene.sent(), scene.cobalt.asked().len()), (1, 1));
    assert_eq!(world.history(case).await.case.close_reason, Some(CloseReason::Repaired));
}

#[tokio::test]
async fn a_look_up_of_a_doubt_is_made_unasked_and_its_resend_is_not() {
    let scene = Scene::on(Channel::Sms).await;
    let (case, id) = scene.world.due_sms("clinic_1").await;
    scene.cobalt.say(TOKEN, Says::Broken);
    scene.sender.then(Act::End(Outcome::Unknown { reason: Reason::NoAnswer }));
    scene.deliver(id).await;
    for _ in 0..2 {
        scene.world.advance(Duration::from_secs(60));
        scene.sender.then_shows(relink_core::sender::LookUp::Absent);
        scene.deliver(id).await;
    }
    assert_eq!((scene.sender.looks().len(), scene.cobalt.asked().len()), (2, 1));
    scene.cobalt.say(TOKEN, Says::Works);
    scene.deliver(id).await;
    assert_eq!((scene.sent(), scene.cobalt.asked().len()), (1, 2));
    assert_eq!(scene.world.stands(case, id).await.0, NotificationState::Cancelled);
}

#[tokio::test]
async fn what_the_gate_would_not_send_costs_no_call() {
    let scene = Scene::on(Channel::Email).await;
    let (case, id) = scene.world.due_email("clinic_1").await;
    scene.world.store.delete_account(&"clinic_1".parse().unwrap()).await.unwrap();
    scene.deliver(id).await;
    let (_, late) = scene.world.due_email("clinic_2").await;
    scene.world.advance(2 * DAY);
    scene.deliver(late).await;
    scene.deliver("2639c97f-0d8e-56e7-a3f0-48f01b3f9f71".parse().unwrap()).await;
    assert_eq!((scene.sent(), scene.cobalt.asked().len()), (0, 0));
    assert_eq!(scene.world.stands(case, id).await.0, NotificationState::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_cobalt_is_met_by_few_calls_and_noticed_to_be_over() {
    let _still = stand_still();
    let scene = Scene::on(Channel::Email).await;
    scene.cobalt.say_to_all(Some(Says::Status(503)));
    let mut ids = Vec::new();
    for number in 0..40 {
        ids.push(scene.world.due_email(&format!("clinic_{number}")).await.1);
    }
    for id in &ids {
        scene.deliver(*id).await;
    }
    assert_eq!((scene.cobalt.asked().len(), scene.probes("unknown")), (3, 40.0));
    assert_eq!(scene.world.metric("relink_probes_stopped"), 1.0);
    assert_eq!(scene.world.metric("relink_probes_refused"), 0.0);
    assert!(scene.prober.circuit().trouble().unwrap().contains("provider_error"));

    tokio::time::advance(Duration::from_secs(33)).await;
    scene.world.advance(Duration::from_secs(66));
    scene.cobalt.say_to_all(Some(Says::Broken));
    for id in &ids[..5] {
        scene.deliver(*id).await;
    }
    assert_eq!((scene.sent(), scene.prober.circuit().trouble()), (5, None));
    assert_eq!(scene.world.metric("relink_probes_stopped"), 0.0);
}

#[tokio::test]
async fn a_refused_set_up_pages_and_one_refused_account_does_not() {
    let scene = Scene::on(Channel::Email).await;
    for round in 0..4 {
        let refused = format!("refused_{round}");
        let (_, id) = scene.world.due_email(&refused).await;
        scene.cobalt.say(TOKEN, Says::Status(401));
        scene.deliver(id).await;
        let (_, id) = scene.world.due_email(&format!("broken_{round}")).await;
        scene.cobalt.say(TOKEN, Says::Broken);
        scene.deliver(id).await;
    }
    assert_eq!((scene.sent(), scene.prober.circuit().trouble()), (4, None));
    scene.cobalt.say_to_all(Some(Says::Status(403)));
    for number in 0..5 {
        let (_, id) = scene.world.due_email(&format!("later_{number}")).await;
        scene.deliver(id).await;
    }
    assert_eq!(scene.world.metric("relink_probes_refused"), 1.0);
    assert!(scene.prober.circuit().trouble().unwrap().contains("mend [cobalt]"));
    assert_eq!(scene.cobalt.asked().len(), 8 + 3);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_come_is_waited_for_briefly() {
    let scene = Scene::on(Channel::Email).await;
    let (case, id) = scene.world.due_email("clinic_1").await;
    *scene.cobalt.held.lock().unwrap() = Some(Arc::default());
    let started = tokio::time::Instant::now();
    scene.deliver(id).await;
    assert!(started.elapsed() >= Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!(scene.world.stands(case, id).await.1, Some(Reason::HealthUnknown));
}

#[tokio::test]
async fn a_store_that_is_away_at_any_point_is_waited_for() {
    let scene = Scene::on(Channel::Email).await;
    let (case, id) = scene.world.due_email("clinic_1").await;
    scene.cobalt.say(TOKEN, Says::Works);
    for call in ["way_back", "close_proven"] {
        scene.world.store.fail(call, 2, &StoreError::Unavailable("on purpose".into()));
    }
    scene.deliver(id).await;
    assert!(!scene.world.history(case).await.case.is_open());
    let (case, id) = scene.world.due_email("clinic_2").await;
    scene.cobalt.say_to_all(Some(Says::Garbage));
    scene.world.store.fail("put_off", 2, &StoreError::Unavailable("on purpose".into()));
    scene.deliver(id).await;
    assert_eq!(scene.world.stands(case, id).await.1, Some(Reason::HealthUnknown));
    assert_eq!(scene.sent(), 0);
}
