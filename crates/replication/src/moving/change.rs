//! The changes of the secret. Each is a new version of it, and a label that moves to the new version only if it is still
//! where it was read.

use crate::observed::Instance;
use crate::passwords::{self, Credentials, Passwords};
use crate::secret::{Login, Pointer, Standard, Version, version_id};
use crate::{Error, ErrorName};

use super::Observed;
use super::target::Target;

/// The label of the version that readers read.
pub const CURRENT: &str = "AWSCURRENT";

/// One compare and swap. It has no `Debug` and no `Display`: its text is a secret.
pub struct Change {
    /// The id of the new version.
    pub id: String,
    /// What it says.
    pub text: String,
    /// The label that moves to it.
    pub label: &'static str,
    /// The version that had the label when it was read, if any had it.
    pub replaces: Option<String>,
}

/// A password that is to be made for an instance, and what is to be stored with it.
pub struct NewPassword<'a> {
    /// The instance.
    pub instance: &'a Instance,
    resource_id: &'a str,
    username: &'a str,
    observed: Observed<'a>,
    remembers: bool,
}

impl<'a> NewPassword<'a> {
    pub(super) fn new(
        instance: &'a Instance,
        observed: Observed<'a>,
        remembers: bool,
    ) -> Result<Self, Error> {
        let lacks = |what: &str| {
            Error::new(
                ErrorName::Rejected,
                format!("making a master password for database {}", instance.identifier),
            )
            .because(format!("RDS does not say {what}"))
        };
        let resource_id = instance.resource_id.as_deref().ok_or_else(|| lacks("its resource id"))?;
        let username = instance.master_username.as_deref().ok_or_else(|| lacks("who its master user is"))?;
        Ok(Self { instance, resource_id, username, observed, remembers })
    }

    /// Stores this password for the instance.
    ///
    /// # Errors
    /// [`ErrorName::SecretInvalid`] if it cannot be written as JSON.
    pub fn stored(&self, password: String) -> Result<Change, Error> {
        let Observed { secret, instances, .. } = self.observed;
        let credentials = Credentials::new(self.username.to_owned(), password);
        let passwords = stored(self.observed);
        let passwords = if self.remembers { passwords.with_original(&secret.secret) } else { passwords };
        let passwords = passwords.with(self.resource_id, credentials, &secret.secret, instances);
        store(self.observed, &passwords, &["password", self.resource_id])
    }
}

fn stored(observed: Observed<'_>) -> Passwords {
    observed.passwords.map(|stored| stored.passwords.clone()).unwrap_or_default()
}

fn store(observed: Observed<'_>, passwords: &Passwords, made_of: &[&str; 2]) -> Result<Change, Error> {
    let replaces = observed.passwords.map(|stored| stored.id.clone());
    let before = replaces.as_deref().unwrap_or("none");
    let id = version_id(&[made_of[0], made_of[1], before, &observed.secret.id]);
    Ok(Change { id, text: passwords.to_text()?, label: passwords::LABEL, replaces })
}

/// Stores what readers use now as that for the versions that have the source's password.
pub(super) fn remember(observed: Observed<'_>) -> Result<Change, Error> {
    let passwords = stored(observed).with_original(&observed.secret.secret);
    store(observed, &passwords, &["original", ""])
}

/// Moves the secret to an instance, with another user name and password if there is a login, and where that comes from.
pub(super) fn moved(
    secret: &Version,
    target: &Target<'_>,
    standard: &Standard<'_>,
    login: Option<(&Login, &[&str; 2])>,
) -> Result<Change, Error> {
    let Pointer { host, prefix } = &target.pointer;
    let (login, [kind, source]) = match login {
        Some((login, source)) => (Some(login), *source),
        None => (None, ["as it is", ""]),
    };
    Ok(Change {
        id: version_id(&["move", &secret.id, host, prefix, kind, source, &standard.made_of()]),
        text: secret.secret.moved_to(&target.pointer, standard, login)?,
        label: CURRENT,
        replaces: Some(secret.id.clone()),
    })
}

/// Moves the secret back to what it named before. Where the two have passwords of their own, the earlier one comes back
/// with it; everything else stays as it is now.
pub(super) fn back(
    before: &Version,
    observed: Observed<'_>,
    standard: &Standard<'_>,
) -> Result<Change, Error> {
    let secret = observed.secret;
    let has_own = |version: &Version| {
        observed.passwords.is_some_and(|stored| stored.passwords.are_in(&version.secret, observed.instances))
    };
    let login = (has_own(secret) || has_own(before)).then(|| before.secret.login());
    Ok(Change {
        id: version_id(&["back", &secret.id, &before.id, &standard.made_of()]),
        text: secret.secret.moved_to(&before.secret.pointer, standard, login.as_ref())?,
        label: CURRENT,
        replaces: Some(secret.id.clone()),
    })
}
