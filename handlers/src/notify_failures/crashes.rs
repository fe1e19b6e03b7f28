//! The notifier, stopped at each call (N-10): a message leaves the queue only when people know of it and its copy is there.

use std::time::{Duration, SystemTime};

use super::*;
use crate::fakes::faulty::{FAULTS, Fault, Faulty, Plan};
use crate::fakes::{FakeBucket, FakeClock, FakeSink, FakeTopic};

struct World {
    plan: Arc<Plan>,
    handler: NotifyFailures,
    topic: Arc<FakeTopic>,
    bucket: Arc<FakeBucket>,
    sink: Arc<FakeSink>,
    queue: Vec<String>,
    receives: u32,
}

fn world(mode: &str) -> World {
    let env = Env::from_pairs([("SNS_TOPIC_ARN", "a"), ("ARCHIVE_BUCKET", "b"), ("KEEP_IN_DLQ", mode)]);
    let plan = Plan::new();
    let (topic, bucket, sink) = (FakeTopic::new(), FakeBucket::new(), FakeSink::new());
    let clock = FakeClock::at("2026-01-03T12:00:00.000Z");
    let metrics = Metrics::from_env(&env, NAME, clock.clone(), sink.clone());
    let archive: Arc<dyn ObjectStore> = Faulty::new(bucket.clone(), &plan);
    let config = NotifierConfig::from_env(&env).unwrap();
    World {
        handler: NotifyFailures::new(config, Faulty::new(topic.clone(), &plan), Some(archive), clock, metrics),
        plan,
        topic,
        bucket,
        sink,
        queue: (0..3).map(|number| format!("m{number}")).collect(),
        receives: 0,
    }
}

impl World {
    fn event(&mut self) -> Value {
        self.receives += 1;
        let record = |id: &String| {
            json!({"messageId": id, "body": "{}", "attributes": {
                "ApproximateReceiveCount": self.receives.to_string(), "SentTimestamp": "1767312000000"}})
        };
        json!({"Records": self.queue.iter().map(record).collect::<Vec<_>>()})
    }

    async fn deliver(&mut self, fault: Option<(usize, Fault)>) {
        self.plan.set(fault);
        let event = self.event();
        let invocation = Invocation::for_test();
        if let Some(response) = self.plan.live(self.handler.handle(event, &invocation)).await {
            let failed = response.unwrap()["batchItemFailures"].to_string();
            self.queue.retain(|id| failed.contains(&format!("\"{id}\"")));
        }
    }

    fn alerts_of(&self, id: &str) -> usize {
        let alerts = self.topic.alerts.lock().unwrap();
        alerts
            .iter()
            .filter(|alert| alert.message.contains(&format!("\"{id}\"")))
            .count()
    }
}

/// N-10: in every mode, whichever call breaks.
#[tokio::test]
async fn n_10_no_message_goes_before_people_know_wherever_the_process_dies() {
    for mode in ["archive", "delete", "retain"] {
        let mut lives = 0;
        for at in 0.. {
            for fault in FAULTS {
                let mut world = world(mode);
                let life = format!("{mode} {at} {fault:?}");
                world.deliver(Some((at, fault))).await;
                lives += usize::from(world.plan.broke());
                for id in ["m0", "m1", "m2"] {
                    let gone = !world.queue.iter().any(|left| left == id);
                    assert!(!gone || world.alerts_of(id) > 0, "{life}: {id} went unnoticed");
                    let copied = world
                        .bucket
                        .keys()
                        .iter()
                        .any(|key| key.ends_with(&format!("{id}.json")));
                    assert!(
                        mode != "archive" || copied || world.alerts_of(id) == 0,
                        "{life}: {id} has no copy"
                    );
                }
                world.deliver(None).await;
                for id in ["m0", "m1", "m2"] {
                    let alerts = world.alerts_of(id);
                    assert!((1..=2).contains(&alerts), "{life}: {alerts} alerts of {id}");
                }
                assert_eq!(world.queue.is_empty(), mode != "retain", "{life}");
            }
            if lives < (at + 1) * FAULTS.len() {
                break;
            }
        }
        assert!(lives >= 3 * FAULTS.len(), "{mode}: {lives}");
    }
}

/// N-10: SNS that hangs for one message does not make the others' alerts go out again.
#[tokio::test]
async fn n_10_a_call_that_hangs_fails_its_own_message() {
    let mut world = world("delete");
    world.plan.set(Some((1, Fault::DiesBefore)));
    let event = world.event();
    let invocation = Invocation {
        deadline: SystemTime::now() + Duration::from_secs(1),
        ..Invocation::for_test()
    };
    let response = world.handler.handle(event, &invocation).await.unwrap();
    assert_eq!(response, json!({"batchItemFailures": [{"itemIdentifier": "m1"}]}));
    assert_eq!(
        (world.alerts_of("m0"), world.alerts_of("m1"), world.alerts_of("m2")),
        (1, 0, 1)
    );
    assert_eq!(world.sink.count(HANDLER_FAULT), 1);
}
