//! DB parameter groups: made, changed, described; and what a change does to the servers of the instances.

use std::sync::Arc;

use super::describing::{Page, passes};
use super::{Call, Operation};
use crate::emulator::{Emulator, locked};
use crate::engines::{self, DEFAULT_PARAMETERS, Engine, Line};
use crate::groups::{ParameterGroup, Values};
use crate::model::World;
use crate::parameters::{self, Parameter};
use crate::query::{Parameters, Tags};
use crate::refusal::Refusal;
use crate::rules;
use crate::xml::Xml;

/// Model, ModifyDBParameterGroup.
const MOST_AT_ONCE: usize = 20;

pub async fn create(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::CreateDBParameterGroup;
    let name = parameters.required("DBParameterGroupName")?;
    let family = parameters.required("DBParameterGroupFamily")?;
    let description = parameters.required("Description")?;
    let tags = parameters.tags()?;
    parameters.finish(&operation.name())?;
    call.allow(&call.creation_checks(operation, &call.scope.resolve("pg", &name), &tags)).await?;

    let name = rules::group_name(&name, "DBParameterGroupName")?;
    rules::tag_count(tags.len())?;
    // Recorded.
    let (engine, line) = engines::family(&family).ok_or_else(|| {
        Refusal::invalid_value(format!("ParameterGroupFamily {family} is not a valid parameter group family"))
    })?;
    let limit = call.emulator.quotas().parameter_groups;
    let mut world = locked(&call.emulator.world);
    let groups = &mut world.region(&call.scope).parameter_groups;
    if groups.contains_key(&name) {
        let message = format!("Parameter group {name} already exists");
        return Err(Refusal::new("DBParameterGroupAlreadyExists", 400, message));
    }
    if groups.len() >= limit {
        let message = format!("DB parameter group quota exceeded: {limit} are allowed.");
        return Err(Refusal::new("DBParameterGroupQuotaExceeded", 400, message));
    }
    let group = ParameterGroup { name: name.clone(), description, engine, line, values: Values::new(), tags };
    let mut xml = Xml::default();
    xml.within("DBParameterGroup", |xml| write_group(xml, call, &Shown::of(&group)));
    groups.insert(name, group);
    Ok(xml)
}

pub async fn delete(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::DeleteDBParameterGroup;
    let name = named(call, operation, &mut parameters)?;
    parameters.finish(&operation.name())?;
    call.allow(&[call.check(operation, &call.scope.resolve("pg", &name), &Tags::new())]).await?;
    let name = name.to_ascii_lowercase();
    let mut world = locked(&call.emulator.world);
    let region = world.region(&call.scope);
    if !region.parameter_groups.contains_key(&name) {
        return Err(parameters::group_not_found(&name));
    }
    let mut instances = region.instances.values();
    if instances.any(|instance| instance.settings.text("DBParameterGroupName") == Some(&name)) {
        let message = "One or more database instances are still members of this parameter group, so the group cannot be \
                       deleted";
        return Err(Refusal::new("InvalidDBParameterGroupState", 400, format!("{message}: {name}")));
    }
    region.parameter_groups.remove(&name);
    Ok(Xml::default())
}

/// The group that a request is about: one that someone made.
fn named(call: &Call, operation: Operation, parameters: &mut Parameters) -> Result<String, Refusal> {
    let name = parameters.required("DBParameterGroupName")?;
    if name.starts_with(DEFAULT_PARAMETERS) {
        tracing::debug!(account = call.scope.account, ?operation, "a default parameter group stays as it is");
        return Err(Refusal::invalid_value(format!("A default parameter group cannot be changed: {name}")));
    }
    Ok(name)
}

/// A parameter as a request changes it.
struct Change {
    parameter: &'static Parameter,
    value: String,
    immediately: bool,
}

fn take_changes(engine: &Engine, given: Vec<Parameters>) -> Result<Vec<Change>, Refusal> {
    if !(1..=MOST_AT_ONCE).contains(&given.len()) {
        return Err(Refusal::invalid_value(format!(
            "Between 1 and {MOST_AT_ONCE} parameters can be modified in a single request."
        )));
    }
    given.into_iter().map(|fields| take_change(engine, fields)).collect()
}

fn take_change(engine: &Engine, mut fields: Parameters) -> Result<Change, Refusal> {
    let parameter = parameters::named(engine.brand, &fields.required("ParameterName")?)?;
    let value = fields.required("ParameterValue")?;
    parameter.check(&value)?;
    let immediately = match fields.required("ApplyMethod")?.as_str() {
        "immediate" => true,
        "pending-reboot" => false,
        other => return Err(Refusal::invalid_value(format!("Invalid apply method: {other}"))),
    };
    if immediately && parameter.is_static {
        // Recorded.
        return Err(Refusal::invalid_combination("cannot use immediate apply method for static parameter"));
    }
    fields.finish("ModifyDBParameterGroup")?;
    Ok(Change { parameter, value, immediately })
}

