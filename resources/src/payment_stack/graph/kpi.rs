//! Business figures out of the processor's log (002): metric filters, whether there are alarms or not.

use serde_json::json;

use super::functions::{Functions, namespace};
use super::site::Site;
use crate::payment_stack::config::KpiFilter;
use crate::payment_stack::slug::slug;

pub(super) fn build(s: &mut Site<'_>, functions: &Functions) {
    let Some(processor) = &functions.processor else { return };
    let namespace = namespace(s);
    for filter in &s.p.kpi_filters {
        let slug = slug(&filter.name);
        let name = s.b.name(&format!("metric_filter.{slug}"), Some(&filter.name), "");
        let filter =
            s.b.component("metric_filter", &slug)
                .set("log_group_name", processor.log_group.output("name"))
                .set("filter_name", name)
                .set("filter_pattern", filter.pattern.as_str())
                .set("metric_transformations", json!([transformation(filter, &namespace)]));
        s.b.add(filter);
    }
}

fn transformation(filter: &KpiFilter, namespace: &str) -> serde_json::Value {
    let mut transformation = json!({
        "metric_name": filter.metric_name, "metric_namespace": namespace, "metric_value": filter.value,
    });
    if let Some(unit) = &filter.unit {
        transformation["unit"] = unit.as_str().into();
    }
    if let Some(dimensions) = filter.dimensions.as_ref().filter(|all| !all.is_empty()) {
        transformation["dimensions"] = json!(dimensions);
    }
    transformation
}
