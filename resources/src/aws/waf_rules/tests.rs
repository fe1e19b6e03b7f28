//! Rules to the SDK's types and back, and what AWS would refuse.

use super::*;

fn documents() -> Value {
    let visible =
        |name: &str| json!({"SampledRequestsEnabled": true, "CloudWatchMetricsEnabled": true, "MetricName": name});
    json!([
        {"Name": "rate", "Priority": 0, "Action": {"Block": {"CustomResponse": {"ResponseCode": 429}}},
         "Statement": {"RateBasedStatement": {"Limit": 2000, "AggregateKeyType": "IP", "EvaluationWindowSec": 60}},
         "VisibilityConfig": visible("rate")},
        {"Name": "common", "Priority": 1, "OverrideAction": {"None": {}},
         "Statement": {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet",
            "RuleActionOverrides": [{"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}]}},
         "VisibilityConfig": visible("common")},
        {"Name": "providers", "Priority": 2, "Action": {"Allow": {}},
         "Statement": {"IPSetReferenceStatement": {"ARN": "arn:aws:wafv2:us-east-1:1:regional/ipset/providers/1"}},
         "VisibilityConfig": visible("providers")},
        {"Name": "host", "Priority": 3, "Action": {"Block": {}}, "VisibilityConfig": visible("host"),
         "Statement": {"AndStatement": {"Statements": [
            {"ByteMatchStatement": {"SearchString": ".execute-api.", "PositionalConstraint": "CONTAINS",
                "TextTransformations": [{"Priority": 0, "Type": "LOWERCASE"}],
                "FieldToMatch": {"SingleHeader": {"Name": "host"}}}},
            {"NotStatement": {"Statement": {"ByteMatchStatement": {"SearchString": "/v1/health", "PositionalConstraint": "EXACTLY",
                "TextTransformations": [{"Priority": 0, "Type": "NONE"}], "FieldToMatch": {"UriPath": {}}}}}}]}}},
        {"Name": "unknown", "Priority": 4, "Action": {"Block": {}}, "VisibilityConfig": visible("unknown"),
         "Statement": {"RateBasedStatement": {"Limit": 100, "AggregateKeyType": "IP", "EvaluationWindowSec": 60,
            "ScopeDownStatement": {"NotStatement": {"Statement": {
                "IPSetReferenceStatement": {"ARN": "arn:aws:wafv2:us-east-1:1:regional/ipset/providers/1"}}}}}}}
    ])
}

fn rules(value: Value) -> Vec<Rule> {
    serde_json::from_value(value).unwrap()
}

#[test]
fn rules_come_back_from_the_sdk_as_they_went_in() {
    let sent = to_sdk(&rules(documents())).unwrap();
    assert_eq!(normalise(&Value::Array(from_sdk(&sent))), normalise(&documents()));
}

#[test]
#[allow(deprecated, reason = "what AWS answers")]
fn empty_lists_of_a_managed_group_are_no_difference() {
    let mut sent = to_sdk(&rules(documents())).unwrap();
    let group = sent[1].statement.as_mut().unwrap();
    let group = group.managed_rule_group_statement.as_mut().unwrap();
    group.excluded_rules = Some(Vec::new());
    group.managed_rule_group_configs = Some(Vec::new());
    assert_eq!(normalise(&Value::Array(from_sdk(&sent))), normalise(&documents()));

    let excluded = sdk::ExcludedRule::builder()
        .name("SizeRestrictions_BODY")
        .build()
        .unwrap();
    let group = sent[1].statement.as_mut().unwrap();
    group.managed_rule_group_statement.as_mut().unwrap().excluded_rules = Some(vec![excluded]);
    assert_eq!(from_sdk(&sent)[1]["Statement"], json!("not managed here"));
}

#[test]
fn the_case_of_a_header_is_no_difference() {
    let mut shouted = documents();
    shouted[3]["Statement"]["AndStatement"]["Statements"][0]["ByteMatchStatement"]["FieldToMatch"]["SingleHeader"]["Name"] =
        json!("Host");
    assert_eq!(normalise(&shouted), normalise(&documents()));
}

#[test]
fn the_default_window_and_the_order_are_no_difference() {
    let mut other = documents();
    other[0]["Statement"]["RateBasedStatement"]["EvaluationWindowSec"] = json!(300);
    let mut same = other.clone();
    same[0]["Statement"]["RateBasedStatement"]
        .as_object_mut()
        .unwrap()
        .remove("EvaluationWindowSec");
    same.as_array_mut().unwrap().reverse();
    assert_eq!(normalise(&other), normalise(&same));
    assert_ne!(normalise(&other), normalise(&documents()));
}

#[test]
fn a_statement_that_is_not_known_is_refused_by_name() {
    let mut unknown = documents();
    unknown[0]["Statement"] = json!({"GeoMatchStatement": {"CountryCodes": ["DE"]}});
    let error = serde_json::from_value::<Vec<Rule>>(unknown).unwrap_err().to_string();
    assert!(error.contains("GeoMatchStatement"), "{error}");
}

#[test]
fn a_foreign_rule_shows_as_drift() {
    let mut sent = to_sdk(&rules(documents())).unwrap();
    sent[0].statement = Some(
        sdk::Statement::builder()
            .geo_match_statement(sdk::GeoMatchStatement::builder().build())
            .build(),
    );
    let seen = from_sdk(&sent);
    assert_eq!(seen[0]["Statement"], json!("not managed here"));
    assert_eq!(seen[1], normalise(&documents())[1]);
}

#[test]
fn what_aws_would_refuse_is_said_at_plan_time() {
    assert_eq!(mistakes(&rules(documents())), Vec::<String>::new());
    let mut wrong = documents();
    wrong[0]["Statement"]["RateBasedStatement"]["Limit"] = json!(1);
    wrong[0].as_object_mut().unwrap().remove("Action");
    wrong[1]["Priority"] = json!(0);
    let said = mistakes(&rules(wrong)).join("; ");
    for part in ["Limit", "Action", "Priority"] {
        assert!(said.contains(part), "{said}");
    }
}
