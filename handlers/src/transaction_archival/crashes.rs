//! The archival, stopped at each call (W-17 to W-22): an item is in the table or in the archive, at every moment.

use std::collections::VecDeque;
use std::time::SystemTime;

use super::*;
use crate::config::Env;
use crate::fakes::faulty::{FAULTS, Fault, Faulty, Plan};
use crate::fakes::{FakeBucket, FakeClock, FakeFunction, FakeSink, FakeTables};

const ITEMS: usize = 7;

struct World {
    plan: Arc<Plan>,
    archival: TransactionArchival,
    tables: Arc<FakeTables>,
    bucket: Arc<FakeBucket>,
    function: Arc<FakeFunction>,
    clock: Arc<FakeClock>,
}

/// Items of two days, three to a page; each page is an invocation of its own.
fn world(keep: &'static str) -> World {
    let env = Env::from_pairs([
        ("DYNAMODB_TABLE", "t"),
        ("S3_BUCKET", "b"),
        ("AWS_LAMBDA_FUNCTION_NAME", "f"),
        ("PAGE_LIMIT", "3"),
        ("ARCHIVE_STATUSES", "analyzed"),
        ("DELETE_AFTER_ARCHIVE", keep),
    ]);
    let plan = Plan::new();
    let (tables, bucket, function) = (FakeTables::new(), FakeBucket::new(), FakeFunction::new());
    let (clock, sink) = (FakeClock::at("2026-01-10T02:15:00.000Z"), FakeSink::new());
    for number in 0..ITEMS {
        let time = format!("2026-01-0{}T10:00:0{number}.000Z", 1 + number / 4);
        tables.insert(
            json!({"transaction_id": format!("t{number}"), "timestamp": time, "status": "analyzed",
            "updated_at": time}),
        );
    }
    let metrics = Metrics::from_env(&env, NAME, clock.clone(), sink);
    let archival = TransactionArchival::new(
        ArchivalConfig::from_env(&env).unwrap(),
        Faulty::new(tables.clone(), &plan),
        Faulty::new(bucket.clone(), &plan),
        Faulty::new(function.clone(), &plan),
        clock.clone(),
        metrics,
    );
    World {
        plan,
        archival,
        tables,
        bucket,
        function,
        clock,
    }
}

impl World {
    async fn invoke(&self, event: Value, remaining: Duration) -> bool {
        let invocation = Invocation {
            deadline: SystemTime::now() + remaining,
            ..Invocation::for_test()
        };
        let lived = self.plan.live(self.archival.handle(event, &invocation)).await;
        lived.is_some_and(|result| result.is_ok())
    }

    /// A scheduled run as Lambda's asynchronous queue does it: what fails comes again twice, what is queued follows.
    async fn run(&self, fault: Option<(usize, Fault)>, life: &str) {
        self.plan.set(fault);
        let mut events = VecDeque::from([(json!({}), 0)]);
        while let Some((event, tries)) = events.pop_front() {
            if !self.invoke(event.clone(), Duration::from_secs(20)).await && tries < 2 {
                events.push_back((event, tries + 1));
            }
            let queued = std::mem::take(&mut *self.function.payloads.lock().unwrap());
            events.extend(queued.into_iter().map(|event| (event, 0)));
            self.assert_nothing_lost(life);
        }
    }

    fn archived(&self, id: &str) -> usize {
        let holds = |key: &String| self.bucket.text(key).matches(&format!("\"{id}\"")).count();
        self.bucket.keys().iter().map(holds).sum()
    }

    fn assert_nothing_lost(&self, life: &str) {
        let left = self.tables.ids();
        for number in 0..ITEMS {
            let id = format!("t{number}");
            assert!(left.contains(&id) || self.archived(&id) > 0, "{life}: {id} is lost");
        }
    }
}

/// W-17 to W-22: whichever call breaks, nothing is lost, nothing overwritten, and the next run finishes.
#[tokio::test]
async fn w_22_nothing_is_lost_wherever_the_archival_dies() {
    for keep in ["true", "false"] {
        let mut lives = 0;
        for at in 0.. {
            for fault in FAULTS {
                let world = world(keep);
                let life = format!("{keep} {at} {fault:?}");
                world.run(Some((at, fault)), &life).await;
                lives += usize::from(world.plan.broke());
                world.clock.advance(86_400_000);
                world.run(None, &life).await;
                for number in 0..ITEMS {
                    let copies = world.archived(&format!("t{number}"));
                    assert!((1..=2).contains(&copies), "{life}: {copies} copies of t{number}");
                }
                let open = world.tables.items.lock().unwrap();
                let open = open.values().filter(|item| item["status"] == "analyzed").count();
                assert_eq!(open, 0, "{life}");
            }
            if lives < (at + 1) * FAULTS.len() {
                break;
            }
        }
        assert!(lives > 15 * FAULTS.len(), "{keep}: {lives}");
    }
}

/// W-17: an invocation that wrote many objects before it died does not block the one that repeats it.
#[tokio::test]
async fn w_17_taken_keys_do_not_stop_a_repeated_invocation() {
    let world = world("true");
    let token = Continuation::start(world.clock.now(), 0).to_json();
    for number in 1..=1000 {
        let object = NewObject {
            key: format!("transactions/2026/01/01/run-20260110T021500000Z-{number}.json.gz"),
            body: Vec::new(),
            content_type: "application/x-ndjson",
            content_encoding: Some("gzip"),
        };
        world.bucket.put_new(&object).await.unwrap();
    }
    assert!(
        world
            .invoke(json!({"continuation": token}), Duration::from_mins(5))
            .await
    );
    assert!(world.tables.ids().is_empty());
}
