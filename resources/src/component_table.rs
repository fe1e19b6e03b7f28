//! The table of `docs/components.md`: of how many AWS objects each composite and preset is made, by service, beside the seeds'
//! counts (requirements 9.1 "every service created"; R-20, N-33, O-50, X-09).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tap_plugin::Value as Terraform;

use crate::composite::{Composite, Environment};
use crate::observability_stack::ObservabilityStack;
use crate::payment_stack::PaymentStack;
use crate::webhook_pipeline::WebhookPipeline;

/// What the table is between, in the document.
const MARKS: (&str, &str) = ("<!-- table: begin -->\n", "<!-- table: end -->\n");

struct Column {
    title: &'static str,
    /// Objects of the seed, as the requirements count them.
    seed: &'static str,
    /// Service -> components.
    counts: BTreeMap<&'static str, usize>,
}

fn service(kind: &str) -> &'static str {
    match kind {
        "api_key_parameter" | "ssm_parameter" => "SSM Parameter Store",
        "canary" => "CloudWatch Synthetics",
        "composite_alarm" | "dashboard" | "metric_alarm" => "CloudWatch",
        "iam_role" => "IAM",
        "log_group" | "log_resource_policy" | "metric_filter" => "CloudWatch Logs",
        "schedule" => "EventBridge Scheduler",
        "state_machine" => "Step Functions",
        "rest_api" => "API Gateway",
        _ => {
            let prefixes = [
                ("api_", "API Gateway"),
                ("dynamodb_", "DynamoDB"),
                ("ecr_", "ECR"),
                ("event_", "EventBridge"),
                ("kms_", "KMS"),
                ("lambda_", "Lambda"),
                ("route53_", "Route 53"),
                ("s3_", "S3"),
                ("security_group", "VPC"),
                ("sns_", "SNS"),
                ("sqs_", "SQS"),
                ("vpc_", "VPC"),
                ("wafv2_", "WAF"),
            ];
            let known = prefixes.iter().find(|(prefix, _)| kind.starts_with(prefix));
            known.unwrap_or_else(|| panic!("of which service is {kind}?")).1
        }
    }
}

fn column(title: &'static str, seed: &'static str, composite: &impl Composite, written: Value) -> Column {
    let mut all = written;
    all["environment_suffix"] = "dev".into();
    let architectures = crate::bundle::architectures();
    all["lambda_architecture"] = architectures.first().copied().unwrap_or("x86_64").into();
    let config = composite.schema().with_defaults(&Terraform::from_json(&all));
    let environment = Environment {
        account_id: "111122223333".into(),
        partition: "aws".into(),
        region: "us-east-1".into(),
    };
    let graph = composite
        .graph(&composite.fill(&config.to_json(&|_| Value::Null)), &environment)
        .unwrap_or_else(|errors| panic!("{title}: {errors:?}"));
    let mut counts = BTreeMap::new();
    for component in graph.components.values() {
        *counts.entry(service(&component.kind)).or_default() += 1;
    }
    Column { title, seed, counts }
}

fn columns() -> Vec<Column> {
    let seed_000 = json!({
        "canary": {"url": "https://pay.test/health"}, "api": {"name": "payments"}, "alarm_notification_mode": "all",
        "latency_filter": {"format": "space_delimited", "legacy_metric_names": true},
        "alarm_email_endpoints": ["a@pay.test", "b@pay.test"],
    });
    let domain = json!({
        "name": "pay.example.com", "hosted_zone_id": "Z0123456789ABC",
        "certificate_arns": {
            "us-east-1": "arn:aws:acm:us-east-1:111122223333:certificate/a",
            "us-west-2": "arn:aws:acm:us-west-2:111122223333:certificate/b",
        },
    });
    vec![
        column("webhook pipeline", "39 (001)", &WebhookPipeline, json!({})),
        column("observability stack", "-", &ObservabilityStack, json!({})),
        column("the same, as seed 000", "27 (000)", &ObservabilityStack, seed_000),
        column("payment stack", "-", &PaymentStack, json!({})),
        column(
            "`global`, 2 regions",
            "no count (002)",
            &PaymentStack,
            json!({"preset": "global", "domain": domain}),
        ),
        column(
            "`notification`",
            "42 (003)",
            &PaymentStack,
            json!({"preset": "notification"}),
        ),
        column(
            "`multi_region`, 3 regions",
            "57 (004)",
            &PaymentStack,
            json!({"preset": "multi_region"}),
        ),
    ]
}

fn row(title: &str, cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = cells.collect();
    format!("| {title} | {} |\n", cells.join(" | "))
}

fn table(columns: &[Column]) -> String {
    let mut text = row("service", columns.iter().map(|c| c.title.to_owned()));
    text += &row("---", columns.iter().map(|_| "---:".to_owned()));
    let services: BTreeSet<&str> = columns.iter().flat_map(|c| c.counts.keys().copied()).collect();
    for service in services {
        let count = |c: &Column| {
            c.counts
                .get(service)
                .map_or_else(|| "-".to_owned(), ToString::to_string)
        };
        text += &row(service, columns.iter().map(count));
    }
    let all = |c: &Column| format!("**{}**", c.counts.values().sum::<usize>());
    text += &row("**components**", columns.iter().map(all));
    text + &row("objects of the seed", columns.iter().map(|c| c.seed.to_owned()))
}

/// `UPDATE_SNAPSHOTS=1` writes it anew.
#[test]
fn the_table_of_components_is_that_of_the_graphs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/components.md");
    let document = std::fs::read_to_string(path).unwrap();
    let (head, rest) = document.split_once(MARKS.0).unwrap();
    let (written, tail) = rest.split_once(MARKS.1).unwrap();
    let right = table(&columns());
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(path, [head, MARKS.0, &right, MARKS.1, tail].concat()).unwrap();
        return;
    }
    assert!(
        written == right,
        "docs/components.md is not current (UPDATE_SNAPSHOTS=1 writes it). Right is:\n{right}"
    );
}

/// 002 counts nine services and asks for a tenth, SNS. All of its list are there, in the preset that is its.
#[test]
fn r20_the_services_of_002s_list_are_all_there() {
    let columns = columns();
    let global = columns.iter().find(|c| c.seed.ends_with("(002)")).unwrap();
    for service in [
        "API Gateway",
        "CloudWatch",
        "DynamoDB",
        "IAM",
        "KMS",
        "Lambda",
        "Route 53",
        "S3",
        "SNS",
        "SSM Parameter Store",
    ] {
        assert!(
            global.counts.contains_key(service),
            "{service} is not in {:?}",
            global.counts
        );
    }
}
