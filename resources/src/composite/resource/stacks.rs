//! What exists of a stack, by its record alone: for those who do not manage it.

use std::sync::Arc;

use async_trait::async_trait;
use tap_engine::record::{StackRecord, Status};
use tap_engine::{Refreshed, StackState};
use tap_plugin::{CallContext, Diagnostic, Diagnostics, Resource, Value};

use super::super::Composite;
use super::super::effective::effective;
use super::super::session::Session;
use super::{CompositeResource, run_options};

/// All stacks of one composite.
#[async_trait]
pub trait Stacks: Resource {
    /// `webhook_pipeline`: the first part of the names of their records.
    fn stack_kind(&self) -> &str;

    /// What AWS has of a stack now, found by name and by ownership.
    ///
    /// # Errors
    /// A component that could not be looked for, or a record whose configuration does not fit this version.
    async fn existing(
        &self,
        cx: &CallContext,
        session: Arc<Session>,
        record: &StackRecord,
    ) -> Result<StackState, Diagnostics>;
}

#[async_trait]
impl<C: Composite> Stacks for CompositeResource<C> {
    fn stack_kind(&self) -> &str {
        self.composite.kind()
    }

    async fn existing(
        &self,
        cx: &CallContext,
        session: Arc<Session>,
        record: &StackRecord,
    ) -> Result<StackState, Diagnostics> {
        // Of a complete stack only the last configuration holds; interrupted runs may have left parts of each.
        let settled = usize::from(record.status == Status::Complete);
        let passed = settled * record.intents.len().saturating_sub(1);
        let mut found = Refreshed::default();
        for intent in record.intents.iter().skip(passed) {
            let config = effective(self.shape(), &Value::from_json(intent)).unwrap_or_default();
            let stack = self.stack(session.clone(), &config)?;
            let mut options = run_options(&session, &stack.name, cx.cancel.clone(), false);
            options.adopt = true;
            found = tap_engine::discover(&stack.graph, &found.state, &session.registry, &options).await;
            if let Some(error) = found.errors.first() {
                let summary = format!("{} could not be looked for", error.key);
                return Err(Diagnostic::error(summary, error.to_string()).into());
            }
        }
        Ok(found.state)
    }
}
