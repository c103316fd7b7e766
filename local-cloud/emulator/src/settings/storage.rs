//! Storage: which size, operations and throughput fit together, by the engine.

use super::Settings;
use crate::engines::{Engine, Performance, Storage};
use crate::refusal::Refusal;

impl Settings {
    /// Whether the storage settings fit together. Guide, DB instance storage. The words for operations and throughput
    /// outside their ranges are made after those that are known for sizes and ratios.
    pub fn check_storage(&self, engine: &Engine) -> Result<(), Refusal> {
        let kind = self.text("StorageType").unwrap_or("gp3");
        let Some(storage) = engine.storage(kind) else {
            let message = format!("The storage type {kind} is not supported for engine {}.", engine.name);
            return Err(Refusal::new("StorageTypeNotSupported", 400, message));
        };
        self.check_size(engine, storage)?;
        let iops = self.number("Iops").filter(|iops| *iops > 0);
        let throughput = self.number("StorageThroughput").filter(|throughput| *throughput > 0);
        if iops.is_none() && matches!(kind, "io1" | "io2") {
            let problem = format!("The storage type {kind} requires iops to be specified.");
            return Err(Refusal::invalid_combination(problem));
        }
        let performance = storage.performance.as_ref();
        let problem = match (iops, throughput, performance) {
            (None, None, _) => return Ok(()),
            (Some(_), _, None) => format!("You can't specify Iops with the storage type {kind}."),
            (_, Some(_), None | Some(Performance { throughput: None, .. })) => {
                format!("You can't specify StorageThroughput with the storage type {kind}.")
            }
            (_, _, Some(performance)) => {
                return self.check_performance(engine, kind, performance, (iops, throughput));
            }
        };
        Err(Refusal::invalid_combination(problem))
    }

    fn check_size(&self, engine: &Engine, storage: &Storage) -> Result<(), Refusal> {
        let size = self.number("AllocatedStorage").unwrap_or_default();
        if (storage.size.0..=storage.size.1).contains(&size) {
            return Ok(());
        }
        Err(wrong_size(engine, storage.kind, size))
    }

    fn check_performance(
        &self,
        engine: &Engine,
        kind: &str,
        performance: &Performance,
        (iops, throughput): (Option<u32>, Option<u32>),
    ) -> Result<(), Refusal> {
        let size = self.number("AllocatedStorage").unwrap_or_default();
        let of = format!("for engine name {} and storage type {kind}", engine.name);
        let within = |number: u32, (least, most): (u32, u32)| (least..=most).contains(&number);
        if size < performance.from_gib {
            return Err(Refusal::invalid_combination(format!(
                "You can't specify IOPS or storage throughput for engine {} and a storage size less than {}.",
                engine.name, performance.from_gib
            )));
        }
        if let Some(iops) = iops {
            let ratio = f64::from(iops) / f64::from(size.max(1));
            if !within(iops, performance.iops) {
                return Err(Refusal::invalid_combination(format!("Invalid iops value {of}: {iops}")));
            }
            if !(performance.per_gib.0..=performance.per_gib.1).contains(&ratio) {
                return Err(Refusal::invalid_combination(format!(
                    "Invalid iops to max storage (GB) ratio {of}: {ratio:.4}"
                )));
            }
        }
        if let (Some(chosen), Some(throughput)) = (throughput, &performance.throughput) {
            let ratio = f64::from(chosen) / f64::from(iops.unwrap_or(performance.iops.0).max(1));
            if !within(chosen, throughput.range) {
                return Err(Refusal::invalid_combination(format!(
                    "Invalid storage throughput value {of}: {chosen}"
                )));
            }
            if ratio > throughput.per_operation {
                return Err(Refusal::invalid_combination(format!(
                    "Invalid storage throughput to iops ratio {of}: {ratio:.4}"
                )));
            }
        }
        Ok(())
    }

    /// Whether the storage has room to grow by itself, if it is to.
    pub fn check_growth(&self, engine: &Engine) -> Result<(), Refusal> {
        let size = self.number("AllocatedStorage").unwrap_or_default();
        let kind = self.text("StorageType").unwrap_or("gp3");
        let Some(most) = self.number("MaxAllocatedStorage") else { return Ok(()) };
        // Guide, storage autoscaling: not for magnetic storage, and not beyond what its type can have.
        if kind == "standard" {
            return Err(Refusal::invalid_combination(
                "You can't specify MaxAllocatedStorage with the storage type standard.",
            ));
        }
        if engine.storage(kind).is_some_and(|storage| most > storage.size.1) {
            let of = format!("for engine name {} and storage type {kind}: {most}", engine.name);
            return Err(Refusal::invalid_combination(format!("Invalid max storage size {of}")));
        }
        if most <= size {
            return Err(Refusal::invalid_combination("Max storage size must be greater than storage size"));
        }
        if most * 10 < size * 11 {
            return Err(Refusal::invalid_combination(
                "The maximum allocated storage must be increased by at least 10 percent.",
            ));
        }
        Ok(())
    }

    /// These settings with those of a modification that takes effect at once. A limit of growth that is the present size
    /// ends the growth (guide, storage autoscaling).
    pub fn grown(&self, engine: &Engine, newer: &Self) -> Result<Self, Refusal> {
        let mut all = self.overlaid(newer);
        let limit = newer.number("MaxAllocatedStorage");
        if limit.is_some() && limit == all.number("AllocatedStorage") {
            all.0.remove("MaxAllocatedStorage");
        } else if limit.is_some() {
            all.check_growth(engine)?;
        }
        Ok(all)
    }

    /// The operations and megabytes a second of gp3 storage for which nothing else was chosen. Guide, storage types.
    pub fn baseline(&self, engine: &Engine) -> Option<(u32, u32)> {
        let chosen =
            self.number("Iops").or(self.number("StorageThroughput")).is_some_and(|number| number > 0);
        let kind = self.text("StorageType").filter(|kind| *kind == "gp3" && !chosen)?;
        let performance = engine.storage(kind)?.performance.as_ref()?;
        let throughput = performance.throughput.as_ref()?;
        let size = self.number("AllocatedStorage").unwrap_or_default();
        let is_striped = size >= performance.from_gib;
        Some(if is_striped { (performance.iops.0, throughput.range.0) } else { (3_000, 125) })
    }
}

/// Recorded: also what RDS says of a restore into less storage than the snapshot has.
pub fn wrong_size(engine: &Engine, kind: &str, size: u32) -> Refusal {
    Refusal::invalid_combination(format!(
        "Invalid storage size for engine name {} and storage type {kind}: {size}",
        engine.name
    ))
}
