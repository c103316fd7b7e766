//! Which source databases a destination stack replicates, and what it calls what it makes of each.
//!
//! A stack for one database names its instances `<DatabaseName>-<version>` and has one secret. A stack for many keeps the
//! database in every name, below its own prefix: so no name of one database is ever that of another, and every name
//! stays within what the roles of the stack may touch.

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use crate::naming::{self, InstanceIdentifier};
use crate::observed::Instance;
use crate::versions::Scope;
use crate::{Error, ErrorName, lineage};

/// Digits of the largest version number that a name must have room for.
const VERSION_DIGITS: usize = 6;
/// Longest name of a secret (API model of Secrets Manager, `CreateSecret`).
const SECRET_NAME_LENGTH: usize = 512;

/// The source databases that a stack replicates: its parameter `SourceDBIdentifier`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceDatabases {
    /// This one, by its whole identifier.
    One(InstanceIdentifier),
    /// Every one whose identifier matches.
    Matching(Pattern),
}

/// A pattern of identifiers, in which `*` stands for any characters, also none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl FromStr for SourceDatabases {
    type Err = Error;

    /// Reads an identifier or, if there is an asterisk in it, a pattern.
    fn from_str(text: &str) -> Result<Self, Error> {
        if !text.contains('*') {
            return text.parse().map(Self::One);
        }
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '*';
        if !text.chars().all(is_allowed) || text.len() > naming::INSTANCE_IDENTIFIER_LENGTH {
            return Err(Error::new(ErrorName::InvalidInput, format!("reading the pattern {text:?}"))
                .because("a pattern has at most 63 letters, digits, hyphens and asterisks"));
        }
        Ok(Self::Matching(Pattern(text.to_ascii_lowercase())))
    }
}

impl fmt::Display for SourceDatabases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(database) => database.fmt(f),
            Self::Matching(Pattern(pattern)) => f.write_str(pattern),
        }
    }
}

impl SourceDatabases {
    /// Whether a database is among them.
    #[must_use]
    pub fn include(&self, database: &InstanceIdentifier) -> bool {
        match self {
            Self::One(one) => one == database,
            Self::Matching(pattern) => pattern.matches(database.as_str()),
        }
    }
}

impl Pattern {
    /// Whether a text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        naming::has_form(&self.0, text)
    }
}

/// The secret that names the live version of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSecret {
    /// Its ARN, or its name if a run makes it.
    pub id: String,
    /// Whether the first run that needs it makes it. A stack for one database has made its own.
    pub is_made_by_run: bool,
}

impl fmt::Display for LiveSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

/// What the stack says about names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The name of the stack.
    pub stack: String,
    /// The source databases.
    pub databases: SourceDatabases,
    /// How every name begins.
    pub database_name: InstanceIdentifier,
    /// The ARN of the secret, or for many databases how the names of the secrets begin.
    pub secret: String,
}

/// A source database, and what the stack calls what it makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replicated {
    /// The name of the stack.
    pub stack: String,
    /// The source database.
    pub database: InstanceIdentifier,
    /// How the names of its instances and snapshots begin.
    pub prefix: InstanceIdentifier,
    /// Its secret.
    pub secret: LiveSecret,
}

impl Replicated {
    /// What decisions about the database are about.
    #[must_use]
    pub fn scope(&self) -> Scope<'_> {
        Scope { stack: &self.stack, prefix: &self.prefix, database: &self.database }
    }

    /// Refuses names that another stack gives too, such as the stack for the one database `a` with the `DatabaseName`
    /// `copy-a` and a stack for several with `copy`, or two patterns that overlap under the same names. A stack for one
    /// database is not asked: it passes the numbers that an earlier stack has used.
    ///
    /// # Errors
    /// [`ErrorName::NameTaken`], with the stack and what it has made.
    pub fn check_names(&self, instances: &[Instance], doing: &str) -> Result<(), Error> {
        if !self.secret.is_made_by_run {
            return Ok(());
        }
        let other = instances.iter().find_map(|instance| {
            naming::version_of(self.prefix.as_str(), instance.identifier.as_str())?;
            let stack = instance.tags.get(lineage::STACK).filter(|stack| *stack != self.stack)?;
            Some((stack, &instance.identifier))
        });
        let Some((stack, name)) = other else { return Ok(()) };
        Err(Error::new(ErrorName::NameTaken, doing)
            .because(format!(
                "{name} is of stack {stack}, and this stack would call its versions {}-<version> too",
                self.prefix
            ))
            .advise(
                "deploy this stack with another DatabaseName and SecretName, or with a SourceDBIdentifier that does not \
                 match the database; or delete what the other stack has left",
            ))
    }
}

