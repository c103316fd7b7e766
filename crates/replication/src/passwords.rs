//! The master passwords of versions that have one of their own.
//!
//! They are kept in one version of the secret with a label of its own, apart from what readers read. A password belongs
//! to an instance, not to a move of the secret: whatever asks RDS to set it, and however late, asks for the same one.
//! What readers used before for the versions that have the source's password is kept with them, so that it returns
//! with such a version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::observed::Instance;
use crate::secret::{self, Login, Secret};
use crate::{Error, ErrorName};

/// The staging label of the version that holds them. Secrets Manager may delete versions that have no label.
pub const LABEL: &str = "rds-replication-credentials";

/// The master user of an instance and its password. It has no `Debug` and no `Display`, like [`Secret`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
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

    /// The password, for the one call that gives it to RDS.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// As the fields of the secret.
    ///
    /// # Errors
    /// [`ErrorName::SecretInvalid`] if they cannot be written as JSON.
    pub fn login(&self) -> Result<Login, Error> {
        Login::new(&self.username, &self.password)
    }
}

/// All of them. It has no `Debug` and no `Display`, like [`Secret`].
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Passwords {
    /// What readers use for the versions that have the source's password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    original: Option<Login>,
    /// By `DbiResourceId`.
    #[serde(default)]
    instances: BTreeMap<String, Credentials>,
}

/// The version of the secret that holds them.
#[derive(Clone)]
pub struct StoredPasswords {
    /// Its id.
    pub id: String,
    /// What it holds.
    pub passwords: Passwords,
}

impl Passwords {
    /// Reads what [`Self::to_text`] has written.
    ///
    /// # Errors
    /// [`ErrorName::SecretInvalid`]; it says where, never what.
    pub fn parse(text: &str) -> Result<Self, Error> {
        // The parser's own text may quote the input, so only the position is passed on.
        serde_json::from_str(text).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            Error::new(ErrorName::SecretInvalid, "reading the master passwords of the versions")
                .because(format!("the secret's version {LABEL} is not what was written ({place})"))
                .advise(format!(
                    "move the label {LABEL} back to the version of the secret that had it before"
                ))
        })
    }

    /// As a secret's text.
    ///
    /// # Errors
    /// [`ErrorName::SecretInvalid`] if it cannot be written as JSON or is too large.
    pub fn to_text(&self) -> Result<String, Error> {
        let doing = "writing the master passwords of the versions";
        let text = serde_json::to_string(self).map_err(|_| Error::new(ErrorName::SecretInvalid, doing))?;
        if secret::fits(&text) {
            return Ok(text);
        }
        Err(secret::too_large(doing, text.len()).advise(format!(
            "shorten username and password in the secret, which are kept in its version {LABEL}"
        )))
    }

    /// Those of an instance, if it has its own.
    #[must_use]
    pub fn of(&self, instance: &Instance) -> Option<&Credentials> {
        self.instances.get(instance.resource_id.as_deref()?)
    }

    /// The resource ids of the instances that have their own.
    pub fn owners(&self) -> impl Iterator<Item = &str> {
        self.instances.keys().map(String::as_str)
    }

    /// What readers use for the versions that have the source's password, as far as it was ever replaced.
    #[must_use]
    pub fn original(&self) -> Option<&Login> {
        self.original.as_ref().filter(|login| login.has_password())
    }

    /// Whether what the secret says is the password of one version only: it names one that has its own, or says what
    /// was given to one.
    #[must_use]
    pub fn are_in(&self, secret: &Secret, instances: &[Instance]) -> bool {
        let live = instances.iter().find(|one| one.host.as_deref() == Some(secret.pointer.host.as_str()));
        live.is_some_and(|live| self.of(live).is_some()) || self.instances.values().any(is_in(secret))
    }

    /// These, with what readers use now as that for the versions that have the source's password.
    #[must_use]
    pub fn with_original(mut self, secret: &Secret) -> Self {
        let login = secret.login();
        // A secret that nobody has put a password in says nothing of what opens the versions.
        if login.has_password() {
            self.original = Some(login);
        }
        self
    }

    /// These, with those of one more instance, and without those of instances that are gone and in no use.
    #[must_use]
    pub fn with(
        mut self,
        resource_id: &str,
        credentials: Credentials,
        secret: &Secret,
        instances: &[Instance],
    ) -> Self {
        let is_in_use = is_in(secret);
        self.instances.retain(|id, credentials| {
            instances.iter().any(|one| one.resource_id.as_deref() == Some(id)) || is_in_use(credentials)
        });
        self.instances.insert(resource_id.to_owned(), credentials);
        self
    }
}

