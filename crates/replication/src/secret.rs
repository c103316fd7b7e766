//! The secret by which everything in the destination finds the current version.
//!
//! Two fields are ours, `db_host` and `db_prefix`; and where versions have master passwords of their own, so are `username`
//! and `password`. What other programs find a database by moves along where it is there ([`Standard`]). Every other field is kept as found: in its place, and byte for byte in its value, because a number
//! such as `1.0` or an escaped character stays as it was written.

mod standard;

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::{Error, ErrorName, naming};

pub use standard::Standard;

const HOST: &str = "db_host";
const PREFIX: &str = "db_prefix";
/// Not in any standard, so it is moved where it exists and is never added.
const OTHER_PORT: &str = "db_port";
/// Ours only where a version has a master password of its own.
const USER: &str = "username";
const PASSWORD: &str = "password";

/// The most that Secrets Manager takes as the value of a secret, in bytes (API `PutSecretValue`, `SecretString`).
const MOST_BYTES: usize = 65_536;
/// What moving a secret may add to it, in bytes: a host, a prefix, a user name and a password, each as long as RDS has it,
/// and the standard fields.
const MOVE_BYTES: usize = 1024;

/// The secret's JSON object. It has no `Debug` and no `Display`: its content must never reach a log or an error.
#[derive(Clone)]
pub struct Secret {
    fields: Fields,
    /// What our two fields say; the only part of a secret that may be shown.
    pub pointer: Pointer,
}

/// Our two fields: where the current version is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    /// The endpoint address of the current version; empty before the first replication.
    #[serde(rename = "db_host")]
    pub host: String,
    /// The name of the current version without its version; empty before the first replication.
    #[serde(rename = "db_prefix")]
    pub prefix: String,
}

/// A version of the secret. Its text never changes; the label `AWSCURRENT` moves from one version to the next.
#[derive(Clone)]
pub struct Version {
    /// Its id.
    pub id: String,
    /// What it says.
    pub secret: Secret,
}

impl Version {
    /// Whether a function of ours has written it, and not an operator or a rotation that somebody has set up.
    #[must_use]
    pub fn is_written_by_us(&self) -> bool {
        self.id.starts_with(OUR_VERSIONS)
    }
}

/// How the ids of the versions begin that we write.
pub const OUR_VERSIONS: &str = "rds-replication-";

/// The id of a version that we write. It follows from what it is made of, so that a repetition makes no second one, and
/// from nothing that is secret. With 48 hex digits it has 64 characters, as many as Secrets Manager takes (API
/// `PutSecretValue`, `ClientRequestToken`).
pub(crate) fn version_id(made_of: &[&str]) -> String {
    format!("{OUR_VERSIONS}{}", naming::hex_digest(&made_of.join(" "), 24))
}

/// The user name and the password in a secret, byte for byte as they are there; either may be missing. It has no
/// `Debug` and no `Display`, like [`Secret`].
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Login {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username: Option<Box<RawValue>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<Box<RawValue>>,
}

impl Login {
    fn read(value: Option<&RawValue>) -> Option<Value> {
        value.and_then(|value| serde_json::from_str(value.get()).ok())
    }

    /// Whether there is a password in it; without one it opens nothing.
    #[must_use]
    pub fn has_password(&self) -> bool {
        Self::read(self.password.as_deref()).is_some_and(|value| !value.is_null() && value != "")
    }

    /// That of a master user.
    ///
    /// # Errors
    /// [`ErrorName::SecretInvalid`] if it cannot be written as JSON.
    pub fn new(username: &str, password: &str) -> Result<Self, Error> {
        Ok(Self { username: Some(raw(username)?), password: Some(raw(password)?) })
    }

