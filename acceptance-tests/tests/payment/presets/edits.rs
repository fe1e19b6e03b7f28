//! Every edit of [`crate::edits`] on top of a preset, wave by wave: each is one plan and one apply. [`crate::edits`] has each
//! edit by itself, in a stack without a preset.

use super::{GLOBAL, Home, MULTI_REGION, Preset};
use crate::edits::members::{MEMBERS, ONE_SIDED, of_domains};
use crate::edits::removing::{REMOVING, RESHAPING};
use crate::edits::replacing::REPLACING;
use crate::edits::rows::{EDITS, FURTHER};
use crate::edits::single::{self, what_there_is};
use crate::edits::{give_up_key, new_key};
use crate::site::{give_up_zone, new_zone};
use tap_acceptance_tests::edited::{Edit, kinds, merged};
use tap_acceptance_tests::payment::ADDRESS;
use tap_acceptance_tests::{Aws, Configuration};

/// Attribute and expression.
type Setting = (&'static str, &'static str);

/// Edits that are made together.
struct Wave {
    /// What they need besides the preset.
    settings: &'static [Setting],
    edits: &'static [&'static [Edit]],
}

/// All parts that a preset may be without.
const ALL_ON: &[Setting] = &[
    ("queue", "{ enabled = true }"),
    ("accounting", "{ enabled = true }"),
    ("failure_notifier", "{ enabled = true }"),
    ("audit", "{ enabled = true }"),
    ("receipts_bucket", "{ enabled = true }"),
    ("workflow", "{ enabled = true }"),
    ("processor", "{ response_mode = \"queue\" }"),
];

/// What a region that is alone cannot have.
const STANDBY: &[Edit] = &[("event_failover", "{ enabled = true }", &[])];

const IN_ITS_REGIONS: [Wave; 4] = [
    Wave {
        settings: ALL_ON,
        edits: &[STANDBY, EDITS, FURTHER, MEMBERS],
    },
    Wave {
        settings: ALL_ON,
        edits: &[STANDBY, REPLACING, ONE_SIDED],
    },
    Wave {
        settings: ALL_ON,
        edits: &[STANDBY, RESHAPING],
    },
    // A domain needs an API behind it.
    Wave {
        settings: &[("domain", "{ enabled = false }")],
        edits: &[REMOVING],
    },
];

/// A domain has no place beside an edge-optimized endpoint.
const ALONE: &[Edit] = &[
    ("processor", "{ response_mode = \"sync\" }", &[]),
    ("domain", "{ enabled = false }", &[]),
];

const IN_ONE_REGION: [Wave; 2] = [
    Wave {
        settings: ALL_ON,
        edits: &[],
    },
    Wave {
        settings: single::WITHOUT,
        edits: &[ALONE, single::EDITS],
    },
];

/// Where a preset's table has other keys: preset, and the edit of `table` that means the same there.
const OTHER_KEYS: [(&str, &str); 2] = [
    (
        GLOBAL.name,
        "{ global_secondary_indexes = [{ name = \"by-provider\", hash_key = \"provider\", range_key = \"timestamp\", range_key_type = \"N\" }] }",
    ),
    (
        MULTI_REGION.name,
        "{ global_secondary_indexes = [{ name = \"by-provider\", hash_key = \"Provider\", range_key = \"Timestamp\", range_key_type = \"N\" }] }",
    ),
];

/// The second region in the edits.
const SECOND: &str = "us-west-2";

/// What the edits name of the account, as locals.
struct Things {
    zones: [String; 2],
    keys: Vec<(Aws, String)>,
    locals: String,
}

impl Things {
    async fn of(home: &Home, regions: &[&str]) -> Self {
        let aws = &home.site.aws;
        let first = match &home.zone {
            Some(zone) => zone.clone(),
            None => new_zone(aws, "example.com").await,
        };
        let zones = [first, new_zone(aws, "example.org").await];
        let mut keys = Vec::new();
        for region in regions {
            let there = aws.in_region(region);
            let key = new_key(&there).await;
            keys.push((there, key));
        }
        let replica_key = &keys[keys.len().min(2) - 1].1;
        let locals = format!(
            "{}\n{}\nlocals {{\n  replica_key = {replica_key:?}\n}}",
            of_domains(regions, &zones),
            what_there_is(&home.site, &keys[0].1).await
        );
        Self { zones, keys, locals }
    }

    async fn give_up(self, home: &Home) {
        for (aws, key) in &self.keys {
            give_up_key(aws, key).await;
        }
        for zone in self.zones.iter().filter(|zone| home.zone.as_ref() != Some(zone)) {
            give_up_zone(&home.site.aws, zone).await;
        }
    }
}

/// The preset as it is, then each wave of edits, and back.
pub(super) async fn wave_by_wave(home: &Home) {
    each(home, home.preset.edited_in, &IN_ITS_REGIONS).await;
    each(home, &home.preset.edited_in[..1], &IN_ONE_REGION).await;
}

async fn each(home: &Home, regions: &[&str], waves: &[Wave]) {
    let things = Things::of(home, regions).await;
    let base = home.configuration(regions);
    let base = base.with("allow_data_loss", "true").with_block(&things.locals);
    home.settle(&base).await;
    for wave in waves {
        planned_and_applied(home, &base, regions, wave).await;
    }
    home.settle(&base).await;
    things.give_up(home).await;
}

/// One plan shows a change of every kind that the edits change by themselves and the stack has; one apply brings it about, and
/// nothing is left to plan.
async fn planned_and_applied(home: &Home, base: &Configuration, regions: &[&str], wave: &Wave) {
    let payments = home.site.payments().await;
    let components = payments.components();
    let has = |kind: &str| components.values().any(|component| component["kind"] == kind);
    let edits = wave.edits.concat().into_iter().filter(fits);
    let edits: Vec<Edit> = edits.map(|edit| of_preset(home.preset, edit)).collect();
    let edited = edits.iter().map(|(attribute, expression, _)| (*attribute, *expression));
    let all = wave.settings.iter().copied().chain(edited);
    let configuration = all.fold(base.clone(), |configuration, (attribute, expression)| {
        let before = configuration.setting(attribute).unwrap_or("null");
        let merged = merged(before, &of_regions(expression, regions));
        configuration.with(attribute, &merged)
    });
    home.site.configure(&configuration);

    let plan = home.site.plan().await;

    let shown = kinds(&plan, ADDRESS);
    let expected = edits.iter().flat_map(|(_, _, kinds)| *kinds).copied();
    let missing: Vec<&str> = expected.filter(|kind| has(kind) && !shown.contains(*kind)).collect();
    assert!(missing.is_empty(), "no change of {missing:?}: {}", plan.text);
    home.site.apply_plan().await;
    home.site.must_be_settled().await;
}

/// Those of another preset, or of other regions, do not fit.
fn fits((attribute, expression, _): &Edit) -> bool {
    *attribute != "preset" && !expression.contains("witness_region")
}

fn of_preset(preset: &Preset, (attribute, expression, kinds): Edit) -> Edit {
    let other = OTHER_KEYS
        .iter()
        .find(|(name, _)| attribute == "table" && *name == preset.name && expression.contains("by-provider"));
    (attribute, other.map_or(expression, |(_, other)| other), kinds)
}

/// The edits are of stacks in `us-east-1` and `us-west-2`.
fn of_regions(expression: &str, regions: &[&str]) -> String {
    match regions.get(1) {
        Some(second) => expression.replace(SECOND, second),
        None => expression.to_owned(),
    }
}
