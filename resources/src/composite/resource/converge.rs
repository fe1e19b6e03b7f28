//! Create and update: one run from what exists to what is wanted.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use tap_engine::record::{self, Claim, Intention, RecordError};
use tap_engine::{Key, Outcome, RunOptions, StackState};
use tap_plugin::{Applied, CallContext, Diagnostics, Value};
use tokio_util::sync::CancellationToken;

use super::super::Composite;
use super::super::effective::{effective, written};
use super::super::view::{self, Private};
use super::ends::Ends;
use super::{
    CompositeResource, Stack, broken_private, failures, not_given_back, record_error, record_options, regions,
};

/// What a run leaves, besides the answer to Terraform.
struct Ran {
    applied: Applied,
    /// Something of the stack exists.
    exists: bool,
    /// It is known what interrupted runs have made.
    searched: bool,
}

impl Ran {
    /// Nothing was done.
    fn refused(diagnostics: Diagnostics, exists: bool, searched: bool) -> Self {
        Self {
            applied: refused(diagnostics),
            exists,
            searched,
        }
    }
}

/// What is there, as far as it could be determined.
pub(super) struct Recovered {
    pub(super) state: StackState,
    /// Regions that did not answer: summary and detail of what to say about each.
    pub(super) unsearched: Vec<(String, String)>,
}

impl<C: Composite> CompositeResource<C> {
    /// Brings the stack to what `config` wants. The record is held for the time of the run.
    pub(super) async fn converge(
        &self,
        cx: &CallContext,
        config: &Value,
        private: &[u8],
        intention: Intention,
    ) -> Applied {
        let before = match Private::decode(private) {
            Ok(private) => private,
            Err(error) => return refused(broken_private(&error)),
        };
        let built = self.session().and_then(|session| {
            let given = self.known(config)?;
            Ok((self.stack(session, &given)?, self.composite.secrets(&given)))
        });
        let (stack, secrets) = match built {
            Ok(built) => built,
            Err(diagnostics) => return refused(diagnostics),
        };
        // Kinds get them by name; the record and the state never see them.
        stack.session.secrets.set(&stack.name, secrets);
        let config = &self.shape().without_write_only(config.clone());
        let records = stack.session.records.clone();
        let claim = match record::begin(records, &stack.name, intention, written(config), record_options()).await {
            Ok(claim) => claim,
            Err(error) => return refused(record_error(&error).into()),
        };
        let limit = if intention == Intention::Create {
            "create"
        } else {
            "update"
        };
        let ends = Ends::new(cx, self.shape(), config, limit, &claim);
        let Ran {
            mut applied,
            exists,
            searched,
        } = self.run(&stack, &claim, &before, config, intention, &ends).await;
        let failed = applied.diagnostics.has_errors();
        let released = if searched && !failed {
            claim.finish().await
        } else if searched && intention == Intention::Create && !exists {
            claim.delete().await
        } else {
            leave(claim, searched && applied.state.is_some()).await
        };
        applied
            .diagnostics
            .extend(released.err().map(|error| not_given_back(&error)));
        applied
    }

    async fn run(
        &self,
        stack: &Stack,
        claim: &Claim,
        before: &Private,
        config: &Value,
        intention: Intention,
        ends: &Ends,
    ) -> Ran {
        let options = stack.options(ends.cancel.clone(), claim.adopt);
        let creates = intention == Intention::Create;
        let known = if creates {
            StackState::default()
        } else {
            before.state.clone()
        };
        let keys: BTreeSet<Key> = known.components.keys().cloned().collect();
        // Until the cloud has been asked, an interrupted run's leftovers may be there.
        let unsure = !keys.is_empty() || !claim.interrupted.is_empty();
        let found = self.recover(stack, &claim.interrupted, known, &options).await;
        let Recovered { state, unsearched } = match found {
            Ok(found) => found,
            Err(diagnostics) => return Ran::refused(diagnostics, unsure, false),
        };
        let (exists, searched) = (!state.is_empty(), unsearched.is_empty());
        let plan = match stack.plan(&state, &before.replaced) {
            Ok(plan) => plan,
            Err(diagnostics) => return Ran::refused(diagnostics, exists, searched),
        };
        if let Some(promise) = &before.promise
            && let Err(broken) = plan.keeps(promise, &recovered(&keys, &state))
        {
            let mut diagnostics = Diagnostics::new();
            for breach in broken {
                diagnostics.error(
                    "The apply would do what the plan did not show",
                    format!("{breach}. Plan again."),
                );
            }
            return Ran::refused(diagnostics, exists, searched);
        }
        let outcome = tap_engine::apply(&plan, state, &stack.session.registry, &options).await;
        let rolls_back = creates && !outcome.is_complete() && stack.shared.on_create_failure == "rollback";
        let outcome = if rolls_back {
            // Cancelled or not, what was made goes: the user asked for all or nothing.
            let options = stack.options(CancellationToken::new(), false);
            tap_engine::rollback(outcome, &stack.session.registry, &options).await
        } else {
            outcome
        };
        let exists = !outcome.state.is_empty();
        let mut applied = self.applied(stack, before, config, intention, outcome, ends);
        for (summary, detail) in unsearched {
            applied.diagnostics.warning(summary, detail);
        }
        Ran {
            applied,
            exists,
            searched,
        }
    }

