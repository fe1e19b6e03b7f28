//! A small stack of the shape that composites have, on the fake cloud.

use serde_json::{Value, json};
use tap_engine::fake::{FakeCloud, Faults};
use tap_engine::{
    Component, Graph, Key, KindSpec, Outcome, Plan, PlanError, PlanOptions, Registry, RunOptions, Setting, StackState,
};

const fn spec(name: &'static str, settings: &'static [Setting]) -> KindSpec {
    KindSpec {
        name,
        settings,
        outputs: &["id", "arn"],
        volatile_outputs: &[],
        holds_data: false,
        taggable: true,
        create_before_delete: false,
        iam_actions: &[],
    }
}

pub(crate) static KEY: KindSpec = KindSpec {
    holds_data: true,
    create_before_delete: true,
    ..spec(
        "kms_key",
        &[
            Setting::new("description"),
            Setting::replace("key_spec"),
            Setting::new("tags"),
        ],
    )
};
pub(crate) static TABLE: KindSpec = KindSpec {
    holds_data: true,
    ..spec(
        "dynamodb_table",
        &[
            Setting::replace("table_name"),
            Setting::replace("key_schema"),
            Setting::new("billing_mode"),
            Setting::new("kms_key_arn"),
            Setting::new("tags"),
        ],
    )
};
pub(crate) static ROLE: KindSpec = spec(
    "iam_role",
    &[
        Setting::replace("name"),
        Setting::new("policy"),
        Setting::new("managed_policies").unordered(),
        Setting::new("tags"),
    ],
);
pub(crate) static FUNCTION: KindSpec = KindSpec {
    outputs: &["id", "arn", "version"],
    volatile_outputs: &["version"],
    ..spec(
        "lambda_function",
        &[
            Setting::replace("function_name"),
            Setting::new("role"),
            Setting::new("memory_size"),
            Setting::new("environment"),
            Setting::new("code").unreadable(),
            Setting::new("tags"),
        ],
    )
};
pub(crate) static ALIAS: KindSpec = KindSpec {
    taggable: false,
    ..spec(
        "lambda_alias",
        &[
            Setting::replace("name"),
            Setting::replace("function"),
            Setting::new("function_version"),
        ],
    )
};
pub(crate) static DEPLOYMENT: KindSpec = KindSpec {
    taggable: false,
    create_before_delete: true,
    ..spec(
        "api_deployment",
        &[Setting::replace("api"), Setting::replace("triggers")],
    )
};
pub(crate) static STAGE: KindSpec = KindSpec {
    taggable: false,
    ..spec("api_stage", &[Setting::replace("name"), Setting::new("deployment")])
};

pub(crate) static SPECS: &[&KindSpec] = &[&KEY, &TABLE, &ROLE, &FUNCTION, &ALIAS, &DEPLOYMENT, &STAGE];

pub(crate) struct World {
    pub cloud: FakeCloud,
    pub registry: Registry,
    pub state: StackState,
    pub options: RunOptions,
}

impl World {
    pub(crate) fn new() -> Self {
        let cloud = FakeCloud::default();
        let registry = cloud.registry(SPECS);
        Self {
            cloud,
            registry,
            state: StackState::default(),
            options: RunOptions::new("demo/x"),
        }
    }

    pub(crate) fn plan(&self, graph: &Graph) -> Result<Plan, Vec<PlanError>> {
        self.plan_with(graph, &PlanOptions::default())
    }

    pub(crate) fn plan_with(&self, graph: &Graph, options: &PlanOptions) -> Result<Plan, Vec<PlanError>> {
        tap_engine::plan(graph, &self.state, &self.registry, options)
    }

    /// Plans with data loss allowed, applies, keeps the state.
    pub(crate) async fn apply(&mut self, graph: &Graph) -> Outcome {
        let options = PlanOptions {
            allow_data_loss: true,
            ..PlanOptions::default()
        };
        let plan = self.plan_with(graph, &options).unwrap();
        let outcome = tap_engine::apply(&plan, self.state.clone(), &self.registry, &self.options).await;
        self.state = outcome.state.clone();
        outcome
    }

