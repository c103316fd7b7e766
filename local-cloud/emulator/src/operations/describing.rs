//! DescribeDBInstances, DescribeDBSnapshots and DescribeDBSubnetGroups: lists, filtered and in pages.

use super::{Call, Operation};
use crate::answers;
use crate::arn::Arn;
use crate::emulator::locked;
use crate::model::{Instance, Snapshot};
use crate::network::{network_types, subnet_group_not_found};
use crate::query::{Filter, Parameters, Tags};
use crate::refusal::Refusal;
use crate::xml::Xml;

pub async fn instances(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::DescribeDBInstances;
    let resource = operation.main_resource(&call.scope, &parameters);
    let name = parameters.text("DBInstanceIdentifier");
    let filters =
        parameters.filters(&["db-cluster-id", "db-instance-id", "dbi-resource-id", "domain", "engine"])?;
    let page = Page::take(&mut parameters)?;
    parameters.finish(&operation.name())?;
    call.allow(&[call.check(operation, &resource, &Tags::new())]).await?;

    let instances = visible_instances(call);
    let mut found: Vec<_> = instances.iter().map(|instance| (instance.arn().to_string(), instance)).collect();
    if let Some(name) = &name {
        let wanted = call.scope.resolve("db", name);
        found.retain(|(arn, _)| *arn == wanted);
        if found.is_empty() {
            return Err(Refusal::instance_not_found(name));
        }
    }
    found.retain(|(arn, instance)| {
        passes(&filters, |filter| match filter {
            "db-instance-id" => vec![&instance.identifier, arn],
            "dbi-resource-id" => vec![&instance.resource_id],
            "engine" => vec![instance.release.engine.name],
            "domain" => instance.settings.text("Domain").into_iter().collect(),
            // It is in no cluster.
            _ => vec![],
        })
    });
    let mut world = locked(&call.emulator.world);
    let region = &*world.region(&call.scope);
    Ok(page.write("DBInstances", "DBInstance", found, |xml, instance| {
        answers::instance(xml, instance, Some(region), &call.view(true));
    }))
}

/// The instances of the caller's that this call sees.
fn visible_instances(call: &Call) -> Vec<Instance> {
    let mut instances = if call.veil.stale > 0.0 {
        let mut then = locked(&call.emulator.past).instances(call.moment());
        then.retain(|instance| instance.scope == call.scope);
        then
    } else {
        locked(&call.emulator.world).region(&call.scope).instances.values().cloned().collect()
    };
    instances.retain(|instance| call.knows_since(instance.created));
    instances
}

/// The snapshots that this call sees, without their data.
fn visible_snapshots(call: &Call) -> Vec<Snapshot> {
    let mut snapshots = if call.veil.stale > 0.0 {
        locked(&call.emulator.past).snapshots(call.moment())
    } else {
        locked(&call.emulator.world).snapshots().map(Snapshot::without_data).collect()
    };
    snapshots.retain(|snapshot| snapshot.scope.region == call.scope.region && call.sees(snapshot));
    snapshots
}

pub async fn snapshots(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::DescribeDBSnapshots;
    let resource = operation.main_resource(&call.scope, &parameters);
    let name = parameters.text("DBSnapshotIdentifier");
    let instance_name = parameters.text("DBInstanceIdentifier");
    let resource_id = parameters.text("DbiResourceId");
    let kind = parameters.text("SnapshotType");
    let include_shared = parameters.flag("IncludeShared")?.unwrap_or(false);
    let include_public = parameters.flag("IncludePublic")?.unwrap_or(false);
    let filters = parameters.filters(&[
        "db-instance-id",
        "db-snapshot-id",
        "dbi-resource-id",
        "snapshot-type",
        "engine",
    ])?;
    let page = Page::take(&mut parameters)?;
    parameters.finish(&operation.name())?;
    call.allow(&[call.check(operation, &resource, &Tags::new())]).await?;

    let account = &call.scope.account;
    if let Some(unknown) = kind.as_deref().filter(|kind| !SNAPSHOT_TYPES.contains(kind)) {
        return Err(Refusal::invalid_value(format!("Invalid snapshot type: {unknown}")));
    }
    let snapshots = visible_snapshots(call);
    let mut found: Vec<_> = snapshots
        .iter()
        .filter(|snapshot| match (answers::kind(snapshot, account), kind.as_deref()) {
            (seen_as, Some(kind)) => seen_as == kind,
            ("shared", None) => include_shared,
            ("public", None) => include_public,
            (_, None) => true,
        })
        .map(|snapshot| (snapshot.arn().to_string(), snapshot))
        .collect();
    if let Some(name) = &name {
        let wanted = call.scope.resolve("snapshot", name);
        found.retain(|(arn, _)| *arn == wanted);
        if found.is_empty() {
            return Err(Refusal::snapshot_not_found(name));
        }
    }
    if let Some(name) = &instance_name {
        // The instance may be gone; its snapshots are found all the same.
        let wanted = Arn::parse(name).map_or_else(|| name.to_ascii_lowercase(), |arn| arn.name);
        found.retain(|(_, snapshot)| snapshot.origin.identifier == wanted);
    }
    if let Some(resource_id) = &resource_id {
        found.retain(|(_, snapshot)| snapshot.origin.resource_id == *resource_id);
    }
    found.retain(|(arn, snapshot)| {
        let instance_arn = snapshot.scope.arn("db", &snapshot.origin.identifier);
        passes(&filters, |filter| match filter {
            "db-instance-id" => vec![&snapshot.origin.identifier, &instance_arn],
            "db-snapshot-id" => vec![&snapshot.identifier, arn],
            "dbi-resource-id" => vec![&snapshot.origin.resource_id],
            "snapshot-type" => vec![answers::kind(snapshot, account)],
            _ => vec![snapshot.origin.release.engine.name],
        })
    });
    let view = call.view(true);
    Ok(page
        .write("DBSnapshots", "DBSnapshot", found, |xml, snapshot| answers::snapshot(xml, snapshot, &view)))
}

