//! The graph, from configurations as users write them.

use serde_json::{Value, json};
use tap_engine::{Graph, Key, StackState};
use tap_plugin::Value as Terraform;

use crate::composite::{Composite, Environment};
use crate::webhook_pipeline::WebhookPipeline;

fn environment() -> Environment {
    Environment {
        account_id: "111122223333".into(),
        partition: "aws".into(),
        region: "eu-central-1".into(),
    }
}

/// The effective configuration of what a user writes.
fn config(written: Value) -> Value {
    let mut all = written;
    all["environment_suffix"] = all.get("environment_suffix").cloned().unwrap_or_else(|| "dev".into());
    all["lambda_architecture"] = crate::bundle::architectures()
        .into_iter()
        .find(|arch| crate::bundle::image(arch).is_ok())
        .unwrap_or("x86_64")
        .into();
    WebhookPipeline
        .schema()
        .with_defaults(&Terraform::from_json(&all))
        .to_json(&|_| Value::Null)
}

fn graph(written: Value) -> Graph {
    WebhookPipeline
        .graph(&config(written), &environment())
        .unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn setting<'a>(graph: &'a Graph, key: &str, name: &str) -> &'a Value {
    &graph.components[&Key::from(key)].settings[name]
}

/// Each ARN of the user's that AWS takes of the stack's own region only, with its path.
#[test]
fn what_works_in_one_region_only_is_of_this_one() {
    let cases = |region: &str| {
        let key = format!("arn:aws:kms:{region}:111122223333:key/k");
        let topic = |region: &str| format!("arn:aws:sns:{region}:111122223333:t");
        let scorer = format!("arn:aws:lambda:{region}:111122223333:function:scorer");
        [
            (json!({"kms": {"key_arn": key}}), "kms.key_arn"),
            (json!({"api": {"hmac": {"kms_key_arn": key}}}), "api.hmac.kms_key_arn"),
            (
                json!({"fraud": {"scorer": "external_lambda", "scorer_arn": scorer}}),
                "fraud.scorer_arn",
            ),
            (
                json!({"alarms": {"actions": [topic("eu-central-1"), topic(region)]}}),
                "alarms.actions[1]",
            ),
        ]
    };
    for (written, _) in cases("eu-central-1") {
        graph(written);
    }
    for (written, path) in cases("us-east-1") {
        let refused = WebhookPipeline.graph(&config(written), &environment()).unwrap_err();
        let text = refused.to_string();
        assert!(text.starts_with(path), "{path}: {text}");
        assert!(text.contains("us-east-1; eu-central-1 needs one of its own"), "{text}");
    }
}

#[test]
fn the_default_stack_plans_from_nothing_with_every_setting_known_to_its_kind() {
    let graph = graph(json!({}));
    let registry = crate::aws::registry(&std::sync::Arc::new(crate::aws::Aws::new(
        aws_types::SdkConfig::builder().build(),
        crate::aws::AwsOptions::default(),
        "111122223333".into(),
        "aws".into(),
    )));
    let plan = tap_engine::plan(
        &graph,
        &StackState::default(),
        &registry,
        &tap_engine::PlanOptions::default(),
    );
    let plan = plan.unwrap_or_else(|errors| {
        panic!(
            "{}",
            errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        )
    });
    assert_eq!(plan.steps.len(), graph.components.len());
}

#[test]
fn w07_the_medium_rule_is_one_range() {
    let graph = graph(json!({}));
    let amount = &setting(&graph, "event_rule.medium", "event_pattern")["detail"]["amount"];
    assert_eq!(amount, &json!([{"numeric": [">=", 1000, "<=", 10000]}]));
}

#[test]
fn w15_a_currency_with_its_own_thresholds_is_taken_out_of_the_general_rule() {
    let graph = graph(
        json!({"routing": {"currency_thresholds": {"JPY": {"high_threshold": 1_500_000, "low_threshold": 150_000}}}}),
    );
    let cases = &setting(&graph, "event_rule.high", "event_pattern")["detail"]["$or"];
    assert_eq!(cases[0]["currency"], json!([{"anything-but": ["JPY"]}]));
    assert_eq!(
        cases[1],
        json!({"currency": ["JPY"], "amount": [{"numeric": [">", 1_500_000]}]})
    );
}

