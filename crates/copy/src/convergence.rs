//! What both accounts do alike: ask RDS for the copy.

use aws_sdk_rds::Client;
use rds_access::{CopyParameters, Refusal, Snapshot};
use replication::Error;
use replication::lineage::Tags;
use replication::naming::SnapshotIdentifier;
use replication::quota::{self, Refused};

use crate::key;

/// A copy to be made.
pub struct CopyRequest<'a> {
    /// The snapshot to copy: its identifier, or its ARN in another account.
    pub from: &'a str,
    /// The name of the copy.
    pub to: &'a SnapshotIdentifier,
    /// The key of the copy.
    pub key_arn: &'a str,
    /// The key of the snapshot to copy, if it is encrypted.
    pub source_key_arn: Option<&'a str>,
    /// Whether the option group comes along; RDS does that only across accounts.
    pub copy_option_group: bool,
    /// The tags of the copy.
    pub tags: &'a Tags,
}

/// What has become of a copy that RDS was asked for.
pub enum Started {
    /// It was made, as far as the answer says.
    Made(Box<Snapshot>),
    /// It is not there yet, and polling again is the right thing to do: also where too many copies run at the moment.
    NotYet,
    /// The quota of snapshots is full, so that it was not made.
    Full(Error),
}

/// Asks RDS for the copy.
pub async fn start(rds: &Client, request: &CopyRequest<'_>) -> Result<Started, Error> {
    let &CopyRequest { from, to, key_arn, source_key_arn, copy_option_group, tags } = request;
    let doing = format!("copying snapshot {from} to {to}");
    let call = CopyParameters { from, to, key_arn, copy_option_group, tags };
    match rds_access::copy_snapshot(rds, &call).await {
        Ok(copy) => Ok(copy.map_or(Started::NotYet, |copy| Started::Made(Box::new(copy)))),
        // A concurrent call has created it, or the snapshot is not quite ready.
        Err(Refusal::AlreadyThere | Refusal::NotNow(_)) => Ok(Started::NotYet),
        Err(Refusal::Key(said)) => {
            let keys: Vec<&str> = source_key_arn.into_iter().chain([key_arn]).collect();
            Err(key::refused_by_rds(&doing, &keys, said))
        }
        Err(Refusal::Quota(said)) => {
            match quota::judge(&doing, &said, rds_access::snapshot_quota(rds).await?) {
                Refused::TooManyCopies => Ok(Started::NotYet),
                Refused::Full(error) => Ok(Started::Full(error)),
            }
        }
        // Options that cannot be taken out of an instance have to be there for its snapshot too.
        Err(refused @ (Refusal::Combination(_) | Refusal::Value(_)))
            if from.starts_with("arn:") && !copy_option_group =>
        {
            Err(refused.into_error(doing).advise(
                "where RDS asks for a target option group, give the destination stack CopyOptionGroup=true, and leave \
                 OptionGroupName empty",
            ))
        }
        Err(refused) => Err(refused.into_error(doing)),
    }
}
