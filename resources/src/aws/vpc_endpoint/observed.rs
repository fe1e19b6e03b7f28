//! What EC2 says of an endpoint.

use aws_sdk_ec2::types::{State, VpcEndpoint as Endpoint, VpcEndpointType};
use serde_json::{Value, json};
use tap_engine::Settings;

use crate::aws::fields::{Fields, Seen};
use crate::aws::{policy, tags};

/// What AWS gives an endpoint that is made without a policy.
fn full_access(document: &Value) -> bool {
    let all = json!([{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]);
    document.get("Statement") == Some(&all)
}

/// The state in one spelling: AWS documents capitals and answers in small letters.
pub(super) fn state_of(endpoint: &Endpoint) -> String {
    let state = endpoint.state().map(State::as_str).unwrap_or_default();
    state.to_ascii_lowercase()
}

/// What an endpoint does not come back from.
pub(super) fn is_broken(state: &str) -> bool {
    ["failed", "rejected", "expired"].contains(&state)
}

pub(super) fn is_going(state: &str) -> bool {
    ["deleting", "deleted"].contains(&state)
}

/// In some partitions endpoints have no type: they are gateways.
pub(super) fn type_of(endpoint: &Endpoint) -> &str {
    endpoint.vpc_endpoint_type().map_or("Gateway", VpcEndpointType::as_str)
}

/// Why it is in this state, as far as AWS says.
pub(super) fn said(endpoint: &Endpoint) -> String {
    let state = state_of(endpoint);
    let error = endpoint.last_error();
    let parts = [
        error.and_then(|e| e.code()),
        error.and_then(|e| e.message()),
        endpoint.failure_reason(),
    ];
    let parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [] => format!("the endpoint is {state}"),
        parts => format!("the endpoint is {state}: {}", parts.join(": ")),
    }
}

pub(super) fn tags_of(endpoint: &Endpoint) -> tags::Tags {
    let pairs = endpoint.tags().iter();
    pairs.filter_map(|t| Some((t.key.clone()?, t.value.clone()?))).collect()
}

/// The settings that EC2 shows. What it gives unasked is not drift.
pub(super) fn observed(endpoint: &Endpoint, recorded: &Settings) -> Settings {
    let list = |items: Vec<&str>| (!items.is_empty()).then(|| json!(items));
    let texts = |items: &[String]| (!items.is_empty()).then(|| json!(items));
    let groups = endpoint.groups().iter().filter_map(|group| group.group_id());
    let document = endpoint.policy_document().filter(|text| !text.is_empty());
    let document = document.map(|text| policy::normalise(&Value::from(text)));
    let unset = |document: &Value| full_access(document) && recorded.value("policy").is_none();
    let state = state_of(endpoint);
    let mut seen = Seen::default();
    seen.put("service_name", endpoint.service_name())
        .put("vpc_endpoint_type", Some(type_of(endpoint)))
        .put("subnet_ids", texts(endpoint.subnet_ids()))
        .put("security_group_ids", list(groups.collect()))
        .put("route_table_ids", texts(endpoint.route_table_ids()))
        .put_unless_default("private_dns_enabled", endpoint.private_dns_enabled(), false, recorded)
        .put("policy", document.filter(|document| !unset(document)))
        .put("state", Some(state).filter(|state| is_broken(state)))
        .put("tags", tags::setting(tags_of(endpoint)));
    seen.done()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::{LastError, SecurityGroupIdentifier};

    #[test]
    fn an_endpoint_reads_as_it_was_made() {
        let endpoint = Endpoint::builder()
            .service_name("com.amazonaws.eu-west-1.sqs")
            .vpc_endpoint_type(VpcEndpointType::Interface)
            .state(State::from("available"))
            .subnet_ids("subnet-1")
            .groups(SecurityGroupIdentifier::builder().group_id("sg-1").build())
            .private_dns_enabled(false)
            .policy_document(
                r#"{"Statement": [{"Action": "*", "Effect": "Allow", "Principal": "*", "Resource": "*"}]}"#,
            )
            .build();
        let seen = observed(&endpoint, &Settings::new());
        let expected = json!({
            "service_name": "com.amazonaws.eu-west-1.sqs", "vpc_endpoint_type": "Interface",
            "subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"],
        });
        assert_eq!(json!(seen), expected, "what AWS gives unasked is not drift");
        let recorded: Settings =
            serde_json::from_value(json!({"policy": {"Statement": []}, "private_dns_enabled": true})).unwrap();
        let seen = observed(&endpoint, &recorded);
        assert_eq!(seen["private_dns_enabled"], json!(false));
        assert_eq!(
            seen["policy"]["Statement"][0]["Effect"], "Allow",
            "the policy was taken off"
        );
    }

    #[test]
    fn a_broken_endpoint_is_told_from_one_that_only_takes_its_time() {
        let endpoint = |state: State| Endpoint::builder().state(state);
        for state in [State::Failed, State::Rejected, State::Expired] {
            let endpoint = endpoint(state).build();
            assert!(
                observed(&endpoint, &Settings::new()).contains_key("state"),
                "{endpoint:?}"
            );
        }
        for state in [State::Pending, State::PendingAcceptance, State::Available] {
            let endpoint = endpoint(state).build();
            assert!(
                !observed(&endpoint, &Settings::new()).contains_key("state"),
                "{endpoint:?}"
            );
        }
        let error = LastError::builder().code("Quota").message("no addresses left").build();
        let failed = endpoint(State::Failed).last_error(error).build();
        assert_eq!(said(&failed), "the endpoint is failed: Quota: no addresses left");
    }
}
