//! The writer's promises: one job's fault undoes only itself, answers come after the commit, and
//! a fault of the whole transaction is everybody's answer.

use super::*;
use crate::sqlite::read::value;
use std::path::Path;
use std::sync::mpsc::channel;

fn writer(path: &Path) -> Writer {
    let connection = crate::sqlite::connection::for_writing(path).unwrap();
    connection.execute_batch("CREATE TABLE t (x INTEGER PRIMARY KEY) STRICT").unwrap();
    Writer::start(connection).unwrap()
}

fn insert(connection: &Connection, x: i64) -> Result<i64, StoreError> {
    connection.execute("INSERT INTO t VALUES (?1)", [x])?;
    Ok(x)
}

fn rows(path: &Path) -> i64 {
    let connection = crate::sqlite::connection::for_reading(path).unwrap();
    value(&connection, "SELECT count(*) FROM t", []).unwrap()
}

#[tokio::test]
async fn a_failing_or_panicking_job_undoes_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.db");
    let writer = writer(&path);
    // Holds the thread until all jobs are in line, so that they share one transaction.
    let (open, gate) = channel::<()>();
    let held = writer.run(move |connection| {
        gate.recv().unwrap();
        insert(connection, 1)
    });
    let fails = writer.run(|connection| {
        insert(connection, 2)?;
        insert(connection, 1)
    });
    let panics = writer.run(|connection| -> Result<i64, StoreError> {
        insert(connection, 3)?;
        panic!("a fault")
    });
    let works = writer.run(|connection| insert(connection, 4));
    let opener = async move { open.send(()).unwrap() };
    let (held, fails, panics, works, ()) = tokio::join!(held, fails, panics, works, opener);
    assert_eq!((held, works), (Ok(1), Ok(4)));
    assert!(matches!(fails, Err(StoreError::Refused(_))), "{fails:?}");
    assert!(matches!(panics, Err(StoreError::Refused(_))), "{panics:?}");
    assert_eq!(rows(&path), 2);
}

#[tokio::test]
async fn an_answer_means_committed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.db");
    let writer = writer(&path);
    for x in 1..=20 {
        assert_eq!(writer.run(move |connection| insert(connection, x)).await, Ok(x));
        assert_eq!(rows(&path), x);
    }
}

#[test]
fn a_failed_commit_is_everybodys_answer_and_the_next_one_works() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.db");
    let connection = crate::sqlite::connection::for_writing(&path).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE t (x INTEGER PRIMARY KEY) STRICT;
             CREATE TABLE u (x INTEGER REFERENCES t (x) DEFERRABLE INITIALLY DEFERRED) STRICT;",
        )
        .unwrap();
    // What only fails at the commit stands for a disk that does.
    let broken: Job = Box::new(|transaction| {
        transaction.unwrap().execute("INSERT INTO u VALUES (7)", []).unwrap();
        Box::new(|committed| assert!(committed.is_err()))
    });
    let innocent: Job = Box::new(|transaction| {
        insert(transaction.unwrap(), 1).unwrap();
        Box::new(|committed| assert!(committed.is_err()))
    });
    let (answers, committed) = in_one_commit(&connection, vec![innocent, broken].into_iter());
    assert_eq!(answers.len(), 2);
    for answer in answers {
        answer(committed.clone());
    }
    assert_eq!(rows(&path), 0);

    let next: Job = Box::new(|transaction| {
        insert(transaction.unwrap(), 2).unwrap();
        Box::new(|committed| assert_eq!(committed, Ok(())))
    });
    let (answers, committed) = in_one_commit(&connection, vec![next].into_iter());
    for answer in answers {
        answer(committed.clone());
    }
    assert_eq!(rows(&path), 1);
}

#[test]
fn a_transaction_that_sqlite_undid_by_itself_is_nobodys_success() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.db");
    let connection = crate::sqlite::connection::for_writing(&path).unwrap();
    connection.execute_batch("CREATE TABLE t (x INTEGER PRIMARY KEY) STRICT").unwrap();
    let before: Job = Box::new(|transaction| {
        insert(transaction.unwrap(), 1).unwrap();
        Box::new(|committed| assert!(committed.unwrap_err().is_passing()))
    });
    let undone: Job = Box::new(|transaction| {
        transaction.unwrap().execute_batch("ROLLBACK").unwrap();
        Box::new(|committed| assert!(committed.is_err()))
    });
    let after: Job = Box::new(|transaction| {
        assert!(transaction.is_err());
        Box::new(|committed| assert!(committed.is_err()))
    });
    let jobs = vec![before, undone, after];
    let (answers, committed) = in_one_commit(&connection, jobs.into_iter());
    for answer in answers {
        answer(committed.clone());
    }
    assert_eq!(rows(&path), 0);
}

#[tokio::test]
async fn a_full_disk_is_said_to_be_one_and_leaves_nothing_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.db");
    let connection = crate::sqlite::connection::for_writing(&path).unwrap();
    connection.execute_batch("CREATE TABLE t (x BLOB) STRICT; PRAGMA max_page_count = 20").unwrap();
    let writer = Writer::start(connection).unwrap();
    let fill = |bytes: i64| {
        writer.run(move |connection| {
            connection.execute("INSERT INTO t VALUES (zeroblob(10))", [])?;
            connection.execute("INSERT INTO t VALUES (zeroblob(?1))", [bytes])?;
            Ok(())
        })
    };
    let (small, large) = tokio::join!(fill(10), fill(10_000_000));
    let error = large.unwrap_err();
    assert!(matches!(error, StoreError::Disk(_)), "{error:?}");
    assert!(error.is_passing());
    // Whether the small one shared the transaction is a matter of timing; its answer is not.
    let expected = if small.is_ok() { 2 } else { 0 };
    assert_eq!(rows(&path), expected);
    assert_eq!(fill(10).await, Ok(()));
    assert_eq!(rows(&path), expected + 2);
}

#[tokio::test]
async fn a_file_held_by_another_program_is_a_passing_fault() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.db");
    let connection = crate::sqlite::connection::for_writing(&path).unwrap();
    connection.execute_batch("CREATE TABLE t (x INTEGER PRIMARY KEY) STRICT").unwrap();
    connection.busy_timeout(std::time::Duration::from_millis(20)).unwrap();
    let writer = Writer::start(connection).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = writer.run(|connection| insert(connection, 1)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(error.is_passing());
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(writer.run(|connection| insert(connection, 1)).await, Ok(1));
}
