//! Provider functions: `provider::tap::name(...)`.

use crate::types::Type;
use crate::value::Value;

/// One parameter of a function.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name, for docs and messages.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Markdown for the registry.
    pub description: String,
    /// Whether the function is called with null.
    pub allow_null: bool,
    /// Whether the function is called with unknown values. Without, its result is then unknown by itself.
    pub allow_unknown: bool,
}

impl Parameter {
    /// A parameter that is never null or unknown when the function is called.
    pub fn new(name: impl Into<String>, ty: Type, description: impl Into<String>) -> Self {
        let (name, description) = (name.into(), description.into());
        Self {
            name,
            ty,
            description,
            allow_null: false,
            allow_unknown: false,
        }
    }
}

/// The signature and documentation of a function.
#[derive(Clone, Debug)]
pub struct FunctionDefinition {
    /// Its parameters in order.
    pub parameters: Vec<Parameter>,
    /// What further arguments are, where it takes any.
    pub variadic: Option<Parameter>,
    /// The type of its result.
    pub returns: Type,
    /// One line for the registry.
    pub summary: String,
    /// Markdown for the registry.
    pub description: String,
}

/// Why a function has no result. Terraform prints it as it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct FunctionError {
    /// What is wrong, and what would be right.
    pub text: String,
    /// Which argument is wrong, counted from zero.
    pub argument: Option<i64>,
}

impl FunctionError {
    /// An error of the call as a whole.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            argument: None,
        }
    }

    /// An error of one argument, counted from zero.
    pub fn argument(argument: i64, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            argument: Some(argument),
        }
    }
}

/// A function. Terraform wants it pure: equal arguments, equal result, no effects.
pub trait Function: Send + Sync {
    /// Its name, without the provider.
    fn name(&self) -> &str;

    /// Its signature. Read once.
    fn definition(&self) -> FunctionDefinition;

    /// Its result. Variadic arguments follow the others one by one.
    fn call(&self, arguments: &[Value]) -> Result<Value, FunctionError>;
}
