//! The `Schema` section of a page, and a function's signature.

use serde_json::Value as Json;
use tap_plugin::{Attribute, AttributeKind, Block, FunctionDefinition, NestedBlock, Nesting, Schema, Type};

/// Who sets it; the groups of terraform-plugin-docs, in its order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Required,
    Optional,
    ReadOnly,
}

impl Group {
    const ALL: [Self; 3] = [Self::Required, Self::Optional, Self::ReadOnly];

    fn title(self) -> &'static str {
        match self {
            Self::Required => "Required",
            Self::Optional => "Optional",
            Self::ReadOnly => "Read-Only",
        }
    }
}

/// An attribute or block, ready to be listed, with what it is made of.
struct Entry {
    group: Group,
    name: String,
    line: String,
    inner: Option<Inner>,
}

/// What a nested attribute or block is made of.
struct Inner {
    /// Dotted: `api.hmac`.
    path: String,
    anchor: String,
    entries: Vec<Entry>,
}

/// The section. It ends with a line break.
pub(super) fn section(schema: &Schema) -> String {
    let entries = of_block(schema.root(), "");
    let mut lines = vec!["## Schema".to_owned()];
    list(&mut lines, &entries, true);
    if !schema.rules().is_empty() {
        lines.extend(["", "### Combinations", ""].map(ToOwned::to_owned));
        lines.extend(schema.rules().iter().map(|rule| format!("- {}", rule.description())));
    }
    nested(&mut lines, &entries);
    lines.push(String::new());
    lines.join("\n")
}

/// Lists entries by group; only at the top are the groups' names headings.
fn list(lines: &mut Vec<String>, entries: &[Entry], top: bool) {
    for group in Group::ALL {
        let mut members = entries.iter().filter(|entry| entry.group == group).peekable();
        if members.peek().is_none() {
            continue;
        }
        let title = group.title();
        let title = if top {
            format!("### {title}")
        } else {
            format!("{title}:")
        };
        lines.extend([String::new(), title, String::new()]);
        lines.extend(members.map(|entry| entry.line.clone()));
    }
}

/// What entries are made of, each under an anchor of its own.
fn nested(lines: &mut Vec<String>, entries: &[Entry]) {
    for inner in entries.iter().filter_map(|entry| entry.inner.as_ref()) {
        lines.push(format!("\n<a id=\"{}\"></a>", inner.anchor));
        lines.push(format!("### Nested Schema for `{}`", inner.path));
        list(lines, &inner.entries, false);
        nested(lines, &inner.entries);
    }
}

fn of_block(block: &Block, parent: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = block
        .attributes()
        .iter()
        .map(|(name, of)| of_attribute(name, of, parent))
        .collect();
    entries.extend(block.blocks().map(|(name, of)| of_nested_block(name, of, parent)));
    sort(&mut entries);
    entries
}

fn sort(entries: &mut [Entry]) {
    entries.sort_by(|a, b| (a.group, &a.name).cmp(&(b.group, &b.name)));
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() {
        name.to_owned()
    } else {
        format!("{parent}.{name}")
    }
}

fn of_attribute(name: &str, attribute: &Attribute, parent: &str) -> Entry {
    let inner = attribute.nested().map(|(_, members)| {
        let path = join(parent, name);
        let mut entries: Vec<Entry> = members.iter().map(|(name, of)| of_attribute(name, of, &path)).collect();
        sort(&mut entries);
        Inner {
            anchor: format!("nestedatt--{}", path.replace('.', "--")),
            path,
            entries,
        }
    });
    let group = if attribute.is_required() {
        Group::Required
    } else if attribute.is_optional() {
        Group::Optional
    } else {
        Group::ReadOnly
    };
    Entry {
        group,
        name: name.to_owned(),
        line: line(name, &labels(attribute), &sentences(attribute), inner.as_ref()),
        inner,
    }
}

fn of_nested_block(name: &str, nested: &NestedBlock, parent: &str) -> Entry {
    let path = join(parent, name);
    let inner = Inner {
        anchor: format!("nestedblock--{}", path.replace('.', "--")),
        entries: of_block(nested.inner(), &path),
        path,
    };
    let (min, max) = nested.item_limits();
    let mut labels = vec![format!("Block{}", nesting(nested.nesting()))];
    labels.extend((min > 0).then(|| format!("Min: {min}")));
    labels.extend((max > 0).then(|| format!("Max: {max}")));
    Entry {
        group: if min > 0 { Group::Required } else { Group::Optional },
        name: name.to_owned(),
        line: line(name, &labels, nested.inner().description_text(), Some(&inner)),
        inner: Some(inner),
    }
}

