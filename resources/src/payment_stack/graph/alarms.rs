//! Alarms of one region, with actions of the same region (P-24): every failure that could go unseen has
//! one (N-17 to N-19).

use serde_json::{Number, Value, json};
use tap_engine::{Component, Key};

use super::api::Api;
use super::functions::{Functions, namespace};
use super::queue::Queues;
use super::site::Site;
use crate::composite::function::Deployed;
use crate::composite::metric::{Metric, math};

/// What there is to watch.
pub(super) struct Watched<'a> {
    pub(super) topic: &'a Key,
    pub(super) queues: &'a Queues,
    pub(super) functions: &'a Functions,
    pub(super) workflow: bool,
    pub(super) api: Option<&'a Api>,
    pub(super) web_acl: Option<Key>,
}

const PERIOD: i64 = 300;

/// An alarm before it has actions and a name.
struct Alarm {
    key: String,
    description: &'static str,
    component: Component,
}

pub(super) fn build(s: &mut Site<'_>, watched: &Watched<'_>) {
    if !s.p.alarms.enabled {
        return;
    }
    let mut alarms = Vec::new();
    for (handler, function) in watched.functions.all() {
        alarms.extend(of_function(s, handler, function));
    }
    alarms.extend(of_queues(s, watched.queues));
    alarms.extend(of_reconciler(s));
    alarms.extend(of_table(s));
    if watched.api.is_some() {
        alarms.extend(of_api(s));
    }
    if watched.workflow {
        alarms.extend(of_workflow(s));
    }
    if watched.web_acl.is_some() {
        alarms.extend(of_web_acl(s));
    }
    for alarm in alarms {
        add(s, watched.topic, alarm);
    }
}

fn add(s: &mut Site<'_>, topic: &Key, alarm: Alarm) {
    let own = s.p.in_region(s.region());
    let a = &s.p.alarms;
    let primary = s.is_primary();
    // Actions that are given for the stack are of the primary region: CloudWatch takes no others (P-24).
    let actions = |own: Option<Vec<String>>, shared: &Option<Vec<String>>| {
        own.or_else(|| shared.clone().filter(|_| primary))
            .unwrap_or_else(|| vec![topic.arn()])
    };
    let alarm_actions = actions(own.alarm_actions, &a.alarm_actions);
    let ok_actions = actions(own.ok_actions, &a.ok_actions);
    let name = name(s, &alarm.key);
    let component = alarm
        .component
        .set("alarm_name", name.as_str())
        .set("alarm_description", alarm.description)
        .set("alarm_actions", json!(alarm_actions))
        .set("ok_actions", json!(ok_actions));
    s.b.add(component);
    s.list("alarm_names", name);
}

/// `process-payment-errors-<suffix>` for what concerns a function, `payment-<what>-<suffix>` otherwise.
fn name(s: &Site<'_>, key: &str) -> String {
    let seeds = [
        ("processor_", "process-payment-"),
        ("accounting_", "process-accounting-"),
        ("failure_notifier_", "notify-failures-"),
        ("reconciler_", "reconcile-payments-"),
    ];
    let seed = seeds
        .iter()
        .find_map(|(prefix, seed)| Some(format!("{seed}{}", key.strip_prefix(prefix)?)));
    let of_type = match seed.filter(|_| s.b.shared.name_style != "prefixed") {
        Some(seed) => seed.replace('_', "-"),
        None => format!("payment-{}", key.replace('_', "-")),
    };
    super::names::named(&s.b, &format!("metric_alarm.{key}"), None, &of_type)
}

/// An alarm on one datapoint at or above a threshold; nothing heard is nothing wrong.
fn base(s: &Site<'_>, key: &str, threshold: impl Into<Value>) -> Component {
    s.b.component("metric_alarm", key)
        .set("comparison_operator", "GreaterThanOrEqualToThreshold")
        .set("threshold", threshold)
        .set("evaluation_periods", 1)
        .set("datapoints_to_alarm", 1)
        .set("treat_missing_data", "notBreaching")
}

fn on(s: &Site<'_>, key: &str, description: &'static str, metric: &Metric<'_>, threshold: impl Into<Value>) -> Alarm {
    Alarm {
        key: key.to_owned(),
        description,
        component: metric.on(base(s, key, threshold), PERIOD),
    }
}

