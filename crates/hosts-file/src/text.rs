//! Names and addresses as text of serde, without a copy of the text on the way: a mapping can hold
//! tens of thousands of them, and is read again with each change.

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Error, Visitor};

/// Reads a text of which `T` says whether it is valid.
pub(crate) struct Text<T>(PhantomData<T>);

impl<T> Default for Text<T> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T: FromStr<Err: Display>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

/// `Serialize` as the text of the given expression, and `Deserialize` by `FromStr`.
macro_rules! as_text {
    ($type:ty, |$value:ident, $to:ident| $text:expr) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, $to: S) -> Result<S::Ok, S::Error> {
                let $value = self;
                $text
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_str($crate::text::Text::default())
            }
        }
    };
}

pub(crate) use as_text;
