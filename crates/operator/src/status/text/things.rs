//! The tables of versions and of snapshots.

use super::{age_or_dash, gib, heads, indented, mark, or_dash};
use crate::status::report::document::{Kind, Restorable, Snapshot, Version};

/// The versions.
pub fn versions(versions: Option<&[Version]>, width: usize) -> Vec<String> {
    let mut rows = vec![heads(&[
        "version",
        "instance",
        "RDS status",
        "what it is",
        "data of",
        "mark",
        "data as of",
        "data age",
        "size",
    ])];
    rows.extend(versions.unwrap_or_default().iter().map(|one| {
        vec![
            or_dash(one.version),
            one.instance.clone(),
            one.rds_status.clone(),
            one.words.clone(),
            one.restored_version.map(|version| format!("version {version}")).unwrap_or_default(),
            mark(one.marked),
            one.data_time.clone().unwrap_or_else(|| "unknown".to_owned()),
            age_or_dash(one.data_age_seconds),
            gib(one.size_gib),
        ]
    }));
    indented(&rows, &[0, 7, 8], false, width)
}

/// Where the versions came from.
pub fn origins(versions: Option<&[Version]>, width: usize) -> Vec<String> {
    let mut rows = vec![heads(&["version", "replication", "created", "snapshot", "where"])];
    rows.extend(versions.unwrap_or_default().iter().map(|one| {
        let origin = one.source_snapshot.as_ref();
        let name = origin.map_or("unknown", |origin| origin.name.as_str());
        let place =
            origin.map_or("", |origin| if origin.is_in_source { "in source" } else { "in destination" });
        let gone = if origin.is_some_and(|origin| origin.exists == Some(false)) { ", gone" } else { "" };
        vec![
            or_dash(one.version),
            one.replication_id.clone().unwrap_or_else(|| "-".to_owned()),
            one.created_at.clone().unwrap_or_else(|| "unknown".to_owned()),
            name.to_owned(),
            format!("{place}{gone}"),
        ]
    }));
    indented(&rows, &[0], false, width)
}

/// The versions that exist only as a snapshot.
pub fn restorable(restorable: Option<&[Restorable]>, width: usize) -> Vec<String> {
    let mut rows = vec![heads(&["version", "snapshot", "data as of", "data age", "size", "restored as"])];
    rows.extend(restorable.unwrap_or_default().iter().map(|one| {
        let restored_as: Vec<String> =
            one.restored_as.iter().map(|version| format!("version {version}")).collect();
        vec![
            one.version.to_string(),
            one.snapshot.clone(),
            one.data_time.clone().unwrap_or_else(|| "unknown".to_owned()),
            age_or_dash(one.data_age_seconds),
            gib(one.size_gib),
            restored_as.join(", "),
        ]
    }));
    indented(&rows, &[0, 3, 4], false, width)
}

/// The snapshots of an account.
pub fn snapshots(snapshots: Option<&[Snapshot]>, width: usize) -> Vec<String> {
    let all = snapshots.unwrap_or_default();
    let is_asked = all.iter().any(|one| one.shared_with.is_some());
    let mut rows = vec![heads(&[
        "snapshot",
        "kind",
        "status",
        "size",
        "encrypted",
        "data as of",
        "data age",
        "version",
        "mark",
        "shared with",
    ])];
    rows.extend(all.iter().map(|one| {
        let percent = one.percent.filter(|_| !one.is_ready).map(|percent| format!(" {percent}%"));
        let shared = match one.shared_with.as_deref() {
            None => "-".to_owned(),
            Some([]) => "nobody".to_owned(),
            Some(accounts) => accounts.join(", "),
        };
        vec![
            one.name.clone(),
            kind(one.kind).to_owned(),
            format!("{}{}", one.status, percent.unwrap_or_default()),
            gib(one.size_gib),
            if one.encrypted { "yes" } else { "no" }.to_owned(),
            one.data_time.clone().unwrap_or_else(|| "unknown".to_owned()),
            age_or_dash(one.data_age_seconds),
            one.version.map(|version| version.to_string()).unwrap_or_default(),
            mark(one.marked),
            if is_asked { shared } else { String::new() },
        ]
    }));
    indented(&rows, &[3, 6, 7], false, width)
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::OfDatabase => "of the database",
        Kind::EncryptedCopy => "encrypted copy",
        Kind::Copy => "copy",
        Kind::Final => "final",
        Kind::Other => "other",
    }
}
