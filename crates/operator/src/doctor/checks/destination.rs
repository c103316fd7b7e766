//! The destination account: what starts a run there, what a run needs, and who hears of its end.

use replication::keys::{self, KeyUse};
use replication::naming;

use super::{common, remedies};
use crate::doctor::facts::{Common, Destination, Judged};
use crate::doctor::finding::{Check, Findings};
use crate::doctor::policy::{Principal, Request, Verdict, judge};
use crate::hints::Hints;
use crate::screen::count;
use crate::status::report::secret::{INVALID, SCHEDULED_FOR_DELETION, unusable};

/// A run makes one copy.
const SNAPSHOTS: i64 = 1;
/// Who invokes the function, unless a Region has a name of its own for that.
const SNS: &str = "sns.amazonaws.com";

/// The most characters of a statement's id in the policy of a function (Lambda, AddPermission).
const LONGEST_STATEMENT_ID: usize = 100;

/// The alarm about a version that is too old.
const STALE: &str = "StaleCopyAlarm";

/// All of it.
pub fn check(destination: &Destination, hints: &Hints, findings: &mut Findings) {
    common::check("destination", &destination.common, SNAPSHOTS, hints, findings);
    let arn = destination.common.stack.output("KMSKeyArn");
    let (key, parameter) = (&destination.key, keys::PARAMETER);
    let place = ("destination", &destination.common.stack, hints);
    common::key(Check::Key, place, key, KeyUse::OwnAccount, parameter, arn, findings);
    subscription(destination, hints, findings);
    permission(destination, hints, findings);
    secret(destination, hints, findings);
    let stack = &destination.common.stack;
    if common::settings(place, &destination.said, findings).is_some() {
        settings(destination, hints, findings);
    }
    if let Some(network) = &destination.network {
        common::network(Check::Network, "destination", stack, network, hints, findings);
    }
    alarms(destination, hints, findings);
    dead_letters(destination, hints, findings);
}

/// The ARN of the function that is subscribed.
pub fn launch_arn(common: &Common) -> String {
    let known = common.functions.as_ref().ok().and_then(|all| all.get("LaunchFunction")?.as_ref().ok());
    known.map_or_else(
        || {
            let partition = naming::arn_part(common.stack.output("StateMachineArn"), 1);
            let name = common.stack.output("LaunchFunctionName");
            format!("arn:{partition}:lambda:{}:{}:function:{name}", common.region, common.account)
        },
        |function| function.arn.clone(),
    )
}

fn subscription(destination: &Destination, hints: &Hints, findings: &mut Findings) {
    let topic = destination.common.stack.parameter("SourceTopicArn").unwrap_or_default();
    let function = launch_arn(&destination.common);
    match &destination.subscription {
        Err(unread) => findings.unread(Check::Subscription, topic, unread),
        Ok(None) => findings.error(
            Check::Subscription,
            topic,
            format!("{function} is not subscribed to it, so that no message starts a run"),
            remedies::subscribe(topic, &function, hints),
        ),
        Ok(Some(found)) if found.arn.is_none() => findings.error(
            Check::Subscription,
            topic,
            "the subscription was never confirmed, so that no message comes",
            remedies::subscribe(topic, &function, hints),
        ),
        Ok(Some(_)) => findings.ok(
            Check::Subscription,
            topic,
            format!("confirmed, in Region {}", naming::arn_part(topic, 3)),
        ),
    }
}

