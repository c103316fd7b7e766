//! The configuration of a function: its environment variables, which the stack sets from its parameters. The functions have it
//! from their process; who asks what they would do has it from the description of the functions.

mod tags;

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

pub use tags::extra_tags;

use crate::destination::{Destination, SourceDatabases};
use crate::overrides::{Allowed, Overrides};
use crate::{Error, ErrorName};

/// The environment variables of the function, read once at its start. It records which of them are asked for, so that
/// what a function reads is known from its reading.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    asked: RefCell<BTreeSet<String>>,
}

impl Environment {
    /// The names of the variables that were asked for so far, whether they are set or not.
    #[must_use]
    pub fn asked(&self) -> BTreeSet<String> {
        self.asked.borrow().clone()
    }

    /// Only those variables that were asked for so far, to be read again with others in their place.
    #[must_use]
    pub fn of_asked(&self) -> Self {
        let asked = self.asked.borrow();
        let kept = self.variables.iter().filter(|(name, _)| asked.contains(*name));
        kept.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// A configuration that was read from this with what the source database of a run chooses in place of what the stack says;
    /// the same one if it chooses nothing.
    ///
    /// # Errors
    /// [`ErrorName::OverrideRefused`]; [`ErrorName::InvalidConfiguration`] if the stack allows what nobody may.
    pub fn of_run<'c, C: Clone>(
        &self,
        config: &'c C,
        overrides: &Overrides,
        read: impl FnOnce(&Self) -> Result<C, Error>,
    ) -> Result<Cow<'c, C>, Error> {
        let allowed = allowed(self)?;
        if overrides.is_empty() {
            return Ok(Cow::Borrowed(config));
        }
        let mut variables = self.variables.clone();
        for (name, value) in overrides.variables(&allowed)? {
            variables.insert(name.to_owned(), value);
        }
        read(&variables.into_iter().collect()).map(Cow::Owned).map_err(|error| overrides.blamed(error))
    }

    /// Whether it says by whose certificates AWS is known, as it does behind a proxy with an authority of its own. No
    /// template sets these variables; OpenSSL and what follows it know them.
    #[must_use]
    pub fn names_certificates(&self) -> bool {
        ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| self.variables.contains_key(*name))
    }

    /// What `RUST_LOG` says, if anything.
    #[must_use]
    pub fn logging(&self) -> Option<&str> {
        self.variables.get("RUST_LOG").map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.asked.borrow_mut().insert(name.to_owned());
        self.variables.get(name).map(|text| text.trim())
    }

    /// The text of a variable that must be set and not empty.
    ///
    /// # Errors
    /// [`ErrorName::InvalidConfiguration`], naming the variable.
    pub fn text(&self, name: &str) -> Result<String, Error> {
        match self.get(name) {
            Some(text) if !text.is_empty() => Ok(text.to_owned()),
            _ => Err(invalid(name, "it is not set")),
        }
    }

    /// The text of a variable that may be empty, which means that it is not given.
    #[must_use]
    pub fn optional(&self, name: &str) -> Option<String> {
        self.text(name).ok()
    }

    /// The parsed value of a variable that may be empty, which means that it is not given.
    ///
    /// # Errors
    /// [`ErrorName::InvalidConfiguration`], naming the variable and what it should be.
    pub fn optional_parsed<T: FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>, Error> {
        self.optional(name).map(|_| self.parsed(name, expected)).transpose()
    }

    /// The entries of a list with commas; none if it is empty, which means that it is not given.
    #[must_use]
    pub fn optional_list(&self, name: &str) -> Option<Vec<String>> {
        let entries = |text: String| text.split(',').map(|entry| entry.trim().to_owned()).collect();
        self.optional(name).map(entries)
    }

    /// Whether a variable says the second of its two words.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    pub fn choice(&self, name: &str, words: [&str; 2]) -> Result<bool, Error> {
        let text = self.text(name)?;
        match words.iter().position(|word| *word == text) {
            Some(index) => Ok(index == 1),
            None => Err(invalid(name, &format!("{text:?} is neither {} nor {}", words[0], words[1]))),
        }
    }

    /// The parsed value of a variable that must be set.
    ///
    /// # Errors
    /// [`ErrorName::InvalidConfiguration`], naming the variable and what it should be.
    pub fn parsed<T: FromStr>(&self, name: &str, expected: &str) -> Result<T, Error> {
        let text = self.text(name)?;
        text.parse().map_err(|_| invalid(name, &format!("{text:?} is not {expected}")))
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, asked: RefCell::default() }
    }
}

/// In which of the two accounts a function runs, for those that both use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountRole {
    /// The account that owns the source database.
    Source,
    /// The account that holds the copies.
    Destination,
}

