//! Expands a template (Go, `text/template/exec.go`).

use std::sync::Arc;

use super::functions::call;
use super::node::{Branch, Node, Operand, Pipe, Tree};
use super::value::{Root, Value};
use super::{Ask, Data};

/// The longest text that comes out, in bytes.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// Turns of all loops together.
const TURNS_MAX: usize = 1_000_000;
/// How deep templates may be used in templates.
const DEPTH_MAX: usize = 100;

/// Why a template was not expanded, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ExpandError(pub String);

impl From<String> for ExpandError {
    fn from(reason: String) -> Self {
        Self(reason)
    }
}

pub(super) fn execute(tree: &Tree, data: &Data<'_>, ask: &dyn Ask) -> Result<String, ExpandError> {
    let root = Root {
        labels: data.labels.clone(),
        external_labels: data.external_labels.clone(),
        external_url: Arc::from(data.external_url),
        value: data.value.into(),
    };
    let variables = vec![
        ("$labels", Value::Labels(root.labels.clone())),
        ("$externalLabels", Value::Labels(root.external_labels.clone())),
        ("$externalURL", Value::Text(Arc::clone(&root.external_url))),
        ("$value", root.value.clone()),
    ];
    let root = Value::Root(Arc::new(root));
    let mut state = State {
        context: Context { ask, at: data.at, external_url: data.external_url },
        tree,
        variables: std::iter::once(("$", root.clone())).chain(variables).collect(),
        turns: 0,
        depth: 0,
        out: String::new(),
    };
    state.walk(&tree.nodes, &root)?;
    Ok(state.out)
}

/// What functions may ask for.
#[derive(Clone, Copy)]
pub(super) struct Context<'e> {
    pub(super) ask: &'e dyn Ask,
    pub(super) at: i64,
    pub(super) external_url: &'e str,
}

struct State<'e> {
    context: Context<'e>,
    tree: &'e Tree,
    variables: Vec<(&'e str, Value)>,
    turns: usize,
    depth: usize,
    out: String,
}

/// Whether the nodes behind are to be walked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

type Walked = Result<Flow, ExpandError>;

fn fail<T>(reason: impl Into<String>) -> Result<T, ExpandError> {
    Err(ExpandError(reason.into()))
}

impl<'e> State<'e> {
    fn put(&mut self, text: &str) -> Result<(), ExpandError> {
        if self.out.len() + text.len() > TEXT_BYTES_MAX {
            return fail(format!("more than {TEXT_BYTES_MAX} bytes of text"));
        }
        self.out.push_str(text);
        Ok(())
    }

