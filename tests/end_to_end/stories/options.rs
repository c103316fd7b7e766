//! A restored instance has the options of the destination stack, not those of the source.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use harness::account::{Account, tags, text};
use harness::cloud::{Cloud, ask};
use harness::pair::{Pair, contents, fill, password};

use super::waking;

/// Every option of a restore, in a combination that RDS takes for PostgreSQL.
const OPTIONS: &[(&str, &str)] = &[
    ("EngineLifecycleSupport", "open-source-rds-extended-support-disabled"),
    ("DBInstanceClass", ""),
    ("NetworkType", "DUAL"),
    ("Subnetgroups", "options-subnets"),
    ("SGID", "sg-0123abcd,sg-4567cdef"),
    ("PubliclyAccessible", "true"),
    ("MultiAZ", "true"),
    ("Port", "16543"),
    ("DBParameterGroupName", "options-parameters"),
    ("OptionGroupName", "options-group"),
    ("CopyOptionGroup", "true"),
    ("StorageType", "gp3"),
    ("Iops", "16000"),
    ("StorageThroughput", "1000"),
    ("MaxAllocatedStorage", "500"),
    ("IAMDatabaseAuthentication", "true"),
    ("Domain", "d-0123456789"),
    ("DomainIAMRoleName", "options-directory"),
    ("EnablePerformanceInsights", "true"),
    ("PerformanceInsightsRetentionPeriod", "31"),
    ("MonitoringInterval", "15"),
    ("RequireInitialized", "true"),
    ("CloudwatchLogsExports", "postgresql,upgrade"),
    ("CACertificateIdentifier", "rds-ca-rsa4096-g1"),
    ("BackupRetentionPeriod", "7"),
    ("AutoMinorVersionUpgrade", "false"),
    ("CopyTagsToSnapshot", "true"),
    ("PreferredMaintenanceWindow", "mon:02:00-mon:03:00"),
    ("DeletionProtection", "true"),
    ("ExtraTags", "team=data,cost centre=42"),
    ("ApplySourceTags", "true"),
    ("NoOfOlderInstances", "0"),
];

