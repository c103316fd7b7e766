//! The source account: the database, the key under which its snapshots leave, and the topic that announces them.

use std::collections::BTreeSet;

use replication::keys::{self, KeyUse, NEEDED_ACTIONS};
use replication::lineage::Tags;
use replication::naming::{self, ReplicationId};
use replication::pacing::{Pace, Stage, StageName};
use replication::preflight::check_source;
use replication::progress::Restored;
use replication::snapshotting::{Absent, SnapshotRequest};
use serde_json::Value;
use time::OffsetDateTime;

use super::{common, remedies};
use crate::doctor::facts::{Database, Key, Read, Source};
use crate::doctor::finding::{Check, Findings};
use crate::doctor::policy::{Principal, Request, Verdict, judge, through_rds};
use crate::hints::Hints;
use crate::settings::Source as Settings;
use crate::status::facts::{Schedule, Stack};

/// A run makes a snapshot and a copy of it.
const SNAPSHOTS: i64 = 2;

/// All of it.
pub fn check(source: &Source, hints: &Hints, findings: &mut Findings) {
    common::check("source", &source.common, SNAPSHOTS, hints, findings);
    let place = ("source", &source.common.stack, hints);
    if let Some(settings) = common::settings(place, &source.said, findings) {
        database(source, settings, hints, findings);
        let (parameter, arn) = (settings.key_parameter(), settings.key.as_str());
        common::key(Check::Key, place, &source.key, KeyUse::OtherAccounts, parameter, arn, findings);
        key_policy(source, settings, hints, findings);
        topic(source, &settings.destination_account, hints, findings);
        subscriptions(source, &settings.destination_account, hints, findings);
    }
    schedule(source, hints, findings);
}

fn database(source: &Source, settings: &Settings, hints: &Hints, findings: &mut Findings) {
    let name = &source.database_name;
    let found = match &source.database {
        Ok(found) => found,
        Err(unread) => return findings.unread(Check::Database, name, unread),
    };
    if found.is_none() && !source.common.stack.output("FleetStateMachineArn").is_empty() {
        return findings.ok(
            Check::Database,
            name,
            "there is no such database; those of the fleet are chosen by every run (--source-db NAME checks one)",
        );
    }
    state(source, &settings.snapshot_name, found.as_ref(), hints, findings);
    let Some(found) = found else { return };
    option_group(found, findings);
    match &found.key {
        None => findings.ok(
            Check::DatabaseKey,
            name,
            "not encrypted: every copy under the shared key is a full one",
        ),
        Some(Ok(key)) if key.problem(KeyUse::OwnAccount, keys::PARAMETER).is_none() => {
            let what = if key.arn == settings.key {
                "the shared key: its snapshots are shared as they are"
            } else if key.problem(KeyUse::OtherAccounts, keys::PARAMETER).is_some() {
                "a key of AWS, which cannot be shared: every snapshot is copied under the shared key"
            } else {
                "another key than the shared one: every snapshot is copied under that"
            };
            findings.ok(Check::DatabaseKey, &key.arn, what);
        }
        Some(key) => own_key(source, key, hints, findings),
    }
}

/// The key of the database, which no parameter of the stack changes.
fn own_key(source: &Source, key: &Read<Key>, hints: &Hints, findings: &mut Findings) {
    let name = source.database_name.as_str();
    let place = ("source", &source.common.stack, hints);
    let lost = "restore the key or enable it again: the database cannot be read without it, and neither can its snapshots";
    match key {
        Ok(key) if matches!(key.state.as_deref(), Some("Disabled" | "PendingDeletion")) => {
            let found = Ok(key.clone());
            let (key_use, parameter) = (KeyUse::OwnAccount, keys::PARAMETER);
            common::key(Check::DatabaseKey, place, &found, key_use, parameter, &key.arn, findings);
        }
        Ok(key) => {
            let problem = key.problem(KeyUse::OwnAccount, keys::PARAMETER);
            let what = problem.map_or_else(String::new, |(what, _)| what);
            findings.error(Check::DatabaseKey, key.arn.as_str(), what, lost);
        }
        Err(unread) if unread.code == "NotFoundException" => {
            findings.error(Check::DatabaseKey, name, "its key is not there", lost);
        }
        Err(unread) => findings.unread(Check::DatabaseKey, name, unread),
    }
}

