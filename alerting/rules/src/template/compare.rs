//! `eq`, `ne`, `lt`, `le`, `gt` and `ge`.

use std::cmp::Ordering;

use super::arguments::Arguments;
use super::functions::Function;
use super::value::Value;

pub(super) fn compare(function: Function, arguments: &Arguments<'_>) -> Result<bool, String> {
    if function == Function::Eq {
        let Some((first, others)) = arguments.values.split_first().filter(|(_, others)| !others.is_empty()) else {
            return Err("missing argument for comparison".to_owned());
        };
        for other in others {
            if is_equal(first, other)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    let (a, b) = (arguments.at(0, 2)?, arguments.at(1, 2)?);
    if function == Function::Ne {
        return is_equal(a, b).map(|equal| !equal);
    }
    let order = match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Int(_) | Value::Float(_) | Value::Text(_), Value::Int(_) | Value::Float(_) | Value::Text(_)) => {
            return Err("incompatible types for comparison".to_owned());
        }
        _ => return Err("invalid type for comparison".to_owned()),
    };
    Ok(match function {
        Function::Lt => order == Some(Ordering::Less),
        Function::Le => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Function::Gt => order == Some(Ordering::Greater),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    })
}

fn is_equal(a: &Value, b: &Value) -> Result<bool, String> {
    match (a, b) {
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Nil, _) | (_, Value::Nil) => Ok(false),
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Int(a), Value::Int(b)) => Ok(a == b),
        (Value::Float(a), Value::Float(b)) => Ok(a == b),
        (Value::Text(a), Value::Text(b)) => Ok(a == b),
        (
            Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_),
        ) => Err("incompatible types for comparison".to_owned()),
        _ => Err("invalid type for comparison".to_owned()),
    }
}
