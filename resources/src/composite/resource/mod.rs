//! A composite as a Terraform resource: plan, apply, read, destroy, import over the engine.

mod checks;
mod converge;
mod destroy;
mod ends;
mod lookup;
mod places;
mod regions;
mod stacks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value as Json;
use tap_engine::record::{Intention, RecordError, RecordOptions, Status};
use tap_engine::run::{Event, Phase, Progress};
use tap_engine::{Graph, Key, Outcome, Plan, PlanError, PlanOptions, RunOptions, Settings, StackState};
use tap_plugin::{
    Applied, CallContext, CreateRequest, DeleteRequest, Diagnostic, Diagnostics, ImportResponse, PlanDestroyRequest,
    PlanDestroyResponse, PlanRequest, PlanResponse, ReadRequest, ReadResponse, Resource, Schema, UpdateRequest, Value,
};
use tokio_util::sync::CancellationToken;

use super::effective::{effective, effective_before_apply};
use super::identity::clashes;
use super::session::{Session, SessionSlot};
use super::shared::{Shared, override_value};
use super::view::{self, Common, Private};
use super::{Composite, misfit};
use ends::Ends;
pub use stacks::Stacks;

/// The provider's version, kept in stack records.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A composite behind the plugin protocol.
pub struct CompositeResource<C> {
    composite: C,
    type_name: String,
    /// Made when it is asked for: thousands of attributes, and most starts of the provider need one composite's.
    schema: OnceLock<Schema>,
    slot: SessionSlot,
}

/// One stack as a run sees it.
struct Stack {
    session: Arc<Session>,
    shared: Shared,
    graph: Graph,
    tags: BTreeMap<String, String>,
    /// `<kind>/<suffix>`.
    name: String,
}

impl Stack {
    fn common(&self) -> Common<'_> {
        Common {
            environment: &self.session.environment,
            tags: &self.tags,
        }
    }

    /// `replaced` are the keys of `replace_components` that have been dealt with.
    fn plan(&self, state: &StackState, replaced: &BTreeSet<String>) -> Result<Plan, Diagnostics> {
        let named = self.shared.replace_components.iter().flatten();
        let replace = named
            .filter(|key| !replaced.contains(*key))
            .map(|key| Key::from(key.as_str()))
            .collect();
        let options = PlanOptions {
            allow_data_loss: self.shared.allow_data_loss,
            replace,
        };
        tap_engine::plan(&self.graph, state, &self.session.registry, &options).map_err(|errors| plan_errors(&errors))
    }

    fn private(&self, state: StackState) -> Private {
        Private {
            state,
            outputs: self.graph.outputs.clone(),
            replaced: self.shared.replace_components.iter().flatten().cloned().collect(),
            promise: None,
            continues: None,
        }
    }

    fn options(&self, cancel: CancellationToken, adopt: bool) -> RunOptions {
        let mut options = run_options(&self.session, &self.name, cancel, self.shared.force_destroy);
        options.adopt = adopt;
        options
    }
}

fn run_options(session: &Session, stack: &str, cancel: CancellationToken, force_destroy: bool) -> RunOptions {
    let mut options = RunOptions::new(stack);
    options.cancel = cancel;
    options.force_destroy = force_destroy;
    options.progress = Some(Arc::new(LogProgress));
    if let Some(parallelism) = session.parallelism {
        options.parallelism = parallelism;
    }
    options
}

/// Writes each step to the provider's log.
struct LogProgress;

impl Progress for LogProgress {
    fn event(&self, event: &Event) {
        let elapsed = event.elapsed.as_millis();
        match event.phase {
            Phase::Started => tracing::info!(component = %event.key, operation = %event.operation, "started"),
            Phase::Finished => {
                tracing::info!(component = %event.key, operation = %event.operation, elapsed_ms = %elapsed, "finished");
            }
            Phase::Failed => {
                tracing::warn!(component = %event.key, operation = %event.operation, elapsed_ms = %elapsed, "failed");
            }
        }
    }
}

fn plan_errors(errors: &[PlanError]) -> Diagnostics {
    let mut all = Diagnostics::new();
    for error in errors {
        let summary = error.component.as_ref().map_or_else(
            || "The stack cannot be planned".to_owned(),
            |key| format!("{key} cannot be planned"),
        );
        all.error(summary, error.to_string());
    }
    all
}

/// How this run takes and keeps the record. Tests shorten the time after which a dead run's record
/// is taken over.
fn record_options() -> RecordOptions {
    let mut options = RecordOptions::new(VERSION);
    let seconds = std::env::var("TAP_STALE_AFTER_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    if let Some(seconds) = seconds {
        options.stale_after = Duration::from_secs(seconds);
        options.heartbeat_every = Duration::from_secs((seconds / 4).max(1));
    }
    options
}

