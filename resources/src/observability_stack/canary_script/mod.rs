//! The canary's script: a pure function of what is to be checked (O-03, O-04, O-06).
//!
//! Written for the Puppeteer runtimes of CloudWatch Synthetics
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Synthetics_Library_nodejs_puppeteer.html>).
//! Their library was renamed in `syn-nodejs-puppeteer-13.1`; older ones know the old names only.
//!
//! Secrets never are in it: it is a setting, and settings are in the state. Headers that hold one are in an SSM
//! SecureString (a JSON object, header name to value), which the script reads each time it runs. Environment variables
//! of a canary would be no place for them: whoever may look at its Lambda function can read those.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;

use crate::aws::canary::runtime::{Family, Runtime};

/// What a run does and what it expects.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Absolute URL, `http` or `https`.
    pub url: String,
    /// HTTP method. A browser only knows how to GET.
    pub method: String,
    /// Body of the request, if it has one.
    pub body: Option<String>,
    /// Headers that anybody may see.
    pub headers: BTreeMap<String, String>,
    /// Name of the SecureString with the others.
    pub headers_parameter: Option<String>,
    /// Lowest status that passes.
    pub status_min: i64,
    /// Highest status that passes.
    pub status_max: i64,
    /// Milliseconds after which a missing answer is a failure.
    pub timeout: i64,
}

/// How the URL is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A plain request. Redirects are answers, too; they are not followed.
    Http,
    /// A page load in Chromium, until the DOM is there.
    Browser,
}

/// The first version whose library is called `@aws/synthetics-puppeteer`.
const RENAMED: (u32, u32) = (13, 1);

/// Deprecated on 2026-01-22, and all before it: no canary can be made with them any more
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Synthetics_Runtime_Support_Policy.html>).
/// What else AWS has given up since, the plan asks it.
const DEPRECATED: (u32, u32) = (7, 0);

/// A runtime that can run the script; `None` for another family, or one that AWS is known to refuse.
pub fn supported(name: &str) -> Option<Runtime> {
    Runtime::parse(name).filter(|runtime| runtime.family == Family::Puppeteer && runtime.version > DEPRECATED)
}

/// Module names of the library and its logger.
fn modules(runtime: Runtime) -> [&'static str; 2] {
    if runtime.version >= RENAMED {
        ["@aws/synthetics-puppeteer", "@aws/synthetics-logger"]
    } else {
        ["Synthetics", "SyntheticsLogger"]
    }
}

/// The handler that belongs to the script: file and exported function.
pub const HANDLER: &str = "index.handler";

/// The script. The same check gives the same text.
pub fn script(check: &Check, mode: Mode, runtime: Runtime) -> String {
    let [synthetics, logger] = modules(runtime).map(|name| json!(name).to_string());
    let body = match mode {
        Mode::Http => include_str!("http.js"),
        Mode::Browser => include_str!("browser.js"),
    };
    // JSON is a subset of JavaScript since ES2019.
    let check = json!(check);
    format!(
        "'use strict';\n\nconst synthetics = require({synthetics});\nconst log = require({logger});\n\nconst check = {check};\n\n{}\n{body}",
        include_str!("judge.js")
    )
}
