//! The [`Kind`] of the fake cloud.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::faults::Fault;
use super::objects::{Object, foreign_parents, ids_in, mentions, name, named_id};
use super::{FakeCloud, Inner, Logged};
use crate::component::Settings;
use crate::error::{KindError, KindResult};
use crate::kind::{Change, Context, Kind, KindSpec, Observed, Outputs};
use crate::reference::references;

/// A kind that lives in a [`FakeCloud`].
///
/// Creating takes two calls: `create` with the name, the tags and what cannot be changed later,
/// then `configure` with the rest. Updating takes one call per setting.
#[derive(Clone)]
pub struct FakeKind {
    cloud: FakeCloud,
    spec: &'static KindSpec,
    real: Option<Arc<dyn Kind>>,
}

impl FakeKind {
    pub(super) fn new(cloud: FakeCloud, spec: &'static KindSpec) -> Self {
        Self {
            cloud,
            spec,
            real: None,
        }
    }

    /// Normalises and validates as a real kind does.
    #[must_use]
    pub fn like(mut self, real: Arc<dyn Kind>) -> Self {
        self.real = Some(real);
        self
    }

    /// One call to the cloud: counted, logged, delayed, and perhaps failing.
    async fn call<T>(
        &self,
        cx: &Context,
        operation: &'static str,
        effect: impl FnOnce(&mut Inner) -> KindResult<T> + Send,
    ) -> KindResult<T> {
        let name = format!("{}:{operation}", self.spec.name);
        if cx.cancel.is_cancelled() {
            return Err(KindError::Cancelled { operation: name });
        }
        let (entry, latency, fault) = {
            let mut inner = self.cloud.lock();
            let fault = inner.next_fault(operation, cx);
            let begin = self.cloud.now();
            let logged = Logged {
                operation,
                key: cx.key.clone(),
                begin,
                end: None,
                fault: fault.map(|(f, _)| f),
            };
            inner.log.push(logged);
            (inner.log.len() - 1, inner.faults.latency, fault)
        };
        if let Some((Fault::Stopped, takes_effect)) = fault {
            {
                let mut inner = self.cloud.lock();
                if takes_effect {
                    let _ = effect(&mut inner);
                }
                inner.stopped.cancel();
            }
            return futures::future::pending().await;
        }
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let mut inner = self.cloud.lock();
        inner.log[entry].end = Some(self.cloud.now());
        match fault {
            None => effect(&mut inner),
            Some((fault, false)) => Err(fault.error(name)),
            Some((fault, true)) => effect(&mut inner).and_then(|_| Err(fault.error(name))),
        }
    }

    fn refuse(&self, operation: &str, code: &str, message: String) -> KindError {
        KindError::Service {
            operation: format!("{}:{operation}", self.spec.name),
            code: code.to_owned(),
            message,
            request_id: None,
            status: Some(400),
        }
    }

    /// What AWS would say to settings that make no sense.
    fn check(&self, inner: &Inner, operation: &str, settings: &Settings) -> KindResult<()> {
        for (name, value) in settings {
            if self.spec.setting(name).is_none() || !references(value).is_empty() {
                return Err(self.refuse(operation, "ValidationException", format!("{name} = {value}")));
            }
        }
        match ids_in(settings).into_iter().find(|id| !inner.objects.contains_key(id)) {
            Some(id) => Err(self.refuse(operation, "ValidationException", format!("{id} does not exist"))),
            None => Ok(()),
        }
    }

    /// Settings that the creating call carries.
    fn at_birth(&self, setting: &str, value: &Value) -> bool {
        let fixed = self.spec.setting(setting).is_some_and(|s| s.replace);
        let is_name = name(&[(setting.to_owned(), value.clone())].into()).is_some();
        fixed || is_name || setting == "tags"
    }

    /// What a name is unique in: the objects that this one is fixed to (an alias in its function), and parents that
    /// are not of the stack.
    fn scope(&self, settings: &Settings) -> BTreeSet<String> {
        let fixed = settings
            .iter()
            .filter(|(name, _)| self.spec.setting(name).is_some_and(|s| s.replace));
        let mut scope = ids_in(&fixed.map(|(name, value)| (name.clone(), value.clone())).collect());
        scope.extend(foreign_parents(settings));
        scope
    }

