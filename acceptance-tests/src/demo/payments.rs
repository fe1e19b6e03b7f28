//! The part about payments: what each webhook is answered, and what it causes.

use super::Story;
use crate::pipeline::{Listener, Pipeline, payment, suspicious};
use crate::{Answer, Result};
use serde_json::json;

/// Where the stack tells people something.
struct Ears {
    alerts: Listener,
    notices: Listener,
    fraud: Listener,
    low_value: Listener,
}

pub(super) async fn tell(story: &mut Story, pipeline: &Pipeline) -> Result<()> {
    story.chapter("Payments");
    let aws = pipeline.aws();
    let key = pipeline.api_key().await?;
    story.says(&format!(
        "API key: {} characters, read from {}",
        key.len(),
        pipeline.attribute("api_key_ssm_parameter")?
    ));
    let ears = Ears {
        alerts: Listener::on_topic(aws, "demo-alerts", pipeline.attribute("sns_topic_arns.alerts")?).await?,
        notices: Listener::on_topic(aws, "demo-notices", pipeline.attribute("sns_topic_arns.notices")?).await?,
        fraud: Listener::on_topic(aws, "demo-fraud", pipeline.attribute("sns_topic_arns.fraud")?).await?,
        low_value: Listener::of_stack(aws, pipeline.attribute("low_value_queue_url")?),
    };
    high_value(story, pipeline, &ears, &key).await?;
    medium_value(story, pipeline, &ears, &key).await?;
    low_value(story, pipeline, &ears, &key).await?;
    refused(story, pipeline, &key).await?;
    all_in_all(story, pipeline, &ears).await?;
    archival(story, pipeline).await?;
    ears.alerts.remove().await?;
    ears.notices.remove().await?;
    ears.fraud.remove().await
}

/// Prints an answer and whether it has the status expected.
fn answered(story: &mut Story, what: &str, answer: &Answer, status: u16) {
    let replay = match answer.headers.get("idempotent-replay") {
        Some(_) => " (Idempotent-Replay: true)",
        None => "",
    };
    story.says(&format!(
        "{what}: HTTP {} {}{replay}",
        answer.status.as_u16(),
        answer.body
    ));
    story.expect(
        &format!("{what} is answered with {status}"),
        answer.status.as_u16() == status,
        answer,
    );
}

fn high_body() -> String {
    payment("pay-high", "15000.00", &suspicious())
}

async fn high_value(story: &mut Story, pipeline: &Pipeline, ears: &Ears, key: &str) -> Result<()> {
    let answer = pipeline.send(key, &high_body()).await?;
    answered(story, "15000.00, suspicious", &answer, 200);

    let item = pipeline.item_when("pay-high", "analyzed").await?;
    let analysis = &item["fraud_analysis"];
    story.says(&format!("table item: {item}"));
    story.expect(
        "the fraud analysis is on the same item: high_risk",
        analysis["fraud_status"] == "high_risk" && item["amount"] == json!(15000),
        &item,
    );
    let runs = pipeline.executions_ended(1).await?;
    let run = runs.iter().find(|run| run.transaction_id() == "pay-high");
    let succeeded = run.is_some_and(|run| run.status == "SUCCEEDED" && run.input["timestamp"] == item["timestamp"]);
    story.says(&format!(
        "workflow: {}",
        run.map_or_else(String::new, |run| format!("{} with {}", run.status, run.output))
    ));
    story.expect("the workflow ran for it and succeeded", succeeded, &runs);
    let alert = ears
        .fraud
        .hear("a fraud alert", |m| m["transaction_id"] == "pay-high")
        .await?;
    story.says(&format!("fraud topic: {alert}"));
    story.expect(
        "the fraud topic got an alert",
        alert["alert_type"] == "fraud_detection",
        &alert,
    );
    let notice = ears
        .notices
        .hear("the workflow's notice", |m| m["transaction_id"] == "pay-high")
        .await?;
    story.expect(
        "the notices topic got the workflow's notice",
        notice["status"] == "analyzed",
        &notice,
    );
    Ok(())
}

async fn medium_value(story: &mut Story, pipeline: &Pipeline, ears: &Ears, key: &str) -> Result<()> {
    let answer = pipeline
        .send(key, &payment("pay-medium", "2500.00", &json!({})))
        .await?;
    answered(story, "2500.00", &answer, 200);
    let event = ears
        .alerts
        .hear("the medium-value event", |m| {
            m["detail"]["transaction_id"] == "pay-medium"
        })
        .await?;
    story.says(&format!("alerts topic: {} {}", event["detail-type"], event["detail"]));
    let amount = &event["detail"]["amount_text"];
    story.expect(
        "the alerts topic got its event with the exact amount",
        amount == "2500",
        &event,
    );
    Ok(())
}

