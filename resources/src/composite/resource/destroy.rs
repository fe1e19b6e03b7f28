//! Destroy, from what is recorded alone; and the destroy leg of a replacement that is none.

use tap_engine::StackState;
use tap_engine::record::{self, Intention, Status};
use tap_plugin::{Applied, CallContext, DeleteRequest, Diagnostic, Diagnostics, Value};

use super::super::Composite;
use super::super::effective::{configured, written};
use super::super::session::Session;
use super::super::view::{self, Common, Private};
use super::ends::Ends;
use super::{CompositeResource, broken_private, failures, not_given_back, record_error, record_options, run_options};

impl<C: Composite> CompositeResource<C> {
    pub(super) async fn destroy(&self, cx: &CallContext, request: &DeleteRequest) -> Result<Applied, Diagnostics> {
        let private = Private::decode(&request.private).map_err(|error| broken_private(&error))?;
        let session = self.session()?;
        let name = self.stack_name(&request.prior);
        if private.continues.as_deref() == Some(name.as_str()) {
            return still_unfinished(&session, &name).await;
        }
        let config = configured(self.shape(), &request.prior);
        let claim = record::begin(
            session.records.clone(),
            &name,
            Intention::Destroy,
            written(&config),
            record_options(),
        )
        .await
        .map_err(|error| record_error(&error))?;
        let force = request.prior.get("force_destroy").and_then(Value::as_bool);
        let ends = Ends::new(cx, self.shape(), &request.prior, "delete", &claim);
        let options = run_options(&session, &name, ends.cancel.clone(), force.unwrap_or(false));
        let state = match self
            .to_destroy(&private, &request.prior, &claim.interrupted, &options)
            .await
        {
            Ok(state) => state,
            Err(mut diagnostics) => {
                if let Err(error) = claim.leave_unfinished().await {
                    diagnostics.push(record_error(&error));
                }
                return Err(diagnostics);
            }
        };
        let outcome = tap_engine::destroy(state, &session.registry, &options).await;
        let mut diagnostics = failures(&outcome, &ends);
        let left = Private {
            state: outcome.state,
            promise: None,
            continues: None,
            ..private
        };
        let gone = left.state.is_empty() && !diagnostics.has_errors();
        let released = if gone {
            claim.delete().await
        } else {
            claim.leave_unfinished().await
        };
        diagnostics.extend(released.err().map(|error| not_given_back(&error)));
        let common = Common {
            environment: &session.environment,
            tags: &session.default_tags,
        };
        let state = (!gone).then(|| view::of_state(self.shape(), &config, &left, &common));
        Ok(Applied {
            state,
            private: left.encode(),
            diagnostics,
        })
    }

    /// What there is to destroy: what is recorded, what interrupted runs have left, and, where
    /// Terraform did not hand over the record (a tainted stack's destroy leg), what is found by
    /// name and ownership.
    async fn to_destroy(
        &self,
        private: &Private,
        prior: &Value,
        interrupted: &[serde_json::Value],
        options: &tap_engine::RunOptions,
    ) -> Result<StackState, Diagnostics> {
        let lost = private.is_lost(prior);
        if !lost && interrupted.is_empty() {
            return Ok(private.state.clone());
        }
        let config = configured(self.shape(), prior);
        let stack = self.known_stack(&config)?;
        let mut intents = interrupted.to_vec();
        if lost {
            intents.push(written(&config));
        }
        let found = self.recover(&stack, &intents, private.state.clone(), options).await?;
        if found.unsearched.is_empty() {
            return Ok(found.state);
        }
        // Whatever is not found now would never be deleted.
        let mut diagnostics = Diagnostics::new();
        for (summary, detail) in found.unsearched {
            diagnostics.error(summary, detail);
        }
        Err(diagnostics)
    }
}

/// The plan said that the unfinished stack is continued in place: everything is left for the
/// create leg, which takes it over. Somebody may have finished it in between.
async fn still_unfinished(session: &Session, name: &str) -> Result<Applied, Diagnostics> {
    let stored = session
        .records
        .read(name)
        .await
        .map_err(|error| Diagnostic::error("The stack's record cannot be read", error.to_string()))?;
    match stored {
        Some(stored) if stored.record.status != Status::Complete => {
            tracing::info!(stack = name, "unfinished: left in place for the create that follows");
            Ok(Applied::default())
        }
        _ => Err(Diagnostic::error(
            "The stack is not unfinished any more",
            "It was finished or removed since the plan was made. Plan again; `terraform untaint` keeps a finished stack.",
        )
        .into()),
    }
}
