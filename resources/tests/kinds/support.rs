//! The life that every kind goes through, told once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tap_acceptance_tests::Sandbox;
use tap_engine::{Change, Context, Kind, Outputs, Settings};
use tap_resources::aws::{Aws, AwsOptions};

pub(crate) const REGION: &str = "us-east-1";

/// Clients for an account of this test's own.
pub(crate) fn aws(sandbox: &Sandbox) -> Arc<Aws> {
    let account = sandbox.aws();
    let config = account.sdk_config().clone();
    Arc::new(Aws::new(
        config,
        AwsOptions::default(),
        account.account().to_owned(),
        "aws".to_owned(),
    ))
}

pub(crate) fn context(key: &str) -> Context {
    Context {
        key: key.into(),
        region: REGION.to_owned(),
        stack: "webhook_pipeline/test".to_owned(),
        cancel: tokio_util::sync::CancellationToken::new(),
        force_destroy: true,
        known_ids: Vec::new(),
        leaving: Vec::new(),
        journal: Arc::new(Mutex::new(None)),
    }
}

pub(crate) fn settings(value: Value) -> Settings {
    let Value::Object(members) = value else {
        panic!("settings are an object")
    };
    members.into_iter().filter(|(_, v)| !v.is_null()).collect()
}

/// One component's life. `edits` are merged into the settings one after the other (`null`
/// removes); after each, the object must read back as wanted.
pub(crate) struct Life<'a> {
    pub(crate) kind: &'a dyn Kind,
    pub(crate) key: &'a str,
    pub(crate) desired: Value,
    pub(crate) edits: Vec<Value>,
    /// `(setting, why the sandbox cannot show it)`.
    pub(crate) not_shown: &'a [(&'a str, &'a str)],
}

impl Life<'_> {
    /// Create, find, read, edit, delete; panics with what differs.
    pub(crate) async fn lived(self) {
        let (id, mut wanted) = self.born().await;
        for edit in &self.edits {
            let before = wanted.clone();
            for (name, value) in settings_with_nulls(edit) {
                if value.is_null() {
                    wanted.remove(&name)
                } else {
                    wanted.insert(name, value)
                };
            }
            let changed: Vec<String> = self
                .kind
                .spec()
                .settings
                .iter()
                .map(|s| s.name.to_owned())
                .filter(|name| before.get(name) != wanted.get(name))
                .collect();
            let change = Change {
                before: &before,
                after: &wanted,
                changed: &changed,
                outputs: &Outputs::new(),
            };
            self.kind
                .update(&context(self.key), &id, &change)
                .await
                .unwrap_or_else(|e| panic!("update {changed:?}: {e}"));
            self.reads_back(&id, &wanted).await;
        }
        self.dies(&id, &wanted).await;
    }

    /// Creates and checks; for tests that go on by themselves.
    pub(crate) async fn born(&self) -> (String, Settings) {
        let mut wanted = settings(self.desired.clone());
        if self.kind.spec().taggable {
            let tags = json!({"team": "payments", "tap:stack": "webhook_pipeline/test", "tap:component": self.key});
            wanted.entry("tags".to_owned()).or_insert(tags);
        }
        let cx = context(self.key);
        assert_eq!(
            self.kind.find(&cx, &wanted).await.unwrap(),
            None,
            "found before it was made"
        );
        let outputs = self
            .kind
            .create(&cx, &wanted)
            .await
            .unwrap_or_else(|e| panic!("create: {e}"));
        let id = outputs["id"].clone();
        assert!(cx.journal.lock().unwrap().is_some(), "create did not call cx.created");
        for name in self.kind.spec().outputs {
            assert!(outputs.contains_key(*name), "output {name} is missing in {outputs:?}");
        }
        assert_eq!(
            self.kind.find(&context(self.key), &wanted).await.unwrap().as_deref(),
            Some(id.as_str()),
            "find"
        );
        self.reads_back(&id, &wanted).await;
        (id, wanted)
    }

    /// The object reads back as wanted, setting by setting.
    pub(crate) async fn reads_back(&self, id: &str, wanted: &Settings) {
        let observed = self
            .kind
            .read(&context(self.key), id, wanted)
            .await
            .unwrap()
            .expect("exists");
        let mut differing = BTreeMap::new();
        for setting in self.kind.spec().settings.iter().filter(|s| !s.unreadable) {
            if self.not_shown.iter().any(|(name, _)| *name == setting.name) {
                continue;
            }
            let want = wanted.get(setting.name).map(|v| self.kind.normalise(setting.name, v));
            let have = observed
                .settings
                .get(setting.name)
                .map(|v| self.kind.normalise(setting.name, v));
            if want != have {
                differing.insert(setting.name, (want, have));
            }
        }
        assert!(differing.is_empty(), "wanted vs read: {differing:#?}");
        assert_eq!(observed.outputs.get("id").map(String::as_str), Some(id));
    }

    /// Deletes twice (the second time there is nothing left) and checks that it is gone.
    pub(crate) async fn dies(&self, id: &str, wanted: &Settings) {
        for _ in 0..2 {
            self.kind
                .delete(&context(self.key), id, wanted)
                .await
                .unwrap_or_else(|e| panic!("delete: {e}"));
        }
        assert!(
            self.kind.read(&context(self.key), id, wanted).await.unwrap().is_none(),
            "still there"
        );
    }
}

fn settings_with_nulls(edit: &Value) -> Settings {
    edit.as_object()
        .expect("an edit is an object")
        .clone()
        .into_iter()
        .collect()
}
