//! `make demo`: the whole life of a webhook pipeline, and payments through a stack of two regions, told as it happens.
//!
//! What is shown is read back from the sandbox's AWS services. Every expectation that fails is named, at once and again at
//! the end, and makes the demo end with an error.

mod changes;
mod payments;
mod regions;
mod story;
mod watch;

pub use story::Story;

use crate::pipeline::{ADDRESS, Configuration, Pipeline};
use crate::site::ACCOUNT_LOG_ROLE;
use crate::{Aws, Result, Sandbox, Terraform};

/// Runs the demo; whether everything was as expected.
pub async fn run() -> bool {
    let mut story = Story::begin("Payments on a sandbox AWS, from terraform apply to terraform destroy");
    if let Err(error) = tell(&mut story).await {
        story.breaks_off(&error);
    }
    story.end()
}

async fn tell(story: &mut Story) -> Result<()> {
    story.chapter("Starting the sandbox AWS (ministack, on 127.0.0.1 only)");
    let sandbox = Sandbox::start().await?;
    let aws = sandbox.aws();
    story.says(&format!("account {} on {}", aws.account(), aws.endpoint()));
    let nothing = aws.inventory().await?;
    story.expect("the account is empty", nothing.is_empty(), &nothing);

    let configuration = demo_configuration();
    let terraform = Terraform::new(&aws)?.with_file("main.tf", &configuration.hcl())?;
    create(story, &terraform, &configuration).await?;
    let pipeline = Pipeline::read(&aws, &terraform).await?;
    story.says(&format!("webhooks go to {}", pipeline.attribute("webhook_url")?));
    // What happens from here on must not keep the stack from being destroyed.
    let told = use_it(story, &terraform, &configuration, &pipeline).await;
    if let Err(error) = &told {
        story.breaks_off(error);
    }
    destroy(story, &terraform, &aws).await?;
    regions::tell(story, &sandbox).await
}

/// The example of `examples/webhook-minimal`, with an archival that does not wait a day.
fn demo_configuration() -> Configuration {
    Configuration::new("dev")
        .with("archival", "{ min_age_hours = 0 }")
        .with("functions", &changes::functions(1024))
        .with("log_retention_in_days", "400")
}

async fn create(story: &mut Story, terraform: &Terraform, configuration: &Configuration) -> Result<()> {
    story.chapter("terraform init and plan");
    story.shows(&configuration.hcl());
    terraform.init().await?;
    story.says("init found the provider in a local mirror, the way users install it");
    let plan = terraform.plan().await?;
    let changes = plan.changes();
    let only_ours = matches!(&changes[..], [change] if change.address == ADDRESS && change.actions == ["create"]);
    story.expect("the plan creates one resource", only_ours, &changes);
    let planned = changes::planned_components(&plan);
    story.says(&format!(
        "the plan shows all {} parts of it, setting by setting",
        planned.len()
    ));
    story.chapter("terraform apply");
    terraform.apply_plan().await?;
    Ok(())
}

async fn use_it(
    story: &mut Story,
    terraform: &Terraform,
    configuration: &Configuration,
    pipeline: &Pipeline,
) -> Result<()> {
    payments::tell(story, pipeline).await?;
    changes::tell(story, terraform, configuration).await?;
    watch::tell(story, terraform, pipeline, configuration).await
}

async fn destroy(story: &mut Story, terraform: &Terraform, aws: &Aws) -> Result<()> {
    story.chapter("terraform destroy");
    terraform.destroy().await?;
    let mut left = aws.inventory().await?;
    // A setting of the account, which other APIs may use; documented as staying.
    left.retain(|what| what != ACCOUNT_LOG_ROLE);
    story.expect(
        "nothing is left but the account's log role for API Gateway",
        left.is_empty(),
        &left,
    );
    Ok(())
}
