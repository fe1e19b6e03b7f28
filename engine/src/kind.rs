//! The seam between the engine and the cloud: one [`Kind`] per AWS primitive.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::component::{Key, Settings};
use crate::error::KindResult;

/// What a component answers to references. `id` is always there and must be enough, alone, to
/// read and delete the object (kinds with compound identity join the parts with `|`).
pub type Outputs = BTreeMap<String, String>;

/// One setting of a kind.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Name in `components[key].settings`, in snake case, after the AWS API's own member name.
    pub name: &'static str,
    /// A change means a new object.
    pub replace: bool,
    /// Cannot be read back from AWS: drift there is invisible, the recorded value is kept.
    pub unreadable: bool,
    /// Order of list elements has no meaning to AWS.
    pub unordered: bool,
    /// Its update is what changes the kind's [`KindSpec::volatile_outputs`].
    pub moves_outputs: bool,
    /// Part of what AWS tells objects apart by: two cannot exist side by side unless they differ in one of these. To be
    /// marked where [`KindSpec::create_before_delete`] meets a name that does not come from AWS.
    pub unique: bool,
}

impl Setting {
    /// A setting that is updated in place.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            replace: false,
            unreadable: false,
            unordered: false,
            moves_outputs: false,
            unique: false,
        }
    }
    /// A setting whose change replaces the object.
    pub const fn replace(name: &'static str) -> Self {
        Self {
            name,
            replace: true,
            unreadable: false,
            unordered: false,
            moves_outputs: false,
            unique: false,
        }
    }
    /// Marks the setting as not readable.
    #[must_use]
    pub const fn unreadable(mut self) -> Self {
        self.unreadable = true;
        self
    }
    /// Marks the setting's list as a set.
    #[must_use]
    pub const fn unordered(mut self) -> Self {
        self.unordered = true;
        self
    }
    /// Marks the setting as part of the object's unique name.
    #[must_use]
    pub const fn unique(mut self) -> Self {
        self.unique = true;
        self
    }
    /// Marks the setting as one that volatile outputs follow.
    #[must_use]
    pub const fn moves_outputs(mut self) -> Self {
        self.moves_outputs = true;
        self
    }
}

/// The constant facts about a kind.
#[derive(Debug, Clone, Copy)]
pub struct KindSpec {
    /// Name, e.g. `dynamodb_table`: the first half of component keys.
    pub name: &'static str,
    /// All settings, `tags` included where [`Self::taggable`].
    pub settings: &'static [Setting],
    /// Names of the outputs; `id` first.
    pub outputs: &'static [&'static str],
    /// Outputs that an update (not a replacement) may change, e.g. a function's `version`: the update of any setting, or,
    /// where some are marked [`Setting::moves_outputs`], of one of those.
    pub volatile_outputs: &'static [&'static str],
    /// Replacing or deleting it loses data: needs `allow_data_loss` / `force_destroy`.
    pub holds_data: bool,
    /// Takes a `tags` setting; the engine adds the ownership tags there.
    pub taggable: bool,
    /// A replacement makes the new object before the old one goes.
    pub create_before_delete: bool,
    /// IAM actions that managing it needs, for those who write the policy of the role that runs Terraform
    /// (`docs/guides/security-and-costs.md`).
    pub iam_actions: &'static [&'static str],
}

impl KindSpec {
    /// The declaration of one setting.
    pub fn setting(&self, name: &str) -> Option<&'static Setting> {
        self.settings.iter().find(|s| s.name == name)
    }

    /// Whether an update of these settings may change [`Self::volatile_outputs`].
    pub fn update_moves_outputs<'n>(&self, changed: impl IntoIterator<Item = &'n str>) -> bool {
        let marked = |name: &str| self.setting(name).is_some_and(|s| s.moves_outputs);
        !self.settings.iter().any(|s| s.moves_outputs) || changed.into_iter().any(marked)
    }
}

/// What a kind is told about the run besides the settings.
#[derive(Debug, Clone)]
pub struct Context {
    /// Address of the component at work.
    pub key: Key,
    /// AWS region to call, such as `us-east-1`.
    pub region: String,
    /// Kind of the stack (`webhook_pipeline`) and its suffix (`dev`): the value of the
    /// `tap:stack` tag is `<kind>/<suffix>`.
    pub stack: String,
    /// Set when the run is cancelled: a running call finishes, nothing new starts.
    pub cancel: CancellationToken,
    /// `force_destroy` of the composite: delete takes what holds data along.
    pub force_destroy: bool,
    /// Ids of objects of this component that the state holds already (the old object during a
    /// create-first replacement): [`Kind::find`] must pass over them.
    pub known_ids: Vec<String>,
    /// Ids of the stack's other objects of this kind that the same run deletes, before or after: a create may take the
    /// place of one of them.
    pub leaving: Vec<String>,
    /// Where [`Context::created`] keeps what exists already.
    pub journal: Created,
}

/// Outputs of an object that exists although its create has not finished.
pub type Created = Arc<Mutex<Option<Outputs>>>;

impl Context {
    /// To be called right after the creating call has answered, before anything else: whatever
    /// fails afterwards, the engine knows that the object exists and keeps it in state.
    pub fn created(&self, outputs: &Outputs) {
        let mut slot = self.journal.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *slot = Some(outputs.clone());
    }
}

