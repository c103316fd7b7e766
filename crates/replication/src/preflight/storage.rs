//! Storage: which type, operations and throughput go with the size of the snapshot. RDS User Guide, "Amazon RDS DB instance
//! storage"; what RDS says itself about what can be ordered goes before what is written here.

use super::{Offer, Range, Report, Wanted, engine};
use crate::observed::Snapshot;

/// From this size on, in GiB, operations and throughput of gp3 can be chosen, because storage lies on several volumes.
const STRIPED_FROM: i32 = 400;
const STRIPED_FROM_OF_ORACLE: i32 = 200;
/// The smallest io1 and io2 storage, in GiB, where RDS does not say it.
const SMALLEST_PROVISIONED: i32 = 100;

/// Whether storage can grow by itself to a limit, both in GiB: a limit is larger by a tenth at least (RDS User Guide,
/// "Managing capacity automatically with storage autoscaling").
#[must_use]
pub fn can_grow(storage: i32, most: i32) -> bool {
    i64::from(most) * 10 >= i64::from(storage) * 11
}

/// The storage that is to be.
struct Storage<'a> {
    kind: &'a str,
    /// In GiB.
    size: i32,
    engine: &'a str,
    iops: Option<i32>,
    throughput: Option<i32>,
    offer: Offer,
}

pub(super) fn judge(wanted: &Wanted, shared: &Snapshot, offer: Option<&Offer>, report: &mut Report) {
    let positive = |number: Option<i32>| number.filter(|number| *number > 0);
    let (iops, throughput) = (positive(wanted.iops), positive(wanted.throughput));
    let kind = wanted.storage_type.as_deref().or(shared.storage_type.as_deref());
    let (Some(kind), Some(size)) = (kind, shared.allocated_storage) else {
        if wanted.storage_type.is_some() || iops.is_some() || throughput.is_some() {
            report.leave_out("StorageType", "RDS does not say which storage the snapshot has");
        }
        return;
    };
    let engine = engine(wanted, shared).unwrap_or_default();
    let offer = offer.cloned().unwrap_or_default();
    let storage = Storage { kind, size, engine, iops, throughput, offer };
    judge_growth(wanted, &storage, report);
    if storage.is_of_wrong_size(report) {
        return;
    }
    let keeps_iops = shared.storage_type.as_deref() == Some(kind) && positive(shared.iops).is_some();
    if storage.is_provisioned() && iops.is_none() && !keeps_iops {
        let wrong = format!("it is not given, and the storage type {kind} needs it");
        report.refuse("Iops", wrong, format!("give Iops {}", say(storage.range_of_iops())));
    }
    storage.judge_performance(report);
}

fn judge_growth(wanted: &Wanted, storage: &Storage<'_>, report: &mut Report) {
    let Some(most) = wanted.max_allocated_storage else { return };
    let size = storage.size;
    if !can_grow(size, most) {
        report.refuse(
            "MaxAllocatedStorage",
            format!("its storage of {size} GiB cannot grow to {most} GiB by itself"),
            "give a MaxAllocatedStorage that is larger by a tenth at least, or none",
        );
    } else if storage.kind == "standard" {
        let right = "leave it empty, or give another StorageType";
        report.refuse("MaxAllocatedStorage", "storage of the type standard does not grow by itself", right);
    } else if let Some(largest) = storage.offer.size.most.filter(|largest| *largest < most) {
        let wrong =
            format!("it is {most} GiB, and storage of the type {} has at most {largest}", storage.kind);
        report.refuse("MaxAllocatedStorage", wrong, format!("give at most {largest}, or none"));
    }
}

impl Storage<'_> {
    fn is_provisioned(&self) -> bool {
        ["io1", "io2"].contains(&self.kind)
    }

    /// The size from which gp3 storage can be given numbers.
    fn striped_from(&self) -> Option<i32> {
        match self.engine {
            engine if engine.starts_with("sqlserver-") => None,
            engine if engine.starts_with("oracle-") => Some(STRIPED_FROM_OF_ORACLE),
            _ => Some(STRIPED_FROM),
        }
    }

    fn is_of_wrong_size(&self, report: &mut Report) -> bool {
        let Self { kind, size, .. } = self;
        let documented =
            (self.is_provisioned() && self.striped_from().is_some()).then_some(SMALLEST_PROVISIONED);
        let Range { least, most } = self.offer.size;
        let range = Range { least: least.or(documented), most };
        if range.has(*size) {
            return false;
        }
        report.refuse(
            "StorageType",
            format!("storage of the type {kind} has {} GiB, and the snapshot has {size}", say(range)),
            "give another StorageType, such as gp3",
        );
        true
    }

    /// What is allowed for this size.
    fn range_of_iops(&self) -> Range<i32> {
        let Offer { iops, iops_per_gib, .. } = &self.offer;
        let size = f64::from(self.size);
        let (least, most) = (
            iops_per_gib.least.map(|least| whole((least * size).ceil())),
            iops_per_gib.most.map(|most| whole((most * size).floor())),
        );
        Range {
            least: iops.least.into_iter().chain(least).max(),
            most: iops.most.into_iter().chain(most).min(),
        }
    }

    fn judge_performance(&self, report: &mut Report) {
        let Self { kind, size, engine, .. } = self;
        let given = [("Iops", self.iops), ("StorageThroughput", self.throughput)];
        for (parameter, number) in given {
            let Some(number) = number else { continue };
            let has_it = *kind == "gp3" || (parameter == "Iops" && self.is_provisioned());
            let striped_from = self.striped_from().filter(|from| *kind == "gp3" && size < from);
            let range = if parameter == "Iops" { self.range_of_iops() } else { self.range_of_throughput() };
            if !has_it {
                let wrong = format!("it is {number}, and storage of the type {kind} takes none");
                let fitting = if parameter == "Iops" { "gp3, io1 or io2" } else { "gp3" };
                report.refuse(
                    parameter,
                    wrong,
                    format!("leave {parameter} empty, or give a StorageType {fitting}"),
                );
            } else if let Some(from) = striped_from {
                report.refuse(
                    parameter,
                    format!(
                        "it is {number}, and gp3 storage of {engine} takes none below {from} GiB, not even its own \
                         3000 IOPS and 125 MiB/s; the snapshot has {size} GiB"
                    ),
                    format!("leave {parameter} empty"),
                );
            } else if !range.has(number) {
                let wrong = format!("it is {number}, and {size} GiB of {kind} take {}", say(range));
                report.refuse(
                    parameter,
                    wrong,
                    format!("give {parameter} {}, or leave it empty", say(range)),
                );
            }
        }
    }

    /// What is allowed with the operations that are chosen, or with the fewest.
    fn range_of_throughput(&self) -> Range<i32> {
        let Offer { throughput, throughput_per_iops, iops, .. } = &self.offer;
        let of_iops = self.iops.or(iops.least).zip(*throughput_per_iops);
        let most = of_iops.map(|(iops, each)| whole((f64::from(iops) * each).floor()));
        Range { least: throughput.least, most: throughput.most.into_iter().chain(most).min() }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a cast of a float stops at the limits of the integer")]
fn whole(number: f64) -> i32 {
    number as i32
}

fn say(range: Range<i32>) -> String {
    match range {
        Range { least: Some(least), most: Some(most) } => format!("from {least} to {most}"),
        Range { least: Some(least), most: None } => format!("at least {least}"),
        Range { least: None, most: Some(most) } => format!("at most {most}"),
        Range { least: None, most: None } => "as the user guide says for the size".to_owned(),
    }
}
