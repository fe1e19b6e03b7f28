//! The runner: the real terraform finds a provider in the mirror, and its verbs do what they say.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use tap_acceptance_tests::{Error, Mirror, PROVIDER_SOURCE, ResourceChange, Sandbox, Terraform};

/// `init` only installs a provider, so any file can stand for it.
fn mirror(folder: &Path) -> Mirror {
    let binary = folder.join("some-binary");
    std::fs::write(&binary, "#!/bin/sh\nexit 1\n").unwrap();
    Mirror::lay_out(&binary, folder.join("mirror")).unwrap()
}

fn configuration(input: &str) -> String {
    format!(
        "resource \"terraform_data\" \"a\" {{\n  input = {input:?}\n}}\noutput \"it\" {{\n  value = terraform_data.a.output\n}}\n"
    )
}

#[tokio::test]
async fn a_plain_init_installs_the_provider_from_the_mirror() {
    let (sandbox, folder) = (Sandbox::start().await.unwrap(), tempfile::tempdir().unwrap());
    let block =
        format!("terraform {{\n  required_providers {{\n    tap = {{ source = {PROVIDER_SOURCE:?} }}\n  }}\n}}\n");
    let terraform = Terraform::with_mirror(&sandbox.aws(), &mirror(folder.path())).unwrap();
    let terraform = terraform.with_file("main.tf", &block).unwrap();

    terraform.init().await.unwrap();

    let lock = std::fs::read_to_string(terraform.folder().join(".terraform.lock.hcl")).unwrap();
    assert!(lock.contains(PROVIDER_SOURCE), "{lock}");
    terraform
        .write_file("main.tf", &block.replace(PROVIDER_SOURCE, "hashicorp/null"))
        .unwrap();
    let failure = terraform.init().await.unwrap_err().to_string();
    assert!(
        failure.contains("hashicorp/null"),
        "tests must not reach a registry: {failure}"
    );
}

#[tokio::test]
async fn plan_apply_output_and_destroy() {
    let (sandbox, folder) = (Sandbox::start().await.unwrap(), tempfile::tempdir().unwrap());
    let terraform = Terraform::with_mirror(&sandbox.aws(), &mirror(folder.path())).unwrap();
    let terraform = terraform.with_file("main.tf", &configuration("one")).unwrap();
    terraform.init().await.unwrap();

    let plan = terraform.plan().await.unwrap();
    let created = ResourceChange {
        address: "terraform_data.a".into(),
        actions: vec!["create".into()],
    };
    assert_eq!(plan.changes(), [created]);
    assert!(matches!(plan.must_be_empty(), Err(Error::PlanNotEmpty(text)) if text.contains("will be created")));
    terraform.apply_plan().await.unwrap();
    terraform.plan().await.unwrap().must_be_empty().unwrap();
    assert_eq!(terraform.output("it").await.unwrap(), "one");

    terraform.write_file("main.tf", &configuration("two")).unwrap();
    terraform.apply().await.unwrap();
    assert_eq!(terraform.state().await.unwrap()["outputs"]["it"]["value"], "two");
    terraform.destroy().await.unwrap();
    assert_eq!(
        terraform.show().await.unwrap()["values"]["root_module"],
        serde_json::Value::Null
    );

    terraform.write_file("main.tf", "not hcl").unwrap();
    let failure = terraform.plan().await.unwrap_err().to_string();
    assert!(
        failure.contains("terraform plan") || failure.contains("tofu plan"),
        "{failure}"
    );
    assert!(failure.contains("main.tf line 1"), "{failure}");
}
