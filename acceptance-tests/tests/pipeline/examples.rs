//! The pipeline's examples, applied as they stand; and those of the reference pages, of all composites, planned.

use crate::site::Site;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use tap_acceptance_tests::pipeline::{Configuration, payment};
use tap_acceptance_tests::{PROVIDER_SOURCE, Terraform, example, workspace_root};

/// A folder with the example, in an account of its own.
async fn site(name: &str) -> Site {
    let site = Site::new(&Configuration::new("unused")).await;
    let text = example(&format!("{name}/main.tf")).unwrap();
    site.terraform.write_file("main.tf", &text).unwrap();
    site
}

/// What a reader of the README does: apply, read the key, send a webhook, destroy.
#[tokio::test]
async fn the_minimal_example() {
    let site = site("webhook-minimal").await;
    site.apply().await;
    site.must_be_settled().await;
    let pipeline = site.pipeline().await;
    let url = site.terraform.output("webhook_url").await.unwrap();
    assert_eq!(url, pipeline.attribute("webhook_url").unwrap());
    let parameter = site.terraform.output("api_key_ssm_parameter").await.unwrap();
    assert_eq!(parameter, pipeline.attribute("api_key_ssm_parameter").unwrap());
    let key = pipeline.api_key().await.unwrap();
    let answer = pipeline.send(&key, &payment("minimal", "15000", &json!({}))).await;
    assert_eq!(answer.unwrap().status, 200);
    pipeline.item_when("minimal", "analyzed").await.unwrap();
    site.destroy().await;
}

/// The stack of seed 001, and the six steps by which its README wanted it tried (requirements 2.10), with its own payload.
#[tokio::test]
async fn the_seeds_example() {
    let site = site("webhook-seed").await;
    let people = "alert_emails = [\"oncall@payments.internal\"]\nalert_phones = [\"+4915112345678\"]\n";
    site.terraform.write_file("terraform.tfvars", people).unwrap();
    site.apply().await;
    site.must_be_settled().await;
    let ids = site.ids().await;
    for key in [
        "dashboard.main",
        "dynamodb_table.transactions",
        "event_bus.payments",
        "event_rule.high",
        "event_rule.low",
        "event_rule.medium",
        "lambda_function.archival",
        "lambda_function.fraud",
        "lambda_function.validator",
        "s3_bucket.audit",
        "sqs_queue.dlq",
        "state_machine.transactions",
    ] {
        assert!(ids.contains_key(key), "{key} is not in {:?}", ids.keys());
    }
    let topics = ids.keys().filter(|key| key.starts_with("sns_topic.")).count();
    let people = ids.keys().filter(|key| key.starts_with("sns_subscription.")).count();
    assert_eq!(
        (topics, people),
        (1, 2),
        "one topic, as the seed had it: {:?}",
        ids.keys()
    );

    let pipeline = site.pipeline().await;
    assert!(pipeline.attribute("webhook_url").unwrap().ends_with("/prod/webhook"));
    let key = pipeline.api_key().await.unwrap();
    let body = json!({
        "transaction_id": "txn_123456", "amount": 15000, "currency": "USD", "provider": "stripe",
        "customer_id": "cust_789", "metadata": {"order_id": "order_123"},
    });
    let answer = pipeline.send(&key, &body.to_string()).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    let runs = pipeline.executions_ended(1).await.unwrap();
    assert_eq!(
        (runs[0].transaction_id(), runs[0].status.as_str()),
        ("txn_123456", "SUCCEEDED")
    );
    let item = pipeline.item_when("txn_123456", "analyzed").await.unwrap();
    assert_eq!(item["metadata"]["order_id"], "order_123");
    let dashboard = site.terraform.output("dashboard_name").await.unwrap();
    let dashboard = site.aws.cloudwatch().get_dashboard().dashboard_name(dashboard);
    dashboard.send().await.unwrap();
    site.destroy().await;
}

/// The files of this name below `examples/<folder>/*/`.
fn references(folder: &str, file: &str) -> Vec<PathBuf> {
    let folder = workspace_root().join("examples").join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path().join(file)).collect();
    assert!(files.iter().all(|file| file.is_file()), "{files:?}");
    files
}

/// Without the resources of other providers, which no test downloads: what is left must stand by itself.
fn ours(text: &str) -> String {
    let mut others = false;
    let mut kept = String::new();
    for line in text.lines() {
        let foreign = ["resource \"", "data \"", "ephemeral \""]
            .iter()
            .any(|start| line.strip_prefix(start).is_some_and(|rest| !rest.starts_with("tap_")));
        others |= foreign;
        if !others {
            kept.push_str(line);
            kept.push('\n');
        }
        others &= line != "}";
    }
    kept
}

/// A folder with the example of a reference page: it is shown without provider.
async fn folder(site: &Site, file: &Path) -> Terraform {
    let needs =
        format!("terraform {{\n  required_providers {{\n    tap = {{ source = {PROVIDER_SOURCE:?} }}\n  }}\n}}\n");
    let name = file.strip_prefix(workspace_root().join("examples")).unwrap();
    let text = ours(&example(name.to_str().unwrap()).unwrap());
    let terraform = Terraform::new(&site.aws).unwrap();
    let terraform = terraform.with_file("provider.tf", &needs).unwrap();
    let terraform = terraform.with_file("main.tf", &text).unwrap();
    terraform
        .init()
        .await
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    terraform
}

/// The example of every resource's page has a plan that creates it; the architecture is this machine's.
#[tokio::test]
async fn the_examples_of_the_resources_pages_can_be_planned() {
    let site = Site::new(&Configuration::new("unused")).await;
    let files = references("resources", "resource.tf");
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        let terraform = folder(&site, &file).await.with_env("TF_VAR_partner_secret", "s3cret");
        let suffix = "environment_suffix = \"prod\"";
        let text = fs::read_to_string(terraform.folder().join("main.tf")).unwrap();
        assert!(text.contains(suffix) && !text.contains("lambda_architecture"), "{text}");
        let own = if std::env::consts::ARCH == "aarch64" {
            "arm64"
        } else {
            "x86_64"
        };
        let text = text.replacen(suffix, &format!("{suffix}\n  lambda_architecture = {own:?}"), 1);
        terraform.write_file("main.tf", &text).unwrap();
        let plan = terraform.plan().await;
        let plan = plan.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let changes = plan.changes();
        assert!(
            matches!(&changes[..], [change] if change.actions == ["create"]),
            "{}: {changes:?}",
            file.display()
        );
    }
}

/// Those of the other pages, and the provider's, are valid: what they name is not there to be read.
#[tokio::test]
async fn the_examples_of_the_other_pages_are_valid() {
    let site = Site::new(&Configuration::new("unused")).await;
    let mut files = references("data-sources", "data-source.tf");
    files.extend(references("ephemeral-resources", "ephemeral-resource.tf"));
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        let terraform = folder(&site, &file).await;
        let valid = terraform.validate().await;
        valid.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
    let provider = Terraform::new(&site.aws).unwrap();
    let provider = provider
        .with_file("main.tf", &example("provider/provider.tf").unwrap())
        .unwrap();
    provider.init().await.unwrap();
    provider.validate().await.unwrap_or_else(|error| panic!("{error}"));
}
