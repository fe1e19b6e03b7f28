//! Alarms on real rates, with dimensions (O-12 to O-18, O-43): each can fire, and one composite alarm tells of them.

use serde_json::{Number, Value, json};
use tap_engine::{Component, Key};

use super::{Names, Stack};
use crate::composite::metric::{Metric, math};
use crate::observability_stack::config::Window;

/// An alarm before it is known whom it tells.
struct Alarm {
    key: String,
    name: String,
    component: Component,
}

/// Name in `alarm_names` and key of every alarm.
pub(super) fn build(s: &mut Stack<'_>, names: &Names, topic: &str) -> Vec<(String, Key)> {
    let children = children(s, names);
    let mut all = Vec::new();
    for child in &children {
        let component = child.component.clone();
        let component = if tells(s, child) {
            with_actions(s, topic, component)
        } else {
            component
        };
        all.push((child.key.clone(), s.b.add(component)));
    }
    if let Some(composite) = composite(s, topic, &children) {
        all.push(("critical".to_owned(), s.b.add(composite)));
    }
    all
}

fn children(s: &Stack<'_>, names: &Names) -> Vec<Alarm> {
    let mut all = Vec::new();
    all.extend(api_errors(s));
    all.extend(lambda_errors(s, names));
    all.extend(handler_faults(s, names));
    all.extend(latency(s, names));
    all.extend(canary(s, names));
    all
}

/// Mails per incident: one (O-17). What a rule of the user's does not name would go unheard, so it speaks for itself.
fn tells(s: &Stack<'_>, child: &Alarm) -> bool {
    let unnamed = |rule: &String| !rule.contains(&child.name);
    s.o.alarm_notification_mode == "all" || s.o.composite_alarm.rule.as_ref().is_some_and(unnamed)
}

/// Alarm, recovery (O-18), no data.
fn with_actions(s: &Stack<'_>, topic: &str, alarm: Component) -> Component {
    let or_topic = |given: &Option<Vec<String>>| given.clone().unwrap_or_else(|| vec![topic.to_owned()]);
    let some = |list: Vec<String>| (!list.is_empty()).then(|| json!(list));
    alarm
        .set("alarm_actions", some(or_topic(&s.o.alarm_actions)))
        .set("ok_actions", some(or_topic(&s.o.ok_actions)))
        .set(
            "insufficient_data_actions",
            some(s.o.insufficient_data_actions.clone().unwrap_or_default()),
        )
}

fn alarm(s: &Stack<'_>, key: &str, of_type: &str, description: &str, window: &Window) -> Alarm {
    let name = s.b.name(&format!("metric_alarm.{key}"), None, of_type);
    let component =
        s.b.component("metric_alarm", key)
            .set("alarm_name", name.as_str())
            .set("alarm_description", description)
            .set("evaluation_periods", window.evaluation_periods)
            .set(
                "datapoints_to_alarm",
                window.datapoints_to_alarm.unwrap_or(window.evaluation_periods),
            )
            .set("treat_missing_data", window.treat_missing_data.as_str());
    Alarm {
        key: key.to_owned(),
        name,
        component,
    }
}

impl Alarm {
    fn when(mut self, operator: &str, threshold: Value) -> Self {
        self.component = self
            .component
            .set("comparison_operator", operator)
            .set("threshold", threshold);
        self
    }

    /// In percent, by metric math: `Average` of a count is no percentage (O-14, O-15).
    fn on_rate(mut self, bad: &Metric<'_>, all: &Metric<'_>, minimum: i64, period: i64) -> Self {
        let rate = "100 * bad / total";
        let expression = if minimum > 0 {
            format!("IF(total >= {minimum}, {rate}, 0)")
        } else {
            rate.to_owned()
        };
        let metrics = json!([
            math("rate", &expression, "Error rate in percent"),
            bad.term("bad", period),
            all.term("total", period),
        ]);
        self.component = self.component.set("metrics", metrics);
        self
    }

    fn on(mut self, metric: &Metric<'_>, period: i64) -> Self {
        self.component = metric.on(self.component, period);
        self
    }
}

fn percent(threshold: &Number) -> Value {
    Value::Number(threshold.clone())
}

const ABOVE: &str = "GreaterThanThreshold";

/// A metric of the watched API: of its stage, or of all of them. `None` without a name: there is no such metric (O-13).
pub(super) fn api_metric<'a>(s: &Stack<'_>, name: &'a str, stat: &'a str) -> Option<Metric<'a>> {
    let api = s.o.api.name.as_ref()?;
    let mut dimensions = json!({"ApiName": api});
    if let Some(stage) = &s.o.api.stage {
        dimensions["Stage"] = stage.as_str().into();
    }
    Some(Metric {
        namespace: "AWS/ApiGateway",
        name,
        dimensions,
        stat,
    })
}

fn api_errors(s: &Stack<'_>) -> Option<Alarm> {
    let a = &s.o.api_error_alarm;
    if !a.enabled.unwrap_or(s.watches_api()) {
        return None;
    }
    let (errors, requests) = (api_metric(s, "5XXError", "Sum")?, api_metric(s, "Count", "Sum")?);
    let description = format!("API Gateway error rate exceeds {}%", a.threshold_percent);
    let alarm = alarm(s, "api_errors", "api-high-errors", &description, &a.window())
        .when(ABOVE, percent(&a.threshold_percent))
        .on_rate(&errors, &requests, a.min_requests, a.period);
    Some(alarm)
}

