//! Log groups of what is watched, and the latency filter (O-19 to O-21, O-27, O-28).

use serde_json::{Value, json};
use tap_engine::Component;

use super::{Encryption, Names, Stack};
use crate::composite::function::log_group;
use crate::composite::rest_api::default_access_log;

/// Key and name of each log group but the function's and the canary's.
pub(super) fn names(s: &Stack<'_>) -> Vec<(String, String)> {
    let groups = &s.o.log_groups;
    let mut all = Vec::new();
    if groups.api.enabled {
        let default = format!("/aws/apigateway/{}", s.b.styled("payments"));
        all.push(("api".to_owned(), groups.api.name.clone().unwrap_or(default)));
    }
    if let (true, Some(id), Some(stage)) = (s.o.api.execution_logs, &s.o.api.id, &s.o.api.stage) {
        // doc: API Gateway, "Set up CloudWatch logging for REST APIs": the name is API Gateway's choice.
        all.push((
            "api_execution".to_owned(),
            format!("API-Gateway-Execution-Logs_{id}/{stage}"),
        ));
    }
    all.extend(rds_names(s));
    for (key, name) in &mut all {
        if let Some(overridden) = s.b.overridden(&format!("log_group.{key}")) {
            name.clone_from(overridden);
        }
    }
    all
}

/// The names that RDS writes to (doc: "Publishing database logs to Amazon CloudWatch Logs"), the given ones, or the
/// seed's.
fn rds_names(s: &Stack<'_>) -> Vec<(String, String)> {
    let (groups, rds) = (&s.o.log_groups.rds, &s.o.rds);
    let given: Vec<&String> = groups.names.iter().flatten().collect();
    let types: Vec<&String> = rds.log_types.iter().flatten().collect();
    let source = [
        ("instance", rds.db_instance_identifier.as_ref()),
        ("cluster", rds.db_cluster_identifier.as_ref()),
    ];
    let source = source.iter().find_map(|(sort, id)| Some((*sort, (*id)?)));
    match (groups.enabled, given.is_empty(), source) {
        (false, ..) => Vec::new(),
        (_, false, _) => given
            .into_iter()
            .map(|name| {
                (
                    format!("rds_{}", slug(name.trim_start_matches("/aws/rds/"))),
                    name.clone(),
                )
            })
            .collect(),
        (_, _, Some((sort, id))) => types
            .into_iter()
            .map(|of_type| {
                (
                    format!("rds_{}", slug(of_type)),
                    format!("/aws/rds/{sort}/{id}/{of_type}"),
                )
            })
            .collect(),
        (_, _, None) => vec![("rds".to_owned(), format!("/aws/rds/{}", s.b.styled("payments-db")))],
    }
}

/// A part of a component's key.
pub(super) fn slug(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}

pub(super) fn build(s: &mut Stack<'_>, names: &Names, key: &Encryption) {
    for (group, name) in &names.log_groups {
        let component = log_group(&mut s.b, group, name, key.arn_if(true));
        s.log_group(group, &component);
    }
    let format = Format::of(s);
    s.b.graph.output("access_log_format", format.access_log);
    if s.o.latency_filter.enabled {
        for component in filters(s, names) {
            s.b.add(component);
        }
    }
}

/// What an access log has to look like, and how the filter reads it.
struct Format {
    access_log: String,
    pattern: &'static str,
    value: &'static str,
}

impl Format {
    fn of(s: &Stack<'_>) -> Self {
        if s.o.latency_filter.format == "space_delimited" {
            // `$context.requestTime` holds a space; `$context.requestId` is what API Gateway insists on.
            let fields = [
                "requestTimeEpoch",
                "requestId",
                "httpMethod",
                "resourcePath",
                "status",
                "responseLatency",
            ];
            return Self {
                access_log: fields.map(|field| format!("$context.{field}")).join(" "),
                pattern: "[timestamp, request_id, method, path, status, latency]",
                value: "$latency",
            };
        }
        Self {
            access_log: default_access_log(),
            pattern: "{ $.responseLatency = * }",
            value: "$.responseLatency",
        }
    }
}

/// One filter, one metric: percentiles are statistics of it (O-19). The three old ones on request.
fn filters(s: &Stack<'_>, names: &Names) -> Vec<Component> {
    let f = &s.o.latency_filter;
    let mut all = vec![filter(s, names, "latency", "api-latency", &f.metric_name)];
    if f.legacy_metric_names {
        for percentile in ["50", "95", "99"] {
            let key = format!("latency_p{percentile}");
            let of_type = format!("api-latency-p{percentile}");
            all.push(filter(s, names, &key, &of_type, &format!("APILatencyP{percentile}")));
        }
    }
    all
}

fn filter(s: &Stack<'_>, names: &Names, key: &str, of_type: &str, metric: &str) -> Component {
    let f = &s.o.latency_filter;
    let format = Format::of(s);
    let mut transformation = json!({
        "metric_name": metric,
        "metric_namespace": names.latency,
        "metric_value": f.value.as_deref().unwrap_or(format.value),
        "unit": f.unit,
    });
    if let Some(default) = &f.default_value {
        transformation["default_value"] = Value::Number(default.clone());
    }
    let group = f.log_group_name.clone();
    let group = group.unwrap_or_else(|| s.b.key("log_group", "api").output("name"));
    s.b.component("metric_filter", key)
        .set("log_group_name", group)
        .set("filter_name", s.b.name(&format!("metric_filter.{key}"), None, of_type))
        .set("filter_pattern", f.pattern.as_deref().unwrap_or(format.pattern))
        .set("metric_transformations", json!([transformation]))
}