    /// Adds to `state` what interrupted runs have made, so that it is taken over or deleted.
    ///
    /// An answer that is not certain is an error: going on could leak what could not be seen. A region that is down
    /// must not keep the others from being worked on, though: what is made there is looked for once more right before
    /// ([`RunOptions::adopt`]), and the rest as long as the record says that a run was interrupted.
    pub(super) async fn recover(
        &self,
        stack: &Stack,
        interrupted: &[Json],
        state: StackState,
        options: &RunOptions,
    ) -> Result<Recovered, Diagnostics> {
        if interrupted.is_empty() {
            let unsearched = Vec::new();
            return Ok(Recovered { state, unsearched });
        }
        let registry = &stack.session.registry;
        let mut found = tap_engine::refresh(&state, registry, options).await;
        for intent in interrupted {
            let config = effective(self.shape(), &Value::from_json(intent)).unwrap_or_default();
            let earlier = self.stack(stack.session.clone(), &config)?;
            let mut further = tap_engine::discover(&earlier.graph, &found.state, registry, options).await;
            further.add_troubles_of(found);
            found = further;
        }
        let errors = found.uncertain();
        if errors.is_empty() {
            let unsearched = regions::unsearched(&found);
            let state = found.state;
            return Ok(Recovered { state, unsearched });
        }
        let mut diagnostics = Diagnostics::new();
        for error in errors {
            let detail = format!(
                "{error}. An earlier run was interrupted, and what it made could not be determined. Apply again."
            );
            diagnostics.error(format!("{} could not be looked for", error.key), detail);
        }
        Err(diagnostics)
    }

    fn applied(
        &self,
        stack: &Stack,
        before: &Private,
        config: &Value,
        intention: Intention,
        outcome: Outcome,
        ends: &Ends,
    ) -> Applied {
        let mut diagnostics = failures(&outcome, ends);
        let failed_create = diagnostics.has_errors() && intention == Intention::Create;
        let mut private = stack.private(outcome.state);
        if diagnostics.has_errors() {
            // Not all that was named has been replaced: the next apply tries again.
            private.replaced.clone_from(&before.replaced);
        }
        let nothing = private.state.is_empty();
        let forget = failed_create && (nothing || stack.shared.on_create_failure == "resume");
        if forget && !nothing {
            diagnostics.warning(
                "The next apply goes on from here",
                "on_create_failure = \"resume\": nothing was recorded in state; what exists is found again and completed by the next apply.",
            );
        } else if failed_create && !nothing {
            diagnostics.warning(
                "The next apply goes on from here",
                "Terraform marks the stack as tainted and will show a replacement. The next apply continues in place instead: what exists is kept.",
            );
        }
        let state = (!forget).then(|| view::of_state(self.shape(), config, &private, &stack.common()));
        Applied {
            state,
            private: private.encode(),
            diagnostics,
        }
    }
}

/// Gives the record of a run back that has not done everything. What earlier interrupted runs were to bring about is
/// forgotten only where `all_in_state`: what they have made is in the state that Terraform keeps.
async fn leave(claim: Claim, all_in_state: bool) -> Result<(), RecordError> {
    if all_in_state {
        claim.recovered().await?;
    }
    claim.leave_unfinished().await
}

/// Nothing was done: Terraform keeps the state that it has.
fn refused(diagnostics: Diagnostics) -> Applied {
    Applied {
        diagnostics,
        ..Default::default()
    }
}

/// What recovery has found that the recorded state did not know.
fn recovered(known: &BTreeSet<Key>, state: &StackState) -> BTreeSet<Key> {
    let found = state.components.keys().filter(|key| !known.contains(*key));
    found.chain(state.deposed.iter().map(|(key, _)| key)).cloned().collect()
}
