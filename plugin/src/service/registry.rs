//! What a provider offers, read once.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::codec::{self, Decoded, DynamicTypes};
use crate::data_source::DataSource;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::ephemeral::EphemeralResource;
use crate::function::{Function, FunctionDefinition};
use crate::proto::tfplugin6 as wire;
use crate::provider::Provider;
use crate::resource::Resource;
use crate::schema::Schema;
use crate::types::Type;
use crate::value::Value;

/// A schema with its type, which is costly to derive on every call.
pub(super) struct Typed {
    pub(super) schema: Schema,
    ty: Type,
}

impl Typed {
    fn new(schema: Schema) -> Self {
        let ty = schema.ty();
        Self { schema, ty }
    }

    /// Reads a value of this schema; `what` names the message field for the error.
    pub(super) fn decode(&self, message: Option<&wire::DynamicValue>, what: &str) -> Result<Decoded, Diagnostics> {
        codec::decode(message, &self.ty).map_err(|error| malformed(what, &error))
    }

    pub(super) fn decode_json(&self, json: &serde_json::Value) -> Result<Decoded, Diagnostics> {
        codec::decode_json(json, &self.ty, codec::Unknowns::Drop).map_err(|error| {
            let detail = format!("The stored state does not fit the schema: {error}.");
            Diagnostic::error("Unreadable state", detail).at(error.path).into()
        })
    }

    pub(super) fn encode(&self, value: &Value, types: &DynamicTypes) -> Result<wire::DynamicValue, Diagnostics> {
        codec::encode(value, &self.ty, types).map_err(|error| {
            let detail = format!("A value cannot be encoded: {error}. This is a bug in the provider.");
            Diagnostic::error("Provider returned a value outside its schema", detail)
                .at(error.path)
                .into()
        })
    }
}

pub(super) fn malformed(what: &str, error: &codec::CodecError) -> Diagnostics {
    let detail = format!("The field {what} of the request cannot be decoded: {error}.");
    Diagnostic::error("Malformed request", detail).into()
}

/// A resource, data source or ephemeral resource with its schema.
pub(super) struct Entry<T: ?Sized> {
    pub(super) handler: Arc<T>,
    pub(super) typed: Typed,
}

/// A function with its signature.
pub(super) struct FunctionEntry {
    pub(super) handler: Arc<dyn Function>,
    pub(super) definition: FunctionDefinition,
}

type Entries<T> = BTreeMap<String, Entry<T>>;

pub(super) struct Registry {
    pub(super) provider: Arc<dyn Provider>,
    pub(super) provider_schema: Typed,
    pub(super) resources: Entries<dyn Resource>,
    pub(super) data_sources: Entries<dyn DataSource>,
    pub(super) ephemeral_resources: Entries<dyn EphemeralResource>,
    pub(super) functions: BTreeMap<String, FunctionEntry>,
    /// Mistakes in the provider's own definitions, reported with the schemas.
    pub(super) problems: Diagnostics,
}

impl Registry {
    pub(super) fn new(provider: Arc<dyn Provider>) -> Self {
        let mut problems = Diagnostics::new();
        let resources = provider.resources().into_iter().map(|resource| {
            let (name, schema) = (resource.type_name().to_owned(), resource.schema());
            (name, resource, schema)
        });
        let resources = entries("resource", resources, &mut problems);
        let data_sources = provider.data_sources().into_iter().map(|source| {
            let (name, schema) = (source.type_name().to_owned(), source.schema());
            (name, source, schema)
        });
        let data_sources = entries("data source", data_sources, &mut problems);
        let ephemeral = provider.ephemeral_resources().into_iter().map(|resource| {
            let (name, schema) = (resource.type_name().to_owned(), resource.schema());
            (name, resource, schema)
        });
        let ephemeral_resources = entries("ephemeral resource", ephemeral, &mut problems);
        let mut functions = BTreeMap::new();
        for handler in provider.functions() {
            let (name, definition) = (handler.name().to_owned(), handler.definition());
            if functions
                .insert(name.clone(), FunctionEntry { handler, definition })
                .is_some()
            {
                problems.error(
                    "Invalid provider",
                    format!("There is more than one function named {name:?}."),
                );
            }
        }
        let provider_schema = Typed::new(provider.schema());
        report("provider", "configuration", &provider_schema.schema, &mut problems);
        Self {
            provider,
            provider_schema,
            resources,
            data_sources,
            ephemeral_resources,
            functions,
            problems,
        }
    }

    pub(super) fn resource(&self, type_name: &str) -> Result<&Entry<dyn Resource>, Diagnostics> {
        self.resources
            .get(type_name)
            .ok_or_else(|| unknown("resource", type_name))
    }

    pub(super) fn data_source(&self, type_name: &str) -> Result<&Entry<dyn DataSource>, Diagnostics> {
        self.data_sources
            .get(type_name)
            .ok_or_else(|| unknown("data source", type_name))
    }

    pub(super) fn ephemeral(&self, type_name: &str) -> Result<&Entry<dyn EphemeralResource>, Diagnostics> {
        self.ephemeral_resources
            .get(type_name)
            .ok_or_else(|| unknown("ephemeral resource", type_name))
    }
}

fn unknown(kind: &str, type_name: &str) -> Diagnostics {
    let detail = format!("This version of the provider has no {kind} named {type_name:?}.");
    Diagnostic::error(format!("Unknown {kind} type"), detail).into()
}

fn entries<T: ?Sized>(
    kind: &str,
    handlers: impl Iterator<Item = (String, Arc<T>, Schema)>,
    problems: &mut Diagnostics,
) -> Entries<T> {
    let mut entries = BTreeMap::new();
    for (name, handler, schema) in handlers {
        report(kind, &name, &schema, problems);
        if entries
            .insert(
                name.clone(),
                Entry {
                    handler,
                    typed: Typed::new(schema),
                },
            )
            .is_some()
        {
            problems.error(
                "Invalid provider",
                format!("There is more than one {kind} named {name:?}."),
            );
        }
    }
    entries
}

fn report(kind: &str, name: &str, schema: &Schema, problems: &mut Diagnostics) {
    for problem in schema.problems() {
        problems.error(
            "Invalid schema",
            format!("The {kind} {name}: {problem}. This is a bug in the provider."),
        );
    }
}
