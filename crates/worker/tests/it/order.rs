//! Intent is committed before the provider is called, the outcome after, the queue's end last.

use crate::support::*;
use relink_core::account::{Address, Channel};
use relink_core::notification::NotificationState;
use relink_core::wire::DueMessage;
use relink_queue::Settlement;
use relink_store::CaseStore as _;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn intent_then_send_then_outcome_then_settlement() {
    let world = World::new().await;
    let (case, id) = world.due_email("clinic_1").await;
    let (delivery, receipt) = delivery(DueMessage::encode(id));
    let receipt = Arc::new(Mutex::new(receipt));
    let story = Arc::new(Mutex::new(Vec::new()));

    let (log, settled) = (Arc::clone(&story), Arc::clone(&receipt));
    world.store.watch(move |call| {
        if call == "begin" || call == "finish" {
            let open = settled.lock().unwrap().is_open();
            log.lock().unwrap().push(format!("{call}, unsettled: {open}"));
        }
    });
    let sender = ScriptedSender::on(Channel::Email);
    let (log, settled) = (Arc::clone(&story), Arc::clone(&receipt));
    let (store, runtime) = (Arc::clone(&world.store), tokio::runtime::Handle::current());
    sender.watch(move |order| {
        // Read as any other process would at this moment: what is not committed is not there.
        let history = tokio::task::block_in_place(|| runtime.block_on(store.case(order.case_id)));
        let attempts = history.unwrap().unwrap().attempts;
        let (count, finished) = (attempts.len(), attempts[0].finished_at.is_some());
        let open = settled.lock().unwrap().is_open();
        log.lock()
            .unwrap()
            .push(format!("send, attempts: {count}, finished: {finished}, unsettled: {open}"));
    });

    world.courier(&sender).deliver(delivery, &CancellationToken::new()).await;
    assert_eq!(
        *story.lock().unwrap(),
        [
            "begin, unsettled: true",
            "send, attempts: 1, finished: false, unsettled: true",
            "finish, unsettled: true",
        ]
    );
    // The watchers let go of it.
    world.store.watch(|_| ());
    drop(sender);
    let receipt = Arc::into_inner(receipt).expect("nobody else holds it").into_inner().unwrap();
    assert_eq!(receipt.end().await, Some(Settlement::Done));
    assert_eq!(world.stands(case, id).await.0, NotificationState::Sent);
}

#[tokio::test]
async fn an_order_carries_what_a_message_needs_and_a_link_that_stays_the_same() {
    let world = World::new().await;
    let (case, id) = world.due_email("clinic_1").await;
    let sender = ScriptedSender::on(Channel::Email);
    let (delivery, _receipt) = delivery(DueMessage::encode(id));
    world.courier(&sender).deliver(delivery, &CancellationToken::new()).await;
    let order = &sender.orders()[0];
    assert_eq!((order.notification_id, order.case_id, order.reminder), (id, case, false));
    assert_eq!((order.locale.as_deref(), order.name.as_deref()), (Some("es-MX"), Some("Jane")));
    assert!(order.link.starts_with("https://relink.example.org/r/"), "{}", order.link);
    assert!(matches!(&order.address, Address::Email(to) if to.expose() == "jane.doe@example.org"));
    assert_eq!(order.valid_for, DAY);
    let attempt = &world.attempts(case).await[0];
    assert_eq!(attempt.address, "j***@example.org");
    assert_eq!(attempt.provider_message_id.as_deref(), Some("provider-1"));

    // The next step of the same case is a reminder.
    world.advance(DAY);
    let texts = ScriptedSender::on(Channel::Sms);
    let (due, _receipt) =
        crate::support::delivery(DueMessage::encode(id_of(case, "nudge", Channel::Sms)));
    world.courier(&texts).deliver(due, &CancellationToken::new()).await;
    assert!(texts.orders()[0].reminder);
}
