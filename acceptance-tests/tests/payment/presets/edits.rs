//! Edits of every group of attributes on top of a preset, all in one apply. [`crate::edits`] has each by itself.

use super::{GLOBAL, Home, MULTI_REGION, Preset};
use crate::edits::EDITS;
use tap_acceptance_tests::Configuration;
use tap_acceptance_tests::edited::{Edit, kinds, together};
use tap_acceptance_tests::payment::ADDRESS;

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

/// One plan shows a change of every kind that the edits change by themselves and the stack has; one apply brings it about.
pub(super) async fn all_together(home: &Home) {
    let payments = home.site.payments().await;
    let has = |kind: &str| {
        payments
            .components()
            .values()
            .any(|component| component["kind"] == kind)
    };
    home.site.configure(&edited(home));

    let plan = home.site.plan().await;

    let shown = kinds(&plan, ADDRESS);
    let reach = EDITS.iter().filter(|(attribute, ..)| reaches(home.preset, attribute));
    let expected = reach.flat_map(|(_, _, kinds)| *kinds).copied();
    let missing: Vec<&str> = expected.filter(|kind| has(kind) && !shown.contains(*kind)).collect();
    assert!(missing.is_empty(), "no change of {missing:?}: {}", plan.text);
    home.site.apply_plan().await;
    home.site.must_be_settled().await;
}

fn edited(home: &Home) -> Configuration {
    let base = home.configuration(home.preset.regions);
    let fitting = EDITS.iter().filter(|(attribute, ..)| fits(home.preset, attribute));
    let fitting: Vec<Edit> = fitting.map(|edit| of_preset(home.preset, *edit)).collect();
    let all = together(&base, &fitting);
    // The edit of `region_overrides` names regions.
    let of_region = |region: &&str| format!("{region:?} = {{ email_endpoints = [\"team@example.com\"] }}");
    let overrides: Vec<String> = home.preset.regions.iter().map(of_region).collect();
    all.with("region_overrides", &format!("{{ {} }}", overrides.join(", ")))
}

/// Without a queue there is no accounting: the mapping that such a preset has is another function's.
fn reaches(preset: &Preset, attribute: &str) -> bool {
    attribute != "accounting" || ![GLOBAL.name, MULTI_REGION.name].contains(&preset.name)
}

/// A region that is alone has no standby.
fn fits(preset: &Preset, attribute: &str) -> bool {
    attribute != "event_failover" || preset.regions.len() > 1
}

fn of_preset(preset: &Preset, (attribute, expression, kinds): Edit) -> Edit {
    let other = OTHER_KEYS
        .iter()
        .find(|(name, _)| attribute == "table" && *name == preset.name);
    (attribute, other.map_or(expression, |(_, other)| other), kinds)
}
