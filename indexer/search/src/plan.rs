//! A query as `explain` shows it: the tree, one condition a line, with the literals that the store narrows by.

use std::fmt;

use orszem_model::Kind;

use crate::ast::{Bound, Comparison, Expr, FieldMatcher, Required, TextPattern, Verify};
use crate::error::shown;
use crate::query::Query;

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<&str> = Kind::ALL.into_iter().filter(|kind| self.looks_at(*kind)).map(Kind::name).collect();
        write!(f, "kinds {}\n{}", kinds.join(", "), self.expr)
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_tree(self, f, 0)
    }
}

fn write_tree(expr: &Expr, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
    let indent = 2 * depth;
    write!(f, "{:indent$}", "")?;
    let mut write_parts = |name: &str, parts: &[Expr]| {
        writeln!(f, "{name}")?;
        parts.iter().try_for_each(|part| write_tree(part, f, depth + 1))
    };
    match expr {
        Expr::All => writeln!(f, "everything"),
        Expr::And(parts) => write_parts("all of", parts),
        Expr::Or(parts) => write_parts("any of", parts),
        Expr::Not(part) => write_parts("not", std::slice::from_ref(part)),
        Expr::Text(pattern) => writeln!(f, "body {pattern}"),
        Expr::Field(pattern) => writeln!(f, "{} {}", pattern.field, pattern.matcher),
    }
}

impl fmt::Display for TextPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match &self.verify {
            Verify::Exact => "has",
            Verify::Regex(_) => "matches expression",
            Verify::Glob(_) => "matches wildcards",
        };
        write!(f, "{how} {}", shown(&self.source))?;
        if !matches!(self.verify, Verify::Exact) {
            let required: Vec<String> = self.required.iter().map(Required::to_string).collect();
            write!(
                f,
                ", needs {}",
                if required.is_empty() { "a full scan".to_owned() } else { required.join(" and ") }
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Required {
    /// With a `*` on the sides that have no boundary.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = |boundary: bool| if boundary { "" } else { "*" };
        write!(f, "{}{:?}{}", star(self.left_boundary), self.folded, star(self.right_boundary))
    }
}

impl fmt::Display for FieldMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists => f.write_str("exists"),
            Self::Equals(value) => write!(f, "= {value:?}"),
            Self::Pattern(pattern) => pattern.fmt(f),
            Self::Compare(comparison, bound) => write!(f, "{comparison} {bound}"),
            Self::Range { lower, upper } => write!(f, "{} {} and {} {}", lower.0, lower.1, upper.0, upper.1),
            Self::Severities(mask) => {
                let numbers: Vec<String> =
                    (0..=24).filter(|bit| mask >> bit & 1 == 1).map(|bit: u8| bit.to_string()).collect();
                write!(f, "in {{{}}}", numbers.join(" "))
            }
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Open => f.write_str("*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_shown_as_a_tree() {
        let query =
            Query::parse("Error (host:db1 OR -a*b) level:critical dur:[5 TO *} /x.y+/ kind:log").expect("valid");
        let expected = "\
kinds log, event, span, probe
all of
  body has Error
  any of
    host|host.name|hostname|host_name = \"db1\"
    not
      body matches wildcards a*b, needs \"a\"* and *\"b\"
  severity in {18}
  dur >= 5 and < *
  body matches expression /x.y+/, needs *\"x\"* and *\"y\"*
  kind = \"log\"
";
        assert_eq!(query.to_string(), expected);
        assert_eq!(Query::parse("").expect("valid").to_string(), "kinds log, event\neverything\n");
    }
}
