//! The secret by which everything in the destination finds the current copy.
//!
//! Two fields are ours, `db_host` and `db_prefix`. Every other field is kept as found: in its place, and byte for
//! byte in its value, because a number such as `1.0` or an escaped character is the business of whoever wrote it.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{Error, ErrorName};

const HOST: &str = "db_host";
const PREFIX: &str = "db_prefix";

/// The secret's JSON object. It has no `Debug` and no `Display`: its content must never reach a log or an error.
#[derive(Clone)]
pub struct Secret {
    fields: Fields,
    /// What our two fields say; the only part of a secret that may be shown.
    pub pointer: Pointer,
}

/// Our two fields: where the current copy is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    /// The endpoint address of the current copy; empty before the first replication.
    #[serde(rename = "db_host")]
    pub host: String,
    /// The name of the current copy without its version; empty before the first replication.
    #[serde(rename = "db_prefix")]
    pub prefix: String,
}

impl Secret {
    /// Reads a secret's text.
    ///
    /// # Errors
    /// [`ErrorName::SecretInvalid`] if it is not a JSON object, or one of our two fields is not text. The error says
    /// where, never what.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |because: String| {
            Error::new(ErrorName::SecretInvalid, "reading the secret").because(because).advise(
                r#"make it a JSON object; before the first replication {"db_host":"","db_prefix":""}"#,
            )
        };
        // The parser's own text may quote the input, so only the position is passed on.
        let fields: Fields = serde_json::from_str(text).map_err(|error| {
            invalid(format!("it is not a JSON object (line {}, column {})", error.line(), error.column()))
        })?;
        let ours = |name: &str| match fields.get(name) {
            None => Ok(String::new()),
            Some(value) => {
                serde_json::from_str(value).map_err(|_| invalid(format!("its field {name} is not text")))
            }
        };
        let pointer = Pointer { host: ours(HOST)?, prefix: ours(PREFIX)? };
        Ok(Self { fields, pointer })
    }

    /// The text of the secret with our two fields moved and everything else as it was.
    ///
    /// # Errors
    /// [`ErrorName::SecretInvalid`] if it cannot be written as JSON.
    pub fn moved_to(&self, pointer: &Pointer) -> Result<String, Error> {
        let invalid = || Error::new(ErrorName::SecretInvalid, "writing the secret");
        let mut fields = self.fields.clone();
        for (name, value) in [(HOST, &pointer.host), (PREFIX, &pointer.prefix)] {
            let value = serde_json::value::to_raw_value(value).map_err(|_| invalid())?;
            fields.set(name, value);
        }
        serde_json::to_string(&fields).map_err(|_| invalid())
    }
}

/// A JSON object that keeps the order of its fields and the bytes of their values.
#[derive(Clone)]
struct Fields(Vec<(String, Box<RawValue>)>);

impl Fields {
    /// The value of a field; of a repeated one the last counts, as for every common JSON reader.
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.get())
    }

    fn set(&mut self, name: &str, value: Box<RawValue>) {
        match self.0.iter_mut().rev().find(|(key, _)| key == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pointer(host: &str) -> Pointer {
        Pointer { host: host.to_owned(), prefix: "orders".to_owned() }
    }

    /// > Every field of the secret that is not ours keeps its place and its bytes.
    #[test]
    fn what_is_not_ours_is_kept_byte_for_byte_and_in_its_place() {
        let text = r#"{"username":"re\u0061der","db_host":"old","port":5432.0,"nested":{"b":1 ,"a":[ ]},"db_prefix":""}"#;
        let secret = Secret::parse(text).unwrap();
        assert_eq!(secret.pointer, Pointer { host: "old".into(), prefix: String::new() });
        let moved = secret.moved_to(&pointer("new")).unwrap();
        assert_eq!(
            moved,
            r#"{"username":"re\u0061der","db_host":"new","port":5432.0,"nested":{"b":1 ,"a":[ ]},"db_prefix":"orders"}"#
        );
    }

    #[test]
    fn missing_fields_of_ours_are_added_at_the_end() {
        let moved = Secret::parse(r#"{"username":"x"}"#).unwrap().moved_to(&pointer("new")).unwrap();
        assert_eq!(moved, r#"{"username":"x","db_host":"new","db_prefix":"orders"}"#);
    }

    /// > An error about the secret never quotes it.
    #[test]
    fn what_cannot_be_kept_safely_is_refused_without_quoting_it() {
        for text in ["hunter2", "[\"hunter2\"]", "{\"db_host\": 7, \"x\": \"hunter2\"}", "{\"hunter2\"", ""] {
            let Err(error) = Secret::parse(text) else { panic!("accepted {text}") };
            assert_eq!(error.name(), ErrorName::SecretInvalid);
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn moving_changes_only_our_fields(
            fields in proptest::collection::btree_map("[a-z]{1,6}", "\\PC{0,12}", 0..6),
            host in "[a-z.]{1,20}",
        ) {
            let text = serde_json::to_string(&fields).unwrap();
            let moved = Secret::parse(&text).unwrap().moved_to(&pointer(&host)).unwrap();
            let mut expected: std::collections::BTreeMap<String, String> = fields;
            expected.insert(HOST.into(), host.clone());
            expected.insert(PREFIX.into(), "orders".into());
            let got: std::collections::BTreeMap<String, String> = serde_json::from_str(&moved).unwrap();
            prop_assert_eq!(got, expected);
            let again = Secret::parse(&moved).unwrap();
            prop_assert_eq!(again.moved_to(&pointer(&host)).unwrap(), moved);
        }
    }
}
