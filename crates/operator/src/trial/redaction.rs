//! What of an answer of AWS may be written down for others: the names of its fields, the few values of an allow list, and of
//! everything else only what kind of value it was. Names, ARNs and ids become labels, the same for the same thing.

use std::collections::HashMap;

use replication::machines::Machine;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::execution::tenths;

/// What stands for a text, a number and a point in time that are not written down.
const TEXT: &str = "text";
const NUMBER: &str = "number";
const TIME: &str = "time";

/// Fields with a name or an id, and what the label of it is made of. What is said to be the same thing has the same label.
#[rustfmt::skip]
const IDS: &[(&str, &str)] = &[
    ("DBInstanceIdentifier", "instance"), ("SourceDBInstanceIdentifier", "instance"),
    ("DBSnapshotIdentifier", "snapshot"), ("SourceDBSnapshotIdentifier", "snapshot"),
    ("TargetDBSnapshotIdentifier", "snapshot"), ("FinalDBSnapshotIdentifier", "snapshot"),
    ("DbiResourceId", "resource"), ("KeyId", "key"), ("KmsKeyId", "key"), ("SecretId", "secret"), ("Name", "name"),
    ("VersionId", "version"), ("SecretVersionId", "version"), ("name", "execution"),
];

/// Fields whose words say nothing about whose they are.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "DBInstanceStatus", "Status", "status", "Engine", "LicenseModel", "SnapshotType", "StorageType", "StorageEncryptionType",
    "StorageOperationStatus", "KeyState", "KeyUsage", "KeySpec", "KeyManager", "Origin", "ActivityStreamStatus",
    "BackupTarget", "DatabaseInsightsMode", "EngineLifecycleSupport", "ParameterApplyStatus", "type", "AttributeName", "SubnetStatus",
    "SubnetGroupStatus", "AutomationMode", "AutomaticRestartStatus", "EncryptionAlgorithms", "Protocol",
];
/// Fields with the class or the version of an engine.
const VERSIONS: &[&str] = &["EngineVersion", "DBInstanceClass"];
/// Fields whose numbers say nothing about whose they are.
#[rustfmt::skip]
const NUMBERS: &[&str] = &[
    "PercentProgress", "StorageOperationPercentProgress", "AllocatedStorage", "Iops", "StorageThroughput",
    "BackupRetentionPeriod", "FullSnapshotSizeInBytes", "PendingWindowInDays",
];
/// Fields whose points in time are written down as seconds since the recording began: that says nothing about whose they are.
const MOMENTS: &[&str] = &["startDate", "stopDate"];
/// The labels of a secret's versions that are the same for everybody.
const STAGES: &[&str] =
    &["AWSCURRENT", "AWSPREVIOUS", "AWSPENDING", "rds-replication-pending", "rds-replication-credentials"];
/// Services, as ARNs name them, and the things of them.
const SERVICES: &[&str] =
    &["rds", "kms", "sns", "secretsmanager", "states", "iam", "lambda", "cloudformation"];
#[rustfmt::skip]
const THINGS: &[(&str, &str)] = &[
    ("db", "instance"), ("snapshot", "snapshot"), ("key", "key"), ("secret", "secret"), ("stateMachine", "machine"),
    ("execution", "execution"), ("og", "option-group"), ("pg", "parameter-group"), ("subgrp", "subnet-group"), ("role", "role"),
];
/// Fields that say which request it was, and change each time.
const DROPPED: &[&str] = &["ResponseMetadata", "RequestId", "requestId"];

/// The longest time that is written down in seconds: no trial takes as long.
const LONGEST_SECONDS: f64 = 100_000.0;

/// Remembers the labels.
#[derive(Debug, Default)]
pub struct Redaction {
    labels: HashMap<(String, String), String>,
    numbers: HashMap<String, usize>,
    accounts: Vec<(String, String)>,
    forbidden: Vec<String>,
    began: Option<OffsetDateTime>,
}

impl Redaction {
    /// For these two accounts, and where nothing that contains one of these texts may be written down.
    pub fn new(source: &str, destination: &str, forbidden: &[&str]) -> Self {
        let accounts = vec![(source.to_owned(), "A".to_owned()), (destination.to_owned(), "B".to_owned())];
        let forbidden = [&[source, destination], forbidden].concat();
        let forbidden = forbidden.into_iter().filter(|text| !text.is_empty()).map(str::to_owned).collect();
        Self { accounts, forbidden, ..Self::default() }
    }

