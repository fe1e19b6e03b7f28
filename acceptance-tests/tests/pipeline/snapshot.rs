//! The plan of the smallest example, as a person reads it: a change of it shows in review.
//!
//! `UPDATE_SNAPSHOTS=1` writes it anew.

use crate::site::Site;
use regex::Regex;
use std::fs;
use tap_acceptance_tests::pipeline::Configuration;
use tap_acceptance_tests::workspace_root;

#[tokio::test]
async fn the_plan_of_the_example_reads_as_it_did() {
    let example = fs::read_to_string(workspace_root().join("examples/webhook-minimal/main.tf")).unwrap();
    let site = Site::new(&Configuration::new("dev")).await;
    site.terraform.write_file("main.tf", &example).unwrap();

    let plan = site.terraform.plan().await.unwrap_or_else(|error| panic!("{error}"));

    let text = normalised(&plan.text, site.aws.account());
    let file = workspace_root().join("acceptance-tests/snapshots/webhook-minimal.plan.txt");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &text).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    let differing = first_difference(&expected, &text);
    assert_eq!(
        differing, None,
        "the plan of the example has changed; UPDATE_SNAPSHOTS=1 accepts it"
    );
}

/// Without what differs from machine to machine and build to build: the account, the handlers' hashes.
fn normalised(plan: &str, account: &str) -> String {
    let hash = Regex::new(r#"("code_sha256"\s+= )"[^"]*""#).unwrap();
    let text = plan.replace(account, "123456789012");
    let text = hash.replace_all(&text, "$1\"<hash>\"");
    let lines = text.lines().map(str::trim_end);
    lines.fold(String::new(), |all, line| all + line + "\n")
}

fn first_difference(expected: &str, actual: &str) -> Option<String> {
    let (mut old, mut new) = (expected.lines(), actual.lines());
    let mut number = 1;
    loop {
        match (old.next(), new.next()) {
            (None, None) => return None,
            (old, new) if old == new => number += 1,
            (old, new) => return Some(format!("line {number}: {old:?} is now {new:?}")),
        }
    }
}
