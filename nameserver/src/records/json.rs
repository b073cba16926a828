//! JSON as the families look at it: parsed once, the text borrowed where that is possible.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use super::{Endpoint, Problem, host, text};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Object<'a>),
}

/// A JSON object: its fields in the order of the text. Records have a dozen of them, so looking at
/// each in turn costs less than a map.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Json<'a> {
    /// Reads a text that is one object.
    pub(super) fn object(text: &'a str) -> Result<Object<'a>, Problem> {
        match serde_json::from_str(text) {
            Ok(Self::Object(object)) => Ok(object),
            Ok(other) => Err(Problem::Json(format!("it is {}", other.kind()))),
            Err(error) => Err(Problem::Json(error.to_string())),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    /// The error that `field` holds this instead of what was expected.
    pub(super) fn unexpected(&self, field: &str, expected: &'static str) -> Problem {
        Problem::Field {
            field: field.to_owned(),
            found: self.kind(),
            expected,
        }
    }

    /// A port, as a number or as text; none where it is no port. A bad one costs no address.
    pub(super) fn port(&self) -> Option<u16> {
        match self {
            Self::Text(text) => host::port(text).ok(),
            Self::Number(number) => number
                .as_u64()
                .and_then(|number| u16::try_from(number).ok())
                .filter(|&port| port != 0),
            _ => None,
        }
    }
}

impl<'a> Object<'a> {
    /// A field; none when it is missing or null. Of several, the last counts.
    pub(super) fn get(&self, field: &str) -> Option<&Json<'a>> {
        let fields = self.0.iter().rev();
        let mut named = fields.filter(|(name, _)| name == field);
        named
            .next()
            .map(|(_, value)| value)
            .filter(|value| **value != Json::Null)
    }

    /// True when a field is there, whatever it holds.
    pub(super) fn has(&self, field: &str) -> bool {
        self.0.iter().any(|(name, _)| name == field)
    }

    /// True when one of the fields is there, whatever it holds.
    pub(super) fn has_any(&self, fields: &[&str]) -> bool {
        fields.iter().any(|field| self.has(field))
    }

    /// How many fields there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Text, if the field holds any.
    pub(super) fn text(&self, field: &str) -> Result<Option<&str>, Problem> {
        match self.get(field) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(other) => Err(other.unexpected(field, "text")),
        }
    }

    /// Text that must be there.
    pub(super) fn needed_text(&self, field: &str) -> Result<&str, Problem> {
        self.text(field)?
            .ok_or_else(|| Problem::Missing(field.to_owned()))
    }

    /// An object that must be there.
    pub(super) fn needed_object(&self, field: &str) -> Result<&Object<'a>, Problem> {
        match self.get(field) {
            None => Err(Problem::Missing(field.to_owned())),
            Some(Json::Object(object)) => Ok(object),
            Some(other) => Err(other.unexpected(field, "an object")),
        }
    }

    /// An object, if the field holds one.
    pub(super) fn object(&self, field: &str) -> Option<&Object<'a>> {
        match self.get(field) {
            Some(Json::Object(object)) => Some(object),
            _ => None,
        }
    }

    /// True when the field holds `false`.
    pub(super) fn is_false(&self, field: &str) -> bool {
        self.get(field) == Some(&Json::Bool(false))
    }

    /// The fields in the order of the text.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// A port, as a number or as text, if there is a good one.
    pub(super) fn port(&self, field: &str) -> Option<u16> {
        self.get(field)?.port()
    }

    /// A number from 0 to `max`, as a number or as text, if there is a good one.
    fn number(&self, field: &str, max: u32) -> Option<u32> {
        let number = match self.get(field)? {
            Json::Text(text) => text.parse().ok(),
            Json::Number(number) => number.as_u64().and_then(|number| number.try_into().ok()),
            _ => None,
        };
        number.filter(|&number| number <= max)
    }

    /// Seconds that an answer may be kept, if there is a good `ttl`. RFC 2181 ends them at 2^31 - 1.
    pub(super) fn ttl(&self) -> Option<u32> {
        self.number("ttl", i32::MAX as u32)
    }

    /// The priority or weight of an SRV record, if there is a good one.
    pub(super) fn srv_number(&self, field: &str) -> Option<u16> {
        let number = self.number(field, u16::MAX.into())?;
        number.try_into().ok()
    }

    /// The endpoint that a field with the host and another with the port make; the host must be
    /// there.
    pub(super) fn endpoint(&self, host: &str, port: &str) -> Result<Endpoint, Problem> {
        let mut endpoint = text::told(self.needed_text(host)?)?;
        endpoint.port = self.port(port).or(endpoint.port);
        Ok(endpoint)
    }
}

impl fmt::Display for Json<'_> {
    /// As in the text, but for what is inside of arrays and objects.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
            Self::Array(_) => f.write_str("[…]"),
            Self::Object(object) if object.0.is_empty() => f.write_str("{}"),
            Self::Object(_) => f.write_str("{…}"),
        }
    }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Any)
    }
}

/// Reads the name of a field, borrowed where no escape stands in it.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Json::deserialize(from)? {
            Json::Text(text) => Ok(Self(text)),
            other => Err(serde::de::Error::custom(other.kind())),
        }
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json<'de>, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Json<'de>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = from.next_element()? {
            values.push(value);
        }
        Ok(Json::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Json<'de>, A::Error> {
        let mut fields = Vec::with_capacity(8);
        while let Some(Key(name)) = from.next_key()? {
            fields.push((name, from.next_value()?));
        }
        Ok(Json::Object(Object(fields)))
    }
}
