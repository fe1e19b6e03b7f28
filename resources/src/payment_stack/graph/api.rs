//! The REST API of one region: payments in, a health path, logs, the sender's key.

use serde_json::{Value, json};
use tap_engine::{Component, Key};

use super::super::config::API_KEY_VALUE;
use super::functions::Functions;
use super::keys::Purpose;
use super::names::named;
use super::site::Site;
use crate::composite::function::Deployed;
use crate::composite::rest_api::{self, Cors, RestApi, SenderKey, Validation};

/// What the rest needs of it.
pub(super) struct Api {
    pub(super) key: Key,
    pub(super) stage: Key,
    /// Where payments are posted to in this region.
    pub(super) url: String,
}

/// Whether the region has an API: all have one unless `api.regions` lists some.
pub(super) fn is_here(s: &Site<'_>) -> bool {
    is_in(s, s.region())
}

fn is_in(s: &Site<'_>, region: &str) -> bool {
    let listed = |regions: &Vec<String>| regions.iter().any(|r| r == region);
    s.p.api.enabled && s.p.processor.enabled && s.p.api.regions.as_ref().is_none_or(listed)
}

/// The first region with an API: the one that attributes without a region speak of.
pub(super) fn first<'a>(s: &Site<'a>) -> &'a str {
    let mut regions = s.places.iter().map(super::site::Place::region);
    regions
        .find(|region| is_in(s, region))
        .unwrap_or_else(|| s.primary().region())
}

pub(super) fn build(s: &mut Site<'_>, functions: &Functions) -> Option<Api> {
    let processor = functions.processor.as_ref().filter(|_| is_here(s))?;
    let a = &s.p.api;
    let api =
        s.b.component("rest_api", "payments")
            .set("name", s.names.api.as_str())
            .set("description", a.description.as_str())
            .set("endpoint_types", json!([a.endpoint_type]))
            .set(
                "disable_execute_api_endpoint",
                super::edge::closes_default_endpoint(s).then_some(true),
            )
            .set(
                "policy",
                a.resource_policy.as_deref().map(tap_engine::json::parse_document),
            );
    let mut rest = RestApi::new(&mut s.b, api);
    let resource = rest.path(&mut s.b, &a.path, "payments");
    let validation = a.request_validation.then(|| {
        let schema = body_schema(s);
        rest.validation(&mut s.b, "payment", "Payment", schema)
    });
    let method = post(s, &rest, &resource, processor, validation.as_ref());
    rest.serve(&mut s.b, method);
    if let Some(origins) = &a.cors.allow_origins {
        let cors = Cors {
            origins,
            methods: &a.cors.allow_methods,
            headers: &a.cors.allow_headers,
            max_age: a.cors.max_age,
        };
        rest.preflight(&mut s.b, &resource, &cors);
    }
    if !a.health_path.is_empty() {
        let resource = rest.path(&mut s.b, &a.health_path, "health");
        let method = health(s, &rest, &resource);
        rest.serve(&mut s.b, method);
    }
    rest.gateway_responses(&mut s.b, a.cors.allow_origins.as_deref());
    let callers = format!("{}/*/POST/{}", rest.key.output("execution_arn"), a.path);
    let permission = processor.permission(
        &s.b,
        "api",
        "AllowAPIGatewayInvoke",
        "apigateway.amazonaws.com",
        callers,
    );
    let permission = s.b.add(permission);
    let deployment = rest.deployment(&s.b).after(&permission);
    let deployment = s.b.add(deployment);
    let stage = stage(s, &rest, &deployment);
    if a.authorization == "api_key" {
        sender(s, &rest, &stage);
    }
    let url = format!("{}/{}", stage.output("invoke_url"), a.path);
    outputs(s, &rest, &url);
    Some(Api {
        key: rest.key,
        stage,
        url,
    })
}

/// What the processor takes: a flat payment, its id under one of three names, or one inside
/// `transaction` (8.1 row 17). The handler checks everything again, and more.
fn body_schema(s: &Site<'_>) -> Value {
    if let Some(own) = &s.p.api.request_schema_json {
        return tap_engine::json::parse_document(own);
    }
    let fields = &s.p.processor.required_fields;
    let others: Vec<&str> = fields
        .iter()
        .map(String::as_str)
        .filter(|f| *f != "transaction_id")
        .collect();
    let with = |id: &str| {
        let mut required = vec![id];
        required.extend(&others);
        json!({"required": required})
    };
    json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "Payment",
        "type": "object",
        "anyOf": [with("transaction_id"), with("payment_id"), with("id"), {"required": ["transaction"]}],
        "properties": {
            "transaction_id": {"type": "string", "minLength": 1, "maxLength": 128},
            "payment_id": {"type": "string", "minLength": 1, "maxLength": 128},
            "id": {"type": "string", "minLength": 1, "maxLength": 128},
            "amount": {"type": ["number", "string"]},
            "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
            "provider": {"type": "string", "minLength": 1, "maxLength": 64},
            "customer_id": {"type": "string", "minLength": 1, "maxLength": 128},
            "metadata": {"type": "object"},
            "transaction": {"type": "object"},
        },
    })
}

