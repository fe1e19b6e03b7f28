//! Accounting and its queue, stopped at each call (N-07 to N-09): one effect per payment, no message lost.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::*;
use crate::fakes::faulty::{FAULTS, Fault, Faulty, Plan};
use crate::fakes::payments::FakePayments;
use crate::fakes::{FakeClock, FakeSink, FakeTopic};

const PAID_AT: &str = "2026-01-01T11:00:00.000Z";
const MAX_RECEIVES: u32 = 3;

struct World {
    plan: Arc<Plan>,
    handler: ProcessAccounting,
    table: Arc<FakePayments>,
    topic: Arc<FakeTopic>,
    sink: Arc<FakeSink>,
    /// Messages in the queue, with how often they were received.
    queue: BTreeMap<String, (String, u32)>,
    dead: Vec<String>,
}

fn world() -> World {
    let env = Env::from_pairs([("TABLE_NAME", "t"), ("SNS_TOPIC_ARN", "a")]);
    let config = AccountingConfig::from_env(&env).unwrap();
    let plan = Plan::new();
    let table = FakePayments::new(config.schema.clone());
    let (topic, sink, clock) = (
        FakeTopic::new(),
        FakeSink::new(),
        FakeClock::at("2026-01-01T12:00:00.000Z"),
    );
    let mut queue = BTreeMap::new();
    for number in 0..4 {
        let id = format!("t{number}");
        table.insert(&json!({"transaction_id": id, "timestamp": PAID_AT, "status": "received"}));
        let body = json!({"transaction_id": id, "timestamp": PAID_AT}).to_string();
        // One of the payments has its message twice.
        for copy in 0..=u32::from(number == 0) {
            queue.insert(format!("m{number}-{copy}"), (body.clone(), 0));
        }
    }
    queue.insert("poison".to_owned(), ("4111 1111 1111 1111".to_owned(), 0));
    let metrics = Metrics::from_env(&env, NAME, clock.clone(), sink.clone());
    let faulty_topic: Arc<dyn AlertTopic> = Faulty::new(topic.clone(), &plan);
    let store = Faulty::new(table.clone(), &plan);
    World {
        handler: ProcessAccounting::new(config, store, Some(faulty_topic), clock, metrics),
        plan,
        table,
        topic,
        sink,
        queue,
        dead: Vec::new(),
    }
}

impl World {
    fn event(&mut self) -> Value {
        let mut records = Vec::new();
        for (id, (body, receives)) in &mut self.queue {
            *receives += 1;
            records.push(json!({"messageId": id, "body": body,
                "attributes": {"ApproximateReceiveCount": receives.to_string()}}));
        }
        json!({"Records": records})
    }

    /// One delivery of all that is in the queue, and what the queue makes of the answer.
    async fn deliver(&mut self, fault: Option<(usize, Fault)>) {
        self.plan.set(fault);
        let event = self.event();
        let invocation = Invocation::for_test();
        if let Some(response) = self.plan.live(self.handler.handle(event, &invocation)).await {
            let failed = response.unwrap()["batchItemFailures"].to_string();
            self.queue.retain(|id, _| failed.contains(&format!("\"{id}\"")));
        }
        let dead = self.queue.extract_if(.., |_, (_, receives)| *receives >= MAX_RECEIVES);
        self.dead.extend(dead.map(|(id, _)| id));
    }
}

/// N-07 to N-09: whichever call breaks in whichever delivery, every payment is accounted for once and poison alone ends
/// in the dead-letter queue.
#[tokio::test]
async fn n_07_every_payment_is_accounted_for_wherever_the_process_dies() {
    // In the second delivery there is poison only, and nothing is called.
    for delivery in [0, 2] {
        let mut lives = 0;
        for at in 0.. {
            for fault in FAULTS {
                let mut world = world();
                let mut broke = false;
                for number in 0..MAX_RECEIVES {
                    world.deliver((number == delivery).then_some((at, fault))).await;
                    broke |= world.plan.broke();
                }
                lives += usize::from(broke);
                let life = format!("{delivery} {at} {fault:?}");
                assert_eq!(world.dead, ["poison"], "{life}");
                assert!(world.queue.is_empty(), "{life}");
                for item in world.table.items() {
                    assert_eq!(item["status"], "accounting_processed", "{life}");
                    assert_eq!(item["status_shard"], "accounting_processed#0", "{life}");
                }
                let alerts = world.topic.alerts.lock().unwrap();
                assert!(alerts.iter().all(|a| !a.message.contains("4111")), "{life}");
            }
            if lives < (at + 1) * FAULTS.len() {
                break;
            }
        }
        assert!(lives >= FAULTS.len(), "{delivery}: {lives}");
    }
}

/// N-07: a table that does not answer for one record costs that record's turn, not the whole batch's.
#[tokio::test]
async fn n_07_a_call_that_hangs_fails_its_own_record() {
    let mut world = world();
    world.plan.set(Some((1, Fault::DiesBefore)));
    let event = world.event();
    let invocation = Invocation {
        deadline: SystemTime::now() + Duration::from_secs(1),
        ..Invocation::for_test()
    };
    let response = world.handler.handle(event, &invocation).await.unwrap();
    let failed = response["batchItemFailures"].as_array().unwrap();
    assert_eq!(failed.len(), 2, "the one that hangs, and poison: {failed:?}");
    assert_eq!(world.sink.count(HANDLER_FAULT), 1);
    assert_eq!(world.sink.count("AccountingProcessed"), 4);
}
