//! A new master password for a copy, so that the source's does not live in this account.
//!
//! Secrets Manager makes the password and keeps it from the first moment, in a version of the secret that is not the
//! current one; so that whatever fails in between, the password that RDS was told is known. The version's id follows
//! from the current version of the secret and from the instance. So a repetition finds the password instead of making
//! another, and so does every other run that is to move the secret from where it is to the same instance: whichever of
//! them RDS has heard last, and whichever moves the secret, it is the same password. The value is never in the machine's
//! document, a log or an error.

use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use lambda_task::fault;
use replication::secret::Credentials;
use replication::{Error, ErrorName, naming};

use crate::Config;
use crate::target::Target;
use crate::writing::put;

/// The staging label of the version that holds a password until the secret moves. Secrets Manager deletes versions that
/// have no label. It is not `AWSPENDING`, which belongs to a rotation of its own that a person may have set up.
const STAGE: &str = "rds-replication-pending";
/// Longest that every engine takes (RDS API, `ModifyDBInstance`, `MasterUserPassword`: Oracle has 30).
const LENGTH: i64 = 30;

/// What giving an instance a new password takes.
pub struct Password<'a> {
    pub rds: &'a Rds,
    pub secrets: &'a Secrets,
    pub config: &'a Config,
    /// The id of the secret's current version.
    pub current_version: &'a str,
    pub target: &'a Target<'a>,
}

/// How far the change is.
pub enum Change {
    /// RDS cannot do it at the moment; it has to be asked again.
    Refused,
    /// RDS is doing it.
    Pending,
    /// It is done.
    Done(Credentials),
}

impl Password<'_> {
    /// Makes the new password the instance's. `asked` says that an earlier look of this run has asked RDS.
    pub async fn change(&self, asked: bool) -> Result<Change, Error> {
        let version = naming::password_version(self.current_version, &self.target.pointer.host);
        let (credentials, asked) = match self.read(&version).await? {
            Some(credentials) => (credentials, asked),
            // What RDS was asked before was another one.
            None => (self.make(&version).await?, false),
        };
        match asked {
            true if self.target.instance.password_is_pending => Ok(Change::Pending),
            true => Ok(Change::Done(credentials)),
            false => self.ask(&credentials).await,
        }
    }

    async fn read(&self, version: &str) -> Result<Option<Credentials>, Error> {
        let doing = "reading the new master password";
        let request = self.secrets.get_secret_value().secret_id(&self.config.secret_arn).version_id(version);
        match request.send().await {
            Ok(answer) => Credentials::parse(secret_access::text(&answer, doing)?).map(Some),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => {
                Ok(None)
            }
            Err(error) => Err(fault(doing, &error)),
        }
    }

    async fn make(&self, version: &str) -> Result<Credentials, Error> {
        let instance = self.target.instance;
        let doing = format!("making a new master password for database {}", instance.identifier);
        let username = instance.master_username.clone().ok_or_else(|| {
            Error::new(ErrorName::Rejected, &doing).because("RDS does not say who its master user is")
        })?;
        // Letters and digits only: they need no escaping in a connection string, and 30 of them are over 170 bits.
        let request = self.secrets.get_random_password().password_length(LENGTH).exclude_punctuation(true);
        let answer = request.send().await.map_err(|error| fault(&doing, &error))?;
        let password = answer.random_password.ok_or_else(|| {
            Error::new(ErrorName::Rejected, &doing).because("the answer has no RandomPassword")
        })?;
        let text = Credentials::new(username, password).to_text()?;
        let request = self
            .secrets
            .put_secret_value()
            .client_request_token(version)
            .version_stages(STAGE)
            .secret_string(text);
        // What is read counts: a twin of this call may have been quicker, and then its password is the one.
        let outcome = put(request, self.config, &doing).await;
        match (self.read(version).await?, outcome) {
            (Some(credentials), _) => Ok(credentials),
            (None, Err(error)) => Err(error),
            (None, Ok(())) => Err(Error::new(ErrorName::ServiceFault, doing)
                .because("what was just written cannot be read yet")),
        }
    }

    async fn ask(&self, credentials: &Credentials) -> Result<Change, Error> {
        let name = &self.target.instance.identifier;
        let request = self
            .rds
            .modify_db_instance()
            .db_instance_identifier(name.as_str())
            .master_user_password(credentials.password())
            .apply_immediately(true);
        let error = match request.send().await {
            Ok(_) => return Ok(Change::Pending),
            Err(error) => error,
        };
        match error.as_service_error() {
            // It became busy since the look.
            Some(e) if e.is_invalid_db_instance_state_fault() => Ok(Change::Refused),
            // What is gone has no tag that would allow it.
            _ if rds_access::instance_is_gone(self.rds, name).await => {
                Err(Error::new(ErrorName::NotFound, format!("giving database {name} a new master password"))
                    .because("it is gone"))
            }
            _ => Err(fault(format!("giving database {name} a new master password"), &error)),
        }
    }
}