impl Destination {
    /// What the stack calls what it makes of a database; `None` means what a message or an operator has left open, which is
    /// the database of a stack for one.
    ///
    /// # Errors
    /// [`ErrorName::SourceMismatch`] if the stack does not replicate the database, or replicates several and none is named;
    /// [`ErrorName::InvalidInput`] if a name would be too long.
    pub fn of(&self, database: Option<&InstanceIdentifier>, doing: &str) -> Result<Replicated, Error> {
        let mismatch = |because: String| Error::new(ErrorName::SourceMismatch, doing).because(because);
        let (database, prefix, secret) = match (&self.databases, database) {
            (SourceDatabases::One(one), None) => (one, self.database_name.clone(), self.own_secret()),
            (SourceDatabases::One(one), Some(named)) if one == named => {
                (one, self.database_name.clone(), self.own_secret())
            }
            (SourceDatabases::Matching(pattern), Some(named)) if pattern.matches(named.as_str()) => {
                let secret = LiveSecret { id: self.secret_of(named, doing)?, is_made_by_run: true };
                (named, self.prefix_of(named, doing)?, secret)
            }
            (_, Some(named)) => {
                return Err(mismatch(format!("it is of database {named}, and this stack replicates {}", self.databases))
                    .advise(
                        "deploy another destination stack for it with its own SourceDBIdentifier, DatabaseName and \
                         SecretName, or correct this stack's SourceDBIdentifier",
                    ));
            }
            (SourceDatabases::Matching(_), None) => {
                return Err(mismatch(format!(
                    "this stack replicates {}, and no database is named",
                    self.databases
                ))
                .advise(
                    "name it: SourceDBIdentifier in the input of the rollback machine, or in the message",
                ));
            }
        };
        Ok(Replicated { stack: self.stack.clone(), database: database.clone(), prefix, secret })
    }

    fn own_secret(&self) -> LiveSecret {
        LiveSecret { id: self.secret.clone(), is_made_by_run: false }
    }

    fn secret_of(&self, database: &InstanceIdentifier, doing: &str) -> Result<String, Error> {
        let name = format!("{}/{database}", self.secret);
        if name.len() > SECRET_NAME_LENGTH {
            return Err(Error::new(ErrorName::InvalidInput, doing)
                .because(format!(
                    "the name of its secret would have {} characters, and Secrets Manager allows {SECRET_NAME_LENGTH}",
                    name.len()
                ))
                .advise("deploy the stack with a shorter SecretName"));
        }
        Ok(name)
    }

    fn prefix_of(&self, database: &InstanceIdentifier, doing: &str) -> Result<InstanceIdentifier, Error> {
        let prefix = format!("{}-{database}", self.database_name);
        let longest = naming::INSTANCE_IDENTIFIER_LENGTH - 1 - VERSION_DIGITS;
        if prefix.len() > longest {
            return Err(Error::new(ErrorName::InvalidInput, doing)
                .because(format!(
                    "its instances would be called {prefix}-<version>, and RDS allows {} characters, of which the version \
                     needs {VERSION_DIGITS}",
                    naming::INSTANCE_IDENTIFIER_LENGTH
                ))
                .advise("deploy the stack with a shorter DatabaseName, or give the database a stack of its own"));
        }
        prefix.parse()
    }
}
