//! One account with one stack, for one test.

use crate::expected::{expected_inventory, listed_twice, without_arns};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::time::Duration;
use tap_acceptance_tests::pipeline::{Configuration, Pipeline};
use tap_acceptance_tests::proxy::Proxy;
use tap_acceptance_tests::site::Site as Core;
pub(crate) use tap_acceptance_tests::site::{ACCOUNT_LOG_ROLE, one_line, sandbox};
use tap_acceptance_tests::{Terraform, eventually};

/// An account, and a folder with a configuration for it.
pub(crate) struct Site(Core);

impl Deref for Site {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.0
    }
}

impl Site {
    /// An empty account and a folder in which `terraform init` has run.
    pub(crate) async fn new(configuration: &Configuration) -> Self {
        Self(Core::new(configuration).await)
    }

    /// The same with a proxy between Terraform and the sandbox; the test itself looks past it.
    pub(crate) async fn behind_proxy(configuration: &Configuration) -> (Self, Proxy) {
        let proxy = Proxy::start(sandbox().await.endpoint()).await.unwrap();
        let site = Self::new(configuration).await;
        (site.with_env("AWS_ENDPOINT_URL", proxy.endpoint()), proxy)
    }

    /// The same, applied, with nothing left to plan.
    pub(crate) async fn applied(configuration: &Configuration) -> Self {
        Self(Core::applied(configuration).await)
    }

    /// Sets an environment variable for all commands of Terraform.
    pub(crate) fn with_env(self, name: &str, value: &str) -> Self {
        Self(self.0.with_env(name, value))
    }

    /// The same account from another folder.
    pub(crate) fn with_terraform(self, terraform: Terraform) -> Self {
        Self(Core { terraform, ..self.0 })
    }

    /// Component key to AWS id.
    pub(crate) async fn ids(&self) -> BTreeMap<String, Value> {
        self.pipeline().await.ids()
    }

    /// The account holds what these components are, the stack's record, and nothing else or twice.
    pub(crate) async fn must_hold_exactly(&self, components: &Map<String, Value>, suffix: &str) {
        let exists: Vec<String> = self.left().await.into_iter().map(without_arns).collect();
        assert_eq!(exists, expected_inventory(components, suffix));
        assert_eq!(listed_twice(&exists), Vec::<&String>::new());
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

    pub(crate) async fn pipeline(&self) -> Pipeline {
        Pipeline::read(&self.aws, &self.terraform).await.unwrap()
    }

    /// Destroys the stack; nothing is left.
    pub(crate) async fn destroy(self) {
        self.terraform.destroy().await.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(self.left().await, Vec::<String>::new());
    }
}
