//! The functions of templates, by name.

use super::arguments::Arguments;
use super::execute::Context;
use super::value::Value;
use super::{builtin, compare, escape, format, humanize};

macro_rules! functions {
    ($($variant:ident $name:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Function { $($variant,)* }

        impl Function {
            pub(super) fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }

            pub(super) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

functions! {
    And "and",
    Args "args",
    Call "call",
    Eq "eq",
    ExternalUrl "externalURL",
    First "first",
    Ge "ge",
    GraphLink "graphLink",
    Gt "gt",
    Html "html",
    Humanize "humanize",
    Humanize1024 "humanize1024",
    HumanizeDuration "humanizeDuration",
    HumanizePercentage "humanizePercentage",
    HumanizeTimestamp "humanizeTimestamp",
    Index "index",
    Js "js",
    Label "label",
    Le "le",
    Len "len",
    Lt "lt",
    Match "match",
    Ne "ne",
    Not "not",
    Now "now",
    Or "or",
    ParseDuration "parseDuration",
    PathPrefix "pathPrefix",
    Print "print",
    Printf "printf",
    Println "println",
    Query "query",
    ReReplaceAll "reReplaceAll",
    SafeHtml "safeHtml",
    Slice "slice",
    SortByLabel "sortByLabel",
    StripDomain "stripDomain",
    StripPort "stripPort",
    StrValue "strvalue",
    TableLink "tableLink",
    Title "title",
    ToDuration "toDuration",
    ToLower "toLower",
    ToTime "toTime",
    ToUpper "toUpper",
    UrlQuery "urlquery",
    UrlQueryEscape "urlQueryEscape",
    Value "value",
}

impl Function {
    /// Whether the arguments behind `argument` are not looked at.
    pub(super) fn decides(self, argument: &Value) -> bool {
        match self {
            Self::And => !argument.is_true(),
            Self::Or => argument.is_true(),
            _ => false,
        }
    }
}

pub(super) fn call(function: Function, values: &[Value], context: Context<'_>) -> Result<Value, String> {
    let arguments = Arguments { function, values };
    match function {
        Function::And | Function::Or => values
            .last()
            .cloned()
            .ok_or_else(|| format!("wrong number of args for {}: want at least 1 got 0", function.name())),
        Function::Not => Ok(Value::Bool(!arguments.one()?.is_true())),
        Function::Call => Err("call of nil".to_owned()),
        Function::Eq | Function::Ne | Function::Lt | Function::Le | Function::Gt | Function::Ge => {
            compare::compare(function, &arguments).map(Value::Bool)
        }
        Function::Html => Ok(escape::html(&format::print(values)).into()),
        Function::Js => Ok(escape::js(&format::print(values)).into()),
        Function::UrlQuery => Ok(escape::query(&format::print(values)).into()),
        Function::UrlQueryEscape => Ok(escape::query(arguments.text_at(0, 1)?).into()),
        Function::Index => builtin::index(&arguments),
        Function::Slice => builtin::slice(&arguments),
        Function::Len => builtin::len(arguments.one()?),
        Function::Print => Ok(format::print(values).into()),
        Function::Println => Ok(format::print_line(values).into()),
        Function::Printf => match values.split_first() {
            Some((Value::Text(format), rest)) => Ok(format::printf(format, rest).into()),
            Some((other, _)) => Err(format!("wrong type for value; expected string; got {}", other.type_name())),
            None => Err("wrong number of args for printf: want at least 1 got 0".to_owned()),
        },
        Function::Args => Ok(builtin::args(values)),
        Function::Query => builtin::query(arguments.text_at(0, 1)?, context),
        Function::First => {
            let samples = arguments.vector_at(0, 1)?;
            let first = samples.first().ok_or("first() called on vector with no elements")?;
            Ok(Value::Sample(std::sync::Arc::clone(first)))
        }
        Function::Label => {
            let name = arguments.text_at(0, 2)?;
            Ok(arguments.sample_at(1, 2)?.labels.get(name).unwrap_or_default().into())
        }
        Function::Value => Ok(Value::from(&arguments.sample_at(0, 1)?.value)),
        Function::StrValue => Ok(arguments.sample_at(0, 1)?.labels.get("__value__").unwrap_or_default().into()),
        Function::SortByLabel => {
            let (name, samples) = (arguments.text_at(0, 2)?, arguments.vector_at(1, 2)?);
            Ok(builtin::sort_by_label(name, samples))
        }
        Function::ReReplaceAll => builtin::replace_all(&arguments),
        Function::Match => builtin::matches(&arguments),
        Function::Title => Ok(builtin::title(arguments.text_at(0, 1)?).into()),
        Function::ToUpper => Ok(arguments.text_at(0, 1)?.to_uppercase().into()),
        Function::ToLower => Ok(arguments.text_at(0, 1)?.to_lowercase().into()),
        Function::SafeHtml => Ok(arguments.text_at(0, 1)?.into()),
        Function::StripPort => Ok(builtin::strip_port(arguments.text_at(0, 1)?).into()),
        Function::StripDomain => Ok(builtin::strip_domain(arguments.text_at(0, 1)?).into()),
        Function::GraphLink => {
            Ok(format!("/graph?g0.expr={}&g0.tab=0", escape::query(arguments.text_at(0, 1)?)).into())
        }
        Function::TableLink => {
            Ok(format!("/graph?g0.expr={}&g0.tab=1", escape::query(arguments.text_at(0, 1)?)).into())
        }
        Function::ExternalUrl => Ok(context.external_url.into()),
        Function::PathPrefix => Ok(builtin::path_of(context.external_url).into()),
        Function::ParseDuration => {
            let milliseconds = orszem_promql::parse_duration_ms(arguments.text_at(0, 1)?)?;
            #[expect(clippy::cast_precision_loss, reason = "at most 292 years")]
            Ok(Value::Float(milliseconds as f64 / 1000.0))
        }
        #[expect(clippy::cast_precision_loss, reason = "milliseconds have 52 bits for long")]
        Function::Now => Ok(Value::Float(context.at as f64 / 1000.0)),
        Function::Humanize => Ok(humanize::decimal(arguments.number()?).into()),
        Function::Humanize1024 => Ok(humanize::binary(arguments.number()?).into()),
        Function::HumanizeDuration => Ok(humanize::duration(arguments.number()?).into()),
        Function::HumanizePercentage => Ok(humanize::percentage(arguments.number()?).into()),
        Function::HumanizeTimestamp => humanize::timestamp(arguments.number()?).map(Value::from),
        Function::ToTime => humanize::time(arguments.number()?).map(Value::Time),
        Function::ToDuration => Ok(Value::Duration(arguments.number()?)),
    }
}
