//! Conditions on a request: what a rule of one's own, or the scope of a rate rule, can be made of.

use aws_sdk_wafv2::error::BuildError;
use aws_sdk_wafv2::primitives::Blob;
use aws_sdk_wafv2::types as sdk;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Plain, Statement};

/// The addresses of a `wafv2_ip_set`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IpSetReference {
    #[serde(rename = "ARN")]
    arn: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Not {
    statement: Box<Statement>,
}

/// The members of an `AndStatement` or `OrStatement`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Several {
    statements: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ByteMatch {
    search_string: String,
    field_to_match: Field,
    text_transformations: Vec<Transformation>,
    positional_constraint: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Field {
    #[serde(skip_serializing_if = "Option::is_none")]
    single_header: Option<Header>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri_path: Option<Plain>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Header {
    name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Transformation {
    priority: i32,
    #[serde(rename = "Type")]
    of_type: String,
}

impl IpSetReference {
    pub(super) fn to_sdk(&self) -> Result<sdk::IpSetReferenceStatement, BuildError> {
        sdk::IpSetReferenceStatement::builder().arn(&self.arn).build()
    }

    pub(super) fn from_sdk(set: &sdk::IpSetReferenceStatement) -> Self {
        Self { arn: set.arn.clone() }
    }
}

impl Not {
    pub(super) fn to_sdk(&self) -> Result<sdk::NotStatement, BuildError> {
        let statement = self.statement.to_sdk()?;
        Ok(sdk::NotStatement::builder().statement(statement).build())
    }

    pub(super) fn from_sdk(not: &sdk::NotStatement) -> Option<Self> {
        let statement = Box::new(Statement::from_sdk(not.statement()?)?);
        Some(Self { statement })
    }

    pub(super) fn inner(&self) -> &Statement {
        &self.statement
    }
}

impl Several {
    fn statements(&self) -> Result<Vec<sdk::Statement>, BuildError> {
        self.statements.iter().map(Statement::to_sdk).collect()
    }

    pub(super) fn to_and(&self) -> Result<sdk::AndStatement, BuildError> {
        sdk::AndStatement::builder()
            .set_statements(Some(self.statements()?))
            .build()
    }

    pub(super) fn to_or(&self) -> Result<sdk::OrStatement, BuildError> {
        sdk::OrStatement::builder()
            .set_statements(Some(self.statements()?))
            .build()
    }

    pub(super) fn from_sdk(statements: &[sdk::Statement]) -> Option<Self> {
        let statements: Option<Vec<Statement>> = statements.iter().map(Statement::from_sdk).collect();
        Some(Self {
            statements: statements?,
        })
    }

    pub(super) fn inner(&self) -> &[Statement] {
        &self.statements
    }
}

impl ByteMatch {
    pub(super) fn to_sdk(&self) -> Result<sdk::ByteMatchStatement, BuildError> {
        let transformations: Result<Vec<_>, BuildError> = self
            .text_transformations
            .iter()
            .map(|t| {
                sdk::TextTransformation::builder()
                    .priority(t.priority)
                    .r#type(t.of_type.as_str().into())
                    .build()
            })
            .collect();
        sdk::ByteMatchStatement::builder()
            .search_string(Blob::new(self.search_string.as_bytes()))
            .field_to_match(self.field_to_match.to_sdk()?)
            .set_text_transformations(Some(transformations?))
            .positional_constraint(self.positional_constraint.as_str().into())
            .build()
    }

    pub(super) fn from_sdk(found: &sdk::ByteMatchStatement) -> Option<Self> {
        Some(Self {
            search_string: String::from_utf8(found.search_string.as_ref().to_vec()).ok()?,
            field_to_match: Field::from_sdk(found.field_to_match.as_ref()?),
            text_transformations: found
                .text_transformations
                .iter()
                .map(|t| Transformation {
                    priority: t.priority,
                    of_type: t.r#type.as_str().to_owned(),
                })
                .collect(),
            positional_constraint: found.positional_constraint.as_str().to_owned(),
        })
    }
}

impl Field {
    fn to_sdk(&self) -> Result<sdk::FieldToMatch, BuildError> {
        let header = self
            .single_header
            .as_ref()
            .map(|header| sdk::SingleHeader::builder().name(&header.name).build());
        let path = self.uri_path.as_ref().map(|_| sdk::UriPath::builder().build());
        Ok(sdk::FieldToMatch::builder()
            .set_single_header(header.transpose()?)
            .set_uri_path(path)
            .build())
    }

    /// What else there may be is lost, and the statement then differs from what was found.
    fn from_sdk(field: &sdk::FieldToMatch) -> Self {
        let header = field.single_header.as_ref();
        Self {
            single_header: header.map(|header| Header {
                name: header.name.clone(),
            }),
            uri_path: field.uri_path.as_ref().map(|_| Plain {}),
        }
    }
}

/// WAF answers names of headers in lower case (aws: `wafv2/web_acl_logging_configuration.go`, `wafv2/schemas.go`).
pub(super) fn lower_header_names(rules: &mut Value) {
    match rules {
        Value::Array(items) => items.iter_mut().for_each(lower_header_names),
        Value::Object(members) => {
            if let Some(Value::String(name)) = members.get_mut("SingleHeader").and_then(|h| h.get_mut("Name")) {
                *name = name.to_lowercase();
            }
            members.values_mut().for_each(lower_header_names);
        }
        _ => {}
    }
}