    /// A world in which the graph is applied.
    pub(crate) async fn with(graph: &Graph) -> Self {
        let mut world = Self::new();
        let outcome = world.apply(graph).await;
        assert!(outcome.is_complete(), "{:?} {:?}", outcome.errors, outcome.skipped);
        assert!(world.plan(graph).unwrap().is_empty());
        world
    }

    pub(crate) async fn refresh(&mut self) -> tap_engine::Refreshed {
        let refreshed = tap_engine::refresh(&self.state, &self.registry, &self.options).await;
        self.state = refreshed.state.clone();
        refreshed
    }

    pub(crate) async fn destroy(&mut self) -> Outcome {
        let outcome = tap_engine::destroy(self.state.clone(), &self.registry, &self.options).await;
        self.state = outcome.state.clone();
        outcome
    }

    pub(crate) fn faults(&self, faults: Faults) {
        self.cloud.set_faults(faults);
    }

    /// The operations since the last call, `operation key`.
    pub(crate) fn calls_since(&self, start: usize) -> Vec<String> {
        self.cloud.log()[start..]
            .iter()
            .map(|call| format!("{} {}", call.operation, call.key))
            .collect()
    }
}

pub(crate) fn key(text: &str) -> Key {
    Key::from(text)
}

/// `set(&mut graph, "kms_key.data", "description", "x")`
pub(crate) fn set(graph: &mut Graph, component: &str, setting: &str, value: impl Into<Value>) {
    let component = graph.components.get_mut(component).unwrap();
    match value.into() {
        Value::Null => component.settings.remove(setting),
        value => component.settings.insert(setting.to_owned(), value),
    };
}

/// A key, a table, a role, a function with an alias, an API deployment with its stage.
pub(crate) fn graph() -> Graph {
    let mut graph = Graph::default();
    let data = graph.add(
        Component::new(Key::new("kms_key", "data"), "kms_key", "us-east-1")
            .set("description", "data of x")
            .set("key_spec", "SYMMETRIC_DEFAULT"),
    );
    let table = graph.add(
        Component::new(
            Key::new("dynamodb_table", "transactions"),
            "dynamodb_table",
            "us-east-1",
        )
        .set("table_name", "transactions-x")
        .set("key_schema", json!([{"name": "transaction_id", "type": "HASH"}]))
        .set("billing_mode", "PAY_PER_REQUEST")
        .set("kms_key_arn", data.arn()),
    );
    let role = graph.add(
        Component::new(Key::new("iam_role", "validator"), "iam_role", "us-east-1")
            .set("name", "validator-x")
            .set("managed_policies", json!(["b", "a"]))
            .set(
                "policy",
                json!({"Statement": [
                    {"Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": table.arn()},
                    {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": data.arn()},
                ]}),
            ),
    );
    let function = graph.add(
        Component::new(Key::new("lambda_function", "validator"), "lambda_function", "us-east-1")
            .set("function_name", "validator-x")
            .set("role", role.arn())
            .set("memory_size", 256)
            .set("code", "sha-1")
            .set("environment", json!({"TABLE": table.id()})),
    );
    let alias = graph.add(
        Component::new(Key::new("lambda_alias", "live"), "lambda_alias", "us-east-1")
            .set("name", "live")
            .set("function", function.id())
            .set("function_version", function.output("version")),
    );
    let deployment = graph.add(
        Component::new(Key::new("api_deployment", "main"), "api_deployment", "us-east-1")
            .set("triggers", json!({"integration": "1"}))
            .set("api", "api-1")
            .after(&alias),
    );
    graph.add(
        Component::new(Key::new("api_stage", "v1"), "api_stage", "us-east-1")
            .set("name", "v1")
            .set("deployment", deployment.id()),
    );
    graph.output("table_arn", table.arn());
    graph.output("function_version", function.output("version"));
    graph
}
