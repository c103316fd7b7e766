//! Whether the stack's settings fit the snapshot that is to be restored and the account that is to hold it: judged before
//! anything is copied, because RDS judges them only at the restore, after hours of copying, and again in every run.
//!
//! What RDS was not asked, or did not answer, is no problem of the settings: it is reported, and RDS judges it later.

mod classes;
mod engine;
mod groups;
mod room;
mod source;
mod storage;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::contract::LeftOut;
use crate::observed::Snapshot;
use crate::settings::{Settings, Value};
use crate::{Error, ErrorName};

pub use engine::engine;
pub use groups::{asks_for_parameter_group, asks_for_release, subnet_group};
pub use room::Quota;
pub use source::{check_source, own_option_groups};
pub use storage::can_grow;

/// What the stack chooses for the restored instance and RDS may refuse, by the parameters of the destination template;
/// nothing where the choice is RDS's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `Engine`.
    pub engine: Option<String>,
    /// `DBInstanceClass`.
    pub class: Option<String>,
    /// `MultiAZ`.
    pub multi_az: bool,
    /// `Subnetgroups`.
    pub subnet_group: Option<String>,
    /// `DBParameterGroupName`.
    pub parameter_group: Option<String>,
    /// `OptionGroupName`.
    pub option_group: Option<String>,
    /// `StorageType`.
    pub storage_type: Option<String>,
    /// `Iops`.
    pub iops: Option<i32>,
    /// `StorageThroughput`, in MiB a second.
    pub throughput: Option<i32>,
    /// `MaxAllocatedStorage`, in GiB.
    pub max_allocated_storage: Option<i32>,
}

impl Wanted {
    /// What of an operator's choices is judged here.
    #[must_use]
    pub fn of(chosen: &Settings) -> Self {
        let text = |parameter| match chosen.get(parameter) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        };
        let number = |parameter| match chosen.get(parameter) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        };
        Self {
            engine: text("Engine"),
            class: text("DBInstanceClass"),
            multi_az: chosen.get("MultiAZ") == Some(&Value::Flag(true)),
            subnet_group: text("Subnetgroups"),
            parameter_group: text("DBParameterGroupName"),
            option_group: text("OptionGroupName"),
            storage_type: text("StorageType"),
            iops: number("Iops"),
            throughput: number("StorageThroughput"),
            max_allocated_storage: number("MaxAllocatedStorage"),
        }
    }
}

/// What RDS says about something, or why it does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known<T> {
    /// It says so.
    Seen(T),
    /// It does not answer: the text says why.
    Unseen(String),
}

/// What RDS offers for an engine version.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Offers {
    /// The combinations with the class that is chosen.
    pub of_class: Vec<Offer>,
    /// Every class, asked for only where the chosen one is in no combination.
    pub classes: BTreeSet<String>,
}

/// A combination that can be ordered (`OrderableDBInstanceOption`). What RDS does not say is nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Offer {
    /// `LicenseModel`.
    pub license: Option<String>,
    /// `StorageType`.
    pub storage: Option<String>,
    /// `MultiAZCapable`.
    pub multi_az: Option<bool>,
    /// `SupportsStorageEncryption`.
    pub encryption: Option<bool>,
    /// Storage in GiB.
    pub size: Range<i32>,
    /// I/O operations a second.
    pub iops: Range<i32>,
    /// I/O operations a second for each GiB.
    pub iops_per_gib: Range<f64>,
    /// Throughput in MiB a second.
    pub throughput: Range<i32>,
    /// The most throughput for each I/O operation a second.
    pub throughput_per_iops: Option<f64>,
}

/// The least and the most, as far as RDS says them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Range<T> {
    /// The least.
    pub least: Option<T>,
    /// The most.
    pub most: Option<T>,
}

impl<T: PartialOrd + Copy> Range<T> {
    /// Whether a number is in it.
    fn has(&self, number: T) -> bool {
        self.least.is_none_or(|least| least <= number) && self.most.is_none_or(|most| number <= most)
    }
}

/// What the version of the snapshot's engine needs of groups (`DBEngineVersion`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The family of its parameter groups.
    pub family: String,
    /// Its major version, as option groups name it.
    pub major: Option<String>,
}

