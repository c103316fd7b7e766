//! What a recording says about the questions that only AWS can answer (docs/untried.md). It reads nothing but the recording, and
//! says nothing that is not in it.

mod reading;
#[cfg(test)]
mod tests;

use replication::progress::{InstanceStatus, is_initializing};
use serde_json::{Value, json};

use self::reading::Recording;

/// A question, and what of a recording answers it.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// Its number in docs/untried.md; a word for what is asked there without a number, or is only good to know.
    pub number: &'static str,
    /// The question.
    pub words: &'static str,
    /// The lines of the recording that answer it.
    pub lines: &'static str,
    /// What the recording cannot say about it; empty if nothing is missing.
    pub missing: &'static str,
    /// Reads it; nothing if the recording has no such lines.
    read: fn(&Recording<'_>) -> Option<String>,
}

/// A question that a trial does not ask, and what would answer it.
#[derive(Debug, Clone, Copy)]
pub struct Open {
    /// Its number in docs/untried.md.
    pub number: &'static str,
    /// The question.
    pub words: &'static str,
    /// What it takes.
    pub needs: &'static str,
}

/// What a trial asks.
#[rustfmt::skip]
pub const QUESTIONS: &[Question] = &[
    Question {
        number: "2", words: "is a copy of a copy incremental", lines: "DescribeDBSnapshots",
        missing: "a nearly empty database is copied quickly either way: only a large one and the bill decide it",
        read: copies,
    },
    Question {
        number: "8", words: "is StorageOperationStatus there after a restore", lines: "DescribeDBInstances",
        missing: "the other storage types", read: storage,
    },
    Question {
        number: "9", words: "do the answers of calls with tags carry them",
        lines: "CreateDBSnapshot, CopyDBSnapshot, RestoreDBInstanceFromDBSnapshot", missing: "", read: tags,
    },
    Question {
        number: "10", words: "which times does a snapshot have", lines: "DescribeDBSnapshots",
        missing: "in the source account snapshots and their copies are told together", read: times,
    },
    Question {
        number: "11", words: "which statuses does a restore show", lines: "DescribeDBInstances",
        missing: "a parameter group of one's own", read: statuses,
    },
    Question {
        number: "12", words: "what is a snapshot that is not shared", lines: "DescribeDBSnapshots with an ARN of the source account",
        missing: "", read: unshared,
    },
    Question {
        number: "13", words: "the code when a snapshot under aws/rds is shared", lines: "ModifyDBSnapshotAttribute", missing: "",
        read: sharing,
    },
    Question {
        number: "filter", words: "does the filter db-instance-id take a hundred names of which one exists",
        lines: "DescribeDBSnapshots and DescribeDBInstances with Filters", missing: "", read: filter,
    },
    Question {
        number: "snapshots", words: "which statuses and percentages do snapshots and copies show", lines: "DescribeDBSnapshots",
        missing: "", read: progress,
    },
    Question {
        number: "executions", words: "how long after its start is an execution listed", lines: "ListExecutions", missing: "",
        read: listed,
    },
    Question {
        number: "codes", words: "which codes has AWS refused with", lines: "every refused call", missing: "", read: codes,
    },
];

/// What a trial does not ask.
#[rustfmt::skip]
pub const OPEN: &[Open] = &[
    Open { number: "1", words: "one copy across account and Region", needs: "two Regions; a trial is within one" },
    Open { number: "3", words: "an Aurora snapshot with sse-rds", needs: "an Aurora cluster" },
    Open { number: "4", words: "more than 20 copies at a time", needs: "21 copies that take long enough" },
    Open { number: "5", words: "CopyOptionGroup across Regions", needs: "two Regions; a trial is within one" },
    Open { number: "6", words: "a filter policy whose nested key is missing", needs: "a subscription with one" },
    Open { number: "7", words: "the rights for a shared cluster snapshot", needs: "an Aurora cluster" },
    Open { number: "14", words: "copies in progress inside one Region", needs: "21 copies that take long enough" },
];

/// What a recording answers, in the order of the questions; none where it has no lines about one.
pub fn answers(lines: &[Value]) -> Vec<(Question, Option<String>)> {
    let recording = Recording::of(lines);
    QUESTIONS.iter().map(|question| (*question, (question.read)(&recording))).collect()
}