/// The source differs in all of it, and carries tags of which some are not for it to choose. Of the versions that are
/// due the first is protected and stays, the second goes.
///
/// > A copy has every option that the stack chooses before the secret names it.
/// > With RequireInitialized the secret moves to a version only when its storage is loaded.
/// > An enabled subscription of the source is in a version as it was and does not run, where the version's parameter group says so.
/// > A copy with deletion protection stays when it is due, is reported, and does not keep others from going.
pub fn a_copy_has_every_option_before_the_secret_names_it(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    make_groups(cloud);
    let role = make_roles(cloud);
    let options = [OPTIONS, &[("MonitoringRoleArn", role.as_str())]].concat();
    let pair = Pair::deploy(cloud, "options", &[("CarrySourceTags", "true")], &options);
    let password = password();
    let source = a.create_database(
        &pair.database(),
        &password,
        &[
            "--db-instance-class",
            "db.r6g.large",
            "--allocated-storage",
            "400",
            "--storage-type",
            "gp2",
            "--option-group-name",
            "source-options",
            "--db-parameter-group-name",
            "source-parameters",
            "--tags",
            "Key=team,Value=sales",
            "Key=app,Value=shop",
            "Key=rds-replication:stack,Value=options-destination",
            "Key=to-be-deleted,Value=True",
        ],
    );
    fill(a, &source, &password, 10);
    waking::subscribe(a, &source, &password);

    let first = pair.replicate();
    let copy = pair.copy(1);
    let seen: Value = shown().into_iter().map(|(field, _)| (field.to_owned(), copy[field].clone())).collect();
    assert_eq!(seen, shown().into_iter().map(|(field, value)| (field.to_owned(), value)).collect::<Value>());
    assert_eq!(copy["Endpoint"]["Port"], 16543);
    let members = |list: &str, name: &str| -> Vec<String> {
        copy[list].as_array().unwrap().iter().map(|member| text(&member[name])).collect()
    };
    assert_eq!(copy["DBSubnetGroup"]["DBSubnetGroupName"], "options-subnets");
    assert_eq!(members("VpcSecurityGroups", "VpcSecurityGroupId"), ["sg-0123abcd", "sg-4567cdef"]);
    assert_eq!(members("DBParameterGroups", "DBParameterGroupName"), ["options-parameters"]);
    assert_eq!(members("OptionGroupMemberships", "OptionGroupName"), ["options-group"]);
    let membership = &copy["DomainMemberships"][0];
    assert_eq!(membership["Domain"], "d-0123456789");
    assert_eq!(membership["IAMRoleName"], "options-directory");
    assert_eq!(copy["MonitoringRoleArn"], role);
    assert_eq!(contents(b, &pair.current_copy(), &password), contents(a, &source, &password));
    assert!(waking::sleeps(b, &pair.current_copy(), &password));

    let document = pair.destination_document(&first);
    assert_eq!(document["DBInstance"]["dbi_resource_id"], copy["DbiResourceId"]);
    assert_eq!(pair.status()["versions"][0]["resourceId"], copy["DbiResourceId"]);
    let replication = &document["Input"]["replication"];
    let snapshot = b.available_snapshot(&text(&document["DBSnapshot"]["TargetDBSnapshotIdentifier"]));
    assert_eq!(snapshot["OptionGroupName"], "source-options");
    let expected = [
        ("team", "data"),
        ("cost centre", "42"),
        ("app", "shop"),
        ("rds-replication:stack", "options-destination"),
        ("rds-replication:name", "options-copy-1"),
        ("rds-replication:id", &text(&replication["id"])),
        ("rds-replication:source-db", "options-db"),
        ("rds-replication:source-snapshot", &text(&snapshot["DBSnapshotArn"])),
        ("rds-replication:data-time", &text(&replication["snapshotDatabaseTime"])),
        ("rds-replication:version", "1"),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let mut found = tags(&copy);
    assert_eq!(found.remove("rds-replication:resource-id"), Some(text(&copy["DbiResourceId"])));
    assert_eq!(found.remove("rds-replication:promoted").as_deref(), Some("True"));
    assert_eq!(found, expected);
    // What a restore does not take was changed after it, and the machine has waited for that.
    let history = b.history(first.destination.as_ref().unwrap());
    let loading = polls(&history).filter(|poll| poll["percentProgress"].is_number()).count();
    assert!(loading > 0, "{history:?}");
    let polls = polls_of_the_version(&history);
    let last_two = polls.last_chunk().map(|[one, other]| (one.as_str(), other.as_str()));
    assert_eq!(last_two, Some(("available", "available")), "{polls:?}");
    assert!(polls.iter().any(|status| status == "modifying"), "{polls:?}");

    // Another storage takes other options.
    let storage = [("StorageType", "io2"), ("StorageThroughput", ""), ("DedicatedLogVolume", "true")];
    b.deploy("options-destination", &storage);
    pair.replicate();
    let second = pair.copy(2);
    assert_eq!((&second["StorageType"], &second["DedicatedLogVolume"]), (&json!("io2"), &json!(true)));
    let modify = ["rds", "modify-db-instance", "--db-instance-identifier", "options-copy-2"];
    b.aws(&[&modify[..], &["--no-deletion-protection", "--apply-immediately"]].concat());
    b.available_database("options-copy-2");
    let third = pair.replicate();
    let pruned = &pair.destination_document(&third)["prune"];
    assert!(pruned["deleted"].as_array().unwrap().contains(&json!("options-copy-2")), "{pruned}");
    let left = pruned["left"].as_array().unwrap();
    assert_eq!(left.len(), 1, "{pruned}");
    assert_eq!(left[0]["identifier"], "options-copy-1");
    assert!(text(&left[0]["reason"]).contains("deletion protection"), "{pruned}");
    pair.wait_for_versions(&[1, 3]);
    assert_eq!(kept_days(b, "options-copy-1"), [30, 30]);
    assert_eq!(kept_days(b, "options-copy-2"), [30, 30]);
    assert_eq!(kept_days(b, "options-copy-3"), [0, 0], "it is live");
    let limited = &pair.destination_document(&third)["room"]["logGroups"];
    let expected =
        json!({"logGroupName": "/aws/rds/instance/options-copy-1/postgresql", "retentionInDays": 30});
    assert!(limited.as_array().unwrap().contains(&expected), "{limited}");
}

/// For how many days the log groups of an instance keep events, 0 for ever.
fn kept_days(account: &Account, instance: &str) -> Vec<i64> {
    let prefix = format!("/aws/rds/instance/{instance}/");
    let groups = account.aws(&["logs", "describe-log-groups", "--log-group-name-prefix", &prefix]);
    let groups = groups["logGroups"].as_array().cloned().unwrap_or_default();
    groups.iter().map(|group| group["retentionInDays"].as_i64().unwrap_or(0)).collect()
}

/// The source is PostgreSQL beneath; what RDS takes of SQL Server, and when, is that of SQL Server.
///
/// > A version of SQL Server gets its standby and its storage after the restore, before the secret names it.
pub fn another_engine_is_asked_in_its_own_way(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let options = [
        ("Engine", "sqlserver-se"),
        ("DBInstanceClass", ""),
        ("MultiAZ", "true"),
        ("StorageType", "gp3"),
        ("Iops", "4000"),
        ("StorageThroughput", "250"),
    ];
    let pair = Pair::deploy(cloud, "mirrored", &[], &options);
    a.create_database(&pair.database(), &password(), &["--storage-type", "gp2"]);
    let arn = &a.instance(&pair.database())["DBInstanceArn"];
    let engine = json!({"arn": arn, "engine": "sqlserver-se", "engineVersion": "15.00.4430.1.v1"});
    ask(a.variable("AWS_ENDPOINT_URL_RDS"), "POST", "/_emulator/resources/engine", &engine);

    let replication = pair.replicate();
    let copy = pair.copy(1);
    for (field, value) in [
        ("Engine", json!("sqlserver-se")),
        ("MultiAZ", json!(true)),
        ("StorageType", json!("gp3")),
        ("Iops", json!(4000)),
        ("StorageThroughput", json!(250)),
    ] {
        assert_eq!(copy[field], value, "{field}");
    }
    let history = b.history(replication.destination.as_ref().unwrap());
    let mut changing: Vec<String> =
        polls(&history).filter_map(|poll| poll["changing"].as_str().map(str::to_owned)).collect();
    changing.dedup();
    assert_eq!(changing, ["Iops, StorageThroughput, StorageType", "MultiAZ"]);
}

/// A limit of growth below the storage, and then a secret that has no room for another host.
///
/// > What the restore or the move of the secret would refuse ends a run before anything is copied.
pub fn what_would_be_refused_later_is_refused_before_the_copy(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let pair = Pair::deploy(cloud, "early", &[], &[("MaxAllocatedStorage", "21")]);
    a.create_database(&pair.database(), &password(), &["--allocated-storage", "20"]);
    let refused = |error: &str, words: &[&str]| {
        let replication = pair.try_replicate();
        let arn = replication.destination.unwrap_or_else(|| panic!("{}", replication.printed));
        let execution = b.execution(&arn);
        assert_eq!(execution["error"], error);
        let cause = text(&execution["cause"]);
        assert!(words.iter().all(|word| cause.contains(word)) && cause.contains("to fix this: "), "{cause}");
        assert_eq!(b.snapshots(&pair.copies()), [""; 0]);
        assert_eq!(b.instances(&pair.copies()), [""; 0]);
    };
    refused("InvalidConfiguration", &["20 GiB cannot grow to 21 GiB", "MaxAllocatedStorage"]);

    b.deploy("early-destination", &[("MaxAllocatedStorage", "")]);
    let large = json!({"db_host": "", "db_prefix": "", "note": "x".repeat(65_400)}).to_string();
    pair.put_secret(&large);
    refused("SecretInvalid", &[&format!("{} bytes", large.len()), "65536"]);
    assert_eq!(pair.secret(), large);
}

/// Makes the groups that the options name, and that of the source.
fn make_groups(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let version = cloud.postgres_major_version();
    let subnets = ["--subnet-ids", "subnet-0a", "subnet-0b", "--db-subnet-group-description", "two zones"];
    b.aws(
        &[&["rds", "create-db-subnet-group", "--db-subnet-group-name", "options-subnets"], &subnets[..]]
            .concat(),
    );
    let family = format!("postgres{version}");
    let groups = [
        (a, "source-parameters", "rds.logical_replication", "1"),
        (b, "options-parameters", "max_logical_replication_workers", "0"),
    ];
    for (account, name, parameter, value) in groups {
        let named = ["--db-parameter-group-name", name];
        let create = ["rds", "create-db-parameter-group", "--db-parameter-group-family", &family];
        account.aws(&[&create[..], &named, &["--description", "a group"]].concat());
        let value = format!("ParameterName={parameter},ParameterValue={value},ApplyMethod=pending-reboot");
        account.aws(&[&["rds", "modify-db-parameter-group"], &named[..], &["--parameters", &value]].concat());
    }
    for (account, name) in [(a, "source-options"), (b, "options-group")] {
        let create = ["rds", "create-option-group", "--engine-name", "postgres", "--option-group-name", name];
        let of = ["--major-engine-version", &version, "--option-group-description", "a group"];
        account.aws(&[&create[..], &of].concat());
    }
}

/// Makes the roles that RDS is handed, and lets subnets have IPv6 and storage be loaded for a while; the ARN of the role of
/// Enhanced Monitoring.
fn make_roles(cloud: &Cloud) -> String {
    let b = &cloud.destination;
    let rds = b.variable("AWS_ENDPOINT_URL_RDS");
    ask(rds, "PUT", "/_emulator/switches", &json!({"dualStack": true}));
    ask(rds, "PUT", "/_emulator/timing", &json!({"storageSeconds": 4}));
    let make = |name: &str, service: &str| {
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]});
        let create = ["iam", "create-role", "--role-name", name, "--assume-role-policy-document"];
        text(&b.aws(&[&create[..], &[&trust.to_string()]].concat())["Role"]["Arn"])
    };
    make("options-directory", "rds.amazonaws.com");
    make("options-monitoring", "monitoring.rds.amazonaws.com")
}

