//! Collects what a plan-time check finds, with attribute paths.

use tap_engine::reference::UNKNOWN;
use tap_plugin::{AttributePath, Diagnostic, Diagnostics};

/// Errors and warnings of one configuration.
#[derive(Debug, Default)]
pub struct Findings(Diagnostics);

impl Findings {
    /// Refuses the configuration. `path` is written as in a configuration: `table.replicas[1].region`,
    /// `domain.certificate_arns["eu-west-1"]`. Terraform points at the whole resource for what is inside a
    /// nested attribute, so the text names the path too.
    pub fn error(&mut self, path: &str, summary: &str, detail: impl AsRef<str>) {
        let text = format!("{path}: {}", detail.as_ref());
        self.0.push(Diagnostic::error(summary, text).at(attribute_path(path)));
    }

    /// Lets it pass, with a word.
    pub fn warning(&mut self, path: &str, summary: &str, detail: impl AsRef<str>) {
        let text = format!("{path}: {}", detail.as_ref());
        self.0.push(Diagnostic::warning(summary, text).at(attribute_path(path)));
    }

    /// All of them.
    pub fn into_diagnostics(self) -> Diagnostics {
        self.0
    }
}

/// Whether a value is known at this time; what is not must pass every check.
pub fn known(text: &str) -> bool {
    !text.contains(UNKNOWN)
}

fn attribute_path(text: &str) -> AttributePath {
    let mut path = AttributePath::whole();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some((inside, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            path = match inside.parse::<i64>() {
                Ok(index) => path.index(index),
                Err(_) => path.key(inside.trim_matches('"')),
            };
            rest = after;
        } else {
            let name = rest.trim_start_matches('.');
            let end = name.find(['.', '[']).unwrap_or(name.len());
            path = path.attribute(&name[..end]);
            rest = &name[end..];
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_as_written_in_a_configuration() {
        let expected = AttributePath::root("domain")
            .attribute("certificate_arns")
            .key("eu-west-1");
        assert_eq!(attribute_path("domain.certificate_arns[\"eu-west-1\"]"), expected);
        let expected = AttributePath::root("table")
            .attribute("replicas")
            .index(1)
            .attribute("region");
        assert_eq!(attribute_path("table.replicas[1].region"), expected);
        let expected = AttributePath::root("name_overrides").key("eu-west-1/kms_key.data");
        assert_eq!(attribute_path("name_overrides[\"eu-west-1/kms_key.data\"]"), expected);
        assert_eq!(attribute_path("regions[0]"), AttributePath::root("regions").index(0));
    }
}
