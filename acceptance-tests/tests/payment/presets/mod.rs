//! Each preset as a stack that lives (requirements 8.2): created, imported, changed and deleted by hand, edited in every group
//! of attributes, grown and shrunk by a region, destroyed with nothing left in any region.
//!
//! Two stacks per preset share these steps; [`crate::examples`] has the first payments of each.

mod drift;
mod edits;
mod regions;

use crate::site::{Site, give_up_zone, new_zone};
use tap_acceptance_tests::Configuration;

const DOMAIN: &str = "pay.example.com";

/// A preset, as its example configures it.
struct Preset {
    name: &'static str,
    /// Those that the preset has by itself, the primary first.
    regions: &'static [&'static str],
    /// Those that its stack has one after the other, by edits of `regions`.
    moves: &'static [&'static [&'static str]],
    /// Where it is when it is edited: the edits need two regions, and then one.
    edited_in: &'static [&'static str],
    /// Below which an API takes payments.
    path: &'static str,
    /// Attribute and expression, besides what a region needs ([`Home::configuration`]).
    settings: &'static [(&'static str, &'static str)],
}

const GLOBAL: Preset = Preset {
    name: "global",
    regions: &["us-east-1", "us-west-2"],
    moves: &[&["us-east-1", "us-west-2", "eu-west-1"], &["us-east-1", "us-west-2"]],
    edited_in: &["us-east-1", "us-west-2"],
    path: "payments",
    settings: &[
        ("dns", "{ routing_policy = \"failover\" }"),
        ("log_retention_in_days", "30"),
    ],
};

const NOTIFICATION: Preset = Preset {
    name: "notification",
    regions: &["us-east-1"],
    moves: &[&["us-east-1", "eu-west-1"], &["us-east-1"]],
    edited_in: &["us-east-1", "us-west-2"],
    path: "webhooks",
    settings: &[
        (
            "topics",
            "{ notifications = { email_endpoints = [\"payments-oncall@example.com\"] } }",
        ),
        ("queue", "{ max_receive_count = 3 }"),
    ],
};

/// The third region goes and comes back: its standby is another one's, too.
const MULTI_REGION: Preset = Preset {
    name: "multi_region",
    regions: &["us-east-1", "eu-west-1", "ap-southeast-1"],
    moves: &[
        &["us-east-1", "eu-west-1"],
        &["us-east-1", "eu-west-1", "ap-southeast-1"],
    ],
    edited_in: &["us-east-1", "eu-west-1", "ap-southeast-1"],
    path: "payments",
    settings: &[("log_retention_in_days", "30")],
};

/// An account with a stack of a preset.
struct Home {
    preset: &'static Preset,
    suffix: &'static str,
    site: Site,
    /// Of the domain; the stack puts records into it and leaves it alone otherwise.
    zone: Option<String>,
}

impl Home {
    /// The preset applied in its own regions, with nothing left to plan.
    async fn applied(preset: &'static Preset, suffix: &'static str) -> Self {
        let site = Site::new(&Configuration::of("tap_payment_stack", suffix)).await;
        let mut home = Self {
            preset,
            suffix,
            site,
            zone: None,
        };
        if preset.name == GLOBAL.name {
            home.zone = Some(new_zone(&home.site.aws, "example.com").await);
        }
        home.settle(&home.configuration(preset.regions)).await;
        home
    }

    /// The preset in these regions: certificates and standbys are given per region. Its own regions it has by itself.
    fn configuration(&self, regions: &[&str]) -> Configuration {
        let mut all =
            Configuration::of("tap_payment_stack", self.suffix).with("preset", &format!("{:?}", self.preset.name));
        if regions != self.preset.regions {
            all = all.with("regions", &format!("{regions:?}"));
        }
        for (attribute, expression) in self.preset.settings {
            all = all.with(attribute, expression);
        }
        if let Some(zone) = &self.zone {
            let account = self.site.aws.account();
            let certificate =
                |region: &&str| format!("{region:?} = \"arn:aws:acm:{region}:{account}:certificate/of-{region}\"");
            let certificates: Vec<String> = regions.iter().map(certificate).collect();
            let certificates = certificates.join(", ");
            let domain =
                format!("{{ name = {DOMAIN:?}, hosted_zone_id = {zone:?}, certificate_arns = {{ {certificates} }} }}");
            all = all.with("domain", &domain);
        }
        if self.preset.name == MULTI_REGION.name && regions.len() == 1 {
            all = all.with("event_failover", "{ enabled = false }");
        } else if self.preset.name == MULTI_REGION.name {
            // All fail over to the primary, and the primary to the second.
            let standby = |region: &&str| {
                let to = if *region == regions[0] { regions[1] } else { regions[0] };
                format!("{region:?} = {to:?}")
            };
            let targets: Vec<String> = regions.iter().map(standby).collect();
            all = all.with(
                "event_failover",
                &format!("{{ targets = {{ {} }} }}", targets.join(", ")),
            );
        }
        all
    }

    /// Applies a configuration, after which nothing is left to plan.
    async fn settle(&self, configuration: &Configuration) {
        self.site.configure(configuration);
        self.site.apply().await;
        self.site.must_be_settled().await;
    }

    /// Destroys the stack: nothing is left in any region that it ever was in.
    async fn end(self) {
        let destroyed = self.site.terraform.destroy().await;
        destroyed.unwrap_or_else(|error| panic!("{error}"));
        if let Some(zone) = &self.zone {
            give_up_zone(&self.site.aws, zone).await;
        }
        let moves = self.preset.moves.iter().copied().flatten();
        for region in self.preset.regions.iter().chain(moves).chain(self.preset.edited_in) {
            assert_eq!(self.site.left_in(region).await, Vec::<String>::new(), "{region}");
        }
    }
}

#[tokio::test]
async fn global_is_imported_and_mended() {
    drift::imported_and_mended(&GLOBAL, "gdrift").await;
}

#[tokio::test]
async fn notification_is_imported_and_mended() {
    drift::imported_and_mended(&NOTIFICATION, "ndrift").await;
}

#[tokio::test]
async fn multi_region_is_imported_and_mended() {
    drift::imported_and_mended(&MULTI_REGION, "mdrift").await;
}

#[tokio::test]
async fn global_moves() {
    moves(&GLOBAL, "gmove").await;
}

#[tokio::test]
async fn notification_moves() {
    moves(&NOTIFICATION, "nmove").await;
}

#[tokio::test]
async fn multi_region_moves() {
    moves(&MULTI_REGION, "mmove").await;
}

async fn moves(preset: &'static Preset, suffix: &'static str) {
    let home = Home::applied(preset, suffix).await;
    let mut from = preset.regions;
    for to in preset.moves {
        regions::step(&home, from, to).await;
        from = to;
    }
    home.end().await;
}

#[tokio::test]
async fn global_is_edited() {
    is_edited(&GLOBAL, "gedit").await;
}

#[tokio::test]
async fn notification_is_edited() {
    is_edited(&NOTIFICATION, "nedit").await;
}

#[tokio::test]
async fn multi_region_is_edited() {
    is_edited(&MULTI_REGION, "medit").await;
}

async fn is_edited(preset: &'static Preset, suffix: &'static str) {
    let home = Home::applied(preset, suffix).await;
    edits::wave_by_wave(&home).await;
    home.end().await;
}
