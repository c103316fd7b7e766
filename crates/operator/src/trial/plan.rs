//! What a trial makes, in which order, how long that takes and what it costs. Nothing here does anything.

use crate::failure::Failure;

/// How everything that a trial makes is called at its beginning.
pub const PREFIX: &str = "rds-replication-trial";
/// The tag that everything gets that can have one; its value is the id of the trial.
pub const TAG: &str = "rds-replication-trial";
/// The class of the databases: the smallest one that runs every supported PostgreSQL.
pub const CLASS: &str = "db.t4g.micro";
/// The storage of each database in GiB: the least that RDS gives.
pub const STORAGE_GIB: i32 = 20;
/// The days until a key is gone that is scheduled for deletion: the fewest that KMS takes.
pub const KEY_DAYS: u32 = 7;
/// The most versions that are there at once; two are made.
pub const VERSIONS: u32 = 2;

/// The names of everything in a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The id of the trial.
    pub id: String,
}

impl Names {
    /// Those of a trial.
    pub fn of(id: &str) -> Self {
        Self { id: id.to_owned() }
    }

    /// How all of them begin. It is the source database's name, too.
    pub fn base(&self) -> String {
        format!("{PREFIX}-{}", self.id)
    }

    /// The stack of an account, by its role.
    pub fn stack(&self, role: &str) -> String {
        format!("{}-{role}", self.base())
    }

    /// How the snapshots in the source account begin.
    pub fn snapshots(&self) -> String {
        format!("{}-snapshot", self.base())
    }

    /// How the versions and snapshots in the destination account begin.
    pub fn copies(&self) -> String {
        format!("{}-copy", self.base())
    }

    /// A version.
    pub fn version(&self, version: u32) -> String {
        format!("{}-{version}", self.copies())
    }

    /// The secret.
    pub fn secret(&self) -> String {
        format!("{}/db/read", self.base())
    }

    /// What is made only to see which fields RDS answers with: a snapshot, the instance restored from its copy, and the copy.
    pub fn question(&self) -> String {
        format!("{}-question", self.base())
    }

    /// The copy of that snapshot.
    pub fn question_copy(&self) -> String {
        format!("{}-question-copy", self.base())
    }

    /// The tag as options have it.
    pub fn tag(&self) -> String {
        format!("{TAG}={}", self.id)
    }

    /// The parameters of the source stack.
    pub fn source_parameters(&self, destination_account: &str) -> Vec<String> {
        vec![
            format!("SourceDBIdentifier={}", self.base()),
            format!("SourceDBSnapshotName={}", self.snapshots()),
            format!("DestinationAccountNumber={destination_account}"),
            format!("ExtraTags={}", self.tag()),
            "Dashboard=false".to_owned(),
        ]
    }

    /// The parameters of the destination stack.
    pub fn destination_parameters(&self, topic: &str) -> Vec<String> {
        vec![
            format!("SourceTopicArn={topic}"),
            format!("SourceDBIdentifier={}", self.base()),
            format!("DatabaseName={}", self.copies()),
            format!("SecretName={}", self.secret()),
            format!("DBInstanceClass={CLASS}"),
            format!("ExtraTags={}", self.tag()),
            "Dashboard=false".to_owned(),
        ]
    }
}

/// The parameter of both stacks that holds the tags of everything they make.
const EXTRA_TAGS: &str = "ExtraTags";

/// What the parameters of the operator may not say: what is replicated, where to, which names it gets, and that it cannot be
/// deleted. With another source database or another secret it would be no trial, and would destroy what is in use.
const OWN_PARAMETERS: &[&str] = &[
    "SourceDBIdentifier",
    "SourceDBSnapshotName",
    "DestinationAccountNumber",
    "DestinationRegion",
    "CrossRegionCopy",
    "DestinationRegionKMSKey",
    "Fleet",
    "SourceTopicArn",
    "DatabaseName",
    "SecretName",
    "ExistingSecretArn",
    "DeletionProtection",
];

fn key_and_value(parameter: &str) -> (&str, &str) {
    parameter.split_once('=').unwrap_or((parameter, ""))
}

/// Refuses parameters with which it would be no trial.
///
/// # Errors
/// If there is one among those of this option.
pub fn refuse_parameters(option: &str, given: &[String]) -> Result<(), Failure> {
    for parameter in given {
        let (key, value) = key_and_value(parameter);
        if OWN_PARAMETERS.contains(&key) {
            return Err(Failure::new(format!(
                "{option} {parameter}: the trial itself chooses {key}; to fix this: leave it out"
            )));
        }
        let is_own = |tag: &str| key_and_value(tag).0.trim() == TAG;
        if key == EXTRA_TAGS && value.split(',').any(is_own) {
            return Err(Failure::new(format!(
                "{option} {parameter}: the tag {TAG} is the trial's own; to fix this: leave it out"
            )));
        }
    }
    Ok(())
}

