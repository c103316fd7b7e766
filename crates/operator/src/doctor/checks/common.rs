//! What is checked of either stack.

use std::collections::{BTreeMap, BTreeSet};

use replication::keys::KeyUse;
use replication::lineage;
use replication::progress::{Progress, Restored};
use replication::quota::{self, SnapshotQuota};
use replication::retention::{self, SnapshotRule};

use super::{remedies, runs, stack};
use crate::doctor::facts::{Common, Key, NO_FUNCTION, Network, Read, Said, Unread};
use crate::doctor::finding::{Check, Findings};
use crate::functions::GONE;
use crate::hints::Hints;
use crate::screen::count;
use crate::status::facts::{Instance, Stack};

/// How many names a line has.
const MOST_NAMES: usize = 20;

/// Checks what both stacks have; `snapshots_needed` is how many one run makes.
pub fn check(role: &str, common: &Common, snapshots_needed: i64, hints: &Hints, findings: &mut Findings) {
    findings.ok(Check::Account, &common.account, format!("Region {}", common.region));
    stack::check(role, common, hints, findings);
    stack::functions(role, common, hints, findings);
    if let Some(found) = &common.function_network {
        network(Check::FunctionNetwork, role, &common.stack, found, hints, findings);
    }
    listeners(role, common, hints, findings);
    room(common, snapshots_needed, findings);
    runs::check(role, common, hints, findings);
    leftovers(role, common, hints, findings);
}

/// Subnets and security groups are there, and of one VPC.
pub fn network(
    check: Check,
    role: &str,
    stack: &Stack,
    network: &Network,
    hints: &Hints,
    findings: &mut Findings,
) {
    let given = |parameter: &str| hints.deploy(role, Some(&format!("{parameter}=...")), &stack.name);
    let Network { subnets_from, groups_from, .. } = network;
    let mut vpcs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut is_whole = true;
    for (parameter, found) in [(subnets_from, &network.subnets), (groups_from, &network.groups)] {
        let found = match found {
            Ok(found) => found,
            Err(unread) if unread.code.contains("NotFound") || unread.code.contains("Malformed") => {
                is_whole = false;
                findings.error(
                    check,
                    *parameter,
                    unread.why.clone(),
                    format!("give the stack's {parameter} what exists in this Region: {}", given(parameter)),
                );
                continue;
            }
            Err(unread) => {
                is_whole = false;
                findings.unread(check, *parameter, unread);
                continue;
            }
        };
        for (name, vpc) in found {
            match vpc {
                Some(vpc) => vpcs.entry(vpc).or_default().push(name),
                None => {
                    is_whole = false;
                    findings.error(
                        check,
                        *parameter,
                        format!("there is no {name} in this account and Region"),
                        format!("create it, or give the stack another {parameter}: {}", given(parameter)),
                    );
                }
            }
        }
    }
    if vpcs.len() > 1 {
        let named: Vec<String> =
            vpcs.iter().map(|(vpc, names)| format!("{} in {vpc}", names.join(", "))).collect();
        findings.error(
            check,
            format!("{subnets_from}, {groups_from}"),
            format!("they are in different VPCs: {}", named.join("; ")),
            format!("give security groups of the VPC of the subnets: {}", given(groups_from)),
        );
    } else if is_whole {
        let vpc = vpcs.keys().next().copied().unwrap_or("the default VPC");
        findings.ok(check, format!("{subnets_from}, {groups_from}"), format!("all in {vpc}"));
    }
}

fn listeners(role: &str, common: &Common, hints: &Hints, findings: &mut Findings) {
    let topic = common.stack.output("AlertTopicArn");
    let all = match &common.listeners {
        Ok(all) => all,
        Err(unread) => return findings.unread(Check::Listeners, topic, unread),
    };
    let (confirmed, waiting): (Vec<_>, Vec<_>) = all.iter().partition(|one| one.arn.is_some());
    for one in &waiting {
        findings.warning(
            Check::Listeners,
            topic,
            format!("{} has not confirmed the subscription and hears of nothing", one.endpoint),
            "open the link in the mail of AWS (Subscription Confirmation); after three days it is no longer valid, then \
             subscribe the address again",
        );
    }
    if !confirmed.is_empty() {
        findings.ok(Check::Listeners, topic, count(confirmed.len(), "subscriber"));
    } else if waiting.is_empty() {
        findings.warning(
            Check::Listeners,
            topic,
            "nobody hears of a failed run",
            remedies::with_parameter(role, "AlertEmail=<your address>", &common.stack, hints),
        );
    }
}

