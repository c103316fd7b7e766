//! The network of an account, which is that of EC2 in the local cloud, and where an instance is put in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Region, Subnet, SubnetGroup};
use crate::query::Tags;
use crate::refusal::Refusal;
use crate::settings::Settings;
use crate::switches::Switches;

/// The group of an instance for which none was chosen. RDS makes it on first use.
pub const DEFAULT_GROUP: &str = "default";
/// The VPC of what EC2 does not know, where there is no default one.
const NO_VPC: &str = "vpc-00000000";

/// What RDS asks about an account.
#[derive(Debug, Serialize)]
pub struct Question<'a> {
    pub account: &'a str,
    pub region: &'a str,
    /// Roles that a service is to assume.
    pub roles: Vec<RoleUse<'a>>,
}

#[derive(Debug, Serialize)]
pub struct RoleUse<'a> {
    pub arn: &'a str,
    pub service: &'static str,
}

/// What it finds.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Surroundings {
    default_vpc: Option<String>,
    subnets: BTreeMap<String, KnownSubnet>,
    security_groups: BTreeMap<String, SecurityGroup>,
    /// Whether each role of the question may be assumed.
    pub trusted: Vec<bool>,
}

#[derive(Debug, Deserialize)]
struct KnownSubnet {
    vpc: String,
    zone: String,
}

#[derive(Debug, Deserialize)]
struct SecurityGroup {
    vpc: String,
    name: String,
}

impl Surroundings {
    /// The VPC and the subnets of a new group. Subnets that EC2 does not know are taken for some of the default VPC, one in
    /// each zone, unless they are to be refused.
    pub fn subnets(
        &self,
        names: &[String],
        region: &str,
        switches: &Switches,
    ) -> Result<(String, Vec<Subnet>), Refusal> {
        let invalid = |message: String| Refusal::new("InvalidSubnet", 400, message);
        let mut vpcs = Vec::new();
        let mut subnets = Vec::new();
        for (name, letter) in names.iter().zip(('a'..='f').cycle()) {
            let zone = match self.subnets.get(name) {
                Some(known) => {
                    vpcs.push(known.vpc.clone());
                    known.zone.clone()
                }
                None if !name.starts_with("subnet-") || switches.unknown_network_refused => {
                    return Err(invalid(format!("Some input subnets are invalid: {name}")));
                }
                None => {
                    vpcs.push(self.usual_vpc());
                    format!("{region}{letter}")
                }
            };
            subnets.push(Subnet { name: name.clone(), zone });
        }
        let vpc = vpcs.first().cloned().unwrap_or_else(|| self.usual_vpc());
        match vpcs.iter().find(|other| **other != vpc) {
            Some(other) => Err(invalid(format!("The subnets are in different VPCs: {vpc} and {other}."))),
            None => Ok((vpc, subnets)),
        }
    }

    /// The VPC in which an instance with these settings is put, if the group of subnets that they name is there.
    pub fn vpc(
        &self,
        region: &mut Region,
        settings: &Settings,
        switches: &Switches,
    ) -> Result<String, Refusal> {
        let name = settings.text("DBSubnetGroupName").unwrap_or(DEFAULT_GROUP).to_ascii_lowercase();
        let default_vpc = self.default_vpc.as_ref().filter(|_| switches.default_vpc);
        let group = region.subnet_groups.get(&name);
        match (group, default_vpc) {
            // Recorded.
            (Some(group), None) if name == DEFAULT_GROUP => Err(Refusal::new(
                "InvalidVPCNetworkStateFault",
                400,
                format!(
                    "The VPC {} associated with the default subnet group does not exist. Please delete the default \
                     subnet group or specify another subnet group.",
                    group.vpc
                ),
            )),
            (Some(group), _) => Ok(group.vpc.clone()),
            (None, Some(vpc)) if name == DEFAULT_GROUP => {
                region.subnet_groups.insert(name, self.default_group(vpc));
                Ok(vpc.clone())
            }
            // Recorded.
            (None, None) if name == DEFAULT_GROUP => Err(Refusal::new(
                "InvalidSubnet",
                400,
                "No default subnet detected in VPC. Please contact AWS Support to recreate default Subnets.",
            )),
            (None, _) => Err(subnet_group_not_found(&name)),
        }
    }

    fn default_group(&self, vpc: &str) -> SubnetGroup {
        let own = self.subnets.iter().filter(|(_, subnet)| subnet.vpc == vpc);
        SubnetGroup {
            name: DEFAULT_GROUP.to_owned(),
            description: DEFAULT_GROUP.to_owned(),
            vpc: vpc.to_owned(),
            subnets: own
                .map(|(name, known)| Subnet { name: name.clone(), zone: known.zone.clone() })
                .collect(),
            tags: Tags::new(),
        }
    }

    /// Whether the security groups are in the VPC. Those that EC2 does not know are, unless they are to be refused.
    pub fn check_security_groups(
        &self,
        groups: &[String],
        vpc: &str,
        switches: &Switches,
    ) -> Result<(), Refusal> {
        for name in groups {
            match self.security_groups.get(name) {
                // Recorded.
                Some(group) if group.vpc != vpc => {
                    return Err(Refusal::invalid_combination(format!(
                        "The DB instance and EC2 security group are in different VPCs. The DB instance is in {vpc} and \
                         the EC2 security group is in {}",
                        group.vpc
                    )));
                }
                None if switches.unknown_network_refused => {
                    let message = format!("Invalid security group , groupId= {name}, groupName=.");
                    return Err(Refusal::invalid_value(message));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The security group of a VPC that an instance is in for which none was chosen.
    pub fn default_security_group(&self, vpc: &str) -> &str {
        let is_it = |(_, group): &(&String, &SecurityGroup)| group.vpc == vpc && group.name == "default";
        self.security_groups.iter().find(is_it).map_or("sg-default", |(name, _)| name)
    }

    fn usual_vpc(&self) -> String {
        self.default_vpc.clone().unwrap_or_else(|| NO_VPC.to_owned())
    }
}

/// The network types that a group of subnets can have. The local EC2 has no IPv6, so a switch says it.
pub fn network_types(switches: &Switches) -> &'static [&'static str] {
    if switches.dual_stack { &["IPV4", "DUAL"] } else { &["IPV4"] }
}

/// Model, NetworkType.
pub fn check_network_type(settings: &Settings, switches: &Switches) -> Result<(), Refusal> {
    match settings.text("NetworkType").filter(|kind| !network_types(switches).contains(kind)) {
        Some(kind) => {
            let group = settings.text("DBSubnetGroupName").unwrap_or(DEFAULT_GROUP);
            let message = format!("The network type {kind} is not supported by the DB subnet group {group}.");
            Err(Refusal::new("NetworkTypeNotSupported", 400, message))
        }
        None => Ok(()),
    }
}

pub fn subnet_group_not_found(name: &str) -> Refusal {
    Refusal::new("DBSubnetGroupNotFoundFault", 404, format!("DBSubnetGroup {name} not found."))
}