fn record_error(error: &RecordError) -> Diagnostic {
    Diagnostic::error("The stack's record could not be taken", error.to_string())
}

fn not_given_back(error: &RecordError) -> Diagnostic {
    Diagnostic::warning("The stack's record could not be given back", error.to_string())
}

fn broken_private(error: &serde_json::Error) -> Diagnostics {
    Diagnostic::error("The private part of the state cannot be read", error.to_string()).into()
}

impl<C: Composite> CompositeResource<C> {
    /// The resource `tap_<kind>`.
    pub fn new(composite: C, slot: SessionSlot) -> Self {
        let type_name = format!("tap_{}", composite.kind());
        Self {
            composite,
            type_name,
            schema: OnceLock::new(),
            slot,
        }
    }

    fn shape(&self) -> &Schema {
        self.schema.get_or_init(|| self.composite.schema())
    }

    fn session(&self) -> Result<Arc<Session>, Diagnostics> {
        self.slot.get().ok_or_else(|| {
            Diagnostic::error(
                "The provider is not configured",
                "Its configuration holds values that are still unknown.",
            )
            .into()
        })
    }

    /// The desired stack, owned and overridden, from an effective configuration.
    fn stack(&self, session: Arc<Session>, config: &Json) -> Result<Stack, Diagnostics> {
        let filled = self.composite.fill(config);
        let regions = self.composite.regions(&filled);
        places::exist(&regions, &session.environment.partition, session.skip_region_validation)?;
        let mut graph = self.composite.graph(&filled, &session.environment)?;
        let shared: Shared = serde_json::from_value(filled).map_err(|error| misfit(&error))?;
        let mut tags = session.default_tags.clone();
        tags.extend(shared.tags.clone().unwrap_or_default());
        let name = format!("{}/{}", self.composite.kind(), shared.environment_suffix);
        tap_engine::own(&mut graph, &name, &tags, &session.registry).map_err(|errors| plan_errors(&errors))?;
        let overrides: BTreeMap<Key, Settings> = shared
            .overrides
            .iter()
            .flatten()
            .map(|(key, settings)| {
                let settings = settings
                    .iter()
                    .map(|(name, text)| (name.clone(), override_value(text)))
                    .collect();
                (Key::from(key.as_str()), settings)
            })
            .collect();
        tap_engine::override_settings(&mut graph, &overrides, &session.registry)
            .map_err(|errors| plan_errors(&errors))?;
        let clashes = clashes(&graph);
        if clashes.has_errors() {
            return Err(clashes);
        }
        Ok(Stack {
            session,
            shared,
            graph,
            tags,
            name,
        })
    }

    /// The effective configuration before an apply, when values may be unknown still.
    fn planned(&self, config: &Value) -> Option<Json> {
        effective_before_apply(self.shape(), config, |path| self.composite.carries(path))
    }

    /// The effective configuration for an apply, where everything is known.
    fn known(&self, config: &Value) -> Result<Json, Diagnostics> {
        effective(self.shape(), config).ok_or_else(|| {
            let detail = "Terraform passed unknown values to an apply.";
            Diagnostic::error("The configuration is not known", detail).into()
        })
    }

    /// [`Self::stack`] of what is [`Self::known`].
    fn known_stack(&self, config: &Value) -> Result<Stack, Diagnostics> {
        self.stack(self.session()?, &self.known(config)?)
    }

    async fn plan_known(
        &self,
        cx: &CallContext,
        request: &PlanRequest,
        continues: Option<String>,
    ) -> Result<PlanResponse, Diagnostics> {
        let private = Private::decode(&request.private).map_err(|error| broken_private(&error))?;
        let (Some(session), Some(config)) = (self.slot.get(), self.planned(&request.config)) else {
            return Ok(PlanResponse {
                planned: view::unknown(self.shape(), &request.config),
                private: request.private.clone(),
                ..Default::default()
            });
        };
        let stack = self.stack(session, &config)?;
        // A change of the suffix makes another stack: it is planned from nothing.
        let same = request
            .prior
            .as_ref()
            .is_some_and(|prior| prior.get("environment_suffix") == request.config.get("environment_suffix"));
        let state = if same {
            private.state.clone()
        } else {
            StackState::default()
        };
        let plan = stack.plan(&state, &private.replaced)?;
        let mut diagnostics = Diagnostics::new();
        attention(&plan, &mut diagnostics);
        checks::against_the_cloud(&stack, &plan, &cx.cancel, &mut diagnostics).await;
        let planned = view::of_plan(self.shape(), &request.config, &plan, &stack.common());
        if let Some(name) = &continues {
            diagnostics.warning(
                "An unfinished stack will be continued in place",
                format!("An earlier run on {name} did not finish. Whatever Terraform calls this change, the apply takes over what exists, keeps it, and completes it."),
            );
        }
        let private = Private {
            promise: Some(plan.promise()),
            continues,
            ..private
        };
        Ok(PlanResponse {
            planned,
            private: private.encode(),
            diagnostics,
            ..Default::default()
        })
    }