/// What `describe-db-instances` shows of the options.
fn shown() -> Vec<(&'static str, Value)> {
    vec![
        ("DBInstanceClass", json!("db.r6g.large")),
        ("EngineLifecycleSupport", json!("open-source-rds-extended-support-disabled")),
        ("NetworkType", json!("DUAL")),
        ("PerformanceInsightsEnabled", json!(true)),
        ("PerformanceInsightsRetentionPeriod", json!(31)),
        ("MonitoringInterval", json!(15)),
        ("PubliclyAccessible", json!(true)),
        ("MultiAZ", json!(true)),
        ("AllocatedStorage", json!(400)),
        ("StorageType", json!("gp3")),
        ("Iops", json!(16000)),
        ("StorageThroughput", json!(1000)),
        ("MaxAllocatedStorage", json!(500)),
        ("IAMDatabaseAuthenticationEnabled", json!(true)),
        ("EnabledCloudwatchLogsExports", json!(["postgresql", "upgrade"])),
        ("CACertificateIdentifier", json!("rds-ca-rsa4096-g1")),
        ("BackupRetentionPeriod", json!(7)),
        ("AutoMinorVersionUpgrade", json!(false)),
        ("CopyTagsToSnapshot", json!(true)),
        ("PreferredMaintenanceWindow", json!("mon:02:00-mon:03:00")),
        ("DeletionProtection", json!(true)),
    ]
}

/// The status in RDS at each poll of the machine before the secret moved.
fn polls_of_the_version(history: &[Value]) -> Vec<String> {
    polls(history).map(|poll| text(&poll["rdsStatus"])).collect()
}

/// What the machine knew of the version after each poll.
fn polls(history: &[Value]) -> impl Iterator<Item = Value> {
    let details = history.iter().map(|event| &event["stateExitedEventDetails"]);
    let restoring = details.filter(|details| details["name"] == "RestoreDBInstance");
    restoring
        .map(|details| serde_json::from_str::<Value>(&text(&details["output"])).unwrap()["DBInstance"].take())
}
