//! What a log says, is said again, and is taken over.

use std::str::FromStr;

use sqlx::{Connection, any::AnyConnectOptions};

use super::*;

/// A database with nothing but logs.
async fn database() -> AnyConnection {
    sqlx::any::install_default_drivers();
    let options = AnyConnectOptions::from_str("sqlite::memory:").unwrap();
    let mut db = AnyConnection::connect_with(&options).await.unwrap();
    let table = "CREATE TABLE gateway_log (instance TEXT, number BIGINT, entries TEXT, PRIMARY KEY (instance, number))";
    sqlx::query(table).execute(&mut db).await.unwrap();
    db
}

fn request(id: usize) -> Request {
    Request {
        id: id.to_string(),
        plan: PlanId(U256::from(id % 2)),
        holder: Address::repeat_byte(1),
        redeemer: Address::repeat_byte(2),
        held: 3,
        due: 0,
        session: (id % 2 == 1).then_some(U256::from(7)),
        key: None,
        token: None,
    }
}

fn ended(id: usize, used: Option<u64>) -> Line {
    Line::Ended { id: id.to_string(), used, at: 9 }
}

async fn add(log: &mut Log, db: &mut AnyConnection, lines: Vec<Line>) {
    let added = log.add(db, "one", lines).await.unwrap();
    log.apply(added);
}

async fn count(db: &mut AnyConnection) -> i64 {
    sqlx::query("SELECT COUNT(*) FROM gateway_log").fetch_one(db).await.unwrap().try_get(0).unwrap()
}

/// What a log comes to, in words.
fn told(log: &Log) -> String {
    let open: BTreeMap<_, _> = log.open.iter().collect();
    format!("{} {open:?} {:?}", log.next, log.queues)
}

#[tokio::test]
async fn what_is_read_again_is_what_was_written() {
    let (mut db, mut log) = (database().await, Log::default());
    for id in 0..100 {
        add(&mut log, &mut db, vec![Line::In(request(id))]).await;
        let due = Line::Due { id: id.to_string(), due: 1 };
        add(&mut log, &mut db, vec![due]).await;
        let used = [None, Some(0), Some(2)][id % 3];
        if id % 5 != 0 {
            add(&mut log, &mut db, vec![ended(id, used)]).await;
        }
    }
    let group = *log.queues.keys().next().unwrap();
    add(&mut log, &mut db, vec![Line::Cut { group, count: 4 }]).await;
    assert_eq!(log.open.len(), 20);
    assert_eq!(told(&Log::read(&mut db, "one").await.unwrap()), told(&log));
}

#[tokio::test]
async fn what_is_long_is_said_again_shorter() {
    let (mut db, mut log) = (database().await, Log::default());
    add(&mut log, &mut db, vec![Line::In(request(0))]).await;
    let mut most = 0;
    for id in 1..10_000 {
        add(&mut log, &mut db, vec![Line::In(request(id)), ended(id, None)]).await;
        most = most.max(count(&mut db).await);
    }
    assert!((1_000..8_000).contains(&most) && count(&mut db).await < most, "{most} rows");
    assert_eq!(log.open.len(), 1);
    // Whoever does not know whether it was written finds out, and counts nothing twice.
    let mut behind = Log::default();
    behind.apply(Added {
        lines: vec![Line::In(request(3)), ended(3, Some(2))],
        length: 9,
        is_restated: false,
    });
    behind.catch_up(&mut db, "one").await.unwrap();
    assert_eq!(told(&behind), told(&log));
}

#[tokio::test]
async fn nobody_adds_to_a_log_that_was_taken_over() {
    let (mut db, mut log) = (database().await, Log::default());
    add(&mut log, &mut db, vec![Line::In(request(0)), Line::In(request(1)), ended(1, Some(2))]).await;
    let taken = Log::read(&mut db, "one").await.unwrap();
    assert!(taken.close(&mut db, "one").await.unwrap());
    assert!(!taken.close(&mut db, "one").await.unwrap(), "two have taken it over");
    assert!(log.add(&mut db, "one", vec![ended(0, Some(3))]).await.is_err());
    log.catch_up(&mut db, "one").await.unwrap();
    // What it is delivering is known still; what it owed is the other's.
    assert_eq!((log.lost.len(), log.open.len(), log.queues.len()), (1, 0, 0));
    add(&mut log, &mut db, vec![Line::In(request(2))]).await;
    let read = Log::read(&mut db, "one").await.unwrap();
    assert_eq!((told(&read), read.is_closed(), count(&mut db).await), (told(&log), false, 2));
    // What has ended since is owed, once: also when it is not known whether that was written.
    let late = Line::Late(log.lost["0"].clone().owes(3, 9));
    let _ = log.add(&mut db, "one", vec![late]).await.unwrap();
    log.catch_up(&mut db, "one").await.unwrap();
    assert_eq!((log.lost.len(), log.queues.values().map(|queue| queue.credits).sum::<u64>()), (0, 3));
}

#[tokio::test]
async fn what_may_have_been_written_before_it_was_taken_over_is_not_owed_twice() {
    let (mut db, mut log) = (database().await, Log::default());
    add(&mut log, &mut db, vec![Line::In(request(0))]).await;
    // It is written, and nobody knows.
    let _ = log.add(&mut db, "one", vec![ended(0, Some(3))]).await.unwrap();
    let taken = Log::read(&mut db, "one").await.unwrap();
    assert_eq!(taken.queues.values().map(|queue| queue.credits).sum::<u64>(), 3);
    assert!(taken.close(&mut db, "one").await.unwrap());
    log.catch_up(&mut db, "one").await.unwrap();
    assert_eq!((log.lost.len(), log.open.len()), (0, 0));
}

