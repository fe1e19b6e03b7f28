//! What watches from outside: function, canary, artifact bucket.

use super::*;

#[test]
fn o01_o36_o46_the_function_is_the_bundled_binary() {
    let graph = graph(full());
    let code = setting(&graph, "lambda_function.metrics", "code");
    assert!(code["bundle"].is_string(), "{code}");
    assert_eq!(setting(&graph, "lambda_function.metrics", "runtime"), "provided.al2023");
    assert_eq!(setting(&graph, "lambda_function.metrics", "handler"), "payment_metrics");
    assert_eq!(setting(&graph, "lambda_function.metrics", "tracing_mode"), "Active");
    let own = json!({"lambda_package": {"s3_bucket": "code", "s3_key": "metrics.zip"}});
    let code = setting(&self::graph(own), "lambda_function.metrics", "code");
    assert_eq!(code["s3_bucket"], "code");
}

#[test]
fn o02_o52_tags_are_the_users_and_say_nothing_that_he_did_not() {
    let graph = graph(json!({}));
    assert!(of_kind(&graph, "log_group").all(|group| !group.settings.contains_key("tags")));
    let environment = setting(&graph, "lambda_function.metrics", "environment");
    assert_eq!(
        environment["ENVIRONMENT"], "dev",
        "O-52: the suffix, not \"production\""
    );
    // The engine lays `tags` and `default_tags` over every component that takes tags.
    let aws = std::sync::Arc::new(tap_resources::aws::Aws::new(
        aws_types::SdkConfig::builder().build(),
        tap_resources::aws::AwsOptions::default(),
        "111122223333".into(),
        "aws".into(),
    ));
    let registry = tap_resources::aws::registry(&aws);
    let mut owned = self::graph(full());
    let tags = [("CostCenter".to_owned(), "payments".to_owned())].into();
    tap_engine::own(&mut owned, "observability_stack/dev", &tags, &registry).unwrap();
    for component in owned.components.values() {
        let takes_tags = registry.get(&component.kind).unwrap().spec().taggable;
        let tagged = component
            .settings
            .get("tags")
            .is_some_and(|tags| tags["CostCenter"] == "payments");
        assert_eq!(takes_tags, tagged, "{}", component.key);
    }
}

#[test]
fn o03_the_canarys_code_is_a_script_that_the_kind_packs() {
    let graph = graph(full());
    let script = setting(&graph, "canary.health", "script");
    assert!(script.as_str().unwrap().contains("exports.handler"), "{script}");
    assert_eq!(setting(&graph, "canary.health", "handler"), "index.handler");
    assert_eq!(
        setting(&self::graph(full()), "canary.health", "script"),
        script,
        "deterministic"
    );
}

#[test]
fn o04_a_deprecated_runtime_is_a_plan_time_error() {
    let with = |version: &str| json!({"canary": {"url": "https://pay.test/", "runtime_version": version}});
    for version in ["syn-nodejs-puppeteer-7.0", "syn-python-selenium-6.0", "nodejs20.x"] {
        assert!(refused(with(version), "canary.runtime_version"), "{version}");
    }
    assert!(!found(with("syn-nodejs-puppeteer-13.1")).has_errors());
    assert_eq!(
        setting(&graph(full()), "canary.health", "runtime_version"),
        "syn-nodejs-puppeteer-15.0"
    );
}

#[test]
fn o05_reserved_variables_are_refused_at_plan_time() {
    let graph = graph(json!({"lambda": {"environment": {"AWS_REGION": "us-east-1"}}}));
    let aws = tap_resources::aws::Aws::new(
        aws_types::SdkConfig::builder().build(),
        tap_resources::aws::AwsOptions::default(),
        "111122223333".into(),
        "aws".into(),
    );
    let registry = tap_resources::aws::registry(&std::sync::Arc::new(aws));
    let options = tap_engine::PlanOptions::default();
    let errors = tap_engine::plan(&graph, &tap_engine::StackState::default(), &registry, &options).unwrap_err();
    assert!(
        errors
            .iter()
            .any(|e| e.to_string().contains("AWS_REGION is reserved by Lambda")),
        "{errors:?}"
    );
    let own = json!({"lambda": {"environment": {"LOG_LEVEL": "DEBUG"}}});
    assert!(refused(own, "lambda.environment[\"LOG_LEVEL\"]"));
    assert!(
        !setting(&self::graph(json!({})), "lambda_function.metrics", "environment")
            .to_string()
            .contains("AWS_")
    );
}

#[test]
fn o06_there_is_a_canary_only_for_a_url_of_ones_own() {
    assert!(!has(&graph(json!({})), "canary.health"));
    assert!(refused(json!({"canary": {"enabled": true}}), "canary.url"));
    let example = found(json!({"canary": {"url": "https://api.example.com/health"}}));
    assert!(
        !example.has_errors() && example.iter().any(|d| d.detail.contains("O-06")),
        "{example:?}"
    );
    let off = json!({"canary": {"enabled": false, "url": "https://pay.test/"}});
    assert!(!has(&graph(off), "canary.health"));
}

