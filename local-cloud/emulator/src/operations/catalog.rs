//! What RDS offers: DescribeOrderableDBInstanceOptions, DescribeDBEngineVersions and DescribeDBMajorEngineVersions.

use super::describing::{Page, passes};
use super::{Call, Operation};
use crate::engines::{self, Engine, Line, Release, Storage, Support};
use crate::query::{Parameters, Tags};
use crate::refusal::Refusal;
use crate::settings::all_classes;
use crate::xml::Xml;

/// Model, DescribeOrderableDBInstanceOptions, MaxRecords.
const LONGEST_PAGE: u32 = 1_000;

/// The versions of an engine: those of the table, and the one that is installed.
fn releases(call: &Call, engine: &'static Engine) -> Vec<Release> {
    let installed = &call.emulator.postgres.release;
    let named = engine.lines.iter().flat_map(|line| line.versions.iter());
    let mut releases: Vec<Release> = named.filter_map(|version| engine.release(version)).collect();
    if engine.name == installed.engine.name && !releases.contains(installed) {
        releases.push(installed.clone());
    }
    releases
}

/// The engine and, if they are narrowed to one, its version.
fn wanted(call: &Call, engine: &str, version: Option<&str>) -> Result<Vec<Release>, Refusal> {
    let mut found = releases(call, engines::named(engine)?);
    if let Some(version) = version {
        found.retain(|release| release.version == version || release.line.major == version);
        if found.is_empty() {
            // Recorded.
            return Err(Refusal::invalid_combination(format!("Cannot find version {version} for {engine}")));
        }
    }
    Ok(found)
}

pub async fn orderable_options(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::DescribeOrderableDBInstanceOptions;
    let engine = parameters.required("Engine")?;
    let version = parameters.text("EngineVersion");
    let class = parameters.text("DBInstanceClass");
    let license = parameters.text("LicenseModel");
    let in_vpc = parameters.flag("Vpc")?.unwrap_or(true);
    parameters.filters(&[])?;
    let page = Page::take_up_to(&mut parameters, LONGEST_PAGE)?;
    parameters.finish(&operation.name())?;
    call.allow(&[call.check(operation, "*", &Tags::new())]).await?;

    let classes: Vec<String> = all_classes().collect();
    let mut found = Vec::new();
    for release in wanted(call, &engine, version.as_deref())?.into_iter().filter(|_| in_vpc) {
        let runs = classes.iter().filter(|class| release.line.runs_on(class));
        for class in runs.filter(|one| class.as_ref().is_none_or(|class| class == *one)) {
            for storage in release.engine.storage {
                let key = format!("{} {class} {}", release.version, storage.kind);
                found.push((key, (release.clone(), class.clone(), storage)));
            }
        }
    }
    found.retain(|(_, (release, ..))| {
        license.as_deref().is_none_or(|license| release.engine.licenses.contains(&license))
    });
    let region = &call.scope.region;
    Ok(page.write(
        "OrderableDBInstanceOptions",
        "OrderableDBInstanceOption",
        found,
        |xml, (release, class, storage)| write_option(xml, region, &release, &class, storage),
    ))
}

fn write_option(xml: &mut Xml, region: &str, release: &Release, class: &str, storage: &Storage) {
    let engine = release.engine;
    xml.text("Engine", engine.name);
    xml.text("EngineVersion", &release.version);
    xml.text("DBInstanceClass", class);
    xml.optional("LicenseModel", engine.licenses.first());
    xml.list("AvailabilityZones", "AvailabilityZone", ['a', 'b', 'c'], |xml, letter| {
        xml.text("Name", format!("{region}{letter}"));
    });
    xml.text("MultiAZCapable", engine.has_multi_az());
    xml.text("ReadReplicaCapable", engine.has_multi_az());
    xml.text("Vpc", true);
    xml.text("SupportsStorageEncryption", engines::encrypts(class));
    xml.text("StorageType", storage.kind);
    let performance = storage.performance.as_ref();
    let throughput = performance.and_then(|performance| performance.throughput.as_ref());
    xml.text("SupportsIops", performance.is_some());
    xml.text("SupportsStorageThroughput", throughput.is_some());
    xml.text("SupportsEnhancedMonitoring", true);
    xml.text("SupportsIAMDatabaseAuthentication", engine.has_iam_authentication());
    xml.text("SupportsPerformanceInsights", engine.has_insights_on(class));
    xml.text("MinStorageSize", storage.size.0);
    xml.text("MaxStorageSize", storage.size.1);
    if let Some(performance) = performance {
        xml.text("MinIopsPerDbInstance", performance.iops.0);
        xml.text("MaxIopsPerDbInstance", performance.iops.1);
        xml.text("MinIopsPerGib", performance.per_gib.0);
        xml.text("MaxIopsPerGib", performance.per_gib.1);
    }
    if let Some(throughput) = throughput {
        xml.text("MinStorageThroughputPerDbInstance", throughput.range.0);
        xml.text("MaxStorageThroughputPerDbInstance", throughput.range.1);
        xml.text("MinStorageThroughputPerIops", 0);
        xml.text("MaxStorageThroughputPerIops", throughput.per_operation);
    }
    xml.texts("SupportedEngineModes", "member", ["provisioned"]);
    xml.text("SupportsStorageAutoscaling", storage.kind != "standard");
    xml.text("SupportsKerberosAuthentication", engine.has_kerberos());
    xml.texts("SupportedNetworkTypes", "member", ["IPV4", "DUAL"]);
    xml.text("SupportsDedicatedLogVolume", engine.has_log_volume(release.line, storage.kind));
}

