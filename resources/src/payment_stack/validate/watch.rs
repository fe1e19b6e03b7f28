//! Metrics and dashboard: what AWS would refuse, or would never show.

use serde_json::Value;

use crate::composite::findings::{Findings, known};
use crate::payment_stack::config::Config;

pub(super) fn check(config: &Config, findings: &mut Findings) {
    log_class(config, findings);
    widgets(config, findings);
}

/// Groups of the other class take no metric filters, and CloudWatch finds no embedded metrics in them
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch_Logs_Log_Classes.html>): alarms on what the
/// handlers count would stay green for ever (N-17).
fn log_class(config: &Config, findings: &mut Findings) {
    let payment = &config.payment;
    let read = payment.alarms.enabled || !payment.kpi_filters.is_empty();
    if config.shared.log_group_class != "STANDARD" && read {
        findings.error(
            "log_group_class",
            "Metrics need STANDARD",
            "CloudWatch reads the functions' metrics and `kpi_filters` out of log groups of this class only: leave it out, or set `kpi_filters = []` and `alarms.enabled = false`.",
        );
    }
}

fn widgets(config: &Config, findings: &mut Findings) {
    let Some(text) = config
        .payment
        .dashboard
        .widgets_extra
        .as_deref()
        .filter(|text| known(text))
    else {
        return;
    };
    let is_widget = |value: &Value| value["type"].is_string() && value["properties"].is_object();
    let right = match tap_engine::json::parse_document(text) {
        Value::Array(items) => items.iter().all(is_widget),
        _ => false,
    };
    if !right {
        findings.error(
            "dashboard.widgets_extra",
            "Not a list of widgets",
            "give `jsonencode([{ type = \"metric\", x = 0, y = 24, width = 6, height = 6, properties = { ... } }])`.",
        );
    }
}
