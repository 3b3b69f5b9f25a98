//! The arguments of a call, taken as what the function wants.

use std::sync::Arc;

use super::functions::Function;
use super::value::{QueriedSample, Value};

pub(super) struct Arguments<'v> {
    pub(super) function: Function,
    pub(super) values: &'v [Value],
}

impl<'v> Arguments<'v> {
    /// The argument at `at` of `count`.
    pub(super) fn at(&self, at: usize, count: usize) -> Result<&'v Value, String> {
        match self.values.get(at) {
            Some(value) if self.values.len() == count => Ok(value),
            _ => {
                let (name, got) = (self.function.name(), self.values.len());
                Err(format!("wrong number of args for {name}: want {count} got {got}"))
            }
        }
    }

    pub(super) fn one(&self) -> Result<&'v Value, String> {
        self.at(0, 1)
    }

    pub(super) fn text_at(&self, at: usize, count: usize) -> Result<&'v str, String> {
        match self.at(at, count)? {
            Value::Text(text) => Ok(text),
            other => Err(wrong("string", other)),
        }
    }

    pub(super) fn vector_at(&self, at: usize, count: usize) -> Result<&'v [Arc<QueriedSample>], String> {
        match self.at(at, count)? {
            Value::Vector(samples) => Ok(samples),
            other => Err(wrong("template.queryResult", other)),
        }
    }

    pub(super) fn sample_at(&self, at: usize, count: usize) -> Result<&'v QueriedSample, String> {
        match self.at(at, count)? {
            Value::Sample(sample) => Ok(sample),
            other => Err(wrong("*template.sample", other)),
        }
    }

    /// The only argument, as a number; texts are read.
    pub(super) fn number(&self) -> Result<f64, String> {
        match self.one()? {
            Value::Float(value) => Ok(*value),
            Value::Duration(seconds) => Ok(*seconds),
            #[expect(clippy::cast_precision_loss, reason = "as Go converts it")]
            Value::Int(value) => Ok(*value as f64),
            Value::Text(text) => {
                text.parse().map_err(|_| format!("strconv.ParseFloat: parsing {text:?}: invalid syntax"))
            }
            other => Err(format!("can't convert {} to float", other.type_name())),
        }
    }
}

fn wrong(expected: &str, value: &Value) -> String {
    match value {
        Value::Nil => format!("cannot assign nil to {expected}"),
        other => format!("wrong type for value; expected {expected}; got {}", other.type_name()),
    }
}
