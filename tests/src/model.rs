//! The model of waiting: the real rule ([`replication::pacing`]) is asked poll by poll about a stage of known length.

use replication::contract::StageReport;
use replication::pacing::{Stage, StageName};
use time::{Duration, OffsetDateTime};

/// How far RDS says that a stage is, by the part of its time that has passed.
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Shape {
    Missing,
    StuckAtZero,
    StuckAtTen,
    Linear,
    QuickFirst,
    SlowFirst,
    NearlyDoneAtHalf,
    Jumps,
    DoneAtHalf,
}

impl Shape {
    /// In percent, where RDS says it; `passed` is from 0 to 1.
    pub fn percent(self, passed: f64) -> Option<i32> {
        let part = match self {
            Self::Missing => return None,
            Self::StuckAtZero => 0.0,
            Self::StuckAtTen if passed < 0.9 => passed.min(0.1),
            Self::Linear | Self::StuckAtTen => passed,
            Self::QuickFirst => passed.powf(0.6),
            Self::SlowFirst => passed.powf(1.6),
            Self::NearlyDoneAtHalf if passed < 0.5 => passed * 1.9,
            Self::NearlyDoneAtHalf => 0.95 + (passed - 0.5) / 10.0,
            Self::Jumps if passed < 0.3 => 0.0,
            Self::Jumps if passed < 0.7 => 0.5,
            Self::Jumps => 0.9,
            Self::DoneAtHalf => (passed * 2.0).min(1.0),
        };
        #[expect(clippy::cast_possible_truncation, reason = "it is from 0 to 100")]
        Some((part * 100.0) as i32)
    }
}

/// What the waiting of a stage or of a run comes to.
#[derive(Clone, Copy, Default)]
pub struct Cost {
    /// Seconds from the end of RDS's work until the machine goes on.
    pub late: f64,
    /// How often the machine has waited.
    pub waits: f64,
    /// How often it has polled.
    pub polls: f64,
}

impl Cost {
    /// Adds what another stage comes to.
    pub fn add(&mut self, other: Self) {
        self.late += other.late;
        self.waits += other.waits;
        self.polls += other.polls;
    }

    /// The mean of so many runs.
    pub fn of_one(self, runs: u32) -> Self {
        let runs = f64::from(runs);
        Self { late: self.late / runs, waits: self.waits / runs, polls: self.polls / runs }
    }
}

/// Polls until RDS has finished; `wait` is asked after each poll that comes before that.
pub fn polled(takes: i64, mut wait: impl FnMut(i64) -> i64) -> Cost {
    let (mut at, mut cost) = (0, Cost { polls: 1.0, ..Cost::default() });
    while at < takes {
        at += wait(at);
        cost.add(Cost { late: 0.0, waits: 1.0, polls: 1.0 });
    }
    Cost { late: seconds(at - takes), ..cost }
}

/// The same, to calculate with.
#[expect(clippy::cast_precision_loss, reason = "a stage takes less than 2^52 seconds")]
pub fn seconds(whole: i64) -> f64 {
    whole as f64
}

/// A stage under the product's own rule, through the reports that go from poll to poll. RDS shows no progress of a restore.
pub fn stage(name: StageName, takes: i64, shape: Shape, history: Option<u32>, run: &str) -> Cost {
    let began = OffsetDateTime::UNIX_EPOCH;
    let mut earlier: Option<StageReport> = None;
    polled(takes, |at| {
        let now = began + Duration::seconds(at);
        let stage = Stage::resume(name, earlier.as_ref(), now, 86_400, run).expecting(history);
        let percent =
            if name == StageName::Restore { None } else { shape.percent(seconds(at) / seconds(takes)) };
        let mut report = StageReport::pending(&stage, "creating", percent);
        report.started_at = began;
        let wait = report.wait_seconds;
        earlier = Some(report);
        wait.into()
    })
}