async fn low_value(story: &mut Story, pipeline: &Pipeline, ears: &Ears, key: &str) -> Result<()> {
    let answer = pipeline.send(key, &payment("pay-low", "42.50", &json!({}))).await?;
    answered(story, "42.50", &answer, 200);
    let event = ears
        .low_value
        .hear("the low-value event", |m| m["detail"]["transaction_id"] == "pay-low")
        .await?;
    story.says(&format!(
        "low-value queue: {} {}",
        event["detail-type"], event["detail"]
    ));
    let amount = &event["detail"]["amount_text"];
    story.expect("the low-value queue got its event", amount == "42.5", &event);
    Ok(())
}

/// Repetitions and webhooks that must not get in.
async fn refused(story: &mut Story, pipeline: &Pipeline, key: &str) -> Result<()> {
    let again = pipeline.send(key, &high_body()).await?;
    answered(story, "the first payment again", &again, 200);
    story.expect(
        "it is a replay",
        again.headers.contains_key("idempotent-replay"),
        &again,
    );
    let other = pipeline.send(key, &payment("pay-high", "1.00", &json!({}))).await?;
    answered(story, "the same id with another amount", &other, 409);
    let invalid = pipeline.send(key, &payment("pay-invalid", "-5.00", &json!({}))).await?;
    answered(story, "a negative amount", &invalid, 400);
    let incomplete = pipeline.send(key, r#"{"transaction_id": "pay-incomplete"}"#).await?;
    answered(
        story,
        "a body without amount (API Gateway's own check)",
        &incomplete,
        400,
    );
    let stranger = pipeline
        .request()?
        .body(payment("pay-stranger", "10.00", &json!({})))
        .send()
        .await?;
    answered(story, "no API key", &stranger, 403);
    Ok(())
}

/// Three payments got in; nothing happened twice.
async fn all_in_all(story: &mut Story, pipeline: &Pipeline, ears: &Ears) -> Result<()> {
    let events = ears.alerts.until_silence().await?;
    story.expect("the alerts topic has had one message", events.len() == 1, &events);
    let notices = ears.notices.until_silence().await?;
    story.expect("the notices topic has had one", notices.len() == 1, &notices);
    let alerts = ears.fraud.until_silence().await?;
    story.expect("the fraud topic has had one", alerts.len() == 1, &alerts);
    let low = ears.low_value.until_silence().await?;
    story.expect("the low-value queue has had one", low.len() == 1, &low);
    let runs = pipeline.executions().await?;
    story.expect("the workflow has run once", runs.len() == 1, &runs);
    let items = pipeline.items().await?;
    let mut ids: Vec<&str> = items
        .iter()
        .filter_map(|item| item["transaction_id"].as_str())
        .collect();
    ids.sort_unstable();
    story.expect(
        "the table holds three items",
        ids == ["pay-high", "pay-low", "pay-medium"],
        &items,
    );
    let audit = pipeline.objects("audit/").await?;
    for key in &audit {
        story.says(&format!("audit object: {key}"));
    }
    story.expect("there is an audit object for each", audit.len() == 3, &audit);
    Ok(())
}

async fn archival(story: &mut Story, pipeline: &Pipeline) -> Result<()> {
    story.chapter("The archival, run now instead of at night");
    let answer = pipeline.archive_now().await?;
    story.says(&format!("archival: {answer}"));
    story.expect(
        "it archived the one finished payment",
        answer["archived_count"] == json!(1),
        &answer,
    );
    let keys = pipeline.objects("transactions/").await?;
    let mut archived = Vec::new();
    for key in &keys {
        story.says(&format!("archive object: {key}"));
        archived.extend(pipeline.documents(key).await?);
    }
    let complete = matches!(&archived[..], [one] if one["transaction_id"] == "pay-high"
        && one["fraud_analysis"]["fraud_status"] == "high_risk");
    story.expect("the archive object holds it with its analysis", complete, &archived);
    let left = pipeline.items_of("pay-high").await?;
    story.expect("it is no longer in the table", left.is_empty(), &left);
    Ok(())
}
