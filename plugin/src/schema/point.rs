//! Where in a configuration Terraform can point at.

use super::{Attribute, Schema};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::path::{AttributePath, Step};

impl Schema {
    /// The diagnostics with paths that Terraform finds in a configuration: through blocks down to one attribute, and to
    /// one element of that. For a path that goes on inside a nested attribute it shows the first line of the resource
    /// instead of the attribute's (terraform 1.11.4, `internal/tfdiags/contextual.go`); the text says the rest.
    ///
    /// Terraform prints the line that it is pointed at. Of a secret inside a nested attribute that is the line of the
    /// whole, which may hold the secret: there the resource's first line does.
    pub(crate) fn visible(&self, diagnostics: Diagnostics) -> Diagnostics {
        let shown = |diagnostic: Diagnostic| Diagnostic {
            path: diagnostic.path.map(|path| self.visible_path(&path)),
            ..diagnostic
        };
        diagnostics.into_iter().map(shown).collect()
    }

    fn visible_path(&self, path: &AttributePath) -> AttributePath {
        let mut block = &self.block;
        let mut shown = AttributePath::whole();
        let mut steps = path.steps().iter().peekable();
        while let Some(step) = steps.next() {
            shown = shown.with(step.clone());
            let Step::Attribute(name) = step else { continue };
            let Some(inner) = block.get_block(name) else {
                if block
                    .attributes()
                    .get(name)
                    .is_some_and(|outer| leads_to_secret(outer, steps.clone()))
                {
                    return AttributePath::whole();
                }
                let element = steps.next_if(|step| !matches!(step, Step::Attribute(_)));
                return element.map_or(shown.clone(), |step| shown.with(step.clone()));
            };
            block = inner.inner();
        }
        shown
    }
}

/// Whether these steps inside an attribute end at a member that must not be shown.
fn leads_to_secret<'a>(outer: &Attribute, steps: impl Iterator<Item = &'a Step>) -> bool {
    let names = steps.filter_map(|step| match step {
        Step::Attribute(name) => Some(name),
        _ => None,
    });
    let mut at = outer;
    for name in names {
        let Some(member) = at.nested().and_then(|(_, members)| members.get(name)) else {
            return false;
        };
        if member.is_sensitive() || member.is_write_only() {
            return true;
        }
        at = member;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::{Attributes, Block, NestedBlock};
    use super::*;

    #[test]
    fn paths_end_where_terraform_can_point_at() {
        let schema = Schema::new(0)
            .attribute(
                "api",
                Attribute::single(
                    Attributes::new().attribute(
                        "key",
                        Attribute::single(
                            Attributes::new().attribute("value", Attribute::string().optional().sensitive()),
                        )
                        .optional(),
                    ),
                ),
            )
            .block(
                "net",
                NestedBlock::list(Block::new().attribute("cidr", Attribute::string())),
            );
        let root = AttributePath::root;
        let cases = [
            (root("api").attribute("waf").attribute("cidrs").index(1), root("api")),
            (root("api").index(0).attribute("x"), root("api").index(0)),
            (root("api").attribute("key").attribute("value"), AttributePath::whole()),
            (root("tags").key("A"), root("tags").key("A")),
            (
                root("net").index(0).attribute("cidr"),
                root("net").index(0).attribute("cidr"),
            ),
            (AttributePath::whole(), AttributePath::whole()),
        ];
        for (path, shown) in cases {
            assert_eq!(schema.visible_path(&path), shown, "{path}");
        }
    }
}
