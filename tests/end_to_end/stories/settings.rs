//! Settings that do not fit the source or the account.

use harness::account::text;
use harness::cloud::Cloud;
use harness::pair::{Pair, contents, fill, password};

/// What is wrong for a source of PostgreSQL with 20 GiB, each by a parameter and what the error says of it.
const WRONG: &[(&str, &str, &str)] = &[
    ("Engine", "mysql", "Engine: it is mysql, and the snapshot is of postgres"),
    ("DBInstanceClass", "db.t2.large", "DBInstanceClass: db.t2.large cannot be ordered for postgres"),
    ("Subnetgroups", "settings-none", "Subnetgroups: there is no DB subnet group settings-none"),
    (
        "DBParameterGroupName",
        "settings-mysql",
        "DBParameterGroupName: settings-mysql is of the family mysql8.0",
    ),
    ("OptionGroupName", "settings-none", "OptionGroupName: there is no option group settings-none"),
    ("StorageType", "gp3", "not even its own 3000 IOPS and 125 MiB/s; the snapshot has 20 GiB"),
    ("Iops", "3000", "Iops: it is 3000, and gp3 storage of postgres takes none below 400 GiB"),
    ("MaxAllocatedStorage", "20", "MaxAllocatedStorage: its storage of 20 GiB cannot grow to 20 GiB"),
];

/// The stack is deployed with everything wrong. One run says all of it, and the next one, after the correction, replicates.
///
/// > While RDS would refuse the settings of the restore nothing is copied, and one error names every parameter.
pub fn wrong_settings_end_a_run_before_the_copy(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let create = ["rds", "create-db-parameter-group", "--db-parameter-group-family", "mysql8.0"];
    let named = ["--db-parameter-group-name", "settings-mysql", "--description", "of another engine"];
    b.aws(&[&create[..], &named].concat());
    let wrong: Vec<(&str, &str)> = WRONG.iter().map(|(parameter, value, _)| (*parameter, *value)).collect();
    let pair = Pair::deploy(cloud, "settings", &[], &wrong);
    let password = password();
    let source = a.create_database(&pair.database(), &password, &["--allocated-storage", "20"]);
    fill(a, &source, &password, 10);

    let failed = pair.try_replicate();
    let execution = b.execution(&failed.destination.unwrap_or_else(|| panic!("{}", failed.printed)));
    assert_eq!(execution["error"], "InvalidConfiguration");
    let cause = text(&execution["cause"]);
    for (parameter, _, words) in WRONG {
        assert!(cause.contains(words), "{parameter}: {words} is not in: {cause}");
    }
    let family =
        format!("give a DB parameter group of the family postgres{}", cloud.postgres_major_version());
    for right in ["(nothing was copied)", "give Engine=postgres", "db.t3.large", &family] {
        assert!(cause.contains(right), "{right} is not in: {cause}");
    }
    assert_eq!(b.snapshots(&pair.copies()), [""; 0]);
    assert_eq!(b.instances(&pair.copies()), [""; 0]);

    let mut right: Vec<(&str, &str)> = WRONG.iter().map(|(parameter, ..)| (*parameter, "")).collect();
    right[0] = ("Engine", "postgres");
    b.deploy(&pair.stack(b), &right);
    pair.replicate();
    assert_eq!(contents(b, &pair.current_copy(), &password), contents(a, &source, &password));
}
