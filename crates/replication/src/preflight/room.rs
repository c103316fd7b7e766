//! Whether the account has room for one more instance.

use super::{Known, Report, seen};
use crate::observed::Snapshot;
use crate::{Error, ErrorName};

/// A quota of the account in the Region (`AccountQuota`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// Its name, such as `DBInstances`.
    pub name: String,
    /// How much is used.
    pub used: i64,
    /// How much there may be.
    pub max: i64,
}

/// Snapshots are not among it: RDS refuses a copy at once when there are too many.
pub(super) fn judge(shared: &Snapshot, quotas: Option<&Known<Vec<Quota>>>, report: &mut Report) {
    let Some(quotas) = seen(quotas, "quotas of the account", report) else { return };
    let needed = [
        ("DBInstances", "DB instances", 1),
        ("AllocatedStorage", "GiB of storage", shared.allocated_storage.unwrap_or_default().into()),
    ];
    for (name, what, needed) in needed {
        let quota = quotas.iter().find(|quota| quota.name == name);
        let Some(Quota { used, max, .. }) = quota.filter(|quota| quota.used + needed > quota.max) else {
            continue;
        };
        let full = Error::new(ErrorName::QuotaExceeded, "checking the quotas for the restored database")
            .because(format!("the account has {used} of {max} {what}, and {needed} more are needed"))
            .advise("delete databases that nobody needs, or ask AWS for a larger quota");
        report.full = Some(full);
        return;
    }
}
