//! `dashboard`: an Amazon CloudWatch dashboard.
//!
//! API: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html>

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tap_engine::json::parse_document;
use tap_engine::{Change, Context, Kind, KindError, KindResult, KindSpec, Observed, Outputs, Setting, Settings};

use super::checks::Checks;
use super::fields::{Fields, Seen};
use super::shape::document_form;
use super::{Aws, call, found};

/// The kind; `id` is the dashboard name.
pub struct Dashboard(pub Arc<Aws>);

/// "No such dashboard" in the spellings of the query and the newer protocols.
const GONE: &[&str] = &[
    "ResourceNotFound",
    "DashboardNotFoundError",
    "ResourceNotFoundException",
];

static SPEC: KindSpec = KindSpec {
    name: "dashboard",
    settings: &[Setting::replace("dashboard_name"), Setting::new("dashboard_body")],
    outputs: &["id", "arn", "name"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: false,
    create_before_delete: false,
    iam_actions: &[
        "cloudwatch:PutDashboard",
        "cloudwatch:GetDashboard",
        "cloudwatch:DeleteDashboards",
    ],
};

impl Dashboard {
    /// Dashboards are global: their ARN carries no region.
    fn outputs(&self, name: &str) -> Outputs {
        Outputs::from([
            ("id".into(), name.into()),
            ("arn".into(), self.0.arn("cloudwatch", "", &format!("dashboard/{name}"))),
            ("name".into(), name.into()),
        ])
    }

    async fn body(&self, cx: &Context, name: &str) -> KindResult<Option<Value>> {
        let client = self.0.cloudwatch(&cx.region);
        let answer = call(cx, "cloudwatch:GetDashboard", || {
            client.get_dashboard().dashboard_name(name).send()
        })
        .await;
        let text = found(answer, GONE)?.map(|a| a.dashboard_body.unwrap_or_default());
        Ok(text.map(|text| parse_document(&text)))
    }

    async fn put(&self, cx: &Context, name: &str, settings: &Settings) -> KindResult<()> {
        let body = settings
            .document("dashboard_body")
            .ok_or_else(|| KindError::invalid("dashboard_body", "is required"))?;
        let client = self.0.cloudwatch(&cx.region);
        let answer = call(cx, "cloudwatch:PutDashboard", || {
            client.put_dashboard().dashboard_name(name).dashboard_body(&body).send()
        })
        .await?;
        // The dashboard exists all the same; the widgets named here may not show.
        for message in answer.dashboard_validation_messages.unwrap_or_default() {
            tracing::warn!(
                component = %cx.key,
                path = message.data_path,
                "CloudWatch on the dashboard: {}",
                message.message.unwrap_or_default()
            );
        }
        Ok(())
    }
}

#[async_trait]
impl Kind for Dashboard {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let name = desired.text("dashboard_name")?;
        // PutDashboard would silently overwrite it.
        if self.body(cx, name).await?.is_some() {
            return Err(KindError::NotOwned {
                operation: "cloudwatch:PutDashboard".into(),
                message: format!("a dashboard named {name} exists already; delete or rename it"),
            });
        }
        self.put(cx, name, desired).await?;
        let outputs = self.outputs(name);
        cx.created(&outputs);
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<Option<Observed>> {
        let Some(body) = self.body(cx, id).await? else {
            return Ok(None);
        };
        let mut seen = Seen::default();
        seen.put("dashboard_name", Some(id)).put("dashboard_body", Some(body));
        Ok(Some(Observed {
            settings: seen.done(),
            outputs: self.outputs(id),
        }))
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        self.put(cx, id, change.after).await?;
        Ok(self.outputs(id))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        let client = self.0.cloudwatch(&cx.region);
        let answer = call(cx, "cloudwatch:DeleteDashboards", || {
            client.delete_dashboards().dashboard_names(id).send()
        })
        .await;
        found(answer, GONE).map(|_| ())
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        let name = desired.text("dashboard_name")?;
        Ok(self.body(cx, name).await?.map(|_| name.to_owned()))
    }

    fn normalise(&self, setting: &str, value: &Value) -> Value {
        match setting {
            "dashboard_body" => document_form(value),
            _ => tap_engine::json::normalise(value, false),
        }
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        let mut checks = Checks::new(settings);
        checks.required(&["dashboard_name", "dashboard_body"]);
        checks.length("dashboard_name", 1..=255);
        checks.charset("dashboard_name", "-_");
        checks.object("dashboard_body");
        if let Some(Value::Object(body)) = settings.value("dashboard_body").map(document_form)
            && body
                .get("widgets")
                .and_then(Value::as_array)
                .is_none_or(|widgets| widgets.len() > 500)
        {
            checks.wrong("dashboard_body", "must hold a list of 500 widgets at most");
        }
        checks.done()
    }
}
