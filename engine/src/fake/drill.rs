//! Drills: whole lives of stacks on the fake cloud, with everything going wrong, and a judgement.
//!
//! [`Stack`] does what a provider does around the engine: it keeps the state that Terraform would
//! have, loses it when the process dies, and remembers, as the stack record does, what interrupted
//! runs were to bring about.

mod sweeps;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use super::random;
use super::{FakeCloud, Faults, Rng};
use crate::compare::same;
use crate::component::{Graph, Key};
use crate::kind::{KindSpec, Registry, Setting};
use crate::plan::{Plan, PlanOptions, plan};
use crate::run::{Outcome, RunOptions, apply, destroy, discover, refresh};
use crate::state::StackState;

pub use sweeps::{Kills, Tried, drift_every, drift_everywhere, kill_every, kill_everywhere};

/// Runs with faults that are allowed until a stack must have become what it should be.
const PATIENCE: usize = 60;

/// A stack on a fake cloud, in the hands of a provider that may die.
pub struct Stack {
    /// The cloud.
    pub cloud: FakeCloud,
    /// Kinds that live in it.
    pub registry: Registry,
    /// What Terraform knows.
    pub state: StackState,
    /// What Terraform's plan is made from: what was read, without what an apply finds in addition.
    seen: StackState,
    /// What runs that did not end well were to bring about.
    interrupted: Vec<Graph>,
    story: Vec<Told>,
    /// How many of the cloud's calls the story has.
    told: usize,
}

/// A part of a stack's story. It is written out for the report of a failure only, which is most of the work.
enum Told {
    Event(String),
    Apply { adopt: bool, plan: Arc<Plan> },
    Calls(Range<usize>),
}

/// How a run came out.
#[derive(Debug)]
pub enum Ending {
    /// It ended by itself.
    Ended(Outcome),
    /// The process died.
    Died,
}

impl Stack {
    /// Nothing yet.
    pub fn new(cloud: FakeCloud, registry: Registry) -> Self {
        Self {
            cloud,
            registry,
            state: StackState::default(),
            seen: StackState::default(),
            interrupted: Vec::new(),
            story: Vec::new(),
            told: 0,
        }
    }

    /// The same stack on a cloud of its own: what happens there does not happen here.
    #[must_use]
    pub fn fork(&self, registry: impl Fn(&FakeCloud) -> Registry) -> Self {
        let cloud = self.cloud.fork();
        let registry = registry(&cloud);
        Self {
            state: self.state.clone(),
            seen: self.seen.clone(),
            interrupted: self.interrupted.clone(),
            ..Self::new(cloud, registry)
        }
    }

    fn options(&self) -> RunOptions {
        RunOptions {
            adopt: !self.interrupted.is_empty(),
            force_destroy: true,
            ..RunOptions::new("drill/x")
        }
    }

    /// Reads the stack and, after a run that did not end well, looks for what that has left.
    /// `false`: not everything could be read.
    ///
    /// Time has passed since the last run: after a death the stack record keeps everybody away for
    /// minutes, so whatever that run has made is visible now.
    pub async fn refresh(&mut self) -> bool {
        self.cloud.show_everything();
        let options = self.options();
        let refreshed = refresh(&self.state, &self.registry, &options).await;
        let mut whole = refreshed.errors.is_empty();
        self.state = refreshed.state;
        self.seen = self.state.clone();
        for graph in &self.interrupted {
            let found = discover(graph, &self.state, &self.registry, &options).await;
            whole &= found.uncertain().is_empty();
            self.state = found.state;
        }
        self.tell(Told::Event(format!("refreshed, everything read: {whole}")));
        whole
    }

    /// The plan towards a graph; whatever is in the way is the error.
    pub fn plan(&self, graph: &Graph) -> Result<Plan, String> {
        self.plan_from(&self.state, graph)
    }

