//! Groups that the restored instance is to have: parameters, options, subnets.

use super::{Facts, OptionGroup, Release, Report, SubnetGroup, Wanted, engine, release_of, seen};
use crate::observed::Snapshot;

/// What the names of RDS's own parameter groups say in front of their family. RDS makes each on first use.
const DEFAULT_PARAMETERS: &str = "default.";
/// The subnet group of an instance for which none is chosen.
const DEFAULT_SUBNETS: &str = "default";

/// The name of the DB subnet group that a restore uses.
#[must_use]
pub fn subnet_group(wanted: &Wanted) -> &str {
    wanted.subnet_group.as_deref().unwrap_or(DEFAULT_SUBNETS)
}

/// Whether the family of the parameter group has to be asked for; that of RDS's own is in their name.
#[must_use]
pub fn asks_for_parameter_group(wanted: &Wanted) -> Option<&str> {
    wanted.parameter_group.as_deref().filter(|name| !name.starts_with(DEFAULT_PARAMETERS))
}

/// Whether what the engine version needs of groups has to be asked for.
#[must_use]
pub fn asks_for_release(wanted: &Wanted) -> bool {
    wanted.parameter_group.is_some() || wanted.option_group.is_some()
}

pub(super) fn judge(wanted: &Wanted, shared: &Snapshot, facts: &Facts, report: &mut Report) {
    let release = seen(facts.release.as_ref(), "family and major version of the engine", report);
    if release == Some(&None) {
        report.leave_out(
            "DBParameterGroupName and OptionGroupName",
            format!("RDS does not list the version {}", release_of(shared)),
        );
    }
    let release = release.and_then(Option::as_ref);
    judge_parameters(wanted, shared, facts, release, report);
    let subnets = seen(facts.subnet_group.as_ref(), "Subnetgroups", report);
    if let Some(subnets) = subnets {
        judge_subnets(wanted, subnets.as_ref(), report);
    }
    let subnets = subnets.and_then(Option::as_ref);
    if let (Some(name), Some(group)) =
        (&wanted.option_group, seen(facts.option_group.as_ref(), "OptionGroupName", report))
    {
        judge_options(wanted, (name, group.as_ref()), shared, (release, subnets), report);
    }
}

fn judge_parameters(
    wanted: &Wanted,
    shared: &Snapshot,
    facts: &Facts,
    release: Option<&Release>,
    report: &mut Report,
) {
    let is_mysql_8 = shared.engine.as_deref() == Some("mysql")
        && shared.engine_version.as_deref().is_some_and(|version| version.starts_with("8."));
    // MySQL 8 does not start on data that were written with another value, which this account cannot know.
    if is_mysql_8 {
        report.leave_out(
            "DBParameterGroupName",
            "if the source's group sets lower_case_table_names, this group has to set the same value, else the instance \
             ends incompatible-parameters",
        );
    }
    let Some(name) = &wanted.parameter_group else { return };
    let family = match (asks_for_parameter_group(wanted), name.strip_prefix(DEFAULT_PARAMETERS)) {
        (None, Some(family)) => Some(family),
        _ => match seen(facts.parameter_group.as_ref(), "DBParameterGroupName", report) {
            Some(found) => {
                if found.is_none() {
                    report.refuse(
                        "DBParameterGroupName",
                        format!("there is no DB parameter group {name} in this account and Region"),
                        format!(
                            "create it{}, or give one that exists, or leave it empty",
                            release
                                .map(|release| format!(" with the family {}", release.family))
                                .unwrap_or_default()
                        ),
                    );
                }
                found.as_deref()
            }
            None => None,
        },
    };
    if let (Some(family), Some(release)) = (family, release)
        && family != release.family
    {
        report.refuse(
            "DBParameterGroupName",
            format!(
                "{name} is of the family {family}, and the snapshot of {} needs {}",
                release_of(shared),
                release.family
            ),
            format!("give a DB parameter group of the family {}, or leave it empty", release.family),
        );
    }
}

fn judge_options(
    wanted: &Wanted,
    (name, group): (&str, Option<&OptionGroup>),
    shared: &Snapshot,
    (release, subnets): (Option<&Release>, Option<&SubnetGroup>),
    report: &mut Report,
) {
    let needed = engine(wanted, shared).unwrap_or_default();
    let major = release.and_then(|release| release.major.as_deref());
    let right = format!(
        "give an option group of {needed}{}, or leave OptionGroupName empty",
        major.map(|major| format!(" {major}")).unwrap_or_default()
    );
    let Some(group) = group else {
        let wrong = format!("there is no option group {name} in this account and Region");
        return report.refuse("OptionGroupName", wrong, right);
    };
    if group.engine != needed || major.is_some_and(|major| major != group.major) {
        let wrong = format!(
            "{name} is for {} {}, and the snapshot is of {}",
            group.engine,
            group.major,
            release_of(shared)
        );
        return report.refuse("OptionGroupName", wrong, right);
    }
    // An option group is bound to the VPC of its first instance.
    let vpc_of_subnets = subnets.and_then(|subnets| subnets.vpc.as_deref());
    if let (Some(bound), Some(vpc)) = (group.vpc.as_deref(), vpc_of_subnets)
        && bound != vpc
    {
        let wrong = format!("{name} is bound to {bound}, and the DB subnet group is in {vpc}");
        report.refuse("OptionGroupName", wrong, "give an option group that no instance of another VPC has");
    }
}

fn judge_subnets(wanted: &Wanted, group: Option<&SubnetGroup>, report: &mut Report) {
    let name = subnet_group(wanted);
    match group {
        None if wanted.subnet_group.is_some() => report.refuse(
            "Subnetgroups",
            format!("there is no DB subnet group {name} in this account and Region"),
            "create it, or give one that exists",
        ),
        // Whether there is a default VPC is EC2's to say, which nobody asks here.
        None => report.leave_out(
            "Subnetgroups",
            "it is empty, and there is no DB subnet group called default yet: RDS makes it of the account's default VPC; an \
             account without a default VPC has to name a group",
        ),
        // API model, DBSubnetGroupDoesNotCoverEnoughAZs.
        Some(group) if wanted.multi_az && group.zones.len() == 1 => report.refuse(
            "Subnetgroups",
            format!("the subnets of {name} are in one Availability Zone, and MultiAZ needs a second one"),
            "add a subnet in another Availability Zone to it, or give MultiAZ=false",
        ),
        Some(_) => {}
    }
}
