//! Accounts, Regions, and the names of what lives in them.

use std::fmt;

use sha2::{Digest, Sha256};

/// One Region of one account: where resources live, and where a request is answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    pub account: String,
    pub region: String,
}

impl Scope {
    /// The ARN of a resource of ours: `kind` is `db`, `snapshot`, `subgrp`, `pg` or `og`.
    pub fn arn(&self, kind: &str, name: &str) -> String {
        Arn { scope: self.clone(), kind: kind.to_owned(), name: name.to_owned() }.to_string()
    }

    /// The ARN that `name_or_arn` stands for in a request made here. Names are stored in lower case.
    pub fn resolve(&self, kind: &str, name_or_arn: &str) -> String {
        if name_or_arn.starts_with("arn:") {
            name_or_arn.to_owned()
        } else {
            self.arn(kind, &name_or_arn.to_ascii_lowercase())
        }
    }

    /// The address of an instance, in the form that RDS uses: the middle part is one for an account and Region.
    pub fn endpoint(&self, identifier: &str) -> String {
        let digest = Sha256::digest(format!("{}:{}", self.account, self.region));
        let hash: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        format!("{identifier}.{hash}.{}.rds.localhost", self.region)
    }

    /// The ARN of a role of the account, by its name.
    pub fn role(&self, name: &str) -> String {
        format!("arn:{}:iam::{}:role/{name}", self.partition(), self.account)
    }

    fn partition(&self) -> &'static str {
        match self.region.split('-').next() {
            Some("cn") => "aws-cn",
            Some("us") if self.region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }
}

/// `arn:partition:rds:region:account:kind:name`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arn {
    pub scope: Scope,
    pub kind: String,
    pub name: String,
}

impl Arn {
    /// Reads an ARN of this service; anything else is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.splitn(7, ':').collect();
        let [_, _, "rds", region, account, kind, name] = parts[..] else { return None };
        let scope = Scope { account: account.to_owned(), region: region.to_owned() };
        let arn = Self { scope, kind: kind.to_owned(), name: name.to_owned() };
        (arn.to_string() == text).then_some(arn)
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scope { account, region } = &self.scope;
        write!(formatter, "arn:{}:rds:{region}:{account}:{}:{}", self.scope.partition(), self.kind, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(region: &str) -> Scope {
        Scope { account: "123456789012".into(), region: region.into() }
    }

    #[test]
    fn arns_are_read_back_in_every_partition() {
        for (region, start) in [
            ("eu-central-1", "arn:aws:rds:eu-central-1:"),
            ("cn-north-1", "arn:aws-cn:rds:"),
            ("us-gov-west-1", "arn:aws-us-gov:rds:"),
        ] {
            let arn = scope(region).arn("snapshot", "orders");
            assert!(arn.starts_with(start), "{arn}");
            assert_eq!(Arn::parse(&arn).unwrap().scope, scope(region));
        }
    }

    #[test]
    fn other_services_and_forms_are_no_arn_of_ours() {
        for text in ["orders", "arn:aws:kms:us-east-1:123456789012:key/x", "arn:aws-cn:rds:us-east-1:1:db:x"]
        {
            assert_eq!(Arn::parse(text), None, "{text}");
        }
    }

    #[test]
    fn names_resolve_in_lower_case_and_arns_as_they_are() {
        assert_eq!(
            scope("us-east-1").resolve("db", "Orders"),
            "arn:aws:rds:us-east-1:123456789012:db:orders"
        );
        assert_eq!(scope("us-east-1").resolve("db", "arn:x"), "arn:x");
    }
}
