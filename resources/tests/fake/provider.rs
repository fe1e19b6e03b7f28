//! The provider around the engine, on the fake cloud and with a stack record: killed at any call, with a region that is
//! down, and with configurations that change between a run that died and the next one (issues 3 and 5).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value as Json, json};
use tap_engine::fake::{FakeCloud, FakeRecords, Faults};
use tap_engine::record::{RecordStore, Status};
use tap_engine::{Component, Graph, Key};
use tap_plugin::{
    Applied, Attribute, CallContext, CreateRequest, DeleteRequest, Diagnostics, PlanRequest, PlanResponse, ReadRequest,
    Resource, Schema, Type, UpdateRequest, Value,
};
use tap_resources::aws::secrets::Secrets;
use tap_resources::composite::session::{Session, SessionSlot};
use tap_resources::composite::{Composite, CompositeResource, Environment, shared};

use crate::stacks::{ACCOUNT, real_aws, registry};

const IRELAND: &str = "eu-west-1";
const VIRGINIA: &str = "us-east-1";

/// A topic and a queue in each region.
struct Regional;

impl Composite for Regional {
    fn kind(&self) -> &'static str {
        "regional"
    }

    fn schema(&self) -> Schema {
        let own = [
            ("regions", Attribute::list(Type::String).required()),
            ("texts", Attribute::map(Type::String).optional()),
        ];
        let shared = shared::attributes();
        let shared = shared
            .iter()
            .map(|(name, attribute)| (name.to_owned(), attribute.clone()));
        let own = own.into_iter().map(|(name, attribute)| (name.to_owned(), attribute));
        shared.chain(own).fold(Schema::new(0), |schema, (name, attribute)| {
            schema.attribute(&name, attribute)
        })
    }

    fn validate(&self, _config: &Json) -> Diagnostics {
        Diagnostics::new()
    }

    fn graph(&self, config: &Json, _environment: &Environment) -> Result<Graph, Diagnostics> {
        let mut graph = Graph::default();
        let mut topics = Vec::new();
        let regions: Vec<&str> = config["regions"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        for region in &regions {
            let topic = Component::new(Key::in_region(region, "sns_topic", "alerts"), "sns_topic", region);
            let text = config["texts"][*region].as_str().unwrap_or("none");
            topics.push(
                graph
                    .add(topic.set("name", format!("alerts-{region}")).set("display_name", text))
                    .arn(),
            );
        }
        for region in &regions {
            let queue = Component::new(Key::in_region(region, "sqs_queue", "main"), "sqs_queue", region);
            let policy = json!({"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*",
                 "Condition": {"ArnEquals": {"aws:SourceArn": topics}}}
            ]});
            graph.add(queue.set("name", format!("main-{region}")).set("policy", policy));
        }
        Ok(graph)
    }
}

/// Terraform with one resource in its state, and a cloud.
struct Terraform {
    cloud: FakeCloud,
    records: Arc<FakeRecords>,
    resource: CompositeResource<Regional>,
    schema: Schema,
    state: Option<(Value, Vec<u8>)>,
}

impl Terraform {
    fn new() -> Self {
        let cloud = FakeCloud::default();
        let records = Arc::new(FakeRecords::default());
        let slot = SessionSlot::default();
        slot.set(Some(Session {
            environment: Environment {
                account_id: ACCOUNT.into(),
                partition: "aws".into(),
                region: IRELAND.into(),
            },
            aws: real_aws(),
            registry: registry(&cloud),
            records: records.clone(),
            secrets: Arc::new(Secrets::default()),
            default_tags: BTreeMap::new(),
            parallelism: None,
            skip_region_validation: false,
        }));
        Self {
            cloud,
            records,
            resource: CompositeResource::new(Regional, slot),
            schema: Regional.schema(),
            state: None,
        }
    }

    fn config(&self, written: &Json) -> Value {
        let names = self.schema.attributes().iter().map(|(name, _)| (name, Value::Null));
        let mut config = Value::map(names.collect::<Vec<_>>());
        config.set("environment_suffix", Value::String("dev".into()));
        for (name, value) in written.as_object().unwrap() {
            config.set(name, Value::from_json(value));
        }
        config
    }

    /// `terraform refresh`; answers what it says.
    async fn refresh(&mut self) -> Vec<String> {
        self.cloud.show_everything();
        let Some((state, private)) = self.state.clone() else {
            return Vec::new();
        };
        let read = self
            .resource
            .read(&CallContext::default(), ReadRequest { state, private })
            .await;
        self.state = read.state.map(|state| (state, read.private));
        told(&read.diagnostics)
    }

    async fn plan(&mut self, written: &Json) -> PlanResponse {
        let config = self.config(written);
        let (prior, private) = self.state.clone().unzip();
        let request = PlanRequest {
            prior,
            proposed: config.clone(),
            config,
            private: private.unwrap_or_default(),
        };
        self.resource.plan(&CallContext::default(), request).await
    }

