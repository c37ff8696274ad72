//! Batches form from what waits, and a fault stays with the request that has it.

use super::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A line over numbers that doubles them, keeps the sizes of its batches, and refuses 13.
fn doubling(gate: &Arc<Semaphore>) -> (Line<u32, u32>, Arc<Mutex<Vec<usize>>>) {
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let (seen, gate) = (Arc::clone(&sizes), Arc::clone(gate));
    let line = Line::start(move |batch: Vec<u32>| {
        seen.lock().unwrap().push(batch.len());
        let gate = Arc::clone(&gate);
        Box::pin(async move {
            gate.acquire().await.unwrap().forget();
            if batch.contains(&13) {
                return Err(StoreError::Refused("13".to_owned()));
            }
            Ok(batch.into_iter().map(|number| number * 2).collect())
        })
    });
    (line, sizes)
}

fn ask(line: &Line<u32, u32>, number: u32) -> JoinHandle<Result<u32, StoreError>> {
    let line = line.clone();
    tokio::spawn(async move { line.ask(number).await })
}

#[tokio::test]
async fn whoever_asks_while_batches_are_under_way_shares_the_next_one() {
    let gate = Arc::new(Semaphore::new(0));
    let (line, sizes) = doubling(&gate);
    let mut asked = Vec::new();
    let rooms = u32::try_from(BATCHES_UNDER_WAY).unwrap();
    for number in 0..rooms {
        asked.push(ask(&line, number));
        let begun = async {
            while sizes.lock().unwrap().len() <= number as usize {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(10), begun).await.unwrap();
    }
    // No room for another batch: these get in line, all in one turn of this thread's tasks.
    asked.extend((100..196).map(|number| ask(&line, number)));
    tokio::task::yield_now().await;
    gate.add_permits(1000);
    for (number, answer) in (0..rooms).chain(100..196).zip(asked) {
        assert_eq!(
            timeout(Duration::from_secs(10), answer).await.unwrap().unwrap(),
            Ok(number * 2)
        );
    }
    let alone = std::iter::repeat_n(1, BATCHES_UNDER_WAY);
    let expected: Vec<usize> = alone.chain([BATCH_MAX, 96 - BATCH_MAX]).collect();
    assert_eq!(*sizes.lock().unwrap(), expected);
}

#[tokio::test]
async fn one_bad_request_does_not_spoil_the_others() {
    let gate = Arc::new(Semaphore::new(1000));
    let (line, _) = doubling(&gate);
    let (good, bad, other) = tokio::join!(line.ask(1), line.ask(13), line.ask(2));
    assert_eq!((good, other), (Ok(2), Ok(4)));
    assert_eq!(bad, Err(StoreError::Refused("13".to_owned())));
}

#[tokio::test]
async fn a_passing_fault_is_everybodys_and_is_not_tried_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let line: Line<u32, u32> = Line::start(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Err(StoreError::Unavailable("down".to_owned())) })
    });
    let (one, two) = tokio::join!(line.ask(1), line.ask(2));
    assert_eq!(one, two);
    assert_eq!(one, Err(StoreError::Unavailable("down".to_owned())));
    assert!(calls.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn a_worker_that_dies_is_an_error_and_the_line_goes_on() {
    let line: Line<u32, u32> = Line::start(|batch: Vec<u32>| {
        Box::pin(async move {
            assert!(!batch.contains(&13), "a fault");
            Ok(batch)
        })
    });
    assert!(matches!(line.ask(13).await, Err(StoreError::Unavailable(_))));
    assert_eq!(line.ask(1).await, Ok(1));
}
