//! Import of a stack over two regions, in a folder that knows nothing but its suffix.

use crate::site::{Site, stack};
use tap_acceptance_tests::payment::ADDRESS;

const REGIONS: [&str; 2] = ["us-east-1", "eu-west-1"];

#[tokio::test]
async fn an_imported_stack_is_the_one_that_was_applied() {
    let configuration = stack("imp", &REGIONS)
        .with("workflow", "{ enabled = true }")
        .with("tags", "{ Team = \"payments\" }");
    let site = Site::applied(&configuration).await;
    let before = site.aws.inventory_of(&REGIONS).await.unwrap();

    let elsewhere = site.imported(&configuration, ADDRESS, "imp").await;

    let after = site.aws.inventory_of(&REGIONS).await.unwrap();
    assert_eq!(after, before, "an import must not change anything");

    // The importing folder owns it now as well as the first.
    elsewhere.destroy().await.unwrap_or_else(|error| panic!("{error}"));
    for region in REGIONS {
        assert_eq!(site.left_in(region).await, Vec::<String>::new(), "{region}");
    }
}
