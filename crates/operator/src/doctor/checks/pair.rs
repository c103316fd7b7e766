//! Both accounts together: that the stacks mean each other, and what one sees of the other.

use replication::keys::{KeyUse, NEEDED_ACTIONS};
use replication::naming::{self, ReplicationId, SnapshotArn};
use replication::place::Place;
use replication::receiving::check_reach;
use time::OffsetDateTime;

use super::source::lets_in;
use super::{common, remedies};
use crate::doctor::facts::{Across, Destination, Source};
use crate::doctor::finding::{Check, Findings};
use crate::hints::Hints;
use crate::status::facts::{Stack, includes};

/// The functions that both stacks have, of the same code.
const SHARED: [&str; 3] = ["CopyFunction", "NotifyFunction", "PruneFunction"];

/// What a question fails with whose service is not known to have an endpoint.
const NO_ENDPOINT: &str = "UnknownEndpointError";

/// All of it.
pub fn check(
    source: &Source,
    destination: &Destination,
    across: Option<&Across>,
    hints: &Hints,
    findings: &mut Findings,
) {
    pairing(source, destination, hints, findings);
    reach(source, destination, findings);
    versions(source, destination, hints, findings);
    let (Some(across), Some(settings)) = (across, source.said.settings()) else { return };
    let (parameter, arn) = (settings.key_parameter(), settings.key.as_str());
    let account = &destination.common.account;
    match &across.key {
        Err(unread) if unread.is_missing_right() && lets_in(source) => findings.warning(
            Check::SharedKey,
            arn,
            format!("not checked: its policy lets account {account} see it, and whoever runs the doctor cannot: {}", unread.why),
            "allow kms:DescribeKey on it by IAM to whoever runs the doctor in the destination account (docs/security.md)",
        ),
        Err(unread) if unread.is_missing_right() => findings.error(
            Check::SharedKey,
            arn,
            format!("account {account} cannot see it: {}", unread.why),
            "allow kms:DescribeKey on it to the destination account, in its policy; and to whoever runs the doctor, by IAM",
        ),
        found => common::key(Check::SharedKey, ("source", &source.common.stack, hints), found, KeyUse::OtherAccounts, parameter, arn, findings),
    }
    match &across.refused {
        Err(unread) if unread.code == NO_ENDPOINT => findings.warning(
            Check::Rights,
            "CopyRole",
            "not checked in this partition: the endpoint of IAM is not known here",
            "simulate in the IAM console what the role may do with a key of its own account",
        ),
        Err(unread) => findings.unread(Check::Rights, "CopyRole", unread),
        Ok(refused) if refused.is_empty() => {
            findings.ok(Check::Rights, "CopyRole", "its policies let it copy from the shared key");
        }
        Ok(refused) => findings.error(
            Check::Rights,
            "CopyRole",
            format!("IAM does not let the role of the destination's copy function do {} with {arn}", refused.join(", ")),
            format!(
                "look for a permissions boundary or a service control policy that leaves out {}, and for a policy that somebody has \
                 added to CopyRole of the stack {} and that denies them: to deploy again does not take \
                 that away",
                NEEDED_ACTIONS, destination.common.stack.name
            ),
        ),
    }
}