    /// The same, where seconds are counted from this time.
    pub fn counting_from(self, began: OffsetDateTime) -> Self {
        Self { began: Some(began), ..self }
    }

    /// Adds a text that must not be written down.
    pub fn forbid(&mut self, text: &str) {
        if !text.is_empty() {
            self.forbidden.push(text.to_owned());
        }
    }

    /// What may be written down of fields.
    pub fn fields(&mut self, fields: &Value) -> Value {
        let redacted = self.value("", fields);
        // The lists above decide; this is for what nobody has thought of.
        let text = redacted.to_string();
        if self.forbidden.iter().any(|forbidden| text.contains(forbidden)) {
            return Value::String("left out".to_owned());
        }
        redacted
    }

    /// The code of an error, which is a name that AWS has made.
    pub fn code(code: &str) -> String {
        if !code.is_empty() && code.len() <= 64 && code.chars().all(|c| c.is_ascii_alphabetic() || c == '.') {
            code.to_owned()
        } else {
            TEXT.to_owned()
        }
    }

    fn value(&mut self, field: &str, value: &Value) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value.clone(),
            Value::Number(number) if field == SIZE => number.as_i64().map_or(NUMBER.into(), size),
            Value::Number(number) if number.as_i64().is_some_and(|number| is_kept_number(field, number)) => {
                value.clone()
            }
            Value::Number(number) => self.moment(field, number.as_f64()),
            Value::String(text) => self.text(field, text),
            Value::Array(all) => all.iter().map(|one| self.value(field, one)).collect(),
            Value::Object(fields) => self.object(field, fields),
        }
    }

    fn moment(&self, field: &str, seconds: Option<f64>) -> Value {
        let (Some(began), Some(seconds)) = (self.began, seconds.filter(|_| MOMENTS.contains(&field))) else {
            return NUMBER.into();
        };
        let since = seconds - (began - OffsetDateTime::UNIX_EPOCH).as_seconds_f64();
        // What is older than a trial or younger is no such time.
        if since.abs() < LONGEST_SECONDS { json!(tenths(since)) } else { NUMBER.into() }
    }

    fn object(&mut self, field: &str, fields: &Map<String, Value>) -> Value {
        let are_versions = field == "VersionIdsToStages";
        let mut kept = Map::new();
        for (name, value) in fields {
            if DROPPED.contains(&name.as_str()) {
                continue;
            }
            if are_versions {
                kept.insert(self.label("version", name), self.value("VersionStages", value));
                continue;
            }
            let is_name = name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphabetic());
            let name = if is_name { name.clone() } else { self.label("field", name) };
            kept.insert(name.clone(), self.value(&name, value));
        }
        kept.into()
    }

    fn text(&mut self, field: &str, text: &str) -> Value {
        let is_made_of = |allowed: fn(char) -> bool| text.len() <= 48 && text.chars().all(allowed);
        let id = IDS.iter().find(|(name, _)| *name == field);
        let is_kept = text.is_empty()
            || WORDS.contains(&field) && is_made_of(|c| c.is_ascii_alphabetic() || c == '-' || c == '_')
            // gp2, gp3, io1, io2.
            || field == "StorageType" && text.len() == 3 && is_made_of(|c| c.is_ascii_alphanumeric())
            || VERSIONS.contains(&field) && is_version(text)
            || field == "VersionStages" && STAGES.contains(&text)
            || field == "NetworkType" && is_made_of(|c| c.is_ascii_uppercase() || c == '4')
            || field == "name" && is_stage(text)
            || field == "Key" && is_tag_of_product(text);
        if is_kept {
            text.into()
        } else if text.starts_with("arn:") {
            self.arn(text).into()
        } else if let Some((_, kind)) = id {
            self.label(kind, text).into()
        } else if text == "true" || text == "false" {
            (text == "true").into()
        } else if let Ok(number) = text.parse::<i64>() {
            match field {
                SIZE => size(number),
                _ if is_kept_number(field, number) => number.into(),
                _ => NUMBER.into(),
            }
        } else if is_time(text) {
            TIME.into()
        } else {
            TEXT.into()
        }
    }

    /// The service, whose account, and a label: `arn:rds:A:snapshot-2`.
    fn arn(&mut self, arn: &str) -> String {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let [_, _, service, _, account, thing] = parts.as_slice() else { return TEXT.to_owned() };
        let service = SERVICES.iter().find(|known| *known == service).unwrap_or(&"service");
        let (kind, name) = thing.split_once([':', '/']).unwrap_or(("", thing));
        let kind = THINGS.iter().find(|(known, _)| *known == kind).map_or("thing", |(_, kind)| *kind);
        format!("arn:{service}:{}:{}", self.account(account), self.label(kind, name))
    }

    fn account(&mut self, account: &str) -> String {
        let known = self.accounts.iter().find(|(number, _)| number == account);
        match known {
            Some((_, label)) => label.clone(),
            None if account.is_empty() => String::new(),
            None => self.label("account", account),
        }
    }

    fn label(&mut self, kind: &str, text: &str) -> String {
        let number = self.numbers.entry(kind.to_owned()).or_default();
        let label = self.labels.entry((kind.to_owned(), text.to_owned())).or_insert_with(|| {
            *number += 1;
            format!("{kind}-{number}")
        });
        label.clone()
    }
}

