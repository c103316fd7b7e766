//! What is refused before anything is started, and what is to be checked where a message has not arrived.

use crate::failure::Failure;
use crate::screen::duration;
use crate::status::facts::{Read, Stack, includes};

/// Refuses what would not start a run in the destination account: the message that the source is going to send.
///
/// # Errors
/// What does not belong together, and what to do.
pub fn check(source: &Stack, destination: &Stack, source_db: Option<&str>) -> Result<(), Failure> {
    let (source_name, destination_name) = (&source.name, &destination.name);
    let (topic, heard) = (source.output("TopicArn"), destination.parameter("SourceTopicArn"));
    if let Some(heard) = heard.filter(|heard| !topic.is_empty() && *heard != topic) {
        return Err(Failure::new(format!(
            "the stacks {source_name} (source account) and {destination_name} (destination account) do not belong together, so \
             nothing was started\n  {source_name} publishes to         {topic}\n  {destination_name} listens to  {heard} (parameter \
             SourceTopicArn)\nto fix this: name the right stacks with --source-stack and --destination-stack, or deploy the \
             destination with SourceTopicArn={topic}"
        )));
    }
    let database = source_db.filter(|name| !name.is_empty()).or(source.parameter("SourceDBIdentifier"));
    let served = destination.parameter("SourceDBIdentifier");
    if let (Some(database), Some(served)) = (database, served)
        && !includes(served, database)
    {
        return Err(Failure::new(format!(
            "the snapshot would be of {database}, but the stack {destination_name} takes only messages about {served} (parameter \
             SourceDBIdentifier), so nothing was started\nto fix this: name the destination stack of this database with \
             --destination-stack, or another database with --source-db"
        )));
    }
    Ok(())
}

/// What is known of the way of a message in the destination account.
#[derive(Debug)]
pub struct Way {
    /// The log of the function that starts runs; nothing where the stack names no such function.
    pub log: Option<Read<String>>,
    /// How many messages were given up; nothing where the stack has no queue for them.
    pub given_up: Option<Read<i64>>,
}

/// Lines about a message that was sent and has started nothing within so many seconds.
pub fn never_arrived(destination: &Stack, way: &Way, id: &str, seconds: f64) -> String {
    const NONE: &str = "(no such output)";
    let subscription = destination.outputs.get("SubscriptionArn").map_or(NONE, String::as_str);
    let log = match &way.log {
        None => NONE.to_owned(),
        Some(Ok(log)) => log.clone(),
        Some(Err(why)) => {
            format!("(of {}, not readable: {})", destination.output("LaunchFunctionName"), why.0)
        }
    };
    let queue = destination.output("DeadLetterQueueUrl");
    let given_up = match &way.given_up {
        None => NONE.to_owned(),
        Some(Ok(number)) => format!("{queue} ({number} now)"),
        Some(Err(why)) => format!("{queue} (not readable: {})", why.0),
    };
    let parameter = |name: &str| format!("{name}={}", destination.parameter(name).unwrap_or_default());
    let parameters = ["SourceTopicArn", "SourceDBIdentifier"].map(parameter).join(", ");
    [
        format!(
            "the source has sent its message, but no execution {id} started in the destination within {}",
            duration(seconds)
        ),
        "check, in the destination account:".to_owned(),
        format!("  the subscription is confirmed     {subscription}"),
        format!("  the log of the launch function    {log}"),
        format!("  the messages that were given up   {given_up}"),
        format!("  the parameters of its stack        {parameters}"),
        "  (a message about another database is ignored)".to_owned(),
        "and in the source account: its parameter DestinationAccountNumber, whom the snapshot was shared with"
            .to_owned(),
    ]
    .join("\n")
}