    /// True when an object has the name that these settings ask for, in the same scope, and is no different in whatever
    /// else makes it unique.
    fn same_place(&self, object: &Object, cx: &Context, settings: &Settings) -> bool {
        let mut unique = self.spec.settings.iter().filter(|s| s.unique).map(|s| s.name);
        unique.all(|name| object.settings.get(name) == settings.get(name))
            && object.kind == self.spec.name
            && object.region == cx.region
            && object.name().is_some()
            && object.name() == name(settings)
            && self.scope(&object.settings) == self.scope(settings)
    }

    /// The name with whatever else tells objects apart that have it (a DNS record's type).
    fn whole_name(&self, name: &str, settings: &Settings) -> String {
        let unique = self.spec.settings.iter().filter(|s| s.unique);
        let more = unique
            .filter_map(|s| settings.get(s.name)?.as_str())
            .filter(|text| *text != name);
        std::iter::once(name).chain(more).collect::<Vec<_>>().join("|")
    }

    fn outputs(&self, id: &str, revision: u64) -> Outputs {
        let value = |output: &str| match output {
            "id" => id.to_owned(),
            volatile if self.spec.volatile_outputs.contains(&volatile) => format!("{volatile}:{id}:{revision}"),
            other => format!("{other}:{id}"),
        };
        self.spec
            .outputs
            .iter()
            .map(|output| ((*output).to_owned(), value(output)))
            .collect()
    }

    fn born(&self, inner: &mut Inner, cx: &Context, settings: Settings) -> KindResult<Outputs> {
        self.check(inner, "create", &settings)?;
        if let Some(name) =
            name(&settings).filter(|_| inner.objects.values().any(|o| self.same_place(o, cx, &settings)))
        {
            return Err(self.refuse(
                "create",
                "ResourceAlreadyExistsException",
                format!("{name} exists already"),
            ));
        }
        // An object whose name was changed outside keeps its id.
        let named = name(&settings)
            .filter(|_| inner.names_are_ids && self.scope(&settings).is_empty())
            .map(|name| named_id(self.spec.name, &self.whole_name(name, &settings), &cx.region))
            .filter(|id| !inner.objects.contains_key(id));
        let id = named.unwrap_or_else(|| inner.new_id(self.spec.name));
        let object = Object {
            kind: self.spec.name,
            region: cx.region.clone(),
            stack: cx.stack.clone(),
            key: cx.key.clone(),
            settings,
            outputs: self.outputs(&id, 0),
            unseen: inner.faults.unseen_reads,
            revision: 0,
            has_data: false,
            fixed: self
                .spec
                .settings
                .iter()
                .filter(|s| s.replace)
                .map(|s| s.name)
                .collect(),
            create_first: self.spec.create_before_delete,
        };
        let outputs = object.outputs.clone();
        inner.objects.insert(id, object);
        Ok(outputs)
    }

    fn set(
        &self,
        inner: &mut Inner,
        operation: &str,
        id: &str,
        settings: Vec<(String, Option<Value>)>,
    ) -> KindResult<()> {
        let given = settings
            .iter()
            .filter_map(|(n, v)| Some((n.clone(), v.clone()?)))
            .collect();
        self.check(inner, operation, &given)?;
        let gone = || self.refuse(operation, "ResourceNotFoundException", format!("{id} does not exist"));
        let object = inner.objects.get_mut(id).ok_or_else(gone)?;
        for (name, value) in settings {
            match value {
                Some(value) => object.settings.insert(name, value),
                None => object.settings.remove(&name),
            };
        }
        Ok(())
    }

    /// What AWS would refuse to delete: anything of a kind that is replaced create-first, as long as
    /// something refers to it; and what another object was built on for good, unless that object is
    /// itself replaced create-first (an API deployment outlives the methods it was made of).
    fn in_use<'a>(&self, inner: &'a Inner, id: &str) -> Option<&'a Object> {
        let holds = |other: &&Object| {
            let built_on =
                |(name, value): (&String, &Value)| other.fixed.contains(&name.as_str()) && mentions(value, id);
            self.spec.create_before_delete || (!other.create_first && other.settings.iter().any(built_on))
        };
        inner.referring_to(id).into_iter().find(holds)
    }
}

