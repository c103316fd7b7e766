use time::macros::datetime;

use super::*;
use crate::settings::is_class;

#[test]
fn every_row_of_the_table_is_well_formed() {
    for engine in all() {
        assert_eq!(named(engine.name).unwrap().name, engine.name);
        for line in engine.lines {
            let (found, _) = family(line.family).unwrap();
            assert_eq!(found.name, engine.name, "{}", line.family);
            for version in line.versions {
                assert_eq!(engine.release(version).unwrap().line.major, line.major, "{version}");
            }
            for class in line.classes.iter().copied().flatten() {
                let is_known = ["micro", "large"].iter().any(|size| is_class(&format!("db.{class}.{size}")));
                assert!(is_known || is_class(&format!("db.{class}.16xlarge")), "{class}");
            }
            for text in line.support.iter().flat_map(|support| [support.begins, support.standard_ends]) {
                assert!(day(text).is_some(), "{text}");
            }
        }
        for storage in engine.storage {
            let chosen = storage.performance.as_ref();
            assert!(storage.size.0 < storage.size.1 && chosen.is_none_or(|one| one.iops.0 < one.iops.1));
        }
    }
}

#[test]
fn a_version_belongs_to_its_major_version_and_not_to_a_similar_one() {
    let release = |engine, version| named(engine).unwrap().release(version).map(|found| found.line.family);
    assert_eq!(release("postgres", "15.99"), Some("postgres15"));
    assert_eq!(release("postgres", "15"), Some("postgres15"));
    assert_eq!(release("postgres", "150.1"), None);
    assert_eq!(release("mysql", "8.0.42"), Some("mysql8.0"));
    assert_eq!(release("mariadb", "10.11.11"), Some("mariadb10.11"));
    assert_eq!(release("mariadb", "10.1"), None);
    assert_eq!(release("sqlserver-se", "15.00.4410.1.v1"), Some("sqlserver-se-15.0"));
    let oracle = named("oracle-ee-cdb").unwrap().release("19.0.0.0.ru-2025-01.rur-2025-01.r1").unwrap();
    assert_eq!(oracle.default_parameters(), "default.oracle-ee-cdb-19");
    assert_eq!(named("mysql").unwrap().release("8.0.35").unwrap().default_options(), "default:mysql-8-0");
    assert!(named("db2").is_err());
}

#[test]
fn classes_and_storage_of_another_time_are_not_orderable() {
    let postgres = |version| named("postgres").unwrap().release(version).unwrap();
    assert!(postgres("15.7").is_orderable("db.m6i.large", "gp3"));
    assert!(!postgres("15.7").is_orderable("db.m4.large", "gp3"));
    assert!(postgres("12.22").is_orderable("db.t2.micro", "standard"));
    assert!(!postgres("12.22").is_orderable("db.m8g.large", "gp3"));
    let server = named("sqlserver-ex").unwrap().release("16.00.4165.4.v1").unwrap();
    assert!(!server.is_orderable("db.m6i.large", "gp3") && server.is_orderable("db.t3.small", "gp3"));
}

#[test]
fn what_is_past_standard_support_is_upgraded_unless_it_may_stay() {
    let now = datetime!(2026-11-22 10:00 UTC);
    let upgraded = |engine: &str, version| {
        let release = named(engine).unwrap().release(version).unwrap();
        release.without_extended_support(now).version
    };
    assert_eq!(upgraded("postgres", "12.22"), "14.17");
    assert_eq!(upgraded("postgres", "15.7"), "15.7");
    assert_eq!(upgraded("mysql", "5.7.44"), "8.4.5");
    assert_eq!(upgraded("mariadb", "10.6.21"), "10.6.21");
}
