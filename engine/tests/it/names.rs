//! Names that a kind made create-first cannot have twice, taken back while the object that has them is still put aside.

use tap_engine::fake::drill::{Ending, Stack, kill_everywhere};
use tap_engine::fake::{FakeCloud, Fault, Faults};
use tap_engine::{Component, Graph, Key, KindSpec, Registry, Setting};

use crate::world::key;

static ACL: KindSpec = KindSpec {
    name: "wafv2_web_acl",
    settings: &[
        Setting::replace("name").unique(),
        Setting::new("rules"),
        Setting::new("secret").unreadable(),
        Setting::new("tags"),
    ],
    outputs: &["id", "arn"],
    volatile_outputs: &[],
    holds_data: false,
    taggable: true,
    create_before_delete: true,
    iam_actions: &[],
};
static ASSOCIATION: KindSpec = KindSpec {
    name: "wafv2_association",
    settings: &[Setting::replace("resource"), Setting::new("web_acl_arn")],
    taggable: false,
    create_before_delete: false,
    ..ACL
};

fn registry(cloud: &FakeCloud) -> Registry {
    cloud.registry(&[&ACL, &ASSOCIATION])
}

/// A web ACL and what it protects.
fn graph(name: &str, rules: &str) -> Graph {
    let mut graph = Graph::default();
    let acl = Component::new(Key::new("wafv2_web_acl", "api"), "wafv2_web_acl", "us-east-1");
    let acl = graph.add(acl.set("name", name).set("rules", rules).set("secret", "s"));
    let association = Component::new(Key::new("wafv2_association", "api"), "wafv2_association", "us-east-1");
    graph.add(association.set("resource", "api-1").set("web_acl_arn", acl.arn()));
    graph
}

async fn standing(graph: &Graph) -> Stack {
    let cloud = FakeCloud::default();
    let kinds = registry(&cloud);
    let mut stack = Stack::new(cloud, kinds);
    stack.recover(graph).await.unwrap();
    stack
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_back_takes_the_object_back() {
    let first = graph("a", "1");
    let mut stack = standing(&first).await;
    let id = stack.state.components["wafv2_web_acl.api"].outputs["id"].clone();
    stack.cloud.set_faults(Faults {
        once: [(("update", key("wafv2_association.api")), Fault::Denied)].into(),
        ..Faults::default()
    });
    let Ending::Ended(outcome) = stack.apply(&graph("b", "1")).await.unwrap() else {
        panic!("nothing was to die");
    };
    assert!(!outcome.is_complete());
    assert_eq!(
        outcome.state.deposed.len(),
        1,
        "the association holds the old one still"
    );

    let back = graph("a", "2");
    let plan = stack.plan(&back).unwrap();
    assert_eq!(plan.reinstated, [(key("wafv2_web_acl.api"), id.clone())].into());
    stack.recover(&back).await.unwrap();
    assert_eq!(stack.state.components["wafv2_web_acl.api"].outputs["id"], id);
    assert_eq!(stack.cloud.objects().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_renaming_that_died_anywhere_is_finished_or_taken_back() {
    let (first, second) = (graph("a", "1"), graph("b", "2"));
    let kills = kill_everywhere(&first, &second, registry).await.unwrap();
    assert!(kills.update > 5, "{kills:?}");

    let standing = standing(&first).await;
    let mut killed = 0;
    for (call, after_effect) in (1..).flat_map(|call| [(call, false), (call, true)]) {
        let mut stack = standing.fork(registry);
        stack.cloud.set_faults(Faults::stop(call, after_effect));
        if let Ending::Ended(_) = stack.apply(&second).await.unwrap() {
            break;
        }
        let back = stack.recover(&first).await;
        back.unwrap_or_else(|error| panic!("{}\n\ncall {call}, effect {after_effect}: {error}", stack.story()));
        killed += 1;
    }
    assert!(killed > 5, "{killed}");
}