fn room(common: &Common, needed: i64, findings: &mut Findings) {
    let all = match &common.quotas {
        Ok(all) => all,
        Err(unread) => return findings.unread(Check::Quotas, &common.account, unread),
    };
    let Some(snapshots) = all.iter().find(|quota| quota.name == "ManualSnapshots") else {
        return findings.ok(Check::Quotas, &common.account, "RDS says nothing of manual snapshots");
    };
    let (used, max) = (snapshots.used, snapshots.max);
    // One of those that a run makes is in that Region.
    let elsewhere = common.copies_into.as_deref();
    let needed = if elsewhere.is_some() { needed - 1 } else { needed };
    let unread = elsewhere.map_or_else(String::new, |region| {
        format!("; the quota of Region {region}, which the copies are in, was not read")
    });
    if used + needed <= max {
        let what = format!("{used} of {max} manual snapshots{unread}");
        return findings.ok(Check::Quotas, &common.account, what);
    }
    let due = due(common);
    if used + needed - due <= max {
        return findings.warning(
            Check::Quotas,
            &common.account,
            format!(
                "{used} of {max} manual snapshots; {} of this stack may be due, which a run deletes before it makes others{unread}",
                count(usize::try_from(due).unwrap_or_default(), "older one")
            ),
            "none, unless they are still shared or running replications need them: then wait for that, or ask AWS for a larger \
             quota",
        );
    }
    let said =
        format!("a run needs {}", count(usize::try_from(needed).unwrap_or_default(), "manual snapshot"));
    let full = quota::full("checking the quotas", &said, Some(SnapshotQuota { used, max }));
    findings.refusal(Check::Quotas, &common.account, &full);
}

/// How many snapshots of the stack a run deletes first, but for those that are still shared.
fn due(common: &Common) -> i64 {
    let stack = &common.stack;
    let Some(keep) = common.keep else { return 0 };
    let all: Vec<_> = common.snapshots.iter().flatten().map(|one| one.seen.clone()).collect();
    let databases: BTreeSet<_> = all.iter().map(|one| &one.source_database).collect();
    let of = |database| retention::plan_snapshots(&all, &SnapshotRule::new(&stack.name, database, keep));
    let decisions = databases.into_iter().flat_map(of);
    let due = decisions.filter(|decision| decision.verdict == retention::Verdict::Delete);
    i64::try_from(due.count()).unwrap_or_default()
}

/// What the functions work with, or says why that is not known: what is checked by it is left out then.
pub fn settings<'s, T>(
    (role, stack, hints): Where<'_>,
    said: &'s Said<T>,
    findings: &mut Findings,
) -> Option<&'s T> {
    const LEFT_OUT: &str = "what depends on it is not checked";
    let deploy = || hints.deploy(role, None, &stack.name);
    match said {
        Said::Settings(settings) => return Some(settings),
        Said::Refused(error) => {
            let text = error.to_string();
            let (what, advice) = text.split_once("; to fix this: ").unwrap_or((&text, "update the stack"));
            findings.error(
                Check::Settings,
                &stack.name,
                format!("its functions end with {}: {what}; {LEFT_OUT}", error.name().as_str()),
                remedies::settings(&format!("{advice}: {}", deploy())),
            );
        }
        Said::Unread(function, unread) if unread.code == NO_FUNCTION => findings.error(
            Check::Settings,
            *function,
            format!("{}; {LEFT_OUT}", unread.why),
            format!("deploy it from this release: {}", deploy()),
        ),
        Said::Unread(function, unread) if unread.code == GONE => findings.warning(
            Check::Settings,
            *function,
            format!("its environment cannot be read, because it is gone; {LEFT_OUT}"),
            "see what is said of functions, and run the doctor again after that",
        ),
        Said::Unread(function, unread) => {
            let unread = Unread { why: format!("{}; {LEFT_OUT}", unread.why), ..unread.clone() };
            findings.unread(Check::Settings, *function, &unread);
        }
    }
    None
}

/// Whose a thing is: the role of the stack, the stack, and what was given for it.
pub type Where<'a> = (&'a str, &'a Stack, &'a Hints);

/// A key that RDS is to use; `parameter` is the one of the stack that names it.
pub fn key(
    check: Check,
    (role, stack, hints): Where<'_>,
    found: &Read<Key>,
    key_use: KeyUse,
    parameter: &str,
    arn: &str,
    findings: &mut Findings,
) {
    let command = |operation: &str| remedies::kms(role, hints, operation, arn);
    match found {
        Ok(key) => match key.problem(key_use, parameter) {
            None => findings.ok(check, arn, "enabled, symmetric"),
            Some((what, advice)) => {
                let remedy = match key.state.as_deref() {
                    Some("Disabled") => format!("in the {role} account: {}", command("enable-key")),
                    Some("PendingDeletion") => format!(
                        "in the {role} account: {} && {}",
                        command("cancel-key-deletion"),
                        command("enable-key")
                    ),
                    _ => advice,
                };
                findings.error(check, arn, what, remedy);
            }
        },
        Err(unread) if unread.code == "NotFoundException" => findings.error(
            check,
            arn,
            "there is no such key in this account and Region",
            format!(
                "give the stack another key: {}",
                hints.deploy(role, Some(&format!("{parameter}=<the ARN of a key>")), &stack.name)
            ),
        ),
        Err(unread) => findings.unread(check, arn, unread),
    }
}

