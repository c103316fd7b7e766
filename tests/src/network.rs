//! VPCs, and what is in them.

use crate::account::{Account, text};

/// The id of a security group in the VPC of a new DB subnet group.
pub fn network(account: &Account, name: &str) -> String {
    let (_, subnets, group) = vpc(account, "10.77.0.0/16", ["10.77.1.0/24", "10.77.2.0/24"]);
    let subnets: Vec<&str> = subnets.iter().map(String::as_str).collect();
    let group_name = format!("{name}-subnets");
    let create = ["rds", "create-db-subnet-group", "--db-subnet-group-name", &group_name];
    let about = ["--db-subnet-group-description", "of a story", "--subnet-ids"];
    account.aws(&[&create[..], &about[..], &subnets[..]].concat());
    group
}

/// A new VPC with subnets in two zones, and a security group of it.
pub fn vpc(account: &Account, block: &str, parts: [&str; 2]) -> (String, Vec<String>, String) {
    let vpc = text(&account.aws(&["ec2", "create-vpc", "--cidr-block", block])["Vpc"]["VpcId"]);
    let zones = account.aws(&["ec2", "describe-availability-zones"]);
    let subnet = |(place, part): (usize, &str)| {
        let zone = text(&zones["AvailabilityZones"][place]["ZoneName"]);
        let words =
            ["ec2", "create-subnet", "--vpc-id", &vpc, "--cidr-block", part, "--availability-zone", &zone];
        text(&account.aws(&words)["Subnet"]["SubnetId"])
    };
    let subnets = parts.into_iter().enumerate().map(subnet).collect();
    let create = ["ec2", "create-security-group", "--group-name", "doctor", "--description", "of a story"];
    let group = text(&account.aws(&[&create[..], &["--vpc-id", &vpc]].concat())["GroupId"]);
    (vpc, subnets, group)
}
