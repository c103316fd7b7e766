//! What a first run will stumble over, and what a failed one has stumbled over: from what AWS reports to lines with remedies.

mod checks;
mod facts;
mod finding;
mod observe;
mod policy;
mod print;

use std::io::IsTerminal;

use self::observe::Asked;
use crate::account::Account;
use crate::arguments::{Doctor, Examined};
use crate::environment::Environment;

/// The command. Answers with its exit code: 0 if there is no error.
pub async fn run(given: &Doctor, environment: &Environment) -> u8 {
    let (mut source, mut destination) = (None, None);
    if given.examined != Examined::Destination {
        source = Some(Account::open(&given.accounts.source(environment), environment).await);
    }
    if given.examined != Examined::Source {
        destination = Some(Account::open(&given.accounts.destination(environment), environment).await);
    }
    let mut hints = given.accounts.hints(environment);
    // The AWS CLI does not find a profile by itself.
    for (account, profile) in
        [(&source, &mut hints.source_profile), (&destination, &mut hints.destination_profile)]
    {
        if let Some(Ok(account)) = account
            && !account.profile.is_empty()
        {
            *profile = Some(account.profile.clone());
        }
    }
    let asked = Asked {
        source_stack: given.stacks.source_stack.clone(),
        destination_stack: given.stacks.destination_stack.clone(),
        source_db: given.source_db.clone(),
    };
    let facts = Box::pin(observe::facts(source, destination, &asked)).await;
    let findings = checks::findings(&facts, &hints);
    let document = print::document(&findings);
    let has_errors = document.errors > 0;
    let written = if given.json {
        serde_json::to_string_pretty(&document)
            .map_err(Into::into)
            .and_then(|json| crate::output::print(&(json + "\n")))
    } else {
        let text = print::text(&findings, crate::output::columns(print::WIDTH));
        let is_coloured = std::io::stdout().is_terminal() && !environment.is_without_colour;
        crate::output::print(&if is_coloured { print::painted(&text) } else { text })
    };
    if let Err(error) = written {
        eprintln!("failed: the report cannot be written: {error}");
        return 1;
    }
    u8::from(has_errors)
}