/// The parameters of a stack: the operator's own count, but their tags are added to those of the trial.
pub fn parameters(of_trial: Vec<String>, given: &[String]) -> Vec<String> {
    let key = |parameter: &String| key_and_value(parameter).0.to_owned();
    let (tags, given): (Vec<&String>, Vec<&String>) =
        given.iter().partition(|parameter| key(parameter) == EXTRA_TAGS);
    let mut parameters = of_trial;
    parameters.retain(|parameter| !given.iter().any(|other| key(other) == key(parameter)));
    for own in parameters.iter_mut().filter(|parameter| key(parameter) == EXTRA_TAGS) {
        for more in tags.iter().map(|tags| key_and_value(tags).1).filter(|tags| !tags.is_empty()) {
            own.push(',');
            own.push_str(more);
        }
    }
    parameters.extend(given.into_iter().cloned());
    parameters
}

/// One thing that a trial does and then checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Creates the source database.
    SourceDatabase,
    /// Deploys the stack of the source account.
    SourceStack,
    /// Deploys the stack of the destination account.
    DestinationStack,
    /// Asks RDS the questions that need calls of their own.
    Questions,
    /// Changes the rows of the source database, for the version of this number.
    Rows(u32),
    /// Replicates, which makes the version of this number.
    Replication(u32),
    /// Makes the version of this number live again.
    RollBack(u32),
    /// Checks that the version of this number is live and holds its rows.
    Live(u32),
}

/// All of them, in their order; what was made is destroyed after them, however they end.
#[rustfmt::skip]
pub const STEPS: &[Step] = &[
    Step::SourceDatabase, Step::SourceStack, Step::DestinationStack,
    Step::Rows(1), Step::Replication(1), Step::Live(1),
    Step::Questions,
    Step::Rows(2), Step::Replication(2), Step::Live(2),
    Step::RollBack(1), Step::Live(1),
];

/// About how long destroying takes, in minutes.
const DESTROYING_MINUTES: u32 = 15;

impl Step {
    /// What it does, for whoever reads along.
    pub fn words(self, names: &Names) -> String {
        match self {
            Self::SourceDatabase => format!("create the database {} in the source account", names.base()),
            Self::SourceStack => format!("deploy the stack {} in the source account", names.stack("source")),
            Self::DestinationStack => {
                format!("deploy the stack {} in the destination account", names.stack("destination"))
            }
            Self::Questions => {
                "create, copy and restore a snapshot, to see which fields the answers have".to_owned()
            }
            Self::Rows(version) => format!("write the rows of version {version} into the source database"),
            Self::Replication(version) => format!("replicate: version {version}"),
            Self::RollBack(version) => format!("roll back to version {version}"),
            Self::Live(version) => format!("check that version {version} is live and holds its rows"),
        }
    }

    /// About how long it takes in AWS, in minutes: creating and restoring a small instance takes eight, a snapshot or a copy
    /// of it three to five, a stack three.
    pub fn minutes(self) -> u32 {
        match self {
            Self::SourceDatabase => 10,
            Self::SourceStack | Self::DestinationStack => 4,
            Self::Questions => 8,
            Self::Rows(_) | Self::Live(_) => 0,
            Self::Replication(_) => 22,
            Self::RollBack(_) => 2,
        }
    }
}

/// About how long all of it takes, in minutes.
pub fn minutes() -> u32 {
    STEPS.iter().map(|step| step.minutes()).sum::<u32>() + DESTROYING_MINUTES
}

/// List prices of N. Virginia in dollars, November 2026; other Regions cost up to twice as much.
const INSTANCE_HOUR: f64 = 0.016;
const STORAGE_GIB_MONTH: f64 = 0.115;
const SNAPSHOT_GIB_MONTH: f64 = 0.095;
const KEY_MONTH: f64 = 1.0;
const SECRET_MONTH: f64 = 0.4;
const TRANSITION: f64 = 0.025 / 1000.0;
const MONTH_HOURS: f64 = 730.0;
/// Each replication takes fewer in both machines together (docs/performance.md).
const TRANSITIONS: f64 = 2_000.0;

/// What it costs at most, in dollars: every thing for the whole time, although most of them are there for a part of it only.
pub fn dollars() -> f64 {
    let hours = f64::from(minutes()) / 60.0;
    let instances = f64::from(2 + VERSIONS);
    // Two in each account for each version, and the two that ask questions; none is larger than the storage.
    let snapshots = f64::from(4 * VERSIONS + 2);
    let size = f64::from(STORAGE_GIB);
    let by_month = instances * size * STORAGE_GIB_MONTH
        + snapshots * size * SNAPSHOT_GIB_MONTH
        + 2.0 * KEY_MONTH
        + SECRET_MONTH;
    instances * INSTANCE_HOUR * hours + by_month * hours / MONTH_HOURS + TRANSITIONS * TRANSITION
}

