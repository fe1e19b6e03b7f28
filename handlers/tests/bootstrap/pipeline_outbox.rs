//! The publisher on the sandbox: events, rules, audit objects, workflows (REQUIREMENTS 9.2 item 4).

use aws_sdk_eventbridge::types::Target;
use serde_json::{Value, json};

use super::lambda::Lambda;
use super::sandbox::Sandbox;

fn record(sequence: u32, id: &str, amount: &str) -> Value {
    json!({"eventID": sequence.to_string(), "eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": {
        "SequenceNumber": format!("{sequence:021}"), "StreamViewType": "NEW_IMAGE", "NewImage": {
            "transaction_id": {"S": id}, "timestamp": {"S": "2026-01-02T03:04:05.006Z"}, "amount": {"N": amount},
            "currency": {"S": "USD"}, "provider": {"S": "stripe"}, "customer_id": {"S": "c"}, "status": {"S": "pending"},
            "metadata": {"M": {}}, "created_at": {"S": "2026-01-02T03:04:05.006Z"}}}})
}

fn batch(records: &[Value]) -> Value {
    json!({"Records": records})
}

fn success() -> Value {
    json!({"batchItemFailures": []})
}

/// A rule on the bus `payments` that leads to a queue of the same name; returns the queue's URL.
async fn rule_to_queue(sandbox: &Sandbox, name: &str, detail: Value) -> String {
    let (url, arn) = sandbox.create_queue(name).await;
    let events = aws_sdk_eventbridge::Client::new(&sandbox.config);
    let pattern = json!({"source": ["webhook.transaction"], "detail-type": ["Transaction Created"], "detail": detail});
    let rule = events
        .put_rule()
        .name(name)
        .event_bus_name("payments")
        .event_pattern(pattern.to_string());
    rule.send().await.unwrap();
    let target = Target::builder().id("queue").arn(arn).build().unwrap();
    events
        .put_targets()
        .rule(name)
        .event_bus_name("payments")
        .targets(target)
        .send()
        .await
        .unwrap();
    url
}

async fn create_bus(sandbox: &Sandbox) {
    let events = aws_sdk_eventbridge::Client::new(&sandbox.config);
    events.create_event_bus().name("payments").send().await.unwrap();
}

#[tokio::test]
async fn each_amount_matches_exactly_one_rule() {
    let sandbox = Sandbox::new();
    create_bus(&sandbox).await;
    let high = rule_to_queue(&sandbox, "high", json!({"amount": [{"numeric": [">", 10000]}]})).await;
    let medium = rule_to_queue(
        &sandbox,
        "medium",
        json!({"amount": [{"numeric": [">=", 1000, "<=", 10000]}]}),
    )
    .await;
    let low = rule_to_queue(&sandbox, "low", json!({"amount": [{"numeric": ["<", 1000]}]})).await;
    let rest = rule_to_queue(&sandbox, "rest", json!({"routing": ["unroutable"]})).await;
    let lambda = Lambda::start(
        "outbox_publisher",
        &sandbox.variables(&[("EVENT_BUS_NAME", "payments")]),
    )
    .await;

    let amounts = [
        "999.99",
        "1000",
        "10000",
        "10000.01",
        "5000000000",
        "5000000001",
        "12345678901234567890.12",
    ];
    let records: Vec<_> = (1..)
        .zip(amounts)
        .map(|(n, amount)| record(n, &format!("txn_{n}"), amount))
        .collect();
    assert_eq!(
        lambda.invoke(batch(&records)).await,
        Ok(success()),
        "{}",
        lambda.output()
    );

    let expected: [(&str, &[&str]); 4] = [
        (&low, &["999.99"]),
        (&medium, &["1000", "10000"]),
        (&high, &["10000.01", "5000000000"]),
        (&rest, &["5000000001", "12345678901234567890.12"]),
    ];
    for (queue, amounts) in expected {
        let events = sandbox.receive(queue, amounts.len()).await;
        let mut texts: Vec<_> = events
            .iter()
            .map(|e| e["detail"]["amount_text"].as_str().unwrap())
            .collect();
        texts.sort_unstable();
        let mut amounts = amounts.to_vec();
        amounts.sort_unstable();
        assert_eq!(texts, amounts);
        assert!(
            events
                .iter()
                .all(|e| e["detail"]["timestamp"] == "2026-01-02T03:04:05.006Z")
        );
    }
    assert_eq!(lambda.metric("EventsPublished"), 7);
}

