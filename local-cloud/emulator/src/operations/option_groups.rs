//! Option groups: made, given options, described. Options do nothing here but stay where they are permanent.

use super::describing::Page;
use super::{Call, Operation};
use crate::answers;
use crate::emulator::locked;
use crate::engines;
use crate::groups::{self, OptionGroup};
use crate::query::{Parameters, Tags};
use crate::refusal::Refusal;
use crate::rules;
use crate::xml::Xml;

pub async fn create(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::CreateOptionGroup;
    let name = parameters.required("OptionGroupName")?;
    let engine = parameters.required("EngineName")?;
    let major = parameters.required("MajorEngineVersion")?;
    let description = parameters.required("OptionGroupDescription")?;
    let tags = parameters.tags()?;
    parameters.finish(&operation.name())?;
    call.allow(&call.creation_checks(operation, &call.scope.resolve("og", &name), &tags)).await?;

    let name = rules::group_name(&name, "OptionGroupName")?;
    rules::tag_count(tags.len())?;
    let engine = engines::named(&engine)?;
    if !engine.lines.iter().any(|line| line.major == major) {
        // Recorded.
        return Err(Refusal::invalid_combination(format!(
            "Cannot find major version {major} for {}",
            engine.name
        )));
    }
    let limit = call.emulator.quotas().option_groups;
    let mut world = locked(&call.emulator.world);
    let groups = &mut world.region(&call.scope).option_groups;
    if groups.contains_key(&name) {
        let message = format!("An option group named {name} already exists.");
        return Err(Refusal::new("OptionGroupAlreadyExistsFault", 400, message));
    }
    if groups.len() >= limit {
        let message = format!("Option group quota exceeded: {limit} are allowed.");
        return Err(Refusal::new("OptionGroupQuotaExceededFault", 400, message));
    }
    let group =
        OptionGroup { name: name.clone(), description, engine, major, options: Vec::new(), vpc: None, tags };
    let xml = answer(call, &group);
    groups.insert(name, group);
    Ok(xml)
}

/// Adds options, and removes others. Their settings are not taken.
pub async fn modify(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::ModifyOptionGroup;
    let name = parameters.required("OptionGroupName")?;
    let mut added = Vec::new();
    for mut fields in parameters.structures("OptionsToInclude", "OptionConfiguration") {
        added.push(fields.required("OptionName")?);
        fields.finish(&operation.name())?;
    }
    let removed = parameters.list("OptionsToRemove", "member").unwrap_or_default();
    parameters.flag("ApplyImmediately")?;
    parameters.finish(&operation.name())?;
    call.allow(&[call.check(operation, &call.scope.resolve("og", &name), &Tags::new())]).await?;

    let name = name.to_ascii_lowercase();
    let mut world = locked(&call.emulator.world);
    let region = world.region(&call.scope);
    let is_used = is_used(region, &name);
    let group = region.option_groups.get_mut(&name).ok_or_else(|| groups::option_group_not_found(&name))?;
    let is_permanent = |option: &&String| groups::PERMANENT.contains(&option.as_str());
    if let Some(option) = removed.iter().find(is_permanent).filter(|_| is_used) {
        return Err(Refusal::invalid_combination(format!(
            "The option {option} is permanent and the option group {name} is in use."
        )));
    }
    group.options.retain(|option| !removed.contains(option) && !added.contains(option));
    group.options.extend(added);
    let group = group.clone();
    Ok(answer(call, &group))
}

pub async fn delete(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::DeleteOptionGroup;
    let name = parameters.required("OptionGroupName")?;
    parameters.finish(&operation.name())?;
    call.allow(&[call.check(operation, &call.scope.resolve("og", &name), &Tags::new())]).await?;

    let name = name.to_ascii_lowercase();
    let mut world = locked(&call.emulator.world);
    let region = world.region(&call.scope);
    if !region.option_groups.contains_key(&name) {
        return Err(groups::option_group_not_found(&name));
    }
    if is_used(region, &name) {
        // Recorded.
        let message = format!("The option group '{name}' cannot be deleted because it is in use.");
        return Err(Refusal::new("InvalidOptionGroupStateFault", 400, message));
    }
    region.option_groups.remove(&name);
    Ok(Xml::default())
}

/// Whether an instance or a manual snapshot has the group (guide, option groups).
fn is_used(region: &crate::model::Region, name: &str) -> bool {
    region.instances.values().any(|instance| instance.settings.text("OptionGroupName") == Some(name))
        || region.snapshots.values().any(|snapshot| snapshot.option_group == name)
}

pub async fn describe(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::DescribeOptionGroups;
    let resource = operation.main_resource(&call.scope, &parameters);
    let name = parameters.text("OptionGroupName").map(|name| name.to_ascii_lowercase());
    let engine = parameters.text("EngineName");
    let major = parameters.text("MajorEngineVersion");
    parameters.filters(&[])?;
    let page = Page::take(&mut parameters)?;
    parameters.finish(&operation.name())?;
    call.allow(&[call.check(operation, &resource, &Tags::new())]).await?;

    // Model.
    if name.is_some() && (engine.is_some() || major.is_some()) || major.is_some() && engine.is_none() {
        return Err(Refusal::invalid_combination(
            "OptionGroupName can't be specified with EngineName, nor MajorEngineVersion without it.",
        ));
    }
    let mut world = locked(&call.emulator.world);
    let mut found: Vec<OptionGroup> = world.region(&call.scope).option_groups.values().cloned().collect();
    found.extend(defaults());
    if let Some(name) = &name {
        found.retain(|group| group.name == *name);
        if found.is_empty() {
            return Err(groups::option_group_not_found(name));
        }
    }
    found.retain(|group| engine.as_deref().is_none_or(|engine| engine == group.engine.name));
    found.retain(|group| major.as_ref().is_none_or(|major| *major == group.major));
    let items = found.into_iter().map(|group| (call.scope.arn("og", &group.name), group)).collect();
    let write = |xml: &mut Xml, group: OptionGroup| answers::option_group(xml, &group, &call.scope);
    Ok(page.write("OptionGroupsList", "OptionGroup", items, write))
}

/// The default groups, one for every major version.
fn defaults() -> impl Iterator<Item = OptionGroup> {
    let lines = engines::all().flat_map(|engine| engine.lines.iter().map(move |line| (engine, line)));
    lines.map(|(engine, line)| OptionGroup {
        name: engine.default_options(line.major),
        description: format!("Default option group for {} {}", engine.name, line.major),
        engine,
        major: line.major.to_owned(),
        options: Vec::new(),
        vpc: None,
        tags: Tags::new(),
    })
}

fn answer(call: &Call, group: &OptionGroup) -> Xml {
    let mut xml = Xml::default();
    xml.within("OptionGroup", |xml| answers::option_group(xml, group, &call.scope));
    xml
}
