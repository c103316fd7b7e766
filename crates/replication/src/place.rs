//! Where things of AWS are: the account and the Region of an ARN.
//!
//! A client of AWS speaks to one Region, and a stack has an account and a Region; what both say about a thing elsewhere is
//! compared by this noun and never by a text.

use std::fmt;

use crate::naming::arn_part;

/// The partition whose Regions ask for a signed request of the other Region in every copy between two of them
/// (API model, `CopyDBSnapshot`, `PreSignedUrl`).
const SIGNS_EVERY_COPY: &str = "aws-us-gov";

/// How the names of Regions begin that are not of the first partition (partition metadata of the SDKs).
const PARTITIONS: &[(&str, &str)] = &[
    ("cn-", "aws-cn"),
    ("us-gov-", SIGNS_EVERY_COPY),
    ("us-iso-", "aws-iso"),
    ("us-isob-", "aws-iso-b"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-isof-", "aws-iso-f"),
    ("eusc-", "aws-eusc"),
];

/// One account in one Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `aws`, `aws-cn`, `aws-us-gov`, ...
    pub partition: String,
    /// 12 digits.
    pub account: String,
    /// The name of the Region.
    pub region: String,
}

impl Place {
    /// The place that an ARN names; what it does not name is empty.
    #[must_use]
    pub fn of_arn(arn: &str) -> Self {
        let part = |index| arn_part(arn, index).to_owned();
        Self { partition: part(1), region: part(3), account: part(4) }
    }

    /// The same account in another Region; the name of a Region says its partition.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        let known = PARTITIONS.iter().find(|(beginning, _)| region.starts_with(beginning));
        let partition = known.map_or("aws", |(_, partition)| partition).to_owned();
        Self { partition, account: self.account.clone(), region: region.to_owned() }
    }

    /// Why RDS cannot copy a snapshot of this place into another one; nothing if it can. It is the same for one step between two
    /// accounts and for copies that an account makes of its own.
    #[must_use]
    pub fn cannot_copy_into(&self, other: &Self) -> Option<String> {
        let (from, into) = (&self.region, &other.region);
        if self.partition != other.partition {
            return Some(format!(
                "Region {from} is of partition {}, Region {into} of partition {}, and AWS copies nothing between partitions",
                self.partition, other.partition
            ));
        }
        (from != into && self.partition == SIGNS_EVERY_COPY).then(|| {
            format!(
                "between Regions of GovCloud (US), such as {from} and {into}, RDS wants a request that is signed for both \
                 (PreSignedUrl), which this product does not make"
            )
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "account {} in Region {}", self.account, self.region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(partition: &str, region: &str) -> Place {
        Place::of_arn(&format!("arn:{partition}:sns:{region}:111122223333:topic"))
    }

    #[test]
    fn an_arn_names_its_place() {
        let place = place("aws", "us-east-1");
        assert_eq!((place.account.as_str(), place.region.as_str()), ("111122223333", "us-east-1"));
        assert_eq!(place.to_string(), "account 111122223333 in Region us-east-1");
    }

    #[test]
    fn a_region_says_its_partition() {
        for (partition, region, expected) in [
            ("aws", "eu-west-1", "aws"),
            ("aws", "us-gov-west-1", "aws-us-gov"),
            ("aws", "cn-north-1", "aws-cn"),
            ("aws-cn", "us-east-1", "aws"),
            ("aws-cn", "cn-northwest-1", "aws-cn"),
            ("aws", "us-isob-east-1", "aws-iso-b"),
        ] {
            assert_eq!(place(partition, "x").in_region(region).partition, expected, "{region}");
        }
    }

    /// > A pair of Regions between which AWS cannot copy is refused with the reason.
    #[test]
    fn pairs_that_aws_cannot_copy_between_are_refused_with_the_reason() {
        for (from, into, reason) in [
            (("aws", "us-east-1"), ("aws", "us-east-1"), None),
            (("aws", "us-east-1"), ("aws", "eu-west-1"), None),
            (("aws-cn", "cn-north-1"), ("aws-cn", "cn-northwest-1"), None),
            (("aws-us-gov", "us-gov-west-1"), ("aws-us-gov", "us-gov-west-1"), None),
            (("aws-us-gov", "us-gov-west-1"), ("aws-us-gov", "us-gov-east-1"), Some("signed for both")),
            (("aws", "us-east-1"), ("aws-cn", "cn-north-1"), Some("of partition aws-cn")),
            (("aws-us-gov", "us-gov-west-1"), ("aws", "us-west-2"), Some("nothing between partitions")),
        ] {
            let found = place(from.0, from.1).cannot_copy_into(&place(into.0, into.1));
            match reason {
                None => assert_eq!(found, None),
                Some(words) => assert!(found.as_ref().is_some_and(|text| text.contains(words)), "{found:?}"),
            }
        }
    }
}
