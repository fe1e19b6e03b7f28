//! One account with one stack, for one test.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use tap_acceptance_tests::observability::{ADDRESS, Configuration, Watch};
use tap_acceptance_tests::{Aws, Plan, Sandbox, Terraform};
use tokio::sync::OnceCell;

/// Ends with the test process: the launcher notices that the pipe to it is closed.
static SANDBOX: OnceCell<Sandbox> = OnceCell::const_new();

/// The sandbox of this test binary.
pub(crate) async fn sandbox() -> &'static Sandbox {
    SANDBOX
        .get_or_init(async || Sandbox::start().await.unwrap_or_else(|error| panic!("{error}")))
        .await
}

/// What the canary asks in these tests, where scripts do not run.
pub(crate) const CANARY: &str = "{ url = \"https://pay.internal/health\" }";

/// A stack with everything in it.
pub(crate) fn complete(suffix: &str) -> Configuration {
    Configuration::new(suffix)
        .with("canary", CANARY)
        .with("api", "{ name = \"payments\", stage = \"prod\" }")
        .with("latency_alarm", "{ enabled = true, threshold_ms = 2000 }")
        .with("alarm_email_endpoints", "[\"oncall@payments.internal\"]")
}

/// An account, and a folder with a configuration for it.
pub(crate) struct Site {
    pub(crate) aws: Aws,
    pub(crate) terraform: Terraform,
}

impl Site {
    /// An empty account and a folder in which `terraform init` has run.
    pub(crate) async fn new(configuration: &Configuration) -> Self {
        Self::with_text(&configuration.hcl()).await
    }

    /// The same with a configuration of one's own.
    pub(crate) async fn with_text(text: &str) -> Self {
        let aws = sandbox().await.aws();
        let terraform = Terraform::new(&aws).unwrap_or_else(|error| panic!("{error}"));
        terraform.write_file("main.tf", text).unwrap();
        terraform.init().await.unwrap_or_else(|error| panic!("{error}"));
        Self { aws, terraform }
    }

    /// The same, applied, with nothing left to plan.
    pub(crate) async fn applied(configuration: &Configuration) -> Self {
        let site = Self::new(configuration).await;
        site.apply().await;
        site.must_be_settled().await;
        site
    }

    pub(crate) fn configure(&self, configuration: &Configuration) {
        self.terraform.write_file("main.tf", &configuration.hcl()).unwrap();
    }

    pub(crate) async fn apply(&self) {
        self.terraform.apply().await.unwrap_or_else(|error| panic!("{error}"));
    }

    pub(crate) async fn apply_plan(&self) {
        self.terraform
            .apply_plan()
            .await
            .unwrap_or_else(|error| panic!("{error}"));
    }

    pub(crate) async fn plan(&self) -> Plan {
        self.terraform.plan().await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The second plan after an apply is empty.
    pub(crate) async fn must_be_settled(&self) {
        let plan = self.plan().await;
        plan.must_be_empty().unwrap_or_else(|error| panic!("{error}"));
    }

    pub(crate) async fn watch(&self) -> Watch {
        Watch::read(&self.terraform).await.unwrap()
    }

    /// Component key to AWS id.
    pub(crate) async fn ids(&self) -> BTreeMap<String, Value> {
        let watch = self.watch().await;
        let components = watch.components().iter();
        components
            .map(|(key, component)| (key.clone(), component["id"].clone()))
            .collect()
    }

    /// What `terraform plan` says against this configuration, in one line.
    pub(crate) async fn refusal(&self, configuration: &Configuration) -> String {
        self.configure(configuration);
        match self.terraform.plan().await {
            Ok(plan) => panic!("the plan should have failed:\n{}", plan.text),
            Err(error) => one_line(&error.to_string()),
        }
    }

    /// Destroys the stack; nothing is left.
    pub(crate) async fn destroy(self) {
        self.terraform.destroy().await.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(self.aws.inventory().await.unwrap(), Vec::<String>::new());
    }
}

/// Without line breaks and alignment, which depend on lengths.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// [`Plan::component_changes`] of the observability stack.
pub(crate) fn changes(plan: &Plan) -> BTreeSet<String> {
    plan.component_changes(ADDRESS)
}
