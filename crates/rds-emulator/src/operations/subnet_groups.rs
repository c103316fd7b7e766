//! CreateDBSubnetGroup. There are no subnets here: the group is a name that instances can be put under.

use std::collections::BTreeSet;

use super::{Call, Operation};
use crate::answers;
use crate::emulator::locked;
use crate::model::{Region, SubnetGroup};
use crate::query::{Parameters, Tags};
use crate::refusal::Refusal;
use crate::rules;
use crate::settings::Settings;
use crate::xml::Xml;

/// The group of an instance for which none was chosen. RDS makes it on first use.
const DEFAULT: &str = "default";

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
    if let Some(odd) = subnets.iter().find(|subnet| !subnet.starts_with("subnet-")) {
        return Err(Refusal::new("InvalidSubnet", 400, format!("Some input subnets are invalid: {odd}")));
    }
    if subnets.iter().collect::<BTreeSet<_>>().len() < 2 {
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
    let group = SubnetGroup { name: name.clone(), description, subnets, tags };
    let mut xml = Xml::default();
    xml.within("DBSubnetGroup", |xml| answers::subnet_group(xml, &group, &call.scope));
    groups.insert(name, group);
    Ok(xml)
}

/// Refuses settings that name a group which is not there.
pub fn must_exist(region: &mut Region, settings: &Settings) -> Result<(), Refusal> {
    let name = settings.text("DBSubnetGroupName").unwrap_or(DEFAULT);
    if name == DEFAULT && !region.subnet_groups.contains_key(DEFAULT) {
        let group = SubnetGroup {
            name: DEFAULT.to_owned(),
            description: "default".to_owned(),
            subnets: vec!["subnet-00000001".to_owned(), "subnet-00000002".to_owned()],
            tags: Tags::new(),
        };
        region.subnet_groups.insert(DEFAULT.to_owned(), group);
    }
    if region.subnet_groups.contains_key(&name.to_ascii_lowercase()) {
        return Ok(());
    }
    Err(not_found(name))
}

pub fn not_found(name: &str) -> Refusal {
    Refusal::new("DBSubnetGroupNotFoundFault", 404, format!("DBSubnetGroup {name} not found."))
}