#[test]
fn o07_the_canarys_name_is_never_cut() {
    let mut config = full();
    config["environment_suffix"] = "a-long-environment-name".into();
    config["artifact_bucket"] = json!({"name": "results"});
    assert_eq!(
        setting(&graph(config), "canary.health", "name"),
        "health-check-a-long-environment-name"
    );
    let named = |length: usize| json!({"canary": {"url": "https://pay.test/", "name": "a".repeat(length)}});
    assert!(!found(named(255)).has_errors());
    assert!(refused(named(256), "canary.name"));
}

#[test]
fn o08_the_canarys_role_may_do_what_a_run_needs_and_no_more() {
    let graph = graph(full());
    assert!(setting(&graph, "iam_role.canary", "managed_policy_arns").is_null());
    let statements = statements(&graph, "canary");
    let actions: BTreeSet<&str> = statements
        .iter()
        .flat_map(|s| s["Action"].as_array().unwrap().iter().filter_map(Value::as_str))
        .collect();
    let expected = [
        "cloudwatch:PutMetricData",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:GetBucketLocation",
        "s3:GetObject",
        "s3:ListAllMyBuckets",
        "s3:PutObject",
        "xray:PutTraceSegments",
    ];
    assert_eq!(actions.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(
        allowing(&statements, "s3:PutObject")["Resource"],
        "${s3_bucket.artifacts.arn}/canary-results/*"
    );
    assert_eq!(
        allowing(&statements, "logs:PutLogEvents")["Resource"],
        "arn:aws:logs:eu-central-1:111122223333:log-group:/aws/lambda/cwsyn-health-check-dev-*:*"
    );
    assert_eq!(
        allowing(&statements, "cloudwatch:PutMetricData")["Condition"],
        json!({"StringEquals": {"cloudwatch:namespace": "CloudWatchSynthetics"}})
    );
    let mut config = full();
    config["canary"]["active_tracing"] = false.into();
    config["canary"]["headers_ssm_parameter"] = "/payments/canary".into();
    let statements = self::statements(&self::graph(config), "canary");
    assert!(allowing(&statements, "xray:PutTraceSegments").is_null());
    assert_eq!(
        allowing(&statements, "ssm:GetParameter")["Resource"],
        "arn:aws:ssm:eu-central-1:111122223333:parameter/payments/canary"
    );
}

/// 9.2 item 10: no `*` resource but where AWS knows no other, and `PutMetricData` with its namespace.
#[test]
fn wildcard_resources_are_only_those_that_aws_forces() {
    let mut config = full();
    config["custom_metrics"] = json!({"mode": "put_metric_data"});
    let graph = graph(config);
    for role in ["metrics", "canary"] {
        for statement in statements(&graph, role) {
            if statement["Resource"] != "*" {
                continue;
            }
            let first = statement["Action"][0].as_str().unwrap_or_default();
            let bound = first == "cloudwatch:PutMetricData" && statement["Condition"].is_object();
            assert!(
                bound || first.starts_with("xray:") || first == "s3:ListAllMyBuckets",
                "{statement}"
            );
        }
    }
}

#[test]
fn o09_o10_the_artifact_bucket_is_private_encrypted_and_ends_its_objects() {
    let graph = graph(full());
    let bucket = |name: &str| setting(&graph, "s3_bucket.artifacts", name);
    assert_eq!(bucket("public_access_block"), json!(true));
    assert_eq!(bucket("encryption")["kms_master_key_id"], KEY);
    assert_eq!(bucket("object_ownership"), "BucketOwnerEnforced");
    let tls = statement(&bucket("policy"), "DenyWithoutTls");
    assert_eq!(tls["Condition"], json!({"Bool": {"aws:SecureTransport": "false"}}));
    assert_eq!(bucket("lifecycle_rules")[0]["expiration_days"], 31);
    assert!(bucket("force_destroy").is_null());
    assert_eq!(
        setting(&graph, "canary.health", "artifact_encryption")["kms_key_arn"],
        KEY
    );
    let mut config = full();
    config["canary"]["failure_retention_period"] = 90.into();
    let rules = setting(&self::graph(config.clone()), "s3_bucket.artifacts", "lifecycle_rules");
    assert_eq!(
        rules[0]["expiration_days"], 90,
        "no longer than the run data, no shorter either"
    );
    config["artifact_bucket"] = json!({"expiration_days": 7, "force_destroy": true, "kms": false});
    let graph = self::graph(config);
    assert_eq!(
        setting(&graph, "s3_bucket.artifacts", "lifecycle_rules")[0]["expiration_days"],
        7
    );
    assert_eq!(setting(&graph, "s3_bucket.artifacts", "force_destroy"), true);
    assert_eq!(
        setting(&graph, "s3_bucket.artifacts", "encryption"),
        json!({"sse_algorithm": "AES256"})
    );
}

#[test]
fn o11_the_canarys_function_and_log_group_are_the_stacks() {
    let graph = graph(full());
    assert_eq!(setting(&graph, "canary.health", "delete_lambda"), true);
    assert_eq!(
        setting(&graph, "canary.health", "provisioned_resource_cleanup"),
        "AUTOMATIC"
    );
    let group = |name: &str| setting(&graph, "log_group.canary", name);
    assert_eq!(
        group("log_group_name"),
        "${canary.health.log_group_name}",
        "its name ends with an id"
    );
    assert_eq!(
        (group("kms_key_id"), group("retention_in_days")),
        (json!(KEY), json!(90))
    );
    assert_eq!(group("adopt_existing"), true);
}