const SNAPSHOT_TYPES: &[&str] = &["manual", "automated", "shared", "public", "awsbackup"];

pub async fn subnet_groups(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::DescribeDBSubnetGroups;
    let resource = operation.main_resource(&call.scope, &parameters);
    let name = parameters.text("DBSubnetGroupName");
    let page = Page::take(&mut parameters)?;
    parameters.finish(&operation.name())?;
    call.allow(&[call.check(operation, &resource, &Tags::new())]).await?;

    let mut world = locked(&call.emulator.world);
    let region = &*world.region(&call.scope);
    let mut found: Vec<_> =
        region.subnet_groups.values().map(|group| (call.scope.arn("subgrp", &group.name), group)).collect();
    if let Some(name) = &name {
        found.retain(|(_, group)| group.name.eq_ignore_ascii_case(name));
        if found.is_empty() {
            return Err(subnet_group_not_found(name));
        }
    }
    let types = network_types(&call.emulator.switches());
    let write = |xml: &mut Xml, group: &_| answers::subnet_group(xml, group, &call.scope, types);
    Ok(page.write("DBSubnetGroups", "DBSubnetGroup", found, write))
}

/// Whether something has, for every filter, one of its values. `values_of` tells what it has under the filter's name.
pub fn passes<'a>(filters: &[Filter], values_of: impl Fn(&str) -> Vec<&'a str>) -> bool {
    filters.iter().all(|filter| {
        values_of(&filter.name).iter().any(|value| filter.values.iter().any(|one| one == value))
    })
}

/// Which part of a list the client wants.
pub struct Page {
    most: usize,
    /// Where the page before ended.
    after: Option<String>,
}

impl Page {
    /// Model: MaxRecords from 20 to 100, by default 100; Marker as a page before has given it.
    pub fn take(parameters: &mut Parameters) -> Result<Self, Refusal> {
        Self::take_up_to(parameters, 100)
    }

    /// The same for what may fill longer pages.
    pub fn take_up_to(parameters: &mut Parameters, longest: u32) -> Result<Self, Refusal> {
        let most = parameters.integer("MaxRecords", 20..=longest)?.unwrap_or(100);
        let after = match parameters.text("Marker") {
            Some(marker) => {
                Some(from_marker(&marker).ok_or_else(|| Refusal::invalid_value("Unrecognized marker."))?)
            }
            None => None,
        };
        Ok(Self { most: usize::try_from(most).unwrap_or(100), after })
    }

    /// Writes this page of `items`, which come with their ARNs, and the marker of the next.
    pub fn write<T>(
        &self,
        list: &str,
        member: &str,
        mut items: Vec<(String, T)>,
        content: impl Fn(&mut Xml, T),
    ) -> Xml {
        items.sort_by(|one, other| one.0.cmp(&other.0));
        if let Some(after) = &self.after {
            items.retain(|(arn, _)| arn > after);
        }
        let more = items.len() > self.most;
        items.truncate(self.most);
        let mut xml = Xml::default();
        let last = items.last().map(|(arn, _)| arn.clone());
        xml.list(list, member, items, |xml, (_, item)| content(xml, item));
        xml.optional("Marker", last.filter(|_| more).map(|arn| to_marker(&arn)));
        xml
    }
}

/// A marker means nothing to a client, so it is not made to be read.
fn to_marker(arn: &str) -> String {
    arn.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn from_marker(marker: &str) -> Option<String> {
    let digits = marker.chars().map(|digit| digit.to_digit(16)).collect::<Option<Vec<u32>>>()?;
    let bytes = digits.chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(high * 16 + low).ok(),
        _ => None,
    });
    String::from_utf8(bytes.collect::<Option<_>>()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_of(body: &str, items: usize) -> String {
        let page = Page::take(&mut Parameters::parse("", body)).unwrap();
        let items = (0..items).map(|number| (format!("arn:{number:03}"), number)).collect();
        format!("{:?}", page.write("L", "M", items, |xml, number| xml.text("N", number)))
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_overlap() {
        let first = page_of("MaxRecords=20", 25);
        assert!(first.contains("<N>19</N>") && !first.contains("<N>20</N>"));
        let marker = first.split("<Marker>").nth(1).unwrap().split('<').next().unwrap();
        let second = page_of(&format!("MaxRecords=20&Marker={marker}"), 25);
        assert!(
            !second.contains("<N>19</N>") && second.contains("<N>20</N>") && second.contains("<N>24</N>")
        );
        assert!(!second.contains("Marker"));
    }

    #[test]
    fn markers_are_read_back_and_others_refused() {
        assert_eq!(from_marker(&to_marker("arn:é")).unwrap(), "arn:é");
        for odd in ["x", "abc", "é"] {
            assert_eq!(from_marker(odd), None, "{odd}");
        }
        assert!(Page::take(&mut Parameters::parse("", "MaxRecords=5")).is_err());
    }
}