pub async fn modify(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::ModifyDBParameterGroup;
    let name = named(call, operation, &mut parameters)?;
    let given = parameters.structures("Parameters", "Parameter");
    parameters.finish(&operation.name())?;
    call.allow(&[call.check(operation, &call.scope.resolve("pg", &name), &Tags::new())]).await?;
    let name = name.to_ascii_lowercase();
    let servers = {
        let mut world = locked(&call.emulator.world);
        let groups = &mut world.region(&call.scope).parameter_groups;
        let group = groups.get_mut(&name).ok_or_else(|| parameters::group_not_found(&name))?;
        let changes = take_changes(group.engine, given)?;
        let mut at_once = Values::new();
        for Change { parameter, value, immediately } in changes {
            if immediately {
                at_once.insert(parameter.name.to_owned(), value.clone());
            }
            group.values.insert(parameter.name.to_owned(), value);
        }
        apply(&mut world, call, &name, &at_once)
    };
    let emulator = Arc::clone(&call.emulator);
    tokio::spawn(async move { reload(&emulator, servers).await });
    let mut xml = Xml::default();
    xml.text("DBParameterGroupName", name);
    Ok(xml)
}

/// Gives the instances of a group what applies at once. Returns the servers that must hear of it, by resource ID.
fn apply(world: &mut World, call: &Call, group: &str, at_once: &Values) -> Vec<(String, Values)> {
    let region = world.region(&call.scope);
    let of_it = region.instances.values_mut();
    let of_it = of_it.filter(|one| one.settings.text("DBParameterGroupName") == Some(group));
    let mut servers = Vec::new();
    for instance in of_it.filter(|_| !at_once.is_empty()) {
        instance.applied.values.extend(at_once.clone());
        servers.push((instance.resource_id.clone(), instance.applied.values.clone()));
    }
    servers.retain(|(resource_id, _)| world.servers.contains_key(resource_id));
    servers
}

async fn reload(emulator: &Emulator, servers: Vec<(String, Values)>) {
    for (resource_id, values) in servers {
        let directory = emulator.instance_directory(&resource_id).join("data");
        if let Err(error) = emulator.postgres.change_parameters(&directory, &values).await {
            tracing::warn!(resource_id, %error, "a server does not take its parameters");
        }
    }
}

/// A group as answers show it. Default ones are not kept: there is one for every family.
struct Shown {
    name: String,
    description: String,
    family: &'static str,
}

impl Shown {
    fn of(group: &ParameterGroup) -> Self {
        Self { name: group.name.clone(), description: group.description.clone(), family: group.line.family }
    }

    fn default(line: &'static Line) -> Self {
        let family = line.family;
        let description = format!("Default parameter group for {family}");
        Self { name: format!("{DEFAULT_PARAMETERS}{family}"), description, family }
    }
}

fn write_group(xml: &mut Xml, call: &Call, group: &Shown) {
    xml.text("DBParameterGroupName", &group.name);
    xml.text("DBParameterGroupFamily", group.family);
    xml.text("Description", &group.description);
    xml.text("DBParameterGroupArn", call.scope.arn("pg", &group.name));
}

pub async fn describe(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::DescribeDBParameterGroups;
    let resource = operation.main_resource(&call.scope, &parameters);
    let name = parameters.text("DBParameterGroupName").map(|name| name.to_ascii_lowercase());
    parameters.filters(&[])?;
    let page = Page::take(&mut parameters)?;
    parameters.finish(&operation.name())?;
    call.allow(&[call.check(operation, &resource, &Tags::new())]).await?;

    let mut world = locked(&call.emulator.world);
    let region = &*world.region(&call.scope);
    let mut found: Vec<Shown> = region.parameter_groups.values().map(Shown::of).collect();
    found.extend(engines::all().flat_map(|engine| engine.lines.iter().map(Shown::default)));
    if let Some(name) = &name {
        found.retain(|group| group.name == *name);
        if found.is_empty() {
            return Err(parameters::group_not_found(name));
        }
    }
    let items = found.into_iter().map(|group| (call.scope.arn("pg", &group.name), group)).collect();
    Ok(page
        .write("DBParameterGroups", "DBParameterGroup", items, |xml, group| write_group(xml, call, &group)))
}

pub async fn parameters(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::DescribeDBParameters;
    let name = parameters.required("DBParameterGroupName")?;
    let source = parameters.text("Source");
    let filters = parameters.filters(&["parameter-name"])?;
    let page = Page::take(&mut parameters)?;
    parameters.finish(&operation.name())?;
    call.allow(&[call.check(operation, &call.scope.resolve("pg", &name), &Tags::new())]).await?;

    let name = name.to_ascii_lowercase();
    let mut world = locked(&call.emulator.world);
    let region = &*world.region(&call.scope);
    let (engine, _) = region.family_of(&name).ok_or_else(|| parameters::group_not_found(&name))?;
    let values = region.applied(&name).values;
    let source_of = |parameter: &Parameter| match values.get(parameter.name) {
        Some(_) => "user",
        None if parameter.default.is_some() => "system",
        None => "engine-default",
    };
    let found = parameters::of(engine.brand)
        .iter()
        .filter(|parameter| source.as_deref().is_none_or(|wanted| wanted == source_of(parameter)))
        .filter(|parameter| passes(&filters, |_| vec![parameter.name]))
        .map(|parameter| (parameter.name.to_owned(), parameter))
        .collect();
    Ok(page.write("Parameters", "Parameter", found, |xml, parameter| {
        let value = values.get(parameter.name).map(String::as_str).or(parameter.default);
        xml.text("ParameterName", parameter.name);
        xml.optional("ParameterValue", value);
        xml.text("Source", source_of(parameter));
        xml.text("ApplyType", parameter.apply_type());
        xml.text("DataType", parameter.data_type());
        xml.text("AllowedValues", parameter.allowed_values());
        xml.text("IsModifiable", true);
        xml.text("ApplyMethod", "pending-reboot");
    }))
}
