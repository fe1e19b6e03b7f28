//! What is checked and how: the settings as Route 53's `HealthCheckConfig` and back.
//!
//! API: <https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html>.

use aws_sdk_route53::types::{
    AlarmIdentifier, CloudWatchRegion, HealthCheckConfig, HealthCheckRegion, HealthCheckType, ResettableElementName,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tap_engine::{KindResult, Settings};

use super::super::checks::Checks;
use super::super::fields::{Fields, Seen, built};

const TYPES: &[&str] = &[
    "HTTP",
    "HTTPS",
    "HTTP_STR_MATCH",
    "HTTPS_STR_MATCH",
    "TCP",
    "CALCULATED",
    "CLOUDWATCH_METRIC",
];
/// The regions that check where none are named.
const REGIONS: &[&str] = &[
    "ap-northeast-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "eu-west-1",
    "sa-east-1",
    "us-east-1",
    "us-west-1",
    "us-west-2",
];
/// What Route 53 fills in.
const INTERVAL: i32 = 30;
const THRESHOLD: i32 = 3;

/// Settings whose removal has to be told apart from silence.
pub(super) const RESETTABLE: &[(&str, ResettableElementName)] = &[
    ("fqdn", ResettableElementName::FullyQualifiedDomainName),
    ("regions", ResettableElementName::Regions),
    ("resource_path", ResettableElementName::ResourcePath),
    ("child_health_checks", ResettableElementName::ChildHealthChecks),
];

/// `alarm_identifier`: the alarm that decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Alarm {
    region: String,
    name: String,
}

/// Kinds of checks that call an endpoint.
fn calls(check_type: &str) -> bool {
    !matches!(check_type, "CALCULATED" | "CLOUDWATCH_METRIC")
}

fn default_port(check_type: &str) -> Option<i32> {
    match check_type {
        "HTTP" | "HTTP_STR_MATCH" => Some(80),
        "HTTPS" | "HTTPS_STR_MATCH" => Some(443),
        _ => None,
    }
}

/// The configuration that the settings ask for; everything that Route 53 would fill in is said, so that removing a
/// setting brings its default back.
pub(super) fn wanted(settings: &Settings) -> KindResult<HealthCheckConfig> {
    let check_type = settings.text("type")?;
    let calls = calls(check_type);
    let alarm = settings.parse::<Alarm>("alarm_identifier")?.map(|alarm| {
        let identifier = AlarmIdentifier::builder()
            .region(CloudWatchRegion::from(alarm.region.as_str()))
            .name(alarm.name);
        built("route53:CreateHealthCheck", identifier.build())
    });
    let regions: Vec<HealthCheckRegion> = settings
        .texts("regions")?
        .iter()
        .map(|region| HealthCheckRegion::from(region.as_str()))
        .collect();
    let children = settings.texts("child_health_checks")?;
    let threshold = settings.opt_i32("failure_threshold")?;
    let is_https = check_type.starts_with("HTTPS");
    let config = HealthCheckConfig::builder()
        .r#type(HealthCheckType::from(check_type))
        .set_fully_qualified_domain_name(settings.opt_string("fqdn"))
        .set_port(settings.opt_i32("port")?.or_else(|| default_port(check_type)))
        .set_resource_path(settings.opt_string("resource_path"))
        .set_request_interval(settings.opt_i32("request_interval")?.or(calls.then_some(INTERVAL)))
        .set_failure_threshold(threshold.or(calls.then_some(THRESHOLD)))
        .set_measure_latency(settings.opt_bool("measure_latency")?)
        .set_search_string(settings.opt_string("search_string"))
        .set_inverted(settings.opt_bool("inverted")?)
        .set_disabled(settings.opt_bool("disabled")?)
        .set_enable_sni(settings.opt_bool("enable_sni")?.or(is_https.then_some(true)))
        .set_regions((!regions.is_empty()).then_some(regions))
        .set_child_health_checks((!children.is_empty()).then_some(children))
        .set_health_threshold(settings.opt_i32("health_threshold")?)
        .set_alarm_identifier(alarm.transpose()?);
    built("route53:CreateHealthCheck", config.build())
}

/// The settings as Route 53 tells them; what it fills in itself is "not set".
pub(super) fn observed(config: &HealthCheckConfig, recorded: &Settings) -> Seen {
    let check_type = config.r#type.as_str();
    let is_https = check_type.starts_with("HTTPS");
    let mut regions: Vec<&str> = config.regions().iter().map(HealthCheckRegion::as_str).collect();
    regions.sort_unstable();
    let children: Vec<Value> = config
        .child_health_checks()
        .iter()
        .map(|id| Value::from(id.as_str()))
        .collect();
    let alarm = config.alarm_identifier().map(|alarm| Alarm {
        region: alarm.region.as_str().to_owned(),
        name: alarm.name.clone(),
    });
    let mut seen = Seen::default();
    seen.put("type", Some(check_type))
        .put("fqdn", config.fully_qualified_domain_name())
        .put("resource_path", config.resource_path())
        .put("search_string", config.search_string())
        .put_unless_default("port", config.port, default_port(check_type), recorded)
        .put_unless_default("request_interval", config.request_interval, INTERVAL, recorded)
        .put_unless_default("failure_threshold", config.failure_threshold, THRESHOLD, recorded)
        .put_unless_default("measure_latency", config.measure_latency, false, recorded)
        .put_unless_default("inverted", config.inverted, false, recorded)
        .put_unless_default("disabled", config.disabled, false, recorded)
        .put_unless_default("enable_sni", config.enable_sni, is_https, recorded);
    if !regions.is_empty() {
        seen.put_unless_default("regions", Some(Value::from(regions)), Value::from(REGIONS), recorded);
    }
    seen.put(
        "child_health_checks",
        (!children.is_empty()).then_some(Value::Array(children)),
    )
    .put_unless_default("health_threshold", config.health_threshold, 0, recorded)
    .put(
        "alarm_identifier",
        alarm.and_then(|alarm| serde_json::to_value(alarm).ok()),
    );
    seen
}