#[test]
fn w08_w09_every_rule_has_a_target_and_may_use_the_dead_letter_queue() {
    let graph = graph(json!({}));
    let rules: Vec<String> = graph
        .components
        .keys()
        .filter(|k| k.as_str().starts_with("event_rule."))
        .map(Key::arn)
        .collect();
    assert_eq!(rules.len(), 4);
    let policy = setting(&graph, "sqs_queue.dlq", "policy").to_string();
    for rule in &rules {
        assert!(policy.contains(rule.as_str()), "{rule}");
        let name = rule.replace(".arn}", ".name}");
        assert!(
            graph
                .components
                .values()
                .any(|c| c.kind == "event_target" && c.settings["rule"] == name),
            "{rule} has no target"
        );
    }
    let targets = graph.components.values().filter(|c| c.kind == "event_target");
    assert!(
        targets
            .clone()
            .all(|t| t.settings["dead_letter_arn"] == "${sqs_queue.dlq.arn}")
    );
}

#[test]
fn w39_w40_no_function_may_do_more_than_its_handler_does() {
    let graph = graph(json!({}));
    let actions = |role: &str| -> Vec<String> {
        let statements = &setting(&graph, role, "inline_policies")["permissions"]["Statement"];
        let lists = statements
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|s| s["Action"].as_array());
        lists
            .flatten()
            .filter_map(|a| a.as_str().map(ToOwned::to_owned))
            .collect()
    };
    let validator = actions("iam_role.validator");
    for forbidden in [
        "dynamodb:Scan",
        "dynamodb:Query",
        "dynamodb:DeleteItem",
        "sns:Publish",
        "states:StartExecution",
        "s3:PutObject",
        "logs:CreateLogGroup",
    ] {
        assert!(!validator.iter().any(|a| a == forbidden), "{forbidden}");
    }
    assert!(actions("iam_role.fraud").contains(&"dynamodb:UpdateItem".to_owned()));
}

/// 9.2 item 10: no `*` resource but where AWS knows no other.
#[test]
fn wildcard_resources_are_only_those_that_aws_forces() {
    let graph = graph(json!({}));
    for component in graph.components.values().filter(|c| c.kind == "iam_role") {
        for statement in component.settings["inline_policies"]["permissions"]["Statement"]
            .as_array()
            .into_iter()
            .flatten()
        {
            if statement["Resource"] == "*" {
                let first = statement["Action"][0].as_str().unwrap_or_default();
                assert!(
                    first.starts_with("xray:") || first.contains("LogDelivery"),
                    "{}: {statement}",
                    component.key
                );
            }
        }
    }
}

#[test]
fn w03_w04_the_account_is_never_a_wildcard() {
    let graph = graph(json!({"routing": {"workflow_trigger": "all"}}));
    let arn = &setting(&graph, "lambda_function.publisher", "environment")["STATE_MACHINE_ARN"];
    assert_eq!(
        arn,
        "arn:aws:states:eu-central-1:111122223333:stateMachine:transaction-workflow-dev"
    );
    assert!(
        !graph.components.contains_key("event_rule.high"),
        "W-05: exactly one trigger"
    );
}

#[test]
fn w60_every_dashboard_metric_has_dimensions_and_every_widget_a_place() {
    let graph = graph(json!({}));
    let widgets = setting(&graph, "dashboard.main", "dashboard_body")["widgets"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    assert_eq!(widgets.len(), 9);
    for widget in widgets {
        assert_eq!(widget["properties"]["region"], "eu-central-1");
        assert!(widget["x"].is_number() && widget["y"].is_number());
        for metric in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            assert!(metric.as_array().is_some_and(|m| m.len() >= 5), "{metric}");
        }
    }
}

#[test]
fn a_served_change_changes_the_deployment() {
    let hash = |written| setting(&graph(written), "api_deployment.current", "content_hash").clone();
    let before = hash(json!({}));
    assert_eq!(before, hash(json!({"tags": {"a": "b"}})), "tags are not served");
    assert_ne!(before, hash(json!({"api": {"request_validation": false}})), "W-34");
    assert_ne!(before, hash(json!({"api": {"path": "hooks"}})));
}

/// Issue 3: new code is published, then the alias moves; nothing calls a function but through its alias.
#[test]
fn everything_calls_the_alias_and_the_alias_follows_the_published_version() {
    for written in [
        json!({}),
        json!({"package_type": "Image", "routing": {"workflow_trigger": "all"}}),
    ] {
        let graph = graph(written);
        for function in ["validator", "publisher", "fraud", "archival"] {
            let own = format!("lambda_function.{function}");
            assert_eq!(setting(&graph, &own, "publish"), true);
            let alias = format!("lambda_alias.{function}");
            assert_eq!(
                setting(&graph, &alias, "function_version"),
                &json!(format!("${{{own}.version}}"))
            );
            let unqualified = [
                format!("${{{own}.arn}}"),
                format!("${{{own}.invoke_arn}}"),
                format!("${{{own}.name}}"),
            ];
            for component in graph.components.values() {
                let text = serde_json::to_string(&component.settings).unwrap();
                let uses = |n: usize| text.contains(&unqualified[n]);
                assert!(!uses(0) && !uses(1), "{} names {own} without its alias", component.key);
                let by_name = ["lambda_alias", "lambda_permission"].contains(&component.kind.as_str());
                assert!(by_name || !uses(2), "{} names {own} without its alias", component.key);
            }
        }
        assert_eq!(
            setting(&graph, "lambda_permission.api", "qualifier"),
            "${lambda_alias.validator.name}"
        );
        assert_eq!(
            setting(&graph, "lambda_event_source_mapping.outbox", "function_name"),
            "${lambda_alias.publisher.arn}"
        );
        assert_eq!(
            setting(&graph, "schedule.archival", "target")["arn"],
            "${lambda_alias.archival.arn}"
        );
        let task = &setting(&graph, "state_machine.transactions", "definition")["States"]["FraudDetection"];
        assert_eq!(task["Parameters"]["FunctionName"], "${lambda_alias.fraud.arn}");
    }
}