/// For whoever reads along.
pub fn text(answers: &[(Question, Option<String>)], whose: &str) -> Vec<String> {
    let mut lines = vec![format!("what {whose} has answered (docs/untried.md has the questions):")];
    for (question, answer) in answers {
        let Some(answer) = answer else { continue };
        lines.push(format!("  {}: {}", question.number, question.words));
        lines.push(format!("    {answer}"));
        if !question.missing.is_empty() {
            lines.push(format!("    not said by it: {}", question.missing));
        }
    }
    let unanswered: Vec<&str> =
        answers.iter().filter(|(_, answer)| answer.is_none()).map(|(question, _)| question.number).collect();
    if !unanswered.is_empty() {
        lines.push(format!("  the recording has nothing about {}", unanswered.join(", ")));
    }
    let open: Vec<&str> = OPEN.iter().map(|open| open.number).collect();
    lines.push(format!("  no trial asks {}; docs/untried.md says how to", open.join(", ")));
    lines
}

/// For a program.
pub fn document(answers: &[(Question, Option<String>)]) -> Value {
    let missing = |question: &Question| Some(question.missing).filter(|missing| !missing.is_empty());
    let asked = answers.iter().map(|(question, answer)| {
        json!({
            "question": question.number, "words": question.words, "answer": answer, "lines": question.lines,
            "missing": missing(question),
        })
    });
    let open = OPEN.iter().map(|open| {
        json!({
            "question": open.number, "words": open.words, "answer": null, "lines": null, "missing": open.needs,
        })
    });
    asked.chain(open).collect()
}

fn copies(recording: &Recording<'_>) -> Option<String> {
    let took: Vec<String> =
        recording.copying_seconds().iter().map(|seconds| format!("{seconds:.0} s")).collect();
    let took =
        (!took.is_empty()).then(|| format!("copies in the destination account took {}", took.join(", ")));
    let sizes = recording.values("DBSnapshot", "FullSnapshotSizeInBytes");
    if took.is_none() && sizes.is_empty() {
        return None;
    }
    let sizes = if sizes.is_empty() {
        "FullSnapshotSizeInBytes is never there".to_owned()
    } else {
        format!("FullSnapshotSizeInBytes is {}", sizes.join(", "))
    };
    Some(took.into_iter().chain([sizes]).collect::<Vec<_>>().join("; "))
}

fn storage(recording: &Recording<'_>) -> Option<String> {
    let restored = recording.restored();
    let polled = restored.iter().map(|one| one.polled.len()).sum::<usize>();
    if polled == 0 {
        return None;
    }
    let of = |field: &str| reading::distinct(restored.iter().flat_map(|one| &one.polled), field);
    let types = of("StorageType").join(", ");
    let with: Vec<&Value> = restored
        .iter()
        .flat_map(|one| one.polled.iter().copied())
        .filter(|one| !one["StorageOperationStatus"].is_null())
        .collect();
    let says_so = |status: &str| is_initializing(&InstanceStatus::from(status), None);
    let has_status = restored.iter().any(|one| one.history.iter().any(|(_, status)| says_so(status)));
    let status = if has_status { "was" } else { "was not" };
    let mut words = if with.is_empty() {
        format!("it is never there ({types})")
    } else {
        let of = |field: &str| reading::distinct(with.iter(), field).join(", ");
        format!(
            "it is {} ({types}) while the status is {}; StorageOperationPercentProgress: {}",
            of("StorageOperationStatus"),
            of("DBInstanceStatus"),
            Some(of("StorageOperationPercentProgress"))
                .filter(|all| !all.is_empty())
                .unwrap_or("never".to_owned())
        )
    };
    words.push_str(&format!("; the status storage-initialization {status} shown"));
    Some(words)
}

fn tags(recording: &Recording<'_>) -> Option<String> {
    let calls = [
        ("CreateDBSnapshot", "DBSnapshot"),
        ("CopyDBSnapshot", "DBSnapshot"),
        ("RestoreDBInstanceFromDBSnapshot", "DBInstance"),
    ];
    let said: Vec<String> = calls
        .into_iter()
        .filter_map(|(operation, kind)| {
            let mut lines =
                recording.answered(operation).filter(|line| !line["asked"]["Tags"].is_null()).peekable();
            lines.peek()?;
            let has = lines.flat_map(|line| reading::things(line, kind)).any(reading::has_tags);
            Some(format!("{operation}: {}", if has { "TagList" } else { "no TagList" }))
        })
        .collect();
    (!said.is_empty()).then(|| said.join("; "))
}

