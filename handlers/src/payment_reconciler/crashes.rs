//! The sweep, stopped at each call (N-14): what is marked has its message and its audit object.

use std::time::{Duration, SystemTime};

use super::*;
use crate::config::Env;
use crate::domain::item::text;
use crate::domain::submission::{Submission, SubmissionRules};
use crate::domain::table_schema::Receipt;
use crate::domain::time::UtcMillis;
use crate::fakes::faulty::{FAULTS, Fault, Faulty, Plan};
use crate::fakes::payments::{FakePayments, FakeQueue};
use crate::fakes::{FakeBucket, FakeClock, FakeSink};
use crate::payment_processor::{Audit, FollowUps};

struct World {
    plan: Arc<Plan>,
    reconciler: PaymentReconciler,
    table: Arc<FakePayments>,
    queue: Arc<FakeQueue>,
    bucket: Arc<FakeBucket>,
    sink: Arc<FakeSink>,
}

/// Four stuck payments: the index gives them on two pages.
fn world() -> World {
    let env = Env::from_pairs([
        ("AWS_REGION", "r"),
        ("QUEUE_URL", "q"),
        ("TABLE_NAME", "t"),
        ("STATUS_INDEX", "i"),
        ("AUDIT_BUCKET", "b"),
    ]);
    let config = ReconcilerConfig::from_env(&env).unwrap();
    let own = config.sweep.clone().unwrap();
    let plan = Plan::new();
    let table = FakePayments::new(own.schema.clone());
    let (queue, bucket, sink) = (FakeQueue::new(), FakeBucket::new(), FakeSink::new());
    let clock = FakeClock::at("2026-01-01T12:20:01.000Z");
    for number in 0..4 {
        let fields = json!({"id": format!("t{number}"), "amount": "10.50", "currency": "USD"});
        let rules = SubmissionRules::new(&[], false).unwrap();
        let submission = Submission::from_json(fields.as_object().unwrap(), &rules).unwrap();
        let receipt = Receipt {
            received_at: UtcMillis::parse("2026-01-01T12:00:00.000Z").unwrap(),
            status: "received",
            region: "r",
            payload_hash: &submission.content_hash(),
        };
        table.insert(&Value::Object(own.schema.item(&submission, receipt)));
    }
    let faulty_table = Faulty::new(table.clone(), &plan);
    let follow_ups = FollowUps {
        audit: Some(Audit {
            bucket: Faulty::new(bucket.clone(), &plan),
            prefix: own.audit_prefix.clone(),
            environment: config.environment.clone(),
        }),
        queue: Some((Faulty::new(queue.clone(), &plan), faulty_table.clone())),
    };
    let sweep = Sweep::new(own, faulty_table.clone(), faulty_table, follow_ups);
    let metrics = Metrics::from_env(&env, NAME, clock.clone(), sink.clone());
    World {
        reconciler: PaymentReconciler::new(config, Some(sweep), clock, metrics),
        plan,
        table,
        queue,
        bucket,
        sink,
    }
}

impl World {
    async fn sweep(&self, fault: Option<(usize, Fault)>) -> Option<Result<Value, HandlerError>> {
        self.plan.set(fault);
        let invocation = Invocation::for_test();
        self.plan.live(self.reconciler.handle(json!({}), &invocation)).await
    }

    fn messages_of(&self, id: &str) -> usize {
        let messages = self.queue.messages.lock().unwrap();
        messages.iter().filter(|m| m["transaction_id"] == id).count()
    }

    /// What is marked has all its steps.
    fn marked(&self, life: &str) -> usize {
        let items = self.table.items();
        let marked = items.iter().filter(|item| item.contains_key("reconciled_at"));
        let checked = marked.map(|item| {
            let id = text(item, "transaction_id").unwrap();
            assert!(self.messages_of(id) > 0, "{life}: {id} has no message");
            let copied = self.bucket.keys().iter().any(|key| key.contains(id));
            assert!(copied, "{life}: {id} has no audit object");
        });
        checked.count()
    }
}

/// N-14: whichever call breaks, the next run completes what is left, and no payment is sent more than twice.
#[tokio::test]
async fn n_14_marked_means_complete_wherever_the_run_dies() {
    let mut lives = 0;
    for at in 0.. {
        for fault in FAULTS {
            let world = world();
            let life = format!("{at} {fault:?}");
            world.sweep(Some((at, fault))).await;
            lives += usize::from(world.plan.broke());
            world.marked(&life);
            world.sweep(None).await.unwrap().unwrap();
            assert_eq!(world.marked(&life), 4, "{life}");
            for number in 0..4 {
                assert!(world.messages_of(&format!("t{number}")) <= 2, "{life}");
            }
            let third = world.sweep(None).await.unwrap().unwrap();
            assert_eq!(third["found"], 0, "{life}");
        }
        if lives < (at + 1) * FAULTS.len() {
            break;
        }
    }
    assert!(lives > 15 * FAULTS.len(), "{lives}");
}

/// N-14: a call that hangs is that payment's failure; the others are done, counted, and the fault shows.
#[tokio::test]
async fn n_14_a_call_that_hangs_fails_its_own_payment() {
    let world = world();
    world.plan.set(Some((2, Fault::DiesBefore)));
    let invocation = Invocation {
        deadline: SystemTime::now() + Duration::from_secs(1),
        ..Invocation::for_test()
    };
    let answer = world.reconciler.handle(json!({}), &invocation).await.unwrap();
    assert_eq!((&answer["failed"], &answer["incomplete"]), (&json!(1), &json!(true)));
    assert_eq!((world.sink.count(HANDLER_FAULT), world.marked("")), (1, 2));
}