/// What was found in the cloud.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// Actual settings. A readable setting that is missing here counts as not set.
    pub settings: Settings,
    /// Actual outputs.
    pub outputs: Outputs,
}

/// An update in place: only [`Self::changed`] differs.
#[derive(Debug)]
pub struct Change<'a> {
    /// Settings before, references resolved (drift included).
    pub before: &'a Settings,
    /// Settings wanted, references resolved.
    pub after: &'a Settings,
    /// Names of the settings to bring in line.
    pub changed: &'a [String],
    /// Outputs before.
    pub outputs: &'a Outputs,
}

impl Change<'_> {
    /// True when this setting has to be brought in line.
    pub fn has(&self, setting: &str) -> bool {
        self.changed.iter().any(|name| name == setting)
    }
    /// True when one of these settings has to be brought in line.
    pub fn any(&self, settings: &[&str]) -> bool {
        settings.iter().any(|name| self.has(name))
    }
}

/// What [`Kind::check`] has to say about one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The setting.
    pub setting: String,
    /// What is wrong, and how to go on.
    pub message: String,
    /// The cloud would refuse it: making or changing the object is bound to fail.
    pub fatal: bool,
}

impl Finding {
    /// The cloud would refuse this.
    pub fn fatal(setting: &str, message: impl Into<String>) -> Self {
        Self {
            setting: setting.to_owned(),
            message: message.into(),
            fatal: true,
        }
    }

    /// The user should know this.
    pub fn warning(setting: &str, message: impl Into<String>) -> Self {
        Self {
            fatal: false,
            ..Self::fatal(setting, message)
        }
    }
}

/// What a plan is going to do with the object that [`Kind::check`] is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prospect<'a> {
    /// It is made, or made anew.
    Made,
    /// These settings are brought in line, in place.
    Changed(&'a [&'a str]),
    /// It stays as it is.
    Kept,
}

/// One AWS primitive. Implementations hold no state besides their clients.
///
/// All settings that arrive here have their references resolved. Every method is safe to repeat.
#[async_trait]
pub trait Kind: Send + Sync + 'static {
    /// The constant facts.
    fn spec(&self) -> &'static KindSpec;

    /// Makes the object, waits until it is usable, returns its outputs. Calls
    /// [`Context::created`] as soon as it exists.
    async fn create(&self, cx: &Context, desired: &Settings) -> KindResult<Outputs>;

    /// Reads the object; `None` when it is gone (or being deleted for good). `recorded` are the
    /// last known settings, for APIs that must be told what to look for.
    async fn read(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<Option<Observed>>;

    /// Brings the changed settings in line and returns the outputs after it.
    async fn update(&self, cx: &Context, id: &str, change: &Change<'_>) -> KindResult<Outputs>;

    /// Deletes the object and waits until its name is free; "not found" is success.
    async fn delete(&self, cx: &Context, id: &str, recorded: &Settings) -> KindResult<()>;

    /// Looks for an object that an earlier, interrupted create of THIS component left behind: by
    /// its name and, where the name alone does not prove it, by its ownership tags. Returns its
    /// id. An object with that name that belongs to somebody else is [`crate::KindError::NotOwned`].
    /// Objects in [`Context::known_ids`] are not what is looked for.
    async fn find(&self, cx: &Context, desired: &Settings) -> KindResult<Option<String>>;

    /// Brings a setting's value into the one form that is compared and shown. The default sorts
    /// what [`Setting::unordered`] says is a set and canonicalises numbers.
    fn normalise(&self, setting: &str, value: &Value) -> Value {
        let unordered = self.spec().setting(setting).is_some_and(|s| s.unordered);
        crate::json::normalise(value, unordered)
    }

    /// Plan-time check of the settings (references still symbolic): `(setting, what is wrong)`.
    fn validate(&self, _settings: &Settings) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Plan-time check against the cloud, for what only the cloud knows (which versions it still takes). References are
    /// still symbolic, values may be unknown. Changes nothing; a cloud that cannot be reached is a warning, never fatal.
    async fn check(&self, _cx: &Context, _settings: &Settings, _prospect: Prospect<'_>) -> Vec<Finding> {
        Vec::new()
    }
}

/// The kinds a provider knows, by name.
#[derive(Clone, Default)]
pub struct Registry {
    kinds: BTreeMap<&'static str, Arc<dyn Kind>>,
}

impl Registry {
    /// Adds a kind.
    #[must_use]
    pub fn with(mut self, kind: impl Kind) -> Self {
        self.kinds.insert(kind.spec().name, Arc::new(kind));
        self
    }

    /// Finds a kind by name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Kind>> {
        self.kinds.get(name)
    }

    /// All kinds, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Kind>> {
        self.kinds.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: KindSpec = KindSpec {
        name: "table",
        settings: &[Setting::new("view").moves_outputs(), Setting::new("tags")],
        outputs: &["id", "stream"],
        volatile_outputs: &["stream"],
        holds_data: true,
        taggable: true,
        create_before_delete: false,
        iam_actions: &[],
    };

    const UNMARKED: KindSpec = KindSpec {
        settings: &[Setting::new("view"), Setting::new("tags")],
        ..SPEC
    };

    #[test]
    fn volatile_outputs_follow_the_marked_settings_only() {
        assert!(!SPEC.update_moves_outputs(["tags"]));
        assert!(SPEC.update_moves_outputs(["tags", "view"]));
        assert!(UNMARKED.update_moves_outputs(["tags"]));
    }
}