    /// `<kind>/<suffix>` of a state.
    fn stack_name(&self, state: &Value) -> String {
        let suffix = state
            .get("environment_suffix")
            .and_then(Value::as_str)
            .unwrap_or_default();
        format!("{}/{suffix}", self.composite.kind())
    }

    /// The stack's name, when its record says that an earlier run did not finish.
    async fn unfinished(&self, config: &Value) -> Option<String> {
        let session = self.slot.get()?;
        let name = config
            .get("environment_suffix")
            .and_then(Value::as_str)
            .map(|_| self.stack_name(config))?;
        match session.records.read(&name).await {
            Ok(stored) => stored
                .filter(|stored| stored.record.status != Status::Complete)
                .map(|_| name),
            Err(error) => {
                tracing::warn!("the stack's record cannot be read: {error}");
                None
            }
        }
    }
}

/// What the plan's reader should know, in one warning: Terraform folds several with one summary away.
fn attention(plan: &Plan, diagnostics: &mut Diagnostics) {
    let lines: Vec<String> = plan
        .warnings
        .iter()
        .map(|w| format!("{}: {}", w.key, w.message))
        .collect();
    if !lines.is_empty() {
        diagnostics.warning("Some components need attention", lines.join("\n"));
    }
}

/// Every failure as a diagnostic that names component, call and cause.
fn failures(outcome: &Outcome, ends: &Ends) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for error in &outcome.errors {
        diagnostics.error(
            format!("{}: {} failed", error.key, error.operation),
            error.source.to_string(),
        );
    }
    for (key, why) in &outcome.skipped {
        diagnostics.warning(format!("{key} was not begun"), why.clone());
    }
    if outcome.cancelled {
        diagnostics.push(ends.why());
    }
    diagnostics
}

#[async_trait]
impl<C: Composite> Resource for CompositeResource<C> {
    fn type_name(&self) -> &str {
        &self.type_name
    }

    fn schema(&self) -> Schema {
        self.shape().clone()
    }

    async fn validate(&self, _cx: &CallContext, config: &Value) -> Diagnostics {
        self.planned(config)
            .map_or_else(Diagnostics::new, |config| self.composite.validate(&config))
    }

    async fn plan(&self, cx: &CallContext, request: PlanRequest) -> PlanResponse {
        // Without a prior state this is a create, or a replacement: of a tainted stack among others.
        let continues = if request.prior.is_none() {
            self.unfinished(&request.config).await
        } else {
            None
        };
        self.plan_known(cx, &request, continues)
            .await
            .unwrap_or_else(|diagnostics| PlanResponse {
                planned: request.proposed.clone(),
                private: request.private.clone(),
                diagnostics,
                ..Default::default()
            })
    }

    async fn plan_destroy(&self, _cx: &CallContext, request: PlanDestroyRequest) -> PlanDestroyResponse {
        PlanDestroyResponse {
            private: request.private,
            diagnostics: Diagnostics::new(),
        }
    }

    async fn create(&self, cx: &CallContext, request: CreateRequest) -> Applied {
        self.converge(cx, &request.config, &request.private, Intention::Create)
            .await
    }

    async fn update(&self, cx: &CallContext, request: UpdateRequest) -> Applied {
        self.converge(cx, &request.config, &request.private, Intention::Update)
            .await
    }

    async fn delete(&self, cx: &CallContext, request: DeleteRequest) -> Applied {
        self.destroy(cx, &request).await.unwrap_or_else(|diagnostics| Applied {
            state: Some(request.prior.clone()),
            private: request.private.clone(),
            diagnostics,
        })
    }

    async fn read(&self, cx: &CallContext, request: ReadRequest) -> ReadResponse {
        self.refresh(cx, &request)
            .await
            .unwrap_or_else(|diagnostics| ReadResponse {
                state: Some(request.state.clone()),
                private: request.private.clone(),
                diagnostics,
            })
    }

    async fn import(&self, cx: &CallContext, id: &str) -> ImportResponse {
        self.find(cx, id).await.unwrap_or_else(|diagnostics| ImportResponse {
            diagnostics,
            ..Default::default()
        })
    }
}
