//! The pages of a small provider, and those of the real one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use tap_plugin::{
    Applied, Attribute, AttributePath, Attributes, Block, CallContext, CreateRequest, DeleteRequest, Diagnostics,
    NestedBlock, PlanRequest, PlanResponse, Provider, ReadRequest, ReadResponse, Resource, Schema, Together, Type,
    UpdateRequest, Value, validators as check,
};

use super::{DocsError, command};
use crate::provider::TapProvider;

struct Small;

struct Thing;

#[async_trait]
impl Provider for Small {
    fn schema(&self) -> Schema {
        Schema::new(0)
            .description("A small one.\n\nWith more to say.")
            .attribute(
                "token",
                Attribute::string().optional().description("Token.").sensitive(),
            )
            .attribute("user", Attribute::string().optional())
            .rule(Together::required_together(["token", "user"]))
    }

    async fn configure(&self, _config: &Value, _terraform_version: &str) -> Diagnostics {
        Diagnostics::new()
    }

    fn resources(&self) -> Vec<Arc<dyn Resource>> {
        vec![Arc::new(Thing)]
    }
}

#[async_trait]
impl Resource for Thing {
    fn type_name(&self) -> &'static str {
        "small_thing"
    }

    fn schema(&self) -> Schema {
        let inner = Attributes::new().attribute("secret", Attribute::string().optional().write_only());
        let outer = Attributes::new()
            .attribute("inner", Attribute::map_of(inner).optional())
            .attribute(
                "days",
                Attribute::number()
                    .optional()
                    .default(json!(7))
                    .description("Days.")
                    .validate(check::between(1, 9)),
            );
        let rule = Block::new().attribute("port", Attribute::number().required().description("Port."));
        Schema::new(0)
            .description("A thing.")
            .attribute("arn", Attribute::string().computed().description("Its ARN."))
            .attribute(
                "name",
                Attribute::string()
                    .required()
                    .requires_replace()
                    .description("Its name."),
            )
            .attribute("outer", Attribute::single(outer).optional())
            .attribute(
                "old",
                Attribute::map(Type::list(Type::Bool))
                    .optional()
                    .deprecated("Use `name`."),
            )
            .block("rule", NestedBlock::list(rule).max_items(2))
    }

    async fn plan(&self, _cx: &CallContext, _request: PlanRequest) -> PlanResponse {
        PlanResponse::default()
    }

    async fn create(&self, _cx: &CallContext, _request: CreateRequest) -> Applied {
        Applied::default()
    }

    async fn update(&self, _cx: &CallContext, _request: UpdateRequest) -> Applied {
        Applied::default()
    }

    async fn delete(&self, _cx: &CallContext, _request: DeleteRequest) -> Applied {
        Applied::default()
    }

    async fn read(&self, _cx: &CallContext, _request: ReadRequest) -> ReadResponse {
        ReadResponse::default()
    }
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tap-docs-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn put(&self, file: &str, text: &str) {
        let path = self.0.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.0.join(file)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn run(provider: &dyn Provider, name: &str, target: &Path, examples: &Path) -> Result<(), DocsError> {
    let arguments = [target, examples].map(|path| path.display().to_string());
    command(provider, name, arguments.into_iter())
}

const INDEX: &str = r#"---
# Written by `make docs` from the schema and examples/. Changes made here get lost.
page_title: "small Provider"
description: |-
  A small one.
---

# small (Provider)

A small one.

With more to say.

## Example Usage

```terraform
provider "small" {}
```

## Schema

### Optional

- `token` (String, Sensitive) Token.
- `user` (String)

### Combinations

- `token`, `user` must be set together.
"#;

const THING: &str = r#"---
# Written by `make docs` from the schema and examples/. Changes made here get lost.
page_title: "small_thing Resource - small"
subcategory: ""
description: |-
  A thing.
---

# small_thing (Resource)

A thing.

## Example Usage

```terraform
resource "small_thing" "a" {}
```

## Schema

### Required

- `name` (String) Its name. A change replaces the resource.

### Optional

- `old` (Map of List of Boolean, Deprecated) **Deprecated:** Use `name`.
- `outer` (Attributes) (see [below for nested schema](#nestedatt--outer))
- `rule` (Block List, Max: 2) (see [below for nested schema](#nestedblock--rule))

### Read-Only

- `arn` (String) Its ARN.

<a id="nestedatt--outer"></a>
### Nested Schema for `outer`

Optional:

- `days` (Number) Days. Default: `7`. Must be an integer between 1 and 9.
- `inner` (Attributes Map) (see [below for nested schema](#nestedatt--outer--inner))

<a id="nestedatt--outer--inner"></a>
### Nested Schema for `outer.inner`

Optional:

- `secret` (String, [Write-only](https://developer.hashicorp.com/terraform/language/resources/ephemeral#write-only-arguments))

<a id="nestedblock--rule"></a>
### Nested Schema for `rule`

Required:

- `port` (Number) Port.

## Import

Import is supported using the following syntax:

```shell
terraform import small_thing.a id
```
"#;

#[test]
fn pages_follow_the_registrys_layout() {
    let folder = Folder::new("layout");
    folder.put("in/provider/provider.tf", "provider \"small\" {}\n");
    folder.put(
        "in/resources/small_thing/resource.tf",
        "resource \"small_thing\" \"a\" {}\n",
    );
    folder.put(
        "in/resources/small_thing/import.sh",
        "terraform import small_thing.a id\n",
    );
    run(&Small, "small", &folder.0.join("out"), &folder.0.join("in")).unwrap();
    assert_eq!(folder.read("out/index.md"), INDEX);
    assert_eq!(folder.read("out/resources/thing.md"), THING);
}

#[test]
fn a_missing_example_is_named() {
    let folder = Folder::new("missing");
    let error = run(&Small, "small", &folder.0, &folder.0).unwrap_err().to_string();
    assert!(error.contains("provider/provider.tf"), "{error}");
    let nothing: [String; 0] = [];
    assert!(matches!(
        command(&Small, "small", nothing.into_iter()),
        Err(DocsError::Usage)
    ));
}

/// Every attribute of the real provider is described, down to the last nested one.
#[test]
fn the_real_provider_has_all_its_pages() {
    let folder = Folder::new("real");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    run(&TapProvider::default(), "tap", &folder.0, &examples).unwrap();
    let mut pages = 0;
    for kind in ["resources", "data-sources", "ephemeral-resources"] {
        for page in std::fs::read_dir(folder.0.join(kind)).unwrap() {
            let page = page.unwrap().path();
            let text = std::fs::read_to_string(&page).unwrap();
            for line in text.lines().filter(|line| line.starts_with("- `")) {
                let described = line.split_once(") ").is_some_and(|(_, rest)| !rest.starts_with("(see"));
                assert!(described, "{}: {line}", page.display());
            }
            pages += 1;
        }
    }
    let provider = TapProvider::default();
    let expected = provider.resources().len() + provider.data_sources().len() + provider.ephemeral_resources().len();
    assert_eq!(pages, expected);
    assert!(
        folder
            .read("data-sources/stack.md")
            .contains("# tap_stack (Data Source)")
    );
}

/// Patterns are compiled when they are first asked, so that the provider starts quickly: here all are.
#[test]
fn every_pattern_of_the_schemas_is_a_regular_expression() {
    fn ask(attributes: &Attributes) -> usize {
        let text = Value::String("x".to_owned());
        let samples = [
            text.clone(),
            Value::List(vec![text.clone()]),
            Value::Map([("x".to_owned(), text)].into()),
        ];
        let mut asked = 0;
        for (name, attribute) in attributes.iter() {
            for validator in attribute.validators() {
                for sample in &samples {
                    validator.validate(sample, &AttributePath::root(name), &mut Diagnostics::new());
                }
                asked += 1;
            }
            asked += attribute.nested().map_or(0, |(_, members)| ask(members));
        }
        asked
    }
    let provider = TapProvider::default();
    let schemas = provider.resources().into_iter().map(|resource| resource.schema());
    let asked: usize = schemas
        .chain([provider.schema()])
        .map(|schema| ask(schema.attributes()))
        .sum();
    assert!(asked > 300, "{asked}");
}