    /// `terraform apply`; `None`: the provider died.
    async fn apply(&mut self, written: &Json) -> Option<Vec<String>> {
        self.refresh().await;
        let planned = self.plan(written).await;
        if planned.diagnostics.has_errors() {
            return Some(told(&planned.diagnostics));
        }
        let config = self.config(written);
        let cx = CallContext::default();
        let stopped = self.cloud.stopped();
        let prior = self.state.clone().map(|(state, _)| state);
        let run = async {
            let (planned, private) = (planned.planned, planned.private);
            match prior {
                None => {
                    self.resource
                        .create(
                            &cx,
                            CreateRequest {
                                planned,
                                config,
                                private,
                            },
                        )
                        .await
                }
                Some(prior) => {
                    let request = UpdateRequest {
                        prior,
                        planned,
                        config,
                        private,
                    };
                    self.resource.update(&cx, request).await
                }
            }
        };
        let applied = tokio::select! {
            biased;
            () = stopped.cancelled() => None,
            applied = run => Some(applied),
        };
        self.keep(applied)
    }

    /// `terraform destroy`; `None`: the provider died.
    async fn destroy(&mut self) -> Option<Vec<String>> {
        self.refresh().await;
        let Some((prior, private)) = self.state.clone() else {
            return Some(Vec::new());
        };
        let cx = CallContext::default();
        let stopped = self.cloud.stopped();
        let applied = tokio::select! {
            biased;
            () = stopped.cancelled() => None,
            applied = self.resource.delete(&cx, DeleteRequest { prior, private }) => Some(applied),
        };
        self.keep(applied)
    }

    fn keep(&mut self, applied: Option<Applied>) -> Option<Vec<String>> {
        let applied = applied?;
        let said = told(&applied.diagnostics);
        // Without a state and with errors Terraform keeps what it has.
        if applied.state.is_some() || !applied.diagnostics.has_errors() {
            self.state = applied.state.map(|state| (state, applied.private));
        }
        Some(said)
    }

    /// Time passes until a dead run's record counts as left behind.
    async fn wait(&self) {
        if let Some(mut stored) = self.records.read("regional/dev").await.unwrap() {
            stored.record.heartbeat = 0;
            self.records
                .replace("regional/dev", &stored.record, stored.version)
                .await
                .unwrap();
        }
        self.cloud.set_faults(Faults::default());
    }

    async fn status(&self) -> Option<Status> {
        let stored = self.records.read("regional/dev").await.unwrap();
        stored.map(|stored| stored.record.status)
    }

    fn exists(&self) -> BTreeSet<String> {
        let objects = self.cloud.objects();
        assert_eq!(self.cloud.inconsistencies(), Vec::<String>::new());
        let keys: BTreeSet<String> = objects.values().map(|object| object.key.to_string()).collect();
        assert_eq!(keys.len(), objects.len(), "something exists twice");
        keys
    }

