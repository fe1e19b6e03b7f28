//! What `docs/differences-payment-stack.md` says of the whole stack rather than of one object.

use super::*;

/// Occurs in nothing but names.
const SUFFIX: &str = "q7z";

fn every_preset() -> Vec<Graph> {
    let suffix = || json!({"environment_suffix": SUFFIX});
    let mut all = vec![graph(suffix())];
    all.extend(["global", "notification", "multi_region"].map(|name| preset(name, suffix())));
    all
}

fn options(graph: &Graph) -> Option<&tap_engine::Component> {
    let methods = of_kind(graph, "api_method").into_iter();
    methods
        .into_iter()
        .find(|method| method.settings["http_method"] == "OPTIONS")
}

/// The handler's part: `n04_every_answer_can_be_read_by_the_origins_listed_and_no_other`.
#[test]
fn n04_browsers_get_a_preflight_and_can_read_the_gateways_refusals() {
    let origins = ["https://shop.example", "https://till.example"];
    let open = graph(json!({"api": {"cors": {"allow_origins": origins}}}));
    let preflight = &options(&open).unwrap().settings;
    assert_eq!(
        (
            &preflight["authorization"],
            &preflight["api_key_required"],
            &preflight["integration"]["type"]
        ),
        (&json!("NONE"), &json!(false), &json!("MOCK"))
    );
    let post = setting(&open, "eu-central-1/api_method.post", "resource_id");
    assert_eq!(
        &preflight["resource_id"], post,
        "at the path that is called, not at `/`"
    );
    let answer = &preflight["responses"][0]["integration"]["response_parameters"];
    let header = |name: &str| answer[format!("method.response.header.Access-Control-{name}")].clone();
    assert_eq!(header("Allow-Origin"), "'https://shop.example'");
    let template = &preflight["responses"][0]["integration"]["response_templates"]["application/json"];
    let template = template.as_str().unwrap();
    assert!(
        template.contains("$origin == \"https://shop.example\" || $origin == \"https://till.example\"")
            && template.contains("$context.responseOverride.header.Access-Control-Allow-Origin = $origin"),
        "{template}"
    );
    let one = graph(json!({"api": {"cors": {"allow_origins": ["https://shop.example"]}}}));
    let integration = &options(&one).unwrap().settings["responses"][0]["integration"];
    assert!(integration.get("response_templates").is_none(), "a constant will do");
    assert_eq!(header("Allow-Methods"), "'POST,OPTIONS'");
    assert_eq!(header("Allow-Headers"), "'Content-Type,X-Api-Key,Idempotency-Key'");
    let variables = setting(&open, "eu-central-1/lambda_function.processor", "environment");
    assert_eq!(variables["CORS_ALLOW_ORIGINS"], origins.join(","));
    let refusals = of_kind(&open, "api_gateway_response");
    assert_eq!(refusals.len(), 3);
    for refusal in refusals {
        let headers = &refusal.settings["response_parameters"];
        assert_eq!(
            headers["gatewayresponse.header.Access-Control-Allow-Origin"], "'https://shop.example'",
            "{}",
            refusal.key
        );
    }
    let deployment = |graph: &Graph| setting(graph, "eu-central-1/api_deployment.current", "content_hash").clone();
    let closed = graph(json!({}));
    assert_ne!(deployment(&open), deployment(&closed));
    assert!(options(&closed).is_none());
    let variables = setting(&closed, "eu-central-1/lambda_function.processor", "environment");
    assert!(variables.get("CORS_ALLOW_ORIGINS").is_none());
    let headers = |c: &&tap_engine::Component| c.settings.contains_key("response_parameters");
    assert!(!of_kind(&closed, "api_gateway_response").iter().any(headers));
}

/// stores are closed to the public, in every region; the API is what is open, and that by its own rules.
#[test]
fn r05_p22_no_bucket_is_public() {
    let mut buckets = 0;
    for graph in every_preset() {
        for bucket in of_kind(&graph, "s3_bucket") {
            buckets += 1;
            assert_eq!(bucket.settings["public_access_block"], true, "{}", bucket.key);
            assert_eq!(
                bucket.settings["object_ownership"], "BucketOwnerEnforced",
                "{}",
                bucket.key
            );
            let statements = bucket.settings["policy"]["Statement"].as_array().unwrap();
            let open = |s: &&Value| s["Effect"] == "Allow" && s["Principal"] == "*";
            assert!(!statements.iter().any(|s| open(&s)), "{}", bucket.key);
        }
    }
    assert_eq!(buckets, 6, "one here, two of `global`, three of `multi_region`");
}

/// two environments in one account never meet. Objects without a name of their own carry their parent's.
#[test]
fn r09_every_name_has_the_suffix() {
    let named = [
        "alarm_name",
        "bucket",
        "dashboard_name",
        "filter_name",
        "function_name",
        "log_group_name",
        "name",
        "role_name",
        "table_name",
    ];
    // Names that are one API's, one function's or one log group's, what the zone calls itself, and the role that all stacks share
    //
    let inner = [
        "api_account",
        "api_model",
        "api_request_validator",
        "lambda_alias",
        "metric_filter",
        "route53_record",
    ];
    for graph in every_preset() {
        let mut names = 0;
        for component in graph.components.values().filter(|c| !inner.contains(&c.kind.as_str())) {
            for name in named.iter().filter_map(|name| component.settings.get(*name)) {
                let name = name.as_str().unwrap();
                names += 1;
                assert!(
                    name.contains(SUFFIX) || name.contains("${"),
                    "{}: {name}",
                    component.key
                );
            }
        }
        assert!(names > 30, "{names}");
    }
}