    fn plan_from(&self, state: &StackState, graph: &Graph) -> Result<Plan, String> {
        let options = PlanOptions {
            allow_data_loss: true,
            ..PlanOptions::default()
        };
        plan(graph, state, &self.registry, &options)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    /// One apply, which the faults of the cloud may kill.
    pub async fn apply(&mut self, graph: &Graph) -> Result<Ending, String> {
        let plan = Arc::new(self.plan(graph)?);
        self.keeps_its_promise(&plan, graph)?;
        let options = self.options();
        self.tell(Told::Apply {
            adopt: options.adopt,
            plan: plan.clone(),
        });
        if !self.interrupted.contains(graph) {
            self.interrupted.push(graph.clone());
        }
        let stopped = self.cloud.stopped();
        let ending = tokio::select! {
            biased;
            () = stopped.cancelled() => Ending::Died,
            outcome = apply(&plan, self.state.clone(), &self.registry, &options) => Ending::Ended(outcome),
        };
        Ok(self.settle(ending))
    }

    /// The plan that an apply makes does no more than the one that the user has agreed to, which was
    /// made without looking for what interrupted runs have left. Otherwise no apply would ever begin.
    fn keeps_its_promise(&self, plan: &Plan, graph: &Graph) -> Result<(), String> {
        if self.seen == self.state {
            return Ok(()); // the same plan, made from the same state
        }
        let shown = self.plan_from(&self.seen, graph)?;
        let found = self
            .state
            .components
            .keys()
            .filter(|key| !self.seen.components.contains_key(*key));
        let beside = self.state.deposed.iter().map(|(key, _)| key);
        let recovered = found.chain(beside).cloned().collect();
        plan.keeps(&shown.promise(), &recovered).map_err(|broken| {
            let broken: Vec<String> = broken.iter().map(ToString::to_string).collect();
            format!(
                "the plan breaks its promise: {}\nshown:\n{shown}\nfound:\n{plan}",
                broken.join("\n")
            )
        })
    }

    /// One destroy, which the faults of the cloud may kill.
    pub async fn destroy(&mut self) -> Ending {
        let stopped = self.cloud.stopped();
        let options = self.options();
        let ending = tokio::select! {
            biased;
            () = stopped.cancelled() => Ending::Died,
            outcome = destroy(self.state.clone(), &self.registry, &options) => Ending::Ended(outcome),
        };
        self.settle(ending)
    }

    fn tell(&mut self, part: Told) {
        let calls = self.cloud.calls();
        self.story.push(part);
        self.story.push(Told::Calls(self.told..calls));
        self.told = calls;
    }

    /// What has happened so far.
    pub fn story(&self) -> String {
        let log = self.cloud.log();
        let mut lines = Vec::new();
        for part in &self.story {
            match part {
                Told::Event(event) => lines.push(event.clone()),
                Told::Apply { adopt, plan } => lines.push(format!("apply, adopt {adopt}:\n{plan}")),
                Told::Calls(calls) => lines.extend(log[calls.clone()].iter().map(|call| {
                    let fault = call.fault.map(|fault| format!(" {fault:?}")).unwrap_or_default();
                    format!("  {} {}{fault}", call.operation, call.key)
                })),
            }
        }
        lines.join("\n")
    }

    fn settle(&mut self, ending: Ending) -> Ending {
        self.tell(Told::Event(format!("ended: {}", told(&ending))));
        if let Ending::Ended(outcome) = &ending {
            self.state = outcome.state.clone();
            self.seen = self.state.clone();
            if outcome.is_complete() {
                self.interrupted.clear();
            }
        }
        ending
    }

    /// Applies until it is done; from now on nothing may go wrong.
    pub async fn recover(&mut self, graph: &Graph) -> Result<(), String> {
        self.cloud.set_faults(Faults {
            unseen_reads: 1,
            ..Faults::default()
        });
        if !self.refresh().await {
            return Err("reading failed without a fault".to_owned());
        }
        self.bring_about(graph).await
    }

    /// An apply of what was read, without faults.
    async fn bring_about(&mut self, graph: &Graph) -> Result<(), String> {
        match self.apply(graph).await? {
            Ending::Ended(outcome) if outcome.is_complete() => self.judge(graph).await,
            ending => Err(format!("a faultless apply did not end well: {}", told(&ending))),
        }
    }

    /// Destroys until nothing is left; from now on nothing may go wrong.
    pub async fn tear_down(&mut self) -> Result<(), String> {
        self.cloud.set_faults(Faults::default());
        if !self.refresh().await {
            return Err("reading failed without a fault".to_owned());
        }
        match self.destroy().await {
            Ending::Ended(outcome) if outcome.is_complete() && outcome.state.is_empty() => {}
            ending => return Err(format!("a faultless destroy did not end well: {}", told(&ending))),
        }
        let left = self.cloud.objects();
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("destroy left {:?}", left.keys()))
        }
    }

    /// The cloud holds the graph, no more and no less, and a plan says so.
    pub async fn judge(&mut self, graph: &Graph) -> Result<(), String> {
        self.refresh().await;
        let plan = self.plan(graph)?;
        if !plan.is_empty() {
            return Err(format!("the second plan is not empty:\n{plan}"));
        }
        let wrong = self.cloud.inconsistencies();
        if !wrong.is_empty() {
            return Err(wrong.join("\n"));
        }
        let objects = self.cloud.objects();
        let exist: BTreeSet<&Key> = objects.values().map(|object| &object.key).collect();
        let wanted: BTreeSet<&Key> = graph.components.keys().collect();
        if exist != wanted {
            return Err(format!("wanted {wanted:?}, there is {exist:?}"));
        }
        for object in objects.values() {
            let component = &graph.components[&object.key];
            let Some(kind) = self.registry.get(&component.kind) else {
                continue;
            };
            for setting in kind.spec().settings {
                let want = component.settings.get(setting.name);
                let want = want.map(|value| self.state.resolve(value)).transpose();
                let want = want.map_err(|missing| format!("{}: {missing:?}", object.key))?;
                let have = object.settings.get(setting.name);
                if !same(kind.as_ref(), setting.name, have, want.as_ref()) {
                    return Err(format!("{}.{} is {have:?}, wanted {want:?}", object.key, setting.name));
                }
            }
        }
        Ok(())
    }
}

