//! Prints the figures of docs/reliability.md that concern the composites' real graphs, on the fake cloud.
//!
//! `cargo run -p tap-resources --example stack_reliability -- <composite> <part> [count] [stride] [first seed]`
//!
//! The parts, all with the same arguments:
//!
//! - `drift`: every readable setting (or every `stride`-th) of every component of every variant is changed from outside,
//!   but for components that an earlier variant has with the same settings;
//! - `kills`: the process dies at every call (or every `stride`-th) of create, update and destroy, before and after its
//!   effect: of the default stack and its edit, once where objects are known by numbers and once, backwards, where they
//!   are known by names; then of `count` pairs of random valid configurations;
//! - `lives`: `count` lifecycles of random valid configurations with 20 % of all calls failing and the process dying;
//! - `bench`: the default stack on a cloud that takes 50 ms per call, in real time.
//!
//! Ends with 1 when anything failed, with the seed; with `count` 1 a lifecycle's whole story is told. A lifecycle that
//! fails is printed as a test, ready for `tests/fake/regressions.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a drill: no runtime, no figures")]

#[allow(dead_code, reason = "shared with the tests")]
#[path = "../tests/fake/observability.rs"]
mod observability;
#[path = "../tests/fake/payment_random.rs"]
mod payment_random;
#[path = "../tests/fake/payment_stack.rs"]
mod payment_stack;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../tests/fake/stacks.rs"]
mod stacks;
#[path = "../tests/fake/webhook_pipeline.rs"]
mod webhook_pipeline;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use stacks::{Configurations, Subject, named_registry, registry, subjects};
use tap_engine::fake::drill::{Kills, Report, Source, Tried, drift_every, kill_every, lifecycle_of};
use tap_engine::fake::{FakeCloud, Rng, bench};
use tap_engine::{Graph, Registry};
use tokio::runtime::{Builder, Runtime};

/// What the command line asks for.
struct Wanted {
    subject: &'static Subject,
    count: u64,
    stride: usize,
    first_seed: u64,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let part = arguments.next().unwrap_or_default();
    let numbers: Vec<u64> = arguments.filter_map(|text| text.parse().ok()).collect();
    let Some(subject) = subjects().into_iter().find(|subject| subject.name() == name) else {
        let names: Vec<&str> = subjects().iter().map(|subject| subject.name()).collect();
        println!("which composite: {}?", names.join(", "));
        return ExitCode::FAILURE;
    };
    let number = |place: usize, default: u64| numbers.get(place).copied().unwrap_or(default);
    let wanted = Wanted {
        subject,
        count: number(0, if part == "lives" { 1000 } else { 0 }),
        stride: usize::try_from(number(1, 1)).unwrap_or(1).max(1),
        first_seed: number(2, 0),
    };
    let failures = match part.as_str() {
        "drift" => drift(&wanted),
        "kills" => kills(&wanted),
        "lives" => lives(&wanted),
        "bench" => figures(&wanted),
        _ => {
            println!("which part: drift, kills, lives or bench?");
            return ExitCode::FAILURE;
        }
    };
    println!("{name} {part}: failures: {failures}");
    if failures == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A runtime whose clock jumps: pauses take no time.
fn virtual_time() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
}

fn drift(wanted: &Wanted) -> usize {
    let (mut failed, mut already) = (0, Tried::new());
    for (name, config) in (wanted.subject.variants)() {
        let began = Instant::now();
        let graph = wanted.subject.graph(&config);
        match virtual_time().block_on(drift_every(wanted.stride, &graph, &mut already, registry)) {
            Ok(tried) => println!(
                "drift, {name}: {} components, {tried} changes outside, each shown alone and put right ({:.1?})",
                graph.components.len(),
                began.elapsed()
            ),
            Err(error) => {
                failed += 1;
                println!("drift, {name}: {error}");
            }
        }
    }
    failed
}

fn kills(wanted: &Wanted) -> usize {
    let (plain, edited) = (wanted.subject.default_graph(), wanted.subject.edited_graph());
    let mut failed = killed(
        "default -> edited, objects known by number",
        wanted,
        &plain,
        &edited,
        registry,
    );
    failed += killed(
        "edited -> default, objects known by name",
        wanted,
        &edited,
        &plain,
        named_registry,
    );
    for seed in wanted.first_seed..wanted.first_seed + wanted.count {
        let mut rng = Rng::new(seed);
        let mut configurations = Configurations::of(wanted.subject);
        let first = configurations.first(&mut rng);
        let second = configurations.edit(&first, &mut rng);
        let name = format!("random pair {seed}");
        let registry = if seed % 2 == 0 { registry } else { named_registry };
        failed += killed(&name, wanted, &first, &second, registry);
    }
    failed
}

fn killed(name: &str, wanted: &Wanted, first: &Graph, second: &Graph, registry: fn(&FakeCloud) -> Registry) -> usize {
    let began = Instant::now();
    match virtual_time().block_on(kill_every(wanted.stride, first, second, registry)) {
        Ok(Kills {
            create,
            update,
            destroy,
        }) => {
            println!(
                "killed at every {}. call, {name}: {create} points of create, {update} of update, {destroy} of destroy; 0 \
                 failed ({:.1?})",
                wanted.stride,
                began.elapsed()
            );
            0
        }
        Err(error) => {
            println!("killed, {name}: {error}");
            1
        }
    }
}

fn lives(wanted: &Wanted) -> usize {
    let began = Instant::now();
    let (mut total, mut failed) = (Report::default(), 0);
    for seed in wanted.first_seed..wanted.first_seed + wanted.count {
        let mut configurations = Configurations::of(wanted.subject);
        match virtual_time().block_on(lifecycle_of(&mut configurations, seed, 20, registry)) {
            Ok(life) => {
                total.runs += life.runs;
                total.calls += life.calls;
                total.deaths += life.deaths;
                total.failures += life.failures;
            }
            Err(error) => {
                failed += 1;
                let story = if wanted.count == 1 {
                    error.as_str()
                } else {
                    error.rsplit("\n\n").next().unwrap_or_default()
                };
                println!("lifecycle {seed} failed: {story}\nAdd to resources/tests/fake/regressions.rs:");
                println!("{}", configurations.regression(seed));
            }
        }
        let lived = seed + 1 - wanted.first_seed;
        if lived.is_multiple_of(50) || lived == wanted.count {
            println!(
                "{lived} lifecycles of random configurations from seed {} on, 20 % faults: {} runs, {} calls, {} runs with \
                 errors, {} deaths; {failed} did not end well ({:.1?})",
                wanted.first_seed,
                total.runs,
                total.calls,
                total.failures,
                total.deaths,
                began.elapsed()
            );
        }
    }
    failed
}

fn figures(wanted: &Wanted) -> usize {
    let runtime = Builder::new_multi_thread().enable_time().build().expect("a runtime");
    let graph = wanted.subject.default_graph();
    match runtime.block_on(bench::measure_on(&graph, Duration::from_millis(50), registry)) {
        Ok(f) => {
            println!(
                "{} components, 50 ms per call, real time: critical path {:.0?}, apply {:.0?} ({:.2} times it), refresh \
                 {:.0?}, plan {:.1?}, destroy {:.0?}",
                f.components,
                f.critical_path,
                f.apply,
                f.apply.as_secs_f64() / f.critical_path.as_secs_f64(),
                f.refresh,
                f.plan,
                f.destroy
            );
            0
        }
        Err(error) => {
            println!("figures: {error}");
            1
        }
    }
}
