//! The processor, stopped at each of its calls (R-19, N-13, N-14): what the sender was told is durable, and his
//! repetition completes the rest.

use std::time::{Duration, SystemTime};

use futures::future::join_all;

use super::*;
use crate::auth::HmacConfig;
use crate::config::Env;
use crate::fakes::faulty::{FAULTS, Fault, Faulty, Plan};
use crate::fakes::payments::{FakePayments, FakeQueue};
use crate::fakes::{FakeBucket, FakeBus, FakeClock, FakeSecrets, FakeSink};
use crate::ports::SecretSource;

const NOW: &str = "2026-01-01T12:00:00.000Z";

type Pairs = &'static [(&'static str, &'static str)];

const SYNC: Pairs = &[];
const QUEUE: Pairs = &[("RESPONSE_MODE", "queue"), ("QUEUE_URL", "q")];
const STRONG: Pairs = &[
    ("CONSISTENCY_MODE", "STRONG"),
    ("RESPONSE_MODE", "queue"),
    ("QUEUE_URL", "q"),
];
const UNGUARDED: Pairs = &[
    ("IDEMPOTENCY_TABLE", ""),
    ("TABLE_RANGE_KEY", "none"),
    ("RESPONSE_MODE", "queue"),
    ("QUEUE_URL", "q"),
];
const FAILOVER: Pairs = &[
    ("FAILOVER_EVENT_BUS", "bus"),
    ("RESPONSE_MODE", "queue"),
    ("QUEUE_URL", "q"),
];
const MODES: [Pairs; 5] = [SYNC, QUEUE, STRONG, UNGUARDED, FAILOVER];

struct World {
    plan: Arc<Plan>,
    processor: PaymentProcessor,
    table: Arc<FakePayments>,
    queue: Arc<FakeQueue>,
    bucket: Arc<FakeBucket>,
    bus: Arc<FakeBus>,
    clock: Arc<FakeClock>,
    sink: Arc<FakeSink>,
    queued: bool,
}

fn world(extra: Pairs) -> World {
    let base = [
        ("TABLE_NAME", "t"),
        ("AUTH_MODE", "api_key"),
        ("IDEMPOTENCY_TABLE", "g"),
        ("AWS_REGION", "us-east-1"),
        ("AUDIT_BUCKET", "b"),
    ];
    let env = Env::from_pairs([&base, extra].concat());
    let config = ProcessorConfig::from_env(&env).unwrap();
    let plan = Plan::new();
    let table = FakePayments::new(config.schema.clone());
    let (queue, bucket, bus) = (FakeQueue::new(), FakeBucket::new(), FakeBus::new());
    let (clock, sink) = (FakeClock::at(NOW), FakeSink::new());
    let faulty_table = Faulty::new(table.clone(), &plan);
    let queued = config.queue_url.is_some();
    let follow_ups = FollowUps {
        audit: Some(Audit {
            bucket: Faulty::new(bucket.clone(), &plan),
            prefix: config.audit_prefix.clone(),
            environment: config.environment.clone(),
        }),
        queue: queued.then(|| {
            let queue = Faulty::new(queue.clone(), &plan);
            (queue as Arc<_>, faulty_table.clone() as Arc<_>)
        }),
    };
    let failover = config.failover.clone();
    let failover = failover.map(|f| Failover::new(Faulty::new(bus.clone(), &plan), f, config.region.clone()));
    let source = |_: &HmacConfig| -> Arc<dyn SecretSource> { FakeSecrets::new("s3cret") };
    let authenticator = Authenticator::new(config.auth.clone(), source, clock.clone());
    let metrics = Metrics::from_env(&env, NAME, clock.clone(), sink.clone());
    let processor = PaymentProcessor::new(
        config,
        authenticator,
        faulty_table,
        follow_ups,
        failover,
        clock.clone(),
        metrics,
    );
    World {
        plan,
        processor,
        table,
        queue,
        bucket,
        bus,
        clock,
        sink,
        queued,
    }
}

fn payment(amount: &str) -> Value {
    let body = json!({"transaction_id": "t1", "amount": amount, "currency": "USD", "provider": "stripe"});
    json!({"httpMethod": "POST", "body": body.to_string(), "headers": {"Idempotency-Key": "k1"}})
}

#[derive(Debug, PartialEq)]
struct Answer {
    status: u64,
    body: Value,
    replayed: bool,
}

