//! What a browser gets to see (N-04): preflight, refusals of API Gateway, answers of the function.

use crate::site::{Site, stack};
use http::Method;
use tap_acceptance_tests::payment::payment;

const HOME: &str = "us-east-1";
const FIRST: &str = "https://shop.example";
const SECOND: &str = "https://till.example";
const ALLOWED: &str = "access-control-allow-origin";

#[tokio::test]
async fn n04_browsers_of_the_origins_listed_can_read_what_they_are_answered() {
    let origins = format!("{{ cors = {{ allow_origins = [{FIRST:?}, {SECOND:?}] }} }}");
    let site = Site::applied(&stack("cors", &[HOME]).with("api", &origins)).await;
    let payments = site.payments().await;
    let here = payments.in_region(HOME);
    let (api, stage) = (
        here.attribute("api_ids").unwrap(),
        payments.attribute("api_stage").unwrap(),
    );

    // The template that names the caller's own origin is not evaluated by the sandbox: docs/sandbox.md.
    let preflight = site.aws.api_request(Method::OPTIONS, api, stage, "webhooks");
    let preflight = preflight.header("origin", FIRST).send().await.unwrap();
    assert_eq!(
        (preflight.status.as_u16(), &preflight.headers[ALLOWED]),
        (204, &FIRST.parse().unwrap())
    );
    assert_eq!(preflight.headers["access-control-allow-methods"], "POST,OPTIONS");

    let body = payment("cors", "7.25");
    let no_key = here
        .request()
        .unwrap()
        .header("origin", FIRST)
        .body(body.as_str())
        .send()
        .await
        .unwrap();
    assert_eq!(
        (no_key.status.as_u16(), &no_key.headers[ALLOWED]),
        (403, &FIRST.parse().unwrap())
    );

    let key = here.api_key().await.unwrap();
    let send = async |origin: &str, body: &str| {
        let request = here.request().unwrap().api_key(&key).header("origin", origin);
        request.body(body).send().await.unwrap()
    };
    let taken = send(SECOND, &body).await;
    assert_eq!(
        (taken.status.as_u16(), &taken.headers[ALLOWED]),
        (200, &SECOND.parse().unwrap())
    );
    let contradicted = send(SECOND, &payment("cors", "8")).await;
    assert_eq!(contradicted.status, 409);
    assert_eq!(contradicted.headers[ALLOWED], SECOND);
    let stranger = send("https://elsewhere.example", &body).await;
    assert_eq!((stranger.status.as_u16(), stranger.headers.get(ALLOWED)), (200, None));
    site.destroy(&[HOME]).await;
}