impl AccountRole {
    /// Reads `ACCOUNT_ROLE`.
    ///
    /// # Errors
    /// [`ErrorName::InvalidConfiguration`] if it is neither `source` nor `destination`.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        match environment.text("ACCOUNT_ROLE")?.as_str() {
            "source" => Ok(Self::Source),
            "destination" => Ok(Self::Destination),
            other => Err(invalid("ACCOUNT_ROLE", &format!("{other:?} is neither source nor destination"))),
        }
    }
}

/// Reads what a source database may choose.
///
/// # Errors
/// [`ErrorName::InvalidConfiguration`].
pub fn allowed(environment: &Environment) -> Result<Allowed, Error> {
    let name = "ALLOWED_OVERRIDES";
    let Some(names) = environment.optional(name) else { return Ok(Allowed::default()) };
    names.parse().map_err(|error: Error| invalid(name, &error.to_string()))
}

/// The other Region that a source stack makes copies in, which it gives to every function that speaks to RDS there; nothing
/// if there is none.
#[must_use]
pub fn copies_into(environment: &Environment) -> Option<String> {
    environment.optional("COPY_INTO_REGION")
}

/// Reads which databases a destination stack replicates, and how it names what it makes of them.
///
/// # Errors
/// [`ErrorName::InvalidConfiguration`], naming the variable.
pub fn destination(environment: &Environment) -> Result<Destination, Error> {
    let databases = environment
        .parsed("SOURCE_DB_IDENTIFIER", "a database identifier, or a pattern of them such as orders-*")?;
    let secret = environment.text("SECRET_ARN")?;
    if matches!(databases, SourceDatabases::Matching(_)) && secret.starts_with("arn:") {
        return Err(invalid(
            "SECRET_ARN",
            "ExistingSecretArn names one secret, and the pattern in SourceDBIdentifier several databases, each of which \
             has a secret of its own: leave ExistingSecretArn empty, and tag the secrets <SecretName>/<database> that are \
             to be used with rds-replication:stack=<the name of this stack>",
        ));
    }
    Ok(Destination {
        stack: environment.text("STACK_NAME")?,
        databases,
        database_name: environment.parsed("DATABASE_NAME", "a database identifier")?,
        secret,
    })
}

/// The error of a variable that a function cannot use as it is.
#[must_use]
pub fn invalid(name: &str, because: &str) -> Error {
    Error::new(ErrorName::InvalidConfiguration, format!("reading the environment variable {name}"))
        .because(because)
        .advise("update the stack with the right parameter")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// > One existing secret cannot be that of several databases.
    #[test]
    fn an_existing_secret_is_for_one_database() {
        let given = |databases: &'static str, secret: &'static str| {
            let others = [("STACK_NAME", "stack"), ("DATABASE_NAME", "copy")];
            destination(
                &others
                    .into_iter()
                    .chain([("SOURCE_DB_IDENTIFIER", databases), ("SECRET_ARN", secret)])
                    .collect(),
            )
        };
        let arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:read-AbCdEf";
        assert!(given("orders", arn).is_ok());
        assert!(given("*", "dev/db/read").is_ok());
        let error = given("orders-*", arn).unwrap_err();
        assert_eq!(error.name(), ErrorName::InvalidConfiguration);
        assert!(error.to_string().contains("ExistingSecretArn"), "{error}");
    }

    #[test]
    fn a_wrong_variable_is_named() {
        let environment: Environment =
            [("NAME", " orders "), ("EMPTY", ""), ("COUNT", "two")].into_iter().collect();
        assert!(!environment.names_certificates());
        let named: Environment = [("SSL_CERT_FILE", "/opt/authority.pem")].into_iter().collect();
        assert!(named.names_certificates());
        assert_eq!(environment.text("NAME").unwrap(), "orders");
        assert_eq!(environment.optional("EMPTY"), None);
        assert_eq!(environment.optional_parsed::<u32>("EMPTY", "a number").unwrap(), None);
        assert!(environment.optional_parsed::<u32>("COUNT", "a number").is_err());
        assert_eq!(environment.optional_list("NAME").unwrap(), ["orders"]);
        for (variable, because) in [("EMPTY", "it is not set"), ("ABSENT", "it is not set")] {
            let error = environment.text(variable).unwrap_err();
            assert_eq!(error.name(), ErrorName::InvalidConfiguration);
            assert!(error.to_string().contains(&format!("{variable}: {because}")), "{error}");
        }
        let asked: Vec<String> = environment.asked().into_iter().collect();
        assert_eq!(asked, ["ABSENT", "COUNT", "EMPTY", "NAME"], "set or not");
        let error = environment.parsed::<u32>("COUNT", "a whole number").unwrap_err();
        assert!(error.to_string().contains("COUNT: \"two\" is not a whole number"), "{error}");
    }
}