fn line(name: &str, labels: &[String], text: &str, inner: Option<&Inner>) -> String {
    let space = if text.is_empty() { "" } else { " " };
    let see = inner.map_or_else(String::new, |inner| {
        format!(" (see [below for nested schema](#{}))", inner.anchor)
    });
    format!("- `{name}` ({}){space}{text}{see}", labels.join(", "))
}

fn labels(attribute: &Attribute) -> Vec<String> {
    let mut labels = vec![match attribute.kind() {
        AttributeKind::Plain(ty) => type_name(ty),
        AttributeKind::Nested(how, _) => format!("Attributes{}", nesting(*how)),
    }];
    if attribute.is_sensitive() {
        labels.push("Sensitive".to_owned());
    }
    if attribute.is_write_only() {
        labels.push(
            "[Write-only](https://developer.hashicorp.com/terraform/language/resources/ephemeral#write-only-arguments)"
                .to_owned(),
        );
    }
    if attribute.deprecation().is_some() {
        labels.push("Deprecated".to_owned());
    }
    labels
}

fn nesting(nesting: Nesting) -> &'static str {
    match nesting {
        Nesting::Single => "",
        Nesting::List => " List",
        Nesting::Set => " Set",
        Nesting::Map => " Map",
    }
}

fn type_name(ty: &Type) -> String {
    match ty {
        Type::String => "String".to_owned(),
        Type::Number => "Number".to_owned(),
        Type::Bool => "Boolean".to_owned(),
        Type::Dynamic => "Dynamic".to_owned(),
        Type::List(element) => format!("List of {}", type_name(element)),
        Type::Set(element) => format!("Set of {}", type_name(element)),
        Type::Map(element) => format!("Map of {}", type_name(element)),
        Type::Object(_) | Type::Tuple(_) => format!("`{ty}`"),
    }
}

/// All that is to be said about an attribute: what it is, its default, what is allowed, what a change means.
fn sentences(attribute: &Attribute) -> String {
    let described = attribute.description_text();
    let mut all: Vec<String> = Vec::new();
    all.extend((!described.is_empty()).then(|| described.to_owned()));
    // Some descriptions tell the default themselves, as it depends on other attributes.
    let default = attribute.default_value().filter(|_| !described.contains("Default:"));
    all.extend(default.map(|value| format!("Default: `{}`.", show(value))));
    all.extend(
        attribute
            .validators()
            .iter()
            .map(|v| format!("Must be {}.", v.description())),
    );
    all.extend(
        attribute
            .replaces()
            .then(|| "A change replaces the resource.".to_owned()),
    );
    all.extend(attribute.deprecation().map(|why| format!("**Deprecated:** {why}")));
    all.join(" ")
}

/// A default as it would be written in a configuration.
fn show(value: &Json) -> String {
    match value {
        Json::Array(elements) => format!("[{}]", elements.iter().map(show).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// Signature and arguments of a function.
pub(super) fn signature(name: &str, definition: &FunctionDefinition) -> String {
    let mut parameters: Vec<String> = Vec::new();
    let mut arguments = String::new();
    for parameter in &definition.parameters {
        parameters.push(format!("{} {}", parameter.name, parameter.ty));
        arguments.push_str(&argument(&parameter.name, "", &parameter.ty, &parameter.description));
    }
    if let Some(rest) = &definition.variadic {
        parameters.push(format!("{} {}...", rest.name, rest.ty));
        arguments.push_str(&argument(&rest.name, "Variadic, ", &rest.ty, &rest.description));
    }
    format!(
        "## Signature\n\n```text\n{name}({}) {}\n```\n\n## Arguments\n\n{arguments}",
        parameters.join(", "),
        definition.returns
    )
}

fn argument(name: &str, mark: &str, ty: &Type, description: &str) -> String {
    format!("1. `{name}` ({mark}{}) {description}\n", type_name(ty))
}
