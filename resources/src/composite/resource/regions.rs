//! What is said about components that could not be read, and about regions that are down.

use tap_engine::Refreshed;
use tap_engine::run::ComponentError;
use tap_plugin::Diagnostics;

/// Warns about everything that could not be read: once per region that is down, else once per component.
pub(super) fn unread(found: &Refreshed, diagnostics: &mut Diagnostics) {
    for (region, errors) in found.regions_down() {
        let detail = format!(
            "{}. Their recorded state is kept, and work in other regions goes on.",
            told(&errors, "could not be read")
        );
        diagnostics.warning(format!("Region {region} cannot be reached"), detail);
    }
    for error in found.single_errors() {
        let detail = format!("{error}. Its recorded state is kept.");
        diagnostics.warning(format!("{} could not be read", error.key), detail);
    }
}

/// The regions in which it could not be determined what an interrupted run has made, with what to know about each.
pub(super) fn unsearched(found: &Refreshed) -> Vec<(String, String)> {
    let down = found.regions_down().into_iter();
    down.map(|(region, errors)| {
        let detail = format!(
            "An earlier run was interrupted, and {}. What it may have made there is looked for by the next run.",
            told(&errors, "could not be looked for")
        );
        (format!("Region {region} cannot be reached"), detail)
    })
    .collect()
}

fn told(errors: &[&ComponentError], what: &str) -> String {
    let names: Vec<&str> = errors.iter().map(|error| error.key.as_str()).collect();
    let first = errors.first().map(|error| error.source.to_string()).unwrap_or_default();
    format!("{} components {what} ({first}): {}", errors.len(), names.join(", "))
}