/// Whether the secret says these.
fn is_in(secret: &Secret) -> impl Fn(&Credentials) -> bool + use<> {
    let login = secret.login();
    move |credentials| credentials.login().is_ok_and(|of_instance| of_instance.is_same(&login))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lineage::Tags;
    use crate::observed::testing;

    fn credentials(password: &str) -> Credentials {
        Credentials::new("owner".into(), password.into())
    }

    fn secret(text: &str) -> Secret {
        Secret::parse(text).unwrap()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let instances =
            [testing::instance("db-1", Tags::default()), testing::instance("db-2", Tags::default())];
        let before = secret(r#"{"db_host":"","username":"re\u0061der","password":"source"}"#);
        let written = Passwords::default()
            .with_original(&before)
            .with("db-DB-1", credentials("hunter\"2"), &before, &instances)
            .to_text()
            .unwrap();
        assert_eq!(
            written,
            r#"{"original":{"username":"re\u0061der","password":"source"},"instances":{"db-DB-1":{"username":"owner","password":"hunter\"2"}}}"#
        );
        let read = Passwords::parse(&written).unwrap();
        assert_eq!(read.of(&instances[0]).unwrap().password(), "hunter\"2");
        assert!(read.of(&instances[1]).is_none());
        assert!(read.original().unwrap().is_same(&before.login()));
        assert_eq!(read.to_text().unwrap(), written);
    }

    #[test]
    fn the_password_of_one_version_is_known_by_its_instance_or_by_itself() {
        let instances = [testing::instance("db-1", Tags::default())];
        let stored = Passwords::default().with("db-DB-1", credentials("own"), &secret("{}"), &instances);
        for (text, expected) in [
            (r#"{"db_host":"db-1.c1.example","username":"x","password":"edited"}"#, true),
            (r#"{"db_host":"gone","username":"owner","password":"own"}"#, true),
            (r#"{"db_host":"gone","username":"owner","password":"source"}"#, false),
            (r#"{"db_host":""}"#, false),
        ] {
            assert_eq!(stored.are_in(&secret(text), &instances), expected, "{text}");
        }
    }

    #[test]
    fn what_is_gone_and_in_no_use_is_dropped() {
        let all = ["db-1", "db-2", "db-3"].map(|name| testing::instance(name, Tags::default()));
        let nothing = secret("{}");
        let stored = Passwords::default().with("db-DB-1", credentials("one"), &nothing, &all).with(
            "db-DB-2",
            credentials("two"),
            &nothing,
            &all,
        );
        let reads_one = secret(r#"{"db_host":"db-1","username":"owner","password":"one"}"#);
        let stored = stored.with("db-DB-3", credentials("three"), &reads_one, &all[2..]);
        assert!(stored.of(&all[0]).is_some(), "the secret says it");
        assert!(stored.of(&all[1]).is_none() && stored.of(&all[2]).is_some());
    }

    #[test]
    fn passwords_that_are_too_large_are_refused_with_their_size() {
        let long = secret(&format!(r#"{{"username":"x","password":"{}"}}"#, "hunter2".repeat(9400)));
        let error = Passwords::default().with_original(&long).to_text().unwrap_err();
        assert_eq!(error.name(), ErrorName::SecretInvalid);
        let text = error.to_string();
        assert!(text.contains("bytes, and Secrets Manager takes 65536; to fix this: shorten"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn an_error_about_passwords_quotes_none() {
        for text in ["hunter2", r#"{"instances":{"db-X":"hunter2"}}"#, r#"{"instances":"hunter2"}"#] {
            let Err(error) = Passwords::parse(text) else { panic!("accepted {text}") };
            assert_eq!(error.name(), ErrorName::SecretInvalid);
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
