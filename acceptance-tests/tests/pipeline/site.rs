//! One account with one stack, for one test.

use crate::expected::{expected_inventory, listed_twice, without_arns};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;
use tap_acceptance_tests::pipeline::{Configuration, Pipeline};
use tap_acceptance_tests::proxy::Proxy;
use tap_acceptance_tests::{Aws, Plan, Sandbox, Terraform, eventually};
use tokio::sync::OnceCell;

/// A role of the account, not of a stack (W-35): it stays, as other APIs may use it.
pub(crate) const ACCOUNT_LOG_ROLE: &str = "iam_role tap-api-gateway-logs";

/// Ends with the test process: the launcher notices that the pipe to it is closed.
static SANDBOX: OnceCell<Sandbox> = OnceCell::const_new();

/// The sandbox of this test binary.
pub(crate) async fn sandbox() -> &'static Sandbox {
    SANDBOX
        .get_or_init(async || Sandbox::start().await.unwrap_or_else(|error| panic!("{error}")))
        .await
}

/// An account, and a folder with a configuration for it.
pub(crate) struct Site {
    pub(crate) aws: Aws,
    pub(crate) terraform: Terraform,
}

impl Site {
    /// An empty account and a folder in which `terraform init` has run.
    pub(crate) async fn new(configuration: &Configuration) -> Self {
        let aws = sandbox().await.aws();
        let terraform = Terraform::new(&aws).unwrap_or_else(|error| panic!("{error}"));
        let site = Self { aws, terraform };
        site.configure(configuration);
        site.terraform.init().await.unwrap_or_else(|error| panic!("{error}"));
        site
    }

    /// The same with a proxy between Terraform and the sandbox; the test itself looks past it.
    pub(crate) async fn behind_proxy(configuration: &Configuration) -> (Self, Proxy) {
        let proxy = Proxy::start(sandbox().await.endpoint()).await.unwrap();
        let Self { aws, terraform } = Self::new(configuration).await;
        let terraform = terraform.with_env("AWS_ENDPOINT_URL", proxy.endpoint());
        (Self { aws, terraform }, proxy)
    }

    /// The same, applied, with nothing left to plan.
    pub(crate) async fn applied(configuration: &Configuration) -> Self {
        let site = Self::new(configuration).await;
        site.apply().await;
        site.must_be_settled().await;
        site
    }

    /// Writes the configuration.
    pub(crate) fn configure(&self, configuration: &Configuration) {
        self.terraform.write_file("main.tf", &configuration.hcl()).unwrap();
    }

    pub(crate) async fn apply(&self) {
        self.terraform.apply().await.unwrap_or_else(|error| panic!("{error}"));
    }

    /// What an apply says that fails, in one line.
    pub(crate) async fn failing_apply(&self) -> String {
        match self.terraform.apply().await {
            Ok(applied) => panic!("the apply should have failed:\n{}", applied.text),
            Err(error) => one_line(&error.to_string()),
        }
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

    /// Component key to AWS id.
    pub(crate) async fn ids(&self) -> BTreeMap<String, Value> {
        let pipeline = self.pipeline().await;
        let components = pipeline.components().iter();
        components
            .map(|(key, component)| (key.clone(), component["id"].clone()))
            .collect()
    }

    /// The account holds what these components are, the stack's record, and nothing else or twice.
    pub(crate) async fn must_hold_exactly(&self, components: &Map<String, Value>, suffix: &str) {
        let exists: Vec<String> = self.left().await.into_iter().map(without_arns).collect();
        assert_eq!(exists, expected_inventory(components, suffix));
        assert_eq!(listed_twice(&exists), Vec::<&String>::new());
    }

    /// What exists, without the account's log role.
    pub(crate) async fn left(&self) -> Vec<String> {
        let mut left = self.aws.inventory().await.unwrap();
        left.retain(|what| what != ACCOUNT_LOG_ROLE);
        left
    }

    /// When the transactions table of this name was made: another time is another table.
    pub(crate) async fn table_made_at(&self, name: &str) -> String {
        let answer = self
            .aws
            .dynamodb()
            .describe_table()
            .table_name(name)
            .send()
            .await
            .unwrap();
        format!("{:?}", answer.table().unwrap().creation_date_time().unwrap())
    }

    /// Waits until the account's inventory has a line that begins so.
    pub(crate) async fn exists(&self, what: &str) {
        let limit = Duration::from_mins(1);
        eventually(what, limit, async || {
            let inventory = self.aws.inventory().await?;
            Ok(inventory.iter().any(|line| line.starts_with(what)).then_some(()))
        })
        .await
        .unwrap();
    }

    /// The second plan after an apply is empty.
    pub(crate) async fn must_be_settled(&self) {
        let plan = self.terraform.plan().await.unwrap_or_else(|error| panic!("{error}"));
        plan.must_be_empty().unwrap_or_else(|error| panic!("{error}"));
    }

    pub(crate) async fn pipeline(&self) -> Pipeline {
        Pipeline::read(&self.aws, &self.terraform).await.unwrap()
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
        assert_eq!(self.left().await, Vec::<String>::new());
    }
}

/// Without line breaks and alignment, which depend on lengths.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
