//! The payment stack under test.

use std::sync::OnceLock;

use serde_json::{Value, json};
use tap_resources::bundle;
use tap_resources::payment_stack::PaymentStack;

use crate::payment_random::{choices, variants};
use crate::stacks::Subject;

/// `tap_payment_stack`.
pub(crate) static SUBJECT: Subject = Subject {
    composite: &PaymentStack,
    given,
    variants,
    edited,
    choices,
    schema: OnceLock::new(),
};

fn given() -> Value {
    let architecture = bundle::architectures().first().copied().unwrap_or("x86_64");
    json!({"environment_suffix": "dev", "lambda_architecture": architecture})
}

/// A second region joins, and everything else is edited along the way.
fn edited() -> Value {
    json!({
        "regions": ["eu-central-1", "eu-west-1"],
        "tags": {"team": "payments"},
        "log_retention_in_days": 365,
        "processor": {"memory_size": 1024},
        "queue": {"max_receive_count": 5},
        "table": {"name": "renamed"},
        "api": {"path": "payments"},
        "waf": {"rate_limit": 500},
        "dashboard": {"enabled": false},
    })
}
