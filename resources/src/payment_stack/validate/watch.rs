//! Metrics and dashboard: what AWS would refuse, or would never show.

use serde_json::Value;

use crate::composite::findings::{Findings, known};
use crate::composite::rules;
use crate::payment_stack::config::Config;

pub(super) fn check(config: &Config, findings: &mut Findings) {
    log_class(config, findings);
    widgets(config, findings);
}

fn log_class(config: &Config, findings: &mut Findings) {
    let payment = &config.payment;
    let readers = [
        (payment.alarms.enabled, ("the alarms", "`alarms.enabled = false`")),
        (!payment.kpi_filters.is_empty(), ("`kpi_filters`", "`kpi_filters = []`")),
    ];
    let readers = readers
        .into_iter()
        .filter_map(|(reads, reader)| reads.then_some(reader));
    rules::log_class(&config.shared.log_group_class, readers, findings);
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
