use super::*;
use http_body_util::BodyExt as _;
use relink_core::Timestamp;
use relink_core::case::Case;
use relink_core::id::{AccountRef, CaseId, EventId};
use relink_core::policy::{EnabledChannels, OnUnknown, Policy};
use relink_core::signal::SignalKind;
use relink_core::time::from_millis;
use relink_store::UsersCase;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A store that counts how often it is asked.
#[derive(Default)]
struct Counting {
    asked: AtomicUsize,
    most_users: AtomicUsize,
    open: Mutex<Vec<UsersCase>>,
    down: Mutex<bool>,
}

#[async_trait::async_trait]
impl FeedStore for Counting {
    async fn open_cases_of_users(&self, users: &[String]) -> Result<UsersCases, StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.most_users.fetch_max(users.len(), Ordering::SeqCst);
        if *self.down.lock().unwrap() {
            return Err(StoreError::Unavailable("on purpose".into()));
        }
        let mut cases = self.open.lock().unwrap().clone();
        cases.retain(|row| users.contains(&row.user_id));
        Ok(UsersCases { now: now(), cases })
    }
}

fn now() -> Timestamp {
    from_millis(1_767_225_600_000)
}

fn rules() -> Rules {
    Rules {
        app: Vec::new(),
        policy: Policy {
            settle: Duration::ZERO,
            expire: Duration::from_secs(3600),
            late_by_max: Duration::from_secs(60),
            steps: Vec::new(),
        },
        channels: EnabledChannels::default(),
        email_on_unknown: OnUnknown::Hold,
        sms_on_unknown: OnUnknown::Hold,
    }
}

fn case_of(user: &str) -> UsersCase {
    let case = Case {
        id: CaseId::opened_by(&EventId::parse(user).unwrap()),
        account_ref: AccountRef::parse("acc").unwrap(),
        kind: SignalKind::LoginRequired,
        opened_at: now(),
        expires_at: from_millis(now().as_millisecond() + 3_600_000),
        hold: None,
        closed_at: None,
        close_reason: None,
        signals: 1,
        emr_instance_domain: Some("canary".into()),
        error_type: Some("canary".into()),
    };
    UsersCase { user_id: user.to_owned(), case, told_in_app: false }
}

struct World {
    store: Arc<Counting>,
    hub: Arc<Hub>,
    gauge: Gauge,
}

impl World {
    fn new(most: usize) -> Self {
        let (store, gauge) = (Arc::new(Counting::default()), Gauge::default());
        let feed = Arc::clone(&store) as Arc<dyn FeedStore>;
        let hub = Arc::new(Hub::new(feed, rules(), most, gauge.clone()));
        Self { store, hub, gauge }
    }

    fn join(&self, user: &str) -> Result<StreamBody<Leave>, NoRoom> {
        self.join_with(user, None, None)
    }

    fn join_with(
        &self,
        user: &str,
        until: Option<Instant>,
        last_id: Option<String>,
    ) -> Result<StreamBody<Leave>, NoRoom> {
        self.hub.join(Wish { user_id: user.to_owned(), lang: Lang::En, until, last_id })
    }

    fn open(&self, cases: &[&str]) {
        *self.store.open.lock().unwrap() = cases.iter().map(|user| case_of(user)).collect();
    }

    fn asked(&self) -> usize {
        self.store.asked.load(Ordering::SeqCst)
    }
}

/// The next words; the empty text at the end.
async fn next(stream: &mut StreamBody<Leave>) -> String {
    match stream.frame().await {
        Some(Ok(frame)) => String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap(),
        Some(Err(never)) => match never {},
        None => String::new(),
    }
}

async fn greeted(world: &World, user: &str) -> StreamBody<Leave> {
    let mut stream = world.join(user).unwrap();
    let greeting = next(&mut stream).await;
    assert!(greeting.starts_with("retry: ") && greeting.ends_with("\n\n"), "{greeting}");
    stream
}

