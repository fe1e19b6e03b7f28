//! The REST API: route, model, key, stage, logs, WAF.

use serde_json::{Value, json};
use tap_engine::{Component, Key};

use super::Stack;
use super::data::Data;
use super::functions::Functions;
use crate::composite::rest_api::{self, Cors, RestApi, SenderKey, Validation};
use crate::composite::waf::{self, WebAcl};

/// What the rest needs of it.
pub(super) struct Api {
    pub(super) name: String,
}

pub(super) fn access_log_group(s: &Stack<'_>) -> String {
    format!("/aws/apigateway/{}", name(s))
}

pub(super) fn waf_log_group(s: &Stack<'_>) -> String {
    format!("aws-waf-logs-{}", waf_name(s))
}

fn name(s: &Stack<'_>) -> String {
    s.b.name("rest_api.webhook", s.p.api.name.as_ref(), "webhook-api")
}

fn waf_name(s: &Stack<'_>) -> String {
    s.b.name("wafv2_web_acl.api", s.p.api.waf.name.as_ref(), "webhook-api-waf")
}

pub(super) fn build(s: &mut Stack<'_>, data: &Data, functions: &Functions) -> Api {
    let a = s.p.api.clone();
    let name = name(s);
    let api =
        s.b.component("rest_api", "webhook")
            .set("name", name.as_str())
            .set("description", "Webhook processing API for transaction notifications")
            .set("endpoint_types", json!([a.endpoint_type]));
    let mut rest = RestApi::new(&mut s.b, api);
    let api = rest.key.clone();
    let resource = rest.path(&mut s.b, &a.path, "webhook");
    let validation = a
        .request_validation
        .then(|| rest.validation(&mut s.b, "transaction", "TransactionWebhook", body_schema()));
    let method = post(s, &rest, &resource, functions, validation);
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
    rest.gateway_responses(&mut s.b, a.cors.allow_origins.as_deref());
    let permission = functions.validator.permission(
        &s.b,
        "api",
        "AllowAPIGatewayInvoke",
        "apigateway.amazonaws.com",
        format!("{}/*/POST/{}", api.output("execution_arn"), a.path),
    );
    let permission = s.b.add(permission);
    let deployment = rest.deployment(&s.b).after(&permission);
    let deployment = s.b.add(deployment);
    let stage = stage(s, data, &api, &deployment);
    if a.authorization == "api_key" {
        api_key(s, data, &api, &stage);
    }
    if a.waf.enabled {
        web_acl(s, data, &stage);
    }
    s.b.graph.output("api_id", api.id());
    s.b.graph.output("api_name", name.as_str());
    s.b.graph.output("api_stage", a.stage_name.as_str());
    s.b.graph
        .output("webhook_url", format!("{}/{}", stage.output("invoke_url"), a.path));
    Api { name }
}

/// The body's JSON schema; the handler checks everything again, and more.
fn body_schema() -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "TransactionWebhook",
        "type": "object",
        "required": ["transaction_id", "amount", "currency", "provider", "customer_id"],
        "properties": {
            "transaction_id": {"type": "string", "minLength": 1, "maxLength": 128},
            "amount": {"type": ["number", "string"]},
            "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
            "provider": {"type": "string", "minLength": 1, "maxLength": 64},
            "customer_id": {"type": "string", "minLength": 1, "maxLength": 128},
            "metadata": {"type": "object"},
        },
    })
}

fn post(
    s: &Stack<'_>,
    rest: &RestApi,
    resource: &Key,
    functions: &Functions,
    validation: Option<Validation>,
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
                "uri": functions.validator.invoke_arn(),
                "timeout_in_millis": 29000,
            }),
        );
    match validation {
        Some(validation) => validation.on(method),
        None => method,
    }
}

fn stage(s: &mut Stack<'_>, data: &Data, api: &Key, deployment: &Key) -> Key {
    let a = s.p.api.clone();
    let account = rest_api::account_role(&mut s.b, &a.manage_account_log_role);
    let mut stage =
        s.b.component("api_stage", "live")
            .set("rest_api_id", api.id())
            .set("stage_name", a.stage_name.as_str())
            .set("deployment_id", deployment.output("deployment_id"))
            .set("xray_tracing_enabled", a.xray_tracing_enabled)
            .set(
                "method_settings",
                json!({
                    "metrics_enabled": true,
                    "data_trace_enabled": false,
                    "logging_level": "ERROR",
                    "throttling_rate_limit": a.throttle_rate_limit,
                    "throttling_burst_limit": a.throttle_burst_limit,
                }),
            );
    let group_name = access_log_group(s);
    let group = super::functions::log_group(s, &data.encryption, "api", &group_name);
    if a.access_log.enabled {
        let format = a
            .access_log
            .format_json
            .clone()
            .unwrap_or_else(rest_api::default_access_log);
        stage = stage.set("access_log", json!({"destination_arn": group.arn(), "format": format}));
    }
    if let Some(account) = account {
        stage = stage.after(&account);
    }
    s.b.add(stage)
}

fn api_key(s: &mut Stack<'_>, data: &Data, api: &Key, stage: &Key) {
    let a = s.p.api.clone();
    let parameter = format!("/tap/webhook_pipeline/{}/api-key", s.b.shared.environment_suffix);
    let sender = SenderKey {
        name: s.b.name("api_key.sender", None, "webhook-api-key"),
        plan: s.b.name("api_usage_plan.sender", None, "webhook-usage-plan"),
        parameter: s.b.name("api_key_parameter.sender", Some(&parameter), ""),
        rate: a.throttle_rate_limit,
        burst: a.throttle_burst_limit,
        quota: a.quota_limit.map(|limit| (limit, a.quota_period.as_str())),
        kms_key: data.encryption.arn_if(true),
        same_as: None,
        secret: None,
    };
    let (key, parameter) = sender.build(&mut s.b, api, stage);
    s.b.graph.output("api_key_id", key.id());
    s.b.graph.output("api_key_ssm_parameter", parameter.output("name"));
}

fn web_acl(s: &mut Stack<'_>, data: &Data, stage: &Key) {
    let w = s.p.api.waf.clone();
    let name = waf_name(s);
    let listed = waf::listed(&mut s.b, &name, w.allow_ip_cidrs.as_deref().unwrap_or_default());
    let known = (w.default_action == "block" && !listed.is_null()).then(|| waf::allow_listed(&listed));
    let acl = WebAcl {
        name,
        default_action: &w.default_action,
        rate_limit: w.rate_limit,
        window: w.evaluation_window_sec,
        managed: &w.managed_rule_groups,
        first: known.into_iter().collect(),
        rate_scope: waf::all_but(&listed),
    };
    let acl = acl.build(&mut s.b, stage);
    if w.logging {
        let group_name = waf_log_group(s);
        let group = super::functions::log_group(s, &data.encryption, "waf", &group_name);
        waf::log(&mut s.b, &acl, &group);
    }
}
