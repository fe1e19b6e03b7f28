use std::sync::Arc;

use serde_json::{Value, json};
use tap_acceptance_tests::Sandbox;
use tap_engine::{Change, Kind, Outputs, Settings};
use tap_resources::aws::api_account::ApiAccount;
use tap_resources::aws::api_deployment::ApiDeployment;
use tap_resources::aws::api_gateway_response::ApiGatewayResponse;
use tap_resources::aws::api_key::ApiKey;
use tap_resources::aws::api_key_parameter::ApiKeyParameter;
use tap_resources::aws::api_method::ApiMethod;
use tap_resources::aws::api_model::ApiModel;
use tap_resources::aws::api_request_validator::ApiRequestValidator;
use tap_resources::aws::api_resource::ApiResource;
use tap_resources::aws::api_stage::ApiStage;
use tap_resources::aws::api_usage_plan::ApiUsagePlan;
use tap_resources::aws::api_usage_plan_key::ApiUsagePlanKey;
use tap_resources::aws::rest_api::RestApi;
use tap_resources::aws::{Aws, AwsOptions};

use crate::support::{Life, REGION, aws, context, settings};

/// The kinds' clients for an account that the test looks into, too.
fn clients(account: &tap_acceptance_tests::Aws) -> Arc<Aws> {
    let config = account.sdk_config().clone();
    Arc::new(Aws::new(
        config,
        AwsOptions::default(),
        account.account().to_owned(),
        "aws".to_owned(),
    ))
}

/// An API for the children to live in; returns its id and that of its root resource.
async fn api(aws: &Arc<Aws>) -> (String, String) {
    let outputs = made(&RestApi(aws.clone()), "rest_api.parent", json!({"name": "parent"})).await;
    (outputs["id"].clone(), outputs["root_resource_id"].clone())
}

async fn made(kind: &dyn Kind, key: &str, desired: Value) -> Outputs {
    let mut desired = settings(desired);
    if kind.spec().taggable {
        let tags = json!({"tap:stack": "webhook_pipeline/test", "tap:component": key});
        desired.insert("tags".to_owned(), tags);
    }
    kind.create(&context(key), &desired)
        .await
        .unwrap_or_else(|e| panic!("create {key}: {e}"))
}