fn told(ending: &Ending) -> String {
    match ending {
        Ending::Died => "died".to_owned(),
        Ending::Ended(outcome) => {
            let errors = outcome.errors.iter().map(ToString::to_string);
            let skipped = outcome.skipped.iter().map(|(key, why)| format!("{key}: {why}"));
            errors.chain(skipped).collect::<Vec<_>>().join("\n")
        }
    }
}

/// What a lifecycle has been through.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Runs of the engine (apply and destroy).
    pub runs: usize,
    /// Calls to the cloud.
    pub calls: usize,
    /// Deaths of the process.
    pub deaths: usize,
    /// Runs that ended with errors.
    pub failures: usize,
}

/// Where the stacks of a lifecycle come from.
pub trait Source: Send {
    /// The stack as it is first wanted.
    fn first(&mut self, rng: &mut Rng) -> Graph;

    /// What is wanted after the user has edited the configuration.
    fn edit(&mut self, graph: &Graph, rng: &mut Rng) -> Graph;

    /// True when a user whose refresh failed tries again until everything is read, which stacks of
    /// many components never are with 20 % of all calls failing.
    fn reads_again(&self) -> bool {
        true
    }

    /// A change that somebody makes to an object of this kind behind our back (`None` unsets the
    /// setting): by default to any setting that can be read.
    fn drift(&mut self, kind: &KindSpec, rng: &mut Rng) -> (String, Option<Value>) {
        let readable: Vec<&str> = kind
            .settings
            .iter()
            .filter(|setting| may_drift(kind, setting))
            .map(|setting| setting.name)
            .collect();
        let setting = (*rng.pick(&readable)).to_owned();
        (setting, rng.chance(70).then(|| Value::from("drifted")))
    }
}

/// What can be read can be changed outside, except what is fixed to an object that has a name of its own and is
/// replaced create-first (a web ACL's scope): AWS does not change it, and a plan would refuse to replace it.
fn may_drift(kind: &KindSpec, setting: &Setting) -> bool {
    let named = kind.create_before_delete && kind.settings.iter().any(|setting| setting.unique);
    let fixed = named && setting.replace && !setting.unique;
    !setting.unreadable && !fixed
}

/// Random stacks of random kinds with up to that many components.
struct RandomStacks(usize);

impl Source for RandomStacks {
    fn first(&mut self, rng: &mut Rng) -> Graph {
        random::graph(rng, self.0)
    }

    fn edit(&mut self, graph: &Graph, rng: &mut Rng) -> Graph {
        let mut graph = graph.clone();
        random::edit(&mut graph, rng);
        graph
    }

    /// Small stacks are whole often enough, and the seeds of known failures stay what they are.
    fn reads_again(&self) -> bool {
        false
    }