/// Key part, type and name of each function: our own and the watched ones. In keys and names nothing but a region stands
/// before a `/`, so labels lose theirs; the plan refuses labels that are the same then.
fn functions(s: &Stack<'_>, names: &Names) -> Vec<(String, String, String)> {
    let own = names.function.iter().map(|name| {
        (
            "lambda_errors".to_owned(),
            "lambda-high-errors".to_owned(),
            name.clone(),
        )
    });
    let watched =
        s.o.lambda_error_alarm
            .function_names
            .iter()
            .flatten()
            .map(|(label, name)| {
                (
                    format!("lambda_errors_{}", label.replace('/', "_")),
                    format!("lambda-high-errors-{}", label.replace('/', "-")),
                    name.clone(),
                )
            });
    own.chain(watched).collect()
}

fn lambda_errors(s: &Stack<'_>, names: &Names) -> Vec<Alarm> {
    let a = &s.o.lambda_error_alarm;
    if !a.enabled {
        return Vec::new();
    }
    let description = format!("Lambda error rate exceeds {}%", a.threshold_percent);
    let all = functions(s, names).into_iter().map(|(key, of_type, function)| {
        let metric = |name| Metric::lambda(&function, name, "Sum");
        alarm(s, &key, &of_type, &description, &a.window())
            .when(ABOVE, percent(&a.threshold_percent))
            .on_rate(&metric("Errors"), &metric("Invocations"), a.min_invocations, a.period)
    });
    all.collect()
}

/// The metric of faults that no invocation failed by (O-43).
pub(super) fn faults<'a>(s: &Stack<'_>, names: &'a Names) -> Metric<'a> {
    Metric {
        namespace: &names.metrics,
        name: "HandlerFault",
        dimensions: json!({"Environment": s.b.shared.environment_suffix, "Handler": "payment_metrics"}),
        stat: "Sum",
    }
}

fn handler_faults(s: &Stack<'_>, names: &Names) -> Option<Alarm> {
    let a = &s.o.handler_fault_alarm;
    if !a.enabled || names.function.is_none() {
        return None;
    }
    let description = "The metrics function failed for a reason that is ours, which its callers do not see";
    let alarm = alarm(s, "handler_faults", "handler-faults", description, &a.window())
        .when("GreaterThanOrEqualToThreshold", json!(a.threshold))
        .on(&faults(s, names), a.period);
    Some(alarm)
}

/// The filter's metric. Its namespace is the environment's own; a metric filter without dimensions publishes none.
pub(super) fn latency_metric<'a>(s: &'a Stack<'_>, names: &'a Names, stat: &'a str) -> Metric<'a> {
    Metric {
        namespace: &names.latency,
        name: &s.o.latency_filter.metric_name,
        dimensions: Value::Null,
        stat,
    }
}

fn latency(s: &Stack<'_>, names: &Names) -> Option<Alarm> {
    let a = &s.o.latency_alarm;
    let threshold = a.threshold_ms.as_ref().filter(|_| a.enabled)?;
    let metric = if s.o.latency_filter.enabled {
        latency_metric(s, names, &a.statistic)
    } else {
        api_metric(s, "Latency", &a.statistic)?
    };
    let description = format!("API latency ({}) exceeds {threshold} ms", a.statistic);
    let alarm = alarm(s, "latency", "api-high-latency", &description, &a.window())
        .when(ABOVE, Value::Number(threshold.clone()))
        .on(&metric, a.period);
    Some(alarm)
}

/// The canary's metrics carry its name.
pub(super) fn canary_metric<'a>(canary: &str, name: &'a str) -> Metric<'a> {
    Metric {
        namespace: "CloudWatchSynthetics",
        name,
        dimensions: json!({"CanaryName": canary}),
        stat: "Average",
    }
}

fn canary(s: &Stack<'_>, names: &Names) -> Option<Alarm> {
    let a = &s.o.canary_alarm;
    let name = names.canary.as_ref().filter(|_| a.enabled)?;
    let mut window = a.window();
    // One that is not to run is not missed.
    if !s.o.canary.start_canary && window.treat_missing_data == "breaching" {
        "notBreaching".clone_into(&mut window.treat_missing_data);
    }
    let description = format!(
        "Less than {}% of the canary's runs succeed",
        a.success_percent_threshold
    );
    let alarm = alarm(s, "canary", "canary-failing", &description, &window)
        .when("LessThanThreshold", percent(&a.success_percent_threshold))
        .on(&canary_metric(name, "SuccessPercent"), a.period);
    Some(alarm)
}

/// In ALARM when any of them is; names in quotes, or CloudWatch refuses some of them (O-16).
fn composite(s: &Stack<'_>, topic: &str, children: &[Alarm]) -> Option<Component> {
    let c = &s.o.composite_alarm;
    if !c.enabled || children.is_empty() {
        return None;
    }
    let any = children
        .iter()
        .map(|child| format!("ALARM(\"{}\")", child.component.key.output("name")))
        .collect::<Vec<_>>()
        .join(" OR ");
    let suppressor = c.actions_suppressor.as_ref().map(|suppressor| {
        json!({
            "alarm": suppressor.alarm,
            "wait_period": suppressor.wait_period,
            "extension_period": suppressor.extension_period,
        })
    });
    let name =
        s.b.name("composite_alarm.critical", c.name.as_ref(), "payment-critical");
    let composite =
        s.b.component("composite_alarm", "critical")
            .set("alarm_name", name)
            .set("alarm_description", "Critical payment processing issues")
            .set("alarm_rule", c.rule.clone().unwrap_or(any))
            .set("actions_suppressor", suppressor);
    // A rule of the user's names them without a reference.
    let composite = children
        .iter()
        .fold(composite, |all, child| all.after(&child.component.key));
    Some(with_actions(s, topic, composite))
}