fn permission(destination: &Destination, hints: &Hints, findings: &mut Findings) {
    let stack = &destination.common.stack;
    let topic = stack.parameter("SourceTopicArn").unwrap_or_default();
    let function = launch_arn(&destination.common);
    let service = stack.parameter("SnsPrincipal").unwrap_or(SNS);
    let policy = match &destination.function_policy {
        Ok(policy) => policy,
        Err(unread) => return findings.unread(Check::Permission, &function, unread),
    };
    let context = [("aws:SourceArn", topic), ("aws:SourceAccount", naming::arn_part(topic, 4))];
    let asked = Request {
        principal: Principal::Service(service),
        action: "lambda:InvokeFunction",
        resource: &function,
        context: &context,
    };
    let verdict = policy.as_ref().map_or(Verdict::Silent, |policy| judge(policy, &asked));
    let words = ["lambda", "add-permission", "--function-name", stack.output("LaunchFunctionName")];
    // Another topic's may be there already.
    let statement = format!(
        "Topic-{}-{}-{}",
        naming::arn_part(topic, 4),
        naming::arn_part(topic, 3),
        naming::arn_part(topic, 5)
    );
    let statement: String = statement.chars().take(LONGEST_STATEMENT_ID).collect();
    let more = ["--statement-id", &statement, "--action", "lambda:InvokeFunction", "--principal", service];
    let words: Vec<&str> = words.into_iter().chain(more).chain(["--source-arn", topic]).collect();
    let remedy = remedies::aws("destination", hints, &words);
    match verdict {
        Verdict::Allowed => {
            findings.ok(Check::Permission, &function, format!("lets {service} call it for the topic"));
        }
        Verdict::Denied => findings.error(
            Check::Permission,
            &function,
            format!("a statement of its policy denies {service} to call it for {topic}, so that every message is lost"),
            format!(
                "remove the statement with the effect Deny, because no other statement outweighs it: {}",
                remedies::aws("destination", hints, &[
                    "lambda", "remove-permission", "--function-name", stack.output("LaunchFunctionName"), "--statement-id",
                    "<its Sid>",
                ])
            ),
        ),
        Verdict::Silent => findings.error(
            Check::Permission,
            &function,
            format!("its policy does not let {service} call it for {topic}, so that every message is lost"),
            remedy,
        ),
        Verdict::Unclear => findings.warning(
            Check::Permission,
            &function,
            format!(
                "whether its policy lets {service} call it depends on conditions that are not known here"
            ),
            format!("compare them with the topic {topic}, or add a plain statement: {remedy}"),
        ),
    }
}

fn secret(destination: &Destination, hints: &Hints, findings: &mut Findings) {
    let stack = &destination.common.stack;
    let (arn, name) = (stack.output("SecretArn"), stack.output("SecretName"));
    match &destination.secret {
        Ok(()) if stack.is_for_several() => {
            findings.ok(Check::Secret, name, "each database has its own, which its first run makes");
        }
        Ok(()) => findings.ok(Check::Secret, name, "a JSON object with db_host and db_prefix as texts"),
        Err(hidden) => {
            let unusable = unusable(&hidden.0, arn, name);
            let parts = unusable.as_deref().and_then(|text| text.split_once("; to fix this: "));
            let restore = ["secretsmanager", "restore-secret", "--secret-id", arn];
            match parts {
                Some((what, _)) if hidden.0 == SCHEDULED_FOR_DELETION => {
                    findings.error(Check::Secret, name, what, remedies::aws("destination", hints, &restore));
                }
                Some((what, remedy)) => findings.error(Check::Secret, name, what, remedy),
                None if hidden.0 == INVALID => findings.error(
                    Check::Secret,
                    name,
                    "it is no JSON object in text form in which db_host and db_prefix are texts",
                    r#"make it a JSON object with texts in both fields; before the first replication {"db_host":"","db_prefix":""}"#,
                ),
                None if key_is_unusable(destination) => findings.warning(
                    Check::Secret,
                    name,
                    format!("not checked: its key cannot be used ({})", hidden.0),
                    "see what is said of the secret key, and run the doctor again after that",
                ),
                None => findings.unread(
                    Check::Secret,
                    name,
                    &crate::failure::Failure::named(
                        &hidden.0,
                        format!("secretsmanager:GetSecretValue was refused with {}", hidden.0),
                    )
                    .into(),
                ),
            }
        }
    }
    match &destination.secret_key {
        None => {}
        Some(found) => {
            let arn = found.as_ref().map_or("", |key| key.arn.as_str());
            let arn = if arn.is_empty() { stack.parameter("SecretKMSKey").unwrap_or(name) } else { arn };
            let key_use = KeyUse::OwnAccount;
            let place = ("destination", stack, hints);
            common::key(Check::SecretKey, place, found, key_use, "SecretKMSKey", arn, findings);
        }
    }
}

/// Whether the secret cannot be read because of its key.
fn key_is_unusable(destination: &Destination) -> bool {
    let known = destination.secret_key.as_ref().and_then(|key| key.as_ref().ok());
    known.is_some_and(|key| key.problem(KeyUse::OwnAccount, "SecretKMSKey").is_some())
}