    /// Whether both say the same, however it is written.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let read = Self::read;
        read(self.username.as_deref()) == read(other.username.as_deref())
            && read(self.password.as_deref()) == read(other.password.as_deref())
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
        let ours = |name: &str| match fields.find(name) {
            None => Ok(String::new()),
            Some(value) => serde_json::from_str(value.get())
                .map_err(|_| invalid(format!("its field {name} is not text"))),
        };
        let pointer = Pointer { host: ours(HOST)?, prefix: ours(PREFIX)? };
        Ok(Self { fields, pointer })
    }

    /// Refuses a secret that may be too large once it is moved, while nothing has been copied or restored for that.
    ///
    /// # Errors
    /// [`ErrorName::SecretInvalid`], with the sizes.
    pub fn check_room(&self) -> Result<(), Error> {
        let bytes = serde_json::to_string(&self.fields).map_err(|_| unwritable())?.len();
        if bytes + MOVE_BYTES <= MOST_BYTES {
            return Ok(());
        }
        Err(Error::new(ErrorName::SecretInvalid, "reading the secret")
            .because(format!(
                "it has {bytes} bytes, moving it to a new version may add {MOVE_BYTES}, and Secrets Manager takes {MOST_BYTES}"
            ))
            .advise(LESS))
    }

    /// The user name and the password in it.
    #[must_use]
    pub fn login(&self) -> Login {
        let field = |name: &str| self.fields.find(name).map(ToOwned::to_owned);
        Login { username: field(USER), password: field(PASSWORD) }
    }

    /// Whether moving it to this instance would change a standard field.
    ///
    /// # Errors
    /// [`ErrorName::SecretInvalid`] if a field cannot be written as JSON.
    pub fn says_otherwise(&self, standard: &Standard<'_>) -> Result<bool, Error> {
        standard.changes(&self.fields).map(|changes| !changes.is_empty())
    }

    /// The text of the secret with our two fields and the standard fields moved, with another user name and password if
    /// there is a login, and everything else as it was.
    ///
    /// # Errors
    /// [`ErrorName::SecretInvalid`] if it cannot be written as JSON or becomes too large.
    pub fn moved_to(
        &self,
        pointer: &Pointer,
        standard: &Standard<'_>,
        login: Option<&Login>,
    ) -> Result<String, Error> {
        let mut fields = self.fields.clone();
        fields.set(HOST, Some(raw(&pointer.host)?));
        fields.set(PREFIX, Some(raw(&pointer.prefix)?));
        for (name, value) in standard.changes(&self.fields)? {
            fields.set(name, Some(value));
        }
        if let Some(Login { username, password }) = login {
            fields.set(USER, username.clone());
            fields.set(PASSWORD, password.clone());
        }
        let text = serde_json::to_string(&fields).map_err(|_| unwritable())?;
        if !fits(&text) {
            return Err(too_large("moving the secret", text.len()).advise(LESS));
        }
        Ok(text)
    }
}

/// What to do with a secret that is too large.
const LESS: &str = "remove unused fields from the secret, or put them into a secret of their own";

/// The error of a value of so many bytes. Secrets Manager would refuse it without saying what to do.
pub(crate) fn too_large(doing: &str, bytes: usize) -> Error {
    Error::new(ErrorName::SecretInvalid, doing)
        .because(format!("it would have {bytes} bytes, and Secrets Manager takes {MOST_BYTES}"))
}

/// Whether Secrets Manager takes a value of so many bytes.
pub(crate) fn fits(text: &str) -> bool {
    text.len() <= MOST_BYTES
}

fn raw<T: Serialize + ?Sized>(value: &T) -> Result<Box<RawValue>, Error> {
    serde_json::value::to_raw_value(value).map_err(|_| unwritable())
}

/// A JSON object that keeps the order of its fields and the bytes of their values.
#[derive(Clone)]
struct Fields(Vec<(String, Box<RawValue>)>);