/// An option group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OptionGroup {
    /// Its name.
    pub name: String,
    /// Its engine.
    pub engine: String,
    /// The major version of that.
    pub major: String,
    /// The VPC that it is bound to.
    pub vpc: Option<String>,
    /// The options that cannot be taken out of it while instances have it.
    pub lasting_options: Vec<String>,
}

/// A DB subnet group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubnetGroup {
    /// Its VPC.
    pub vpc: Option<String>,
    /// The Availability Zones of its subnets.
    pub zones: BTreeSet<String>,
}

/// What was observed of the account. What there was no reason to ask is nothing; what does not exist is a `Seen(None)`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// What can be ordered, where a class is chosen.
    pub offers: Option<Known<Offers>>,
    /// What the engine version needs, where [`asks_for_release`]; `Seen(None)` if RDS does not list the version.
    pub release: Option<Known<Option<Release>>>,
    /// The family of the parameter group that is chosen, where [`asks_for_parameter_group`].
    pub parameter_group: Option<Known<Option<String>>>,
    /// The option group that is chosen.
    pub option_group: Option<Known<Option<OptionGroup>>>,
    /// The DB subnet group called [`subnet_group`].
    pub subnet_group: Option<Known<Option<SubnetGroup>>>,
    /// The quotas of the account.
    pub quotas: Option<Known<Vec<Quota>>>,
}

/// A setting that RDS would refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The parameter of the template.
    pub parameter: &'static str,
    /// What is wrong with it.
    pub wrong: String,
    /// What would be right, as an instruction.
    pub right: String,
}

/// All that was found out about the settings in this account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What RDS would refuse.
    pub findings: Vec<Finding>,
    /// What could not be judged, with the reasons.
    pub not_checked: Vec<LeftOut>,
    /// Why the account has no room for the instance, if it has none.
    pub full: Option<Error>,
}

impl Report {
    fn refuse(&mut self, parameter: &'static str, wrong: impl Into<String>, right: impl Into<String>) {
        self.findings.push(Finding { parameter, wrong: wrong.into(), right: right.into() });
    }

    fn leave_out(&mut self, what: &str, because: impl Into<String>) {
        self.not_checked.push(LeftOut { what: what.to_owned(), because: because.into() });
    }

    /// One error for all that RDS would refuse. A full quota is among it only beside something else, because it may pass.
    ///
    /// # Errors
    /// [`ErrorName::InvalidConfiguration`], naming each parameter, what is wrong with it, and what would be right.
    pub fn check(&self, doing: &str) -> Result<(), Error> {
        if self.findings.is_empty() {
            return Ok(());
        }
        let full = self.full.iter().map(|full| format!("and {full}"));
        let wrong =
            self.findings.iter().map(|Finding { parameter, wrong, .. }| format!("{parameter}: {wrong}"));
        let because: Vec<String> = wrong.chain(full).collect();
        let right: Vec<&str> = self.findings.iter().map(|finding| finding.right.as_str()).collect();
        Err(Error::new(ErrorName::InvalidConfiguration, doing).because(because.join("; ")).advise(format!(
            "update the stack, then start the source execution again (nothing was copied): {}",
            right.join("; ")
        )))
    }
}

/// Judges the settings.
#[must_use]
pub fn judge(wanted: &Wanted, shared: &Snapshot, facts: &Facts) -> Report {
    let mut report = Report::default();
    engine::judge(wanted, shared, &mut report);
    let offer = classes::judge(wanted, shared, facts.offers.as_ref(), &mut report);
    storage::judge(wanted, shared, offer, &mut report);
    groups::judge(wanted, shared, facts, &mut report);
    room::judge(shared, facts.quotas.as_ref(), &mut report);
    report
}

/// What is in it, if RDS has said it; else it is reported that it was not checked.
fn seen<'a, T>(known: Option<&'a Known<T>>, what: &str, report: &mut Report) -> Option<&'a T> {
    match known? {
        Known::Seen(seen) => Some(seen),
        Known::Unseen(because) => {
            report.leave_out(what, because);
            None
        }
    }
}

/// Engine and version of a snapshot, as an operator names them.
fn release_of(shared: &Snapshot) -> String {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    format!("{} {}", text(&shared.engine), text(&shared.engine_version)).trim().to_owned()
}
