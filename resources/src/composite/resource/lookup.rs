//! Read and import.

use std::collections::BTreeMap;

use tap_engine::record::{self, Status};
use tap_engine::reference::UNKNOWN;
use tap_engine::{Graph, Refreshed, StackState};
use tap_plugin::{CallContext, Diagnostic, Diagnostics, ImportResponse, ReadRequest, ReadResponse, Value};

use super::super::Composite;
use super::super::effective::configured;
use super::super::session::Session;
use super::super::view::{self, Common, Private};
use super::{CompositeResource, Stack, broken_private, record_error, regions, run_options};

impl<C: Composite> CompositeResource<C> {
    pub(super) async fn refresh(&self, cx: &CallContext, request: &ReadRequest) -> Result<ReadResponse, Diagnostics> {
        let mut private = Private::decode(&request.private).map_err(|error| broken_private(&error))?;
        let Some(session) = self.slot.get() else {
            // The provider's configuration is unknown in this plan: what is recorded has to do.
            return Ok(ReadResponse {
                state: Some(request.state.clone()),
                private: request.private.clone(),
                ..Default::default()
            });
        };
        let options = run_options(&session, &self.stack_name(&request.state), cx.cancel.clone(), false);
        let found = if private.is_lost(&request.state) {
            let stack = self.known_stack(&configured(self.shape(), &request.state))?;
            private = stack.private(StackState::default());
            found_again(&stack, cx).await?
        } else {
            tap_engine::refresh(&private.state, &session.registry, &options).await
        };
        let mut diagnostics = Diagnostics::new();
        regions::unread(&found, &mut diagnostics);
        for key in &found.gone {
            tracing::info!(component = %key, "is gone and will be made again");
        }
        let nothing = found.state.is_empty();
        // A record without a stack is what a run leaves that died at the end of a destroy: it stays in the state, so
        // that destroying or applying once more can take the record over.
        let forget = nothing && found.errors.is_empty() && !self.is_recorded(&session, &request.state).await;
        private.state = found.state;
        let tags = recorded_tags(&request.state);
        let config = configured(self.shape(), &request.state);
        let common = Common {
            environment: &session.environment,
            tags: &tags,
        };
        let state = view::of_state(self.shape(), &config, &private, &common);
        Ok(ReadResponse {
            state: (!forget).then_some(state),
            private: private.encode(),
            diagnostics,
        })
    }

    /// Whether the stack has a record. One that cannot be read counts as there: nothing is forgotten on a guess.
    async fn is_recorded(&self, session: &Session, state: &Value) -> bool {
        let stored = session.records.read(&self.stack_name(state)).await;
        !matches!(stored, Ok(None))
    }

    pub(super) async fn find(&self, cx: &CallContext, suffix: &str) -> Result<ImportResponse, Diagnostics> {
        let session = self.session()?;
        let name = format!("{}/{suffix}", self.composite.kind());
        let stored = session
            .records
            .read(&name)
            .await
            .map_err(|error| Diagnostic::error("The stack's record cannot be read", error.to_string()))?;
        if let Some(stored) = &stored {
            record::check_format(&name, &stored.record).map_err(|error| record_error(&error))?;
        }
        let complete = stored.as_ref().is_some_and(|s| s.record.status == Status::Complete);
        let intent = stored
            .and_then(|stored| stored.record.intents.last().cloned())
            .ok_or_else(|| {
                let place = &session.environment;
                let detail = format!(
                    "There is no stack {name} in account {} and region {}.",
                    place.account_id, place.region
                );
                Diagnostic::error("Nothing to import", detail)
            })?;
        let config = Value::from_json(&intent);
        let stack = self.known_stack(&config)?;
        let options = stack.options(cx.cancel.clone(), true);
        let found = tap_engine::discover(&stack.graph, &StackState::default(), &session.registry, &options).await;
        let mut diagnostics = Diagnostics::new();
        for error in &found.errors {
            diagnostics.error(format!("{} could not be looked for", error.key), error.to_string());
        }
        let mut state = found.state;
        if complete {
            believe_unreadable(&mut state, &stack.graph);
        }
        let private = stack.private(state);
        let state = view::of_state(self.shape(), &config, &private, &stack.common());
        Ok(ImportResponse {
            state: Some(state),
            private: private.encode(),
            diagnostics,
        })
    }
}

/// Everything of a stack whose private part Terraform has lost, which it does when the provider dies in an update.
async fn found_again(stack: &Stack, cx: &CallContext) -> Result<Refreshed, Diagnostics> {
    tracing::warn!(stack = stack.name, "the private state is lost: looking for what exists");
    let options = stack.options(cx.cancel.clone(), true);
    let found = tap_engine::discover(&stack.graph, &StackState::default(), &stack.session.registry, &options).await;
    let mut diagnostics = Diagnostics::new();
    for error in &found.errors {
        diagnostics.error(format!("{} could not be looked for", error.key), error.to_string());
    }
    if diagnostics.has_errors() {
        Err(diagnostics)
    } else {
        Ok(found)
    }
}

/// What AWS does not show is as the recorded configuration says when the last run was complete.
fn believe_unreadable(state: &mut StackState, graph: &Graph) {
    for (key, component) in &mut state.components {
        let Some(wanted) = graph.components.get(key) else {
            continue;
        };
        for (name, value) in &mut component.settings {
            if value.as_str() == Some(UNKNOWN)
                && let Some(wanted) = wanted.settings.get(name)
            {
                *value = wanted.clone();
            }
        }
    }
}

fn recorded_tags(state: &Value) -> BTreeMap<String, String> {
    let tags = state.get("tags_all").and_then(Value::as_map);
    tags.into_iter()
        .flatten()
        .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
        .collect()
}
