//! The life of a managed resource, from the wire's requests to the [`Resource`] trait and back.

use std::sync::Arc;

use super::ProviderService;
use super::calls::Panicked;
use super::registry::Entry;
use crate::codec::{self, DynamicTypes};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::proto::tfplugin6 as wire;
use crate::resource::{
    Applied, CreateRequest, DeleteRequest, PlanDestroyRequest, PlanRequest, ReadRequest, ReadResponse, Resource,
    UpdateRequest,
};
use crate::schema::ValidationOptions;
use crate::value::Value;

type ResourceEntry = Entry<dyn Resource>;

impl ProviderService {
    pub(super) async fn validate_resource(
        &self,
        request: wire::validate_resource_config::Request,
    ) -> Result<Diagnostics, Diagnostics> {
        let entry = self.registry.resource(&request.type_name)?;
        let config = entry.typed.decode(request.config.as_ref(), "config")?.value;
        let capabilities = request.client_capabilities.unwrap_or_default();
        let options = ValidationOptions {
            write_only_allowed: capabilities.write_only_attributes_allowed,
        };
        let mut diagnostics = entry.typed.schema.validate(&config, options);
        if !diagnostics.has_errors() {
            let handler = Arc::clone(&entry.handler);
            let call = self
                .calls
                .run("ValidateResourceConfig", &request.type_name, |cx| async move {
                    handler.validate(&cx, &config).await
                });
            diagnostics.extend(call.await?);
        }
        Ok(entry.typed.schema.visible(diagnostics))
    }

    pub(super) async fn upgrade_state(
        &self,
        request: wire::upgrade_resource_state::Request,
    ) -> Result<wire::upgrade_resource_state::Response, Diagnostics> {
        let entry = self.registry.resource(&request.type_name)?;
        let raw = request.raw_state.filter(|raw| !raw.json.is_empty()).ok_or_else(|| {
            let detail = "The state has no JSON form: it was written before Terraform 0.12.";
            Diagnostics::from(Diagnostic::error("Unreadable state", detail))
        })?;
        let raw: serde_json::Value = serde_json::from_slice(&raw.json)
            .map_err(|_| Diagnostics::from(Diagnostic::error("Unreadable state", "The state is not valid JSON.")))?;
        let current = entry.typed.schema.version();
        if request.version > current {
            let detail = format!(
                "The state of {} has schema version {}, this provider knows {current}: a newer version wrote it. \
                 Use that version or a later one.",
                request.type_name, request.version
            );
            return Err(Diagnostic::error("State from a newer provider", detail).into());
        }
        let raw = if request.version == current {
            raw
        } else {
            let handler = Arc::clone(&entry.handler);
            let call = self
                .calls
                .run("UpgradeResourceState", &request.type_name, |_| async move {
                    handler.upgrade(request.version, raw).await
                });
            call.await??
        };
        let mut diagnostics = Diagnostics::new();
        let decoded = entry.typed.decode_json(&raw)?;
        let state = entry.typed.schema.conform(decoded.value, &mut diagnostics);
        let upgraded_state = Some(entry.typed.encode(&state, &decoded.types)?);
        Ok(wire::upgrade_resource_state::Response {
            upgraded_state,
            diagnostics: diagnostics.to_wire(),
        })
    }

    pub(super) async fn read_resource(&self, request: wire::read_resource::Request) -> wire::read_resource::Response {
        // Whatever fails, the state as Terraform has it is the answer: nothing is forgotten by a failed read.
        let unchanged = (request.current_state.clone(), request.private.clone());
        match self.try_read(request).await {
            Ok(response) => response,
            Err(diagnostics) => wire::read_resource::Response {
                new_state: unchanged.0,
                private: unchanged.1,
                diagnostics: diagnostics.to_wire(),
                ..Default::default()
            },
        }
    }

    async fn try_read(
        &self,
        request: wire::read_resource::Request,
    ) -> Result<wire::read_resource::Response, Diagnostics> {
        let entry = self.registry.resource(&request.type_name)?;
        let current = entry.typed.decode(request.current_state.as_ref(), "current_state")?;
        let handler = Arc::clone(&entry.handler);
        let read = ReadRequest {
            state: current.value,
            private: request.private,
        };
        let call = self.calls.run("ReadResource", &request.type_name, |cx| async move {
            handler.read(&cx, read).await
        });
        let ReadResponse {
            state,
            private,
            mut diagnostics,
        } = call.await?;
        let new_state = match state {
            None if diagnostics.has_errors() => return Err(diagnostics),
            None => codec::encode_null(),
            Some(state) => {
                let state = entry.typed.schema.conform_state(state, &mut diagnostics);
                entry.typed.encode(&state, &current.types)?
            }
        };
        Ok(wire::read_resource::Response {
            new_state: Some(new_state),
            private,
            diagnostics: diagnostics.to_wire(),
            ..Default::default()
        })
    }

