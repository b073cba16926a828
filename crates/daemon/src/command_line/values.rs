//! Values of variables and of the settings file, converted to what a flag would say and checked by
//! the flag's parser.

use std::any::TypeId;
use std::error::Error;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::builder::{BoolishValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};
use toml::Value;

/// What a flag takes.
enum Kind {
    Switch { when_given: bool },
    List,
    One,
}

fn kind(argument: &Arg) -> Kind {
    match argument.get_action() {
        ArgAction::SetTrue => Kind::Switch { when_given: true },
        ArgAction::SetFalse => Kind::Switch { when_given: false },
        ArgAction::Append => Kind::List,
        _ => Kind::One,
    }
}

/// The values of a variable.
pub(super) fn from_variable(argument: &Arg, value: &OsStr) -> Result<Vec<OsString>, String> {
    match kind(argument) {
        Kind::Switch { when_given } => {
            let parsed = BoolishValueParser::new().parse_ref(&Command::new(""), None, value);
            let on = parsed.map_err(|_| format!("{} is neither true nor false", quoted(value)))?;
            Ok(vec![(on == when_given).to_string().into()])
        }
        Kind::One => checked(argument, vec![value.to_owned()]),
        Kind::List => {
            let text = value
                .to_str()
                .ok_or_else(|| format!("{} is not UTF-8", quoted(value)))?;
            checked(
                argument,
                split(text).into_iter().map(OsString::from).collect(),
            )
        }
    }
}

/// Splits at commas that do not stand inside of braces or brackets.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let at_comma = |character| {
        match character {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == ',' && depth == 0
    };
    text.split(at_comma)
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect()
}

/// The values of a key of the settings file.
pub(super) fn from_file(argument: &Arg, value: &Value) -> Result<Vec<OsString>, String> {
    match (kind(argument), value) {
        (Kind::Switch { when_given }, Value::Boolean(on)) => {
            Ok(vec![(*on == when_given).to_string().into()])
        }
        (Kind::Switch { .. }, _) => Err(format!("expects true or false, not {}", described(value))),
        (Kind::List, Value::Array(values)) => {
            let texts = values.iter().map(|value| text(argument, value));
            checked(argument, texts.collect::<Result<_, _>>()?)
        }
        // Of a flag that takes KEY=VALUE, a table with the keys, each with one value or an array of them.
        (Kind::List, Value::Table(table)) if takes_keys(argument) => {
            let pairs = table.iter().flat_map(|(key, value)| {
                let values = value
                    .as_array()
                    .map_or(std::slice::from_ref(value), Vec::as_slice);
                values.iter().map(move |value| (key, value))
            });
            let texts = pairs.map(|(key, value)| {
                let mut pair = OsString::from(format!("{key}="));
                pair.push(text(argument, value)?);
                Ok(pair)
            });
            checked(argument, texts.collect::<Result<_, String>>()?)
        }
        (Kind::List, Value::Table(_)) => Err(format!(
            "expects an array such as [\"…\"], not {}",
            described(value)
        )),
        // One value is a list of one.
        (Kind::List | Kind::One, _) => checked(argument, vec![text(argument, value)?]),
    }
}

/// True for a flag whose values are pairs, as its help says.
fn takes_keys(argument: &Arg) -> bool {
    let names = argument.get_value_names().unwrap_or_default();
    names.iter().any(|name| name.contains('='))
}

fn text(argument: &Arg, value: &Value) -> Result<OsString, String> {
    let parsed_as = argument.get_value_parser().type_id();
    let only_text = [
        TypeId::of::<String>(),
        TypeId::of::<OsString>(),
        TypeId::of::<PathBuf>(),
    ];
    let only_text = only_text.iter().any(|each| parsed_as == *each);
    match value {
        Value::String(text) => Ok(text.into()),
        Value::Integer(number) if !only_text => Ok(number.to_string().into()),
        Value::Float(number) if !only_text => Ok(number.to_string().into()),
        Value::Boolean(on) if parsed_as == TypeId::of::<bool>() => Ok(on.to_string().into()),
        _ if only_text => Err(format!("expects a string, not {}", described(value))),
        _ => Err(format!(
            "expects a string or a number, not {}",
            described(value)
        )),
    }
}

fn described(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a string",
        Value::Integer(_) => "an integer",
        Value::Float(_) => "a float",
        Value::Boolean(_) => "a boolean",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "an array",
        Value::Table(_) => "a table",
    }
}

/// Runs the flag's own parser over the values, apart from the other flags, so that each problem can
/// name its origin.
fn checked(argument: &Arg, values: Vec<OsString>) -> Result<Vec<OsString>, String> {
    let alone = Arg::new("value")
        .long("value")
        .value_parser(argument.get_value_parser().clone());
    let command = Command::new("").no_binary_name(true).arg(alone);
    for value in &values {
        let mut flag = OsString::from("--value=");
        flag.push(value);
        command
            .clone()
            .try_get_matches_from([flag])
            .map_err(|error| reason(&error, value))?;
    }
    Ok(values)
}

fn reason(error: &clap::Error, value: &OsStr) -> String {
    if let Some(source) = error.source().map(ToString::to_string) {
        let says_it = value
            .to_str()
            .is_some_and(|text| !text.is_empty() && source.contains(text));
        return if says_it {
            source
        } else {
            format!("{}: {source}", quoted(value))
        };
    }
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(known)) if !known.is_empty() => {
            format!("{} is none of {}", quoted(value), known.join(", "))
        }
        _ => format!("{} is not valid", quoted(value)),
    }
}

fn quoted(value: &OsStr) -> String {
    format!("'{}'", value.display())
}
