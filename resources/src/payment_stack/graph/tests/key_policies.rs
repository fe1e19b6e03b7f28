//! Whom the policies of the customer keys let in.

use std::collections::BTreeMap;

use super::*;

/// The service that a key policy's statement lets in, bound by its condition to this account: CloudWatch Logs to the region's
/// own groups.
#[track_caller]
fn bound_service<'s>(service: &'s str, region: &str, condition: &Value) -> &'s str {
    let Some(rest) = service.strip_prefix("logs.") else {
        assert_eq!(
            condition,
            &json!({"StringEquals": {"aws:SourceAccount": "111122223333"}})
        );
        return service;
    };
    assert_eq!(rest, format!("{region}.amazonaws.com"));
    let groups = condition["ArnEquals"]["kms:EncryptionContext:aws:logs:arn"].as_array();
    let account = format!("arn:aws:logs:{region}:111122223333:log-group:");
    let is_ours = |arn: &Value| {
        let name = arn.as_str().and_then(|arn| arn.strip_prefix(&account));
        name.is_some_and(|name| !name.is_empty() && !name.contains('*'))
    };
    assert!(
        groups.is_some_and(|groups| !groups.is_empty() && groups.iter().all(is_ours)),
        "{condition}"
    );
    "logs"
}

/// 9.2 item 17: CloudWatch's alarms, CloudWatch Logs for the region's own groups, EventBridge where there is a bus; S3,
/// DynamoDB, SQS, SNS and SSM use the keys through whoever calls them.
#[test]
fn p13_exactly_these_services_use_keys_and_for_this_account_only() {
    let purposes = json!({"keys": ["dynamodb", "s3", "lambda", "logs", "sns", "sqs", "ssm"]});
    let without_bus = graph(json!({"regions": ["eu-west-1", "eu-central-1"], "kms": purposes}));
    let with_bus = preset("multi_region", json!({}));
    let usual = ["cloudwatch.amazonaws.com", "logs"];
    let with_events = ["cloudwatch.amazonaws.com", "events.amazonaws.com", "logs"];
    for (graph, expected) in [(with_bus, with_events.as_slice()), (without_bus, &usual)] {
        let mut services: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for key in of_kind(&graph, "kms_key") {
            let region = key.region.as_str();
            for statement in key.settings["policy"]["Statement"].as_array().unwrap() {
                let principal = statement["Principal"].as_object().unwrap();
                let Some(service) = principal.get("Service").and_then(Value::as_str) else {
                    assert_eq!(statement["Principal"], json!({"AWS": "arn:aws:iam::111122223333:root"}));
                    continue;
                };
                let name = bound_service(service, region, &statement["Condition"]);
                services.entry(region).or_default().insert(name);
            }
        }
        assert!(services.len() >= 2);
        for (region, services) in services {
            assert_eq!(services.into_iter().collect::<Vec<_>>(), expected, "{region}");
        }
    }
}