fn pairing(source: &Source, destination: &Destination, hints: &Hints, findings: &mut Findings) {
    let (a, b) = (&source.common, &destination.common);
    let names = format!("{} and {}", a.stack.name, b.stack.name);
    let before = findings.len();
    let mut wrong = |what: String, role: &str, parameter: &str, value: &str, stack: &Stack| {
        let remedy = if stack.parameter(parameter) == Some(value) {
            remedies::CHANGED_BY_HAND.to_owned()
        } else {
            hints.deploy(role, Some(&format!("{parameter}={value}")), &stack.name)
        };
        findings.error(Check::Pairing, parameter, what, remedy);
    };
    let named = source.said.settings().map(|settings| settings.destination_account.as_str());
    if let Some(named) = named.filter(|named| *named != b.account) {
        let what = format!(
            "the source stack shares with account {named}, and the destination stack is in {}",
            b.account
        );
        wrong(what, "source", "DestinationAccountNumber", &b.account, &a.stack);
    }
    let region = a.stack.parameter("DestinationRegion").unwrap_or(&a.region);
    if region != b.region {
        let what = format!(
            "the source stack lets Region {region} listen, and the destination stack is in {}",
            b.region
        );
        wrong(what, "source", "DestinationRegion", &b.region, &a.stack);
    }
    let (topic, heard) =
        (a.stack.output("TopicArn"), b.stack.parameter("SourceTopicArn").unwrap_or_default());
    if topic != heard {
        let what =
            format!("the destination stack listens to {heard}, and the source stack publishes to {topic}");
        wrong(what, "destination", "SourceTopicArn", topic, &b.stack);
    }
    let is_of_fleet = !a.stack.output("FleetStateMachineArn").is_empty();
    let is_taken =
        includes(&b.stack.database(), &source.database_name) || (is_of_fleet && b.stack.is_for_several());
    if !is_taken {
        let what = format!(
            "the destination stack takes messages about {}, and the source stack sends those about {}",
            b.stack.database(),
            source.database_name
        );
        wrong(what, "destination", "SourceDBIdentifier", &source.database_name, &b.stack);
    }
    if findings.len() == before {
        findings.ok(Check::Pairing, names, "each names the other");
    }
}

/// Whether AWS can copy from there to here, and whether snapshots stay shared for as long as that may take.
fn reach(source: &Source, destination: &Destination, findings: &mut Findings) {
    let (a, b) = (&source.common, &destination.common);
    // That they are not known is said of the stack.
    let Some((sending, receiving)) = source.said.settings().zip(destination.said.settings()) else { return };
    let own = Place::of_arn(b.stack.output("StateMachineArn"));
    let region = sending.copies_into.as_deref().unwrap_or(&a.region);
    let id = ReplicationId::new(OffsetDateTime::UNIX_EPOCH, "doctor");
    let arn: Result<SnapshotArn, _> = naming::source_snapshot(&sending.snapshot_name, &id).and_then(|name| {
        let partition = own.in_region(region).partition;
        format!("arn:{partition}:rds:{region}:{}:snapshot:{name}", a.account).parse()
    });
    let (hours, deadline) = (sending.announced_hours, receiving.copy_deadline);
    let checked = arn.and_then(|arn| check_reach(&arn, &own, hours, deadline));
    match checked {
        Ok(()) => findings.ok(Check::Reach, format!("{region} to {}", b.region), "RDS can copy between them"),
        Err(error) => findings.refusal(Check::Reach, format!("{region} to {}", b.region), &error),
    }
}

fn versions(source: &Source, destination: &Destination, hints: &Hints, findings: &mut Findings) {
    let subject = format!("{} and {}", source.common.stack.name, destination.common.stack.name);
    let of = |common: &crate::doctor::facts::Common, name: &str| {
        common.functions.as_ref().ok().and_then(|all| all.get(name)?.as_ref().ok().cloned())
    };
    let (mut differ, mut compared) = (Vec::new(), 0);
    for name in SHARED {
        let (Some(a), Some(b)) = (of(&source.common, name), of(&destination.common, name)) else { continue };
        if a.architecture != b.architecture {
            continue;
        }
        compared += 1;
        if a.digest != b.digest {
            differ.push(name);
        }
    }
    if !differ.is_empty() {
        findings.error(
            Check::Versions,
            subject,
            format!("they are of different versions: the code of {} differs", differ.join(", ")),
            format!(
                "deploy both from the same release: {}; {}",
                hints.deploy("source", None, &source.common.stack.name),
                hints.deploy("destination", None, &destination.common.stack.name)
            ),
        );
    } else if compared == 0 {
        findings.warning(
            Check::Versions,
            subject,
            "not compared: their functions could not be read, or are for different processors",
            "deploy both from the same release (CHANGELOG.md), with the same --architecture if they are to be compared",
        );
    } else {
        findings.ok(Check::Versions, subject, "the functions that both have are the same");
    }
}
