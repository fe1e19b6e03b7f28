//! Import by the suffix alone.

use crate::site::{Site, complete};
use tap_acceptance_tests::observability::ADDRESS;

#[tokio::test]
async fn an_imported_state_is_the_one_that_was_applied() {
    let configuration = complete("imp")
        .with("tags", "{ Team = \"payments\" }")
        .with("lambda", "{ memory_size = 512 }")
        .with("api_error_alarm", "{ threshold_percent = 2.5 }");
    let site = Site::applied(&configuration).await;
    let inventory = site.aws.inventory().await.unwrap();

    site.imported(&configuration, ADDRESS, "imp").await;

    assert_eq!(
        site.aws.inventory().await.unwrap(),
        inventory,
        "an import changes nothing"
    );
    site.destroy().await;
}
