//! AddTagsToResource, RemoveTagsFromResource and ListTagsForResource.

use super::{Call, Operation};
use crate::answers;
use crate::arn::Arn;
use crate::emulator::locked;
use crate::query::{Parameters, Tags};
use crate::refusal::Refusal;
use crate::rules;
use crate::xml::Xml;

pub async fn add(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::AddTagsToResource;
    let name = parameters.required("ResourceName")?;
    let tags = parameters.tags()?;
    parameters.finish(&operation.name())?;
    if tags.is_empty() {
        return Err(Refusal::missing("Tags"));
    }
    call.allow(&[call.tag_check(&name, &tags, true)]).await?;
    change(call, &name, |current| {
        let mut all = current.clone();
        all.extend(tags);
        rules::tag_count(all.len())?;
        *current = all;
        Ok(())
    })
}

pub async fn remove(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::RemoveTagsFromResource;
    let name = parameters.required("ResourceName")?;
    let keys = parameters.list("TagKeys", "member").unwrap_or_default();
    parameters.finish(&operation.name())?;
    if keys.is_empty() {
        return Err(Refusal::missing("TagKeys"));
    }
    // A policy decides by the keys (aws:TagKeys); the request has no values.
    let named = keys.iter().map(|key| (key.clone(), String::new())).collect();
    call.allow(&[call.check(operation, &name, &named)]).await?;
    change(call, &name, |current| {
        current.retain(|key, _| !keys.contains(key));
        Ok(())
    })
}

pub async fn list(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::ListTagsForResource;
    let name = parameters.required("ResourceName")?;
    parameters.finish(&operation.name())?;
    call.allow(&[call.check(operation, &name, &Tags::new())]).await?;
    let mut found = Tags::new();
    change(call, &name, |current| {
        found.clone_from(current);
        Ok(())
    })?;
    let mut xml = Xml::default();
    answers::tags(&mut xml, if call.veil.hides_tags { const { &Tags::new() } } else { &found });
    Ok(xml)
}

/// Lets `action` at the tags of a resource of the caller's own. The answer has no content.
fn change(
    call: &Call,
    name: &str,
    action: impl FnOnce(&mut Tags) -> Result<(), Refusal>,
) -> Result<Xml, Refusal> {
    let arn = Arn::parse(name)
        .filter(|arn| {
            arn.scope == call.scope && ["db", "og", "pg", "snapshot", "subgrp"].contains(&arn.kind.as_str())
        })
        .ok_or_else(|| Refusal::invalid_value(format!("Invalid resource name: {name}")))?;
    let is_too_new = call.is_too_new(&arn);
    let mut world = locked(&call.emulator.world);
    let tags = world.tags(&arn).filter(|_| !is_too_new).ok_or_else(|| match arn.kind.as_str() {
        "db" => Refusal::instance_not_found(&arn.name),
        "snapshot" => Refusal::snapshot_not_found(&arn.name),
        "pg" => crate::parameters::group_not_found(&arn.name),
        "og" => crate::groups::option_group_not_found(&arn.name),
        _ => crate::network::subnet_group_not_found(&arn.name),
    })?;
    action(tags)?;
    Ok(Xml::default())
}
