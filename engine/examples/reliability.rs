//! Prints the figures of docs/reliability.md that concern the engine alone.
//!
//! `cargo run -p tap-engine --example reliability -- [lifecycles] [seed]`
//!
//! - lifecycles of random stacks with 20 % of all calls failing and the process dying;
//! - the process killed at every single call of create, update and destroy of random stacks;
//! - a stack of 60 components on a cloud that takes 50 ms per call, in real time.
//!
//! Ends with 1 when anything failed, naming the seeds; with one lifecycle the whole story is told.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use tap_engine::fake::drill::{Kills, Report, kill_everywhere, lifecycle};
use tap_engine::fake::{Rng, bench, random};
use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).filter_map(|text| text.parse::<u64>().ok());
    let lifecycles = arguments.next().unwrap_or(1000);
    let first_seed = arguments.next().unwrap_or(0);
    let failures = lives(first_seed, lifecycles) + kills(first_seed, lifecycles.min(40)) + figures();
    println!("failures: {failures}");
    if failures == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A runtime whose clock jumps: pauses take no time.
fn virtual_time() -> Runtime {
    #[allow(clippy::expect_used, reason = "no runtime, no figures")]
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
}

fn lives(first_seed: u64, count: u64) -> usize {
    let began = Instant::now();
    let (mut total, mut failed) = (Report::default(), 0);
    for seed in first_seed..first_seed + count {
        match virtual_time().block_on(lifecycle(seed, 20, 16)) {
            Ok(life) => {
                total.runs += life.runs;
                total.calls += life.calls;
                total.deaths += life.deaths;
                total.failures += life.failures;
            }
            Err(error) => {
                failed += 1;
                println!(
                    "lifecycle {seed} failed: {}",
                    error.rsplit("\n\n").next().unwrap_or_default()
                );
            }
        }
    }
    println!(
        "{count} lifecycles, 20 % faults: {} runs, {} calls, {} runs with errors, {} deaths; {failed} did not end well \
         ({:.1?})",
        total.runs,
        total.calls,
        total.failures,
        total.deaths,
        began.elapsed()
    );
    failed
}

/// The end of a story; all of it when it is the only one.
fn told(story: &str, count: u64) -> &str {
    if count == 1 {
        story
    } else {
        story.rsplit("\n\n").next().unwrap_or_default()
    }
}

fn kills(first_seed: u64, stacks: u64) -> usize {
    let began = Instant::now();
    let (mut total, mut failed) = (Kills::default(), 0);
    for seed in first_seed..first_seed + stacks {
        let mut rng = Rng::new(seed);
        let first = random::graph(&mut rng, 20);
        let mut second = first.clone();
        for _ in 0..3 {
            random::edit(&mut second, &mut rng);
        }
        let killed = kill_everywhere(&first, &second, |cloud| {
            if seed % 2 == 1 {
                cloud.names_are_ids();
            }
            cloud.registry(random::SPECS)
        });
        match virtual_time().block_on(killed) {
            Ok(killed) => {
                total.create += killed.create;
                total.update += killed.update;
                total.destroy += killed.destroy;
            }
            Err(error) => {
                failed += 1;
                println!("kills on the stack of seed {seed}: {}", told(&error, stacks));
            }
        }
    }
    println!(
        "{stacks} random stacks killed at every call: {} points of create, {} of update, {} of destroy; {failed} failed \
         ({:.1?})",
        total.create,
        total.update,
        total.destroy,
        began.elapsed()
    );
    failed
}

fn figures() -> usize {
    #[allow(clippy::expect_used, reason = "no runtime, no figures")]
    let runtime = Builder::new_multi_thread().enable_time().build().expect("a runtime");
    let graph = bench::layered(60, 6);
    match runtime.block_on(bench::measure(&graph, Duration::from_millis(50))) {
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
