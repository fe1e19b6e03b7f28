//! One account with one stack over some regions, for one test.

use tap_acceptance_tests::payment::Payments;
use tap_acceptance_tests::pipeline::Configuration;
use tap_acceptance_tests::{Aws, Plan, Sandbox, Terraform};
use tokio::sync::OnceCell;

/// A role of the account, not of a stack (N-21, X-07): it stays, as other APIs may use it.
const ACCOUNT_LOG_ROLE: &str = "iam_role tap-api-gateway-logs";

/// Ends with the test process: the launcher notices that the pipe to it is closed.
static SANDBOX: OnceCell<Sandbox> = OnceCell::const_new();

/// The sandbox of this test binary.
pub(crate) async fn sandbox() -> &'static Sandbox {
    SANDBOX
        .get_or_init(async || Sandbox::start().await.unwrap_or_else(|error| panic!("{error}")))
        .await
}

/// A stack of this suffix in these regions, the primary first.
pub(crate) fn stack(suffix: &str, regions: &[&str]) -> Configuration {
    Configuration::of("tap_payment_stack", suffix).with("regions", &format!("{regions:?}"))
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

    pub(crate) async fn payments(&self) -> Payments {
        Payments::read(&self.aws, &self.terraform).await.unwrap()
    }

    /// What exists in a region, without the account's log role.
    pub(crate) async fn left_in(&self, region: &str) -> Vec<String> {
        let mut left = self.aws.in_region(region).inventory().await.unwrap();
        left.retain(|what| what != ACCOUNT_LOG_ROLE);
        left
    }

    /// Destroys the stack; nothing is left in these regions.
    pub(crate) async fn destroy(self, regions: &[&str]) {
        self.terraform.destroy().await.unwrap_or_else(|error| panic!("{error}"));
        for region in regions {
            assert_eq!(self.left_in(region).await, Vec::<String>::new(), "{region}");
        }
    }
}