    fn walk(&mut self, nodes: &'e [Node], dot: &Value) -> Walked {
        for node in nodes {
            let flow = self.node(node, dot)?;
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn node(&mut self, node: &'e Node, dot: &Value) -> Walked {
        match node {
            Node::Text(text) => self.put(text)?,
            Node::Action(pipe) => {
                let value = self.pipe(pipe, dot)?;
                if pipe.declares.is_empty() {
                    self.put(&value.print())?;
                }
            }
            Node::If(branch) => return self.branch(branch, dot, false),
            Node::With(branch) => return self.branch(branch, dot, true),
            Node::Range(branch) => return self.range(branch, dot),
            Node::Template { name, pipe } => self.template(name, pipe.as_ref(), dot)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn branch(&mut self, branch: &'e Branch, dot: &Value, is_with: bool) -> Walked {
        let visible = self.variables.len();
        let value = self.pipe(&branch.pipe, dot)?;
        let flow = match (value.is_true(), is_with) {
            (true, true) => self.walk(&branch.then, &value),
            (true, false) => self.walk(&branch.then, dot),
            (false, _) => self.walk(&branch.otherwise, dot),
        };
        self.variables.truncate(visible);
        flow
    }

    fn range(&mut self, branch: &'e Branch, dot: &Value) -> Walked {
        let visible = self.variables.len();
        let value = self.commands(&branch.pipe, dot)?;
        let elements = elements(&value)?;
        if elements.is_empty() {
            let flow = self.walk(&branch.otherwise, dot);
            self.variables.truncate(visible);
            return flow;
        }
        for (key, element) in elements {
            self.turns += 1;
            if self.turns > TURNS_MAX {
                return fail(format!("more than {TURNS_MAX} turns of loops"));
            }
            match branch.pipe.declares.as_slice() {
                [one] => self.bind(&branch.pipe, one, element.clone()),
                [first, second] => {
                    self.bind(&branch.pipe, first, key);
                    self.bind(&branch.pipe, second, element.clone());
                }
                _ => {}
            }
            let flow = self.walk(&branch.then, &element)?;
            self.variables.truncate(visible);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn template(&mut self, name: &str, pipe: Option<&'e Pipe>, dot: &Value) -> Result<(), ExpandError> {
        let Some(nodes) = self.tree.defined.get(name) else {
            return fail(format!("template {name:?} not defined"));
        };
        if self.depth >= DEPTH_MAX {
            return fail(format!("exceeded maximum template depth ({DEPTH_MAX})"));
        }
        let dot = match pipe {
            Some(pipe) => self.pipe(pipe, dot)?,
            None => Value::Nil,
        };
        self.depth += 1;
        let outer = std::mem::replace(&mut self.variables, vec![("$", dot.clone())]);
        let walked = self.walk(nodes, &dot);
        self.variables = outer;
        self.depth -= 1;
        walked.map(|_| ())
    }

    fn bind(&mut self, pipe: &Pipe, name: &'e str, value: Value) {
        let known = if pipe.assigns { self.variables.iter_mut().rev().find(|known| known.0 == name) } else { None };
        match known {
            Some(known) => known.1 = value,
            None => self.variables.push((name, value)),
        }
    }

    fn pipe(&mut self, pipe: &'e Pipe, dot: &Value) -> Result<Value, ExpandError> {
        let value = self.commands(pipe, dot)?;
        for name in &pipe.declares {
            self.bind(pipe, name, value.clone());
        }
        Ok(value)
    }

    fn commands(&mut self, pipe: &'e Pipe, dot: &Value) -> Result<Value, ExpandError> {
        let mut last = None;
        for command in &pipe.commands {
            last = Some(self.command(command, dot, last)?);
        }
        Ok(last.unwrap_or(Value::Nil))
    }

    fn command(&mut self, command: &'e [Operand], dot: &Value, last: Option<Value>) -> Result<Value, ExpandError> {
        let Some((first, rest)) = command.split_first() else { return Ok(Value::Nil) };
        let (function, fields) = match first {
            Operand::Function(function) => (*function, &[][..]),
            Operand::Chain(inner, fields) => match &**inner {
                Operand::Function(function) => (*function, fields.as_slice()),
                _ => return self.inert(first, rest, dot, last.is_some()),
            },
            _ => return self.inert(first, rest, dot, last.is_some()),
        };
        let mut arguments = Vec::with_capacity(rest.len() + 1);
        for operand in rest {
            let argument = self.operand(operand, dot)?;
            // `and` and `or` stop at the first that decides.
            if function.decides(&argument) {
                return follow(argument, fields);
            }
            arguments.push(argument);
        }
        arguments.extend(last);
        let value = call(function, &arguments, self.context)
            .map_err(|reason| ExpandError(format!("error calling {}: {reason}", function.name())))?;
        follow(value, fields)
    }

    /// A command that is no function's.
    fn inert(
        &mut self,
        first: &'e Operand,
        rest: &[Operand],
        dot: &Value,
        is_piped: bool,
    ) -> Result<Value, ExpandError> {
        if is_piped || !rest.is_empty() {
            return fail("can't give argument to non-function");
        }
        if matches!(first, Operand::Nil) {
            return fail("nil is not a command");
        }
        self.operand(first, dot)
    }

    fn operand(&mut self, operand: &'e Operand, dot: &Value) -> Result<Value, ExpandError> {
        match operand {
            Operand::Dot => Ok(dot.clone()),
            Operand::Field(path) => follow(dot.clone(), path),
            Operand::Variable(name, path) => {
                let known = self.variables.iter().rev().find(|known| known.0 == name);
                match known {
                    Some((_, value)) => follow(value.clone(), path),
                    None => fail(format!("undefined variable: {name}")),
                }
            }
            Operand::Function(function) => call(*function, &[], self.context)
                .map_err(|reason| ExpandError(format!("error calling {}: {reason}", function.name()))),
            Operand::Text(text) => Ok(Value::Text(Arc::clone(text))),
            Operand::Int(value) => Ok(Value::Int(*value)),
            Operand::Float(value) => Ok(Value::Float(*value)),
            Operand::Bool(value) => Ok(Value::Bool(*value)),
            Operand::Nil => Ok(Value::Nil),
            Operand::Pipe(pipe) => self.pipe(pipe, dot),
            Operand::Chain(inner, path) => follow(self.operand(inner, dot)?, path),
        }
    }
}

fn follow(mut value: Value, path: &[String]) -> Result<Value, ExpandError> {
    for name in path {
        value = value.field(name)?;
    }
    Ok(value)
}

/// What `range` goes over: keys, or places, and elements.
fn elements(value: &Value) -> Result<Vec<(Value, Value)>, ExpandError> {
    let place = |at: usize| Value::Int(i64::try_from(at).unwrap_or(i64::MAX));
    Ok(match value {
        Value::Nil => Vec::new(),
        Value::Labels(labels) => labels.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        Value::Map(map) => map.iter().map(|(name, value)| (name.as_str().into(), value.clone())).collect(),
        Value::Vector(samples) => {
            samples.iter().enumerate().map(|(at, sample)| (place(at), Value::Sample(Arc::clone(sample)))).collect()
        }
        Value::Int(count) if *count > TURNS_MAX as i64 => {
            return fail(format!("more than {TURNS_MAX} turns of loops"));
        }
        Value::Int(count) => (0..*count).map(|at| (Value::Int(at), Value::Int(at))).collect(),
        other => return fail(format!("range can't iterate over {}", other.show())),
    })
}
