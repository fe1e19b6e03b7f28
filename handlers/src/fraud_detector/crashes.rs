//! The detector, stopped at each call (W-46): one analysis, and an alert that is never missing.

use std::time::{Duration, SystemTime};

use super::*;
use crate::config::Env;
use crate::fakes::faulty::{FAULTS, Fault, Faulty, Plan};
use crate::fakes::{FakeClock, FakeSink, FakeTables, FakeTopic};

const STORED: &str = "2026-01-01T12:00:00.000Z";

struct World {
    plan: Arc<Plan>,
    detector: FraudDetector,
    tables: Arc<FakeTables>,
    topic: Arc<FakeTopic>,
    clock: Arc<FakeClock>,
    sink: Arc<FakeSink>,
    key: ItemKey,
}

fn transaction() -> Value {
    json!({"transaction_id": "t1", "timestamp": STORED, "amount": "6000", "currency": "USD", "status": "pending",
        "updated_at": STORED, "metadata": {"ip_country": "BR", "card_country": "US", "attempts": 4}})
}

fn world() -> World {
    let env = Env::from_pairs([("DYNAMODB_TABLE", "t"), ("SNS_TOPIC_ARN", "a")]);
    let plan = Plan::new();
    let (tables, topic, sink) = (FakeTables::new(), FakeTopic::new(), FakeSink::new());
    let clock = FakeClock::at("2026-01-01T12:00:01.000Z");
    let key = tables.insert(transaction());
    let metrics = Metrics::from_env(&env, NAME, clock.clone(), sink.clone());
    let (store, faulty_topic) = (Faulty::new(tables.clone(), &plan), Faulty::new(topic.clone(), &plan));
    let config = FraudConfig::from_env(&env).unwrap();
    World {
        detector: FraudDetector::new(config, store, faulty_topic, None, clock.clone(), metrics),
        plan,
        tables,
        topic,
        clock,
        sink,
        key,
    }
}

impl World {
    async fn life(&self, fault: Option<(usize, Fault)>) -> Option<Result<Value, HandlerError>> {
        self.plan.set(fault);
        let event = json!({"transaction": transaction(), "timestamp": STORED});
        let invocation = Invocation::for_test();
        self.plan.live(self.detector.handle(event, &invocation)).await
    }

    /// The workflow's retries: 2, 4 and 8 seconds later.
    async fn retries(&self, life: &str) {
        for pause in [2_000, 4_000, 8_000] {
            self.clock.advance(pause);
            match self.life(None).await.unwrap() {
                Ok(_) => return,
                Err(error) => assert_eq!(error.error_type(), "ServiceUnavailable", "{life}"),
            }
        }
        panic!("{life}: the workflow's retries were not enough");
    }

    fn alerts(&self) -> usize {
        self.topic.alerts.lock().unwrap().len()
    }
}

/// W-46: within the workflow's own retries the analysis stands and people are told; twice only where the process broke
/// between telling them and noting it.
#[tokio::test]
async fn w_46_the_alert_is_never_missing_wherever_the_process_dies() {
    let mut lives = 0;
    for at in 0.. {
        for fault in FAULTS {
            let world = world();
            let life = format!("{at} {fault:?}");
            let first = world.life(Some((at, fault))).await;
            let broke = world.plan.broke();
            lives += usize::from(broke);
            let told_before = world.alerts();
            let noted = world.tables.item(&world.key).unwrap().contains_key("alerted_at");
            match first {
                Some(Ok(_)) => assert_eq!((broke, told_before), (false, 1), "{life}"),
                Some(Err(error)) => assert_eq!(error.error_type(), "ServiceUnavailable", "{life}"),
                None => {}
            }
            world.retries(&life).await;
            let expected = if told_before == 1 && !noted { 2 } else { 1 };
            assert_eq!(world.alerts(), expected, "{life}");
            let item = world.tables.item(&world.key).unwrap();
            assert_eq!(
                (&item["status"], item.contains_key("alert_lease_until")),
                (&json!("analyzed"), false),
                "{life}"
            );
            world.life(None).await.unwrap().unwrap();
            assert_eq!(world.alerts(), expected, "{life}: once more");
        }
        if lives < (at + 1) * FAULTS.len() {
            break;
        }
    }
    assert_eq!(lives, 4 * FAULTS.len(), "save, claim, publish, confirm");
}

/// W-48: a call that hangs ends with a name that the workflow does not retry, or its own time would be over before the
/// input is in the dead-letter queue. Sent again from there, the transaction is analysed.
#[tokio::test]
async fn w_48_a_call_that_hangs_is_named_in_time() {
    for at in 0..4 {
        let world = world();
        world.plan.set(Some((at, Fault::DiesBefore)));
        let invocation = Invocation {
            deadline: SystemTime::now() + Duration::from_secs(1),
            ..Invocation::for_test()
        };
        let event = json!({"transaction": transaction(), "timestamp": STORED});
        let error = world.detector.handle(event, &invocation).await.unwrap_err();
        assert_eq!(
            (error.error_type(), world.sink.count(HANDLER_FAULT)),
            ("InternalError", 1),
            "{at}"
        );
        world.retries(&at.to_string()).await;
    }
}
