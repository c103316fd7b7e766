//! What the source account can know before it makes a snapshot.

use super::{Known, OptionGroup};
use crate::contract::LeftOut;
use crate::observed::Instance;
use crate::{Error, ErrorName};

/// Lasting options with which a snapshot can be shared all the same (RDS User Guide, "Sharing a DB snapshot").
const SHAREABLE: &[&str] = &["Timezone", "OLS"];

/// What the names of RDS's own option groups, which have no options, say in front of engine and version.
const DEFAULT_OPTIONS: &str = "default:";

/// The names of the option groups of a database that may have options.
pub fn own_option_groups(database: &Instance) -> impl Iterator<Item = &str> {
    database.option_groups.iter().map(String::as_str).filter(|name| !name.starts_with(DEFAULT_OPTIONS))
}

/// Refuses a database whose snapshots cannot be shared, before there is one. `groups` are the option groups that it has.
/// Answers what could not be judged.
///
/// # Errors
/// [`ErrorName::NotShareable`].
pub fn check_source(
    database: &Instance,
    groups: &[Known<OptionGroup>],
    doing: &str,
) -> Result<Vec<LeftOut>, Error> {
    let mut not_checked = Vec::new();
    for group in groups {
        let group = match group {
            Known::Seen(group) => group,
            Known::Unseen(because) => {
                let what = "option group of the database".to_owned();
                not_checked.push(LeftOut { what, because: because.clone() });
                continue;
            }
        };
        let hindering = group.lasting_options.iter().find(|option| !SHAREABLE.contains(&option.as_str()));
        if let Some(option) = hindering {
            return Err(Error::new(ErrorName::NotShareable, doing)
                .because(format!(
                    "the option group {} of database {} has the option {option}, with which RDS shares no snapshot",
                    group.name, database.identifier
                ))
                .advise("replicate a database without it"));
        }
    }
    Ok(not_checked)
}
