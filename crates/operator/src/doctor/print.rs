//! Findings as an operator reads them, and as a program does.

use serde::Serialize;

use super::finding::{Finding, Place, Severity};
use crate::screen::{count, printable, wrapped};

/// The most columns of a line, where it can be broken.
pub const WIDTH: usize = 120;
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

/// The text of these findings, in so many columns.
pub fn text(findings: &[Finding], width: usize) -> String {
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
            lines.extend(of_finding(one, width));
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

/// The text for a terminal, with what needs attention in colour.
pub fn painted(text: &str) -> String {
    let paint = |line: &str| {
        let start = if line.starts_with("  ERROR") {
            "\u{1b}[31m"
        } else if line.starts_with("  warning") {
            "\u{1b}[33m"
        } else if !line.is_empty() && !line.starts_with(' ') {
            "\u{1b}[1m"
        } else {
            return format!("{line}\n");
        };
        format!("{start}{line}\u{1b}[0m\n")
    };
    text.lines().map(paint).collect()
}

fn of_finding(finding: &Finding, width: usize) -> Vec<String> {
    let word = match finding.severity {
        Severity::Ok => "ok",
        Severity::Warning => "warning",
        Severity::Error => "ERROR",
    };
    let head = format!("  {word:<8}  {:<22}", finding.check.words());
    let indent = " ".repeat(COLUMN);
    let mut lines = wrapped(&format!("{}: {}", finding.subject, finding.what), width, &head, &indent);
    if let Some(remedy) = &finding.remedy {
        lines.extend(wrapped(&format!("to fix this: {remedy}"), width, &indent, &format!("{indent}  ")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::{Check, Findings};

    fn some() -> Vec<Finding> {
        let mut source = Findings::of(Place::Source);
        source.ok(Check::Account, "111111111111", "Region eu-west-1");
        source.error(Check::Database, "orders", "InstanceNotReady: \u{1b}[2Jstopped", "start it");
        let mut both = Findings::of(Place::Both);
        both.warning(Check::Versions, "a and b", "not compared", "deploy both");
        source.into_all().into_iter().chain(both.into_all()).collect()
    }

    #[test]
    fn every_line_has_its_remedy_below_it() {
        let expected = "source account
  ok        account               111111111111: Region eu-west-1
  ERROR     database              orders: InstanceNotReady: ?[2Jstopped
                                  to fix this: start it

between them
  warning   versions              a and b: not compared
                                  to fix this: deploy both

1 error, 1 warning
";
        assert_eq!(text(&some(), WIDTH), expected);
        assert_eq!(text(&some()[..1], WIDTH).lines().last(), Some("all ok"));
    }

    #[test]
    fn what_needs_attention_has_a_colour() {
        let painted = painted(&text(&some(), WIDTH));
        assert!(painted.contains("\u{1b}[31m  ERROR     database"), "{painted}");
        assert!(painted.contains("\u{1b}[33m  warning   versions"), "{painted}");
        assert!(painted.starts_with("\u{1b}[1msource account\u{1b}[0m\n  ok"), "{painted}");
    }

    #[test]
    fn the_document_has_the_words_of_the_help() {
        let all = some();
        let document = serde_json::to_value(document(&all)).unwrap();
        assert_eq!((&document["errors"], &document["warnings"]), (&1.into(), &1.into()));
        let finding = serde_json::json!({
            "check": "database", "severity": "error", "place": "source", "subject": "orders",
            "what": "InstanceNotReady: \u{1b}[2Jstopped", "remedy": "start it",
        });
        assert_eq!(document["findings"][1], finding);
        assert_eq!(document["findings"][0].get("remedy"), None);
    }
}
