//! AWS to facts: everything that the command reads, and nothing that it makes of it.
//!
//! It only reads. What cannot be read becomes [`Unread`] with the right that is missing; the rights are listed in
//! docs/security.md.

mod common;
mod destination;
mod network;
mod services;
mod source;

use std::collections::BTreeSet;

use aws_config::Region;
use replication::keys::NEEDED_ACTIONS;
use replication::naming::arn_part;

use super::facts::{Across, Destination, Facts, Side, Source, Unread};
use crate::account::Account;
use crate::failure::Failure;
use crate::status::observe::stacks;

/// What is asked about.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The name of the source stack.
    pub source_stack: String,
    /// The name of the destination stack.
    pub destination_stack: String,
    /// Another database than the source stack's.
    pub source_db: Option<String>,
}

/// Everything about the accounts that are given.
pub async fn facts(
    source: Option<Result<Account, Failure>>,
    destination: Option<Result<Account, Failure>>,
    asked: &Asked,
) -> Facts {
    let mut facts = Facts { source: None, destination: None, across: None };
    let mut database = None;
    let mut key = None;
    if let Some(account) = &source {
        let (side, seen) = source_side(account, asked).await;
        if let Side::Found(found) = &side {
            key = found.said.settings().map(|settings| settings.key.clone());
        }
        database = seen;
        facts.source = Some(side);
    }
    if let Some(account) = &destination {
        let side = match entered(account, &asked.destination_stack).await {
            Err(side) => side,
            Ok((account, common)) => {
                Side::Found(Box::new(destination::read(account, common, database.as_ref()).await))
            }
        };
        facts.destination = Some(side);
    }
    if let (Some(key), Some(Side::Found(found)), Some(Ok(account))) = (key, &facts.destination, &destination)
    {
        facts.across = Some(across(account, found, &key).await);
    }
    facts
}

async fn source_side(
    account: &Result<Account, Failure>,
    asked: &Asked,
) -> (Side<Source>, Option<replication::observed::Snapshot>) {
    match entered(account, &asked.source_stack).await {
        Err(side) => (side, None),
        Ok((account, common)) => {
            let (found, snapshot) = source::read(account, common, asked.source_db.as_deref()).await;
            (Side::Found(Box::new(found)), snapshot)
        }
    }
}

/// The account, and what its stack has in common with the other one.
async fn entered<'a, T>(
    account: &'a Result<Account, Failure>,
    stack: &str,
) -> Result<(&'a Account, super::facts::Common), Side<T>> {
    let account = account.as_ref().map_err(|failure| Side::NoAccount(failure.clone()))?;
    let number = account.number().await.map_err(Side::NoAccount)?;
    match stacks::named(account, stack).await {
        Ok(stack) => Ok((account, common::read(account, number, stack).await)),
        Err(failure) => {
            let (region, stack) = (account.region.clone(), stack.to_owned());
            Err(Side::NoStack { account: number, region, stack, failure })
        }
    }
}

/// What the destination account sees of the shared key.
async fn across(account: &Account, destination: &Destination, key: &str) -> Across {
    let own = arn_part(destination.common.stack.output("StateMachineArn"), 3);
    let regions = BTreeSet::from([arn_part(key, 3), own]);
    let stack = &destination.common.stack;
    let refused = match common::physical_id(account, stack, "CopyRole").await {
        Ok(name) => {
            let path = stack.parameter("RolePath").unwrap_or("/");
            let role =
                format!("arn:{}:iam::{}:role{path}{name}", arn_part(key, 1), destination.common.account);
            let actions: Vec<&str> = NEEDED_ACTIONS.split(", ").collect();
            let like = as_of_account(key, &destination.common.account);
            services::refused(account, &role, &like, &regions, &actions).await
        }
        Err(failure) => Err(failure),
    };
    Across { key: services::key(account, key).await, refused: refused.map_err(Unread::from) }
}

/// A key as it would be if this account had it. A role may use the key of another account only if the key's policy allows that
/// too, which a simulation for a role cannot be given, so that it denies every such key; the policies of our role have keys of any
/// account (cloudformation/destination-account.yaml).
fn as_of_account(key: &str, account: &str) -> String {
    let parts = key.splitn(6, ':').enumerate();
    parts.map(|(place, part)| if place == 4 { account } else { part }).collect::<Vec<_>>().join(":")
}

/// The same account in another Region.
fn in_region(account: &Account, region: &str) -> Account {
    if region.is_empty() || region == account.region {
        return account.clone();
    }
    let config = account.config.to_builder().region(Region::new(region.to_owned())).build();
    Account { config, region: region.to_owned(), ..account.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_account_of_a_key_is_another() {
        let key = "arn:aws:kms:eu-west-1:111111111111:key/a-b";
        assert_eq!(as_of_account(key, "222222222222"), "arn:aws:kms:eu-west-1:222222222222:key/a-b");
    }
}