#[tokio::test]
async fn what_was_said_anew_is_not_taken_over_as_it_was_before() {
    let (mut db, mut log) = (database().await, Log::default());
    add(&mut log, &mut db, vec![Line::In(request(0))]).await;
    let taken = Log::read(&mut db, "one").await.unwrap();
    add(&mut log, &mut db, vec![ended(0, Some(2))]).await;
    log.length = 2 * SPARE;
    add(&mut log, &mut db, vec![Line::In(request(1))]).await;
    assert_eq!(count(&mut db).await, 1);
    assert!(!taken.close(&mut db, "one").await.unwrap());
}

#[tokio::test]
async fn what_the_database_has_lost_counts_no_longer() {
    let (mut db, mut log) = (database().await, Log::default());
    for id in 0..3 {
        add(&mut log, &mut db, vec![Line::In(request(id))]).await;
    }
    sqlx::query("DELETE FROM gateway_log WHERE number = 2").execute(&mut db).await.unwrap();
    log.catch_up(&mut db, "one").await.unwrap();
    assert_eq!((log.next, log.open.len()), (2, 2));
    assert!(log.fence(&mut db, "one").await.unwrap());
    assert_eq!(told(&Log::read(&mut db, "one").await.unwrap()), told(&log));
}

#[tokio::test]
async fn what_may_yet_be_written_is_waited_for_or_is_not_written() {
    let (mut db, mut log) = (database().await, Log::default());
    // It is written after it was looked.
    log.catch_up(&mut db, "one").await.unwrap();
    let _ = log.add(&mut db, "one", vec![Line::In(request(0))]).await.unwrap();
    assert!(!log.fence(&mut db, "one").await.unwrap());
    log.catch_up(&mut db, "one").await.unwrap();
    assert!(log.fence(&mut db, "one").await.unwrap());
    assert_eq!((log.open.len(), log.next), (1, 2));
}

#[tokio::test]
async fn what_is_said_is_committed_with_what_comes_before_it_or_neither_is() {
    let (mut db, mut log) = (database().await, Log::default());
    sqlx::query("CREATE TABLE other (number BIGINT)").execute(&mut db).await.unwrap();
    let others = async |db: &mut AnyConnection| -> i64 {
        sqlx::query("SELECT COUNT(*) FROM other").fetch_one(db).await.unwrap().try_get(0).unwrap()
    };
    let before = |count: i64| {
        let rows = (0..count).map(|number| vec![number.into()]).collect();
        Script::default().then("BEGIN IMMEDIATE").then_for("INSERT INTO other VALUES ROWS", rows)
    };
    let added = log.add_and_commit(&mut db, "one", vec![Line::In(request(0))], before(8)).await.unwrap();
    log.apply(added);
    assert_eq!((others(&mut db).await, count(&mut db).await), (8, 1));
    // Nothing is said, and the rest is committed.
    assert!(log.add_and_commit(&mut db, "one", Vec::new(), before(1)).await.unwrap().is_none());
    assert_eq!((others(&mut db).await, count(&mut db).await), (9, 1));
    // Somebody else has ended it: the transaction is left open, for whoever gives its connection up.
    let taken = Log::read(&mut db, "one").await.unwrap();
    assert!(taken.close(&mut db, "one").await.unwrap());
    let refused = log.add_and_commit(&mut db, "one", vec![ended(0, Some(1))], before(4)).await.unwrap_err();
    assert!(refused.detail.contains("taken this process for gone"), "{refused:?}");
    sqlx::query("ROLLBACK").execute(&mut db).await.unwrap();
    assert_eq!((others(&mut db).await, told(&log)), (9, told(&log)));
}

#[tokio::test]
async fn a_log_is_said_anew_in_a_script_too() {
    let (mut db, mut log) = (database().await, Log::default());
    for id in 0..8_000 {
        let lines = vec![Line::In(request(id)), ended(id, None)];
        let script = Script::default().then("BEGIN IMMEDIATE");
        let added = log.add_and_commit(&mut db, "one", lines, script).await.unwrap();
        log.apply(added);
    }
    assert!(count(&mut db).await < 8_000, "it is never said anew");
    let read = Log::read(&mut db, "one").await.unwrap();
    assert_eq!(told(&read), told(&log));
}

#[tokio::test]
async fn what_has_ended_late_is_not_owed_again_when_that_is_taken_over_too() {
    let (mut db, mut log) = (database().await, Log::default());
    add(&mut log, &mut db, vec![Line::In(request(0))]).await;
    assert!(Log::read(&mut db, "one").await.unwrap().close(&mut db, "one").await.unwrap());
    log.catch_up(&mut db, "one").await.unwrap();
    // It is written that it has ended, and nobody knows; then another takes it over once more.
    let late = Line::Late(log.lost["0"].clone().owes(3, 9));
    let _ = log.add(&mut db, "one", vec![late]).await.unwrap();
    let taken = Log::read(&mut db, "one").await.unwrap();
    assert_eq!(taken.queues.values().map(|queue| queue.credits).sum::<u64>(), 3);
    assert!(taken.close(&mut db, "one").await.unwrap());
    log.catch_up(&mut db, "one").await.unwrap();
    assert!(log.lost.is_empty(), "it would be owed twice");
}
