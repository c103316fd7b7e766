//! The table of engines: versions, parameter group families, instance classes and storage, as far as a test needs them.
//! Guide: release calendars, supported engine versions, DB instance classes, DB instance storage. Not every minor version
//! and not every Region's choice of classes is here.

use super::{Brand, Edition, Engine, Line, Performance, Storage, Support, Throughput};

/// The classes of the first years, which newer engine versions do not run on.
const FIRST: &[&str] = &["t2", "m4", "r4"];
/// The classes of around 2018 to 2021.
const MIDDLE: &[&str] =
    &["t3", "t4g", "m5", "m5d", "m6g", "m6gd", "m6i", "r5", "r5b", "r5d", "r6g", "r6gd", "r6i", "x2g"];
/// Those since.
const NEWEST: &[&str] = &[
    "m6id", "m6in", "m6idn", "m7g", "m7i", "m8g", "r6id", "r6in", "r6idn", "r7g", "r7i", "r8g", "x2idn",
    "x2iedn",
];
/// Commercial engines do not run on Graviton.
const INTEL: &[&str] =
    &["t3", "m5", "m5d", "m6i", "m6id", "m7i", "r5", "r5b", "r5d", "r6i", "r6id", "r7i", "x2idn", "x2iedn"];

const fn gp3(size: (u32, u32), from_gib: u32, iops: (u32, u32), throughput: (u32, u32)) -> Storage {
    let throughput = Some(Throughput { range: throughput, per_operation: 0.25 });
    Storage {
        kind: "gp3",
        size,
        performance: Some(Performance { from_gib, iops, per_gib: (0.5, 500.0), throughput }),
    }
}

const fn provisioned(kind: &'static str, size: (u32, u32), most_iops: u32, per_gib: (f64, f64)) -> Storage {
    let performance = Performance { from_gib: size.0, iops: (1_000, most_iops), per_gib, throughput: None };
    Storage { kind, size, performance: Some(performance) }
}

const fn plain(kind: &'static str, size: (u32, u32)) -> Storage {
    Storage { kind, size, performance: None }
}

/// Storage lies on several volumes, whose performance can be chosen, from 400 GiB on.
const OPEN_SOURCE_STORAGE: &[Storage] = &[
    plain("standard", (5, 3_072)),
    plain("gp2", (20, 65_536)),
    gp3((20, 65_536), 400, (12_000, 64_000), (500, 4_000)),
    provisioned("io1", (100, 65_536), 256_000, (0.5, 50.0)),
    provisioned("io2", (100, 65_536), 256_000, (0.5, 1_000.0)),
];
/// The same from 200 GiB on.
const ORACLE_STORAGE: &[Storage] = &[
    plain("standard", (10, 3_072)),
    plain("gp2", (20, 65_536)),
    gp3((20, 65_536), 200, (12_000, 64_000), (500, 4_000)),
    provisioned("io1", (100, 65_536), 256_000, (0.5, 50.0)),
    provisioned("io2", (100, 65_536), 256_000, (0.5, 1_000.0)),
];
/// One volume, whose performance can be chosen at any size.
const SQL_SERVER_STORAGE: &[Storage] = &[
    plain("standard", (20, 1_024)),
    plain("gp2", (20, 16_384)),
    gp3((20, 16_384), 20, (3_000, 16_000), (125, 1_000)),
    provisioned("io1", (100, 16_384), 64_000, (1.0, 50.0)),
    provisioned("io2", (100, 16_384), 64_000, (1.0, 1_000.0)),
];

#[expect(clippy::unnecessary_wraps, reason = "a cell of the table, which may be empty")]
const fn extended(begins: &'static str, standard_ends: &'static str, ends: &'static str) -> Option<Support> {
    Some(Support { begins, standard_ends, extended_ends: Some(ends) })
}

#[expect(clippy::unnecessary_wraps, reason = "a cell of the table, which may be empty")]
const fn standard(begins: &'static str, standard_ends: &'static str) -> Option<Support> {
    Some(Support { begins, standard_ends, extended_ends: None })
}

const fn line(
    major: &'static str,
    family: &'static str,
    versions: &'static [&'static str],
    classes: &'static [&'static [&'static str]],
    support: Option<Support>,
) -> Line {
    Line { major, family, versions, classes, support }
}

const OLD: &[&[&str]] = &[FIRST, MIDDLE];
const NEW: &[&[&str]] = &[MIDDLE, NEWEST];

#[rustfmt::skip]
const POSTGRES: &[Line] = &[
    line("11", "postgres11", &["11.22"], OLD, extended("2019-03-13", "2024-02-29", "2027-03-31")),
    line("12", "postgres12", &["12.19", "12.22"], OLD, extended("2020-03-31", "2025-02-28", "2028-02-29")),
    line("13", "postgres13", &["13.15", "13.20"], NEW, extended("2021-02-24", "2026-02-28", "2029-02-28")),
    line("14", "postgres14", &["14.12", "14.17"], NEW, extended("2022-02-03", "2027-02-28", "2030-02-28")),
    line("15", "postgres15", &["15.7", "15.12"], NEW, extended("2023-02-27", "2028-02-29", "2031-02-28")),
    line("16", "postgres16", &["16.3", "16.8"], NEW, extended("2024-02-29", "2029-02-28", "2032-02-29")),
    line("17", "postgres17", &["17.2", "17.4"], NEW, extended("2024-11-26", "2030-02-28", "2033-02-28")),
    line("18", "postgres18", &["18.1"], NEW, extended("2025-11-14", "2031-02-28", "2034-02-28")),
];

