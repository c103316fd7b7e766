//! The tags that a stack gives to everything that its functions make.

use std::collections::BTreeSet;

use super::{Environment, invalid};
use crate::Error;
use crate::lineage::{self, Tags};

const NAME: &str = "EXTRA_TAGS";

/// The stack's `ExtraTags`, as `Key=Value,Key=Value`; a value has no comma, which a tag's value may not have either (RDS,
/// `Tag`). What is accepted here fits onto everything that is made, beside our own tags.
///
/// # Errors
/// `InvalidConfiguration`, naming the tag: not of that form, reserved, refused by RDS, given twice, or one too many.
pub fn extra_tags(environment: &Environment) -> Result<Tags, Error> {
    let entries = environment.optional_list(NAME).unwrap_or_default();
    let number = entries.len();
    if number > lineage::MOST_CHOSEN_TAGS {
        let most = lineage::MOST_CHOSEN_TAGS;
        let because = format!("it has {number} tags, and beside our own there is room for {most}");
        return Err(invalid(NAME, &because));
    }
    let mut keys = BTreeSet::new();
    let mut tags = Tags::default();
    for entry in &entries {
        let (key, value) = read(entry).map_err(|because| invalid(NAME, &because))?;
        if !keys.insert(key) {
            return Err(invalid(NAME, &format!("the tag {key} is given twice")));
        }
        tags = tags.with(key, value);
    }
    Ok(tags)
}

/// One tag, or what is wrong with it.
fn read(entry: &str) -> Result<(&str, &str), String> {
    let (key, value) = match entry.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
        Some((key, value)) if !key.is_empty() => (key, value),
        _ => return Err(format!("{entry:?} is not of the form Key=Value")),
    };
    if lineage::is_reserved(key, value) {
        return Err(format!(
            "the tag {key}={value} is reserved: what begins with aws: or rds: is of AWS, a key that begins with \
             rds-replication: or is to-be-deleted is of this product"
        ));
    }
    match lineage::refusal(key, value) {
        Some(because) => Err(format!("RDS would refuse the tag {key}={value}: {because}")),
        None => Ok((key, value)),
    }
}

#[cfg(test)]
mod tests {
    use crate::ErrorName;

    use super::*;

    fn given(text: &str) -> Result<Tags, Error> {
        extra_tags(&[(NAME, text)].into_iter().collect())
    }

    /// > A tag of the stack that is reserved, that RDS would refuse or that may not fit is refused by name before anything is
    /// > made.
    #[test]
    fn a_wrong_tag_of_the_stack_is_named() {
        let many = |number: usize| (0..number).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
        for (text, because) in [
            ("team", "\"team\" is not of the form Key=Value"),
            ("=data", "\"=data\" is not of the form Key=Value"),
            ("a=b,,c=d", "\"\" is not of the form Key=Value"),
            ("rds-replication:stack=mine", "the tag rds-replication:stack=mine is reserved"),
            ("to-be-deleted=True", "the tag to-be-deleted=True is reserved"),
            ("AWS:team=x", "the tag AWS:team=x is reserved"),
            ("team=rds:x", "the tag team=rds:x is reserved"),
            ("team=R&D", "RDS would refuse the tag team=R&D: it has the character '&'"),
            ("team=a,env=x,team=b", "the tag team is given twice"),
            (&many(39), "it has 39 tags, and beside our own there is room for 38"),
        ] {
            let error = given(text).unwrap_err();
            assert_eq!(error.name(), ErrorName::InvalidConfiguration);
            assert!(error.to_string().contains(&format!("{NAME}: {because}")), "{error}");
        }
        assert_eq!(given(&many(38)).unwrap().iter().count(), 38);
        assert_eq!(given("").unwrap(), Tags::default());
        let two = Tags::default().with("team", "data").with("cost centre", "4=2");
        assert_eq!(given("team=data, cost centre = 4=2").unwrap(), two);
    }

    #[test]
    fn what_a_stack_may_choose_fits_beside_ours() {
        let chosen: Tags = (0..lineage::MOST_CHOSEN_TAGS).map(|n| (format!("k{n}"), "v")).collect();
        let id = "20261122t103400z-1f2e3d".parse().unwrap();
        let ours = Tags::of_replication("stack", &id, &"orders".parse().unwrap()).named("orders-copy-7");
        let later =
            [lineage::SOURCE_SNAPSHOT, lineage::VERSION, lineage::RESTORED_VERSION, lineage::DATA_TIME];
        let ours = later.iter().fold(ours, |tags, key| tags.with(key, "x"));
        assert_eq!(ours.merged_under(&chosen).left_out_of(&chosen).count(), 0);
    }
}