#[tokio::test(start_paused = true)]
async fn a_stream_tells_the_whole_list_at_once_and_at_each_change() {
    let world = World::new(10);
    world.open(&["a", "b"]);
    let mut stream = greeted(&world, "a").await;
    let first = next(&mut stream).await;
    assert!(first.starts_with("id: ") && first.contains("\nevent: cases\ndata: {"), "{first}");
    assert!(first.ends_with("}\n\n") && first.contains("\"announce\":true"), "{first}");
    assert_eq!(first.matches("\"id\":").count(), 1, "b's case is b's: {first}");
    assert!(!first.contains("canary"));
    world.open(&["b"]);
    let began = Instant::now();
    assert!(next(&mut stream).await.ends_with("\"cases\":[]}\n\n"));
    assert!(began.elapsed() <= LOOK_EVERY + LEAST_BETWEEN, "{:?}", began.elapsed());
    // Poked, it does not wait for its turn.
    world.open(&["a"]);
    world.hub.poke();
    let began = Instant::now();
    assert_eq!(next(&mut stream).await, first);
    assert!(began.elapsed() <= LEAST_BETWEEN, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn many_streams_are_one_question_a_second_and_nobody_listening_is_none() {
    let world = World::new(1000);
    assert_eq!(world.asked(), 0);
    let mut streams = Vec::new();
    for number in 0..500 {
        streams.push(world.join(&format!("user {}", number / 2)).unwrap());
    }
    assert_eq!(world.gauge.get(), 500);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let asked = world.asked();
    assert!((9..=12).contains(&asked), "{asked} looks in ten seconds");
    assert_eq!(world.store.most_users.load(Ordering::SeqCst), 250);
    drop(streams);
    assert_eq!(world.gauge.get(), 0);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let asked = world.asked();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.asked(), asked, "it looks although nobody listens");
    // And again for the next one who does.
    let mut stream = greeted(&world, "user 1").await;
    assert!(next(&mut stream).await.contains("\"cases\":[]"));
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_pokes_is_bounded() {
    let world = World::new(10);
    let _stream = greeted(&world, "a").await;
    let end = Instant::now() + Duration::from_secs(1);
    while Instant::now() < end {
        world.hub.poke();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(world.asked() <= 51, "{}", world.asked());
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_beats() {
    let world = World::new(10);
    let mut stream = greeted(&world, "a").await;
    assert!(next(&mut stream).await.contains("event: cases"));
    for _ in 0..3 {
        let began = Instant::now();
        assert_eq!(next(&mut stream).await, ":\n\n");
        assert!(began.elapsed() <= BEAT_EVERY + 2 * LOOK_EVERY, "{:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_the_newest_list_is_not_sent_it_again() {
    let world = World::new(10);
    world.open(&["a"]);
    let mut first = greeted(&world, "a").await;
    let list = next(&mut first).await;
    let id = list.lines().next().unwrap().strip_prefix("id: ").unwrap().to_owned();
    // While it is known, and again when the hub has to look first.
    for forget in [false, true] {
        if forget {
            drop(first);
            first = world.join("somebody else").unwrap();
        }
        let mut again = world.join_with("a", None, Some(id.clone())).unwrap();
        assert!(next(&mut again).await.starts_with("retry: "));
        assert_eq!(next(&mut again).await, ":\n\n");
        let mut stale = world.join_with("a", None, Some("0123456789abcdef".into())).unwrap();
        next(&mut stale).await;
        assert_eq!(next(&mut stale).await, list);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_holds_one_frame_and_gets_the_newest() {
    let world = World::new(10);
    let mut stream = greeted(&world, "a").await;
    for round in 0..20 {
        world.open(if round % 2 == 0 { &["a"] } else { &[] });
        tokio::time::sleep(2 * LOOK_EVERY).await;
    }
    world.open(&["a"]);
    tokio::time::sleep(2 * LOOK_EVERY).await;
    assert!(next(&mut stream).await.contains("\"announce\":true"));
    // Everything between was skipped: what comes next is only the beat.
    assert_eq!(next(&mut stream).await, ":\n\n");
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_token_and_all_end_with_the_process() {
    let world = World::new(10);
    let until = Instant::now() + Duration::from_secs(5);
    let mut short = world.join_with("a", Some(until), None).unwrap();
    let mut long = greeted(&world, "a").await;
    while !next(&mut short).await.is_empty() {}
    let late = Instant::now() - until;
    assert!(late <= LOOK_EVERY + LEAST_BETWEEN, "{late:?}");
    assert!(next(&mut long).await.contains("event: cases"));
    world.hub.close();
    assert_eq!(next(&mut long).await, "");
    assert!(world.join("a").is_err());
}

#[tokio::test(start_paused = true)]
async fn there_is_a_limit_for_all_and_one_for_each() {
    let world = World::new(MAX_OF_A_USER + 1);
    let mut own: Vec<_> = (0..MAX_OF_A_USER).map(|_| world.join("a").unwrap()).collect();
    assert_eq!(world.join("a").err(), Some(NoRoom));
    let _other = world.join("b").unwrap();
    assert_eq!(world.join("c").err(), Some(NoRoom));
    own.pop();
    assert!(world.join("c").is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_store_ends_no_stream() {
    let world = World::new(10);
    *world.store.down.lock().unwrap() = true;
    let mut stream = greeted(&world, "a").await;
    assert_eq!(next(&mut stream).await, ":\n\n", "a beat, and no list");
    *world.store.down.lock().unwrap() = false;
    assert!(next(&mut stream).await.contains("event: cases"));
}
