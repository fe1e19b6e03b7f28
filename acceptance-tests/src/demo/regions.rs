//! The last act: payments through a stack of two regions, until one of them is not to be used any more.

use super::Story;
use crate::payment::{Payments, payment};
use crate::pipeline::Configuration;
use crate::site::ACCOUNT_LOG_ROLE;
use crate::{Result, Sandbox, Terraform};
use serde_json::{Value, json};

const PRIMARY: &str = "us-east-1";
const STANDBY: &str = "eu-west-1";

/// Builds the stack in an account of its own, uses it, takes it down.
pub(super) async fn tell(story: &mut Story, sandbox: &Sandbox) -> Result<()> {
    story.chapter("A payment stack over two regions: terraform apply");
    let aws = sandbox.aws();
    let configuration = Configuration::of("tap_payment_stack", "demo")
        .with("regions", &format!("[{PRIMARY:?}, {STANDBY:?}]"))
        .with("workflow", "{ enabled = true }")
        .with("event_failover", "{ enabled = true }");
    story.shows(&configuration.hcl());
    let terraform = Terraform::new(&aws)?.with_file("main.tf", &configuration.hcl())?;
    terraform.init().await?;
    terraform.apply().await?;
    let payments = Payments::read(&aws, &terraform).await?;
    let count = |region: &str| {
        let here = format!("{region}/");
        payments
            .components()
            .keys()
            .filter(|key| key.starts_with(&here))
            .count()
    };
    story.says(&format!(
        "{} parts: {} in {PRIMARY}, {} in {STANDBY}, the rest once for both",
        payments.components().len(),
        count(PRIMARY),
        count(STANDBY)
    ));
    let told = pay(story, &payments).await;
    if let Err(error) = &told {
        story.breaks_off(error);
    }
    story.chapter("Both regions: terraform destroy");
    terraform.destroy().await?;
    for region in [PRIMARY, STANDBY] {
        let mut left = aws.in_region(region).inventory().await?;
        left.retain(|what| what != ACCOUNT_LOG_ROLE);
        story.expect(&format!("nothing is left in {region}"), left.is_empty(), &left);
    }
    Ok(())
}

async fn pay(story: &mut Story, payments: &Payments) -> Result<()> {
    story.chapter("A payment into one region, read in the other");
    let (primary, standby) = (payments.in_region(PRIMARY), payments.in_region(STANDBY));
    let key = primary.api_key().await?;
    let health = standby.health().await?;
    story.expect(
        "the standby's health path answers without a key",
        health.status == 200,
        &health.body,
    );
    let answer = primary.send(&key, &payment("demo-1", "99.99")).await?;
    story.says(&format!("POST to {PRIMARY}: {} {}", answer.status, answer.body));
    story.expect("the payment is taken", answer.status == 200, &answer.status);
    let item = standby.item("demo-1").await?;
    story.shows(&serde_json::to_string_pretty(&item).unwrap_or_default());
    story.expect("the standby has it", item["amount"] == "99.99", &item);
    let again = standby.send(&key, &payment("demo-1", "99.99")).await?;
    let replayed = again.headers.contains_key("idempotent-replay");
    story.expect(
        "sent again to the standby, with the same key, it is the same payment",
        replayed,
        &again.status,
    );

    story.chapter("An event for the standby");
    let transaction: Value = serde_json::from_str(&payment("demo-2", "5")).unwrap_or_default();
    let detail = json!({
        "region": PRIMARY, "failover": "true", "transaction": transaction, "timestamp": "2026-01-02T03:04:05.000Z",
    });
    primary.put_event(&detail).await?;
    let runs = standby.executions_ended(1).await?;
    let succeeded = matches!(&runs[..], [(status, _)] if status == "SUCCEEDED");
    story.expect("the standby's workflow has processed it", succeeded, &runs);
    let own = primary.executions().await?;
    story.expect("the primary's workflow has not run", own.is_empty(), &own);
    Ok(())
}