/// What a run would do with the database now.
fn state(source: &Source, beginning: &str, found: Option<&Database>, hints: &Hints, findings: &mut Findings) {
    let name = &source.database_name;
    let id = ReplicationId::new(OffsetDateTime::UNIX_EPOCH, "doctor");
    let (snapshot, database) = match (naming::source_snapshot(beginning, &id), name.parse()) {
        (Ok(snapshot), Ok(database)) => (snapshot, database),
        (Err(error), _) | (_, Err(error)) => return findings.refusal(Check::Database, name, &error),
    };
    let now = OffsetDateTime::UNIX_EPOCH;
    let stage = Stage {
        name: StageName::Snapshot,
        started_at: now,
        now,
        deadline_seconds: u32::MAX,
        pace: Pace::default(),
    };
    let asked = SnapshotRequest {
        stack: &source.common.stack.name,
        id: &id,
        database: &database,
        name: &snapshot,
        extra_tags: &Tags::default(),
        carries_source_tags: false,
        stage,
        unseen: 0,
        was_there: false,
    };
    let status = found.map_or("", |found| found.seen.status.as_str());
    let is_stopped = found.is_some_and(|found| found.seen.status.restored() == Restored::Stopped);
    match asked.absent(found.map(|found| &found.seen)) {
        Ok(Absent::Create(..)) => findings.ok(Check::Database, name, status),
        Ok(Absent::Wait(_)) => findings.warning(
            Check::Database,
            name,
            format!("it is {status}; a run waits until it is available"),
            "wait, or see its events in the RDS console",
        ),
        Err(error) if is_stopped => {
            let what = format!("{}: {}", error.name().as_str(), error.said().unwrap_or_default());
            let start = ["rds", "start-db-instance", "--db-instance-identifier", name.as_str()];
            findings.error(Check::Database, name, what, remedies::aws("source", hints, &start));
        }
        Err(error) => findings.refusal(Check::Database, name, &error),
    }
}

fn option_group(found: &Database, findings: &mut Findings) {
    let name = found.seen.identifier.as_str();
    match check_source(&found.seen, &found.groups, "checking the option groups") {
        Err(error) => findings.refusal(Check::OptionGroup, name, &error),
        Ok(left_out) if left_out.is_empty() => {
            findings.ok(Check::OptionGroup, name, "no option that keeps snapshots from being shared");
        }
        Ok(left_out) => {
            for one in left_out {
                findings.warning(
                    Check::OptionGroup,
                    name,
                    format!("not checked: {}", one.because),
                    "allow rds:DescribeOptionGroups to whoever runs the doctor (docs/security.md), and run it again",
                );
            }
        }
    }
}

/// The Regions through whose RDS the shared key is used.
fn regions<'s>(stack: &'s Stack, settings: &'s Settings) -> BTreeSet<&'s str> {
    let mut regions = BTreeSet::from([naming::arn_part(&settings.key, 3)]);
    regions.extend(stack.parameter("DestinationRegion"));
    regions
}

/// What the policy of the shared key says to the destination account of each action that it needs, by Region.
fn verdicts(stack: &Stack, settings: &Settings, policy: &Value) -> Vec<(&'static str, Vec<Verdict>)> {
    let (account, arn) = (settings.destination_account.as_str(), settings.key.as_str());
    let said = |action: &'static str| {
        let through = |region: &str| {
            let through = through_rds(region);
            let context = [
                ("kms:ViaService", through.as_str()),
                ("kms:GrantIsForAWSResource", "true"),
                ("kms:CallerAccount", account),
            ];
            judge(
                policy,
                &Request { principal: Principal::Account(account), action, resource: arn, context: &context },
            )
        };
        (action, regions(stack, settings).into_iter().map(through).collect())
    };
    NEEDED_ACTIONS.split(", ").map(said).collect()
}

/// Whether the policy of the shared key is known to let the destination account do what it needs.
pub fn lets_in(source: &Source) -> bool {
    let is_allowed = |(_, said): &(_, Vec<Verdict>)| said.iter().all(|verdict| *verdict == Verdict::Allowed);
    match (&source.key_policy, source.said.settings()) {
        (Ok(policy), Some(settings)) => {
            verdicts(&source.common.stack, settings, policy).iter().all(is_allowed)
        }
        _ => false,
    }
}

