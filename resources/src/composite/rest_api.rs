//! What the REST APIs of the composites have in common: a route, validation, CORS, the gateway's own
//! answers, the deployment that follows every change, logs, the sender's key.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tap_engine::{Component, Key};

use super::Builder;

/// Keys of 2.2 and three more, which tell a slow or failing integration apart.
pub fn default_access_log() -> String {
    json!({
        "requestId": "$context.requestId",
        "ip": "$context.identity.sourceIp",
        "requestTime": "$context.requestTime",
        "httpMethod": "$context.httpMethod",
        "resourcePath": "$context.resourcePath",
        "status": "$context.status",
        "protocol": "$context.protocol",
        "responseLength": "$context.responseLength",
        "integrationStatus": "$context.integration.status",
        "responseLatency": "$context.responseLatency",
        "errorMessage": "$context.error.message",
    })
    .to_string()
}

/// A REST API under construction: remembers what it serves.
pub struct RestApi {
    /// The API.
    pub key: Key,
    served: Vec<Key>,
    /// Paths that have a resource already.
    paths: BTreeMap<String, Key>,
}

/// A body that is checked before the function is called: validator and model.
pub struct Validation {
    validator: Key,
    model: Key,
}

/// How browsers may call.
pub struct Cors<'a> {
    /// Allowed origins.
    pub origins: &'a [String],
    /// Allowed methods.
    pub methods: &'a [String],
    /// Allowed headers.
    pub headers: &'a [String],
    /// Seconds that a browser remembers the answer.
    pub max_age: i64,
}

impl RestApi {
    /// Adds the API itself.
    pub fn new(b: &mut Builder<'_>, api: Component) -> Self {
        Self {
            key: b.add(api),
            served: Vec::new(),
            paths: BTreeMap::new(),
        }
    }

    /// Adds something that the API serves.
    pub fn serve(&mut self, b: &mut Builder<'_>, component: Component) -> Key {
        let key = b.add(component);
        self.served.push(key.clone());
        key
    }

    /// One component per path segment that there is none of yet; the last one, named like `key`,
    /// carries the methods.
    pub fn path(&mut self, b: &mut Builder<'_>, path: &str, key: &str) -> Key {
        let mut parent = self.key.output("root_resource_id");
        let mut last = None;
        let segments: Vec<&str> = path.split('/').collect();
        for (depth, segment) in segments.iter().enumerate() {
            let name = if depth + 1 == segments.len() {
                key.to_owned()
            } else {
                format!("{key}_parent_{depth}")
            };
            let so_far = segments[..=depth].join("/");
            if let Some(known) = self.paths.get(&so_far) {
                parent = known.output("resource_id");
                last = Some(known.clone());
                continue;
            }
            let resource = b
                .component("api_resource", &name)
                .set("rest_api_id", self.key.id())
                .set("parent_id", parent)
                .set("path_part", *segment);
            let added = self.serve(b, resource);
            parent = added.output("resource_id");
            self.paths.insert(so_far, added.clone());
            last = Some(added);
        }
        last.unwrap_or_else(|| self.key.clone())
    }

    /// A model of the body, and the validator that holds requests against it.
    pub fn validation(&mut self, b: &mut Builder<'_>, key: &str, title: &str, schema: Value) -> Validation {
        let model = b
            .component("api_model", key)
            .set("rest_api_id", self.key.id())
            .set("name", title)
            .set("content_type", "application/json")
            .set("schema", schema);
        let validator = b
            .component("api_request_validator", "body")
            .set("rest_api_id", self.key.id())
            .set("name", "body")
            .set("validate_request_body", true)
            .set("validate_request_parameters", false);
        Validation {
            validator: self.serve(b, validator),
            model: self.serve(b, model),
        }
    }

    /// A method without integration, key or validation yet.
    pub fn method(&self, b: &Builder<'_>, key: &str, resource: &Key, verb: &str) -> Component {
        b.component("api_method", key)
            .set("rest_api_id", self.key.id())
            .set("resource_id", resource.output("resource_id"))
            .set("http_method", verb)
    }