/// What is said before anything begins.
pub fn statement(names: &Names, source: &str, destination: &str) -> Vec<String> {
    let mut lines = vec![
        format!(
            "A trial of the replication with a database of its own. Everything is called {}...,",
            names.base()
        ),
        format!("and has the tag {} where AWS tags it. Nothing else is changed.", names.tag()),
        String::new(),
        format!("source account       {source}"),
        format!("destination account  {destination}"),
        String::new(),
        "it will".to_owned(),
    ];
    lines.extend(STEPS.iter().map(|step| format!("  - {}", step.words(names))));
    lines.extend([
        "  - destroy all of it, also after a failure or Ctrl-C".to_owned(),
        String::new(),
        "which makes".to_owned(),
        format!("  source account       two {CLASS} with PostgreSQL and {STORAGE_GIB} GiB, some snapshots, a stack, a KMS key"),
        format!("  destination account  {VERSIONS} of them, some snapshots, a stack, a secret, a KMS key"),
        "  both                 the bucket of scripts/deploy, unless it is there".to_owned(),
        format!("  the two keys are gone {KEY_DAYS} days later: KMS has no quicker way, and does not bill them meanwhile"),
        String::new(),
        format!(
            "It takes about {} minutes; the credentials have to be valid as long. It costs less than ${:.2}",
            minutes(),
            dollars().ceil()
        ),
        "at list prices of N. Virginia of November 2026 (all things together for the whole time).".to_owned(),
    ]);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_about_ninety_minutes_and_less_than_a_dollar() {
        assert!((80..=100).contains(&minutes()), "{}", minutes());
        assert!(dollars() > 0.05 && dollars() < 1.0, "{}", dollars());
    }

    #[test]
    fn the_names_are_those_that_the_product_takes() {
        let names = Names::of(&super::super::id(i128::from(i64::MAX), u32::MAX));
        assert!(names.copies().len() <= 50, "{}", names.copies());
        assert!(names.version(999).len() <= 63 && names.base().len() <= 63);
        let all = [names.stack("source"), names.snapshots(), names.version(1), names.secret()];
        assert!(all.iter().all(|name| name.starts_with(&names.base())), "{all:?}");
    }

    #[test]
    fn what_makes_it_a_trial_cannot_be_chosen() {
        let (of_source, of_destination) =
            (Names::of("x").source_parameters("1"), Names::of("x").destination_parameters("t"));
        // Every name is the trial's, and a class or a dashboard is not a name.
        for own in of_source.iter().chain(&of_destination) {
            let key = key_and_value(own).0;
            let is_free = ["DBInstanceClass", "Dashboard", EXTRA_TAGS].contains(&key);
            let refused = refuse_parameters("--source-parameter", &[format!("{key}=prod")]);
            assert_eq!(refused.is_ok(), is_free, "{key}");
        }
        for own in ["ExistingSecretArn=a", "Fleet=true", "ExtraTags=a=b,rds-replication-trial=y"] {
            let refused = refuse_parameters("--destination-parameter", &[own.to_owned()]).unwrap_err();
            assert!(refused.text.starts_with(&format!("--destination-parameter {own}: ")), "{refused}");
            assert!(refused.text.contains("to fix this: "), "{refused}");
        }
        refuse_parameters("--source-parameter", &["KMSKey=k".to_owned(), "ExtraTags=a=b".to_owned()])
            .unwrap();
    }

    #[test]
    fn the_tags_of_the_operator_are_added_to_those_of_the_trial() {
        let given = ["ExtraTags=team=data,env=test", "Dashboard=true", "SGID=sg-1"].map(str::to_owned);
        assert_eq!(
            parameters(Names::of("x").source_parameters("1"), &given)[2..],
            [
                "DestinationAccountNumber=1",
                "ExtraTags=rds-replication-trial=x,team=data,env=test",
                "Dashboard=true",
                "SGID=sg-1"
            ]
        );
    }

    #[test]
    fn every_version_is_checked_after_it_was_made_and_after_the_rollback() {
        let checked: Vec<u32> = STEPS
            .iter()
            .filter_map(|step| if let Step::Live(version) = step { Some(*version) } else { None })
            .collect();
        assert_eq!(checked, [1, 2, 1]);
        let said = statement(&Names::of("x"), "1", "2").join("\n");
        for step in STEPS {
            assert!(said.contains(&step.words(&Names::of("x"))), "{step:?}");
        }
        for words in ["minutes", "costs less than $1.00", "destroy all of it", "7 days"] {
            assert!(said.contains(words), "{words}: {said}");
        }
    }
}