/// Changes the policy of a key, which can be put as a whole only: without the rest of it the key would lose its administrators.
fn change_policy(arn: &str, change: &str, hints: &Hints) -> String {
    format!(
        "in the source account: {} --policy-name default --query Policy --output text > policy.json; {change} in that file; then {} \
         --policy-name default --policy file://policy.json, which replaces all of it",
        remedies::kms("source", hints, "get-key-policy", arn),
        remedies::kms("source", hints, "put-key-policy", arn)
    )
}

fn key_policy(source: &Source, settings: &Settings, hints: &Hints, findings: &mut Findings) {
    let stack = &source.common.stack;
    let (account, arn) = (settings.destination_account.as_str(), settings.key.as_str());
    let policy = match &source.key_policy {
        Ok(policy) => policy,
        Err(unread) => return findings.unread(Check::KeyPolicy, arn, unread),
    };
    let regions = regions(stack, settings);
    let (mut denied, mut missing, mut unclear) = (Vec::new(), Vec::new(), Vec::new());
    for (action, said) in verdicts(stack, settings, policy) {
        if said.contains(&Verdict::Denied) {
            denied.push(action);
        } else if said.contains(&Verdict::Silent) {
            missing.push(action);
        } else if said.contains(&Verdict::Unclear) {
            unclear.push(action);
        }
    }
    let regions = regions.into_iter().collect::<Vec<_>>().join(" and ");
    if !denied.is_empty() {
        findings.error(
            Check::KeyPolicy,
            arn,
            format!("a statement of it denies account {account} {} through RDS of {regions}", denied.join(", ")),
            change_policy(
                arn,
                &format!(
                    "remove the statement with the effect Deny, or narrow it so that it is not about account {account}, because no \
                     other statement outweighs it,"
                ),
                hints,
            ),
        );
    }
    if !missing.is_empty() {
        findings.error(
            Check::KeyPolicy,
            arn,
            format!("it does not let account {account} do {} through RDS of {regions}", missing.join(", ")),
            change_policy(
                arn,
                &format!(
                    "add a statement that allows {} to arn:{}:iam::{account}:root, as the statements Destination... of SnapshotKey in \
                     cloudformation/source-account.yaml are,",
                    missing.join(", "),
                    naming::arn_part(arn, 1)
                ),
                hints,
            ),
        );
    }
    if !denied.is_empty() || !missing.is_empty() {
        return;
    }
    if unclear.is_empty() {
        findings.ok(Check::KeyPolicy, arn, format!("lets account {account} copy through RDS of {regions}"));
    } else {
        findings.warning(
            Check::KeyPolicy,
            arn,
            format!("whether it lets account {account} do {} depends on conditions that are not known here", unclear.join(", ")),
            "compare its conditions with the roles of the destination account, or see what scripts/doctor both says of rights",
        );
    }
}

/// What the policy of the topic says of each action that subscribes a function of the destination account.
fn topic_verdicts(
    stack: &Stack,
    account: &str,
    region: &str,
    policy: &Value,
) -> Vec<(&'static str, Verdict)> {
    let topic = stack.output("TopicArn");
    let function = format!("arn:{}:lambda:{region}:{account}:function:doctor", naming::arn_part(topic, 1));
    let context = [("sns:Protocol", "lambda"), ("sns:Endpoint", function.as_str())];
    let said = |action: &&'static str| {
        let asked =
            Request { principal: Principal::Account(account), action, resource: topic, context: &context };
        (*action, judge(policy, &asked))
    };
    ["sns:Subscribe", "sns:GetTopicAttributes"].iter().map(said).collect()
}