    pub(super) async fn plan_change(
        &self,
        request: wire::plan_resource_change::Request,
    ) -> Result<wire::plan_resource_change::Response, Diagnostics> {
        let entry = self.registry.resource(&request.type_name)?;
        let prior = entry.typed.decode(request.prior_state.as_ref(), "prior_state")?;
        let proposed = entry
            .typed
            .decode(request.proposed_new_state.as_ref(), "proposed_new_state")?;
        let config = entry.typed.decode(request.config.as_ref(), "config")?;
        if proposed.value.is_null() {
            return self
                .plan_destroy(entry, &request.type_name, prior.value, request.prior_private)
                .await;
        }
        let types = config.types.or(&proposed.types).or(&prior.types);
        let existing = (!prior.value.is_null()).then_some(prior.value);
        let plan = PlanRequest {
            prior: existing.clone(),
            config: config.value,
            proposed: entry.typed.schema.without_write_only(proposed.value),
            private: request.prior_private,
        };
        let handler = Arc::clone(&entry.handler);
        let call = self
            .calls
            .run("PlanResourceChange", &request.type_name, |cx| async move {
                handler.plan(&cx, plan).await
            });
        let response = call.await?;

        let schema = &entry.typed.schema;
        let mut diagnostics = schema.visible(response.diagnostics);
        let mut planned = schema.conform(response.planned, &mut diagnostics);
        let mut requires_replace = Vec::new();
        if let Some(prior) = &existing {
            planned = schema.keep_known_state(prior, planned);
            requires_replace = response.requires_replace;
            for path in schema.replacing_changes(prior, &planned) {
                if !requires_replace.contains(&path) {
                    requires_replace.push(path);
                }
            }
        }
        if diagnostics.has_errors() {
            return Err(diagnostics);
        }
        Ok(wire::plan_resource_change::Response {
            planned_state: Some(entry.typed.encode(&planned, &types)?),
            requires_replace: requires_replace
                .iter()
                .map(crate::path::AttributePath::to_wire)
                .collect(),
            planned_private: response.private,
            diagnostics: diagnostics.to_wire(),
            ..Default::default()
        })
    }

    async fn plan_destroy(
        &self,
        entry: &ResourceEntry,
        type_name: &str,
        prior: Value,
        private: Vec<u8>,
    ) -> Result<wire::plan_resource_change::Response, Diagnostics> {
        let handler = Arc::clone(&entry.handler);
        let plan = PlanDestroyRequest { prior, private };
        let call = self.calls.run("PlanResourceChange", type_name, |cx| async move {
            handler.plan_destroy(&cx, plan).await
        });
        let response = call.await?;
        Ok(wire::plan_resource_change::Response {
            planned_state: Some(codec::encode_null()),
            planned_private: response.private,
            diagnostics: response.diagnostics.to_wire(),
            ..Default::default()
        })
    }

    pub(super) async fn apply_change(
        &self,
        request: wire::apply_resource_change::Request,
    ) -> wire::apply_resource_change::Response {
        // Should the answer not be encodable, Terraform keeps what it had.
        let unchanged = (request.prior_state.clone(), request.planned_private.clone());
        match self.try_apply(request).await {
            Ok(response) => response,
            Err(diagnostics) => wire::apply_resource_change::Response {
                new_state: unchanged.0,
                private: unchanged.1,
                diagnostics: diagnostics.to_wire(),
                ..Default::default()
            },
        }
    }

    async fn try_apply(
        &self,
        request: wire::apply_resource_change::Request,
    ) -> Result<wire::apply_resource_change::Response, Diagnostics> {
        let entry = self.registry.resource(&request.type_name)?;
        let prior = entry.typed.decode(request.prior_state.as_ref(), "prior_state")?;
        let planned = entry.typed.decode(request.planned_state.as_ref(), "planned_state")?;
        let config = entry.typed.decode(request.config.as_ref(), "config")?;
        let types = planned.types.or(&config.types).or(&prior.types);
        let config = entry.typed.schema.as_planned(config.value, &planned.value);
        let change = Change::of(prior.value, planned.value, config, request.planned_private)?;
        let applied = self.run_change(entry, &request.type_name, change).await;
        encode_applied(entry, applied, &types)
    }

    /// Carries out a change. The answer always holds what Terraform should remember.
    async fn run_change(&self, entry: &ResourceEntry, type_name: &str, change: Change) -> Applied {
        let handler = Arc::clone(&entry.handler);
        match change {
            Change::Create(create) => self.run_create(handler, type_name, create).await,
            Change::Update(update) => self.run_update(handler, type_name, update).await,
            Change::Delete(delete) => self.run_delete(handler, type_name, delete).await,
        }
    }

    async fn run_create(&self, handler: Arc<dyn Resource>, type_name: &str, create: CreateRequest) -> Applied {
        let call = self.calls.run(
            "Create",
            type_name,
            |cx| async move { handler.create(&cx, create).await },
        );
        let mut applied = call
            .await
            .unwrap_or_else(|panicked| after_panic(panicked, None, Vec::new()));
        if applied.state.is_none() && !applied.diagnostics.has_errors() {
            applied
                .diagnostics
                .push(bug("The create returned neither a state nor an error."));
        }
        applied
    }