pub async fn engine_versions(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::DescribeDBEngineVersions;
    let engine = parameters.text("Engine");
    let version = parameters.text("EngineVersion");
    let family = parameters.text("DBParameterGroupFamily");
    let default_only = parameters.flag("DefaultOnly")?.unwrap_or(false);
    for ignored in ["ListSupportedCharacterSets", "ListSupportedTimezones", "IncludeAll"] {
        parameters.flag(ignored)?;
    }
    let known = ["db-parameter-group-family", "engine", "engine-mode", "engine-version", "status"];
    let filters = parameters.filters(&known)?;
    let page = Page::take(&mut parameters)?;
    parameters.finish(&operation.name())?;
    call.allow(&[call.check(operation, "*", &Tags::new())]).await?;

    if let Some(engine) = &engine {
        engines::named(engine)?;
    }
    let engines = engines::all().filter(|one| engine.as_deref().is_none_or(|engine| engine == one.name));
    let all: Vec<Release> = engines.flat_map(|engine| releases(call, engine)).collect();
    let is_default = |release: &Release| release.line.versions.last() == Some(&release.version.as_str());
    let mut found: Vec<Release> = all.clone();
    found.retain(|release| {
        version.as_deref().is_none_or(|version| version == release.version || version == release.line.major)
            && family.as_deref().is_none_or(|family| family == release.line.family)
            && (!default_only || is_default(release))
            && passes(&filters, |filter| match filter {
                "db-parameter-group-family" => vec![release.line.family],
                "engine" => vec![release.engine.name],
                "engine-version" => vec![&release.version],
                "status" => vec!["available"],
                _ => vec!["provisioned"],
            })
    });
    let key = |release: &Release| format!("{} {}", release.engine.name, release.version);
    let items = found.into_iter().map(|release| (key(&release), release)).collect();
    Ok(page.write("DBEngineVersions", "DBEngineVersion", items, |xml, release| {
        write_version(xml, &release, &all);
    }))
}

fn write_version(xml: &mut Xml, release: &Release, all: &[Release]) {
    let Release { engine, line, version } = release;
    xml.text("Engine", engine.name);
    xml.text("MajorEngineVersion", line.major);
    xml.text("EngineVersion", version);
    xml.text("DBParameterGroupFamily", line.family);
    xml.text("DBEngineDescription", engine.description);
    xml.text("DBEngineVersionDescription", format!("{} {version}", engine.description));
    let newer = all.iter().filter(|other| other.engine.name == engine.name && is_newer(other, release));
    xml.list("ValidUpgradeTarget", "UpgradeTarget", newer, |xml, newer| {
        xml.text("Engine", engine.name);
        xml.text("EngineVersion", &newer.version);
        xml.text("Description", format!("{} {}", engine.description, newer.version));
        xml.text("AutoUpgrade", false);
        xml.text("IsMajorVersionUpgrade", newer.line.major != line.major);
    });
    xml.texts("ExportableLogTypes", "member", engine.logs);
    xml.text("SupportsLogExportsToCloudwatchLogs", true);
    xml.text("SupportsReadReplica", engine.has_multi_az());
    xml.text("Status", "available");
    xml.texts(
        "SupportedCACertificateIdentifiers",
        "member",
        ["rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1"],
    );
}

fn is_newer(one: &Release, other: &Release) -> bool {
    let numbers = |release: &Release| -> Vec<u32> {
        release
            .version
            .split(|one: char| !one.is_ascii_digit())
            .filter_map(|part| part.parse().ok())
            .collect()
    };
    numbers(one) > numbers(other)
}

pub async fn major_versions(call: &Call, mut parameters: Parameters) -> Result<Xml, Refusal> {
    let operation = Operation::DescribeDBMajorEngineVersions;
    let engine = parameters.text("Engine");
    let major = parameters.text("MajorEngineVersion");
    let page = Page::take(&mut parameters)?;
    parameters.finish(&operation.name())?;
    call.allow(&[call.check(operation, "*", &Tags::new())]).await?;

    if let Some(engine) = &engine {
        engines::named(engine)?;
    }
    let lines = engines::all().flat_map(|engine| engine.lines.iter().map(move |line| (engine, line)));
    let found = lines
        .filter(|(one, line)| {
            engine.as_deref().is_none_or(|engine| engine == one.name)
                && major.as_deref().is_none_or(|major| major == line.major)
        })
        .map(|(engine, line)| (format!("{} {}", engine.name, line.major), (engine, line)))
        .collect();
    Ok(page.write("DBMajorEngineVersions", "DBMajorEngineVersion", found, |xml, (engine, line)| {
        write_major(xml, engine, line);
    }))
}

fn write_major(xml: &mut Xml, engine: &Engine, line: &Line) {
    xml.text("Engine", engine.name);
    xml.text("MajorEngineVersion", line.major);
    let spans = line.support.as_ref().map(spans).unwrap_or_default();
    xml.list("SupportedEngineLifecycles", "SupportedEngineLifecycle", spans, |xml, (name, begins, ends)| {
        xml.text("LifecycleSupportName", name);
        xml.text("LifecycleSupportStartDate", format!("{begins}T00:00:00.000Z"));
        xml.text("LifecycleSupportEndDate", format!("{ends}T23:59:59.999Z"));
    });
}

/// Each kind of support with its first and its last day.
fn spans(support: &Support) -> Vec<(&'static str, &'static str, &'static str)> {
    let standard = ("open-source-rds-standard-support", support.begins, support.standard_ends);
    let extended =
        support.extended_ends.map(|ends| ("open-source-rds-extended-support", support.standard_ends, ends));
    std::iter::once(standard).chain(extended).collect()
}
