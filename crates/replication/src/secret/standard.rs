//! The fields by which other programs find a database in a secret: those that the rotation functions of Secrets Manager,
//! its JDBC driver and most tools read (Secrets Manager User Guide, "JSON structure of Secrets Manager secrets"), and
//! `db_port`, which many secrets have next to `db_host`.
//!
//! Where they are in the secret they move with it, because they would name a database that is deleted later. They keep
//! their JSON types, and what says the right thing already keeps its bytes.

use serde_json::Value;
use serde_json::value::RawValue;

use super::{Fields, raw};
use crate::Error;
use crate::observed::Instance;

/// The fields, in the order in which they are added.
const FIELDS: [&str; 6] = ["engine", "host", "port", super::OTHER_PORT, "dbname", "dbInstanceIdentifier"];

/// What RDS calls its engines, without the edition. Rotation functions know them by these names.
const ENGINES: [&str; 7] = ["postgres", "mysql", "mariadb", "oracle", "sqlserver", "db2", "aurora"];

/// What the standard fields are to say.
#[derive(Debug, Clone, Copy)]
pub struct Standard<'a> {
    /// The instance that the secret is to name.
    pub to: &'a Instance,
    /// The instance that it names, if RDS shows it.
    pub from: Option<&'a Instance>,
    /// Whether those that the secret does not have are added, but for `db_port`.
    pub adds: bool,
}

impl Standard<'_> {
    /// What follows from it, as text of which the id of a version can be made.
    pub(crate) fn made_of(&self) -> String {
        let of = |one: &Instance| format!("{:?} {:?} {:?}", one.port, one.engine, one.database_name);
        format!("{} {:?} {}", of(self.to), self.from.map(of), self.adds)
    }

    /// The fields that are to say something else than they do, or that are to be added.
    pub(super) fn changes(&self, fields: &Fields) -> Result<Vec<(&'static str, Box<RawValue>)>, Error> {
        let mut changes = Vec::new();
        for name in FIELDS {
            let old = match fields.find(name) {
                Some(old) => serde_json::from_str(old.get()).unwrap_or(Value::Null),
                None if self.adds && name != super::OTHER_PORT => Value::Null,
                None => continue,
            };
            if let Some(new) = self.value(name, &old) {
                changes.push((name, raw(&new)?));
            }
        }
        Ok(changes)
    }

    /// The new value of a field, if it needs one. What is not of the type of the field is an operator's own, and stays.
    fn value(&self, name: &str, old: &Value) -> Option<Value> {
        if matches!(name, "port" | super::OTHER_PORT) {
            return port(old, self.to.port?);
        }
        let old = if old.is_null() { "" } else { old.as_str()? };
        let new = match name {
            "host" => self.to.host.as_deref(),
            "engine" => engine(old, self.to.engine.as_deref()?),
            "dbname" => self.database(old),
            _ => Some(self.to.identifier.as_str()),
        };
        new.filter(|new| *new != old).map(Value::from)
    }

    /// An instance holds more databases than the one that it was made with, and every version of a source holds the same.
    /// So a name that is not that of the instance that the secret names is one that somebody has chosen.
    fn database(&self, old: &str) -> Option<&str> {
        let was = self.from.and_then(|from| from.database_name.as_deref());
        let new = self.to.database_name.as_deref()?;
        (old.is_empty() || was == Some(old)).then_some(new)
    }
}

fn port(old: &Value, port: u16) -> Option<Value> {
    let number = u64::from(port);
    match old {
        Value::Null => Some(port.into()),
        Value::Number(old) => {
            let is_same = old.as_u64() == Some(number) || old.as_f64() == Some(f64::from(port));
            (!is_same).then(|| port.into())
        }
        Value::String(old) => (old.trim().parse() != Ok(port)).then(|| port.to_string().into()),
        _ => None,
    }
}

/// The engine as the secret names it. A name that RDS does not use, such as that of a driver, is an operator's own, and stays.
fn engine<'a>(old: &str, new: &'a str) -> Option<&'a str> {
    let kind = family(new).unwrap_or(new);
    let is_to_change = old.is_empty() || family(old).is_some_and(|old| old != kind);
    is_to_change.then_some(kind)
}

