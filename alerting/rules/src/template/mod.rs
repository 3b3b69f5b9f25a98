//! The template language of labels and annotations: Go's `text/template` with Prometheus' functions
//! (Prometheus, `template/template.go`).
//!
//! Templates are read once and expanded often. Values are typed as Prometheus types them: a label that is absent is
//! the empty text, a field that a value does not have is an error.

mod arguments;
mod builtin;
mod compare;
mod escape;
mod execute;
mod format;
mod functions;
mod humanize;
mod lex;
mod node;
mod number;
mod parse;
#[cfg(test)]
mod tests;
mod value;

use std::sync::Arc;

use orszem_model::Labels;
use orszem_promql::Point;

pub use execute::ExpandError;
pub use parse::TemplateError;
pub use value::QueriedSample;

use node::Tree;

/// A template, ready to be expanded.
#[derive(Clone, Debug)]
pub struct Template {
    text: String,
    /// `None` where the text has no action, and is what it expands to.
    tree: Option<Arc<Tree>>,
}

/// What a template is about.
#[derive(Clone, Debug)]
pub struct Data<'d> {
    /// `$labels`
    pub labels: &'d Labels,
    /// `$value`
    pub value: &'d Point,
    /// `$externalLabels`
    pub external_labels: &'d Labels,
    /// `$externalURL`
    pub external_url: &'d str,
    /// Milliseconds since 1970 (UTC): `now`, and when `query` asks.
    pub at: i64,
}

/// Answers the queries of templates.
pub trait Ask {
    /// The elements of the vector that `query` gives at `at`, in milliseconds since 1970 (UTC).
    ///
    /// # Errors
    /// When there is no answer, or none that is a vector or a number.
    fn ask(&self, query: &str, at: i64) -> Result<Vec<QueriedSample>, String>;
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// At the first thing that is wrong, in Go's words.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let tree = if text.contains("{{") { Some(Arc::new(parse::parse(text)?)) } else { None };
        Ok(Self { text: text.to_owned(), tree })
    }

    /// A text that is none, and stays as it is.
    pub fn literal(text: &str) -> Self {
        Self { text: text.to_owned(), tree: None }
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it expands to the same text each time.
    pub fn is_constant(&self) -> bool {
        self.tree.is_none()
    }

    /// Expands the template. At most 1 MiB of text, 1,000,000 turns of loops and 100 levels of templates in templates.
    ///
    /// # Errors
    /// When a function fails, a value has not the field that is asked for, or a limit is reached.
    pub fn expand(&self, data: &Data<'_>, ask: &dyn Ask) -> Result<String, ExpandError> {
        match &self.tree {
            None => Ok(self.text.clone()),
            Some(tree) => execute::execute(tree, data, ask),
        }
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