/// R-17, N-38: the environment is the suffix; tags are the user's, and nobody else's.
#[test]
fn r17_n38_the_environment_is_the_suffix_and_no_tag_is_made_up() {
    for graph in every_preset() {
        for function in of_kind(&graph, "lambda_function") {
            assert_eq!(
                function.settings["environment"]["ENVIRONMENT"], SUFFIX,
                "{}",
                function.key
            );
        }
        for component in graph.components.values() {
            assert!(!component.settings.contains_key("tags"), "{}", component.key);
        }
    }
}

/// N-32, X-04: every function's log group is the stack's own, made before it, taken over where it is there already; no function is
/// there to set a retention. R-18: 90 days unless the preset is a seed's.
#[test]
fn n32_r18_x04_log_groups_are_components_with_retention() {
    for graph in every_preset() {
        let groups = of_kind(&graph, "log_group");
        for function in of_kind(&graph, "lambda_function") {
            let name = format!("/aws/lambda/{}", function.settings["function_name"].as_str().unwrap());
            let own = |group: &&&tap_engine::Component| {
                group.region == function.region && group.settings["log_group_name"] == name.as_str()
            };
            let group = groups.iter().find(own).unwrap_or_else(|| panic!("no {name}"));
            let dependencies = function.dependencies();
            assert!(dependencies.contains(&group.key), "{} is made first", group.key);
        }
        for group in groups {
            let days = group.settings["retention_in_days"].as_i64().unwrap();
            assert!(days >= 7 && group.settings["adopt_existing"] == true, "{}", group.key);
        }
    }
    let plain = graph(json!({}));
    assert!(
        of_kind(&plain, "log_group")
            .iter()
            .all(|group| group.settings["retention_in_days"] == 90)
    );
}

/// N-29: what a layer held is in the binary.
#[test]
fn n29_functions_have_no_layer_unless_asked() {
    for graph in every_preset() {
        assert!(of_kind(&graph, "lambda_layer_version").is_empty());
        for function in of_kind(&graph, "lambda_function") {
            assert!(!function.settings.contains_key("layers"), "{}", function.key);
        }
    }
}

/// P-02: AWS's name of it is `MaximumEventAgeInSeconds`.
#[test]
fn p02_events_are_given_up_after_the_age_that_was_set() {
    let age = |more: Value| {
        let graph = preset("multi_region", more);
        setting(&graph, "eu-west-1/event_target.failover_forward", "retry_policy").clone()
    };
    let seed = json!({"maximum_event_age_in_seconds": 3600, "maximum_retry_attempts": 3});
    assert_eq!(age(json!({})), seed);
    let own = json!({"event_failover": {"retry_policy": {"max_age_seconds": 600}}});
    assert_eq!(age(own)["maximum_event_age_in_seconds"], 600);
}

/// P-31: the API calls the function; a workflow is there where it was asked for, and events start it.
#[test]
fn p31_workflows_are_used_or_not_there() {
    let plain = graph(json!({}));
    assert!(of_kind(&plain, "state_machine").is_empty());
    let seed = preset("multi_region", json!({}));
    let machines: BTreeSet<String> = of_kind(&seed, "state_machine").iter().map(|m| m.key.arn()).collect();
    let targets = of_kind(&seed, "event_target").into_iter();
    let started: BTreeSet<String> = targets
        .filter_map(|target| target.settings["arn"].as_str())
        .filter(|arn| machines.contains(*arn))
        .map(ToOwned::to_owned)
        .collect();
    assert_eq!((machines.len(), &started), (3, &machines));
}

/// P-33: one item per partition finds nothing but an exact instant.
#[test]
fn p33_no_index_has_the_time_as_partition_key() {
    for graph in every_preset() {
        let indexes = setting(&graph, "dynamodb_table.payments", "global_secondary_indexes");
        let indexes = indexes.as_array().unwrap();
        assert!(!indexes.is_empty());
        for index in indexes {
            let key = index["hash_key"]["name"]
                .as_str()
                .or(index["hash_key"].as_str())
                .unwrap();
            assert!(!key.to_lowercase().contains("time"), "{index}");
        }
    }
}

/// nothing that holds data goes unless somebody has said so.
#[test]
fn x05_nothing_is_destroyed_by_default() {
    for graph in every_preset() {
        for bucket in of_kind(&graph, "s3_bucket") {
            assert!(!bucket.settings.contains_key("force_destroy"), "{}", bucket.key);
        }
        for table in of_kind(&graph, "dynamodb_table") {
            assert_eq!(table.settings["deletion_protection_enabled"], true, "{}", table.key);
        }
        for key in of_kind(&graph, "kms_key") {
            assert_eq!(key.settings["deletion_window_in_days"], 30, "{}", key.key);
        }
    }
}
