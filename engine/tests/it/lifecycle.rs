//! Lives of random stacks with everything going wrong (issue 3).

use tap_engine::fake::drill::{Report, kill_everywhere, lifecycle};
use tap_engine::fake::{Rng, random};

/// Seeds that once failed, with the components they failed with.
const REGRESSIONS: &[(u64, usize)] = &[
    (3_293_934_023_573_293_099, 12),
    (11_303_489_225_091_832_271, 12),
    (15_935_897_784_206_590_219, 12),
    (198, 16),
    (383_277_159_641_219_883, 12),
];

fn live(seed: u64, percent: u8, components: usize) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime
        .block_on(lifecycle(seed, percent, components))
        .unwrap_or_else(|error| {
            panic!("seed {seed} at {percent} % and {components} components (add it to REGRESSIONS):\n{error}")
        })
}

#[test]
fn lives_that_once_failed() {
    for (seed, components) in REGRESSIONS {
        live(*seed, 0, *components);
        live(*seed, 20, *components);
    }
}

/// Seeds to live through: the same ones in every run, or `TAP_CASES` many from `TAP_SEED` on.
fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect(name));
    let first = number("TAP_SEED").unwrap_or(0);
    first..first.saturating_add(number("TAP_CASES").unwrap_or(200))
}

#[test]
fn every_life_without_faults_ends_well() {
    for seed in seeds() {
        live(seed, 0, 12);
    }
}

#[test]
fn every_life_with_faults_ends_well() {
    for seed in seeds() {
        live(seed, 20, 12);
    }
}

#[tokio::test(start_paused = true)]
async fn a_death_at_any_call_loses_and_leaks_nothing() {
    for seed in 0..=10 {
        let mut rng = Rng::new(seed);
        let first = random::graph(&mut rng, 14);
        let mut second = first.clone();
        random::edit(&mut second, &mut rng);
        random::edit(&mut second, &mut rng);
        let kills = kill_everywhere(&first, &second, |cloud| {
            if seed % 2 == 1 {
                cloud.names_are_ids();
            }
            cloud.registry(random::SPECS)
        })
        .await;
        let kills = kills.unwrap_or_else(|error| panic!("graphs of seed {seed}: {error}"));
        assert!(kills.create > 0 && kills.destroy > 0, "{kills:?}");
    }
}
