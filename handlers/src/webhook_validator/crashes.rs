//! The validator, stopped at each of its calls (W-24, W-26).

use std::time::{Duration, SystemTime};

use super::*;
use crate::auth::HmacConfig;
use crate::config::Env;
use crate::fakes::faulty::{FAULTS, Fault, Faulty, Plan};
use crate::fakes::{FakeClock, FakeSecrets, FakeSink, FakeTables};
use crate::ports::SecretSource;

struct World {
    plan: Arc<Plan>,
    validator: WebhookValidator,
    tables: Arc<FakeTables>,
    clock: Arc<FakeClock>,
    sink: Arc<FakeSink>,
}

fn world() -> World {
    let env = Env::from_pairs([
        ("DYNAMODB_TABLE", "t"),
        ("IDEMPOTENCY_TABLE", "i"),
        ("AUTH_MODE", "api_key"),
    ]);
    let plan = Plan::new();
    let (tables, clock, sink) = (
        FakeTables::new(),
        FakeClock::at("2026-01-01T12:00:00.000Z"),
        FakeSink::new(),
    );
    let config = ValidatorConfig::from_env(&env).unwrap();
    let source = |_: &HmacConfig| -> Arc<dyn SecretSource> { FakeSecrets::new("s") };
    let authenticator = Authenticator::new(config.auth.clone(), source, clock.clone());
    let metrics = Metrics::from_env(&env, NAME, clock.clone(), sink.clone());
    let ledger = Faulty::new(tables.clone(), &plan);
    World {
        validator: WebhookValidator::new(config, ledger, authenticator, clock.clone(), metrics),
        plan,
        tables,
        clock,
        sink,
    }
}

fn webhook(amount: u32) -> Value {
    let body =
        json!({"transaction_id": "t1", "amount": amount, "currency": "USD", "provider": "p", "customer_id": "c"});
    json!({"body": body.to_string(), "headers": {"idempotency-key": "k"}})
}

impl World {
    async fn life(&self, amount: u32, fault: Option<(usize, Fault)>) -> Option<(u64, String)> {
        self.plan.set(fault);
        let invocation = Invocation::for_test();
        let response = self
            .plan
            .live(self.validator.handle(webhook(amount), &invocation))
            .await?;
        let response = response.unwrap();
        Some((
            response["statusCode"].as_u64().unwrap(),
            response["body"].as_str().unwrap().to_owned(),
        ))
    }
}

/// W-24, W-26: one item whatever breaks, in the first attempt and in the repetition.
#[tokio::test]
async fn w_26_all_or_nothing_wherever_the_process_dies() {
    let mut lives = 0;
    let firsts: Vec<_> = (0..2).flat_map(|at| FAULTS.map(|fault| (at, fault))).collect();
    let seconds: Vec<_> = (0..5).flat_map(|at| FAULTS.map(|fault| (at, fault))).collect();
    for first in firsts {
        for second in &seconds {
            let world = world();
            let life = format!("{first:?} {second:?}");
            let mut told = None;
            for fault in [first, *second] {
                if let Some((200, body)) = world.life(5, Some(fault)).await {
                    assert_eq!(world.tables.ids().len(), 1, "{life}");
                    assert_eq!(told.get_or_insert(body.clone()), &body, "{life}");
                }
                lives += usize::from(world.plan.broke());
                world.clock.advance(3_000);
            }
            let (status, body) = world.life(5, None).await.unwrap();
            assert_eq!(
                (status, told.get_or_insert(body.clone())),
                (200, &mut body.clone()),
                "{life}"
            );
            assert_eq!(world.life(6, None).await.unwrap().0, 409, "{life}");
            assert_eq!(
                (world.tables.ids().len(), world.tables.guards.lock().unwrap().len()),
                (1, 2),
                "{life}"
            );
        }
    }
    assert!(lives > 100, "{lives}");
}

/// W-32: a table that never answers is a fault that shows, and the sender hears of it.
#[tokio::test]
async fn w_32_a_call_that_hangs_is_answered_in_time() {
    let world = world();
    world.plan.set(Some((0, Fault::DiesBefore)));
    let invocation = Invocation {
        deadline: SystemTime::now() + Duration::from_secs(1),
        ..Invocation::for_test()
    };
    let response = world.validator.handle(webhook(5), &invocation).await.unwrap();
    assert_eq!(response["statusCode"], 500);
    assert_eq!(world.sink.count(HANDLER_FAULT), 1);
}
