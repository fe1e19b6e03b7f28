//! A provider without any cloud, for the tests of this crate: `taptest_thing` does what its `behaviour` says.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tap_plugin::{
    Applied, Attribute, Attributes, Block, CallContext, CreateRequest, DataReadResponse, DataSource, DeleteRequest,
    Diagnostic, Diagnostics, EphemeralResource, Function, FunctionDefinition, FunctionError, ImportResponse,
    NestedBlock, OpenResponse, Parameter, PlanRequest, PlanResponse, Provider, ReadRequest, ReadResponse,
    RenewResponse, Resource, Schema, ServeOptions, Type, UpdateRequest, Value, validators,
};

#[tokio::main]
async fn main() -> ExitCode {
    let options = ServeOptions::from_args("registry.terraform.io/tap/taptest", std::env::args());
    tap_plugin::run(Arc::new(TestProvider), options).await
}

struct TestProvider;

#[async_trait]
impl Provider for TestProvider {
    fn schema(&self) -> Schema {
        Schema::new(0).description("A provider for tests.").attribute(
            "token",
            Attribute::string()
                .sensitive()
                .validate(validators::length_between(4, 40)),
        )
    }

    async fn configure(&self, config: &Value, terraform_version: &str) -> Diagnostics {
        tracing::info!(terraform_version, "configured");
        let mut diagnostics = Diagnostics::new();
        if config.get("token").and_then(Value::as_str) == Some("wrong") {
            diagnostics.error("Not authorised", "The token was refused.");
        }
        diagnostics
    }

    fn resources(&self) -> Vec<Arc<dyn Resource>> {
        vec![Arc::new(Thing)]
    }

    fn data_sources(&self) -> Vec<Arc<dyn DataSource>> {
        vec![Arc::new(Echo)]
    }

    fn functions(&self) -> Vec<Arc<dyn Function>> {
        vec![Arc::new(Shout)]
    }

    fn ephemeral_resources(&self) -> Vec<Arc<dyn EphemeralResource>> {
        vec![Arc::new(Token)]
    }
}

/// A resource that lives in the state alone.
struct Thing;

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

impl Thing {
    /// The configuration as state, with `id` and the effective size.
    fn state(&self, planned: &Value, config: &Value) -> Value {
        let mut state = planned.clone();
        state.set("id", format!("thing-{}", text(planned, "name")));
        let effective = self.schema().with_defaults(config);
        state.set("effective_size", effective.get("size").cloned().unwrap_or_default());
        // The secret itself is write-only; its length shows that it arrived.
        let length = i64::try_from(text(config, "secret").len()).unwrap_or_default();
        state.set("secret_length", length);
        state
    }
}

fn failed(summary: &str) -> Diagnostics {
    Diagnostic::error(summary, "As the configuration asks.").into()
}