#[async_trait]
impl Kind for FakeKind {
    fn spec(&self) -> &'static KindSpec {
        self.spec
    }

    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs> {
        let (birth, later): (Settings, Settings) = desired
            .clone()
            .into_iter()
            .partition(|(name, value)| self.at_birth(name, value));
        let outputs = self.call(cx, "create", |inner| self.born(inner, cx, birth)).await?;
        cx.created(&outputs);
        if !later.is_empty() {
            let later = later.into_iter().map(|(name, value)| (name, Some(value))).collect();
            self.call(cx, "configure", |inner| {
                self.set(inner, "configure", &outputs["id"], later)
            })
            .await?;
        }
        Ok(outputs)
    }

    async fn read(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<Option<Observed>> {
        self.call(cx, "read", |inner| {
            let Some(object) = inner.objects.get_mut(id) else {
                return Ok(None);
            };
            if object.unseen > 0 {
                object.unseen -= 1;
                return Ok(None);
            }
            let readable = |name: &String| self.spec.setting(name).is_some_and(|s| !s.unreadable);
            let settings = object.settings.iter().filter(|(name, _)| readable(name));
            Ok(Some(Observed {
                settings: settings.map(|(name, value)| (name.clone(), value.clone())).collect(),
                outputs: object.outputs.clone(),
            }))
        })
        .await
    }

    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs> {
        for name in change.changed {
            if self.spec.setting(name).is_none_or(|s| s.replace) {
                return Err(self.refuse("update", "ValidationException", format!("{name} cannot be changed")));
            }
            let value = vec![(name.clone(), change.after.get(name).cloned())];
            self.call(cx, "update", |inner| {
                self.set(inner, "update", id, value)?;
                if let Some(object) = inner.objects.get_mut(id) {
                    object.revision += u64::from(self.spec.update_moves_outputs([name.as_str()]));
                    object.outputs = self.outputs(id, object.revision);
                }
                Ok(())
            })
            .await?;
        }
        let outputs = self.cloud.lock().objects.get(id).map(|object| object.outputs.clone());
        Ok(outputs.unwrap_or_else(|| change.outputs.clone()))
    }

    async fn delete(&self, cx: &Context, id: &str, _recorded: &Settings) -> KindResult<()> {
        self.call(cx, "delete", |inner| {
            let Some(object) = inner.objects.get(id) else {
                return Ok(());
            };
            if object.has_data && !cx.force_destroy {
                return Err(self.refuse("delete", "NotEmptyException", format!("{id} holds data")));
            }
            if let Some(user) = self.in_use(inner, id) {
                let message = format!("{id} is in use by {}", user.key);
                return Err(self.refuse("delete", "ResourceInUseException", message));
            }
            inner.objects.remove(id);
            Ok(())
        })
        .await
    }

    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>> {
        self.call(cx, "find", |inner| {
            let (kind, region) = (self.spec.name, cx.region.as_str());
            let same_place = inner
                .objects
                .iter_mut()
                .filter(|(_, o)| o.kind == kind && o.region == region);
            for (id, object) in same_place.filter(|(id, _)| !cx.known_ids.contains(id)) {
                let owned = object.stack == cx.stack && object.key == cx.key;
                if !owned && !self.same_place(object, cx, desired) {
                    continue;
                }
                if object.unseen > 0 {
                    object.unseen -= 1;
                    continue;
                }
                if owned {
                    return Ok(Some(id.clone()));
                }
                let message = format!("{id} has this name and belongs to {} of {}", object.key, object.stack);
                return Err(KindError::NotOwned {
                    operation: format!("{kind}:find"),
                    message,
                });
            }
            Ok(None)
        })
        .await
    }

    fn normalise(&self, setting: &str, value: &Value) -> Value {
        match &self.real {
            Some(real) => real.normalise(setting, value),
            None => crate::json::normalise(value, self.spec.setting(setting).is_some_and(|s| s.unordered)),
        }
    }

    fn validate(&self, settings: &Settings) -> Vec<(String, String)> {
        self.real
            .as_ref()
            .map(|real| real.validate(settings))
            .unwrap_or_default()
    }
}