/// On a metric that a handler counts.
fn counted(
    s: &Site<'_>,
    key: &str,
    description: &'static str,
    (handler, name): (&str, &'static str),
    threshold: i64,
) -> Alarm {
    let namespace = namespace(s);
    let metric = Metric {
        namespace: &namespace,
        name,
        dimensions: json!({"Environment": s.b.shared.environment_suffix, "Handler": handler}),
        stat: "Sum",
    };
    on(s, key, description, &metric, threshold)
}

fn of_function(s: &Site<'_>, handler: &str, f: &Deployed) -> Vec<Alarm> {
    let a = &s.p.alarms;
    let local = f.function.as_str().rsplit('.').next().unwrap_or_default();
    let key = |what: &str| format!("{local}_{what}");
    let lambda = |name, stat| Metric::lambda(&f.name, name, stat);
    let mut alarms = Vec::new();
    if a.errors.enabled {
        let key = key("errors");
        let component = base(s, &key, a.errors.threshold)
            .set("comparison_operator", a.errors.comparison.as_str())
            .set("evaluation_periods", a.errors.evaluation_periods);
        let component = component.set("datapoints_to_alarm", a.errors.evaluation_periods);
        alarms.push(Alarm {
            component: lambda("Errors", "Sum").on(component, a.errors.period),
            description: "The function failed",
            key,
        });
    }
    if a.error_rate.enabled {
        alarms.push(error_rate(s, key("error_rate"), &f.name));
    }
    // Faults that the caller saw as an answer are no invocation errors: they have a metric of their own.
    let description = "The handler failed for a reason that is ours";
    alarms.push(counted(s, &key("fault"), description, (handler, "HandlerFault"), 1));
    if a.duration_p99_percent_of_timeout > 0 {
        let slow = f.timeout * 10 * a.duration_p99_percent_of_timeout;
        let duration = lambda("Duration", "p99");
        alarms.push(on(
            s,
            &key("duration"),
            "The function comes close to its timeout",
            &duration,
            slow,
        ));
    }
    if a.throttles > 0 {
        let throttles = lambda("Throttles", "Sum");
        alarms.push(on(
            s,
            &key("throttles"),
            "The function was throttled",
            &throttles,
            a.throttles,
        ));
    }
    alarms
}

/// The share of failed invocations, once there are enough of them to speak of a share (N-18, P-25).
fn error_rate(s: &Site<'_>, key: String, function: &str) -> Alarm {
    let e = &s.p.alarms.error_rate;
    let expression = format!(
        "IF(invocations >= {}, 100 * errors / invocations, 0)",
        e.min_invocations.max(1)
    );
    let component = base(s, &key, e.threshold_percent.clone())
        .set("comparison_operator", "GreaterThanThreshold")
        .set("evaluation_periods", e.evaluation_periods)
        .set("datapoints_to_alarm", e.datapoints_to_alarm)
        .set("treat_missing_data", e.treat_missing_data.as_str())
        .set(
            "metrics",
            json!([
                math("rate", &expression, "Error rate in percent"),
                Metric::lambda(function, "Errors", "Sum").term("errors", e.period),
                Metric::lambda(function, "Invocations", "Sum").term("invocations", e.period),
            ]),
        );
    Alarm {
        key,
        description: "Too many invocations fail",
        component,
    }
}

fn of_queues(s: &Site<'_>, queues: &Queues) -> Vec<Alarm> {
    let a = &s.p.alarms;
    let mut alarms = Vec::new();
    if queues.payments.is_some() && a.queue_age_seconds > 0 {
        let age = Metric::queue(&s.names.queue, "ApproximateAgeOfOldestMessage");
        alarms.push(on(
            s,
            "queue_age",
            "Payments wait too long for accounting",
            &age,
            a.queue_age_seconds,
        ));
    }
    if queues.dlq.is_some() && a.dlq_depth > 0 {
        let depth = Metric::queue(&s.names.dlq, "ApproximateNumberOfMessagesVisible");
        let description = "Something could not be processed and waits in the dead-letter queue";
        alarms.push(on(s, "dlq_depth", description, &depth, a.dlq_depth));
    }
    alarms
}

/// What has gone wrong with payments that were accepted (N-14, R-22).
fn of_reconciler(s: &Site<'_>) -> Vec<Alarm> {
    let a = &s.p.alarms;
    let mut alarms = Vec::new();
    let counts = |name| ("payment_reconciler", name);
    if s.p.sweeps() && a.stuck_payments > 0 {
        let description = "Accepted payments had not reached accounting; their missing steps are taken";
        let metric = counts("PaymentStuck");
        alarms.push(counted(s, "stuck_payments", description, metric, a.stuck_payments));
    }
    if s.detects_conflicts() && a.reconciliation_conflicts > 0 {
        let description = "A payment that this region had accepted was accepted in another region too";
        let metric = counts("ReconciliationConflict");
        let threshold = a.reconciliation_conflicts;
        alarms.push(counted(s, "reconciliation_conflicts", description, metric, threshold));
    }
    alarms
}

fn of_table(s: &Site<'_>) -> Vec<Alarm> {
    let a = &s.p.alarms;
    let mut alarms = Vec::new();
    if a.dynamodb_throttles > 0 {
        let metrics = json!([
            math("throttles", "FILL(reads, 0) + FILL(writes, 0)", "Throttled requests"),
            Metric::table(&s.table_name, "ReadThrottleEvents").term("reads", PERIOD),
            Metric::table(&s.table_name, "WriteThrottleEvents").term("writes", PERIOD),
        ]);
        alarms.push(Alarm {
            key: "table_throttles".to_owned(),
            description: "DynamoDB throttled requests for payments",
            component: base(s, "table_throttles", a.dynamodb_throttles).set("metrics", metrics),
        });
    }
    // Strongly consistent tables have no such metric (doc: "Monitoring global tables").
    if a.replication_latency_ms > 0 && !s.p.is_strong() {
        for place in s.others() {
            let metric = Metric {
                namespace: "AWS/DynamoDB",
                name: "ReplicationLatency",
                dimensions: json!({"TableName": s.table_name, "ReceivingRegion": place.region()}),
                stat: "Average",
            };
            let key = format!("replication_to_{}", place.region().replace('-', "_"));
            let description = "Payments reach another region late";
            alarms.push(on(s, &key, description, &metric, a.replication_latency_ms));
        }
    }
    alarms
}

fn of_api(s: &Site<'_>) -> Vec<Alarm> {
    let a = &s.p.alarms;
    let api = |name, stat| Metric::api(&s.names.api, &s.p.api.stage_name, name, stat);
    let mut alarms = Vec::new();
    if is_positive(&a.api_5xx_percent) {
        let metrics = json!([
            math("rate", "100 * errors / requests", "5XX rate in percent"),
            api("5XXError", "Sum").term("errors", PERIOD),
            api("Count", "Sum").term("requests", PERIOD),
        ]);
        alarms.push(Alarm {
            key: "api_5xx".to_owned(),
            description: "Too many requests fail",
            component: base(s, "api_5xx", a.api_5xx_percent.clone()).set("metrics", metrics),
        });
    }
    if a.api_latency_p99_ms > 0 {
        let latency = api("Latency", "p99");
        alarms.push(on(s, "api_latency", "The API is slow", &latency, a.api_latency_p99_ms));
    }
    alarms
}

fn is_positive(number: &Number) -> bool {
    number.as_f64().is_some_and(|n| n > 0.0)
}

/// By its ARN, which is known before the state machine exists.
pub(super) fn machine_arn(s: &Site<'_>) -> String {
    s.b.arn("states", &format!("stateMachine:{}", s.names.workflow))
}

fn of_workflow(s: &Site<'_>) -> Vec<Alarm> {
    let machine = machine_arn(s);
    let metric = |name| Metric::workflow(&machine, name);
    vec![
        on(
            s,
            "workflow_failed",
            "A workflow execution failed",
            &metric("ExecutionsFailed"),
            1,
        ),
        on(
            s,
            "workflow_timed_out",
            "A workflow execution timed out",
            &metric("ExecutionsTimedOut"),
            1,
        ),
    ]
}

fn of_web_acl(s: &Site<'_>) -> Vec<Alarm> {
    let threshold = s.p.alarms.waf_blocked;
    let metric = Metric {
        namespace: "AWS/WAFV2",
        name: "BlockedRequests",
        dimensions: json!({"WebACL": s.names.web_acl, "Region": s.region(), "Rule": "ALL"}),
        stat: "Sum",
    };
    let alarm = (threshold > 0).then(|| on(s, "waf_blocked", "The web ACL blocks many requests", &metric, threshold));
    alarm.into_iter().collect()
}
