//! The commands that a remedy consists of.

use replication::naming::arn_part;

use crate::account::local::NOT_UP;
use crate::failure::Failure;
use crate::hints::Hints;
use crate::screen::shell_words;
use crate::status::facts::Stack;

/// Why an account cannot be used, and what lets it be.
pub fn of_account(role: &str, failure: &Failure, hints: &Hints) -> (String, String) {
    let (said, remedy) = match failure.text.split_once("; to fix this: ") {
        Some((said, _)) => (said, None),
        None => match failure.text.split_once("; start it with ") {
            Some((said, command)) if failure.code == NOT_UP => (said, Some(command.to_owned())),
            _ => (failure.text.as_str(), None),
        },
    };
    let said = if failure.code == "NoCredentialsError" {
        "no credentials were found, neither in the environment nor in a profile"
    } else {
        said
    };
    (said.to_owned(), remedy.unwrap_or_else(|| lets_in(role, &failure.code, hints)))
}

fn lets_in(role: &str, code: &str, hints: &Hints) -> String {
    match code {
        "NoRegionError" => format!("set AWS_REGION, or give --{role}-region NAME"),
        "NoCredentialsError" => format!(
            "make a profile with the name {role}, which is found by itself (aws configure sso --profile {role}, or aws configure \
             --profile {role}), or give --{role}-profile the name of one that exists (aws configure list-profiles)"
        ),
        "ProfileNotFound" => {
            format!("give --{role}-profile the name of a profile that exists (aws configure list-profiles)")
        }
        _ => {
            let aws = |words: &[&str]| command(role, hints, words, false);
            format!(
                "log in to the {role} account ({}, or {}), or give --{role}-profile NAME; {} says who you are",
                aws(&["sso", "login"]),
                aws(&["configure"]),
                aws(&["sts", "get-caller-identity"])
            )
        }
    }
}

/// What makes a stack of this name.
pub fn deploy(role: &str, stack: &str, hints: &Hints) -> String {
    let role_option = format!("--{role}-stack");
    let needed = if role == "source" {
        "DestinationAccountNumber=<its 12 digits>"
    } else {
        "SourceTopicArn=<its ARN>"
    };
    format!("{}, or give {role_option} the name that it has", hints.deploy(role, Some(needed), stack))
}

/// What gives a stack another parameter.
pub fn with_parameter(role: &str, parameter: &str, stack: &Stack, hints: &Hints) -> String {
    hints.deploy(role, Some(parameter), &stack.name)
}

/// What is to be done about a function that does not read what the stack has: CloudFormation does not see it.
pub const CHANGED_BY_HAND: &str = "the stack has the right value already, so somebody has changed the function by hand, which \
                                   deploying does not see: put its environment variable right in the Lambda console";

/// What gives a stack another parameter, where nobody knows whether it has that value already.
pub fn settings(update: &str) -> String {
    format!("{update}; unless {CHANGED_BY_HAND}")
}

/// A command of the AWS CLI, in the account that it is for, and in the Region of that stack unless one is among the words.
pub fn aws(role: &str, hints: &Hints, words: &[&str]) -> String {
    format!("in the {role} account: {}", aws_words(role, hints, words))
}

/// The command alone.
pub fn aws_words(role: &str, hints: &Hints, words: &[&str]) -> String {
    command(role, hints, words, !words.contains(&"--region"))
}

/// The command with the profile of the account and, if it is to have it, the Region of the stack.
fn command(role: &str, hints: &Hints, words: &[&str], has_region: bool) -> String {
    let options = hints.aws(role).into_iter().filter(|(name, _)| has_region || *name != "--region");
    let options = options.flat_map(|(name, value)| [name, value]);
    shell_words(["aws"].into_iter().chain(words.iter().copied()).chain(options))
}

/// A command about a key, in the Region of the key.
pub fn kms(role: &str, hints: &Hints, operation: &str, arn: &str) -> String {
    let words = ["kms", operation, "--key-id", arn];
    let region = arn_part(arn, 3);
    let region: &[&str] = if region.is_empty() { &[] } else { &["--region", region] };
    aws_words(role, hints, &[&words[..], region].concat())
}

/// What subscribes a function to a topic.
pub fn subscribe(topic: &str, function: &str, hints: &Hints) -> String {
    let region = arn_part(topic, 3);
    let words = ["sns", "subscribe", "--region", region, "--topic-arn", topic, "--protocol", "lambda"];
    aws(
        "destination",
        hints,
        &words.into_iter().chain(["--notification-endpoint", function]).collect::<Vec<_>>(),
    )
}