    async fn run_update(&self, handler: Arc<dyn Resource>, type_name: &str, update: UpdateRequest) -> Applied {
        let (prior, private) = (update.prior.clone(), update.private.clone());
        let call = self.calls.run(
            "Update",
            type_name,
            |cx| async move { handler.update(&cx, update).await },
        );
        let mut applied = call
            .await
            .unwrap_or_else(|panicked| after_panic(panicked, Some(&prior), private.clone()));
        if applied.state.is_none() {
            if !applied.diagnostics.has_errors() {
                applied
                    .diagnostics
                    .push(bug("The update returned neither a state nor an error."));
            }
            (applied.state, applied.private) = (Some(prior), private);
        }
        applied
    }

    async fn run_delete(&self, handler: Arc<dyn Resource>, type_name: &str, delete: DeleteRequest) -> Applied {
        let (prior, private) = (delete.prior.clone(), delete.private.clone());
        let call = self.calls.run(
            "Delete",
            type_name,
            |cx| async move { handler.delete(&cx, delete).await },
        );
        let mut applied = call
            .await
            .unwrap_or_else(|panicked| after_panic(panicked, Some(&prior), private.clone()));
        let failed = applied.diagnostics.has_errors();
        if applied.state.is_none() && failed {
            // A delete that failed early has nothing to say about the rest: another destroy finds out.
            (applied.state, applied.private) = (Some(prior), private);
        } else if applied.state.is_some() && !failed {
            applied
                .diagnostics
                .push(bug("The delete left something behind without an error."));
        }
        applied
    }

    pub(super) async fn import_resource(
        &self,
        request: wire::import_resource_state::Request,
    ) -> Result<wire::import_resource_state::Response, Diagnostics> {
        let entry = self.registry.resource(&request.type_name)?;
        if request.id.is_empty() {
            let detail = format!(
                "{} is imported by its id, not by a resource identity.",
                request.type_name
            );
            return Err(Diagnostic::error("Import needs an id", detail).into());
        }
        let handler = Arc::clone(&entry.handler);
        let id = request.id;
        let call = self
            .calls
            .run("ImportResourceState", &request.type_name, |cx| async move {
                handler.import(&cx, &id).await
            });
        let response = call.await?;
        let mut diagnostics = response.diagnostics;
        let state = match response.state {
            Some(state) if !diagnostics.has_errors() => entry.typed.schema.conform_state(state, &mut diagnostics),
            None if !diagnostics.has_errors() => {
                return Err(bug("The import returned neither a state nor an error.").into());
            }
            _ => return Err(diagnostics),
        };
        let imported = wire::import_resource_state::ImportedResource {
            type_name: request.type_name,
            state: Some(entry.typed.encode(&state, &DynamicTypes::default())?),
            private: response.private,
            identity: None,
        };
        Ok(wire::import_resource_state::Response {
            imported_resources: vec![imported],
            diagnostics: diagnostics.to_wire(),
            deferred: None,
        })
    }
}

/// What an apply is asked to do.
enum Change {
    Create(CreateRequest),
    Update(UpdateRequest),
    Delete(DeleteRequest),
}

impl Change {
    fn of(prior: Value, planned: Value, config: Value, private: Vec<u8>) -> Result<Self, Diagnostics> {
        match (prior.is_null(), planned.is_null()) {
            (true, true) => {
                let detail = "The request changes nothing: prior and planned state are both null.";
                Err(Diagnostic::error("Malformed request", detail).into())
            }
            (true, false) => Ok(Self::Create(CreateRequest {
                planned,
                config,
                private,
            })),
            (false, false) => Ok(Self::Update(UpdateRequest {
                prior,
                planned,
                config,
                private,
            })),
            (false, true) => Ok(Self::Delete(DeleteRequest { prior, private })),
        }
    }
}

/// What is left of a change that panicked: its last checkpoint, else what was there before.
fn after_panic(panicked: Panicked, prior: Option<&Value>, private: Vec<u8>) -> Applied {
    match panicked.checkpoint {
        Some(checkpoint) => Applied {
            state: Some(checkpoint.state),
            private: checkpoint.private,
            diagnostics: panicked.diagnostics,
        },
        None => Applied {
            state: prior.cloned(),
            private,
            diagnostics: panicked.diagnostics,
        },
    }
}

fn encode_applied(
    entry: &ResourceEntry,
    applied: Applied,
    types: &DynamicTypes,
) -> Result<wire::apply_resource_change::Response, Diagnostics> {
    let mut diagnostics = applied.diagnostics;
    let new_state = match applied.state {
        None => codec::encode_null(),
        Some(state) => {
            let state = entry.typed.schema.conform_state(state, &mut diagnostics);
            entry.typed.encode(&state, types).map_err(|errors| {
                diagnostics.extend(errors);
                std::mem::take(&mut diagnostics)
            })?
        }
    };
    Ok(wire::apply_resource_change::Response {
        new_state: Some(new_state),
        private: applied.private,
        diagnostics: diagnostics.to_wire(),
        ..Default::default()
    })
}

fn bug(detail: &str) -> Diagnostic {
    Diagnostic::error(
        "Provider returned an invalid result",
        format!("{detail} This is a bug in the provider."),
    )
}