/// The one number of bytes, which may have as many digits as an account number.
const SIZE: &str = "FullSnapshotSizeInBytes";

/// A size without its last digits.
fn size(bytes: i64) -> Value {
    format!("{} MiB", bytes >> 20).into()
}

/// One of the allow list, and not so long that it could be the number of an account.
fn is_kept_number(field: &str, number: i64) -> bool {
    NUMBERS.contains(&field) && number.abs() < 1_000_000_000
}

/// `16.4`, `db.t4g.micro`: short parts between dots.
fn is_version(text: &str) -> bool {
    let is_part =
        |part: &str| part.len() <= 11 && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let has_account = text.chars().filter(char::is_ascii_digit).count() > 8;
    text.len() <= 32 && !has_account && text.split('.').count() <= 3 && text.split('.').all(is_part)
}

/// A state of the product's machines that calls a function.
fn is_stage(name: &str) -> bool {
    Machine::ALL.iter().flat_map(|machine| machine.stages()).any(|stage| stage.state == name)
}

/// The keys of tags that the product, its trial and CloudFormation write.
fn is_tag_of_product(key: &str) -> bool {
    let known = ["rds-replication:", "aws:cloudformation:"];
    let is_plain = |rest: &str| rest.len() <= 32 && rest.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    key == "to-be-deleted"
        || key == "rds-replication-trial"
        || known.iter().any(|start| key.strip_prefix(start).is_some_and(is_plain))
}

