//! Whether somebody else has moved the secret back after a run had moved it.

use crate::naming::InstanceIdentifier;
use crate::observed::Instance;
use crate::secret::Version;

use super::live_instance;

/// The older version of the same database that the secret names now, although a run has moved it to `moved_to` and nobody
/// of ours has written it since. Another function's rotation does that when it began before the move and ends after it.
#[must_use]
pub fn moved_back<'a>(
    instances: &'a [Instance],
    stack: &str,
    database: &InstanceIdentifier,
    moved_to: &str,
    secret: &Version,
) -> Option<&'a Instance> {
    let names = secret.secret.pointer.host.as_str();
    if names == moved_to || secret.is_written_by_us() {
        return None;
    }
    let of_database = |host: &str| {
        live_instance(instances, stack, host).filter(|instance| instance.is_of_database(database))
    };
    let (moved, named) = (of_database(moved_to)?, of_database(names)?);
    (named.tags.age_order() < moved.tags.age_order()).then_some(named)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{DATABASE, STACK, host, instance};
    use super::*;
    use crate::secret::Secret;

    /// > A secret that somebody else has put back to an older version after the run had moved it ends the run with a name,
    /// > and nothing is deleted.
    #[test]
    fn a_secret_that_was_put_back_is_noticed() {
        let mut all: Vec<Instance> = (1..=3).map(|v| instance(&format!("db-{v}"), v)).collect();
        let named = |all: &[Instance], moved_to: &str, names: &str, version: &str| {
            let database = DATABASE.parse().unwrap();
            let text = format!(r#"{{"db_host":"{}"}}"#, host(names));
            let secret = Version { id: version.to_owned(), secret: Secret::parse(&text).unwrap() };
            moved_back(all, STACK, &database, &host(moved_to), &secret).map(|one| one.identifier.to_string())
        };
        assert_eq!(named(&all, "db-2", "db-1", "of-another-function").as_deref(), Some("db-1"));
        for (moved_to, names, version) in [
            ("db-2", "db-2", "of-another-function"),
            ("db-2", "db-3", "of-another-function"),
            ("db-2", "db-1", "rds-replication-1f2e"),
            ("db-2", "elsewhere", "of-another-function"),
            ("gone", "db-1", "of-another-function"),
        ] {
            assert_eq!(named(&all, moved_to, names, version), None, "{moved_to} {names} {version}");
        }
        all[0].tags = all[0].tags.clone().with(crate::lineage::SOURCE_DATABASE, "another");
        assert_eq!(named(&all, "db-2", "db-1", "of-another-function"), None, "not of this database");
    }
}
