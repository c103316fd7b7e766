use proptest::prelude::*;
use time::macros::datetime;

use super::*;

fn prefix(text: &str) -> InstanceIdentifier {
    text.parse().unwrap()
}

#[test]
fn ids_follow_from_the_execution() {
    let arn = "arn:aws:states:eu-west-1:123456789012:execution:source:nightly";
    let id = ReplicationId::new(datetime!(2026-11-22 11:34:00.9 +01:00), arn);
    assert!(id.as_str().starts_with("20261122t103400z-"), "{id}");
    assert_eq!(id, ReplicationId::new(datetime!(2026-11-22 10:34:00 UTC), arn));
    assert_ne!(id, ReplicationId::new(datetime!(2026-11-22 10:34:00 UTC), "another execution"));
    assert_eq!(id.as_str().parse::<ReplicationId>().unwrap(), id);
    assert_eq!(id.as_str().len(), ID_LENGTH);
    for wrong in [
        "",
        "20261122t103400z",
        "20261122t103400z-1F2E3D",
        "x-abcdef",
        "20261122t10340z-abcdef",
        "20261122t103400z-abcdef0",
    ] {
        assert!(wrong.parse::<ReplicationId>().is_err(), "{wrong}");
    }
    assert!(id.as_str() < id_stamp(datetime!(2026-11-22 10:34:01 UTC)).as_str());
    assert!(id.as_str() > id_stamp(datetime!(2026-11-22 10:34:00 UTC)).as_str());
    let snapshot = source_snapshot("source-database-snapshot", &id).unwrap();
    assert_eq!(encrypted_copy(&snapshot).unwrap().as_str(), format!("source-database-snapshot-{id}-copy-in"));
}

/// > Ids of earlier releases, which have six digits, are read, and sort by age among those of today.
#[test]
fn ids_of_earlier_releases_are_read_and_sort_by_age() {
    let id = |text: &str| text.parse::<ReplicationId>().unwrap();
    let ids = ["20261122t103359z-ffffff", "20261122t103400z-0a1b2c3d4e", "20261122t103401z-000000"].map(id);
    assert!(ids.is_sorted());
    assert_eq!(ids[0].started_at(), Some(datetime!(2026-11-22 10:33:59 UTC)));
    assert!(is_snapshot_name("nightly-20261122t103359z-ffffff-copy-in", ids[0].as_str()));
}

/// > The longest name that a stack may give its snapshots fits into every Region's ARN, and that into a tag.
#[test]
fn the_longest_name_of_a_snapshot_fits_into_a_tag() {
    let template = include_str!("../../../../cloudformation/source-account.yaml");
    let parameter = template.split("\n  SourceDBSnapshotName:\n").nth(1).unwrap();
    let longest = parameter.split("MaxLength: ").nth(1).unwrap();
    let longest: usize = longest.lines().next().unwrap().parse().unwrap();
    let id = ReplicationId::new(datetime!(2026-11-22 10:34:00 UTC), "x");
    let copy = encrypted_copy(&source_snapshot(&"a".repeat(longest), &id).unwrap()).unwrap();
    for place in ["aws-us-gov:rds:us-gov-west-1", "aws-iso-b:rds:us-isob-east-1", "aws:rds:ap-southeast-1"] {
        let arn: SnapshotArn = format!("arn:{place}:123456789012:snapshot:{copy}").parse().unwrap();
        assert!(arn.to_string().len() <= 256, "{} {arn}", arn.to_string().len());
    }
}

#[test]
fn a_final_snapshot_is_named_by_its_replication() {
    let last = final_snapshot(&prefix("orders-7"), "20261122t103400z-1f2e3d").unwrap();
    assert_eq!(last.as_str(), "orders-7-final-20261122t103400z-1f2e3d");
}

#[test]
fn identifiers_follow_the_rule_of_rds() {
    assert_eq!("Orders-2".parse::<InstanceIdentifier>().unwrap().as_str(), "orders-2");
    for wrong in ["", "2orders", "orders-", "or--ders", "or_ders", "-orders", "örders"] {
        let error = wrong.parse::<InstanceIdentifier>().unwrap_err();
        assert_eq!(error.name(), ErrorName::InvalidInput, "{wrong}");
    }
    assert!("a".repeat(63).parse::<InstanceIdentifier>().is_ok());
    assert!("a".repeat(64).parse::<InstanceIdentifier>().is_err());
    assert!("a".repeat(255).parse::<SnapshotIdentifier>().is_ok());
    assert!("a".repeat(256).parse::<SnapshotIdentifier>().is_err());
}

/// > A version in a name is what follows the prefix; digits are never searched for.
#[test]
fn a_prefix_is_cut_off_once_and_digits_are_never_searched_for() {
    for (prefix, instance, version) in [
        ("app", "app-3", Some(3)),
        ("app3", "app3-3", Some(3)),
        ("app3", "app-1", None),
        ("app", "app3-3", None),
        ("app", "app-3-3", None),
        ("app-3", "app-3-3", Some(3)),
        ("app", "app-03", None),
        ("app", "app-", None),
        ("app", "app", None),
        ("app", "app-+3", None),
        ("app", "app-99999999999999999999", None),
    ] {
        assert_eq!(version_of(prefix, instance), version, "{prefix} {instance}");
    }
}

#[test]
fn snapshot_arns_are_read_by_their_parts() {
    let arn: SnapshotArn = "arn:aws-us-gov:rds:us-gov-west-1:123456789012:snapshot:Nightly".parse().unwrap();
    assert_eq!(arn.to_string(), "arn:aws-us-gov:rds:us-gov-west-1:123456789012:snapshot:nightly");
    for wrong in [
        "arn:aws:rds:eu-west-1:123456789012:cluster-snapshot:x",
        "arn:aws:rds:eu-west-1:123456789012:snapshot:rds:nightly",
        "arn:aws:rds:eu-west-1:12345678901:snapshot:x",
        "arn:aws:s3:eu-west-1:123456789012:snapshot:x",
        "arn:aws:rds::123456789012:snapshot:x",
        "arn:evil:rds:eu-west-1:123456789012:snapshot:x",
        "arn:aws-:rds:eu-west-1:123456789012:snapshot:x",
        "arn:aws:rds:../west-1:123456789012:snapshot:x",
        "x",
        "",
    ] {
        assert!(wrong.parse::<SnapshotArn>().is_err(), "{wrong}");
    }
    assert_eq!(arn_part("arn:aws:sns:eu-west-1:123456789012:topic", 4), "123456789012");
}

proptest! {
    #[test]
    fn a_name_made_of_a_prefix_and_a_version_is_read_back(base in "[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,6}){0,4}", version in 1u32..) {
        let prefix = prefix(&base);
        let name = instance(&prefix, version).unwrap();
        prop_assert_eq!(version_of(prefix.as_str(), name.as_str()), Some(version));
    }
}