fn family(engine: &str) -> Option<&'static str> {
    let engine = engine.strip_prefix("custom-").unwrap_or(engine);
    ENGINES.into_iter().find(|kind| {
        engine.strip_prefix(kind).is_some_and(|edition| edition.is_empty() || edition.starts_with('-'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lineage::Tags;
    use crate::observed::testing;
    use crate::secret::{Pointer, Secret};

    fn instance(version: u16) -> Instance {
        let port = Some(5430 + version);
        Instance { port, ..testing::instance(&format!("copy-{version}"), Tags::default()) }
    }

    fn pointer() -> Pointer {
        Pointer { host: testing::host("copy-2"), prefix: "copy".to_owned() }
    }

    fn moved(text: &str, standard: Standard<'_>) -> String {
        let moved = Secret::parse(text).unwrap().moved_to(&pointer(), &standard, None).unwrap();
        let fields = Secret::parse(&moved).unwrap().fields;
        assert!(standard.changes(&fields).unwrap().is_empty(), "moving twice is moving once: {moved}");
        moved
    }

    /// > The standard fields that are in the secret move with it, in the same write, and keep their JSON types.
    /// > A field that is not in the secret is not added unless SecretFields says so.
    #[test]
    fn standard_fields_move_where_they_are_and_keep_their_types() {
        let (old, new) = (instance(1), instance(2));
        let standard = Standard { to: &new, from: Some(&old), adds: false };
        let ours = |host: &str| format!(r#""db_host":"{host}","db_prefix":"copy""#);
        let (before, after) = (ours("copy-1.c1.example"), ours("copy-2.c1.example"));
        for (text, expected) in [
            (
                r#""host":"copy-1.c1.example","port":5431,"dbInstanceIdentifier":"copy-1","x":1.0"#,
                r#""host":"copy-2.c1.example","port":5432,"dbInstanceIdentifier":"copy-2","x":1.0"#,
            ),
            (r#""port":"5431","db_port":5431"#, r#""port":"5432","db_port":5432"#),
            (r#""port":null,"host":null"#, r#""port":5432,"host":"copy-2.c1.example""#),
            (r#""port":"","host":"""#, r#""port":"5432","host":"copy-2.c1.example""#),
            // What says the right thing keeps its bytes.
            (
                r#""port":5432.0,"host":"copy\u002d2.c1.example""#,
                r#""port":5432.0,"host":"copy\u002d2.c1.example""#,
            ),
            (r#""port":" 5432","engine":"postgres""#, r#""port":" 5432","engine":"postgres""#),
            // What has another type is an operator's own.
            (
                r#""host":["a","b"],"port":{"tls":1},"db_port":true"#,
                r#""host":["a","b"],"port":{"tls":1},"db_port":true"#,
            ),
            (r#""engine":7,"Host":"a","PORT":1"#, r#""engine":7,"Host":"a","PORT":1"#),
            (r#""x":1"#, r#""x":1"#),
        ] {
            assert_eq!(moved(&format!("{{{before},{text}}}"), standard), format!("{{{after},{expected}}}"));
        }
    }

    /// > The engine and the database name that an operator has put in other words or for another database stay.
    #[test]
    fn what_an_operator_has_chosen_stays() {
        let (mut old, new) = (instance(1), instance(2));
        old.database_name = Some("orders".to_owned());
        let all = [
            (r#"{"dbname":"orders"}"#, Some(&old), r#""shop""#),
            (r#"{"dbname":""}"#, Some(&old), r#""shop""#),
            (r#"{"dbname":"reports"}"#, Some(&old), r#""reports""#),
            (r#"{"dbname":"orders"}"#, None, r#""orders""#),
        ];
        for (text, from, expected) in all {
            let moved = moved(text, Standard { to: &new, from, adds: false });
            assert!(moved.starts_with(&format!(r#"{{"dbname":{expected}"#)), "{moved}");
        }
        for (of_rds, text, expected) in [
            ("postgres", "mysql", "postgres"),
            ("postgres", "aurora-postgresql", "postgres"),
            ("postgres", "postgresql", "postgresql"),
            ("postgres", "django.db.backends.mysql", "django.db.backends.mysql"),
            ("sqlserver-se", "sqlserver", "sqlserver"),
            ("sqlserver-se", "sqlserver-ex", "sqlserver-ex"),
            ("sqlserver-se", "", "sqlserver"),
            ("custom-oracle-ee", "", "oracle"),
            ("db2-ae", "postgres", "db2"),
            ("something-new", "", "something-new"),
        ] {
            let new = Instance { engine: Some(of_rds.to_owned()), ..new.clone() };
            let moved =
                moved(&format!(r#"{{"engine":"{text}"}}"#), Standard { to: &new, from: None, adds: false });
            assert!(moved.starts_with(&format!(r#"{{"engine":"{expected}""#)), "{of_rds} {moved}");
        }
    }

    #[test]
    fn what_is_missing_is_added_where_that_is_wanted() {
        let new = instance(2);
        let standard = Standard { to: &new, from: None, adds: true };
        assert_eq!(
            moved(r#"{"username":"reader","port":"1"}"#, standard),
            r#"{"username":"reader","port":"5432","db_host":"copy-2.c1.example","db_prefix":"copy","engine":"postgres","host":"copy-2.c1.example","dbname":"shop","dbInstanceIdentifier":"copy-2"}"#
        );
        let unknown = Instance { port: None, engine: None, database_name: None, ..new.clone() };
        assert_eq!(
            moved("{}", Standard { to: &unknown, ..standard }),
            r#"{"db_host":"copy-2.c1.example","db_prefix":"copy","host":"copy-2.c1.example","dbInstanceIdentifier":"copy-2"}"#
        );
    }
}
