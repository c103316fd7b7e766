//! ModifyDBSnapshotAttribute and DescribeDBSnapshotAttributes: who else may see, copy and restore a snapshot.

use std::collections::BTreeMap;

use super::{Call, Operation};
use crate::answers;
use crate::clock;
use crate::emulator::locked;
use crate::model::Snapshot;
use crate::query::{Parameters, Tags};
use crate::refusal::Refusal;
use crate::rules;
use crate::xml::Xml;

/// Guide, sharing: with at most so many accounts.
const MOST_ACCOUNTS: usize = 20;

pub async fn modify(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::ModifyDBSnapshotAttribute;
    let name = parameters.required("DBSnapshotIdentifier")?;
    let attribute = parameters.required("AttributeName")?;
    let added = parameters.list("ValuesToAdd", "AttributeValue").unwrap_or_default();
    let removed = parameters.list("ValuesToRemove", "AttributeValue").unwrap_or_default();
    parameters.finish(&operation.name())?;
    call.allow(&[call.check(operation, &call.scope.resolve("snapshot", &name), &Tags::new())]).await?;

    if attribute != "restore" {
        return Err(Refusal::invalid_value(format!(
            "Invalid attribute name: {attribute}. The one that is known is restore."
        )));
    }
    if let Some(odd) = added.iter().chain(&removed).find(|value| !rules::is_account(value) && *value != "all")
    {
        return Err(Refusal::invalid_value(format!(
            "Invalid account: {odd}. An account is 12 digits, or all."
        )));
    }
    let not_found = || Refusal::snapshot_not_found(&name);
    let arn = call.own("snapshot", &name).ok_or_else(not_found)?;
    let mut world = locked(&call.emulator.world);
    let options = world.snapshot(&arn).map(|snapshot| snapshot.option_group.clone()).unwrap_or_default();
    let permanent = world.region(&arn.scope).permanent_options(&options);
    let snapshot = world.snapshot(&arn).ok_or_else(not_found)?;
    // Guide, sharing: those two are the exceptions.
    let bound = permanent.iter().find(|option| !["Timezone", "OLS"].contains(&option.as_str()));
    if let Some(option) = bound.filter(|_| !added.is_empty()) {
        return Err(Refusal::snapshot_state(format!(
            "The snapshot {name} cannot be shared: its option group has the permanent option {option}."
        )));
    }
    if snapshot.is_automated {
        return Err(Refusal::snapshot_state(format!(
            "The snapshot {name} is automated and cannot be shared: copy it first."
        )));
    }
    if snapshot.status != "available" {
        return Err(Refusal::snapshot_state(format!("The snapshot {name} is not in the available state.")));
    }
    if !added.is_empty() {
        may_be_shared(snapshot, &added)?;
    }
    let now = clock::now();
    let mut accounts: BTreeMap<String, _> = added.into_iter().map(|account| (account, now)).collect();
    accounts.extend(snapshot.shared_with.clone());
    accounts.retain(|account, _| !removed.contains(account));
    if accounts.keys().filter(|account| *account != "all").count() > MOST_ACCOUNTS {
        let message = format!("A snapshot can be shared with at most {MOST_ACCOUNTS} accounts.");
        return Err(Refusal::new("SharedSnapshotQuotaExceeded", 400, message));
    }
    snapshot.shared_with = accounts;
    Ok(answer(snapshot))
}

/// Guide, sharing.
fn may_be_shared(snapshot: &Snapshot, accounts: &[String]) -> Result<(), Refusal> {
    match &snapshot.key {
        Some(key) if key.is_default => Err(Refusal::snapshot_state(format!(
            "The snapshot {} is encrypted under the default key of the account and cannot be shared. Copy it under a \
             customer managed key and share the copy.",
            snapshot.identifier
        ))),
        Some(_) if accounts.iter().any(|account| account == "all") => {
            Err(Refusal::snapshot_state("An encrypted snapshot cannot be shared as public."))
        }
        _ => Ok(()),
    }
}

pub async fn describe(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::DescribeDBSnapshotAttributes;
    let name = parameters.required("DBSnapshotIdentifier")?;
    parameters.finish(&operation.name())?;
    call.allow(&[call.check(operation, &call.scope.resolve("snapshot", &name), &Tags::new())]).await?;

    let not_found = || Refusal::snapshot_not_found(&name);
    let arn = call.own("snapshot", &name).ok_or_else(not_found)?;
    let mut world = locked(&call.emulator.world);
    Ok(answer(world.snapshot(&arn).ok_or_else(not_found)?))
}

fn answer(snapshot: &Snapshot) -> Xml {
    let mut xml = Xml::default();
    xml.within("DBSnapshotAttributesResult", |xml| answers::attributes(xml, snapshot));
    xml
}