/// Proxy integration with the alias: statuses and headers are the handler's (N-01 to N-04, P-05, P-41).
fn post(
    s: &Site<'_>,
    rest: &RestApi,
    resource: &Key,
    processor: &Deployed,
    validation: Option<&Validation>,
) -> Component {
    let a = &s.p.api;
    let method = rest
        .method(&s.b, "post", resource, "POST")
        .set(
            "authorization",
            if a.authorization == "iam" { "AWS_IAM" } else { "NONE" },
        )
        .set("api_key_required", a.authorization == "api_key")
        .set(
            "integration",
            json!({
                "type": "AWS_PROXY",
                "integration_http_method": "POST",
                "uri": processor.invoke_arn(),
                "timeout_in_millis": a.integration_timeout_ms,
            }),
        );
    match validation {
        Some(validation) => validation.on(method),
        None => method,
    }
}

/// The path that health checks ask: open, answered by API Gateway itself.
fn health(s: &Site<'_>, rest: &RestApi, resource: &Key) -> Component {
    let body = json!({"status": "ok", "region": s.region()}).to_string();
    rest.method(&s.b, "health", resource, "GET")
        .set("authorization", "NONE")
        .set("api_key_required", false)
        .set(
            "integration",
            json!({"type": "MOCK", "request_templates": {"application/json": "{\"statusCode\": 200}"}}),
        )
        .set(
            "responses",
            json!([{
                "status_code": "200",
                "response_parameters": {"method.response.header.Cache-Control": false},
                "integration": {
                    "response_templates": {"application/json": body},
                    "response_parameters": {"method.response.header.Cache-Control": "'no-store'"},
                },
            }]),
        )
}

fn stage(s: &mut Site<'_>, rest: &RestApi, deployment: &Key) -> Key {
    let a = &s.p.api;
    let account = rest_api::account_role(&mut s.b, &a.manage_account_log_role);
    let access_log = a.access_log.enabled.then(|| {
        let group = s.log_group("api", &s.names.access_log());
        s.by_region("access_log_group_names", group.output("name"));
        let format = a
            .access_log
            .format_json
            .clone()
            .unwrap_or_else(rest_api::default_access_log);
        json!({"destination_arn": group.arn(), "format": format})
    });
    let stage =
        s.b.component("api_stage", "live")
            .set("rest_api_id", rest.key.id())
            .set("stage_name", a.stage_name.as_str())
            .set("deployment_id", deployment.output("deployment_id"))
            .set("xray_tracing_enabled", a.xray_tracing_enabled)
            .set(
                "method_settings",
                json!({
                    "metrics_enabled": a.metrics_enabled,
                    "data_trace_enabled": a.data_trace_enabled,
                    "logging_level": a.execution_log_level,
                    "throttling_rate_limit": a.throttle_rate_limit,
                    "throttling_burst_limit": a.throttle_burst_limit,
                }),
            )
            .set("access_log", access_log);
    let stage = account.iter().fold(stage, Component::after);
    s.b.add(stage)
}

/// The sender's key. It has the same value in every region, or a sender that fails over to another
/// region would be refused there.
fn sender(s: &mut Site<'_>, rest: &RestApi, stage: &Key) {
    let k = &s.p.api.api_key;
    let first = first(s);
    let secret = k.value_wo_version.map(|version| (API_KEY_VALUE, version));
    let copied = first != s.region() && secret.is_none();
    let original = copied.then(|| (first.to_owned(), Key::in_region(first, "api_key", "sender")));
    let parameter = if s.p.ssm.enabled {
        format!("{}api-key", super::parameters::prefix(s))
    } else {
        format!("/tap/payment_stack/{}/api-key", s.b.shared.environment_suffix)
    };
    let sender = SenderKey {
        name: named(&s.b, "api_key.sender", k.name.as_ref(), "payment-api-key"),
        plan: named(&s.b, "api_usage_plan.sender", None, "payment-usage-plan"),
        parameter: s.b.name("api_key_parameter.sender", Some(&parameter), ""),
        rate: k.throttle_rate_limit,
        burst: k.throttle_burst_limit,
        quota: (k.quota_limit > 0).then_some((k.quota_limit, k.quota_period.as_str())),
        kms_key: s.keys.arn(Purpose::Ssm).into(),
        same_as: original,
        secret,
    };
    let (key, parameter) = sender.build(&mut s.b, &rest.key, stage);
    s.by_region("api_key_ssm_parameters", parameter.output("name"));
    if s.region() == first {
        s.b.graph.output("api_key_id", key.id());
        s.b.graph.output("api_key_ssm_parameter", parameter.output("name"));
    }
}

fn outputs(s: &mut Site<'_>, rest: &RestApi, url: &str) {
    s.by_region("api_endpoint_urls", url);
    s.by_region("api_ids", rest.key.id());
    if s.region() != first(s) {
        return;
    }
    let endpoint = super::edge::public_url(s).unwrap_or_else(|| url.to_owned());
    s.b.graph.output("api_endpoint", endpoint);
    s.b.graph.output("api_id", rest.key.id());
    s.b.graph.output("api_name", s.names.api.as_str());
    s.b.graph.output("api_stage", s.p.api.stage_name.as_str());
}
