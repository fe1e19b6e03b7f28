//! (j) Applies and destroys that fail: what is recorded is what exists, and the next run goes on from there.

use crate::changes::changes;
use crate::site::{Site, one_line};
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_sdk_sqs::types::QueueAttributeName;
use std::collections::BTreeSet;
use tap_acceptance_tests::pipeline::{ADDRESS, Configuration};
use tap_acceptance_tests::proxy::Fault;

const CONTINUED: &str = "An unfinished stack will be continued in place";
/// The last thing but few that a create makes.
const MACHINE: &str = "states:CreateStateMachine";

#[tokio::test]
async fn a_failure_of_create_update_or_destroy_loses_nothing() {
    let configuration = Configuration::new("fail");
    let (site, proxy) = Site::behind_proxy(&configuration).await;

    // Create, `on_create_failure = "keep"`: the state holds what exists, and the next apply goes on in place.
    proxy.inject(MACHINE, Fault::denied());
    let failure = site.failing_apply().await;
    for needle in ["state_machine.transactions", "AccessDenied", "continues in place"] {
        assert!(failure.contains(needle), "no {needle} in {failure}");
    }
    let made = site.ids().await;
    assert!(
        made.contains_key("dynamodb_table.transactions") && !made.contains_key("state_machine.transactions"),
        "{made:?}"
    );
    site.must_hold_exactly(site.pipeline().await.components(), "fail").await;
    let table = site.table_made_at("transactions-fail").await;
    let plan = site.plan().await;
    assert!(one_line(&plan.text).contains(CONTINUED), "{}", plan.text);
    assert!(plan.text.contains("1 to add"), "{}", plan.text);
    proxy.heal();
    site.apply_plan().await;
    site.must_be_settled().await;
    assert_eq!(site.table_made_at("transactions-fail").await, table);
    let now = site.ids().await;
    for (key, id) in &made {
        assert_eq!(now.get(key), Some(id), "{key} was made anew");
    }

    // Update: what was changed is recorded as changed, what was not as it was.
    let edited = configuration
        .with("functions", "{ validator = { memory_size = 1769 } }")
        .with("dlq", "{ message_retention_seconds = 86400 }");
    site.configure(&edited);
    proxy.inject(
        "lambda:PUT /2015-03-31/functions/webhook-validator-fail/configuration",
        Fault::denied(),
    );
    let failure = site.failing_apply().await;
    assert!(
        failure.contains("lambda_function.validator: update failed"),
        "{failure}"
    );
    assert_eq!(retention(&site).await, "86400");
    let plan = site.plan().await;
    // The changed function gets a version of its own, and the alias is to go there.
    let expected = [
        "lambda_alias.validator.function_version",
        "lambda_function.validator.memory_size",
    ];
    let expected = BTreeSet::from(expected.map(str::to_owned));
    assert_eq!(changes(&plan), expected, "{}", plan.text);
    proxy.heal();
    site.apply_plan().await;
    site.must_be_settled().await;

    // Destroy: what is still there is still recorded, and destroying again takes it away.
    proxy.inject("dynamodb:DeleteTable", Fault::denied());
    let failure = one_line(&site.terraform.destroy().await.unwrap_err().to_string());
    assert!(
        failure.contains("dynamodb_table.transactions: delete failed"),
        "{failure}"
    );
    let left = site.pipeline().await.components().clone();
    assert!(
        left.contains_key("dynamodb_table.transactions") && !left.contains_key("api_stage.live"),
        "{:?}",
        left.keys()
    );
    site.must_hold_exactly(&left, "fail").await;
    proxy.heal();
    site.destroy().await;
}

async fn retention(site: &Site) -> String {
    let url = site.pipeline().await.attribute("dlq_url").unwrap().to_owned();
    let name = QueueAttributeName::MessageRetentionPeriod;
    let request = site.aws.sqs().get_queue_attributes().queue_url(url);
    let answer = request.attribute_names(name.clone()).send().await.unwrap();
    answer.attributes().unwrap()[&name].clone()
}

