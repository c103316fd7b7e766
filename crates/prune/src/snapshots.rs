//! Carrying out the deletion of one snapshot.

use aws_sdk_rds::Client as Rds;
use rds_access::{Refusal, Snapshot};

use crate::report::Deletion;

pub async fn delete(rds: &Rds, snapshot: &Snapshot) -> Deletion {
    let name = snapshot.identifier.as_str();
    match rds_access::delete_snapshot(rds, name).await {
        Ok(()) => Deletion::Begun(None),
        Err(Refusal::Gone(_)) => Deletion::AlreadyGone,
        Err(Refusal::NotNow(said)) => Deletion::NotNow(said),
        Err(refused) => Deletion::Refused(refused.into_error(format!("deleting snapshot {name}"))),
    }
}
