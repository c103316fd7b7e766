//! What both accounts do alike: ask RDS for the copy.

use aws_sdk_rds::Client;
use rds_access::{CopyParameters, Refusal, Snapshot};
use replication::Error;
use replication::lineage::Tags;
use replication::naming::SnapshotIdentifier;
use replication::quota::{self, Refused};

use crate::key;

/// What asking for a target option group means, which is the destination's to choose.
const OPTION_GROUP: &str = "where RDS asks for a target option group, give the destination stack CopyOptionGroup=true, and leave \
                            OptionGroupName empty";
/// What takes the place of one step from a shared snapshot into another Region, which the guide promises on one page and
/// denies for encrypted snapshots on the same.
const ONE_STEP: &str = "where RDS does not copy a shared snapshot into another Region, have the source account make that copy: \
                        deploy the source stack with CrossRegionCopy=source-copies, and with DestinationRegionKMSKey=<a key of this \
                        Region in that account> (docs/regions.md)";

/// How far the snapshot is that is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Distance {
    /// Another account has shared it.
    pub is_shared: bool,
    /// It is in another Region.
    pub crosses_regions: bool,
}

impl Distance {
    /// What may help where RDS refuses the request as it is; nothing is known of copies of the account's own.
    fn advice(self, copies_option_group: bool) -> Option<String> {
        let advice = [(self.crosses_regions, ONE_STEP), (!copies_option_group, OPTION_GROUP)];
        let fitting: Vec<&str> = advice.iter().filter(|one| one.0).map(|one| one.1).collect();
        (self.is_shared && !fitting.is_empty()).then(|| fitting.join("; "))
    }
}

/// A copy to be made.
pub struct CopyRequest<'a> {
    /// The snapshot to copy: its identifier, or its ARN in another account or Region.
    pub from: &'a str,
    /// RDS of the Region that it is in.
    pub source: &'a Client,
    /// How far it is.
    pub distance: Distance,
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
    let &CopyRequest { from, source, distance, to, key_arn, source_key_arn, copy_option_group, tags } =
        request;
    let doing = format!("copying snapshot {from} to {to}");
    let call = CopyParameters { from, to, key_arn, copy_option_group, tags };
    match rds_access::copy_snapshot(rds, source, &call).await {
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
        Err(refused @ (Refusal::Combination(_) | Refusal::Value(_))) => {
            let error = refused.into_error(doing);
            Err(match distance.advice(copy_option_group) {
                Some(advice) => error.advise(advice),
                None => error,
            })
        }
        Err(refused) => Err(refused.into_error(doing)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// > Where RDS refuses one step into another Region, the error names the switch of the source stack that goes round it.
    #[test]
    fn a_refused_step_into_another_region_names_the_switch() {
        for (is_shared, crosses_regions, copies_option_group, expected) in [
            (true, true, true, vec!["CrossRegionCopy=source-copies"]),
            (true, true, false, vec!["CrossRegionCopy=source-copies", "CopyOptionGroup=true"]),
            (true, false, false, vec!["CopyOptionGroup=true"]),
            (true, false, true, vec![]),
            (false, true, false, vec![]),
        ] {
            let advice = Distance { is_shared, crosses_regions }.advice(copies_option_group);
            assert_eq!(advice.is_some(), !expected.is_empty());
            let said = advice.unwrap_or_default();
            for words in ["CrossRegionCopy=source-copies", "CopyOptionGroup=true"] {
                assert_eq!(said.contains(words), expected.contains(&words), "{said}");
            }
        }
    }
}
