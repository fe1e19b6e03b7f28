//! What Synthetics makes for a canary in the account: a function `cwsyn-<name>-<id>` per browser with a layer of the same
//! name, and the log group that runs write. `DeleteCanary` takes function and layer along when told so, never the log group
//! (doc: `DeleteCanary`; O-11).

use std::time::Duration;

use aws_sdk_synthetics::types::Canary;
use tap_engine::{Context, KindResult};

use crate::aws::call::Poll;
use crate::aws::{Aws, call, found, wait_until};

const GONE: &[&str] = &["ResourceNotFoundException"];
/// Synthetics deletes the function after it has answered.
const PATIENCE: Duration = Duration::from_secs(30);

/// ARNs of the functions, with version. Runtimes from puppeteer 11.0 on name them by browser only.
pub(super) fn engine_arns(canary: &Canary) -> Vec<String> {
    let by_browser = canary.engine_configs().iter().filter_map(|config| config.engine_arn());
    let mut arns: Vec<String> = canary
        .engine_arn()
        .into_iter()
        .chain(by_browser)
        .map(ToOwned::to_owned)
        .collect();
    arns.dedup();
    arns
}

/// `arn:aws:lambda:<region>:<account>:function:<name>:<version>` -> name.
fn function_name(arn: &str) -> &str {
    arn.split(':').nth(6).unwrap_or_default()
}

/// Where the runs of this engine are logged; empty while there is none.
pub(super) fn log_group(engine_arn: &str) -> String {
    match function_name(engine_arn) {
        "" => String::new(),
        name => format!("/aws/lambda/{name}"),
    }
}

/// `arn:aws:lambda:<region>:<account>:layer:<name>:<version>` -> name.
fn layer_name(canary: &Canary) -> Option<&str> {
    let arn = canary.code().and_then(|code| code.source_location_arn())?;
    arn.split(':').nth(6).filter(|name| name.starts_with("cwsyn-"))
}

/// Deletes what is left of a canary that is gone. Only what Synthetics itself named for this canary.
pub(super) async fn remove(aws: &Aws, cx: &Context, canary: &Canary) -> KindResult<()> {
    for arn in engine_arns(canary) {
        let function = function_name(&arn);
        if !function.starts_with("cwsyn-") {
            continue;
        }
        remove_function(aws, cx, function).await?;
        let client = aws.logs(&cx.region);
        let group = log_group(&arn);
        let answer = call(cx, "logs:DeleteLogGroup", || {
            client.delete_log_group().log_group_name(&group).send()
        })
        .await;
        found(answer, GONE)?;
    }
    match layer_name(canary) {
        Some(layer) => remove_layer(aws, cx, layer).await,
        None => Ok(()),
    }
}

async fn remove_function(aws: &Aws, cx: &Context, function: &str) -> KindResult<()> {
    let client = aws.lambda(&cx.region);
    let gone = wait_until("lambda:GetFunction", "deleted", PATIENCE, || async {
        let answer = call(cx, "lambda:GetFunction", || {
            client.get_function().function_name(function).send()
        })
        .await;
        Ok(match found(answer, GONE)? {
            None => Poll::Ready(()),
            Some(_) => Poll::Pending("there".to_owned()),
        })
    })
    .await;
    if gone.is_ok() {
        return Ok(());
    }
    let answer = call(cx, "lambda:DeleteFunction", || {
        client.delete_function().function_name(function).send()
    })
    .await;
    found(answer, GONE).map(|_| ())
}

async fn remove_layer(aws: &Aws, cx: &Context, layer: &str) -> KindResult<()> {
    let client = aws.lambda(&cx.region);
    let answer = call(cx, "lambda:ListLayerVersions", || {
        let pages = client.list_layer_versions().layer_name(layer).into_paginator();
        pages.items().send().try_collect()
    })
    .await;
    for version in found(answer, GONE)?.unwrap_or_default() {
        // Deleting a version that is not there is success (doc: DeleteLayerVersion).
        call(cx, "lambda:DeleteLayerVersion", || {
            let request = client.delete_layer_version().layer_name(layer);
            request.version_number(version.version).send()
        })
        .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_synthetics::types::{BrowserType, CanaryCodeOutput, EngineConfig};

    const ENGINE: &str = "arn:aws:lambda:us-east-1:111122223333:function:cwsyn-health-1f:3";

    #[test]
    fn the_function_is_found_for_old_and_new_runtimes() {
        let old = Canary::builder().engine_arn(ENGINE).build();
        let config = EngineConfig::builder()
            .engine_arn(ENGINE)
            .browser_type(BrowserType::Chrome);
        let new = Canary::builder().engine_configs(config.build()).build();
        assert_eq!(engine_arns(&old), [ENGINE]);
        assert_eq!(engine_arns(&new), [ENGINE]);
        assert_eq!(log_group(ENGINE), "/aws/lambda/cwsyn-health-1f");
        assert_eq!(log_group(""), "");
    }

    #[test]
    fn only_a_layer_of_synthetics_is_a_leftover() {
        let with = |arn: &str| {
            let code = CanaryCodeOutput::builder().source_location_arn(arn).build();
            Canary::builder().code(code).build()
        };
        let own = with("arn:aws:lambda:us-east-1:111122223333:layer:cwsyn-health-1f:3");
        assert_eq!(layer_name(&own), Some("cwsyn-health-1f"));
        assert_eq!(
            layer_name(&with("arn:aws:lambda:us-east-1:111122223333:layer:shared:3")),
            None
        );
    }
}