    fn display_name(&self, region: &str) -> String {
        let objects = self.cloud.objects();
        let mut topics = objects.values().filter(|o| o.kind == "sns_topic" && o.region == region);
        topics.next().unwrap().settings["display_name"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// The stack is as this configuration wants it, and says so.
    async fn settled(&mut self, written: &Json) {
        assert_eq!(self.status().await, Some(Status::Complete));
        assert!(self.refresh().await.is_empty());
        let (state, _) = self.state.clone().unwrap();
        let planned = self.plan(written).await;
        assert_eq!(planned.planned, state, "the second plan is not empty");
    }
}

fn told(diagnostics: &Diagnostics) -> Vec<String> {
    diagnostics.iter().map(|diagnostic| format!("{diagnostic:?}")).collect()
}

fn dark(region: &str) -> Faults {
    Faults {
        dark_regions: [region.to_owned()].into(),
        ..Faults::default()
    }
}

fn one() -> Json {
    json!({"regions": [IRELAND], "allow_data_loss": true, "force_destroy": true})
}

fn both() -> Json {
    json!({"regions": [IRELAND, VIRGINIA], "allow_data_loss": true, "force_destroy": true})
}

fn keys_in(regions: &[&str]) -> BTreeSet<String> {
    let of = |region: &&str| [format!("{region}/sns_topic.alerts"), format!("{region}/sqs_queue.main")];
    regions.iter().flat_map(of).collect()
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_down_is_told_once_and_holds_nothing_up() {
    let mut terraform = Terraform::new();
    assert_eq!(terraform.apply(&both()).await, Some(vec![]));
    terraform.settled(&both()).await;

    terraform.cloud.set_faults(dark(VIRGINIA));
    let said = terraform.refresh().await;
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("Region us-east-1 cannot be reached") && said[0].contains("2 components"),
        "{said:?}"
    );

    let mut wanted = both();
    wanted["texts"] = json!({IRELAND: "new"});
    assert_eq!(terraform.apply(&wanted).await, Some(vec![]), "work in Ireland goes on");
    assert_eq!(terraform.display_name(IRELAND), "new");
    assert_eq!(terraform.status().await, Some(Status::Complete));

    wanted["texts"] = json!({IRELAND: "newer", VIRGINIA: "newer"});
    let said = terraform.apply(&wanted).await.unwrap();
    assert!(
        said.iter()
            .any(|text| text.contains("us-east-1/sns_topic.alerts: update failed")),
        "{said:?}"
    );
    assert_eq!(terraform.display_name(IRELAND), "newer");
    assert_eq!(terraform.status().await, Some(Status::Unfinished));

    // A run was interrupted, and the region still does not answer: Ireland can be worked on all the same. What the
    // last run has made of the topic in Virginia is not known, so that is written again, in vain.
    wanted["texts"] = json!({IRELAND: "newest"});
    let said = terraform.apply(&wanted).await.unwrap();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[0].contains("us-east-1/sns_topic.alerts: update failed"),
        "{said:?}"
    );
    assert!(said[1].contains("Region us-east-1 cannot be reached"), "{said:?}");
    assert_eq!(terraform.display_name(IRELAND), "newest");
    assert_eq!(
        terraform.status().await,
        Some(Status::Unfinished),
        "it has not been looked for yet"
    );

    terraform.cloud.set_faults(Faults::default());
    assert_eq!(terraform.apply(&wanted).await, Some(vec![]));
    terraform.settled(&wanted).await;
    assert_eq!(terraform.exists(), keys_in(&[IRELAND, VIRGINIA]));
}

#[tokio::test(start_paused = true)]
async fn a_region_joins_and_leaves_a_living_stack() {
    let mut terraform = Terraform::new();
    for (wanted, regions) in [
        (one(), &[IRELAND][..]),
        (both(), &[IRELAND, VIRGINIA]),
        (one(), &[IRELAND]),
    ] {
        assert_eq!(terraform.apply(&wanted).await, Some(vec![]));
        terraform.settled(&wanted).await;
        assert_eq!(terraform.exists(), keys_in(regions));
    }
}

/// Killed at call `at` of a run; `false`: the run ended before.
async fn dies(terraform: &mut Terraform, at: usize, after_effect: bool, wanted: Option<&Json>) -> bool {
    // What is read before the run is not counted.
    terraform.refresh().await;
    let calls = terraform.cloud.calls();
    terraform.refresh().await;
    let reads = terraform.cloud.calls() - calls;
    terraform.cloud.set_faults(Faults::stop(reads + at, after_effect));
    let ended = match wanted {
        Some(wanted) => terraform.apply(wanted).await,
        None => terraform.destroy().await,
    };
    terraform.wait().await;
    ended.is_none()
}

#[tokio::test(start_paused = true)]
async fn the_provider_may_die_at_any_call() {
    let mut tried = 0;
    for after_effect in [false, true] {
        for (before, after) in [
            (None, Some(both())),
            (Some(one()), Some(both())),
            (Some(both()), Some(one())),
            (Some(both()), None),
        ] {
            for at in 1.. {
                let mut terraform = Terraform::new();
                if let Some(before) = &before {
                    assert_eq!(terraform.apply(before).await, Some(vec![]));
                }
                if !dies(&mut terraform, at, after_effect, after.as_ref()).await {
                    break;
                }
                tried += 1;
                if let Some(after) = &after {
                    let said = terraform.apply(after).await.unwrap();
                    assert_eq!(said, Vec::<String>::new(), "killed at {at}, effect {after_effect}");
                    terraform.settled(after).await;
                }
                assert_eq!(
                    terraform.destroy().await,
                    Some(vec![]),
                    "killed at {at}, effect {after_effect}"
                );
                assert_eq!(terraform.exists(), BTreeSet::new());
                assert_eq!(terraform.status().await, None, "the record is the last to go");
            }
        }
    }
    println!("killed at {tried} points");
    assert!(tried > 30, "{tried}");
}

/// A run that adds a region dies, the next one, which is to take it back, dies too: what the first has made in that
/// region is in nobody's state and in nobody's configuration.
#[tokio::test(start_paused = true)]
async fn what_two_dead_runs_have_left_is_found_by_the_third() {
    let mut tried = 0;
    for first in 1..8 {
        for second in 1..24 {
            let mut terraform = Terraform::new();
            assert_eq!(terraform.apply(&one()).await, Some(vec![]));
            if !dies(&mut terraform, first, true, Some(&both())).await {
                continue;
            }
            if !dies(&mut terraform, second, true, Some(&one())).await {
                break;
            }
            tried += 1;
            assert_eq!(terraform.apply(&one()).await, Some(vec![]), "{first}, {second}");
            terraform.settled(&one()).await;
            assert_eq!(
                terraform.exists(),
                keys_in(&[IRELAND]),
                "killed at {first} and {second}"
            );
        }
    }
    assert!(tried > 20, "{tried}");
}
