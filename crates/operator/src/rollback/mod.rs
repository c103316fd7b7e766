//! Makes another version of the database live: starts the rollback machine and follows it to its end.

mod named;
mod report;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use replication::contract::Outcome;
use replication::lineage::Tags;
use replication::naming::execution_arn;
use replication::observed;
use replication::rollback::{self, RequestedVersion};
use replication::versions::{Scope, World};
use serde_json::{Value, json};

use self::named::{Named, named, of_host};
use crate::account::Account;
use crate::arguments::Rollback;
use crate::environment::{Environment, execution_name, interruption, pause};
use crate::execution::{Execution, how_it_failed, plain};
use crate::failure::Failure;
use crate::following::Follower;
use crate::hints::Hints;
use crate::output::{End, INTERRUPTED, failed, followed};
use crate::screen::duration;
use crate::status::facts::{Stack, includes};
use crate::status::observe::machines::{self, Followed};
use crate::status::observe::{databases, stacks};
use crate::status::report::secret::refusal;
use crate::terminal::Terminal;

/// What there is to know beside the account.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The options.
    pub given: &'a Rollback,
    /// What commands to run next have to be given.
    pub hints: &'a Hints,
    /// The time between two polls.
    pub poll: Duration,
}

/// What was begun, as far as it has come.
#[derive(Debug, Default)]
struct Begun {
    /// The ARN of the execution.
    started: Option<String>,
    /// The execution, once it has ended.
    execution: Option<Execution>,
    /// What the secret named before.
    before: Option<Named>,
    /// What it names now.
    after: Option<Named>,
}

/// The command. Answers with its exit code.
pub async fn run(given: &Rollback, environment: &Environment) -> u8 {
    let accounts = given.account.accounts();
    let (chosen, hints) = (accounts.destination(environment), accounts.hints(environment));
    let poll = Duration::from_millis(if chosen.local.is_some() { 300 } else { 3_000 });
    let asked = Asked { given, hints: &hints, poll };
    followed(given.json, async |terminal| {
        let account = Account::open(&chosen, environment).await?;
        Ok(roll_back(&account, &asked, terminal, interruption()).await)
    })
    .await
}

/// The whole of it in an account, until it has ended or is interrupted.
async fn roll_back(
    account: &Account,
    asked: &Asked<'_>,
    terminal: &mut Terminal<'_>,
    interruption: impl Future<Output = ()>,
) -> End {
    let mut begun = Begun::default();
    let ended = tokio::select! {
        biased;
        ended = to_the_end(account, asked, terminal, &mut begun) => Some(ended),
        () = interruption => None,
    };
    if let Some(ended) = ended {
        let document = report::document(&begun, ended.as_ref().err());
        let code = ended.map_or_else(|failure| failed(terminal, &failure), |()| 0);
        return End { code, document };
    }
    match begun.started {
        Some(arn) => terminal.plain(&format!(
            "\nno longer following; the execution continues by itself: {arn}\n{} shows how it ends",
            asked.hints.status(&asked.given.destination_stack)
        )),
        None => terminal.plain("\nstopped"),
    }
    End { code: INTERRUPTED, document: None }
}

async fn to_the_end(
    account: &Account,
    asked: &Asked<'_>,
    terminal: &mut Terminal<'_>,
    begun: &mut Begun,
) -> Result<(), Failure> {
    let name = &asked.given.destination_stack;
    let stack = stacks::named(account, name).await?;
    let machine = stack.output("RollbackStateMachineArn").to_owned();
    if machine.is_empty() {
        return Err(Failure::new(format!(
            "the stack {name} of the destination account has no output RollbackStateMachineArn: it is older than the rollback \
             machine; deploy it again with {}",
            asked.hints.deploy_destination(None, name)
        )));
    }
    let stack = of_database(&stack, asked.given.source_db.as_deref())?;
    let before = named(account, &stack).await;
    let (secret, name) = (stack.output("SecretArn"), stack.output("SecretName"));
    if let Some(advice) = refusal(&before.hidden_by, secret, name) {
        return Err(Failure::new(format!("{advice}; nothing was started")));
    }
    check_version(account, &stack, &before, asked.given).await?;
    terminal.line(&format!("the secret names {}", before.words(terminal.now())));
    let before = begun.before.insert(before);
    let version = match asked.given.version {
        RequestedVersion::Version(version) => json!(version),
        RequestedVersion::Previous => json!("previous"),
    };
    let mut input = json!({"version": version});
    if let Some(database) = &asked.given.source_db {
        input["SourceDBIdentifier"] = json!(database);
    }
    let client = account.machines();
    let name = execution_name("rollback");
    begun.started = Some(execution_arn(&machine, &name));
    let (arn, at) = match machines::start(&client, &machine, &name, &input).await {
        Ok(found) => found,
        Err(failure) => {
            begun.started = None;
            return Err(failure);
        }
    };
    terminal.line(&format!("destination  started {arn}"));
    let followed = Followed::started(&client, &arn, at);
    let execution = begun.execution.insert(follow(followed, asked, terminal).await?);
    succeeded(execution)?;
    let moved = execution.of_destination("rotate-secret");
    let mut after = named(account, &stack).await;
    if after.host.is_empty() {
        // What the machine has read back counts, should these credentials not show the secret.
        after = of_host(account, moved["db_host"].as_str().unwrap_or_default()).await;
    }
    conclude(moved, before, begun.after.insert(after), terminal);
    Ok(())
}

