//! Starts one replication, or those of many databases, and follows it through both accounts to its end.
//!
//! Needs in the source account: `cloudformation:DescribeStacks`, `states:StartExecution`, `states:DescribeExecution`,
//! `states:GetExecutionHistory`, with `--fleet` also `states:ListExecutions`; in the destination account
//! `cloudformation:DescribeStacks`, `states:DescribeExecution`, `states:GetExecutionHistory`. What follows is said if it may be
//! read: `secretsmanager:GetSecretValue` and `secretsmanager:DescribeSecret`, whether the secret can be used;
//! `cloudformation:DescribeStackResource` and `sqs:GetQueueAttributes`, where a message may have gone; with `--fleet`
//! `rds:DescribeAccountAttributes`, `rds:DescribeDBInstances`, `rds:DescribeDBSnapshots` and `rds:ListTagsForResource`, whether
//! its quotas are enough.

pub mod arguments;
mod conclusion;
mod fleet;
mod one;
mod refusals;
mod report;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::arguments::Replicate;
use crate::account::Account;
use crate::environment::{Environment, Pause, execution_name, interruption, pause};
use crate::failure::Failure;
use crate::hints::Hints;
use crate::output::{End, INTERRUPTED, failed, followed};
use crate::status::facts::Stack;
use crate::status::observe::stacks;
use crate::terminal::Terminal;

/// What there is to know beside the accounts.
#[derive(Debug)]
struct Asked<'a> {
    /// The options.
    given: &'a Replicate,
    /// What commands to run next have to be given.
    hints: &'a Hints,
    /// The name of the execution that is started.
    name: String,
    /// The time between two polls.
    poll: Duration,
    /// Waits for so long.
    pause: fn(Duration) -> Pause,
}

/// Both accounts.
#[derive(Debug, Clone, Copy)]
struct Accounts<'a> {
    source: &'a Account,
    destination: &'a Account,
}

/// What was begun, as far as it has come.
#[derive(Default)]
struct Begun {
    one: Option<one::Run>,
    fleet: Option<fleet::Fleet>,
}

/// The command. Answers with its exit code.
pub async fn run(given: &Replicate, environment: &Environment) -> u8 {
    let chosen = (given.accounts.source(environment), given.accounts.destination(environment));
    let asked = Asked {
        given,
        hints: &given.accounts.hints(environment),
        name: execution_name("replicate"),
        poll: Duration::from_millis(if given.accounts.local.is_some() { 300 } else { 3_000 }),
        pause,
    };
    followed(given.json, async |terminal| {
        let source = Account::open(&chosen.0, environment).await?;
        let destination = Account::open(&chosen.1, environment).await?;
        let accounts = Accounts { source: &source, destination: &destination };
        Ok(replicate(accounts, &asked, terminal, interruption()).await)
    })
    .await
}

/// The whole of it, until it has ended or is interrupted.
async fn replicate(
    accounts: Accounts<'_>,
    asked: &Asked<'_>,
    terminal: &mut Terminal<'_>,
    interruption: impl Future<Output = ()>,
) -> End {
    let mut begun = Begun::default();
    let ended = tokio::select! {
        biased;
        ended = to_the_end(accounts, asked, terminal, &mut begun) => Some(ended),
        () = interruption => None,
    };
    let Some(ended) = ended else {
        let stop = begun.fleet.map(|fleet| format!("; to stop it: {}", fleet.how_to_stop(accounts.source)));
        terminal.plain(&format!(
            "\nno longer following; what was started continues by itself: {} shows how it ends{}",
            asked.hints.status(&asked.given.stacks.destination_stack),
            stop.unwrap_or_default()
        ));
        return End { code: INTERRUPTED, document: None };
    };
    let document = report::document(&begun, ended.as_ref().err(), terminal.now());
    let code = match ended {
        Ok(()) => 0,
        Err(failure) => failed(terminal, &failure),
    };
    End { code, document }
}

async fn to_the_end(
    accounts: Accounts<'_>,
    asked: &Asked<'_>,
    terminal: &mut Terminal<'_>,
    begun: &mut Begun,
) -> Result<(), Failure> {
    if asked.given.fleet {
        let fleet = begun.fleet.insert(fleet::begin(accounts.source, asked, terminal).await?);
        return fleet.follow(accounts, asked, terminal).await;
    }
    let run = begun.one.insert(one::begin(accounts, asked, terminal).await?);
    run.follow(accounts, asked, terminal).await?;
    for line in conclusion::lines(run, asked.hints, &asked.given.stacks.destination_stack) {
        terminal.line(&line);
    }
    Ok(())
}

/// The stack of this name.
async fn stack_of(account: &Account, name: &str) -> Result<Stack, Failure> {
    stacks::named(account, name).await.map_err(|failure| {
        Failure::named(
            &failure.code,
            format!(
                "cannot read the stack {name} of the {} account ({}): {failure}",
                account.role, account.whose
            ),
        )
    })
}

/// The output of this name, which every stack of ours has.
fn wanted_output<'s>(account: &Account, stack: &'s Stack, name: &str) -> Result<&'s str, Failure> {
    stack.outputs.get(name).map(String::as_str).ok_or_else(|| {
        Failure::new(format!(
            "the stack {} of the {} account has no output {name}; was it deployed with this project's template?",
            stack.name, account.role
        ))
    })
}
