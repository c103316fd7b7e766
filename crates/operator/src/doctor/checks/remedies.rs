//! The commands that a remedy consists of.

use replication::naming::arn_part;

use crate::failure::Failure;
use crate::hints::Hints;
use crate::screen::shell_words;
use crate::status::facts::Stack;

/// What lets an account be used.
pub fn of_account(role: &str, failure: &Failure) -> String {
    match failure.code.as_str() {
        "NoRegionError" => format!("set AWS_REGION, or give --{role}-region NAME"),
        "ProfileNotFound" => {
            format!("give --{role}-profile the name of a profile that exists (aws configure list-profiles)")
        }
        _ => format!(
            "log in to the {role} account (aws sso login, or aws configure), or give --{role}-profile NAME; aws sts \
             get-caller-identity says who you are"
        ),
    }
}

/// What makes a stack.
pub fn deploy(role: &str, hints: &Hints) -> String {
    let role_option = format!("--{role}-stack");
    let needed = if role == "source" {
        "DestinationAccountNumber=<its 12 digits>"
    } else {
        "SourceTopicArn=<its ARN>"
    };
    format!("{}, or give {role_option} the name that it has", hints.deploy(role, Some(needed), ""))
}

/// What gives a stack another parameter.
pub fn with_parameter(role: &str, parameter: &str, stack: &Stack, hints: &Hints) -> String {
    hints.deploy(role, Some(parameter), &stack.name)
}

/// A command of the AWS CLI, in the account that it is for.
pub fn aws(role: &str, words: &[&str]) -> String {
    format!("in the {role} account: {}", shell_words(["aws"].into_iter().chain(words.iter().copied())))
}

/// What subscribes a function to a topic.
pub fn subscribe(topic: &str, function: &str) -> String {
    let region = arn_part(topic, 3);
    let words = ["sns", "subscribe", "--region", region, "--topic-arn", topic, "--protocol", "lambda"];
    aws("destination", &words.into_iter().chain(["--notification-endpoint", function]).collect::<Vec<_>>())
}