impl Answer {
    fn is_success(&self) -> bool {
        [200, 202].contains(&self.status)
    }
}

impl World {
    /// A process's life; `None` when it died.
    async fn life(&self, amount: &str, fault: Option<(usize, Fault)>) -> Option<Answer> {
        self.plan.set(fault);
        let invocation = Invocation::for_test();
        let work = self.processor.handle(payment(amount), &invocation);
        let response = self.plan.live(work).await?.unwrap();
        Some(Answer {
            status: response["statusCode"].as_u64().unwrap(),
            body: serde_json::from_str(response["body"].as_str().unwrap()).unwrap(),
            replayed: response["headers"].get("Idempotent-Replay").is_some(),
        })
    }

    /// What a sender may rely on who was told success.
    fn assert_durable(&self, answer: &Answer, amount: &str, life: &str) {
        let items = self.table.items();
        let handed_over = !self.bus.taken.lock().unwrap().is_empty();
        if items.is_empty() && handed_over {
            return;
        }
        assert_eq!(items.len(), 1, "{life}");
        assert_eq!(items[0]["amount"].to_string(), amount, "{life}");
        if !handed_over {
            assert_eq!(items[0]["timestamp"], answer.body["timestamp"], "{life}");
            assert_eq!(self.bucket.keys().len(), 1, "{life}");
            assert_eq!(self.queue.len() > 0, self.queued, "{life}");
        }
        let messages = self.queue.messages.lock().unwrap();
        assert!(messages.iter().all(|m| *m == messages[0]), "{life}: {messages:?}");
    }
}

/// One life with up to two faults, then lives without any.
async fn two_faults(mode: Pairs, faults: [Option<(usize, Fault)>; 2]) -> bool {
    let world = world(mode);
    let life = format!("{mode:?} {faults:?}");
    let mut told = None;
    for fault in faults {
        let answer = world.life("10.5", fault).await;
        if fault.is_some() && !world.plan.broke() {
            return false;
        }
        if let Some(answer) = answer.filter(Answer::is_success) {
            world.assert_durable(&answer, "10.5", &life);
            told.get_or_insert(answer.body);
        }
        world.clock.advance(3_000);
    }
    let repeated = world.life("10.5", None).await.unwrap();
    assert!(repeated.is_success(), "{life}: {repeated:?}");
    world.assert_durable(&repeated, "10.5", &life);
    if world.bus.taken.lock().unwrap().is_empty() {
        assert_eq!(told.get_or_insert(repeated.body.clone()), &repeated.body, "{life}");
    }
    let again = world.life("10.5", None).await.unwrap();
    assert_eq!((again.body, again.replayed), (repeated.body, true), "{life}");
    assert_eq!(world.life("11", None).await.unwrap().status, 409, "{life}");
    assert_eq!(world.table.items().len(), 1, "{life}");
    true
}

/// R-19, N-13, N-14: each call of the first attempt breaks in each way, and then each call of the second one.
#[tokio::test]
async fn r_19_what_was_told_is_durable_wherever_the_process_dies() {
    for mode in MODES {
        let mut lives = 0;
        for at in 0.. {
            let seconds = (0..12).flat_map(|at| FAULTS.map(|fault| Some((at, fault))));
            let pairs: Vec<_> = FAULTS
                .into_iter()
                .flat_map(|fault| {
                    let seconds = seconds.clone().chain([None]);
                    seconds.map(move |second| [Some((at, fault)), second])
                })
                .collect();
            let lived = join_all(pairs.iter().map(|faults| two_faults(mode, *faults))).await;
            let lived = lived.into_iter().filter(|lived| *lived).count();
            if lived == 0 {
                break;
            }
            lives += lived;
        }
        assert!(lives > 50, "{mode:?}: {lives} lives");
    }
}

