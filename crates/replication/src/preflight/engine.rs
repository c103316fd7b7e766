//! The engine: a restore takes that of the snapshot.

use super::{Report, Wanted};
use crate::observed::Snapshot;

/// Families of engines between whose editions a restore can change (RDS User Guide, "Licensing Microsoft SQL Server on
/// Amazon RDS" and "RDS for Oracle licensing options"). Which changes are possible is RDS's to say.
const EDITIONS: &[&str] = &["oracle-", "sqlserver-", "db2-"];

/// The engine that the restored instance has: the one that is chosen, unless a restore cannot take it.
#[must_use]
pub fn engine<'a>(wanted: &'a Wanted, shared: &'a Snapshot) -> Option<&'a str> {
    match (&wanted.engine, &shared.engine) {
        (Some(wanted), Some(found)) if wanted == found || is_possible(wanted, found, shared) => Some(wanted),
        (_, found) => found.as_deref(),
    }
}

pub(super) fn judge(wanted: &Wanted, shared: &Snapshot, report: &mut Report) {
    let (Some(wanted), Some(found)) = (&wanted.engine, &shared.engine) else { return };
    if wanted == found {
        return;
    }
    if is_possible(wanted, found, shared) {
        let because = format!("RDS decides at the restore whether a snapshot of {found} can become {wanted}");
        return report.leave_out("Engine", because);
    }
    report.refuse(
        "Engine",
        format!("it is {wanted}, and the snapshot is of {found}"),
        format!("give Engine={found}"),
    );
}

/// Whether a restore may change the engine: to another edition, or from MySQL 5.6 to MariaDB (API model,
/// `RestoreDBInstanceFromDBSnapshot`, `Engine`).
fn is_possible(wanted: &str, found: &str, shared: &Snapshot) -> bool {
    let is_edition = EDITIONS.iter().any(|family| wanted.starts_with(family) && found.starts_with(family));
    let is_old = || shared.engine_version.as_deref().is_some_and(|version| version.starts_with("5.6."));
    is_edition || (wanted == "mariadb" && found == "mysql" && is_old())
}
