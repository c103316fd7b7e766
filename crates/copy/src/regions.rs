//! The clients of the two Regions of a replication. A client speaks to one Region, so that which one is meant is said
//! wherever a call is made.

use aws_client::SdkConfig;
use aws_sdk_kms::Client as Kms;
use aws_sdk_rds::Client as Rds;
use replication::naming::SnapshotArn;

/// What speaks to RDS and KMS of one Region.
#[derive(Debug, Clone)]
pub struct Regional {
    /// Its RDS.
    pub rds: Rds,
    /// Its KMS.
    pub kms: Kms,
}

impl Regional {
    /// The clients of the Region of a configuration.
    #[must_use]
    pub fn new(aws: &SdkConfig) -> Self {
        Self { rds: Rds::new(aws), kms: Kms::new(aws) }
    }
}

/// What looks at the shared snapshot and its key, and what makes the copy.
#[derive(Debug, Clone)]
pub struct Regions {
    /// Where the shared snapshot is.
    pub source: Regional,
    /// Where this function is, and the copy is made.
    pub own: Regional,
}

impl Regions {
    /// The clients for a shared snapshot. Those of the source are clients of their own only where it is in another Region.
    #[must_use]
    pub fn of(own: &Regional, aws: &SdkConfig, shared: &SnapshotArn) -> Self {
        let is_near = aws.region().is_some_and(|region| region.as_ref() == shared.region);
        let source =
            if is_near { own.clone() } else { Regional::new(&aws_client::in_region(aws, &shared.region)) };
        Self { source, own: own.clone() }
    }
}
