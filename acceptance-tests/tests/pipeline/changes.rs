//! What a plan changes inside the stack.

use std::collections::BTreeSet;
use tap_acceptance_tests::Plan;
use tap_acceptance_tests::pipeline::ADDRESS;

/// [`Plan::component_changes`] of the pipeline.
pub(crate) fn changes(plan: &Plan) -> BTreeSet<String> {
    plan.component_changes(ADDRESS)
}
