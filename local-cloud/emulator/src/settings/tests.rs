use super::*;
use crate::engines::{self, Engine};

fn engine(name: &str) -> &'static Engine {
    engines::named(name).unwrap()
}

fn release(name: &str, version: &str) -> Release {
    engine(name).release(version).unwrap()
}

fn taken(body: &str, taker: Taker) -> Result<Settings, Refusal> {
    let mut parameters = Parameters::parse("", body);
    let settings = Settings::take(&mut parameters, taker)?;
    parameters.finish("X").map(|()| settings)
}

#[test]
fn values_are_checked_and_settings_of_other_operations_refused() {
    for (body, taker) in [
        ("DBInstanceClass=m6i", Taker::Create),
        ("StorageType=tape", Taker::Restore),
        ("BackupRetentionPeriod=36", Taker::Modify),
        ("VpcSecurityGroupIds.VpcSecurityGroupId.1=web", Taker::Restore),
        ("Port=80", Taker::Create),
        ("Port=5432", Taker::Modify),
        ("MaxAllocatedStorage=100", Taker::Restore),
        ("MultiAZ=true&AvailabilityZone=us-east-1a", Taker::Create),
    ] {
        assert!(taken(body, taker).is_err(), "{body}");
    }
}

#[test]
fn a_restore_inherits_size_but_not_protection() {
    let source = taken(
        "DBInstanceClass=db.m6i.large&AllocatedStorage=20&DeletionProtection=true&MultiAZ=true",
        Taker::Create,
    );
    let source = source.unwrap();
    let settings = Settings::defaults(&release("postgres", "15.7"), "us-east-1")
        .overlaid(&source.inherited_by(&Settings::default()));
    assert_eq!(settings.text("DBInstanceClass"), Some("db.m6i.large"));
    assert_eq!(settings.flag("DeletionProtection"), Some(false));
    assert_eq!(settings.flag("MultiAZ"), Some(false));
}

#[test]
fn protection_changes_at_once_and_size_does_not() {
    let change = taken("DBInstanceClass=db.r6i.large&DeletionProtection=true", Taker::Modify).unwrap();
    let (now, later) = change.parted();
    assert_eq!((now.flag("DeletionProtection"), now.text("DBInstanceClass")), (Some(true), None));
    assert_eq!(
        (later.flag("DeletionProtection"), later.text("DBInstanceClass")),
        (None, Some("db.r6i.large"))
    );
}

#[test]
fn storage_settings_must_fit_together() {
    for (body, fits) in [
        ("StorageType=gp3&AllocatedStorage=400&Iops=12000&StorageThroughput=500", true),
        ("StorageType=gp3&AllocatedStorage=399&Iops=3000", false),
        ("StorageType=gp3&AllocatedStorage=20&StorageThroughput=125", false),
        ("StorageType=gp3&AllocatedStorage=20&Iops=0", true),
        ("StorageType=io2&AllocatedStorage=100&Iops=3000", true),
        ("StorageType=io2&AllocatedStorage=99&Iops=3000", false),
        ("StorageType=io1&AllocatedStorage=100", false),
        ("StorageType=io1&AllocatedStorage=100&Iops=3000&StorageThroughput=500", false),
        ("StorageType=gp2&AllocatedStorage=20&Iops=3000", false),
        ("StorageType=gp2&AllocatedStorage=20&StorageThroughput=500", false),
    ] {
        assert_eq!(
            taken(body, Taker::Create).unwrap().check_storage(engine("postgres")).is_ok(),
            fits,
            "{body}"
        );
    }
}

