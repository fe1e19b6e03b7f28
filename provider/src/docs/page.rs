//! One page: front matter, description, example, schema, import.

use std::path::{Path, PathBuf};

use tap_plugin::{FunctionDefinition, Schema};

use super::{DocsError, schema};

/// What a page is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Provider,
    Resource,
    DataSource,
    EphemeralResource,
    Function,
}

impl Kind {
    /// As page titles say it.
    fn title(self) -> &'static str {
        match self {
            Self::Provider => "Provider",
            Self::Resource => "Resource",
            Self::DataSource => "Data Source",
            Self::EphemeralResource => "Ephemeral Resource",
            Self::Function => "Function",
        }
    }

    /// The folder of its pages, and of its examples. The provider has its page at the top.
    fn folder(self) -> &'static str {
        match self {
            Self::Provider => "",
            Self::Resource => "resources",
            Self::DataSource => "data-sources",
            Self::EphemeralResource => "ephemeral-resources",
            Self::Function => "functions",
        }
    }

    /// The example's file, below [`Self::folder`].
    fn example(self, type_name: &str) -> PathBuf {
        match self {
            Self::Provider => PathBuf::from("provider/provider.tf"),
            Self::Resource => Path::new("resources").join(type_name).join("resource.tf"),
            Self::DataSource => Path::new("data-sources").join(type_name).join("data-source.tf"),
            Self::EphemeralResource => Path::new("ephemeral-resources")
                .join(type_name)
                .join("ephemeral-resource.tf"),
            Self::Function => Path::new("functions").join(type_name).join("function.tf"),
        }
    }
}

/// A page, its example not read yet.
pub(super) struct Page {
    kind: Kind,
    provider: String,
    type_name: String,
    description: String,
    /// Everything below the example.
    reference: String,
}

impl Page {
    /// The page of something that has a schema.
    pub(super) fn of_schema(kind: Kind, provider: &str, type_name: &str, of: &Schema) -> Self {
        Self {
            kind,
            provider: provider.to_owned(),
            type_name: type_name.to_owned(),
            description: of.root().description_text().to_owned(),
            reference: schema::section(of),
        }
    }

    /// The page of a function.
    pub(super) fn of_function(provider: &str, name: &str, definition: &FunctionDefinition) -> Self {
        Self {
            kind: Kind::Function,
            provider: provider.to_owned(),
            type_name: name.to_owned(),
            description: format!("{}\n\n{}", definition.summary, definition.description),
            reference: schema::signature(name, definition),
        }
    }

    /// Where it goes, below the folder of all pages.
    pub(super) fn path(&self) -> PathBuf {
        if self.kind == Kind::Provider {
            return PathBuf::from("index.md");
        }
        let prefix = format!("{}_", self.provider);
        let short = self.type_name.strip_prefix(&prefix).unwrap_or(&self.type_name);
        Path::new(self.kind.folder()).join(format!("{short}.md"))
    }

    /// The whole text.
    pub(super) fn render(&self, examples: &Path) -> Result<String, DocsError> {
        let example = self.example(examples, &self.kind.example(&self.type_name))?;
        let import = if self.kind == Kind::Resource {
            self.import(examples)?
        } else {
            String::new()
        };
        Ok(format!(
            "{}\n# {}\n\n{}\n\n## Example Usage\n\n```terraform\n{example}```\n\n{}{import}",
            self.front_matter(),
            self.heading(),
            self.description,
            self.reference
        ))
    }

    fn heading(&self) -> String {
        format!("{} ({})", self.type_name, self.kind.title())
    }

    fn front_matter(&self) -> String {
        let title = if self.kind == Kind::Provider {
            format!("{} Provider", self.type_name)
        } else {
            format!("{} {} - {}", self.type_name, self.kind.title(), self.provider)
        };
        let subcategory = if self.kind == Kind::Provider {
            ""
        } else {
            "subcategory: \"\"\n"
        };
        let summary = self.description.split("\n\n").next().unwrap_or_default();
        format!(
            "---\n# Written by `make docs` from the schema and examples/. Changes made here get lost.\n\
             page_title: \"{title}\"\n{subcategory}description: |-\n  {summary}\n---\n"
        )
    }

    fn import(&self, examples: &Path) -> Result<String, DocsError> {
        let file = Path::new("resources").join(&self.type_name).join("import.sh");
        let command = self.example(examples, &file)?;
        Ok(format!(
            "\n## Import\n\nImport is supported using the following syntax:\n\n```shell\n{command}```\n"
        ))
    }

    fn example(&self, examples: &Path, file: &Path) -> Result<String, DocsError> {
        let path = examples.join(file);
        std::fs::read_to_string(&path).map_err(|source| DocsError::Example {
            page: self.heading(),
            path,
            source,
        })
    }
}