    fn drift(&mut self, _kind: &KindSpec, rng: &mut Rng) -> (String, Option<Value>) {
        let (setting, value) = random::drift(rng);
        (setting.to_owned(), value)
    }
}

/// One life of a random stack: made, edited, disturbed from outside and destroyed, with `percent`
/// of all calls failing and the process dying now and then. The same seed lives the same life;
/// with odd ones the cloud knows objects by their names.
pub async fn lifecycle(seed: u64, percent: u8, most_components: usize) -> Result<Report, String> {
    let registry = |cloud: &FakeCloud| cloud.registry(random::SPECS);
    lifecycle_of(&mut RandomStacks(most_components), seed, percent, registry).await
}

/// [`lifecycle`] of stacks from anywhere; `registry` makes the kinds of a cloud.
pub async fn lifecycle_of(
    source: &mut dyn Source,
    seed: u64,
    percent: u8,
    registry: impl Fn(&FakeCloud) -> Registry,
) -> Result<Report, String> {
    let mut rng = Rng::new(seed);
    let cloud = FakeCloud::default();
    if seed % 2 == 1 {
        cloud.names_are_ids();
    }
    let registry = registry(&cloud);
    let mut stack = Stack::new(cloud, registry);
    match live(&mut stack, source, &mut rng, percent).await {
        Ok(report) => Ok(report),
        Err(error) => Err(format!("{}\n\n{error}", stack.story())),
    }
}

async fn live(stack: &mut Stack, source: &mut dyn Source, rng: &mut Rng, percent: u8) -> Result<Report, String> {
    let mut report = Report::default();
    let mut graph = source.first(rng);
    for generation in 0..=rng.below(4) {
        if generation > 0 {
            graph = source.edit(&graph, rng);
        }
        struggle(stack, Some(&mut graph), source, rng, percent, &mut report).await?;
        stack
            .recover(&graph)
            .await
            .map_err(|e| format!("generation {generation}: {e}"))?;
        disturb(stack, &graph, source, rng);
    }
    struggle(stack, None, source, rng, percent, &mut report).await?;
    stack.tear_down().await?;
    report.calls = stack.cloud.calls();
    Ok(report)
}

/// Applies (or, without a graph, destroys) under faults until it works or patience ends. Now and
/// then the user edits the configuration between two tries.
async fn struggle(
    stack: &mut Stack,
    mut wanted: Option<&mut Graph>,
    source: &mut dyn Source,
    rng: &mut Rng,
    percent: u8,
    report: &mut Report,
) -> Result<(), String> {
    for _ in 0..PATIENCE {
        let mut faults = Faults::random(percent, rng.next_u64());
        if rng.chance(30) {
            faults.stop = Faults::stop(1 + rng.below(60), rng.chance(50)).stop;
        }
        // Reading and looking are not what is put to the test by deaths: nothing is lost there.
        stack.cloud.set_faults(Faults {
            stop: None,
            ..faults.clone()
        });
        if !stack.refresh().await {
            if !source.reads_again() {
                continue;
            }
            stack.cloud.set_faults(Faults::default());
            stack.refresh().await;
        }
        stack.cloud.set_faults(faults);
        report.runs += 1;
        let ending = match &wanted {
            Some(graph) => stack.apply(graph).await?,
            None => stack.destroy().await,
        };
        match ending {
            Ending::Ended(outcome) if outcome.is_complete() => return Ok(()),
            Ending::Ended(_) => report.failures += 1,
            Ending::Died => report.deaths += 1,
        }
        if let Some(graph) = wanted.as_mut().filter(|_| rng.chance(10)) {
            **graph = source.edit(graph, rng);
        }
    }
    Ok(())
}

fn disturb(stack: &Stack, graph: &Graph, source: &mut dyn Source, rng: &mut Rng) {
    let keys: Vec<&Key> = graph.components.keys().collect();
    for _ in 0..rng.below(3) {
        let key = *rng.pick(&keys);
        if rng.chance(30) {
            stack.cloud.vanish(key);
        } else if let Some(kind) = stack.registry.get(&graph.components[key].kind) {
            let (setting, value) = source.drift(kind.spec(), rng);
            stack.cloud.change(key, &setting, value.as_ref());
        }
    }
}
