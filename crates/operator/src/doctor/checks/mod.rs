//! Facts to findings. Everything here is pure; what a run would decide is asked of the domain and not decided again.

mod common;
mod destination;
mod pair;
mod remedies;
mod runs;
mod source;
mod stack;
#[cfg(test)]
mod tests;

pub use self::destination::launch_arn;

use super::facts::{Facts, Side};
use super::finding::{Check, Finding, Findings, Place};
use crate::hints::Hints;

/// Everything that there is to say.
pub fn findings(facts: &Facts, hints: &Hints) -> Vec<Finding> {
    let mut all = Vec::new();
    if let Some(side) = &facts.source {
        let mut findings = Findings::of(Place::Source);
        if let Some(found) = present(side, "source", hints, &mut findings) {
            source::check(found, hints, &mut findings);
        }
        all.extend(findings.into_all());
    }
    if let Some(side) = &facts.destination {
        let mut findings = Findings::of(Place::Destination);
        if let Some(found) = present(side, "destination", hints, &mut findings) {
            destination::check(found, hints, &mut findings);
        }
        all.extend(findings.into_all());
    }
    if let (Some(source), Some(destination)) =
        (facts.source.as_ref().and_then(Side::found), facts.destination.as_ref().and_then(Side::found))
    {
        let mut findings = Findings::of(Place::Both);
        pair::check(source, destination, facts.across.as_ref(), hints, &mut findings);
        all.extend(findings.into_all());
    }
    all
}

/// What was found, where account and stack are there.
fn present<'s, T>(side: &'s Side<T>, role: &str, hints: &Hints, findings: &mut Findings) -> Option<&'s T> {
    match side {
        Side::NoAccount(failure) => {
            let (what, remedy) = remedies::of_account(role, failure, hints);
            findings.error(Check::Account, format!("{role} account"), what, remedy);
            None
        }
        Side::NoStack { account, region, stack, failure } => {
            findings.ok(Check::Account, account.clone(), format!("Region {region}"));
            let what = failure.text.clone();
            // What CloudFormation says of a stack that is not there.
            if failure.code == "ValidationError" {
                let remedy = remedies::deploy(role, stack, hints);
                findings.error(Check::Stack, format!("{role} stack"), what, remedy);
            } else {
                findings.unread_all(Check::Stack, format!("{role} stack"), &failure.clone().into());
            }
            None
        }
        Side::Found(found) => Some(found),
    }
}