/// Plan-time checks (limits: the API reference named above).
pub(super) fn mistakes(settings: &Settings) -> Vec<(String, String)> {
    let mut checks = Checks::new(settings);
    checks
        .required(&["type"])
        .one_of("type", TYPES)
        .range("port", 1..=65_535)
        .range("failure_threshold", 1..=10)
        .range("health_threshold", 0..=256)
        .text("fqdn", 1..=255, |_| true, "any character")
        .text("resource_path", 1..=255, |_| true, "any character")
        .text("search_string", 1..=255, |_| true, "any character");
    if checks
        .known("request_interval")
        .is_some_and(|n| !matches!(n.as_i64(), Some(10 | 30)))
    {
        checks.wrong("request_interval", "is 10 or 30 seconds");
    }
    if let Some(check_type) = checks.known_text("type") {
        fits_type(settings, check_type, &mut checks);
    }
    checks.done()
}

/// What a check of this type needs and what it cannot have.
fn fits_type(settings: &Settings, check_type: &str, checks: &mut Checks<'_>) {
    let has = |name: &str| settings.value(name).is_some();
    let endpoint = [
        "fqdn",
        "port",
        "resource_path",
        "request_interval",
        "failure_threshold",
        "regions",
    ];
    if calls(check_type) {
        checks.required(&["fqdn"]);
    } else {
        for name in endpoint.into_iter().filter(|name| has(name)) {
            checks.wrong(name, format!("a {check_type} check calls no endpoint"));
        }
    }
    if check_type == "TCP" {
        checks.required(&["port"]);
    }
    for (name, wanted) in [
        ("search_string", check_type.ends_with("_STR_MATCH")),
        ("child_health_checks", check_type == "CALCULATED"),
        ("alarm_identifier", check_type == "CLOUDWATCH_METRIC"),
    ] {
        if has(name) != wanted {
            let word = if wanted { "is required by" } else { "does not belong to" };
            checks.wrong(name, format!("{word} a {check_type} check"));
        }
    }
    let count = |name: &str| settings.value(name).and_then(Value::as_array).map_or(0, Vec::len);
    if has("regions") && count("regions") < 3 {
        checks.wrong("regions", "at least three regions check");
    }
    if count("child_health_checks") > 255 {
        checks.wrong("child_health_checks", "255 checks at most");
    }
    if let Err(error) = settings.parse::<Alarm>("alarm_identifier") {
        checks.wrong("alarm_identifier", error.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(value: Value) -> Settings {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_route_53_fills_in_is_no_drift() {
        let plain = settings(json!({"type": "HTTPS", "fqdn": "a.example.com", "resource_path": "/v1/health"}));
        let seen = observed(&wanted(&plain).unwrap(), &plain).done();
        assert_eq!(seen, plain);
        let full = settings(json!({
            "type": "HTTPS_STR_MATCH", "fqdn": "a.example.com", "port": 443, "request_interval": 30,
            "failure_threshold": 3, "enable_sni": true, "regions": ["eu-west-1", "us-east-1", "us-west-1"],
            "inverted": false, "search_string": "ok", "measure_latency": true,
        }));
        assert_eq!(observed(&wanted(&full).unwrap(), &full).done(), full);
    }

    #[test]
    fn each_type_takes_its_own_settings() {
        let of = |value: Value| {
            let wrong = mistakes(&settings(value));
            wrong.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(
            of(json!({"type": "HTTPS", "fqdn": "a.example.com"})),
            Vec::<String>::new()
        );
        assert_eq!(of(json!({"type": "HTTPS"})), ["fqdn"]);
        assert_eq!(of(json!({"type": "TCP", "fqdn": "a"})), ["port"]);
        let calculated = json!({"type": "CALCULATED", "child_health_checks": ["${x.a.id}"], "health_threshold": 1});
        assert_eq!(of(calculated), Vec::<String>::new());
        assert_eq!(
            of(json!({"type": "CALCULATED", "port": 1})),
            ["port", "child_health_checks"]
        );
        assert_eq!(
            of(json!({"type": "HTTP", "fqdn": "a", "request_interval": 20, "regions": ["us-east-1"]})),
            ["request_interval", "regions"]
        );
    }
}
