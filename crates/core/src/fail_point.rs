//! Named places between two durable steps, where a fault suite ends the process or holds it up.
//!
//! Own code in place of the crate `fail`: that one cannot end a process, knows its points only
//! by text, and would bring a random number generator into the release. Without the feature
//! `fail-points`, which is off by default and in releases, [`reached`] is empty and nothing can
//! be armed. What is armed comes from the program; nothing here reads the environment.

use crate::words::words;

words! {
    /// A place that can be made to fail.
    pub enum FailPoint {
        /// Receiver: the event is synced to the disk, its sender is not answered.
        AfterSpoolFsync = "after_spool_fsync",
        /// Scheduler: due notifications are claimed, none is published.
        BeforeDuePublish = "before_due_publish",
        /// Email: the final dot was sent and the relay has the mail; nothing is on record.
        AfterDot = "after_dot",
        /// SMS: the request was written and the provider has it; nothing is on record.
        AfterHttpWrite = "after_http_write",
        /// Courier: the send has ended, its outcome is about to be recorded.
        OutcomeCommit = "outcome_commit",
        /// Courier: the outcome is recorded, the queue still has the message.
        BeforeAck = "before_ack",
        /// Planner: signals are in hand, none is applied.
        BeforeApply = "before_apply",
        /// Dead letters: a worker has replayed one by itself, which is a dead letter still.
        AfterLetterPublish = "after_letter_publish",
        /// Telling: the app has answered for an event; nothing is on record.
        AfterTell = "after_tell",
    }
}

#[cfg(feature = "fail-points")]
pub use armed::{arm, reached};

/// Does nothing: this build has no fail points.
#[cfg(not(feature = "fail-points"))]
#[inline]
pub fn reached(_point: FailPoint) {}

#[cfg(feature = "fail-points")]
mod armed {
    use super::FailPoint;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    static ARMED: OnceLock<Vec<Armed>> = OnceLock::new();

    #[derive(Debug)]
    struct Armed {
        point: FailPoint,
        action: Action,
        passages: AtomicU64,
    }

    #[derive(Debug, PartialEq, Eq)]
    enum Action {
        /// Ends the process at the passage with this number, 1 is the first.
        Abort(u64),
        /// Holds up the thread at every passage.
        Sleep(Duration),
    }

    /// Arms points for the life of the process: `point=abort`, `point=abort@3` (the third
    /// passage), `point=sleep@500` (milliseconds, every passage), separated by commas.
    ///
    /// # Errors
    /// What cannot be read, or that it was called before.
    pub fn arm(text: &str) -> Result<(), String> {
        let armed = text.split(',').map(read).collect::<Result<Vec<_>, _>>()?;
        ARMED.set(armed).map_err(|_| "fail points are armed already".to_owned())
    }

    fn read(text: &str) -> Result<Armed, String> {
        let wrong = || format!("\"{text}\" is not point=abort, point=abort@N or point=sleep@MS");
        let (point, action) = text.split_once('=').ok_or_else(wrong)?;
        let point = point.parse().map_err(|error| format!("{error}"))?;
        let (word, number) = action.split_once('@').unwrap_or((action, "1"));
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let action = match word {
            "abort" => Action::Abort(number),
            "sleep" => Action::Sleep(Duration::from_millis(number)),
            _ => return Err(wrong()),
        };
        Ok(Armed { point, action, passages: AtomicU64::new(0) })
    }

    /// Says that `point` is passed, and does what was armed for it.
    pub fn reached(point: FailPoint) {
        for armed in ARMED.get().into_iter().flatten().filter(|armed| armed.point == point) {
            let passage = armed.passages.fetch_add(1, Ordering::SeqCst) + 1;
            match armed.action {
                // As `kill -9` at this very instruction: nothing is flushed or unwound.
                Action::Abort(at) if at == passage => std::process::abort(),
                Action::Abort(_) => {}
                Action::Sleep(time) => std::thread::sleep(time),
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn what_is_armed_is_read_and_what_cannot_be_read_is_named() {
            let action = |text| read(text).map(|armed| (armed.point, armed.action));
            assert_eq!(action("after_dot=abort"), Ok((FailPoint::AfterDot, Action::Abort(1))));
            assert_eq!(action("before_ack=abort@3"), Ok((FailPoint::BeforeAck, Action::Abort(3))));
            let sleep = Action::Sleep(Duration::from_millis(250));
            assert_eq!(action("outcome_commit=sleep@250"), Ok((FailPoint::OutcomeCommit, sleep)));
            for wrong in ["after_dot", "after_dot=explode", "before_ack=abort@x", ""] {
                assert!(action(wrong).unwrap_err().contains(wrong));
            }
            assert!(action("nowhere=abort").unwrap_err().contains("nowhere"));
        }

        #[test]
        fn a_sleep_holds_up_its_own_point_at_every_passage() {
            arm("before_ack=sleep@20,after_dot=abort@1000").unwrap();
            let started = std::time::Instant::now();
            reached(FailPoint::AfterDot);
            reached(FailPoint::BeforeAck);
            reached(FailPoint::BeforeAck);
            assert!(started.elapsed() >= Duration::from_millis(40));
            assert!(arm("before_ack=abort").is_err());
        }
    }
}
