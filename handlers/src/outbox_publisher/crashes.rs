//! The publisher and its stream, stopped at each call (W-25, W-26): every transaction is published, in order.

use std::time::SystemTime;

use super::*;
use crate::fakes::faulty::{FAULTS, Fault, Faulty, Plan};
use crate::fakes::{FakeBucket, FakeBus, FakeClock, FakeSink, FakeWorkflow};

/// More than one request's worth.
const RECORDS: usize = 12;

struct World {
    plan: Arc<Plan>,
    publisher: OutboxPublisher,
    bus: Arc<FakeBus>,
    workflow: Arc<FakeWorkflow>,
    bucket: Arc<FakeBucket>,
    sink: Arc<FakeSink>,
    /// Place in the stream that Lambda has got to.
    position: usize,
}

fn world() -> World {
    let plan = Plan::new();
    let (bus, workflow, bucket, sink) = (FakeBus::new(), FakeWorkflow::new(), FakeBucket::new(), FakeSink::new());
    let clock = FakeClock::at("2026-01-01T00:00:00.000Z");
    let metrics = Metrics::from_env(&Env::default(), NAME, clock, sink.clone());
    let starter: Arc<dyn WorkflowStarter> = Faulty::new(workflow.clone(), &plan);
    let audit: Arc<dyn ObjectStore> = Faulty::new(bucket.clone(), &plan);
    let mut publisher = OutboxPublisher::new(Faulty::new(bus.clone(), &plan), Some(starter), Some(audit), metrics);
    publisher.backoff = Backoff {
        attempts: 1,
        base: Duration::ZERO,
    };
    World {
        plan,
        publisher,
        bus,
        workflow,
        bucket,
        sink,
        position: 0,
    }
}

fn record(number: usize) -> Value {
    json!({"eventName": "INSERT", "dynamodb": {"SequenceNumber": format!("{number:04}"), "NewImage": {
        "transaction_id": {"S": format!("t{number:04}")}, "timestamp": {"S": "2026-01-02T03:04:05.006Z"},
        "amount": {"N": "1"}}}})
}

impl World {
    /// One invocation with the rest of the stream, and where Lambda goes on.
    async fn deliver(&mut self, fault: Option<(usize, Fault)>) {
        self.plan.set(fault);
        let records: Vec<Value> = (self.position..RECORDS).map(record).collect();
        let invocation = Invocation::for_test();
        let work = self.publisher.handle(json!({"Records": records}), &invocation);
        let Some(response) = self.plan.live(work).await else {
            return;
        };
        self.position = match response.unwrap()["batchItemFailures"][0]["itemIdentifier"].as_str() {
            Some(lowest) => lowest.parse().unwrap(),
            None => RECORDS,
        };
    }

    fn published(&self) -> Vec<String> {
        let details = self.bus.details();
        details
            .iter()
            .map(|d| d["transaction_id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Whatever Lambda has passed is out, with its audit object and workflow.
    fn assert_nothing_skipped(&self, life: &str) {
        let published = self.published();
        for number in 0..self.position {
            assert!(
                published.contains(&format!("t{number:04}")),
                "{life}: {number} is not published"
            );
        }
        assert!(self.bucket.keys().len() >= self.position, "{life}");
        assert!(self.workflow.started.lock().unwrap().len() >= self.position, "{life}");
    }
}

/// W-25, W-26: two faults in a row, at each call in each way.
#[tokio::test]
async fn w_25_every_transaction_is_published_in_order_wherever_the_process_dies() {
    let mut lives = 0;
    for first in (0..2 * RECORDS + 2).flat_map(|at| FAULTS.map(|fault| (at, fault))) {
        for second in [
            None,
            Some((0, Fault::DiesAfter)),
            Some((3, Fault::Refused)),
            Some((9, Fault::TimedOut)),
        ] {
            let mut world = world();
            let life = format!("{first:?} {second:?}");
            world.deliver(Some(first)).await;
            lives += usize::from(world.plan.broke());
            world.assert_nothing_skipped(&life);
            world.deliver(second).await;
            world.assert_nothing_skipped(&life);
            world.deliver(None).await;
            assert_eq!(world.position, RECORDS, "{life}");
            world.assert_nothing_skipped(&life);
            let mut firsts = world.published();
            let mut seen = std::collections::BTreeSet::new();
            firsts.retain(|id| seen.insert(id.clone()));
            assert!(firsts.is_sorted() && firsts.len() == RECORDS, "{life}: {firsts:?}");
            assert_eq!(world.bucket.keys().len(), RECORDS, "{life}");
            assert_eq!(world.workflow.started.lock().unwrap().len(), RECORDS, "{life}");
        }
    }
    assert_eq!(lives, 4 * FAULTS.len() * (2 * RECORDS + 2));
}

/// W-25: a call that hangs is answered in time, with the place to go on from.
#[tokio::test]
async fn w_25_a_call_that_hangs_is_reported_by_its_place() {
    for (call, place) in [(4, None), (2 * RECORDS, Some("0000")), (2 * RECORDS + 1, Some("0010"))] {
        let world = world();
        world.plan.set(Some((call, Fault::DiesBefore)));
        let invocation = Invocation {
            deadline: SystemTime::now() + Duration::from_secs(1),
            ..Invocation::for_test()
        };
        let event = json!({"Records": (0..RECORDS).map(record).collect::<Vec<_>>()});
        let response = world.publisher.handle(event, &invocation).await.unwrap();
        let reported = response["batchItemFailures"][0]["itemIdentifier"].as_str();
        assert!(
            reported.is_some() && place.is_none_or(|place| reported == Some(place)),
            "{call}: {response}"
        );
        assert_eq!(world.sink.count(HANDLER_FAULT), 1, "{call}");
        let before: usize = reported.unwrap().parse().unwrap();
        assert!(world.published().len() >= before, "{call}: what came before is out");
    }
}
