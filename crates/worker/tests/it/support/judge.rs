//! Who may be told: judged at the moment a message is handed to its provider, by what the account
//! was like when Cobalt was asked for this very delivery.

use super::{FakeCobalt, Says, ScriptedSender};
use relink_core::id::{CaseId, NotificationId};
use relink_core::sender::MessageOrder;
use relink_core::signal::SignalKind;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

tokio::task_local! {
    /// Which delivery is under way in this task.
    pub(crate) static DELIVERY: u64;
}

#[derive(Default)]
struct Seen {
    /// Rises with everything that is seen.
    moment: u64,
    /// Since when each account works, by its token; broken ones are missing.
    works_since: HashMap<String, u64>,
    /// The last question of each delivery, and whether Cobalt could say how the account is.
    asked: HashMap<u64, (u64, bool)>,
    accounts: HashMap<CaseId, String>,
    handed: HashMap<NotificationId, u32>,
    /// Messages whose account worked, sent without a word of Cobalt: only for want of patience.
    unasked: Vec<(CaseId, NotificationId)>,
    wrong: Vec<String>,
}

/// Watches Cobalt and the providers.
#[derive(Clone, Default)]
pub(crate) struct Judge(Arc<Mutex<Seen>>);

impl Judge {
    pub(crate) fn watch_cobalt(&self, cobalt: &Arc<FakeCobalt>) {
        let (judge, known) = (self.clone(), Arc::downgrade(cobalt));
        cobalt.watch(move |token| {
            let says = known.upgrade().and_then(|cobalt| cobalt.says(token));
            let mut seen = judge.0.lock().unwrap();
            seen.moment += 1;
            let told = matches!(says, Some(Says::Works | Says::Broken));
            let moment = seen.moment;
            if let Ok(delivery) = DELIVERY.try_with(|delivery| *delivery) {
                seen.asked.insert(delivery, (moment, told));
            }
        });
    }

    pub(crate) fn watch_sender(&self, sender: &ScriptedSender) {
        let judge = self.clone();
        sender.watch(move |order| judge.handed_over(order));
    }

    pub(crate) fn opened(&self, case: CaseId, account: &str) {
        self.0.lock().unwrap().accounts.insert(case, account.to_owned());
    }

    /// The account breaks or works from now on.
    pub(crate) fn changed(&self, account: &str, works: bool) {
        let mut seen = self.0.lock().unwrap();
        seen.moment += 1;
        let moment = seen.moment;
        if works {
            seen.works_since.entry(account.to_owned()).or_insert(moment);
        } else {
            seen.works_since.remove(account);
        }
    }

    fn handed_over(&self, order: &MessageOrder) {
        let delivery = DELIVERY.with(|delivery| *delivery);
        let mut seen = self.0.lock().unwrap();
        *seen.handed.entry(order.notification_id).or_default() += 1;
        let account = seen.accounts.get(&order.case_id).cloned().unwrap_or_default();
        let Some(works_since) = seen.works_since.get(&account).copied() else { return };
        if order.kind == SignalKind::PasswordChangeWarning {
            return;
        }
        match seen.asked.get(&delivery) {
            Some((asked, _)) if *asked < works_since => {}
            Some((_, true)) => {
                let what =
                    format!("{} of {account}, which worked when asked", order.notification_id);
                seen.wrong.push(what);
            }
            Some((_, false)) | None => seen.unasked.push((order.case_id, order.notification_id)),
        }
    }

    /// How often a message was handed over.
    pub(crate) fn handed(&self, id: NotificationId) -> u32 {
        self.0.lock().unwrap().handed.get(&id).copied().unwrap_or_default()
    }

    /// Sends that must not have been, so far; and those that only want of patience allows.
    pub(crate) fn verdict(&self) -> (Vec<String>, Vec<(CaseId, NotificationId)>) {
        let mut seen = self.0.lock().unwrap();
        (std::mem::take(&mut seen.wrong), std::mem::take(&mut seen.unasked))
    }
}
