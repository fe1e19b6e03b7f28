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

/// As many components are named. A stack has dozens in a region, and which ones they are says less than how many.
const NAMED: usize = 5;

fn told(errors: &[&ComponentError], what: &str) -> String {
    let names: Vec<&str> = errors.iter().take(NAMED).map(|error| error.key.as_str()).collect();
    let names = names.join(", ");
    let first = errors.first().map(|error| error.source.to_string()).unwrap_or_default();
    let more = match errors.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{} components {what} ({first}): {names}{more}", errors.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tap_engine::KindError;
    use tap_engine::run::Operation;

    #[test]
    fn a_few_components_stand_for_all_of_a_region() {
        let error = |number: usize| ComponentError {
            key: tap_engine::Key::in_region("eu-west-1", "sqs_queue", &format!("q{number}")),
            region: "eu-west-1".to_owned(),
            operation: Operation::Read,
            source: KindError::Transport {
                operation: "sqs:GetQueueUrl".to_owned(),
                message: "connection refused".to_owned(),
            },
        };
        let all: Vec<ComponentError> = (0..7).map(error).collect();
        let told_of = |number: usize| told(&all.iter().take(number).collect::<Vec<_>>(), "could not be read");
        assert!(told_of(5).ends_with("q4"), "{}", told_of(5));
        let many = told_of(7);
        assert!(
            many.starts_with("7 components could not be read (sqs:GetQueueUrl: "),
            "{many}"
        );
        assert!(many.ends_with("eu-west-1/sqs_queue.q4 and 2 more"), "{many}");
    }
}
