//! Creating, adopting and updating one component, and telling truly what came of it.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use serde_json::Value;

use super::guard::{find, find_lagging, guarded, read_confirmed, uncancelled};
use crate::compare::{Reading, canonical, same, truth};
use crate::component::Settings;
use crate::error::KindError;
use crate::kind::{Change, Context, Kind, Observed, Outputs};
use crate::reference::{UNKNOWN, has_unknown};

/// How often one create may end in finding an object that then is not to be had: a service that
/// keeps a dying object's name must not hold the run for ever.
const ATTEMPTS: u8 = 3;

/// What came of making a component.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// What exists now: settings as they are to be recorded, and outputs. `None`: nothing new.
    pub(super) exists: Option<(Settings, Outputs)>,
    /// Why it is not what was wanted.
    pub(super) error: Option<KindError>,
    /// It was left by an earlier run.
    pub(super) adopted: bool,
}

impl Made {
    fn done(settings: Settings, outputs: Outputs) -> Self {
        Self {
            exists: Some((settings, outputs)),
            ..Self::default()
        }
    }
    fn failed(error: KindError) -> Self {
        Self {
            error: Some(error),
            ..Self::default()
        }
    }
}

/// A component to be made.
pub(super) struct Create {
    pub(super) kind: Arc<dyn Kind>,
    pub(super) cx: Context,
    /// Settings as they are to be recorded.
    pub(super) symbolic: Settings,
    /// The same, references resolved.
    pub(super) resolved: Settings,
    /// Look for what an earlier run left, first.
    pub(super) adopt: bool,
    /// What was left may be deleted although it holds data, when it cannot be brought in line.
    pub(super) allow_data_loss: bool,
}

impl Create {
    pub(super) async fn run(self) -> Made {
        if self.adopt {
            match find(&*self.kind, &self.cx, &self.resolved).await {
                Ok(Some(id)) => return self.take_over(&id, ATTEMPTS).await,
                Ok(None) => {}
                Err(error) => return Made::failed(error),
            }
        }
        self.make(ATTEMPTS).await
    }

    async fn make(&self, attempts: u8) -> Made {
        let error = match guarded(&*self.kind, "create", self.kind.create(&self.cx, &self.resolved)).await {
            Ok(outputs) => return Made::done(self.symbolic.clone(), outputs),
            Err(error) => error,
        };
        let journal = self.cx.journal.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (journal, &error) {
            (Some(outputs), _) => self.unfinished(outputs, error).await,
            (None, KindError::InvalidSetting { .. } | KindError::NotOwned { .. } | KindError::Cancelled { .. }) => {
                Made::failed(error)
            }
            (None, _) if attempts > 1 => self.lost_answer(error, attempts - 1).await,
            (None, _) => Made::failed(error),
        }
    }

    /// The object exists, but its creation did not come to its end.
    async fn unfinished(&self, outputs: Outputs, error: KindError) -> Made {
        let id = outputs.get("id").cloned().unwrap_or_default();
        let observed = read_confirmed(&*self.kind, &uncancelled(&self.cx), &id, &self.resolved).await;
        let exists = match observed {
            Ok(Some(observed)) => (self.as_observed(&observed), merged(outputs, observed.outputs)),
            Ok(None) | Err(_) => (self.unseen_settings(), outputs),
        };
        Made {
            exists: Some(exists),
            error: Some(error),
            adopted: false,
        }
    }

    /// The call failed without saying what it did: it may have made the object (no answer, or the
    /// SDK's own second attempt met the first one's object). Nothing of ours may be left behind.
    async fn lost_answer(&self, error: KindError, attempts: u8) -> Made {
        let cx = uncancelled(&self.cx);
        let found = if error.is_uncertain() {
            find_lagging(&*self.kind, &cx, &self.resolved).await
        } else {
            find(&*self.kind, &cx, &self.resolved).await
        };
        match found {
            Ok(Some(id)) => {
                let mut made = Box::pin(self.take_over(&id, attempts)).await;
                made.adopted = false;
                made
            }
            Err(foreign @ KindError::NotOwned { .. }) => Made::failed(foreign),
            Ok(None) | Err(_) => Made::failed(error),
        }
    }