/// An untainted stack is updated in place, a finished one with `-replace` is really replaced.
#[tokio::test]
async fn taint_untaint_and_replace_do_what_they_say() {
    let (site, proxy) = Site::behind_proxy(&Configuration::new("taint")).await;
    proxy.inject(MACHINE, Fault::denied());
    site.failing_apply().await;
    let made = site.ids().await;
    proxy.heal();

    site.terraform.command(&["untaint", ADDRESS]).await.unwrap();
    let plan = site.plan().await;
    assert!(
        plan.text.contains("0 to add, 1 to change, 0 to destroy"),
        "{}",
        plan.text
    );
    let replaced: Vec<String> = changes(&plan)
        .into_iter()
        .filter(|change| change.starts_with(['!', '-']))
        .collect();
    assert!(replaced.is_empty(), "{replaced:?}");
    site.apply_plan().await;
    site.must_be_settled().await;
    let finished = site.ids().await;
    for (key, id) in &made {
        assert_eq!(finished.get(key), Some(id), "{key} was made anew");
    }

    // A finished stack that is tainted by hand will be replaced; untainted, nothing is to be done.
    site.terraform.command(&["taint", ADDRESS]).await.unwrap();
    let plan = site.plan().await;
    assert!(
        plan.text.contains("1 to add, 0 to change, 1 to destroy"),
        "{}",
        plan.text
    );
    assert!(!one_line(&plan.text).contains(CONTINUED), "{}", plan.text);
    site.terraform.command(&["untaint", ADDRESS]).await.unwrap();
    site.must_be_settled().await;

    let table = site.table_made_at("transactions-taint").await;
    let replace = format!("-replace={ADDRESS}");
    site.terraform
        .apply_with(&[&replace])
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    site.must_be_settled().await;
    assert_ne!(site.table_made_at("transactions-taint").await, table);
    let anew = site.ids().await;
    for key in ["kms_key.main", "rest_api.webhook", "api_usage_plan.sender"] {
        assert_ne!(anew[key], finished[key], "{key} was kept");
    }
    site.destroy().await;
}

/// `rollback` leaves the account as it was, what belongs to others included; `resume` records nothing and goes on.
#[tokio::test]
async fn rollback_takes_all_away_and_resume_goes_on_from_there() {
    let configuration = Configuration::new("back").with("on_create_failure", "\"rollback\"");
    let (site, proxy) = Site::behind_proxy(&configuration).await;
    let foreign = "transactions-back";
    make_table(&site, foreign).await;

    let failure = site.failing_apply().await;

    assert!(
        failure.contains("dynamodb_table.transactions: create failed"),
        "{failure}"
    );
    assert_eq!(site.left().await, [format!("dynamodb_table {foreign}")]);
    assert_eq!(site.terraform.recorded().await.unwrap(), Vec::<String>::new());
    site.aws
        .dynamodb()
        .delete_table()
        .table_name(foreign)
        .send()
        .await
        .unwrap();

    // What cannot be rolled back is recorded, so that destroy can take it away.
    proxy.inject(MACHINE, Fault::denied());
    proxy.inject("sqs:DeleteQueue", Fault::denied());
    let failure = site.failing_apply().await;
    assert!(failure.contains("sqs_queue.low_value: delete failed"), "{failure}");
    let left = site.pipeline().await.components().clone();
    assert!(
        left.contains_key("sqs_queue.low_value") && left.contains_key("kms_key.main"),
        "{:?}",
        left.keys()
    );
    // What the queue does not stand on is gone.
    for gone in [
        "rest_api.webhook",
        "lambda_function.fraud",
        "log_group.fraud",
        "dynamodb_table.transactions",
    ] {
        assert!(!left.contains_key(gone), "{gone} in {:?}", left.keys());
    }
    site.must_hold_exactly(&left, "back").await;
    proxy.heal();
    site.terraform.destroy().await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(site.left().await, Vec::<String>::new());

    site.configure(&configuration.with("on_create_failure", "\"resume\""));
    proxy.inject(MACHINE, Fault::denied());
    let failure = site.failing_apply().await;
    assert!(failure.contains("on_create_failure = \"resume\""), "{failure}");
    assert_eq!(site.terraform.recorded().await.unwrap(), Vec::<String>::new());
    let table = site.table_made_at(foreign).await;
    proxy.heal();
    site.apply().await;
    site.must_be_settled().await;
    assert_eq!(site.table_made_at(foreign).await, table);
    site.must_hold_exactly(site.pipeline().await.components(), "back").await;
    site.destroy().await;
}

/// A table without the stack's tags: somebody else's.
async fn make_table(site: &Site, name: &str) {
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
    let id = AttributeDefinition::builder()
        .attribute_name("id")
        .attribute_type(ScalarAttributeType::S);
    let request = site.aws.dynamodb().create_table().table_name(name);
    let request = request
        .key_schema(key.build().unwrap())
        .attribute_definitions(id.build().unwrap());
    request.billing_mode(BillingMode::PayPerRequest).send().await.unwrap();
}
