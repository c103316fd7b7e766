//! The secret by which everything in the destination finds the current copy.
//!
//! Two fields are ours, `db_host` and `db_prefix`; where every copy gets a new master password, `username` and `password`
//! too. Every other field is kept as found: in its place, and byte for
//! byte in its value, because a number such as `1.0` or an escaped character is the business of whoever wrote it.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{Error, ErrorName};

const HOST: &str = "db_host";
const PREFIX: &str = "db_prefix";
/// Ours only where the stack gives every copy a new master password.
const USER: &str = "username";
const PASSWORD: &str = "password";

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

/// The master user of a copy and its new password. It has no `Debug` and no `Display`, like [`Secret`].
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    username: String,
    password: String,
}

impl Credentials {
    /// The credentials of a master user.
    #[must_use]
    pub fn new(username: String, password: String) -> Self {
        Self { username, password }
    }

    /// Reads what [`Self::to_text`] has written.
    ///
    /// # Errors
    /// [`ErrorName::SecretInvalid`]; it says where, never what.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let Secret { fields, .. } = Secret::parse(text)?;
        let read = |name: &str| fields.get(name).and_then(|value| serde_json::from_str(value).ok());
        match (read(USER), read(PASSWORD)) {
            (Some(username), Some(password)) => Ok(Self { username, password }),
            _ => Err(Error::new(ErrorName::SecretInvalid, "reading the new master password")
                .because("the secret's version that should hold it has no username or no password")),
        }
    }

    /// As a secret's text.
    ///
    /// # Errors
    /// [`ErrorName::SecretInvalid`] if it cannot be written as JSON.
    pub fn to_text(&self) -> Result<String, Error> {
        let mut fields = Fields(Vec::new());
        fields.set_texts(&[(USER, &self.username), (PASSWORD, &self.password)])?;
        fields.to_text()
    }

    /// The password, for the one call that gives it to RDS.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }
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

    /// The text of the secret with our two fields moved, new credentials if there are any, and everything else as it was.
    ///
    /// # Errors
    /// [`ErrorName::SecretInvalid`] if it cannot be written as JSON.
    pub fn moved_to(&self, pointer: &Pointer, credentials: Option<&Credentials>) -> Result<String, Error> {
        let mut fields = self.fields.clone();
        fields.set_texts(&[(HOST, &pointer.host), (PREFIX, &pointer.prefix)])?;
        if let Some(Credentials { username, password }) = credentials {
            fields.set_texts(&[(USER, username), (PASSWORD, password)])?;
        }
        fields.to_text()
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

    fn set_texts(&mut self, texts: &[(&str, &str)]) -> Result<(), Error> {
        for (name, text) in texts {
            let value = serde_json::value::to_raw_value(text).map_err(|_| unwritable())?;
            match self.0.iter_mut().rev().find(|(key, _)| key == name) {
                Some((_, old)) => *old = value,
                None => self.0.push(((*name).to_owned(), value)),
            }
        }
        Ok(())
    }

    fn to_text(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|_| unwritable())
    }
}

fn unwritable() -> Error {
    Error::new(ErrorName::SecretInvalid, "writing the secret")
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
        let moved = secret.moved_to(&pointer("new"), None).unwrap();
        assert_eq!(
            moved,
            r#"{"username":"re\u0061der","db_host":"new","port":5432.0,"nested":{"b":1 ,"a":[ ]},"db_prefix":"orders"}"#
        );
    }

    #[test]
    fn missing_fields_of_ours_are_added_at_the_end() {
        let moved = Secret::parse(r#"{"username":"x"}"#).unwrap().moved_to(&pointer("new"), None).unwrap();
        assert_eq!(moved, r#"{"username":"x","db_host":"new","db_prefix":"orders"}"#);
    }

    #[test]
    fn new_credentials_come_with_the_host_in_one_text() {
        let new = Credentials::new("owner".into(), "hunter\"2".into());
        let again = Credentials::parse(&new.to_text().unwrap()).unwrap();
        assert_eq!(again.password(), "hunter\"2");
        let text = r#"{"password":"old","port":1,"db_host":"a"}"#;
        let moved = Secret::parse(text).unwrap().moved_to(&pointer("b"), Some(&again)).unwrap();
        let expected =
            r#"{"password":"hunter\"2","port":1,"db_host":"b","db_prefix":"orders","username":"owner"}"#;
        assert_eq!(moved, expected);
        for text in ["{}", r#"{"username":"hunter2"}"#, r#"{"username":"x","password":7}"#] {
            let Err(error) = Credentials::parse(text) else { panic!("accepted {text}") };
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
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
            let moved = Secret::parse(&text).unwrap().moved_to(&pointer(&host), None).unwrap();
            let mut expected: std::collections::BTreeMap<String, String> = fields;
            expected.insert(HOST.into(), host.clone());
            expected.insert(PREFIX.into(), "orders".into());
            let got: std::collections::BTreeMap<String, String> = serde_json::from_str(&moved).unwrap();
            prop_assert_eq!(got, expected);
            let again = Secret::parse(&moved).unwrap();
            prop_assert_eq!(again.moved_to(&pointer(&host), None).unwrap(), moved);
        }
    }
}