/// A point in time as RDS writes it.
fn is_time(text: &str) -> bool {
    let form = text.get(..19).map(|start| {
        start.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            10 => byte == b'T',
            13 | 16 => byte == b':',
            _ => byte.is_ascii_digit(),
        })
    });
    form == Some(true)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn redaction() -> Redaction {
        Redaction::new("111111111111", "222222222222", &["Sekret9word"])
    }

    #[test]
    fn what_is_the_same_has_the_same_label() {
        let mut redaction = redaction();
        let seen = redaction.fields(&json!({"DBSnapshot": {
            "DBSnapshotIdentifier": "orders-1",
            "DBSnapshotArn": "arn:aws:rds:eu-west-1:111111111111:snapshot:orders-1",
            "SourceDBSnapshotIdentifier": "arn:aws:rds:eu-west-1:222222222222:snapshot:orders-2",
            "KmsKeyId": "arn:aws:kms:eu-west-1:333333333333:key/1234",
            "Status": "available", "PercentProgress": "40", "Encrypted": "true", "Port": "5432",
            "EngineVersion": "16.4", "StorageType": "gp3", "SnapshotCreateTime": "2026-11-26T12:00:00.000Z",
            "Endpoint": {"Address": "x.y.eu-west-1.rds.amazonaws.com"},
            "TagList": {"Tag": {"Key": "rds-replication:stack", "Value": "orders"}},
            "ResponseMetadata": {"RequestId": "1"}}}));
        assert_eq!(
            seen,
            json!({"DBSnapshot": {
                "DBSnapshotIdentifier": "snapshot-1",
                "DBSnapshotArn": "arn:rds:A:snapshot-1",
                "SourceDBSnapshotIdentifier": "arn:rds:B:snapshot-2",
                "KmsKeyId": "arn:kms:account-1:key-1",
                "Status": "available", "PercentProgress": 40, "Encrypted": true, "Port": "number",
                "EngineVersion": "16.4", "StorageType": "gp3", "SnapshotCreateTime": "time",
                "Endpoint": {"Address": "text"},
                "TagList": {"Tag": {"Key": "rds-replication:stack", "Value": "text"}}}})
        );
    }

    #[test]
    fn a_secret_keeps_only_its_form() {
        let seen = redaction().fields(&json!({
            "ARN": "arn:aws:secretsmanager:eu-west-1:222222222222:secret:orders/db-AbCdEf", "Name": "orders/db",
            "SecretString": "{\"password\": \"x\"}", "SecretBinary": "AAAA", "CreatedDate": 1.7e9,
            "VersionIdsToStages": {"0c1d-77": ["AWSCURRENT", "other"]}, "RandomPassword": "p"}));
        assert_eq!(
            seen,
            json!({
                "ARN": "arn:secretsmanager:B:secret-1", "Name": "name-1", "SecretString": "text", "SecretBinary": "text",
                "CreatedDate": "number", "VersionIdsToStages": {"version-1": ["AWSCURRENT", "text"]}, "RandomPassword": "text"})
        );
    }

    #[test]
    fn a_moment_is_counted_from_the_beginning() {
        let began = OffsetDateTime::from_unix_timestamp(1_795_711_234).unwrap();
        let fields =
            json!({"startDate": 1_795_711_240.26, "stopDate": 1.7e9, "CreatedDate": 1_795_711_240.26});
        assert_eq!(
            redaction().counting_from(began).fields(&fields),
            json!({"startDate": 6.3, "stopDate": "number", "CreatedDate": "number"})
        );
        assert_eq!(redaction().fields(&fields)["startDate"], "number");
    }

    #[test]
    fn a_size_has_no_digits_of_an_account() {
        let fields = json!({"FullSnapshotSizeInBytes": 111_111_111_111_i64, "Text": {"FullSnapshotSizeInBytes": "2147483648"}});
        let seen = redaction().fields(&fields);
        assert_eq!(seen["FullSnapshotSizeInBytes"], "105963 MiB");
        assert_eq!(seen["Text"]["FullSnapshotSizeInBytes"], "2048 MiB");
    }

    #[test]
    fn what_is_forbidden_takes_the_whole_answer_with_it() {
        let mut redaction = redaction();
        redaction.forbid("secretword");
        assert_eq!(redaction.fields(&json!({"Status": "secretword"})), "left out");
        assert_eq!(Redaction::code("DBInstanceNotFound"), "DBInstanceNotFound");
        assert_eq!(Redaction::code("no code, 111111111111"), "text");
    }

    /// What must not get through: an account, an endpoint, a password, and an ARN with an account in it.
    fn planted() -> impl Strategy<Value = String> {
        prop_oneof![
            "[0-9]{12}",
            "[a-z]{3,9}-[0-9]\\.[a-z0-9]{12}\\.eu-west-1\\.rds\\.amazonaws\\.com",
            "[A-Za-z]{6,20}[0-9][A-Za-z0-9]{6,20}",
            "arn:aws:rds:eu-west-1:[0-9]{12}:db:[a-z]{4,9}-[0-9]{7}",
        ]
    }

    fn field() -> impl Strategy<Value = String> {
        let known = [
            WORDS,
            VERSIONS,
            NUMBERS,
            &["Address", "SecretString", "Value", "Key", "MasterUsername", "VersionStages"],
        ]
        .concat();
        let ids = IDS.iter().map(|(name, _)| *name);
        let known: Vec<String> = known.into_iter().chain(ids).map(str::to_owned).collect();
        prop_oneof![prop::sample::select(known), "[A-Za-z]{3,12}"]
    }

    proptest! {
        #[test]
        fn nothing_that_was_planted_gets_through(
            leaves in prop::collection::vec((field(), planted(), prop::bool::ANY), 1..12),
            names in prop::collection::vec("[0-9]{12}|[a-z]{5}-[0-9]{5}", 0..3),
        ) {
            let mut fields = Map::new();
            for (name, text, is_list) in &leaves {
                let value = if *is_list { json!([text, {name.as_str(): text}]) } else { json!(text) };
                fields.insert(name.clone(), value);
            }
            for name in &names {
                fields.insert(name.clone(), json!({name.as_str(): leaves[0].1.as_str()}));
            }
            let written = Redaction::default().fields(&json!({"Result": fields})).to_string();
            for secret in leaves.iter().map(|(_, text, _)| text).chain(&names) {
                prop_assert!(!written.contains(secret.as_str()), "{secret} in {written}");
            }
            for digits in written.split(|c: char| !c.is_ascii_digit()) {
                prop_assert!(digits.len() < 12, "{written}");
            }
        }
    }
}