    /// Brings an object of ours in line with what is wanted.
    async fn take_over(&self, id: &str, attempts: u8) -> Made {
        let kind = &*self.kind;
        let cx = uncancelled(&self.cx);
        let observed = match read_confirmed(kind, &cx, id, &self.resolved).await {
            Ok(Some(observed)) => observed,
            // Found, but being deleted: its place is free.
            Ok(None) => return Box::pin(self.make(attempts)).await,
            Err(error) => return Made::failed(error),
        };
        let changed = self.differing(&observed);
        if let Some(setting) = self.fixed_difference(&changed) {
            return self.replace_leftover(id, &observed, setting, attempts).await;
        }
        let outputs = if changed.is_empty() {
            Ok(observed.outputs.clone())
        } else {
            let change = Change {
                before: &observed.settings,
                after: &self.resolved,
                changed: &changed,
                outputs: &observed.outputs,
            };
            guarded(kind, "update", kind.update(&self.cx, id, &change)).await
        };
        match outputs {
            Ok(outputs) => Made {
                adopted: true,
                ..Made::done(self.symbolic.clone(), outputs)
            },
            Err(error) => {
                let now = kind_read(kind, &cx, id, &self.resolved).await.unwrap_or(observed);
                let exists = Some((self.as_observed(&now), now.outputs));
                Made {
                    exists,
                    error: Some(error),
                    adopted: true,
                }
            }
        }
    }

    /// An earlier run made it with a setting that cannot be changed any more.
    async fn replace_leftover(&self, id: &str, observed: &Observed, setting: &str, attempts: u8) -> Made {
        let kind = &*self.kind;
        let refused = if kind.spec().holds_data && !self.allow_data_loss {
            Some(KindError::Failed {
                operation: format!("{}:adopt", kind.spec().name),
                message: format!(
                    "an interrupted run left {id} with another {setting}; it holds data and cannot be brought in line, \
                     so it is kept: set allow_data_loss = true to have it replaced"
                ),
            })
        } else {
            guarded(kind, "delete", kind.delete(&self.cx, id, &observed.settings))
                .await
                .err()
        };
        match refused {
            None => Box::pin(self.make(attempts)).await,
            Some(error) => {
                let exists = Some((self.as_observed(observed), observed.outputs.clone()));
                Made {
                    exists,
                    error: Some(error),
                    adopted: true,
                }
            }
        }
    }

    /// Settings to bring in line. What cannot be read is written again, unless it cannot be
    /// changed: then it is as it was created.
    fn differing(&self, observed: &Observed) -> Vec<String> {
        let kind = &*self.kind;
        let differs = |setting: &&crate::Setting| {
            let wanted = self.resolved.get(setting.name);
            if setting.unreadable {
                !setting.replace && canonical(kind, setting.name, wanted).is_some()
            } else {
                !same(kind, setting.name, observed.settings.get(setting.name), wanted)
            }
        };
        kind.spec()
            .settings
            .iter()
            .filter(differs)
            .map(|s| s.name.to_owned())
            .collect()
    }

    fn fixed_difference<'a>(&self, changed: &'a [String]) -> Option<&'a str> {
        let spec = self.kind.spec();
        changed
            .iter()
            .find(|name| spec.setting(name).is_some_and(|s| s.replace))
            .map(String::as_str)
    }

    /// What to record of an object that could not be read: the creating call, which went through,
    /// carries all that cannot be changed later; the rest may or may not be there.
    fn unseen_settings(&self) -> Settings {
        let names = self.symbolic.keys();
        names
            .filter_map(|name| Some((name.clone(), unseen(&*self.kind, name, &self.symbolic)?)))
            .collect()
    }

    fn as_observed(&self, observed: &Observed) -> Settings {
        let wanted = Reading {
            symbolic: &self.symbolic,
            resolved: &self.resolved,
        };
        truth(&*self.kind, &observed.settings, &[wanted], |name| {
            unseen(&*self.kind, name, &self.symbolic)
        })
    }
}

