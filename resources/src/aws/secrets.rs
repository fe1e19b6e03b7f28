//! Values of write-only attributes on their way from the configuration to AWS. They are here for the time of an apply
//! and nowhere else: settings, plans and state hold only their names and versions.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use tap_engine::{Context, KindError, KindResult};

/// Write-only values by stack and name.
#[derive(Default)]
pub struct Secrets(Mutex<BTreeMap<(String, String), String>>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(..)")
    }
}

impl Secrets {
    /// Takes what a stack's configuration gives (attribute path -> value) in place of what it gave before.
    pub fn set(&self, stack: &str, given: BTreeMap<String, String>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(owner, _), _| owner != stack);
        all.extend(given.into_iter().map(|(name, value)| ((stack.to_owned(), name), value)));
    }

    /// The value that a component's setting `secret` names.
    ///
    /// # Errors
    /// When the configuration does not give it.
    pub fn get(&self, cx: &Context, name: &str) -> KindResult<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let value = all.get(&(cx.stack.clone(), name.to_owned())).cloned();
        value.ok_or_else(|| KindError::invalid("secret", format!("the configuration gives no value for `{name}`")))
    }
}

/// AWS's validation messages may quote what they refuse: the error without the value.
pub(super) fn without_value(error: KindError, value: &str) -> KindError {
    let clean = |text: String| text.replace(value, "(hidden)");
    match error {
        KindError::Service {
            operation,
            code,
            message,
            request_id,
            status,
        } => KindError::Service {
            operation,
            code,
            message: clean(message),
            request_id,
            status,
        },
        KindError::Transport { operation, message } => KindError::Transport {
            operation,
            message: clean(message),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_debug_nor_errors_show_a_value() {
        let secrets = Secrets::default();
        secrets.set("s/dev", BTreeMap::from([("a".to_owned(), "hunter2".to_owned())]));
        assert!(!format!("{secrets:?}").contains("hunter2"));
        let error = KindError::Transport {
            operation: "ssm:PutParameter".into(),
            message: "Value hunter2 is bad".into(),
        };
        assert!(!without_value(error, "hunter2").to_string().contains("hunter2"));
    }

    #[test]
    fn what_a_configuration_no_longer_gives_is_gone() {
        let secrets = Secrets::default();
        secrets.set("s/dev", BTreeMap::from([("a".to_owned(), "one".to_owned())]));
        secrets.set("s/dev", BTreeMap::new());
        assert!(secrets.0.lock().unwrap().is_empty());
    }
}
