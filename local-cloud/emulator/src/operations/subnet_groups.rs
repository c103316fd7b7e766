//! CreateDBSubnetGroup.

use std::collections::BTreeSet;

use super::{Call, Operation};
use crate::answers;
use crate::emulator::locked;
use crate::model::SubnetGroup;
use crate::network::network_types;
use crate::query::Parameters;
use crate::refusal::Refusal;
use crate::rules;
use crate::xml::Xml;

pub async fn create(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::CreateDBSubnetGroup;
    let name = parameters.required("DBSubnetGroupName")?;
    let description = parameters.required("DBSubnetGroupDescription")?;
    let subnets = parameters.list("SubnetIds", "SubnetIdentifier").unwrap_or_default();
    let tags = parameters.tags()?;
    parameters.finish(&operation.name())?;
    call.allow(&call.creation_checks(operation, &call.scope.resolve("subgrp", &name), &tags)).await?;

    let name = rules::subnet_group_name(&name)?;
    rules::tag_count(tags.len())?;
    let switches = call.emulator.switches();
    let surroundings = call.surroundings(&[]).await?;
    let (vpc, subnets) = surroundings.subnets(&subnets, &call.scope.region, &switches)?;
    let names: BTreeSet<_> = subnets.iter().map(|subnet| &subnet.name).collect();
    let zones: BTreeSet<_> = subnets.iter().map(|subnet| &subnet.zone).collect();
    if names.len() < 2 || zones.len() < 2 {
        let message = "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Add subnets to \
                       cover at least 2 AZs.";
        return Err(Refusal::new("DBSubnetGroupDoesNotCoverEnoughAZs", 400, message));
    }
    let mut world = locked(&call.emulator.world);
    let groups = &mut world.region(&call.scope).subnet_groups;
    if groups.contains_key(&name) {
        let message = format!("The DB subnet group '{name}' already exists.");
        return Err(Refusal::new("DBSubnetGroupAlreadyExists", 400, message));
    }
    let group = SubnetGroup { name: name.clone(), description, vpc, subnets, tags };
    let mut xml = Xml::default();
    let types = network_types(&switches);
    xml.within("DBSubnetGroup", |xml| answers::subnet_group(xml, &group, &call.scope, types));
    groups.insert(name, group);
    Ok(xml)
}