/// The archival goes on by calling itself: what it may call and what it is told to call are one.
#[test]
fn the_archival_continues_in_its_own_alias() {
    let graph = graph(json!({}));
    let live = "arn:aws:lambda:eu-central-1:111122223333:function:transaction-archival-dev:live";
    assert_eq!(
        setting(&graph, "lambda_function.archival", "environment")["CONTINUE_FUNCTION"],
        live
    );
    let statements = &setting(&graph, "iam_role.archival", "inline_policies")["permissions"]["Statement"];
    let invoke = statements
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["Action"] == json!(["lambda:InvokeFunction"]));
    assert_eq!(invoke.unwrap()["Resource"], live);
}

/// While the alias still serves the old version, its image stays.
#[test]
fn an_old_image_outlives_the_move_of_the_alias() {
    let graph = graph(json!({"package_type": "Image"}));
    let alias = &graph.components[&Key::from("lambda_alias.fraud")];
    assert_eq!(alias.depends_on, [Key::from("ecr_image.fraud")]);
}

#[test]
fn names_follow_style_attribute_and_override_in_this_order() {
    let name = |written| setting(&graph(written), "dynamodb_table.transactions", "table_name").clone();
    assert_eq!(name(json!({})), "transactions-dev");
    assert_eq!(name(json!({"name_style": "prefixed"})), "payment-dev-transactions");
    assert_eq!(name(json!({"table": {"name": "mine"}})), "mine");
    assert_eq!(
        name(json!({"table": {"name": "mine"}, "name_overrides": {"dynamodb_table.transactions": "yours"}})),
        "yours"
    );
}

#[test]
fn an_override_of_a_component_that_is_not_there_is_an_error() {
    let errors = WebhookPipeline.graph(
        &config(json!({"name_overrides": {"sqs_queue.nope": "x"}})),
        &environment(),
    );
    assert!(errors.is_err());
}

#[test]
fn bad_combinations_are_refused_with_their_path() {
    let cases = [
        (json!({"api": {"authorization": "none"}}), "api.authorization"),
        (
            json!({"api": {"authorization": "hmac"}}),
            "api.hmac.secret_ssm_parameter",
        ),
        (
            json!({"api": {"authorization": "iam", "quota_limit": 5}}),
            "api.quota_limit",
        ),
        (
            json!({"api": {"cors": {"allow_origins": ["*"]}}}),
            "api.cors.allow_origins",
        ),
        (
            json!({"api": {"waf": {"enabled": true, "default_action": "block"}}}),
            "api.waf.allow_ip_cidrs",
        ),
        (json!({"table": {"billing_mode": "PROVISIONED"}}), "table.read_capacity"),
        (json!({"table": {"read_capacity": 5}}), "table.read_capacity"),
        (
            json!({"audit_bucket": {"lifecycle": {"glacier_days": 40}}}),
            "audit_bucket.lifecycle.glacier_days",
        ),
        (
            json!({"audit_bucket": {"lifecycle": {"expiration_days": 90}}}),
            "audit_bucket.lifecycle.expiration_days",
        ),
        (json!({"routing": {"low_threshold": 10000}}), "routing.low_threshold"),
        (
            json!({"workflow": {"timeout_seconds": 301}}),
            "workflow.timeout_seconds",
        ),
        (json!({"fraud": {"scorer": "external_lambda"}}), "fraud.scorer_arn"),
        (json!({"lambda_package": {"s3_bucket": "b"}}), "lambda_package.s3_key"),
    ];
    for (written, path) in cases {
        let errors = WebhookPipeline.validate(&config(written.clone()));
        let hit = errors
            .iter()
            .any(|d| d.is_error() && d.path.as_ref().is_some_and(|p| p.to_string() == path));
        assert!(hit, "{written}: {errors:?}");
    }
    assert!(!WebhookPipeline.validate(&config(json!({}))).has_errors());
}