    /// The answer to browsers' preflight requests, given by API Gateway itself. Its headers are constants and name the first
    /// origin; where there are several, a template names the caller's, if it is one of them (N-04).
    pub fn preflight(&mut self, b: &mut Builder<'_>, resource: &Key, cors: &Cors<'_>) -> Key {
        let values = [
            (
                "Access-Control-Allow-Origin",
                cors.origins.first().cloned().unwrap_or_default(),
            ),
            ("Access-Control-Allow-Methods", cors.methods.join(",")),
            ("Access-Control-Allow-Headers", cors.headers.join(",")),
            ("Access-Control-Max-Age", cors.max_age.to_string()),
        ];
        let headers = |value: &dyn Fn(&str) -> Value| -> Value {
            let named = values
                .iter()
                .map(|(name, text)| (format!("method.response.header.{name}"), value(text)));
            named.collect::<Map<_, _>>().into()
        };
        let mut integration = json!({"response_parameters": headers(&|text| json!(format!("'{text}'")))});
        if cors.origins.len() > 1 {
            integration["response_templates"] = json!({"application/json": callers_origin(cors.origins)});
        }
        let method = self
            .method(b, "options", resource, "OPTIONS")
            .set("authorization", "NONE")
            .set("api_key_required", false)
            .set(
                "integration",
                json!({"type": "MOCK", "request_templates": {"application/json": "{\"statusCode\": 204}"}}),
            )
            .set(
                "responses",
                json!([{
                    "status_code": "204",
                    "response_parameters": headers(&|_| json!(false)),
                    "integration": integration,
                }]),
            );
        self.serve(b, method)
    }

    /// The gateway's own refusals, in the shape of the handler's. Like the preflight they are constants, so that browsers of
    /// the first origin only can read them (N-04).
    pub fn gateway_responses(&mut self, b: &mut Builder<'_>, origins: Option<&[String]>) {
        let readable = origins
            .and_then(<[String]>::first)
            .map(|origin| json!({"gatewayresponse.header.Access-Control-Allow-Origin": format!("'{origin}'")}));
        let kinds = [
            ("BAD_REQUEST_BODY", Some("400"), "{\"error\": \"Invalid request body\"}"),
            ("DEFAULT_4XX", None, "{\"error\": $context.error.messageString}"),
            ("DEFAULT_5XX", None, "{\"error\": \"Internal server error\"}"),
        ];
        for (kind, status, template) in kinds {
            let response = b
                .component("api_gateway_response", &kind.to_lowercase())
                .set("rest_api_id", self.key.id())
                .set("response_type", kind)
                .set("response_parameters", readable.clone())
                .set("response_templates", json!({"application/json": template}))
                .set("status_code", status);
            self.serve(b, response);
        }
    }

    /// A deployment is a snapshot: its hash covers everything the API serves, so that each change
    /// goes live (W-34, P-30).
    pub fn deployment(&self, b: &Builder<'_>) -> Component {
        let served = self.served.iter().filter_map(|key| b.graph.components.get(key));
        let mut parts: Vec<Value> = served
            .map(|c| json!({"key": c.key.as_str(), "settings": settings(c)}))
            .collect();
        // Closing the default endpoint and changing the resource policy take effect with the next deployment only (R-23, R-05;
        // <https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-disable-default-endpoint.html>,
        // <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-resource-policies-create-attach.html>).
        let api = b.graph.components.get(&self.key);
        for name in ["disable_execute_api_endpoint", "policy"] {
            let setting = api.and_then(|api| api.settings.get(name));
            parts.extend(setting.map(|value| json!({name: value})));
        }
        let document = tap_engine::json::normalise(&Value::Array(parts), false).to_string();
        let hash = super::hash::sha256_hex(document.as_bytes());
        let deployment = b
            .component("api_deployment", "current")
            .set("rest_api_id", self.key.id())
            .set("content_hash", &hash[..16]);
        self.served.iter().fold(deployment, Component::after)
    }
}

