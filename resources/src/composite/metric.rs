//! Metrics with all their dimensions, for alarms and dashboards alike (P-26, W-60).

use serde_json::{Value, json};
use tap_engine::Component;

/// One metric of one thing.
#[derive(Debug, Clone)]
pub struct Metric<'a> {
    /// `AWS/Lambda`.
    pub namespace: &'a str,
    /// `Errors`.
    pub name: &'a str,
    /// Dimension name -> value.
    pub dimensions: Value,
    /// `Sum`, `Maximum`, `p99`.
    pub stat: &'a str,
}

impl<'a> Metric<'a> {
    /// A metric of a Lambda function, by its name.
    pub fn lambda(function: &str, name: &'a str, stat: &'a str) -> Self {
        Self {
            namespace: "AWS/Lambda",
            name,
            dimensions: json!({"FunctionName": function}),
            stat,
        }
    }

    /// A metric of a queue, by its name.
    pub fn queue(queue: &str, name: &'a str) -> Self {
        Self {
            namespace: "AWS/SQS",
            name,
            dimensions: json!({"QueueName": queue}),
            stat: "Maximum",
        }
    }

    /// A metric of a REST API's stage.
    pub fn api(api: &str, stage: &str, name: &'a str, stat: &'a str) -> Self {
        Self {
            namespace: "AWS/ApiGateway",
            name,
            dimensions: json!({"ApiName": api, "Stage": stage}),
            stat,
        }
    }

    /// A metric of a table.
    pub fn table(table: &str, name: &'a str) -> Self {
        Self {
            namespace: "AWS/DynamoDB",
            name,
            dimensions: json!({"TableName": table}),
            stat: "Sum",
        }
    }

    /// A metric of a state machine, by its ARN.
    pub fn workflow(machine: &str, name: &'a str) -> Self {
        Self {
            namespace: "AWS/States",
            name,
            dimensions: json!({"StateMachineArn": machine}),
            stat: "Sum",
        }
    }

    /// The settings of an alarm on this metric alone.
    #[must_use]
    pub fn on(&self, alarm: Component, period: i64) -> Component {
        let statistic = if self.stat.starts_with('p') {
            "extended_statistic"
        } else {
            "statistic"
        };
        alarm
            .set("namespace", self.namespace)
            .set("metric_name", self.name)
            .set("dimensions", self.dimensions.clone())
            .set("period", period)
            .set(statistic, self.stat)
    }

    /// One input of an alarm's metric math.
    pub fn term(&self, id: &str, period: i64) -> Value {
        json!({
            "id": id, "return_data": false,
            "metric": {
                "namespace": self.namespace, "metric_name": self.name, "period": period, "stat": self.stat,
                "dimensions": self.dimensions,
            },
        })
    }

    /// A row of a dashboard's widget: namespace, metric, dimensions by name and value, options.
    pub fn row(&self, label: &str) -> Value {
        let mut row = vec![json!(self.namespace), json!(self.name)];
        for (name, value) in self.dimensions.as_object().into_iter().flatten() {
            row.push(json!(name));
            row.push(value.clone());
        }
        row.push(json!({"label": label, "stat": self.stat}));
        Value::Array(row)
    }
}

/// The result of metric math.
pub fn math(id: &str, expression: &str, label: &str) -> Value {
    json!({"id": id, "expression": expression, "label": label, "return_data": true})
}
