//! One account with one stack over some regions, for one test.

use std::ops::Deref;
use tap_acceptance_tests::Aws;
use tap_acceptance_tests::payment::Payments;
use tap_acceptance_tests::pipeline::Configuration;
use tap_acceptance_tests::site::Site as Core;
pub(crate) use tap_acceptance_tests::site::sandbox;

/// A stack of this suffix in these regions, the primary first.
pub(crate) fn stack(suffix: &str, regions: &[&str]) -> Configuration {
    Configuration::of("tap_payment_stack", suffix).with("regions", &format!("{regions:?}"))
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

    /// The same, applied, with nothing left to plan.
    pub(crate) async fn applied(configuration: &Configuration) -> Self {
        Self(Core::applied(configuration).await)
    }

    /// Sets an environment variable for all commands of Terraform.
    pub(crate) fn with_env(self, name: &str, value: &str) -> Self {
        Self(self.0.with_env(name, value))
    }

    pub(crate) async fn payments(&self) -> Payments {
        Payments::read(&self.aws, &self.terraform).await.unwrap()
    }

    /// Destroys the stack; nothing is left in these regions.
    pub(crate) async fn destroy(self, regions: &[&str]) {
        self.terraform.destroy().await.unwrap_or_else(|error| panic!("{error}"));
        for region in regions {
            assert_eq!(self.left_in(region).await, Vec::<String>::new(), "{region}");
        }
    }
}

/// A hosted zone of the user's; its id.
pub(crate) async fn new_zone(aws: &Aws, name: &str) -> String {
    let create = aws.route53().create_hosted_zone().name(name).caller_reference(name);
    let zone = create.send().await.unwrap().hosted_zone.unwrap();
    zone.id.trim_start_matches("/hostedzone/").to_owned()
}

/// No stack takes the user's zone along; it must have no records any more.
pub(crate) async fn give_up_zone(aws: &Aws, id: &str) {
    let delete = aws.route53().delete_hosted_zone().id(id);
    delete.send().await.map(drop).unwrap();
}
