//! The part about plans: an empty one, one with a changed setting, and what they say.

use super::Story;
use crate::pipeline::{ADDRESS, Configuration};
use crate::{Plan, Result, Terraform};
use serde_json::Value;

/// The `functions` attribute with this much memory for the validator, in MB.
pub(super) fn functions(memory: u32) -> String {
    format!("{{ validator = {{ memory_size = {memory}, timeout = 15 }} }}")
}

/// The keys of the components that a plan shows as planned.
pub(super) fn planned_components(plan: &Plan) -> Vec<String> {
    let changes = plan.json["resource_changes"].as_array();
    let ours = changes
        .into_iter()
        .flatten()
        .find(|change| change["address"] == ADDRESS);
    let components = ours.map(|change| &change["change"]["after"]["components"]);
    let keys = components.and_then(Value::as_object).map(|all| all.keys().cloned());
    keys.into_iter().flatten().collect()
}

pub(super) async fn tell(story: &mut Story, terraform: &Terraform, configuration: &Configuration) -> Result<()> {
    story.chapter("terraform plan again, with nothing changed");
    let plan = terraform.plan().await?;
    story.expect("the plan is empty, after all that traffic", plan.is_empty(), &plan.text);

    story.chapter("One setting changed: more memory for the validator");
    let changed = configuration.clone().with("functions", &functions(1769));
    terraform.write_file("main.tf", &changed.hcl())?;
    let plan = terraform.plan().await?;
    story.shows(&changes_only(&plan.text));
    let names_it = names_memory(&plan.text);
    story.expect(
        "the plan names the function, the setting and both values",
        names_it,
        &plan.text,
    );
    terraform.apply_plan().await?;
    let plan = terraform.plan().await?;
    story.expect("after apply the plan is empty again", plan.is_empty(), &plan.text);
    Ok(())
}

/// The line may be aligned in one way or another.
fn names_memory(text: &str) -> bool {
    let squeezed = text.split_whitespace().collect::<Vec<_>>().join(" ");
    squeezed.contains(r#"~ "lambda_function.validator" = {"#)
        && squeezed.contains(r#"~ "memory_size" = "1024" -> "1769""#)
}

/// The part of a plan between its legend and its warnings.
fn changes_only(text: &str) -> String {
    let from = text.find("will perform the following actions:");
    let from = from
        .and_then(|at| text[at..].find('\n').map(|line| at + line))
        .unwrap_or(0);
    let to = text[from..].find("\nPlan:").map_or(text.len(), |at| from + at);
    text[from..to].trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_changes_of_a_plan_are_shown() {
        let text = "x refreshing\n\nTerraform will perform the following actions:\n\n  ~ a = 1 -> 2\n\nPlan: 0 to add\n\nWarning: w";
        assert_eq!(changes_only(text), "  ~ a = 1 -> 2");
        assert_eq!(changes_only("something else"), "something else");
    }

    #[test]
    fn alignment_does_not_matter() {
        assert!(names_memory(
            "~ \"lambda_function.validator\" = {\n ~ \"memory_size\"   = \"1024\" -> \"1769\""
        ));
        assert!(!names_memory("~ \"memory_size\" = \"1024\" -> \"1769\""));
    }
}
