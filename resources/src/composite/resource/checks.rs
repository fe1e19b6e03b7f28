//! The part of a plan that asks the cloud: what only it knows, such as which runtimes it still takes (O-04).

use std::sync::Arc;

use futures::future::join_all;
use tap_engine::plan::Step;
use tap_engine::{Action, Context, Finding, Key, Plan, Prospect};
use tap_plugin::Diagnostics;
use tokio_util::sync::CancellationToken;

use super::Stack;

/// Asks the kinds about everything that is going to be, side by side.
pub(super) async fn against_the_cloud(
    stack: &Stack,
    plan: &Plan,
    cancel: &CancellationToken,
    diagnostics: &mut Diagnostics,
) {
    let asked = plan
        .steps
        .iter()
        .map(|(key, step)| async move { (key, findings(stack, key, step, cancel).await) });
    for (key, findings) in join_all(asked).await {
        for finding in findings {
            let summary = format!("{key}: {}", finding.setting);
            if finding.fatal {
                diagnostics.error(summary, finding.message);
            } else {
                diagnostics.warning(summary, finding.message);
            }
        }
    }
}

async fn findings(stack: &Stack, key: &Key, step: &Step, cancel: &CancellationToken) -> Vec<Finding> {
    let Some(component) = &step.component else {
        return Vec::new();
    };
    let Some(kind) = stack.session.registry.get(&component.kind) else {
        return Vec::new();
    };
    let changed: Vec<&str> = step.action.changes().iter().map(|c| c.setting.as_str()).collect();
    let prospect = match step.action {
        Action::Create | Action::Replace { .. } => Prospect::Made,
        Action::Update { .. } => Prospect::Changed(&changed),
        Action::Keep | Action::Delete => Prospect::Kept,
    };
    let cx = Context {
        key: key.clone(),
        region: component.region.clone(),
        stack: stack.name.clone(),
        cancel: cancel.clone(),
        force_destroy: false,
        known_ids: Vec::new(),
        leaving: Vec::new(),
        journal: Arc::default(),
    };
    kind.check(&cx, &component.settings, prospect).await
}
