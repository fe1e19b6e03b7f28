//! One account with one stack, for one test.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use tap_acceptance_tests::Plan;
use tap_acceptance_tests::observability::{ADDRESS, Watch, configuration};
use tap_acceptance_tests::pipeline::Configuration;
use tap_acceptance_tests::site::Site as Core;

/// What the canary asks in these tests, where scripts do not run.
pub(crate) const CANARY: &str = "{ url = \"https://pay.internal/health\" }";

/// A stack with everything in it.
pub(crate) fn complete(suffix: &str) -> Configuration {
    configuration(suffix)
        .with("canary", CANARY)
        .with("api", "{ name = \"payments\", stage = \"prod\" }")
        .with("latency_alarm", "{ enabled = true, threshold_ms = 2000 }")
        .with("alarm_email_endpoints", "[\"oncall@payments.internal\"]")
}

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

    /// The same with a configuration of one's own.
    pub(crate) async fn with_text(text: &str) -> Self {
        Self(Core::with_text(text).await)
    }

    /// The same, applied, with nothing left to plan.
    pub(crate) async fn applied(configuration: &Configuration) -> Self {
        Self(Core::applied(configuration).await)
    }

    pub(crate) async fn watch(&self) -> Watch {
        Watch::read(&self.terraform).await.unwrap()
    }

    /// Component key to AWS id.
    pub(crate) async fn ids(&self) -> BTreeMap<String, Value> {
        self.watch().await.ids()
    }

    /// Destroys the stack; nothing is left.
    pub(crate) async fn destroy(self) {
        self.terraform.destroy().await.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(self.aws.inventory().await.unwrap(), Vec::<String>::new());
    }
}

/// [`Plan::component_changes`] of the observability stack.
pub(crate) fn changes(plan: &Plan) -> BTreeSet<String> {
    plan.component_changes(ADDRESS)
}