/// whichever of two contents gets the id, the other one is refused, whatever broke in between.
#[tokio::test]
async fn r_19_an_id_has_one_content_wherever_the_process_dies() {
    for mode in [SYNC, QUEUE, STRONG, UNGUARDED] {
        for at in 0.. {
            let lives = FAULTS.map(|fault| async move {
                let world = world(mode);
                let life = format!("{mode:?} {at} {fault:?}");
                let first = world.life("10.5", Some((at, fault))).await;
                if !world.plan.broke() {
                    return false;
                }
                let other = world.life("11", None).await.unwrap();
                let first_again = world.life("10.5", None).await.unwrap();
                let statuses = (other.is_success(), first_again.is_success());
                assert!(
                    statuses == (true, false) || statuses == (false, true),
                    "{life}: {statuses:?}"
                );
                if first.as_ref().is_some_and(Answer::is_success) {
                    assert_eq!(statuses, (false, true), "{life}");
                }
                let (winner, amount) = if other.is_success() {
                    (other, "11")
                } else {
                    (first_again, "10.5")
                };
                world.assert_durable(&winner, amount, &life);
                true
            });
            if !join_all(lives).await.contains(&true) {
                break;
            }
        }
    }
}

/// P-29: a call that never comes back does not keep the sender waiting until Lambda stops the function.
#[tokio::test]
async fn p_29_a_call_that_hangs_is_answered_in_time() {
    for mode in MODES {
        let calls = {
            let world = world(mode);
            world.life("10.5", None).await.unwrap();
            world.plan.calls().len()
        };
        let lives = (0..calls).map(|at| async move {
            let world = world(mode);
            world.plan.set(Some((at, Fault::DiesBefore)));
            let invocation = Invocation {
                deadline: SystemTime::now() + Duration::from_secs(1),
                ..Invocation::for_test()
            };
            let answered = world.processor.handle(payment("10.5"), &invocation).await.unwrap();
            // P-16: a table that does not answer leaves time for the other region.
            let handed_over = u64::from(mode == FAILOVER && at == 0);
            let status = if handed_over == 1 { 202 } else { 500 };
            assert_eq!(answered["statusCode"], status, "{mode:?} {at}");
            assert_eq!(world.sink.count("PaymentFailedOver"), handed_over, "{mode:?} {at}");
            assert_eq!(world.sink.count(HANDLER_FAULT), 1 - handed_over, "{mode:?} {at}");
        });
        join_all(lives).await;
    }
}

/// P-17, R-22: a table that answers, and is busy with this very payment, is no reason to let another region write it, too.
#[tokio::test]
async fn p_17_contention_is_not_handed_over() {
    let world = world(FAILOVER);
    world.table.always_in_conflict();
    let answer = world.life("10.5", None).await.unwrap();
    assert_eq!(answer.status, 500);
    assert!(world.bus.taken.lock().unwrap().is_empty());
}

/// P-16, 6.5: the sender's own key identifies the payment wherever it is written.
#[tokio::test]
async fn p_16_the_senders_key_travels_with_the_payment() {
    let here = world(FAILOVER);
    here.life("10.5", Some((0, Fault::Refused))).await.unwrap();
    let detail: Value = serde_json::from_str(&here.bus.taken.lock().unwrap()[0].detail).unwrap();
    let transformed = json!({"transaction": detail["transaction"], "timestamp": detail["timestamp"]});
    for input in [json!({"source": "payment.processing", "detail": detail}), transformed] {
        let there = world(QUEUE);
        there.processor.handle(input, &Invocation::for_test()).await.unwrap();
        assert_eq!(there.table.guard_ids(), ["idem#key#k1", "idem#t1"]);
        assert!(there.life("10.5", None).await.unwrap().replayed, "the same content");
    }
    let bad = json!({"transaction": {"id": "t", "amount": 1, "currency": "USD", "provider": "p", "idempotency_key": "\u{7}"}});
    let error = here.processor.handle(bad, &Invocation::for_test()).await.unwrap_err();
    assert_eq!(error.error_type(), "ValidationError");
}

/// a strongly consistent table whose guards were lost still knows its payments.
#[tokio::test]
async fn r_19_an_item_without_its_guard_is_not_taken_for_another_payment() {
    const PAIRS: Pairs = &[("CONSISTENCY_MODE", "STRONG"), ("TABLE_RANGE_KEY", "none")];
    let world = world(PAIRS);
    let first = world.life("10.5", None).await.unwrap();
    world.table.forget_guards();
    world.clock.advance(1_000);
    assert_eq!(world.life("11", None).await.unwrap().status, 409);
    assert_eq!(world.table.items()[0]["amount"].to_string(), "10.5");
    world.table.forget_guards();
    let again = world.life("10.5", None).await.unwrap();
    assert_eq!((again.status, again.body, again.replayed), (200, first.body, true));
}
