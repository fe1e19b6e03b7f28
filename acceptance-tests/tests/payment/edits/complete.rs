//! Everything that can be set in a payment stack is edited by a test, or stands here with the reason why not.

use super::{members, removing, replacing, rows, single, two_regions};
use crate::site::Site;
use tap_acceptance_tests::edited::{Edited, Elsewhere, Fixed, settable};

/// Edited on a living stack by another test.
const ELSEWHERE: &[Elsewhere] = &[(
    "regions",
    "payment/regions.rs",
    "a_region_is_added_to_a_living_stack_taken_out_and_added_again",
)];

/// Not edited on a living stack, and why.
const FIXED: &[Fixed] = &[
    (
        "lambda_architecture",
        "a development build has the handlers of the machine's own architecture only",
    ),
    (
        "environment_suffix",
        "another suffix is another stack: everything is made anew",
    ),
    (
        "lambda_package.image_uri",
        "the functions are zip packages: an image is refused",
    ),
    (
        "lambda_package.image_digest",
        "the functions are zip packages: an image is refused",
    ),
    (
        "processor.enabled",
        "without the processor there are no API and no workflow: refused as long as they are there",
    ),
    (
        "region_overrides.*.vpc_endpoints",
        "`vpc.endpoints` of a region of several, which the single region's edits show",
    ),
    (
        "region_overrides.*.lambda_s3_bucket",
        "`lambda_package.s3_bucket` of a region of several, which the single region's edits show",
    ),
];

#[tokio::test]
async fn everything_that_can_be_set_is_edited_somewhere() {
    let base = two_regions("complete");
    let site = Site::new(&base).await;
    let schema = site.terraform.provider_schema().await.unwrap();
    let settable = settable(&schema, "tap_payment_stack");
    assert!(settable.len() > 200, "{settable:#?}");
    let edited = Edited::default()
        .by(rows::EDITS, &base)
        .by(rows::FURTHER, &base)
        .by(members::MEMBERS, &members::configuration())
        .by(members::ONE_SIDED, &members::configuration())
        .by(replacing::REPLACING, &replacing::configuration())
        .by(removing::RESHAPING, &removing::configuration())
        .by(removing::REMOVING, &removing::configuration())
        .by(single::EDITS, &single::configuration())
        .by(single::FROM_S3, &single::configuration());
    let gaps = edited.gaps(&settable, ELSEWHERE, FIXED);
    assert!(gaps.is_empty(), "{}", gaps.join("\n"));
}