/// What to record for a setting of an unfinished object that was not or cannot be read.
pub(super) fn unseen(kind: &dyn Kind, name: &str, wanted: &Settings) -> Option<Value> {
    let value = wanted.get(name)?;
    let fixed = kind.spec().setting(name).is_some_and(|s| s.replace);
    Some(if fixed {
        value.clone()
    } else {
        Value::String(UNKNOWN.to_owned())
    })
}

/// An object to be brought in line in place.
pub(super) struct Update {
    pub(super) kind: Arc<dyn Kind>,
    pub(super) cx: Context,
    pub(super) id: String,
    /// Recorded settings, and what they stood for when they were recorded.
    pub(super) recorded: Settings,
    pub(super) before: Settings,
    /// Settings as they are to be recorded, and references resolved.
    pub(super) symbolic: Settings,
    pub(super) after: Settings,
    /// The same for an update that failed half-way: literal where a reference has moved, so that
    /// the text cannot be taken for the value from before.
    pub(super) arrived: Settings,
    /// The settings that the plan changes.
    pub(super) planned: BTreeSet<String>,
    pub(super) outputs: Outputs,
}

impl Update {
    pub(super) async fn run(self) -> Made {
        let kind = &*self.kind;
        // A reference that resolves to what it did before needs no call.
        let differs = |name: &&String| {
            let in_doubt = self.recorded.get(*name).is_some_and(has_unknown);
            in_doubt || !same(kind, name, self.before.get(*name), self.after.get(*name))
        };
        let changed: Vec<String> = self.planned.iter().filter(differs).cloned().collect();
        if changed.is_empty() {
            return Made::done(self.symbolic, self.outputs);
        }
        let change = Change {
            before: &self.before,
            after: &self.after,
            changed: &changed,
            outputs: &self.outputs,
        };
        match guarded(kind, "update", kind.update(&self.cx, &self.id, &change)).await {
            Ok(outputs) => Made::done(self.symbolic, outputs),
            Err(error) if error.is_cancelled() => Made::failed(error),
            Err(error) => self.as_far_as_it_went(&changed, error).await,
        }
    }

    async fn as_far_as_it_went(&self, changed: &[String], error: KindError) -> Made {
        let kind = &*self.kind;
        let doubtful = |name: &str| {
            let changed = changed.iter().any(|changed| changed == name);
            if changed {
                Some(Value::String(UNKNOWN.to_owned()))
            } else {
                self.recorded.get(name).cloned()
            }
        };
        let Some(observed) = kind_read(kind, &uncancelled(&self.cx), &self.id, &self.before).await else {
            let names = kind.spec().settings.iter().map(|s| s.name);
            let settings = names
                .filter_map(|name| Some((name.to_owned(), doubtful(name)?)))
                .collect();
            return Made {
                exists: Some((settings, self.outputs.clone())),
                error: Some(error),
                adopted: false,
            };
        };
        let arrived = |name: &String| {
            let readable = kind.spec().setting(name).is_some_and(|s| !s.unreadable);
            readable && same(kind, name, observed.settings.get(name), self.after.get(name))
        };
        if error.is_uncertain() && changed.iter().all(arrived) {
            return Made::done(self.symbolic.clone(), merged(self.outputs.clone(), observed.outputs));
        }
        let readings = [
            Reading {
                symbolic: &self.recorded,
                resolved: &self.before,
            },
            Reading {
                symbolic: &self.arrived,
                resolved: &self.after,
            },
        ];
        let settings = truth(kind, &observed.settings, &readings, doubtful);
        Made {
            exists: Some((settings, merged(self.outputs.clone(), observed.outputs))),
            error: Some(error),
            adopted: false,
        }
    }
}

async fn kind_read(kind: &dyn Kind, cx: &Context, id: &str, recorded: &Settings) -> Option<Observed> {
    read_confirmed(kind, cx, id, recorded).await.ok().flatten()
}

fn merged(mut outputs: Outputs, newer: Outputs) -> Outputs {
    outputs.extend(newer);
    outputs
}
