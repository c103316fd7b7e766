//! What is live, what is kept, what the last runs did: from what AWS reports to what the operator reads.

mod colour;
pub mod facts;
#[cfg(test)]
pub mod golden;
pub mod observe;
pub mod report;
pub mod text;

use std::io::IsTerminal;

use self::facts::Unreadable;
use self::observe::Asked;
use crate::account::Account;
use crate::arguments::Status;
use crate::environment::{self, Environment};
use crate::failure::Failure;
use crate::output::{columns, print};

/// The command. Answers with its exit code.
pub async fn run(given: &Status, environment: &Environment) -> u8 {
    let facts = match facts(given, environment).await {
        Ok(facts) => facts,
        Err(failure) => {
            eprintln!("failed: the destination account cannot be read: {failure}");
            return 1;
        }
    };
    let document = report::report(&facts, given.last.into(), &given.accounts.hints(environment));
    let written = if given.json {
        serde_json::to_string_pretty(&document).map_err(Into::into).and_then(|json| print(&(json + "\n")))
    } else {
        let text = text::render(&document, &given.source_db.to_ascii_lowercase(), columns(text::WIDTH));
        let is_coloured = std::io::stdout().is_terminal() && !environment.is_without_colour;
        print(&if is_coloured { colour::painted(&text) } else { text })
    };
    if let Err(error) = written {
        eprintln!("failed: the report cannot be written: {error}");
        return 1;
    }
    u8::from(!report::is_complete(&document))
}

async fn facts(given: &Status, environment: &Environment) -> Result<facts::Facts, Failure> {
    let destination = Account::open(&given.accounts.destination(environment), environment).await?;
    // The source account may not be readable for those who work in the destination account.
    let source =
        Account::open(&given.accounts.source(environment), environment).await.map_err(Unreadable::from);
    let asked = Asked {
        stacks: given.destination_stack.clone(),
        last: given.last.into(),
        now: environment::now(),
        source_db: given.source_db.to_ascii_lowercase(),
    };
    observe::facts(&destination, source, &asked).await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    fn fields(value: &Value, into: &mut BTreeSet<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| fields(item, into)),
            Value::Object(object) => {
                for (name, value) in object {
                    into.insert(name.clone());
                    fields(value, into);
                }
            }
            _ => {}
        }
    }

    /// The changes of the other cases are no documents, so that of the first is read, in which every kind of thing is.
    #[test]
    fn every_field_of_the_document_is_described() {
        let help = include_str!("help.txt");
        let cases: Value = serde_json::from_str(include_str!("../../tests/golden/status.json")).unwrap();
        let mut names = BTreeSet::new();
        fields(&cases[0]["document"], &mut names);
        let words: BTreeSet<&str> = help.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        let missing: Vec<&String> = names.iter().filter(|name| !words.contains(name.as_str())).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
