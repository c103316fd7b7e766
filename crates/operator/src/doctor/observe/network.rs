//! Which VPC subnets and security groups are of.

use std::collections::BTreeMap;

use replication::preflight::{self, Known};

use super::common::unseen;
use crate::account::Account;
use crate::doctor::facts::{Network, Read};
use crate::question::{Query, ask_query};
use crate::settings::Receiving;
use crate::status::facts::Stack;

const EC2: &str = "2016-11-15";
const SUBNETS: Query = Query { service: "ec2", operation: "ec2:DescribeSubnets", version: EC2 };
const GROUPS: Query = Query { service: "ec2", operation: "ec2:DescribeSecurityGroups", version: EC2 };

/// The VPCs of things, by what names them.
type Vpcs = BTreeMap<String, Option<String>>;

/// The network of the functions of a stack, if they are in one.
pub async fn of_functions(account: &Account, stack: &Stack) -> Option<Network> {
    let subnets = stack.parameter("LambdaSubnetIds")?;
    Some(Network {
        subnets_from: "LambdaSubnetIds",
        subnets: vpcs(account, SUBNETS, "SubnetId", ("subnetSet", "subnetId"), subnets).await,
        groups_from: "LambdaSecurityGroupIds",
        groups: groups(account, stack.parameter("LambdaSecurityGroupIds").unwrap_or_default()).await,
    })
}

/// The network of the restored databases.
pub async fn of_databases(account: &Account, settings: &Receiving) -> Network {
    let wanted = &settings.wanted;
    let name = preflight::subnet_group(wanted);
    let subnets = match rds_access::preflight::subnet_group(&account.rds(), name).await {
        // RDS makes the default one when it is first needed.
        Ok(Known::Seen(None)) if wanted.subnet_group.is_none() => Ok(Vpcs::new()),
        Ok(Known::Seen(found)) => {
            Ok(Vpcs::from([(format!("DB subnet group {name}"), found.and_then(|group| group.vpc))]))
        }
        Ok(Known::Unseen(why)) => Err(unseen("rds:DescribeDBSubnetGroups", why)),
        Err(error) => Err(unseen("rds:DescribeDBSubnetGroups", error.to_string())),
    };
    Network {
        subnets_from: "Subnetgroups",
        subnets,
        groups_from: "SGID",
        groups: groups(account, &settings.security_groups().join(",")).await,
    }
}

async fn groups(account: &Account, ids: &str) -> Read<Vpcs> {
    match ids {
        "" => Ok(Vpcs::new()),
        ids => vpcs(account, GROUPS, "GroupId", ("securityGroupInfo", "groupId"), ids).await,
    }
}

async fn vpcs(
    account: &Account,
    question: Query,
    field: &str,
    (list, id): (&str, &str),
    ids: &str,
) -> Read<Vpcs> {
    let ids: Vec<&str> = ids.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
    let fields: Vec<(String, String)> = ids
        .iter()
        .enumerate()
        .map(|(place, id)| (format!("{field}.{}", place + 1), (*id).to_owned()))
        .collect();
    let answer = ask_query(account, question, &fields).await?;
    let mut found: Vpcs = ids.iter().map(|id| ((*id).to_owned(), None)).collect();
    for one in answer.members(list) {
        found.insert(one.text_of(id).to_owned(), Some(one.text_of("vpcId").to_owned()));
    }
    Ok(found)
}
