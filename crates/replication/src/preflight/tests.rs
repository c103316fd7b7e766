//! The numbers in brackets are those of the public reports that the cases come from.

use proptest::prelude::*;

use super::*;
use crate::lineage::Tags;
use crate::observed::testing;

/// A shared snapshot of PostgreSQL with 20 GiB of gp3.
fn shared() -> Snapshot {
    Snapshot {
        engine_version: Some("16.3".to_owned()),
        license_model: Some("postgresql-license".to_owned()),
        storage_type: Some("gp3".to_owned()),
        ..testing::snapshot("nightly", "available", Tags::default())
    }
}

fn of_engine(engine: &str, version: &str, storage: i32) -> Snapshot {
    Snapshot {
        engine: Some(engine.to_owned()),
        engine_version: Some(version.to_owned()),
        license_model: None,
        allocated_storage: Some(storage),
        ..shared()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it is what settings and answers hold")]
fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn offer(kind: &str, size: (i32, i32), iops: (i32, i32), per_gib: (f64, f64)) -> Offer {
    let range = |(least, most): (i32, i32)| Range { least: Some(least), most: Some(most) };
    Offer {
        license: some("postgresql-license"),
        storage: some(kind),
        multi_az: Some(true),
        encryption: Some(true),
        size: range(size),
        iops: range(iops),
        iops_per_gib: Range { least: Some(per_gib.0), most: Some(per_gib.1) },
        ..Offer::default()
    }
}

/// What RDS offers of a class, as it answers for PostgreSQL.
fn offers() -> Vec<Offer> {
    let gp3 = offer("gp3", (20, 65_536), (12_000, 64_000), (0.5, 500.0));
    let throughput = Range { least: Some(500), most: Some(4_000) };
    vec![
        Offer { throughput, throughput_per_iops: Some(0.25), ..gp3 },
        Offer {
            iops: Range::default(),
            iops_per_gib: Range::default(),
            ..offer("gp2", (20, 65_536), (0, 0), (0.0, 0.0))
        },
        offer("io1", (100, 65_536), (1_000, 256_000), (0.5, 50.0)),
        offer("io2", (100, 65_536), (1_000, 256_000), (0.5, 1_000.0)),
    ]
}

/// What is observed where everything is as it should be.
fn facts() -> Facts {
    let subnets = SubnetGroup { vpc: some("vpc-1"), zones: ["a", "b"].map(str::to_owned).into() };
    let quota = |name: &str, used, max| Quota { name: name.to_owned(), used, max };
    Facts {
        offers: Some(Known::Seen(Offers { of_class: offers(), classes: BTreeSet::new() })),
        release: Some(Known::Seen(Some(Release { family: "postgres16".to_owned(), major: some("16") }))),
        parameter_group: Some(Known::Seen(some("postgres16"))),
        option_group: Some(Known::Seen(Some(options("postgres", "16", Some("vpc-1"))))),
        subnet_group: Some(Known::Seen(Some(subnets))),
        quotas: Some(Known::Seen(vec![quota("DBInstances", 3, 40), quota("AllocatedStorage", 60, 100_000)])),
    }
}

fn options(engine: &str, major: &str, vpc: Option<&str>) -> OptionGroup {
    OptionGroup {
        name: "ours".to_owned(),
        engine: engine.to_owned(),
        major: major.to_owned(),
        vpc: vpc.map(str::to_owned),
        lasting_options: vec![],
    }
}

fn class() -> Wanted {
    Wanted { class: some("db.m6i.large"), ..Wanted::default() }
}

/// Of each finding the parameter, and all that is said.
fn judged(wanted: &Wanted, shared: &Snapshot, facts: &Facts) -> (Vec<&'static str>, String) {
    let report = judge(wanted, shared, facts);
    let text = report.check("checking").err().map(|error| {
        assert_eq!(error.name(), ErrorName::InvalidConfiguration);
        error.to_string()
    });
    (report.findings.iter().map(|finding| finding.parameter).collect(), text.unwrap_or_default())
}

fn refused(wanted: &Wanted, shared: &Snapshot, facts: &Facts, parameter: &str, words: &[&str]) {
    let (parameters, text) = judged(wanted, shared, facts);
    assert_eq!(parameters, [parameter], "{wanted:?}: {text}");
    for word in words {
        assert!(text.contains(word), "{word} is not in: {text}");
    }
}

#[test]
fn what_fits_is_not_refused() {
    let all = Wanted {
        engine: some("postgres"),
        multi_az: true,
        subnet_group: some("two-zones"),
        parameter_group: some("ours"),
        option_group: some("ours"),
        storage_type: some("gp3"),
        max_allocated_storage: Some(22),
        ..class()
    };
    for wanted in [Wanted::default(), class(), all] {
        assert_eq!(judge(&wanted, &shared(), &facts()), Report::default(), "{wanted:?}");
    }
}

/// (3)
#[test]
fn another_engine_is_refused_unless_a_restore_may_change_it() {
    let wants = |engine: &str| Wanted { engine: some(engine), ..Wanted::default() };
    let mysql = of_engine("mysql", "8.0.35", 20);
    refused(&wants("postgres"), &mysql, &facts(), "Engine", &["is of mysql", "give Engine=mysql"]);
    refused(&wants("mariadb"), &mysql, &facts(), "Engine", &["give Engine=mysql"]);
    for (chosen, found, version) in [
        ("oracle-ee", "oracle-se2", "19.0.0.0"),
        ("sqlserver-ee", "sqlserver-se", "15.00"),
        ("mariadb", "mysql", "5.6.51"),
    ] {
        let report = judge(&wants(chosen), &of_engine(found, version, 20), &facts());
        assert_eq!(report.findings, [], "{chosen} of {found}");
        assert_eq!(report.not_checked[0].what, "Engine");
    }
}

/// (3)
#[test]
fn a_class_that_cannot_be_ordered_is_named_with_the_nearest_that_can() {
    let classes =
        ["db.t3.large", "db.t3.small", "db.r5.large", "db.m5.large", "db.m5.4xlarge", "db.m5.xlarge"];
    let of = |of_class, classes: &[&str]| Facts {
        offers: Some(Known::Seen(Offers {
            of_class,
            classes: classes.iter().map(|one| (*one).to_owned()).collect(),
        })),
        ..facts()
    };
    let words =
        ["db.m6i.large cannot be ordered for postgres 16.3", "db.m5.large, db.m5.xlarge, db.m5.4xlarge"];
    refused(&class(), &shared(), &of(vec![], &classes), "DBInstanceClass", &words);
    let report = judge(&class(), &shared(), &of(vec![], &[]));
    assert_eq!(
        (report.findings.len(), report.not_checked.len()),
        (0, 1),
        "a version that is not offered any more"
    );

    let licensed = Snapshot { license_model: some("bring-your-own-license"), ..shared() };
    refused(&class(), &licensed, &facts(), "DBInstanceClass", &["the license bring-your-own-license"]);
    let standard = Wanted { storage_type: some("standard"), ..class() };
    refused(&standard, &shared(), &facts(), "StorageType", &["db.m6i.large", "gp2, gp3, io1, io2"]);
    let magnetic = Snapshot { storage_type: some("standard"), ..shared() };
    refused(&class(), &magnetic, &facts(), "DBInstanceClass", &["which the snapshot has", "gp2, gp3"]);
    let lonely: Vec<Offer> = offers().into_iter().map(|one| Offer { multi_az: Some(false), ..one }).collect();
    let standby = Wanted { multi_az: true, ..class() };
    refused(&standby, &shared(), &of(lonely, &[]), "MultiAZ", &["MultiAZ=false"]);
    let open: Vec<Offer> = offers().into_iter().map(|one| Offer { encryption: Some(false), ..one }).collect();
    refused(&class(), &shared(), &of(open, &[]), "DBInstanceClass", &["no encrypted storage"]);
}

/// (4)
#[test]
fn a_parameter_group_has_the_family_of_the_engine_version() {
    let of = |found: Option<&str>| Facts {
        parameter_group: Some(Known::Seen(found.map(str::to_owned))),
        ..facts()
    };
    let wants = |name: &str| Wanted { parameter_group: some(name), ..class() };
    let words = ["ours is of the family postgres15", "needs postgres16", "of the family postgres16"];
    refused(&wants("ours"), &shared(), &of(Some("postgres15")), "DBParameterGroupName", &words);
    let words = ["no DB parameter group ours", "with the family postgres16"];
    refused(&wants("ours"), &shared(), &of(None), "DBParameterGroupName", &words);
    // RDS makes its own ones on first use, so that they need not be there.
    let unasked = Facts { parameter_group: None, ..facts() };
    assert_eq!(judge(&wants("default.postgres16"), &shared(), &unasked), Report::default());
    let words = ["default.postgres15 is of the family postgres15"];
    refused(&wants("default.postgres15"), &shared(), &unasked, "DBParameterGroupName", &words);
    let unknown = Facts { release: Some(Known::Unseen("denied".to_owned())), ..of(Some("postgres15")) };
    let report = judge(&wants("ours"), &shared(), &unknown);
    assert_eq!((report.findings.len(), report.not_checked.len()), (0, 1));
}

/// (5)
#[test]
fn the_letter_case_of_mysql_8_is_pointed_out() {
    for (engine, version, is_named) in [
        ("mysql", "8.0.35", true),
        ("mysql", "5.7.44", false),
        ("mariadb", "8.0", false),
        ("postgres", "8.4", false),
    ] {
        let report = judge(&Wanted::default(), &of_engine(engine, version, 20), &facts());
        let named = report.not_checked.iter().any(|one| one.because.contains("lower_case_table_names"));
        assert_eq!((named, report.findings), (is_named, vec![]), "{engine} {version}");
    }
}

/// (8)
#[test]
fn an_option_group_fits_engine_major_version_and_vpc() {
    let wanted = Wanted { option_group: some("ours"), ..class() };
    let of = |found| Facts { option_group: Some(Known::Seen(found)), ..facts() };
    for (found, word) in [
        (None, "there is no option group ours"),
        (Some(options("mysql", "16", None)), "ours is for mysql 16"),
        (Some(options("postgres", "15", None)), "give an option group of postgres 16"),
        (
            Some(options("postgres", "16", Some("vpc-2"))),
            "is bound to vpc-2, and the DB subnet group is in vpc-1",
        ),
    ] {
        refused(&wanted, &shared(), &of(found), "OptionGroupName", &[word]);
    }
    assert_eq!(judge(&wanted, &shared(), &of(Some(options("postgres", "16", None)))), Report::default());
}

/// (11)
#[test]
fn numbers_of_storage_fit_size_and_engine() {
    let wants = |kind: &str, iops: i32, throughput: i32| Wanted {
        storage_type: Some(kind.to_owned()).filter(|kind| !kind.is_empty()),
        iops: Some(iops),
        throughput: Some(throughput),
        ..class()
    };
    let sized = |size| Snapshot { allocated_storage: Some(size), ..shared() };
    let below = "takes none below 400 GiB";
    for (kind, iops, throughput, size, parameters, word) in [
        ("gp3", 3_000, 0, 20, vec!["Iops"], below),
        ("", 3_000, 125, 399, vec!["Iops", "StorageThroughput"], below),
        ("gp3", 12_000, 500, 400, vec![], ""),
        ("gp3", 3_000, 0, 400, vec!["Iops"], "from 12000 to 64000"),
        ("gp3", 12_000, 4_000, 400, vec!["StorageThroughput"], "from 500 to 3000"),
        ("gp2", 3_000, 125, 400, vec!["Iops", "StorageThroughput"], "storage of the type gp2 takes none"),
        ("gp2", 0, 0, 20, vec![], ""),
        ("io2", 0, 0, 100, vec!["Iops"], "the storage type io2 needs it; to fix this"),
        ("io2", 0, 0, 100, vec!["Iops"], "give Iops from 1000 to 100000"),
        ("io1", 3_000, 0, 20, vec!["StorageType"], "has from 100 to 65536 GiB, and the snapshot has 20"),
        ("io1", 5_000, 0, 100, vec![], ""),
        ("io1", 5_001, 0, 100, vec!["Iops"], "100 GiB of io1 take from 1000 to 5000"),
        ("io2", 1_000, 125, 100, vec!["StorageThroughput"], "takes none"),
    ] {
        let (found, text) = judged(&wants(kind, iops, throughput), &sized(size), &facts());
        assert_eq!(found, parameters, "{kind} {iops} {throughput} {size}: {text}");
        assert!(text.contains(word), "{text}");
    }
    let unknown = Facts { offers: None, ..facts() };
    for (engine, size, takes) in [
        ("oracle-ee", 199, false),
        ("oracle-ee", 200, true),
        ("sqlserver-se", 20, true),
        ("mysql", 399, false),
        ("mariadb", 400, true),
    ] {
        let wanted = Wanted { class: None, ..wants("gp3", 12_000, 0) };
        let found = judge(&wanted, &of_engine(engine, "1", size), &unknown).findings;
        assert_eq!(found.is_empty(), takes, "{engine} {size}");
    }
    let io1 = Wanted { class: None, ..wants("io1", 1_000, 0) };
    refused(&io1, &sized(99), &unknown, "StorageType", &["at least 100 GiB"]);
    // What the snapshot brings along need not be given.
    let provisioned = Snapshot { storage_type: some("io2"), iops: Some(1_000), ..sized(100) };
    assert_eq!(judge(&wants("", 0, 0), &provisioned, &facts()), Report::default());
}

#[test]
fn a_limit_of_growth_is_larger_by_a_tenth_and_not_too_large() {
    let wants = |most| Wanted { max_allocated_storage: Some(most), ..class() };
    let words = ["its storage of 20 GiB cannot grow to 21 GiB by itself", "larger by a tenth"];
    refused(&wants(21), &shared(), &facts(), "MaxAllocatedStorage", &words);
    assert_eq!(judge(&wants(22), &shared(), &facts()), Report::default());
    refused(&wants(70_000), &shared(), &facts(), "MaxAllocatedStorage", &["at most 65536"]);
    let magnetic = Snapshot { storage_type: some("standard"), ..shared() };
    let wanted = Wanted { class: None, ..wants(100) };
    refused(&wanted, &magnetic, &facts(), "MaxAllocatedStorage", &["does not grow"]);
}

/// (50, 51)
#[test]
fn a_subnet_group_is_there_and_has_enough_zones() {
    let of = |found| Facts { subnet_group: Some(Known::Seen(found)), ..facts() };
    let chosen = Wanted { subnet_group: some("ours"), ..class() };
    refused(&chosen, &shared(), &of(None), "Subnetgroups", &["there is no DB subnet group ours"]);
    let report = judge(&class(), &shared(), &of(None));
    assert_eq!(report.findings, [], "RDS makes the default one on first use");
    assert!(report.not_checked[0].because.contains("without a default VPC"), "{report:?}");
    let narrow = SubnetGroup { vpc: some("vpc-1"), zones: ["a".to_owned()].into() };
    let standby = Wanted { multi_az: true, ..chosen.clone() };
    refused(&standby, &shared(), &of(Some(narrow.clone())), "Subnetgroups", &["one Availability Zone"]);
    assert_eq!(judge(&chosen, &shared(), &of(Some(narrow))), Report::default());
}

#[test]
fn a_full_quota_is_told_apart_from_wrong_settings() {
    let of = |name: &str, used, max| Facts {
        quotas: Some(Known::Seen(vec![Quota { name: name.to_owned(), used, max }])),
        ..facts()
    };
    for (name, used, max, words) in [
        ("DBInstances", 40, 40, Some("40 of 40 DB instances, and 1 more")),
        ("DBInstances", 39, 40, None),
        ("AllocatedStorage", 981, 1_000, Some("981 of 1000 GiB of storage, and 20 more")),
        ("AllocatedStorage", 980, 1_000, None),
        ("ManualSnapshots", 100, 100, None),
    ] {
        let report = judge(&class(), &shared(), &of(name, used, max));
        let said = report.full.as_ref().map(ToString::to_string);
        assert_eq!(said.is_some(), words.is_some(), "{said:?}");
        assert!(words.is_none_or(|words| said.unwrap_or_default().contains(words)), "{name}");
        assert_eq!(report.check("checking"), Ok(()), "it may pass");
    }
    let wrong = Wanted { engine: some("mysql"), ..class() };
    let (_, text) = judged(&wrong, &shared(), &of("DBInstances", 40, 40));
    assert!(text.contains("Engine: ") && text.contains("and checking the quotas"), "{text}");
}

/// > All settings that RDS would refuse are named in one error, each with what would be right.
#[test]
fn all_findings_are_in_one_error() {
    let wanted = Wanted {
        engine: some("mysql"),
        subnet_group: some("no-such"),
        parameter_group: some("ours"),
        iops: Some(3_000),
        max_allocated_storage: Some(20),
        ..class()
    };
    let facts = Facts {
        parameter_group: Some(Known::Seen(some("mysql8.0"))),
        subnet_group: Some(Known::Seen(None)),
        ..facts()
    };
    let (parameters, text) = judged(&wanted, &shared(), &facts);
    assert_eq!(parameters, ["Engine", "MaxAllocatedStorage", "Iops", "DBParameterGroupName", "Subnetgroups"]);
    assert!(parameters.iter().all(|parameter| text.contains(&format!("{parameter}: "))), "{text}");
    assert!(text.contains("(nothing was copied): give Engine=postgres; "), "{text}");
}

/// > A check that this account may not make stops no run: it is reported, and RDS judges at the restore.
#[test]
fn what_is_not_seen_is_not_refused() {
    let unseen = Facts {
        offers: Some(Known::Unseen("denied".to_owned())),
        release: Some(Known::Unseen("denied".to_owned())),
        parameter_group: Some(Known::Unseen("denied".to_owned())),
        option_group: Some(Known::Unseen("denied".to_owned())),
        subnet_group: Some(Known::Unseen("denied".to_owned())),
        quotas: Some(Known::Unseen("denied".to_owned())),
    };
    let wanted = Wanted { parameter_group: some("ours"), option_group: some("ours"), ..class() };
    let report = judge(&wanted, &shared(), &unseen);
    assert_eq!((&report.findings[..], &report.full), (&[][..], &None));
    assert_eq!(report.not_checked.len(), 6, "{report:?}");
    assert!(report.not_checked.iter().all(|one| one.because == "denied"));
}

/// (8)
///
/// > A database whose snapshots cannot be shared is refused before there is a snapshot.
#[test]
fn a_database_whose_snapshots_cannot_be_shared_is_refused() {
    let database = testing::instance("orders", Tags::default());
    let group = |lasting: &[&str]| {
        let lasting_options = lasting.iter().map(|one| (*one).to_owned()).collect();
        Known::Seen(OptionGroup { lasting_options, ..options("oracle-ee", "19", None) })
    };
    let check = |group| check_source(&database, &[group], "snapshotting database orders");
    assert_eq!(check(group(&[])), Ok(vec![]));
    assert_eq!(check(group(&["Timezone", "OLS"])), Ok(vec![]));
    let error = check(group(&["Timezone", "TDE"])).unwrap_err();
    assert_eq!(error.name(), ErrorName::NotShareable);
    assert!(error.to_string().contains("option group ours of database orders has the option TDE"), "{error}");
    assert_eq!(check(Known::Unseen("denied".to_owned())).unwrap()[0].because, "denied");
}

proptest! {
    /// What RDS is not asked, or does not say, never makes a finding about it; and a setting that is not given is never
    /// named, except for the type of storage, which the snapshot brings along.
    #[test]
    fn only_what_is_given_is_named(
        kind in proptest::option::of(proptest::sample::select(&["gp2", "gp3", "io1", "io2", "standard"][..])),
        iops in proptest::option::of(0..300_000), throughput in proptest::option::of(0..5_000),
        most in proptest::option::of(1..70_000), size in 5..70_000,
        engine in proptest::sample::select(&["postgres", "mysql", "oracle-ee", "sqlserver-se"][..]),
        asked: bool,
    ) {
        let wanted = Wanted {
            storage_type: kind.map(str::to_owned),
            iops, throughput,
            max_allocated_storage: most,
            class: asked.then(|| "db.m6i.large".to_owned()),
            ..Wanted::default()
        };
        let facts = if asked { facts() } else { Facts::default() };
        let report = judge(&wanted, &of_engine(engine, "16.3", size), &facts);
        for Finding { parameter, wrong, right } in &report.findings {
            let is_given = match *parameter {
                "Iops" => iops.is_some() || matches!(kind, Some("io1" | "io2")),
                "StorageThroughput" => throughput.is_some(),
                "MaxAllocatedStorage" => most.is_some(),
                "StorageType" => true,
                "DBInstanceClass" => asked,
                _ => false,
            };
            prop_assert!(is_given, "{parameter}: {wrong}");
            prop_assert!(!wrong.is_empty() && !right.is_empty());
        }
        prop_assert_eq!(report.check("checking").is_ok(), report.findings.is_empty());
    }
}