#[async_trait]
impl Resource for Thing {
    fn type_name(&self) -> &'static str {
        "taptest_thing"
    }

    fn schema(&self) -> Schema {
        let rule = Attributes::new()
            .attribute(
                "port",
                Attribute::number().required().validate(validators::between(1, 65535)),
            )
            .attribute("protocol", Attribute::string().default("tcp"));
        Schema::new(2)
            .description("A thing.")
            .attribute(
                "name",
                Attribute::string()
                    .required()
                    .requires_replace()
                    .description("Its name."),
            )
            .attribute("size", Attribute::number().default(3).validate(validators::at_least(1)))
            .attribute("price", Attribute::number())
            .attribute("tags", Attribute::map(Type::String))
            .attribute("zones", Attribute::set(Type::String))
            .attribute("any", Attribute::dynamic())
            .attribute("rules", Attribute::list_of(rule))
            .attribute("behaviour", Attribute::string())
            .attribute(
                "secret",
                Attribute::string()
                    .write_only()
                    .validate(validators::length_between(1, 20)),
            )
            .attribute("id", Attribute::string().computed().use_state_for_unknown())
            .attribute("effective_size", Attribute::number().computed())
            .attribute("secret_length", Attribute::number().computed())
            .block(
                "limit",
                NestedBlock::list(Block::new().attribute("max", Attribute::number().required())).max_items(2),
            )
    }

    async fn plan(&self, _: &CallContext, request: PlanRequest) -> PlanResponse {
        let mut planned = request.proposed;
        // Only a changed thing gets new computed values.
        if request.prior.as_ref() != Some(&planned) {
            for computed in ["id", "effective_size", "secret_length"] {
                planned.set(computed, Value::Unknown);
            }
        }
        let private = format!("planned {}", text(&planned, "name")).into_bytes();
        PlanResponse {
            planned,
            private,
            ..Default::default()
        }
    }

    async fn create(&self, cx: &CallContext, request: CreateRequest) -> Applied {
        let state = self.state(&request.planned, &request.config);
        let private = b"created".to_vec();
        match text(&request.config, "behaviour") {
            "fail_create" => Applied {
                state: Some(state),
                private,
                diagnostics: failed("Create failed half-way"),
            },
            "fail_create_early" => Applied {
                diagnostics: failed("Create failed early"),
                ..Default::default()
            },
            "panic_create" => {
                cx.checkpoint(state, private);
                panic!("cannot make {:?}", text(&request.config, "secret"));
            }
            "hang" => {
                tracing::info!("hanging");
                cx.cancel.cancelled().await;
                tracing::info!("interrupted while hanging");
                Applied {
                    state: Some(state),
                    private,
                    diagnostics: failed("Interrupted"),
                }
            }
            "slow" => {
                tokio::time::sleep(Duration::from_mins(1)).await;
                Applied {
                    state: Some(state),
                    private,
                    ..Default::default()
                }
            }
            "unknown" => {
                let mut state = state;
                state.set("id", Value::Unknown);
                Applied {
                    state: Some(state),
                    private,
                    ..Default::default()
                }
            }
            "misfit" => {
                let mut state = state;
                state.set("effective_size", "not a number");
                state.set("bogus", true);
                Applied {
                    state: Some(state),
                    private,
                    ..Default::default()
                }
            }
            _ => Applied {
                state: Some(state),
                private,
                ..Default::default()
            },
        }
    }

    async fn update(&self, _: &CallContext, request: UpdateRequest) -> Applied {
        let state = self.state(&request.planned, &request.config);
        match text(&request.config, "behaviour") {
            "fail_update" => {
                let mut half = request.prior;
                half.set("tags", request.planned.get("tags").cloned().unwrap_or_default());
                Applied {
                    state: Some(half),
                    private: request.private,
                    diagnostics: failed("Update failed half-way"),
                }
            }
            "fail_update_early" => Applied {
                diagnostics: failed("Update failed early"),
                ..Default::default()
            },
            "panic_update" => panic!("a fixed text"),
            _ => Applied {
                state: Some(state),
                private: request.private,
                ..Default::default()
            },
        }
    }

    async fn delete(&self, _: &CallContext, request: DeleteRequest) -> Applied {
        tracing::info!(private = %String::from_utf8_lossy(&request.private), "deleting");
        match text(&request.prior, "behaviour") {
            "fail_delete" => {
                let mut rest = request.prior;
                rest.set("tags", Value::Null);
                Applied {
                    state: Some(rest),
                    private: request.private,
                    diagnostics: failed("Delete failed half-way"),
                }
            }
            "fail_delete_early" => Applied {
                diagnostics: failed("Delete failed early"),
                ..Default::default()
            },
            "panic_delete" => panic!("a fixed text"),
            _ => Applied::default(),
        }
    }

    async fn read(&self, _: &CallContext, request: ReadRequest) -> ReadResponse {
        match text(&request.state, "behaviour") {
            "gone" => ReadResponse::default(),
            "panic_read" => panic!("cannot read {:?}", text(&request.state, "name")),
            "fail_read" => ReadResponse {
                diagnostics: failed("Read failed"),
                ..Default::default()
            },
            _ => ReadResponse {
                state: Some(request.state),
                private: request.private,
                ..Default::default()
            },
        }
    }

    async fn import(&self, _: &CallContext, id: &str) -> ImportResponse {
        let Some(name) = id.strip_prefix("thing-") else {
            return ImportResponse {
                diagnostics: failed("No such thing"),
                ..Default::default()
            };
        };
        let state = Value::map([("id", id), ("name", name)].map(|(name, text)| (name, Value::from(text))));
        ImportResponse {
            state: Some(state),
            private: b"imported".to_vec(),
            ..Default::default()
        }
    }

    async fn upgrade(&self, from_version: i64, raw: serde_json::Value) -> Result<serde_json::Value, Diagnostics> {
        let serde_json::Value::Object(mut members) = raw else {
            return Err(failed("No object"));
        };
        if from_version < 1
            && let Some(name) = members.remove("title")
        {
            members.insert("name".into(), name);
        }
        Ok(members.into())
    }
}