fn times(recording: &Recording<'_>) -> Option<String> {
    let mut said = Vec::new();
    for (what, account) in
        [("a snapshot of the source account", "source"), ("a copy in the destination account", "destination")]
    {
        let polled = recording.snapshots(account);
        if polled.is_empty() {
            continue;
        }
        let fields = ["SnapshotDatabaseTime", "OriginalSnapshotCreateTime", "SnapshotCreateTime"];
        let each = fields.map(|field| format!("{field} {}", reading::presence(&polled, field, "Status")));
        said.push(format!("{what} has {}", each.join(", ")));
    }
    (!said.is_empty()).then(|| said.join("; "))
}

fn statuses(recording: &Recording<'_>) -> Option<String> {
    let restored = recording.restored();
    let of = |is_version: bool| {
        let chosen = restored.iter().filter(|one| one.is_version == is_version);
        reading::sequences(chosen.map(|one| one.until_deleted()))
    };
    let mut said = Vec::new();
    if let Some(words) = of(false) {
        said.push(format!("restored by the trial: {words}"));
    }
    if let Some(words) = of(true) {
        said.push(format!("versions, which the functions also modify: {words}"));
    }
    if said.is_empty() {
        return None;
    }
    let left = restored.iter().filter(|one| one.has_left_available()).count();
    said.push(format!("available was left again by {left} of {}", restored.len()));
    Some(said.join("; "))
}

fn unshared(recording: &Recording<'_>) -> Option<String> {
    let is_asked = |line: &Value| {
        line["account"] == "destination"
            && line["asked"]["IncludeShared"] == true
            && line["asked"]["DBSnapshotIdentifier"].as_str().is_some_and(|id| id.starts_with("arn:rds:A:"))
    };
    let (line, code) = recording.said("DescribeDBSnapshots", is_asked)?;
    Some(match (code, reading::things(line, "DBSnapshot").len()) {
        (Some(code), _) => format!("the code {code}"),
        (None, 0) => "an empty list".to_owned(),
        (None, number) => format!("{number} found, although it is not shared"),
    })
}

fn sharing(recording: &Recording<'_>) -> Option<String> {
    Some(match recording.said("ModifyDBSnapshotAttribute", |_| true)?.1 {
        Some(code) => format!("the code {code}"),
        None => "it is accepted".to_owned(),
    })
}

fn filter(recording: &Recording<'_>) -> Option<String> {
    let said: Vec<String> = [("DescribeDBSnapshots", "DBSnapshot"), ("DescribeDBInstances", "DBInstance")]
        .into_iter()
        .filter_map(|(operation, kind)| {
            let (line, code) = recording.said(operation, |line| !line["asked"]["Filters"].is_null())?;
            Some(match code {
                Some(code) => format!("{operation}: refused with {code}"),
                None => format!("{operation}: found {}", reading::things(line, kind).len()),
            })
        })
        .collect();
    (!said.is_empty()).then(|| said.join("; "))
}

fn progress(recording: &Recording<'_>) -> Option<String> {
    let mut said = Vec::new();
    for (what, account) in [
        ("snapshots and copies in the source account", "source"),
        ("copies in the destination account", "destination"),
    ] {
        let Some(words) = reading::sequences(recording.snapshot_histories(account).into_iter()) else {
            continue;
        };
        let snapshots = recording.snapshots(account);
        let mut percentages: Vec<i64> =
            snapshots.iter().filter_map(|one| one["PercentProgress"].as_i64()).collect();
        percentages.sort_unstable();
        percentages.dedup();
        let percentages: Vec<String> = percentages.iter().map(i64::to_string).collect();
        let percentages = percentages.join(", ");
        said.push(format!("{what}: {words}, PercentProgress {percentages}"));
    }
    (!said.is_empty()).then(|| said.join("; "))
}

fn listed(recording: &Recording<'_>) -> Option<String> {
    let after = recording.listed_after_seconds();
    let (fewest, most) = (after.iter().copied().reduce(f64::min)?, after.iter().copied().reduce(f64::max)?);
    Some(format!(
        "at most {fewest:.1} to {most:.1} s ({} of them; the time between two polls is in it, and by how much this machine's clock \
         is wrong)",
        after.len()
    ))
}

fn codes(recording: &Recording<'_>) -> Option<String> {
    let found = recording.codes();
    let words: Vec<String> =
        found.iter().map(|(operation, codes)| format!("{operation}: {}", codes.join(", "))).collect();
    (!words.is_empty()).then(|| words.join("; "))
}
