//! A master password for one version, so that the source's does not live in this account.
//!
//! Secrets Manager makes it, and it is stored before RDS gets it. So if anything fails in between, the password that RDS
//! got is known; and because an instance keeps its password, whatever asks RDS late asks for the same one.

use aws_client::fault;
use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use rds_access::{Instance, Refusal};
use replication::moving::{Change, Effect, NewPassword};
use replication::passwords::Credentials;
use replication::{Error, ErrorName};

/// Longest that every engine takes (RDS API, `ModifyDBInstance`, `MasterUserPassword`: Oracle has 30).
const LENGTH: i64 = 30;

/// Makes a password, and what stores it.
pub async fn make(secrets: &Secrets, new: &NewPassword<'_>) -> Result<Change, Error> {
    let doing = format!("making a master password for database {}", new.instance.identifier);
    // Letters and digits only: they need no escaping in a connection string, and 30 of them are over 170 bits.
    let request = secrets.get_random_password().password_length(LENGTH).exclude_punctuation(true);
    let answer = request.send().await.map_err(|error| fault(&doing, &error))?;
    let password = answer
        .random_password
        .ok_or_else(|| Error::new(ErrorName::Rejected, doing).because("the answer has no RandomPassword"))?;
    new.stored(password)
}

/// Asks RDS to set the password of an instance.
pub async fn set(rds: &Rds, instance: &Instance, credentials: &Credentials) -> Result<Effect, Error> {
    let name = &instance.identifier;
    let doing = format!("setting the master password of database {name}");
    match rds_access::set_master_password(rds, name, credentials.password()).await {
        Ok(()) => Ok(Effect::Done),
        // It became busy since it was observed.
        Err(Refusal::NotNow(_)) => Ok(Effect::NotNow),
        Err(Refusal::Gone(_)) => Err(Error::new(ErrorName::NotFound, doing).because("it is gone")),
        Err(refused) => Err(refused.into_error(doing)),
    }
}