#[test]
fn storage_grows_by_a_tenth_at_least_or_not_at_all() {
    let now = taken("AllocatedStorage=20&MaxAllocatedStorage=50", Taker::Create).unwrap();
    assert!(now.check_growth(engine("postgres")).is_ok());
    let grown = |limit: &str| {
        let change = taken(&format!("MaxAllocatedStorage={limit}"), Taker::Modify).unwrap();
        now.grown(engine("postgres"), &change).map(|settings| settings.number("MaxAllocatedStorage"))
    };
    assert_eq!(grown("22"), Ok(Some(22)));
    assert_eq!(grown("20"), Ok(None));
    assert!(grown("21").is_err());
    let larger = taken("AllocatedStorage=100&MaxAllocatedStorage=100", Taker::Create).unwrap();
    assert!(larger.check_growth(engine("postgres")).is_err());
    assert_eq!(now.grown(engine("postgres"), &Settings::default()).unwrap(), now);
}

#[test]
fn another_type_of_storage_begins_with_its_own_performance() {
    let text = "AllocatedStorage=100&StorageType=io2&Iops=3000";
    let source = taken(text, Taker::Create).unwrap();
    let inherited = |chosen: &str| source.inherited_by(&taken(chosen, Taker::Restore).unwrap());
    assert_eq!(inherited("").number("Iops"), Some(3000));
    assert_eq!(inherited("StorageType=io2").number("Iops"), Some(3000));
    assert_eq!(inherited("StorageType=gp3").number("Iops"), None);
    assert_eq!(inherited("").baseline(engine("postgres")), None);
    let baseline = |text: &str| taken(text, Taker::Create).unwrap().baseline(engine("postgres"));
    assert_eq!(baseline("StorageType=gp3&AllocatedStorage=20"), Some((3_000, 125)));
    assert_eq!(baseline("StorageType=gp3&AllocatedStorage=400"), Some((12_000, 500)));
    assert_eq!(baseline("StorageType=gp3&AllocatedStorage=400&Iops=13000"), None);
}

#[test]
fn answers_name_settings_as_the_model_does() {
    let mut xml = Xml::default();
    let body = "EnableIAMDatabaseAuthentication=true&VpcSecurityGroupIds.VpcSecurityGroupId.1=sg-1";
    taken(body, Taker::Create).unwrap().write(&mut xml);
    let text = format!("{xml:?}");
    assert!(text.contains("<IAMDatabaseAuthenticationEnabled>true"));
    assert!(
        text.contains(
            "<VpcSecurityGroupMembership><VpcSecurityGroupId>sg-1</VpcSecurityGroupId><Status>active"
        )
    );
}

#[test]
fn engines_differ_in_what_storage_they_have() {
    let fits = |name: &str, body: &str| taken(body, Taker::Create).unwrap().check_storage(engine(name));
    let sized = |size: u32, iops: u32| format!("StorageType=gp3&AllocatedStorage={size}&Iops={iops}");
    assert!(fits("oracle-ee", &sized(200, 12_000)).is_ok() && fits("postgres", &sized(200, 12_000)).is_err());
    assert!(fits("sqlserver-se", &sized(20, 3_000)).is_ok() && fits("oracle-ee", &sized(20, 3_000)).is_err());
    assert!(fits("sqlserver-se", &sized(20, 16_001)).is_err());
    assert!(fits("sqlserver-se", "AllocatedStorage=20000").is_err());
    assert!(fits("postgres", "AllocatedStorage=20000").is_ok());
    let baseline =
        |name| taken("StorageType=gp3&AllocatedStorage=200", Taker::Create).unwrap().baseline(engine(name));
    assert_eq!(baseline("postgres"), Some((3_000, 125)));
    assert_eq!(baseline("oracle-ee"), Some((12_000, 500)));
    assert_eq!(baseline("sqlserver-se"), Some((3_000, 125)));
}

#[test]
fn a_change_to_another_type_of_storage_leaves_the_old_performance_behind() {
    let now = taken("AllocatedStorage=100&StorageType=io2&Iops=3000", Taker::Create).unwrap();
    let changed = |body: &str| now.changed_by(&taken(body, Taker::Modify).unwrap()).number("Iops");
    assert_eq!(changed("StorageType=gp3"), None);
    assert_eq!(changed("StorageType=io1&Iops=2000"), Some(2_000));
    assert_eq!(changed("StorageType=io2"), Some(3_000));
    assert_eq!(changed("AllocatedStorage=200"), Some(3_000));
}