fn topic(source: &Source, account: &str, hints: &Hints, findings: &mut Findings) {
    let stack = &source.common.stack;
    let topic = stack.output("TopicArn");
    let policy = match &source.topic_policy {
        Ok(policy) => policy,
        Err(unread) => return findings.unread(Check::Topic, topic, unread),
    };
    let region = stack.parameter("DestinationRegion").unwrap_or(&source.common.region);
    let said = topic_verdicts(stack, account, region, policy);
    let with = |verdict: Verdict| -> Vec<&str> {
        said.iter().filter(|(_, said)| *said == verdict).map(|(action, _)| *action).collect()
    };
    let denied = with(Verdict::Denied);
    if !denied.is_empty() {
        return findings.error(
            Check::Topic,
            topic,
            format!("a statement of its policy denies account {account} {}", denied.join(", ")),
            format!(
                "in the source account, remove the statement with the effect Deny from the policy of the topic, or narrow it so that it \
                 is not about account {account}, because no other statement outweighs it"
            ),
        );
    }
    let (missing, unclear) = (with(Verdict::Silent), with(Verdict::Unclear));
    if missing.is_empty() && !unclear.is_empty() {
        return findings.warning(
            Check::Topic,
            topic,
            format!(
                "whether its policy lets account {account} do {} depends on conditions that are not known here",
                unclear.join(", ")
            ),
            "compare its conditions with the destination account, or see whether the subscription is there (scripts/doctor both)",
        );
    }
    if missing.is_empty() {
        return findings.ok(
            Check::Topic,
            topic,
            format!("lets account {account} subscribe a function of {region}"),
        );
    }
    let names: Vec<&str> = missing.iter().filter_map(|action| action.split(':').nth(1)).collect();
    let label = format!("Destination-{account}");
    let add = ["sns", "add-permission", "--topic-arn", topic, "--label", &label, "--aws-account-id", account];
    let words: Vec<&str> = add.into_iter().chain(["--action-name"]).chain(names).collect();
    findings.error(
        Check::Topic,
        topic,
        format!(
            "its policy does not let account {account} do {} for a function of {region}",
            missing.join(", ")
        ),
        remedies::aws("source", hints, &words),
    );
}

fn subscriptions(source: &Source, account: &str, hints: &Hints, findings: &mut Findings) {
    let stack = &source.common.stack;
    let topic = stack.output("TopicArn");
    let all = match &source.subscriptions {
        Ok(all) => all,
        Err(unread) => return findings.unread(Check::Subscription, topic, unread),
    };
    let functions: Vec<_> = all
        .iter()
        .filter(|one| one.protocol == "lambda" && naming::arn_part(&one.endpoint, 4) == account)
        .collect();
    if functions.is_empty() {
        return findings.error(
            Check::Subscription,
            topic,
            format!("no function of account {account} is subscribed, so that nothing starts there"),
            // Which stack that is, is not known here, and another one must not be given this topic.
            format!(
                "in the destination account, for a new stack: {}; for one that is there: scripts/doctor both --destination-stack \
                 <its name>, which says what to subscribe",
                hints.deploy("destination", Some(&format!("SourceTopicArn={topic}")), "<its name>")
            ),
        );
    }
    for one in functions {
        let function = &one.endpoint;
        match &one.arn {
            Some(_) => findings.ok(Check::Subscription, topic, format!("{function} is subscribed")),
            None => findings.error(
                Check::Subscription,
                topic,
                format!("the subscription of {function} was never confirmed, so that it gets no message"),
                remedies::subscribe(topic, function, hints),
            ),
        }
    }
}

fn schedule(source: &Source, hints: &Hints, findings: &mut Findings) {
    let is_on = |one: &Read<Schedule>| one.as_ref().is_ok_and(|schedule| schedule.state == "ENABLED");
    let is_any_on = source.schedules.values().any(is_on);
    for (parameter, schedule) in &source.schedules {
        match schedule {
            Ok(schedule) if schedule.state == "ENABLED" => {
                findings.ok(Check::Schedule, *parameter, schedule.expression.clone());
            }
            // Only one of the two is of use to most.
            Ok(_) if is_any_on => findings.ok(Check::Schedule, *parameter, "off; the other one is on"),
            Ok(schedule) => {
                let stack = &source.common.stack;
                // What was switched off by hand, CloudFormation does not see.
                let remedy = if stack.parameter(parameter) == Some("ENABLED") {
                    remedies::aws("source", hints, &["events", "enable-rule", "--name", &schedule.rule])
                } else {
                    remedies::with_parameter("source", &format!("{parameter}=ENABLED"), stack, hints)
                };
                let what = format!("{} is off: no run starts by itself", schedule.expression);
                findings.warning(Check::Schedule, *parameter, what, remedy);
            }
            Err(unread) => findings.unread(Check::Schedule, *parameter, unread),
        }
    }
}