#[tokio::test]
async fn rest_api() {
    let sandbox = Sandbox::start().await.unwrap();
    let policy = |path: &str| {
        json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": path}]})
    };
    Life {
        kind: &RestApi(aws(&sandbox)),
        key: "rest_api.webhooks",
        desired: json!({
            "name": "webhooks-test", "description": "Payments", "endpoint_types": ["REGIONAL"],
            "minimum_compression_size": 1024, "policy": policy("execute-api:/*"),
        }),
        // Patches of typed members are proven by unit tests: ministack stores their text as it came.
        edits: vec![
            json!({"name": "webhooks-renamed", "description": "Payments, renamed"}),
            json!({"policy": policy("execute-api:/prod/*")}),
            json!({"description": null}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

#[tokio::test]
async fn parts_of_an_api() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let (api, root) = api(&aws).await;
    Life {
        kind: &ApiResource(aws.clone()),
        key: "api_resource.webhooks",
        desired: json!({"rest_api_id": api, "parent_id": root, "path_part": "webhooks"}),
        edits: vec![],
        not_shown: &[],
    }
    .lived()
    .await;
    Life {
        kind: &ApiModel(aws.clone()),
        key: "api_model.payment",
        desired: json!({
            "rest_api_id": api, "name": "Payment", "content_type": "application/json",
            "schema": {"type": "object", "required": ["id"]}, "description": "A payment",
        }),
        edits: vec![
            json!({"schema": {"type": "object", "required": ["id", "amount"]}}),
            json!({"description": null}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
    Life {
        kind: &ApiRequestValidator(aws.clone()),
        key: "api_request_validator.body",
        desired: json!({"rest_api_id": api, "name": "body", "validate_request_body": true}),
        edits: vec![
            json!({"validate_request_parameters": true}),
            json!({"validate_request_body": false}),
            json!({"validate_request_body": null}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
    Life {
        kind: &ApiGatewayResponse(aws.clone()),
        key: "api_gateway_response.bad_body",
        desired: json!({"rest_api_id": api, "response_type": "BAD_REQUEST_BODY"}),
        edits: vec![
            json!({"status_code": 422, "response_templates": {"application/json": "{\"error\":\"$context.error.validationErrorString\"}"}}),
            json!({"response_parameters": {"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"}}),
            json!({"status_code": null, "response_templates": null}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

#[tokio::test]
async fn api_method() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let (api, root) = api(&aws).await;
    let proxy = |function: &str| {
        json!({"type": "AWS_PROXY", "integration_http_method": "POST", "timeout_in_millis": 10_000,
               "uri": format!("arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations")})
    };
    Life {
        kind: &ApiMethod(aws.clone()),
        key: "api_method.post",
        desired: json!({
            "rest_api_id": api, "resource_id": root, "http_method": "POST", "authorization": "NONE",
            "api_key_required": true, "integration": proxy("validator"),
        }),
        edits: vec![
            json!({"integration": proxy("validator:live")}),
            json!({"request_models": {"application/json": "Payment"},
                   "request_parameters": {"method.request.header.X-Signature": true}}),
            json!({"api_key_required": null, "request_parameters": null}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
    let preflight = json!([{
        "status_code": "204",
        "response_parameters": {"method.response.header.Access-Control-Allow-Origin": true},
        "integration": {"response_parameters": {"method.response.header.Access-Control-Allow-Origin": "'*'"}},
    }]);
    let both = json!([
        {"status_code": 400, "integration": {"selection_pattern": ".*error.*", "response_templates": {"application/json": ""}}},
        {"status_code": "200", "response_models": {"application/json": "Empty"}, "integration": {}},
    ]);
    Life {
        kind: &ApiMethod(aws.clone()),
        key: "api_method.options",
        desired: json!({
            "rest_api_id": api, "resource_id": root, "http_method": "OPTIONS", "authorization": "NONE",
            "integration": {"type": "MOCK", "request_templates": {"application/json": "{\"statusCode\": 204}"}},
            "responses": preflight,
        }),
        edits: vec![json!({"responses": both}), json!({"responses": null})],
        not_shown: &[],
    }
    .lived()
    .await;
}

/// A `GET /` that answers 200 to whoever has a key, deployed.
async fn deployed(aws: &Arc<Aws>, api: &str, root: &str) -> Outputs {
    let method = json!({
        "rest_api_id": api, "resource_id": root, "http_method": "GET", "authorization": "NONE",
        "api_key_required": true,
        "integration": {"type": "MOCK", "request_templates": {"application/json": "{\"statusCode\": 200}"}},
        "responses": [{"status_code": "200", "integration": {}}],
    });
    made(&ApiMethod(aws.clone()), "api_method.get", method).await;
    let deployment = json!({"rest_api_id": api, "content_hash": "aaaa"});
    made(&ApiDeployment(aws.clone()), "api_deployment.this", deployment).await
}

#[tokio::test]
async fn api_deployment_and_stage() {
    let sandbox = Sandbox::start().await.unwrap();
    let aws = aws(&sandbox);
    let (api, root) = api(&aws).await;
    let first = deployed(&aws, &api, &root).await;

    let snapshot = json!({"rest_api_id": api, "content_hash": "bbbb", "description": "Second"});
    let life = Life {
        kind: &ApiDeployment(aws.clone()),
        key: "api_deployment.second",
        desired: snapshot,
        edits: vec![json!({"description": "The second"}), json!({"description": null})],
        not_shown: &[],
    };
    let (second, wanted) = life.born().await;
    let mut replacing = context("api_deployment.second");
    replacing.known_ids = vec![second.clone()];
    assert_eq!(
        ApiDeployment(aws.clone()).find(&replacing, &wanted).await.unwrap(),
        None,
        "known already"
    );
    life.dies(&second, &wanted).await;
    life.lived().await;

    let deployment = made(
        &ApiDeployment(aws.clone()),
        "api_deployment.third",
        json!({"rest_api_id": api, "content_hash": "cccc"}),
    )
    .await;
    let log = |format: &str| {
        json!({"destination_arn": format!("arn:aws:logs:{REGION}:{}:log-group:access", aws.account_id()),
               "format": format!("{{\"id\":\"$context.requestId\",{format}}}")})
    };
    Life {
        kind: &ApiStage(aws.clone()),
        key: "api_stage.prod",
        desired: json!({
            "rest_api_id": api, "stage_name": "prod", "deployment_id": first["deployment_id"],
            "xray_tracing_enabled": true, "access_log": log("\"s\":\"$context.status\""),
            "method_settings": {"logging_level": "INFO", "metrics_enabled": true, "throttling_rate_limit": 1000.5, "throttling_burst_limit": 2000},
            "variables": {"alias": "live"},
        }),
        edits: vec![
            json!({"deployment_id": deployment["deployment_id"], "description": "Production"}),
            json!({"access_log": log("\"p\":\"$context.path\""), "xray_tracing_enabled": null}),
            json!({"method_settings": {"logging_level": "ERROR"}, "variables": {"color": "blue"}}),
            json!({"access_log": null, "method_settings": null, "variables": null, "description": null}),
        ],
        not_shown: &[],
    }
    .lived()
    .await;
}

#[tokio::test]
async fn api_key_usage_plan_and_parameter() {
    let sandbox = Sandbox::start().await.unwrap();
    let account = sandbox.aws();
    let aws = clients(&account);
    let (api, root) = api(&aws).await;
    let deployment = deployed(&aws, &api, &root).await;
    let stage = json!({"rest_api_id": api, "stage_name": "prod", "deployment_id": deployment["deployment_id"]});
    made(&ApiStage(aws.clone()), "api_stage.prod", stage).await;

    let key = Life {
        kind: &ApiKey(aws.clone()),
        key: "api_key.client",
        desired: json!({"name": "client-test", "description": "For the shop"}),
        edits: vec![json!({"name": "client-renamed"}), json!({"description": null})],
        not_shown: &[],
    };
    key.lived().await;
    let key = made(&ApiKey(aws.clone()), "api_key.client", json!({"name": "client-test"})).await;

    let plan_settings = json!({
        "name": "plan-test", "api_stages": [{"api_id": api, "stage": "prod"}],
        "throttle": {"rate_limit": 1000, "burst_limit": 2000}, "quota": {"limit": 1_000_000, "period": "DAY"},
    });
    let plan = Life {
        kind: &ApiUsagePlan(aws.clone()),
        key: "api_usage_plan.clients",
        desired: plan_settings,
        edits: vec![],
        not_shown: &[],
    };
    let (plan, _) = plan.born().await;
    let place = Life {
        kind: &ApiUsagePlanKey(aws.clone()),
        key: "api_usage_plan_key.client",
        desired: json!({"usage_plan_id": plan, "key_id": key["id"]}),
        edits: vec![],
        not_shown: &[],
    };
    let (place_id, place_settings) = place.born().await;

    let parameter = Life {
        kind: &ApiKeyParameter(aws.clone()),
        key: "api_key_parameter.client",
        desired: json!({"name": "/payment/test/api-key", "api_key_id": key["id"]}),
        edits: vec![
            json!({"description": "The shop's key", "kms_key_id": "alias/payments"}),
            json!({"tags": {"team": "core", "tap:stack": "webhook_pipeline/test", "tap:component": "api_key_parameter.client"}}),
        ],
        not_shown: &[],
    };
    let (parameter_id, parameter_settings) = parameter.born().await;
    let ssm = account.ssm();
    let value = ssm
        .get_parameter()
        .name(&parameter_id)
        .with_decryption(true)
        .send()
        .await
        .unwrap();
    let value = value.parameter.unwrap().value.unwrap();
    let call = |key: Option<String>| {
        let request = account.api_request(http::Method::GET, &api, "prod", "/");
        let request = if let Some(key) = key {
            request.api_key(&key)
        } else {
            request
        };
        async move { request.send().await.unwrap().status }
    };
    assert_eq!(
        call(Some(value.clone())).await,
        200,
        "the value in the parameter opens the API"
    );
    assert_eq!(call(None).await, 403);
    let shown = format!(
        "{:?}",
        parameter
            .kind
            .read(&context(parameter.key), &parameter_id, &parameter_settings)
            .await
    );
    assert!(!shown.contains(&value), "the key's value is readable through the kind");

    parameter.dies(&parameter_id, &parameter_settings).await;
    parameter.lived().await;
    place.dies(&place_id, &place_settings).await;
}

#[tokio::test]
async fn api_account_keeps_a_role_of_others_and_replaces_one_that_is_gone() {
    let sandbox = Sandbox::start().await.unwrap();
    let account = sandbox.aws();
    let aws = clients(&account);
    let role = async |name: &str| {
        let trust = r#"{"Version":"2012-10-17","Statement":[]}"#;
        let request = account
            .iam()
            .create_role()
            .role_name(name)
            .assume_role_policy_document(trust);
        request.send().await.unwrap().role.unwrap().arn
    };
    let set = async || {
        let answer = aws.apigateway(REGION).get_account().send().await.unwrap();
        answer.cloudwatch_role_arn
    };
    let kind = ApiAccount(aws.clone());
    let cx = context("api_account.this");
    let (others, ours) = (role("others").await, role("ours").await);
    let wanted = settings(json!({"cloudwatch_role_arn": ours}));

    assert_eq!(kind.find(&cx, &wanted).await.unwrap(), None);
    let outputs = kind
        .create(&cx, &settings(json!({"cloudwatch_role_arn": others})))
        .await
        .unwrap();
    assert_eq!(outputs["id"], REGION);
    assert_eq!(set().await.as_deref(), Some(others.as_str()));

    // Somebody's role is there: it stays, and that is no drift.
    kind.create(&cx, &wanted).await.unwrap();
    assert_eq!(set().await.as_deref(), Some(others.as_str()));
    let seen = kind.read(&cx, REGION, &wanted).await.unwrap().unwrap().settings;
    assert_eq!(seen.get("cloudwatch_role_arn"), Some(&json!(ours)));

    // Once that role is deleted it shows as not set, and an update takes its place.
    account.iam().delete_role().role_name("others").send().await.unwrap();
    let seen = kind.read(&cx, REGION, &wanted).await.unwrap().unwrap().settings;
    assert_eq!(seen.get("cloudwatch_role_arn"), None);
    let changed = ["cloudwatch_role_arn".to_owned()];
    let change = Change {
        before: &Settings::new(),
        after: &wanted,
        changed: &changed,
        outputs: &outputs,
    };
    kind.update(&cx, REGION, &change).await.unwrap();
    assert_eq!(set().await.as_deref(), Some(ours.as_str()));

    // `always` takes over; delete leaves the account as it is.
    let third = role("third").await;
    let always = settings(json!({"cloudwatch_role_arn": third, "mode": "always"}));
    kind.create(&cx, &always).await.unwrap();
    kind.delete(&cx, REGION, &always).await.unwrap();
    assert_eq!(set().await.as_deref(), Some(third.as_str()));
}

#[tokio::test]
async fn api_account_makes_the_accounts_own_role_and_leaves_it() {
    let sandbox = Sandbox::start().await.unwrap();
    let account = sandbox.aws();
    let aws = clients(&account);
    let kind = ApiAccount(aws.clone());
    let wanted = settings(json!({"role_name": "tap-api-gateway-logs", "mode": "if_absent"}));
    for stack in ["first", "second"] {
        let cx = context("api_account.logs");
        kind.create(&cx, &wanted)
            .await
            .unwrap_or_else(|e| panic!("{stack}: {e}"));
    }
    let read = async || {
        kind.read(&context("api_account.logs"), REGION, &wanted)
            .await
            .unwrap()
            .unwrap()
            .settings
    };
    assert_eq!(read().await.get("role_name"), Some(&json!("tap-api-gateway-logs")));
    kind.delete(&context("api_account.logs"), REGION, &wanted)
        .await
        .unwrap();
    assert_eq!(
        read().await.get("role_name"),
        Some(&json!("tap-api-gateway-logs")),
        "other stacks log with it"
    );

    // Deleted by hand it shows as drift, and the next apply makes it again.
    let policy = "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs";
    account
        .iam()
        .detach_role_policy()
        .role_name("tap-api-gateway-logs")
        .policy_arn(policy)
        .send()
        .await
        .unwrap();
    account
        .iam()
        .delete_role()
        .role_name("tap-api-gateway-logs")
        .send()
        .await
        .unwrap();
    assert_eq!(read().await.get("role_name"), None);
    let changed = ["role_name".to_owned()];
    let change = Change {
        before: &Settings::new(),
        after: &wanted,
        changed: &changed,
        outputs: &Outputs::new(),
    };
    kind.update(&context("api_account.logs"), REGION, &change)
        .await
        .unwrap();
    assert_eq!(read().await.get("role_name"), Some(&json!("tap-api-gateway-logs")));
}