/// Gives back what it is given.
struct Echo;

#[async_trait]
impl DataSource for Echo {
    fn type_name(&self) -> &'static str {
        "taptest_echo"
    }

    fn schema(&self) -> Schema {
        Schema::new(0)
            .attribute("input", Attribute::dynamic().required())
            .attribute("length", Attribute::number().computed())
    }

    async fn read(&self, _: &CallContext, config: Value) -> DataReadResponse {
        let length = config
            .get("input")
            .and_then(Value::as_list)
            .map(<[_]>::len)
            .and_then(|len| len.try_into().ok());
        let mut state = config;
        state.set("length", length.map(|length: i64| length));
        DataReadResponse {
            state,
            diagnostics: Diagnostics::new(),
        }
    }
}

/// Upper-case text.
struct Shout;

impl Function for Shout {
    fn name(&self) -> &'static str {
        "shout"
    }

    fn definition(&self) -> FunctionDefinition {
        FunctionDefinition {
            parameters: vec![Parameter::new("text", Type::String, "What to shout.")],
            variadic: Some(Parameter::new("more", Type::String, "What else to shout.")),
            returns: Type::String,
            summary: "Shouts.".into(),
            description: "Texts in upper case.".into(),
        }
    }

    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError> {
        let mut words = Vec::new();
        for (index, argument) in (0..).zip(arguments) {
            match argument.as_str() {
                Some("panic") => panic!("cannot shout {argument:?}"),
                Some("") => return Err(FunctionError::argument(index, "There is nothing to shout.")),
                Some(word) => words.push(word.to_uppercase()),
                None => return Err(FunctionError::argument(index, "Not a text.")),
            }
        }
        Ok(words.join(" ").into())
    }
}

/// A token that expires.
struct Token;

#[async_trait]
impl EphemeralResource for Token {
    fn type_name(&self) -> &'static str {
        "taptest_token"
    }

    fn schema(&self) -> Schema {
        Schema::new(0).attribute("token", Attribute::string().computed().sensitive())
    }

    async fn open(&self, _: &CallContext, config: Value) -> OpenResponse {
        let mut result = config;
        result.set("token", "t-1");
        let renew_at = SystemTime::now().checked_add(Duration::from_hours(1));
        OpenResponse {
            result,
            renew_at,
            private: b"lease".to_vec(),
            ..Default::default()
        }
    }

    async fn renew(&self, _: &CallContext, private: Vec<u8>) -> RenewResponse {
        RenewResponse {
            private: [private.as_slice(), b"+"].concat(),
            ..Default::default()
        }
    }

    async fn close(&self, _: &CallContext, private: Vec<u8>) -> Diagnostics {
        if private.starts_with(b"lease") {
            Diagnostics::new()
        } else {
            failed("Unknown lease")
        }
    }
}