/// A response template without text that overrides the header by the caller's origin
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-override-request-response-parameters.html>). Browsers
/// send `Origin`; HTTP/2 makes it lower case.
fn callers_origin(origins: &[String]) -> String {
    let known: Vec<String> = origins
        .iter()
        .map(|origin| format!("$origin == \"{origin}\""))
        .collect();
    format!(
        "#set($origin = $input.params(\"Origin\"))\n\
         #if($origin == \"\")#set($origin = $input.params(\"origin\"))#end\n\
         #if({})#set($context.responseOverride.header.Access-Control-Allow-Origin = $origin)#end",
        known.join(" || ")
    )
}

fn settings(component: &Component) -> Map<String, Value> {
    let settings = component.settings.iter();
    settings.map(|(name, value)| (name.clone(), value.clone())).collect()
}

impl Validation {
    /// Puts the check in front of a method.
    #[must_use]
    pub fn on(&self, method: Component) -> Component {
        method
            .set("request_validator_id", self.validator.output("validator_id"))
            .set("request_models", json!({"application/json": self.model.output("name")}))
    }
}

/// API Gateway writes logs with one role per account and region, shared by all stacks there and
/// kept on destroy (W-35, N-21, X-07).
pub fn account_role(b: &mut Builder<'_>, mode: &str) -> Option<Key> {
    if mode == "never" {
        return None;
    }
    let account = b
        .component("api_account", "logs")
        .set("role_name", "tap-api-gateway-logs")
        .set("mode", mode);
    Some(b.add(account))
}

/// The sender's key, its plan, and the parameter that holds its value (R-07, N-05).
pub struct SenderKey<'a> {
    /// Name of the key.
    pub name: String,
    /// Name of the usage plan.
    pub plan: String,
    /// Name of the SSM parameter.
    pub parameter: String,
    /// Requests per second.
    pub rate: i64,
    /// Requests at once.
    pub burst: i64,
    /// Requests per period, if limited.
    pub quota: Option<(i64, &'a str)>,
    /// Key that encrypts the parameter; null for AWS's own.
    pub kms_key: Value,
    /// The region and the key of the API key whose value this one is to have.
    pub same_as: Option<(String, Key)>,
    /// The name of the write-only value that the key is to have, and its version.
    pub secret: Option<(&'a str, i64)>,
}

impl SenderKey<'_> {
    /// Adds all three; answers the key and the parameter.
    pub fn build(self, b: &mut Builder<'_>, api: &Key, stage: &Key) -> (Key, Key) {
        let same_as = self
            .same_as
            .map(|(region, key)| json!({"region": region, "api_key_id": key.id()}));
        let key = b
            .component("api_key", "sender")
            .set("name", self.name)
            .set("enabled", true)
            .set("same_value_as", same_as)
            .set("secret", self.secret.map(|(name, _)| name))
            .set("secret_version", self.secret.map(|(_, version)| version));
        let key = b.add(key);
        let quota = self
            .quota
            .map(|(limit, period)| json!({"limit": limit, "period": period}));
        let plan = b
            .component("api_usage_plan", "sender")
            .set("name", self.plan)
            .set(
                "api_stages",
                json!([{"api_id": api.id(), "stage": stage.output("name")}]),
            )
            .set("throttle", json!({"rate_limit": self.rate, "burst_limit": self.burst}))
            .set("quota", quota);
        let plan = b.add(plan);
        let link = b
            .component("api_usage_plan_key", "sender")
            .set("usage_plan_id", plan.id())
            .set("key_id", key.id());
        b.add(link);
        let parameter = b
            .component("api_key_parameter", "sender")
            .set("name", self.parameter)
            .set("api_key_id", key.id())
            .set("kms_key_id", self.kms_key);
        let parameter = b.add(parameter);
        (key, parameter)
    }
}
