//! An account and a folder for one test. Each test binary wraps [`Site`] and adds what only its stack has.
#![allow(
    clippy::missing_panics_doc,
    reason = "a step that does not succeed is the end of its test: each of them panics with what was said"
)]

use crate::{Aws, Configuration, Plan, Result, Sandbox, Terraform};
use serde_json::{Map, Value};
use tokio::sync::OnceCell;

/// An attribute, its bad expression, and what the refusal must say.
pub type Mistake = (&'static str, &'static str, &'static [&'static str]);

/// A role of the account, not of a stack (W-35, N-21, X-07): it stays, as other APIs may use it.
pub const ACCOUNT_LOG_ROLE: &str = "iam_role tap-api-gateway-logs";

/// Ends with the test process: the launcher notices that the pipe to it is closed.
static SANDBOX: OnceCell<Sandbox> = OnceCell::const_new();

/// The sandbox of this test binary.
pub async fn sandbox() -> &'static Sandbox {
    SANDBOX.get_or_init(async || must(Sandbox::start().await)).await
}

/// An account of its own, and a folder with a configuration for it.
#[derive(Debug)]
pub struct Site {
    /// The account, in the default region.
    pub aws: Aws,
    /// The folder.
    pub terraform: Terraform,
}

impl Site {
    /// An empty account and a folder in which `terraform init` has run.
    pub async fn new(configuration: &Configuration) -> Self {
        Self::with_text(&configuration.hcl()).await
    }

    /// The same with a configuration of one's own.
    pub async fn with_text(text: &str) -> Self {
        let aws = sandbox().await.aws();
        let terraform = must(Terraform::new(&aws));
        must(terraform.write_file("main.tf", text));
        must(terraform.init().await);
        Self { aws, terraform }
    }

    /// The same, applied, with nothing left to plan.
    pub async fn applied(configuration: &Configuration) -> Self {
        let site = Self::new(configuration).await;
        site.apply().await;
        site.must_be_settled().await;
        site
    }

    /// Sets an environment variable for all commands of Terraform.
    #[must_use]
    pub fn with_env(self, name: &str, value: &str) -> Self {
        Self {
            terraform: self.terraform.with_env(name, value),
            ..self
        }
    }

    /// Writes the configuration.
    pub fn configure(&self, configuration: &Configuration) {
        must(self.terraform.write_file("main.tf", &configuration.hcl()));
    }

    /// `terraform apply`, which must succeed.
    pub async fn apply(&self) {
        must(self.terraform.apply().await);
    }

    /// What an apply says that fails, in one line.
    pub async fn failing_apply(&self) -> String {
        match self.terraform.apply().await {
            Ok(applied) => panic!("the apply should have failed:\n{}", applied.text),
            Err(error) => one_line(&error.to_string()),
        }
    }

    /// `terraform apply` of what the last [`Self::plan`] saved.
    pub async fn apply_plan(&self) {
        must(self.terraform.apply_plan().await);
    }

    /// `terraform plan`, which must succeed.
    pub async fn plan(&self) -> Plan {
        must(self.terraform.plan().await)
    }

    /// What `terraform plan` says against this configuration, in one line.
    pub async fn refusal(&self, configuration: &Configuration) -> String {
        self.configure(configuration);
        match self.terraform.plan().await {
            Ok(plan) => panic!("the plan should have failed:\n{}", plan.text),
            Err(error) => one_line(&error.to_string()),
        }
    }

    /// Every mistake in an otherwise valid configuration is refused at plan time, and nothing is made.
    pub async fn must_refuse(&self, valid: &Configuration, mistakes: &[Mistake]) {
        let mut wrong = Vec::new();
        for (attribute, expression, needles) in mistakes {
            let refusal = self.refusal(&valid.clone().with(attribute, expression)).await;
            let missing: Vec<_> = needles.iter().filter(|needle| !refusal.contains(**needle)).collect();
            if !missing.is_empty() {
                wrong.push(format!("{attribute} = {expression}: no {missing:?} in {refusal}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
        let made = must(self.aws.inventory().await);
        assert!(made.is_empty(), "a refused plan must not touch the account: {made:?}");
    }

    /// The stack imported by its id into a folder that knows nothing else of it, the round trip of `ImportStateVerify`:
    /// the same is recorded as after the apply, and nothing is left to plan. Answers that folder.
    pub async fn imported(&self, configuration: &Configuration, address: &str, id: &str) -> Terraform {
        let elsewhere = must(Terraform::new(&self.aws));
        must(elsewhere.write_file("main.tf", &configuration.hcl()));
        must(elsewhere.init().await);
        must(elsewhere.import(address, id).await);
        let (applied, imported) = (recorded(&self.terraform).await, recorded(&elsewhere).await);
        let differing: Vec<String> = applied
            .iter()
            .filter(|(name, value)| imported.get(*name) != Some(*value))
            .map(|(name, value)| format!("{name}: applied {value}, imported {:?}", imported.get(name)))
            .collect();
        assert!(differing.is_empty(), "{}", differing.join("\n"));
        must(must(elsewhere.plan().await).must_be_empty());
        elsewhere
    }

    /// The second plan after an apply is empty.
    pub async fn must_be_settled(&self) {
        must(self.plan().await.must_be_empty());
    }

    /// What exists in the default region, without the account's log role.
    pub async fn left(&self) -> Vec<String> {
        left(&self.aws).await
    }

    /// What exists in a region, without the account's log role.
    pub async fn left_in(&self, region: &str) -> Vec<String> {
        left(&self.aws.in_region(region)).await
    }
}

async fn left(aws: &Aws) -> Vec<String> {
    let mut left = must(aws.inventory().await);
    left.retain(|what| what != ACCOUNT_LOG_ROLE);
    left
}

/// The attributes of the only resource in the state, the sensitive ones too.
async fn recorded(terraform: &Terraform) -> Map<String, Value> {
    let state = must(terraform.state().await);
    let attributes = state["resources"][0]["instances"][0]["attributes"].as_object();
    attributes.cloned().unwrap_or_else(|| panic!("no resource in {state}"))
}

/// Without line breaks and alignment, which depend on lengths.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a step brought about.
fn must<T>(result: Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}
