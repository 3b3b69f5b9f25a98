//! YAML as configuration needs it: a tree that keeps scalars as they were written, read by serde.
//!
//! A scalar becomes what is asked for, so `1.0` is the text `1.0` where a text is wanted. Anchors, aliases and merge
//! keys are resolved. Values and keys know where they stand. JSON is YAML too.
//!
//! Pure: no IO, no clock, no async.

mod de;
mod error;
mod node;

use serde::de::DeserializeOwned;

pub use error::{Problem, What, YamlError};
pub use node::{Content, Key, Mark, Node, SyntaxError};

/// After this many problems the rest is not looked for.
const PROBLEMS_MAX: usize = 50;

/// Reads a `T` from one document.
///
/// # Errors
/// The first problem.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, YamlError> {
    let node = Node::parse(text)?;
    T::deserialize(&node).map_err(YamlError::from)
}

/// Reads a `T`, leaving out whatever does not fit it, so that all problems are found at once. `None` when nothing is
/// left.
pub fn read_all<T: DeserializeOwned>(mut node: Node) -> (Option<T>, Vec<Problem>) {
    let mut problems = Vec::new();
    while problems.len() < PROBLEMS_MAX {
        match T::deserialize(&node) {
            Ok(read) => return (Some(read), problems),
            Err(mut problem) => {
                problem.value = node.text_at(&problem.path);
                let is_removed = node.remove(&problem.path);
                problems.push(problem);
                if !is_removed {
                    break;
                }
            }
        }
    }
    (None, problems)
}

#[cfg(test)]
mod tests;