fn leftovers(role: &str, common: &Common, hints: &Hints, findings: &mut Findings) {
    let before = findings.len();
    of_no_use(role, common, hints, findings);
    of_stacks_that_are_gone(common, findings);
    let hidden =
        [common.snapshots.as_ref().err(), common.instances.as_ref().err(), common.stacks.as_ref().err()];
    for unread in hidden.into_iter().flatten() {
        findings.unread(Check::Leftovers, &common.stack.name, unread);
    }
    if findings.len() == before {
        findings.ok(Check::Leftovers, &common.stack.name, "nothing that no run will use or delete");
    }
}

/// What the stack has made and has not become what it was to be.
fn of_no_use(role: &str, common: &Common, hints: &Hints, findings: &mut Findings) {
    let own = common.stack.name.as_str();
    for snapshot in common.snapshots.as_deref().unwrap_or_default() {
        let name = snapshot.identifier();
        if snapshot.is_of(own) && snapshot.seen.status.progress() == Progress::Failed {
            findings.warning(
                Check::Leftovers,
                name,
                format!("it is {} and of no use", snapshot.seen.status.as_str()),
                remedies::aws(role, hints, &["rds", "delete-db-snapshot", "--db-snapshot-identifier", name]),
            );
        }
    }
    for instance in common.instances.as_deref().unwrap_or_default().iter().filter(|one| one.is_of(own)) {
        let (name, status) = (instance.identifier(), instance.seen.status.as_str());
        match instance.seen.status.restored() {
            Restored::Broken => findings.warning(
                Check::Leftovers,
                name,
                format!("it is {status}"),
                "see its events, and do what they ask for: increase its storage, start it, correct its groups or its key; \
                 a run leaves it alone until as many newer versions as are kept can be rolled back to",
            ),
            Restored::FailedRestore => {
                findings.warning(Check::Leftovers, name, format!("it is {status}"), failed_restore(role, common, instance, hints));
            }
            _ => {}
        }
    }
}

/// What is done about an instance that will not come up. It is deleted by hand only if nobody can have written into it: it is not
/// what the secret names, and was that never.
fn failed_restore(role: &str, common: &Common, instance: &Instance, hints: &Hints) -> String {
    let name = instance.identifier();
    let (promoted, yes) = lineage::PROMOTED;
    let is_live = common.live.as_ref().map(|all| all.iter().any(|live| live == name));
    if is_live == Some(true) {
        return "the secret names it: see its events, and roll back to another version (scripts/rollback), or replicate anew \
                (scripts/replicate)"
            .to_owned();
    }
    if instance.tags().get(promoted) == Some(yes) {
        return "see its events; it has served readers, so that what they wrote may be in it: make sure that nobody needs that \
                before you remove it"
            .to_owned();
    }
    if is_live.is_none() {
        return "see its events, and whether a secret names it (scripts/status); if none does, the first run that has made a \
                newer version removes it"
            .to_owned();
    }
    let delete = ["rds", "delete-db-instance", "--db-instance-identifier", name, "--skip-final-snapshot"];
    format!(
        "see its events; it was never what the secret names, and a run removes it when a newer version is live; to do it now: {}",
        remedies::aws(role, hints, &delete)
    )
}

/// What stacks have made that are not here. RDS copies tags to what others restore, copy and snapshot, so that a tag alone says
/// nothing; and a source stack of another Region may keep its copies here.
fn of_stacks_that_are_gone(common: &Common, findings: &mut Findings) {
    let Ok(stacks) = &common.stacks else { return };
    let mut of_gone: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut made = |stack, name| {
        if !stacks.iter().any(|known| known == stack) {
            of_gone.entry(stack).or_default().push(name);
        }
    };
    for one in common.snapshots.iter().flatten().filter(|one| one.is_of_replication()) {
        made(one.tags().get(lineage::STACK).unwrap_or_default(), one.identifier());
    }
    for one in common.instances.iter().flatten() {
        let Some(stack) = one.tags().get(lineage::STACK) else { continue };
        if one.is_of(stack) {
            made(stack, one.identifier());
        }
    }
    for (stack, names) in of_gone {
        let more = match names.len().saturating_sub(MOST_NAMES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        findings.warning(
            Check::Leftovers,
            stack,
            format!("no stack of this name is in Region {}, and it has made {} here", common.region, count(names.len(), "thing")),
            format!(
                "deploy the stack {stack} again, which takes them over; or, if it is in no other Region either and nobody uses them \
                 any more, delete these: {}{more}",
                names.iter().take(MOST_NAMES).copied().collect::<Vec<_>>().join(", ")
            ),
        );
    }
}
