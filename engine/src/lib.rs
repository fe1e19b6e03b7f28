//! A stack is a set of components with references between them. This crate plans, applies, reads
//! and destroys such a set. It knows nothing of Terraform's wire and nothing of any AWS service:
//! a service joins through the [`Kind`] trait, one implementation per AWS primitive.
//!
//! # The parts
//!
//! | step | function | what it does |
//! | --- | --- | --- |
//! | describe | [`Graph`], [`own`](own()), [`override_settings`] | the wanted components, with symbolic references such as `${kms_key.data.arn}`; ownership tags; the user's overrides |
//! | read | [`refresh`] | reads everything side by side; what differs from the record is drift, what is gone is dropped |
//! | plan | [`plan`](plan()) | pure: compares graph and [`StackState`], answers a [`Plan`], or every problem at once |
//! | promise | [`Plan::promise`], [`Plan::keeps`] | what was shown travels to the apply, which must do nothing else |
//! | apply | [`apply`] | as wide as the dependencies allow; a failure stops only what depends on it |
//! | undo | [`rollback`], [`destroy`] | from the state alone, in the order kept there |
//! | find | [`discover`] | import, and what an interrupted run has left |
//! | guard | [`record`] | one run at a time per stack; a dead run's work is taken over |
//!
//! # What may be relied on
//!
//! - The state holds what is true. A call that fails is followed by a read; where nothing could be
//!   read, a setting is recorded as in doubt ([`reference::UNKNOWN`]) and written again next time.
//!   A setting that did not follow a replaced producer is recorded with the old value.
//! - Nothing is leaked. After a call without an answer the object is looked for by name and
//!   ownership; after the death of the process the next run adopts what is there
//!   ([`RunOptions::adopt`], [`discover`]).
//! - Nothing is done twice at once: every component has at most two legs, making the new object and
//!   deleting the old one, and they follow the dependencies.
//! - Nothing that holds data is replaced or removed without `allow_data_loss`, and nothing that
//!   holds data is emptied without `force_destroy` (or `allow_data_loss`, for what is replaced).
//!
//! The feature `fake` adds the in-memory cloud with which all of that is tested: `fake::drill` kills
//! runs at every call and lives whole lives of random stacks under faults.
//!
//! # Example
//!
//! Two components on the fake cloud: made, changed, deleted.
//!
//! ```
//! use tap_engine::fake::{FakeCloud, random};
//! use tap_engine::{Component, Graph, Key, PlanOptions, RunOptions, StackState, apply, destroy, plan};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let cloud = FakeCloud::default();
//! let registry = cloud.registry(random::SPECS);
//! let options = RunOptions::new("demo/dev");
//!
//! let mut graph = Graph::default();
//! let first = graph.add(Component::new(Key::new("plain", "first"), "plain", "eu-west-1").set("name", "first"));
//! let second = Component::new(Key::new("plain", "second"), "plain", "eu-west-1").set("name", "second");
//! graph.add(second.set("uses", vec![first.arn()]));
//!
//! let planned = plan(&graph, &StackState::default(), &registry, &PlanOptions::default()).unwrap();
//! let made = apply(&planned, StackState::default(), &registry, &options).await;
//! assert!(made.is_complete());
//! assert_eq!(cloud.objects().len(), 2);
//!
//! let second = graph.components.get_mut("plain.second").unwrap();
//! second.settings.insert("plain".to_owned(), "green".into());
//! let planned = plan(&graph, &made.state, &registry, &PlanOptions::default()).unwrap();
//! assert_eq!(planned.to_string(), "~ plain.second: plain (not set) -> \"green\"\n");
//! let changed = apply(&planned, made.state, &registry, &options).await;
//!
//! let gone = destroy(changed.state, &registry, &options).await;
//! assert!(gone.state.is_empty() && cloud.objects().is_empty());
//! # }
//! ```

mod compare;
pub mod component;
pub mod error;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
pub mod json;
pub mod kind;
pub mod own;
pub mod plan;
pub mod record;
pub mod reference;
pub mod run;
pub mod state;

pub use component::{Component, ComponentState, Graph, Key, Settings};
pub use error::{KindError, KindResult};
pub use kind::{Change, Context, Created, Finding, Kind, KindSpec, Observed, Outputs, Prospect, Registry, Setting};
pub use own::{override_settings, own};
pub use plan::{Action, Plan, PlanError, PlanOptions, PlannedValue, SettingChange, plan};
pub use run::{Outcome, Refreshed, RunOptions, apply, destroy, discover, refresh, rollback};
pub use state::StackState;
