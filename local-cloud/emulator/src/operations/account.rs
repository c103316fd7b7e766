//! DescribeAccountAttributes: what an account has in a Region, and how much it may have.

use super::{Call, Operation};
use crate::emulator::locked;
use crate::query::{Parameters, Tags};
use crate::refusal::Refusal;
use crate::xml::Xml;

/// The limits of what this server does not limit. Guide, quotas.
const OTHERS: &[(&str, usize)] = &[
    ("ReservedDBInstances", 40),
    ("DBSecurityGroups", 25),
    ("AuthorizationsPerDBSecurityGroup", 20),
    ("EventSubscriptions", 20),
    ("SubnetsPerDBSubnetGroup", 20),
    ("ReadReplicasPerMaster", 15),
    ("DBClusters", 40),
    ("DBClusterParameterGroups", 50),
    ("DBClusterRoles", 5),
    ("DBInstanceRoles", 5),
    ("ManualClusterSnapshots", 100),
    ("CustomEndpointsPerDBCluster", 5),
];
const MOST_SUBNET_GROUPS: usize = 50;

pub async fn describe(call: &Call, parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::DescribeAccountAttributes;
    parameters.finish(&operation.name())?;
    call.allow(&[call.check(operation, "*", &Tags::new())]).await?;
    let quotas = call.emulator.quotas();
    let mut world = locked(&call.emulator.world);
    let region = world.region(&call.scope);
    let gibibytes = |number: u32| usize::try_from(number).unwrap_or_default();
    let counted = [
        ("DBInstances", region.instances.len(), quotas.instances),
        ("AllocatedStorage", gibibytes(region.storage_gib()), gibibytes(quotas.allocated_storage)),
        ("DBParameterGroups", region.parameter_groups.len(), quotas.parameter_groups),
        ("OptionGroups", region.option_groups.len(), quotas.option_groups),
        ("ManualSnapshots", region.manual_snapshots(), quotas.manual_snapshots),
        ("DBSubnetGroups", region.subnet_groups.len(), MOST_SUBNET_GROUPS),
    ];
    let others = OTHERS.iter().map(|(name, most)| (*name, 0, *most));
    let mut xml = Xml::default();
    xml.list(
        "AccountQuotas",
        "AccountQuota",
        counted.into_iter().chain(others),
        |xml, (name, used, most)| {
            xml.text("AccountQuotaName", name);
            xml.text("Used", used);
            xml.text("Max", most);
        },
    );
    Ok(xml)
}
