//! The code, broken once for each rule about it.

use super::{Breakage, code};

/// A breakage of each rule about code.
pub fn all() -> Vec<Breakage> {
    let (file, function) = ("crates/share/src/lib.rs", "    let doing = format!(\"sharing");
    let longer = |to: &str, lines| -> &'static str { format!("{}{to}", "\n".repeat(lines)).leak() };
    vec![
        code(
            file,
            "/// The error for a refusal.",
            longer("/// Refused.", 480),
            "crates/share/src/lib.rs has 5",
        ),
        code(file, function, longer(function, 66), ": the function run has 9"),
        code(
            "crates/prune/src/report.rs",
            "pub fn of_plan(",
            "pub fn is_ready(status: &str) -> bool { matches!(status, \"available\") }\n    pub fn of_plan(",
            "has the status word \"available\"",
        ),
        code(
            "crates/copy/src/source.rs",
            "/// The source snapshot as",
            "fn is_stopped(status: &str) -> bool { status.starts_with(\"stop\") }\n/// The source snapshot as",
            "has the status word \"stop\"",
        ),
        code(
            file,
            "/// The error for a refusal.",
            "const STATE: &str = \"CleanOlderSnapshots\";",
            "names the stage CleanOlderSnapshots",
        ),
        code(
            crate::vocabulary::PATH,
            "rds-replication:stack",
            "rds-replication:owner",
            "is not what the domain says, first at:     \"STACK\": \"rds-replication:stack\",",
        ),
        code(file, "fn named(", "fn named((", "crates/share/src/lib.rs cannot be read"),
    ]
}