impl Fields {
    /// The value of a field; of a repeated one the last counts, as for every common JSON reader.
    fn find(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_ref())
    }

    /// Gives a field a value, or takes it away.
    fn set(&mut self, name: &str, value: Option<Box<RawValue>>) {
        let Some(value) = value else {
            self.0.retain(|(key, _)| key != name);
            return;
        };
        match self.0.iter_mut().rev().find(|(key, _)| key == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
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
    use crate::lineage::Tags;
    use crate::observed::testing;

    fn pointer(host: &str) -> Pointer {
        Pointer { host: host.to_owned(), prefix: "orders".to_owned() }
    }

    fn moved_to(secret: &Secret, pointer: &Pointer, login: Option<&Login>) -> Result<String, Error> {
        let to = testing::instance("orders-7", Tags::default());
        secret.moved_to(pointer, &Standard { to: &to, from: None, adds: false }, login)
    }

    /// > Every field of the secret that is not ours keeps its place and its bytes.
    #[test]
    fn what_is_not_ours_is_kept_byte_for_byte_and_in_its_place() {
        let text = r#"{"username":"re\u0061der","db_host":"old","port":5432.0,"nested":{"b":1 ,"a":[ ]},"db_prefix":""}"#;
        let secret = Secret::parse(text).unwrap();
        assert_eq!(secret.pointer, Pointer { host: "old".into(), prefix: String::new() });
        let moved = moved_to(&secret, &pointer("new"), None).unwrap();
        assert_eq!(
            moved,
            r#"{"username":"re\u0061der","db_host":"new","port":5432.0,"nested":{"b":1 ,"a":[ ]},"db_prefix":"orders"}"#
        );
    }

    #[test]
    fn missing_fields_of_ours_are_added_at_the_end() {
        let moved = moved_to(&Secret::parse(r#"{"username":"x"}"#).unwrap(), &pointer("new"), None).unwrap();
        assert_eq!(moved, r#"{"username":"x","db_host":"new","db_prefix":"orders"}"#);
    }

    #[test]
    fn a_login_comes_with_the_host_in_one_text_and_goes_back_byte_for_byte() {
        let text = r#"{"password":"o\u006cd","note":1,"db_host":"a"}"#;
        let secret = Secret::parse(text).unwrap();
        let new = Login::new("owner", "hunter\"2").unwrap();
        let moved = moved_to(&secret, &pointer("b"), Some(&new)).unwrap();
        let expected =
            r#"{"password":"hunter\"2","note":1,"db_host":"b","db_prefix":"orders","username":"owner"}"#;
        assert_eq!(moved, expected);
        let moved = Secret::parse(&moved).unwrap();
        assert!(moved.login().is_same(&new) && !moved.login().is_same(&secret.login()));
        let back = moved_to(&moved, &pointer("a"), Some(&secret.login())).unwrap();
        assert_eq!(back, r#"{"password":"o\u006cd","note":1,"db_host":"a","db_prefix":"orders"}"#);
    }

    #[test]
    fn the_id_of_a_version_follows_from_what_it_is_made_of() {
        let id = version_id(&["v1", "orders-7.c1.example"]);
        assert_eq!(id, version_id(&["v1", "orders-7.c1.example"]));
        assert_ne!(id, version_id(&["v1", "orders-8.c1.example"]));
        assert_eq!(id.len(), 64);
        let secret = Secret::parse("{}").unwrap();
        assert!(Version { id, secret: secret.clone() }.is_written_by_us());
        assert!(!Version { id: "6b5c5a3a-0000-4000-8000-000000000000".into(), secret }.is_written_by_us());
    }

    /// > A secret that may become too large is refused with its size before anything is copied or restored.
    #[test]
    fn a_secret_that_may_become_too_large_is_refused_with_its_size() {
        let sized = |bytes: usize| {
            let around = r#"{"x":""}"#.len();
            Secret::parse(&format!(r#"{{"x":"{}"}}"#, "h".repeat(bytes - around))).unwrap()
        };
        assert!(sized(MOST_BYTES - MOVE_BYTES).check_room().is_ok());
        let error = sized(MOST_BYTES - MOVE_BYTES + 1).check_room().unwrap_err();
        assert_eq!(error.name(), ErrorName::SecretInvalid);
        let text = error.to_string();
        assert!(
            text.contains("64513 bytes") && text.contains("65536") && text.contains("to fix this: "),
            "{text}"
        );
        assert!(!text.contains("hhh"), "{text}");

        let longest = Login::new(&"u".repeat(63), &"p".repeat(30)).unwrap();
        let widest = Pointer { host: "h".repeat(160), prefix: "p".repeat(50) };
        let moved = moved_to(&sized(MOST_BYTES - MOVE_BYTES), &widest, Some(&longest)).unwrap();
        assert!(moved.len() <= MOST_BYTES, "{}", moved.len());
        let error = moved_to(&sized(MOST_BYTES), &pointer("new"), None).unwrap_err();
        assert_eq!(error.name(), ErrorName::SecretInvalid);
        assert!(error.to_string().contains("65536; to fix this: remove unused fields"), "{error}");
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
            fields in proptest::collection::btree_map("x[a-z]{0,5}", "\\PC{0,12}", 0..6),
            host in "[a-z.]{1,20}",
        ) {
            let text = serde_json::to_string(&fields).unwrap();
            let moved = moved_to(&Secret::parse(&text).unwrap(), &pointer(&host), None).unwrap();
            let mut expected: std::collections::BTreeMap<String, String> = fields;
            expected.insert(HOST.into(), host.clone());
            expected.insert(PREFIX.into(), "orders".into());
            let got: std::collections::BTreeMap<String, String> = serde_json::from_str(&moved).unwrap();
            prop_assert_eq!(got, expected);
            let again = Secret::parse(&moved).unwrap();
            prop_assert_eq!(moved_to(&again, &pointer(&host), None).unwrap(), moved);
        }
    }
}