/// Refuses the number of a version that is not there: what the machine refuses is an alert to every operator. Which one is the
/// previous one, and what these credentials cannot see, the machine decides by itself.
async fn check_version(
    account: &Account,
    stack: &Stack,
    live: &Named,
    given: &Rollback,
) -> Result<(), Failure> {
    let is_numbered = matches!(given.version, RequestedVersion::Version(_));
    let (true, Ok(prefix), Ok(database)) =
        (is_numbered && live.hidden_by.is_empty(), stack.prefix().parse(), stack.database().parse())
    else {
        return Ok(());
    };
    let (Ok(instances), Ok(snapshots)) =
        (databases::instances(account).await, databases::snapshots(account, &BTreeSet::new()).await)
    else {
        return Ok(());
    };
    let instances: Vec<observed::Instance> = instances.into_iter().map(|one| one.seen).collect();
    let snapshots: Vec<observed::Snapshot> = snapshots.into_iter().map(|one| one.seen).collect();
    // Whose a thing is that shows no tags is not known: they may be hidden from these credentials, or for a while from all.
    let is_unknown = |name: &str, tags: &Tags| tags.is_empty() && name.starts_with(stack.prefix());
    if instances.iter().any(|one| is_unknown(one.identifier.as_str(), &one.tags))
        || snapshots.iter().any(|one| is_unknown(one.identifier.as_str(), &one.tags))
    {
        return Ok(());
    }
    let scope = Scope { stack: &stack.name, prefix: &prefix, database: &database };
    let world = World {
        instances: &instances,
        snapshots: &snapshots,
        live_host: &live.host,
        live_prefix: stack.prefix(),
    };
    let found = rollback::find(given.version, given.source_db.is_some(), &scope, &world);
    found.map(|_| ()).map_err(|error| Failure::new(format!("{error}; nothing was started")))
}

/// The stack as it is for the database, which has to be named where there are several.
fn of_database(stack: &Stack, database: Option<&str>) -> Result<Stack, Failure> {
    let wrong = match database {
        _ if !stack.is_for_several() => return Ok(stack.clone()),
        Some(database) if includes(&stack.database(), database) => return stack.for_database(database),
        Some(database) => format!("{database} is none of them"),
        None => "none of them is named".to_owned(),
    };
    Err(Failure::new(format!(
        "the stack {} replicates the databases {}, and {wrong}; nothing was started\nto fix this: name the database with --source-db",
        stack.name,
        stack.parameter("SourceDBIdentifier").unwrap_or_default()
    )))
}

/// Prints what the execution does until it has ended.
async fn follow(
    followed: Followed,
    asked: &Asked<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<Execution, Failure> {
    let mut follower = Follower::new("destination", followed);
    let begun = terminal.elapsed();
    loop {
        follower.poll(terminal).await?;
        if !follower.execution().is_running() {
            break;
        }
        let waiting = follower.waiting_for(terminal.now());
        if terminal.elapsed() - begun > asked.given.timeout {
            return Err(Failure::new(format!(
                "the rollback has not ended within {}; it continues by itself: {waiting}\n  execution  {}",
                duration(asked.given.timeout),
                follower.execution().arn
            )));
        }
        terminal.waiting(&waiting);
        pause(asked.poll).await;
    }
    Ok(follower.into_execution())
}

/// Whether it has done what it was started for.
fn succeeded(execution: &Execution) -> Result<(), Failure> {
    if !execution.has_succeeded() {
        return Err(Failure::new(how_it_failed(execution, "rollback")));
    }
    let outcome = &execution.of_destination("rotate-secret")["outcome"];
    if !serde_json::from_value::<Outcome>(outcome.clone()).is_ok_and(Outcome::has_moved) {
        return Err(Failure::new(format!(
            "the rollback machine has ended well, but what it did to the secret is: {}\n  execution  {}",
            plain(outcome),
            execution.arn
        )));
    }
    Ok(())
}

/// Says what has become of the secret.
fn conclude(moved: &Value, before: &Named, after: &Named, terminal: &mut Terminal<'_>) {
    let now = terminal.now();
    terminal.line(&format!("the secret now names {}", after.words(now)));
    if before.host == after.host {
        terminal.line("it did so before");
    } else {
        terminal.line(&format!("before it named {}", before.words(now)));
    }
    for (words, names) in
        [("marked to-be-deleted", &moved["marked"]), ("no longer marked", &moved["unmarked"])]
    {
        let names: Vec<String> = names.as_array().into_iter().flatten().map(plain).collect();
        if !names.is_empty() {
            terminal.line(&format!("{words}: {}", names.join(", ")));
        }
    }
}