/// What a run checks before it copies anything.
fn settings(destination: &Destination, hints: &Hints, findings: &mut Findings) {
    let stack = &destination.common.stack;
    let Some(Judged { by, report }) = &destination.settings else {
        return findings.warning(
            Check::Settings,
            &stack.name,
            "not checked: there is no snapshot yet to check them against",
            "run scripts/doctor both, which checks them against the source database, or this again after the first replication",
        );
    };
    let report = match report {
        Ok(report) => report,
        Err(unread) => return findings.unread(Check::Settings, &stack.name, unread),
    };
    for finding in &report.findings {
        let update = hints.deploy("destination", Some(&format!("{}=...", finding.parameter)), &stack.name);
        findings.error(
            Check::Settings,
            finding.parameter,
            finding.wrong.clone(),
            remedies::settings(&format!("{}: {update}", finding.right)),
        );
    }
    if let Some(full) = &report.full {
        findings.refusal(Check::Quotas, &destination.common.account, full);
    }
    for one in &report.not_checked {
        findings.warning(
            Check::Settings,
            one.what.as_str(),
            format!("not checked: {}", one.because),
            "RDS judges it at the restore; see docs/security.md for the rights that the doctor needs",
        );
    }
    if report.findings.is_empty() && report.not_checked.is_empty() {
        findings.ok(Check::Settings, &stack.name, format!("RDS would take them ({by})"));
    }
}

fn alarms(destination: &Destination, hints: &Hints, findings: &mut Findings) {
    let stack = &destination.common.stack;
    let all = match &destination.alarms {
        Ok(all) => all,
        Err(unread) => return findings.unread(Check::Alarms, &stack.name, unread),
    };
    let topic = stack.output("AlertTopicArn");
    let mut quiet = 0;
    for one in all {
        let name = one.alarm.name.as_str();
        // It begins in alarm, and ends with the first copy.
        let is_expected =
            name == STALE && matches!(destination.common.runs.get("destination"), Some(Ok(None)));
        if one.alarm.state == "ALARM" && !is_expected {
            findings.warning(
                Check::Alarms,
                name,
                "it is in alarm",
                "see its description in CloudWatch, and what scripts/status says of the last runs",
            );
        } else if !one.is_on {
            let words = ["cloudwatch", "enable-alarm-actions", "--alarm-names", &one.physical];
            findings.warning(
                Check::Alarms,
                name,
                "it tells nobody: its actions are off",
                remedies::aws("destination", hints, &words),
            );
        } else if !one.actions.iter().any(|action| action == topic) {
            findings.warning(
                Check::Alarms,
                name,
                "it does not tell the alert topic of the stack",
                format!(
                    "put the action In alarm: {topic} into the alarm {} again (CloudWatch console, Edit); to deploy again does not help, \
                     because CloudFormation does not see what was changed by hand",
                    one.physical
                ),
            );
        } else {
            quiet += 1;
        }
    }
    for name in &destination.gone_alarms {
        findings.warning(
            Check::Alarms,
            name,
            "it is gone although the stack has it, so that it tells nobody",
            "CloudFormation does not make it again by itself: make it by hand under its name, with what \
             cloudformation/destination-account.yaml says of it",
        );
    }
    if quiet == all.len() && destination.gone_alarms.is_empty() {
        findings.ok(
            Check::Alarms,
            &stack.name,
            format!("{}, none in alarm that should not be", count(quiet, "alarm")),
        );
    }
}

fn dead_letters(destination: &Destination, hints: &Hints, findings: &mut Findings) {
    let queue = destination.common.stack.output("DeadLetterQueueUrl");
    let receive = ["sqs", "receive-message", "--queue-url", queue, "--max-number-of-messages", "10"];
    match &destination.dead_letters {
        Ok(0) => findings.ok(Check::DeadLetters, queue, "none"),
        Ok(number) => findings.warning(
            Check::DeadLetters,
            queue,
            format!("{} could not be handled", count(usize::try_from(*number).unwrap_or_default(), "message")),
            format!(
                "see the log of LaunchFunction for the reason and fix that; see which databases they are about ({}), replicate each of \
                 these again (scripts/replicate), and once no more come empty the queue, for good, {}",
                remedies::aws_words("destination", hints, &receive),
                remedies::aws("destination", hints, &["sqs", "purge-queue", "--queue-url", queue])
            ),
        ),
        Err(unread) => findings.unread(Check::DeadLetters, queue, unread),
    }
}
