//! Findings as an operator reads them, and as a program does.

use serde::Serialize;

use super::finding::{Finding, Place, Severity};
use crate::screen::{count, printable, wrapped};

/// How wide a line is, where it can be broken.
const WIDTH: usize = 120;
/// The column in which what was found begins.
const COLUMN: usize = 34;

/// The document.
#[derive(Debug, Serialize)]
pub struct Document<'f> {
    /// How many errors there are.
    pub errors: usize,
    /// How many warnings.
    pub warnings: usize,
    /// Everything that was checked.
    pub findings: &'f [Finding],
}

/// The document of these findings.
pub fn document(findings: &[Finding]) -> Document<'_> {
    let number = |severity| findings.iter().filter(|one| one.severity == severity).count();
    Document { errors: number(Severity::Error), warnings: number(Severity::Warning), findings }
}

/// The text of these findings.
pub fn text(findings: &[Finding]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for (place, head) in [
        (Place::Source, "source account"),
        (Place::Destination, "destination account"),
        (Place::Both, "between them"),
    ] {
        let here: Vec<&Finding> = findings.iter().filter(|one| one.place == place).collect();
        if here.is_empty() {
            continue;
        }
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(head.to_owned());
        for one in here {
            lines.extend(of_finding(one));
        }
    }
    let Document { errors, warnings, .. } = document(findings);
    let sum = match (errors, warnings) {
        (0, 0) => "all ok".to_owned(),
        _ => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
    };
    lines.extend([String::new(), sum]);
    lines.iter().map(|line| printable(line) + "\n").collect()
}

fn of_finding(finding: &Finding) -> Vec<String> {
    let word = match finding.severity {
        Severity::Ok => "ok",
        Severity::Warning => "warning",
        Severity::Error => "ERROR",
    };
    let head = format!("  {word:<8}  {:<22}", finding.check.words());
    let indent = " ".repeat(COLUMN);
    let mut lines = wrapped(&format!("{}: {}", finding.subject, finding.what), WIDTH, &head, &indent);
    if let Some(remedy) = &finding.remedy {
        lines.extend(wrapped(&format!("to fix this: {remedy}"), WIDTH, &indent, &format!("{indent}  ")));
    }
    lines
}
