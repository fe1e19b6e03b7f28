//! The second act: an observability stack that watches the pipeline, by plain references to it.

use super::{Story, changes};
use crate::observability::{self, Watch};
use crate::pipeline::{Configuration, Pipeline};
use crate::{Aws, Error, Result, Terraform, eventually};
use aws_sdk_lambda::primitives::Blob;
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

/// The pipeline as it is by now, and beside it the stack that watches it.
pub(super) fn configuration(pipeline: &Configuration) -> Configuration {
    let watch = observability::configuration("dev")
        .with(
            "api",
            "{ name = tap_webhook_pipeline.this.api_name, stage = tap_webhook_pipeline.this.api_stage }",
        )
        .with(
            "lambda_error_alarm",
            "{ function_names = { validator = tap_webhook_pipeline.this.function_names[\"validator\"] } }",
        )
        .with(
            "latency_filter",
            "{ log_group_name = tap_webhook_pipeline.this.log_group_names[\"api\"] }",
        )
        .with(
            "canary",
            "{ url = tap_webhook_pipeline.this.webhook_url, method = \"POST\", expected_status_min = 403, expected_status_max = 403 }",
        );
    pipeline
        .clone()
        .with("functions", &changes::functions(1769))
        .with_block(&format!("\n{}", watch.block()))
}

pub(super) async fn tell(
    story: &mut Story,
    terraform: &Terraform,
    pipeline: &Pipeline,
    configuration: &Configuration,
) -> Result<()> {
    story.chapter("Second act: an observability stack watches the pipeline");
    let text = self::configuration(configuration).hcl();
    story.shows(text.split("\n\nresource ").last().unwrap_or_default());
    terraform.write_file("main.tf", &text)?;
    let plan = terraform.plan().await?;
    let changes = plan.changes();
    let only_new =
        matches!(&changes[..], [change] if change.address == observability::ADDRESS && change.actions == ["create"]);
    story.expect(
        "the plan creates the second stack and leaves the first alone",
        only_new,
        &changes,
    );
    terraform.apply_plan().await?;
    let watch = Watch::read(terraform).await?;
    alarms(story, pipeline, &watch).await?;
    canary(story, pipeline, &watch).await?;
    metrics(story, pipeline.aws(), &watch).await?;
    let plan = terraform.plan().await?;
    story.expect("a second plan is empty, for both stacks", plan.is_empty(), &plan.text);
    Ok(())
}

/// Alarms are worth something only when they look at metrics that exist: dimension by dimension.
async fn alarms(story: &mut Story, pipeline: &Pipeline, watch: &Watch) -> Result<()> {
    let answer = pipeline.aws().cloudwatch().describe_alarms().send().await;
    let answer = answer.map_err(|e| Error::aws("cloudwatch:DescribeAlarms", &e))?;
    let watched = [
        ("api_errors", "ApiName", pipeline.attribute("api_name")?),
        (
            "lambda_errors_validator",
            "FunctionName",
            pipeline.attribute("function_names.validator")?,
        ),
    ];
    for (key, dimension, value) in watched {
        let name = watch.attribute(&format!("alarm_names.{key}"))?;
        let alarm = answer.metric_alarms().iter().find(|a| a.alarm_name() == Some(name));
        let queries = alarm.map(|a| a.metrics().to_vec()).unwrap_or_default();
        let rate = queries.iter().find_map(|query| query.expression()).unwrap_or_default();
        let measured: Vec<_> = queries.iter().filter_map(|q| q.metric_stat()?.metric()).collect();
        let looks_there = measured.iter().all(|metric| {
            let mut pairs = metric.dimensions().iter();
            pairs.any(|d| d.name() == Some(dimension) && d.value() == Some(value))
        });
        story.says(&format!("alarm {name}: {rate}, with {dimension} = {value}"));
        story.expect(
            &format!("{name} is a rate of two metrics of the pipeline's own"),
            measured.len() == 2 && looks_there && !rate.is_empty(),
            &queries,
        );
    }
    Ok(())
}

async fn canary(story: &mut Story, pipeline: &Pipeline, watch: &Watch) -> Result<()> {
    let name = watch.attribute("canary_name")?;
    let answer = pipeline.aws().synthetics().get_canary().name(name).send().await;
    let answer = answer.map_err(|e| Error::aws("synthetics:GetCanary", &e))?;
    let canary = answer.canary;
    let state = canary
        .as_ref()
        .and_then(|c| c.status()?.state())
        .map(aws_sdk_synthetics::types::CanaryState::as_str);
    let runtime = canary.as_ref().and_then(|c| c.runtime_version()).unwrap_or_default();
    story.says(&format!("canary {name} on {runtime}: {}", state.unwrap_or("absent")));
    story.expect("the canary runs", state == Some("RUNNING"), &state);
    let script = &watch.components()["canary.health"]["settings"]["script"];
    let asks = script
        .as_str()
        .is_some_and(|text| pipeline.attribute("webhook_url").is_ok_and(|url| text.contains(url)));
    story.expect("its script asks the pipeline's URL", asks, script);
    Ok(())
}

/// The function that the second stack brings along.
async fn metrics(story: &mut Story, aws: &Aws, watch: &Watch) -> Result<()> {
    let payment = json!({"payment_id": "pay-measured", "amount": "19.99", "type": "wallet", "currency": "EUR"});
    let request = aws
        .lambda()
        .invoke()
        .function_name(watch.attribute("lambda_function_arn")?)
        .payload(Blob::new(payment.to_string()));
    let answer = request.send().await.map_err(|e| Error::aws("lambda:Invoke", &e))?;
    let answer = answer.payload().map(|blob| blob.as_ref().to_vec()).unwrap_or_default();
    let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
    story.expect("its function takes a payment", answer["statusCode"] == 200, &answer);
    let group = watch.attribute("log_group_names.lambda")?;
    let line = eventually("an embedded metric", SOON, async || {
        let events = aws.logs().filter_log_events().log_group_name(group).send().await;
        let events = events.map_err(|e| Error::aws("logs:FilterLogEvents", &e))?;
        let lines = events.events().iter().filter_map(|event| event.message());
        let mut documents = lines.filter_map(|line| serde_json::from_str::<Value>(line.trim()).ok());
        Ok(documents.find(|line| line["PaymentSuccess"] == json!(1)))
    })
    .await?;
    let namespace = &line["_aws"]["CloudWatchMetrics"][0]["Namespace"];
    story.says(&format!(
        "metric PaymentSuccess = {} in {namespace}, PaymentType = {}",
        line["PaymentSuccess"], line["PaymentType"]
    ));
    story.expect(
        "the metric is in the stack's namespace",
        namespace == watch.attribute("metrics_namespace")?,
        &line,
    );
    Ok(())
}