#[tokio::test]
async fn audit_objects_are_written_once() {
    let sandbox = Sandbox::new();
    create_bus(&sandbox).await;
    let bucket = sandbox.create_bucket().await;
    let variables = [("EVENT_BUS_NAME", "payments"), ("AUDIT_BUCKET", bucket.as_str())];
    let lambda = Lambda::start("outbox_publisher", &sandbox.variables(&variables)).await;
    for amount in ["1.10", "2"] {
        // The second time the record differs, to show that nothing is overwritten.
        assert_eq!(
            lambda.invoke(batch(&[record(7, "txn_7", amount)])).await,
            Ok(success()),
            "{}",
            lambda.output()
        );
    }
    let objects = sandbox.objects(&bucket).await;
    assert_eq!(objects.len(), 1);
    assert_eq!(objects[0].0, "audit/2026/01/02/000000000000000000007.json.gz");
    assert!(objects[0].1.contains(r#""amount":1.10"#), "{}", objects[0].1);
}

#[tokio::test]
async fn trigger_all_starts_a_standard_workflow_once_per_id() {
    let sandbox = Sandbox::new();
    create_bus(&sandbox).await;
    let states = aws_sdk_sfn::Client::new(&sandbox.config);
    let definition = json!({"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": true}}}).to_string();
    let machine = states.create_state_machine().name("workflow").definition(definition);
    let role = format!("arn:aws:iam::{}:role/workflow", sandbox.account);
    let arn = machine.role_arn(role).send().await.unwrap().state_machine_arn;
    let variables = [
        ("EVENT_BUS_NAME", "payments"),
        ("WORKFLOW_TRIGGER", "all"),
        ("STATE_MACHINE_ARN", arn.as_str()),
    ];
    let lambda = Lambda::start("outbox_publisher", &sandbox.variables(&variables)).await;
    for _ in 0..2 {
        let records = [record(1, "txn:a.b", "10.5"), record(2, "txn_2", "20")];
        assert_eq!(
            lambda.invoke(batch(&records)).await,
            Ok(success()),
            "{}",
            lambda.output()
        );
    }
    let executions = states
        .list_executions()
        .state_machine_arn(&arn)
        .send()
        .await
        .unwrap()
        .executions;
    assert_eq!(executions.len(), 2);
    let mut inputs = Vec::new();
    for execution in &executions {
        let described = states
            .describe_execution()
            .execution_arn(execution.execution_arn())
            .send()
            .await
            .unwrap();
        inputs.push(serde_json::from_str::<Value>(described.input().unwrap()).unwrap());
    }
    assert!(
        inputs
            .iter()
            .all(|input| input["timestamp"] == "2026-01-02T03:04:05.006Z")
    );
    let amounts: Vec<_> = inputs
        .iter()
        .map(|input| input["transaction"]["amount"].to_string())
        .collect();
    assert!(
        amounts.contains(&"10.5".to_owned()) && amounts.contains(&"20".to_owned()),
        "{amounts:?}"
    );
}

#[tokio::test]
async fn a_poison_record_is_reported_by_its_sequence_number() {
    let sandbox = Sandbox::new();
    create_bus(&sandbox).await;
    let all = rule_to_queue(&sandbox, "all", json!({"routing": ["standard", "unroutable"]})).await;
    let lambda = Lambda::start(
        "outbox_publisher",
        &sandbox.variables(&[("EVENT_BUS_NAME", "payments")]),
    )
    .await;
    let mut poison = record(2, "txn_2", "1");
    poison["dynamodb"]["NewImage"]["transaction_id"] = json!({"S": "not an id"});
    let answer = lambda
        .invoke(batch(&[record(1, "txn_1", "1"), poison, record(3, "txn_3", "1")]))
        .await
        .unwrap();
    assert_eq!(
        answer,
        json!({"batchItemFailures": [{"itemIdentifier": format!("{:021}", 2)}]})
    );
    let events = sandbox.receive(&all, 1).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["detail"]["transaction_id"], "txn_1");
    assert_eq!(lambda.metric("HandlerFault"), 1);
}