#[rustfmt::skip]
const MYSQL: &[Line] = &[
    line("5.7", "mysql5.7", &["5.7.44"], OLD, extended("2016-02-22", "2024-02-29", "2027-02-28")),
    line("8.0", "mysql8.0", &["8.0.35", "8.0.42"], NEW, extended("2018-10-23", "2026-07-31", "2029-07-31")),
    line("8.4", "mysql8.4", &["8.4.3", "8.4.5"], NEW, extended("2024-11-21", "2029-07-31", "2032-07-31")),
];

#[rustfmt::skip]
const MARIADB: &[Line] = &[
    line("10.6", "mariadb10.6", &["10.6.21"], OLD, standard("2022-02-03", "2026-08-31")),
    line("10.11", "mariadb10.11", &["10.11.11"], NEW, standard("2023-08-21", "2028-02-29")),
    line("11.4", "mariadb11.4", &["11.4.5"], NEW, standard("2024-10-16", "2029-05-31")),
];

const SQL_2019: &[&str] = &["15.00.4410.1.v1", "15.00.4430.1.v1"];
const SQL_2022: &[&str] = &["16.00.4165.4.v1", "16.00.4185.3.v1"];
const SQL_SERVER_EE: &[Line] = &[
    line("15.00", "sqlserver-ee-15.0", SQL_2019, &[INTEL], None),
    line("16.00", "sqlserver-ee-16.0", SQL_2022, &[INTEL], None),
];
const SQL_SERVER_SE: &[Line] = &[
    line("15.00", "sqlserver-se-15.0", SQL_2019, &[INTEL], None),
    line("16.00", "sqlserver-se-16.0", SQL_2022, &[INTEL], None),
];
const SQL_SERVER_EX: &[Line] = &[
    line("15.00", "sqlserver-ex-15.0", SQL_2019, &[&["t3"]], None),
    line("16.00", "sqlserver-ex-16.0", SQL_2022, &[&["t3"]], None),
];
const SQL_SERVER_WEB: &[Line] = &[
    line("15.00", "sqlserver-web-15.0", SQL_2019, &[INTEL], None),
    line("16.00", "sqlserver-web-16.0", SQL_2022, &[INTEL], None),
];

const ORACLE_19: &[&str] = &["19.0.0.0.ru-2025-01.rur-2025-01.r1", "19.0.0.0.ru-2025-04.rur-2025-04.r1"];
const ORACLE_EE: &[Line] = &[line("19", "oracle-ee-19", ORACLE_19, &[INTEL], None)];
const ORACLE_EE_CDB: &[Line] = &[
    line("19", "oracle-ee-cdb-19", ORACLE_19, &[INTEL], None),
    line("21", "oracle-ee-cdb-21", &["21.0.0.0.ru-2025-04.rur-2025-04.r1"], &[INTEL], None),
];

const OPEN: &[&str] = &["general-public-license"];
const INCLUDED: &[&str] = &["license-included"];
const OWN: &[&str] = &["bring-your-own-license"];
const MYSQL_LOGS: &[&str] = &["audit", "error", "general", "slowquery", "iam-db-auth-error"];
const SQL_SERVER_LOGS: &[&str] = &["agent", "error"];
const ORACLE_LOGS: &[&str] = &["alert", "audit", "listener", "oemagent", "trace"];

const fn edition(name: &'static str, description: &'static str, lines: &'static [Line]) -> Edition {
    Edition { name, description, lines }
}

const fn engine(
    brand: Brand,
    Edition { name, description, lines }: Edition,
    licenses: &'static [&'static str],
    logs: &'static [&'static str],
    storage: &'static [Storage],
) -> Engine {
    Engine { name, description, brand, licenses, logs, storage, lines }
}

#[rustfmt::skip]
pub static ENGINES: &[Engine] = &[
    engine(Brand::Postgres, edition("postgres", "PostgreSQL", POSTGRES), &["postgresql-license"],
        &["postgresql", "upgrade", "iam-db-auth-error"], OPEN_SOURCE_STORAGE),
    engine(Brand::MySql, edition("mysql", "MySQL Community Edition", MYSQL), OPEN, MYSQL_LOGS, OPEN_SOURCE_STORAGE),
    engine(Brand::MariaDb, edition("mariadb", "MariaDB Server", MARIADB), OPEN, MYSQL_LOGS, OPEN_SOURCE_STORAGE),
    engine(Brand::SqlServer, edition("sqlserver-ee", "Microsoft SQL Server Enterprise Edition", SQL_SERVER_EE), INCLUDED,
        SQL_SERVER_LOGS, SQL_SERVER_STORAGE),
    engine(Brand::SqlServer, edition("sqlserver-se", "Microsoft SQL Server Standard Edition", SQL_SERVER_SE), INCLUDED,
        SQL_SERVER_LOGS, SQL_SERVER_STORAGE),
    engine(Brand::SqlServer, edition("sqlserver-ex", "Microsoft SQL Server Express Edition", SQL_SERVER_EX), INCLUDED,
        SQL_SERVER_LOGS, SQL_SERVER_STORAGE),
    engine(Brand::SqlServer, edition("sqlserver-web", "Microsoft SQL Server Web Edition", SQL_SERVER_WEB), INCLUDED,
        SQL_SERVER_LOGS, SQL_SERVER_STORAGE),
    engine(Brand::Oracle, edition("oracle-ee", "Oracle Database Enterprise Edition", ORACLE_EE), OWN, ORACLE_LOGS,
        ORACLE_STORAGE),
    engine(Brand::OracleContainer, edition("oracle-ee-cdb", "Oracle Database Enterprise Edition (CDB)", ORACLE_EE_CDB),
        OWN, ORACLE_LOGS, ORACLE_STORAGE),
];
