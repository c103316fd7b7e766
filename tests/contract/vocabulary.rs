//! The words of the domain for the commands, which are in another language: written from the domain, and read by them.

use replication::lineage;
use replication::machines::{Machine, REPORTING};
use replication::progress::{INSTANCE_STATUSES, SNAPSHOT_STATUSES};
use serde_json::{Map, Value, json};

use crate::sources::Sources;

/// Where the commands read it.
pub const PATH: &str = "console/vocabulary.json";

/// What the commands read is what the domain says.
pub fn is_current(sources: &Sources) -> Option<String> {
    let wanted = text();
    (sources.text(PATH) != wanted).then(|| {
        let of_line = |(wanted, found): (&str, &str)| (wanted != found).then(|| wanted.to_owned());
        let first = wanted.lines().zip(sources.text(PATH).lines()).find_map(of_line).unwrap_or_default();
        format!("{PATH} is not what the domain says, first at: {first}")
    })
}

/// The file: every section on lines of its own, every row of it on one line.
pub fn text() -> String {
    let sections = sections();
    let sections: Vec<String> =
        sections.iter().map(|(name, rows)| format!("  {}: {}", json!(name), section(rows))).collect();
    format!("{{\n{}\n}}\n", sections.join(",\n"))
}

fn section(rows: &Value) -> String {
    let lines = |rows: Vec<String>| rows.join(",\n    ");
    match rows {
        Value::Array(rows) if rows.iter().any(Value::is_object) => {
            format!("[\n    {}\n  ]", lines(rows.iter().map(Value::to_string).collect()))
        }
        Value::Object(rows) => {
            let row = |(name, row): (&String, &Value)| match row {
                Value::Array(rows) => {
                    let rows: Vec<String> = rows.iter().map(Value::to_string).collect();
                    format!("{}: [\n      {}\n    ]", json!(name), rows.join(",\n      "))
                }
                row => format!("{}: {row}", json!(name)),
            };
            format!("{{\n    {}\n  }}", lines(rows.iter().map(row).collect()))
        }
        row => row.to_string(),
    }
}

fn sections() -> Map<String, Value> {
    let tags: Map<String, Value> =
        lineage::KEYS.iter().map(|(name, key)| ((*name).to_owned(), json!(key))).collect();
    let machines: Map<String, Value> = Machine::ALL
        .iter()
        .map(|machine| (json!(machine).as_str().unwrap_or_default().to_owned(), json!(machine.stages())))
        .collect();
    let instances = INSTANCE_STATUSES.iter().map(|status| {
        let (restored, source) = (format!("{:?}", status.restored), format!("{:?}", status.source));
        json!({
            "word": status.word, "restored": restored, "source": source, "deletable": status.deletable,
            "finalSnapshot": status.final_snapshot,
        })
    });
    let snapshots = SNAPSHOT_STATUSES
        .iter()
        .map(|(word, progress)| json!({"word": word, "progress": format!("{progress:?}")}));
    let sections = json!({
        "tags": tags,
        "deletionTag": lineage::DELETION_TAG,
        "promotedTag": lineage::PROMOTED,
        "instanceStatuses": instances.collect::<Vec<_>>(),
        "snapshotStatuses": snapshots.collect::<Vec<_>>(),
        "machines": machines,
        "reportingStates": REPORTING,
    });
    sections.as_object().cloned().unwrap_or_default()
}
