//! The instance class: whether it can be had for the engine version, the license and the storage.

use std::collections::BTreeSet;

use super::{Known, Offer, Offers, Report, Wanted, release_of, seen};
use crate::observed::Snapshot;

/// How many classes are suggested.
const SUGGESTIONS: usize = 5;

/// Judges the class; answers the combination that is to be ordered, if there is one.
pub(super) fn judge<'a>(
    wanted: &Wanted,
    shared: &Snapshot,
    offers: Option<&'a Known<Offers>>,
    report: &mut Report,
) -> Option<&'a Offer> {
    let class = wanted.class.as_deref()?;
    let offers = seen(offers, "DBInstanceClass", report)?;
    if offers.of_class.is_empty() {
        refuse_class(class, shared, &offers.classes, report);
        return None;
    }
    let has_license = |offer: &&Offer| match (&offer.license, &shared.license_model) {
        (Some(offered), Some(found)) => offered == found,
        _ => true,
    };
    let of_license: Vec<&Offer> = offers.of_class.iter().filter(has_license).collect();
    if of_license.is_empty() {
        let license = shared.license_model.as_deref().unwrap_or_default();
        report.refuse(
            "DBInstanceClass",
            format!(
                "{class} cannot be had for {} with the license {license} of the snapshot",
                release_of(shared)
            ),
            "give another DBInstanceClass",
        );
        return None;
    }
    let kind = wanted.storage_type.as_deref().or(shared.storage_type.as_deref())?;
    let offer =
        of_license.iter().find(|offer| offer.storage.as_deref().is_none_or(|offered| offered == kind));
    let Some(offer) = offer else {
        refuse_storage(class, kind, &of_license, wanted.storage_type.is_some(), report);
        return None;
    };
    if wanted.multi_az && offer.multi_az == Some(false) {
        let wrong = format!("it is true, and {} on {class} has no standby", release_of(shared));
        report.refuse("MultiAZ", wrong, "give MultiAZ=false, or another DBInstanceClass");
    }
    // The copy that is restored is always encrypted.
    if offer.encryption == Some(false) {
        report.refuse(
            "DBInstanceClass",
            format!("{class} has no encrypted storage, and copies are always encrypted"),
            "give another DBInstanceClass",
        );
    }
    Some(offer)
}

fn refuse_class(class: &str, shared: &Snapshot, classes: &BTreeSet<String>, report: &mut Report) {
    let release = release_of(shared);
    // RDS lists no combinations of a version that is not offered any more, and restores its snapshots all the same.
    if classes.is_empty() {
        return report
            .leave_out("DBInstanceClass", format!("RDS lists no class for {release} in this Region"));
    }
    report.refuse(
        "DBInstanceClass",
        format!("{class} cannot be ordered for {release} in this Region"),
        format!(
            "give a DBInstanceClass that can, such as {}, or leave it empty to take that of the source",
            nearest(class, classes).join(", ")
        ),
    );
}

fn refuse_storage(class: &str, kind: &str, offers: &[&Offer], is_chosen: bool, report: &mut Report) {
    let kinds: BTreeSet<&str> = offers.iter().filter_map(|offer| offer.storage.as_deref()).collect();
    let kinds: Vec<&str> = kinds.into_iter().collect();
    let right = format!("give a StorageType that it has: {}", kinds.join(", "));
    if is_chosen {
        report.refuse("StorageType", format!("{class} has no storage of the type {kind}"), right);
    } else {
        let wrong = format!("{class} has no storage of the type {kind}, which the snapshot has");
        report.refuse("DBInstanceClass", wrong, format!("{right}; or another DBInstanceClass"));
    }
}

/// The classes that are most like one, the most alike first: by the kind of machine, then by the size.
fn nearest<'a>(class: &str, classes: &'a BTreeSet<String>) -> Vec<&'a str> {
    let (kind, size) = parts(class);
    let mut found: Vec<&str> = classes.iter().map(String::as_str).collect();
    found.sort_by_key(|one| {
        let (other_kind, other_size) = parts(one);
        (other_kind.chars().next() != kind.chars().next(), size.abs_diff(other_size), *one)
    });
    found.truncate(SUGGESTIONS);
    found
}

/// The family of a class and the rank of its size.
fn parts(class: &str) -> (&str, i32) {
    let mut parts = class.split('.').skip(1);
    let (family, size) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let rank = match size {
        "micro" => -3,
        "small" => -2,
        "medium" => -1,
        "large" => 0,
        "xlarge" => 1,
        larger => larger.strip_suffix("xlarge").and_then(|times| times.parse().ok()).unwrap_or(0),
    };
    (family, rank)
}
