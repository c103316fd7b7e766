//! The one rule of how long a stage waits before its next poll.
//!
//! What is known may be wrong: RDS's `PercentProgress` may be missing, stand still or jump, and this run may be quicker or
//! slower than the last. So there is a plain rule that needs neither, and what is known may only shorten its waits, with one
//! exception: where both are there and agree that the end is far, the wait is longer. That saves polls where nothing can be
//! missed: such a wait ends before four fifths of what the stage took last time, and before three quarters of what is left
//! by the progress.

/// The shortest wait of the plain rule, in seconds.
pub const SHORTEST_WAIT_SECONDS: i64 = 15;
/// The longest wait of the plain rule, in seconds, for deadlines of up to a day.
pub const LONGEST_WAIT_SECONDS: i64 = 200;
/// How many polls a stage may have beyond those of the plain rule. Step Functions ends an execution at 25,000 events of its
/// history, and a poll has nine of them; the destination machine waits in three stages, two of which have extra polls.
pub const MOST_EXTRA_POLLS: u32 = 500;

/// A deadline allows so many of the longest waits, whichever they are, so that a long one does not bring more polls.
const LONGEST_WAITS: i64 = 432;
/// The shortest wait where the end is near, in seconds.
const SHORTEST_NEAR_SECONDS: i64 = 10;
/// The longest wait where the progress says that the end is near, in seconds.
const LONGEST_BY_PROGRESS_SECONDS: i64 = 20;
/// The longest wait where only the last run says so, in seconds; a stage that takes over seven hours is given more.
const LONGEST_BY_HISTORY_SECONDS: i64 = 24;

/// What is known of a stage that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Seconds since the stage began.
    pub spent: i64,
    /// Seconds after which the stage is given up.
    pub deadline: i64,
    /// Seconds that the stage is expected to take, by the last run.
    pub expected: Option<u32>,
    /// RDS's `PercentProgress`.
    pub percent: Option<i32>,
    /// Seconds since the progress has risen.
    pub stuck: i64,
    /// How many polls the stage has had beyond those of the plain rule.
    pub extra_polls: u32,
    /// What sets the polls of this run apart from those of others that began at the same second.
    pub seed: u64,
}

/// The wait before the next poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// Its length in seconds.
    pub seconds: u32,
    /// Whether it is shorter than the plain rule's, which [`MOST_EXTRA_POLLS`] counts.
    pub is_extra: bool,
}

/// The wait before the next poll of a stage.
///
/// Without anything known it is a twentieth of the time spent, 15 to 200 s, so that the end is noticed 15 s or 5% late at
/// most. Up to a tenth is taken off, never added, so that databases that begin at the same second do not stay in step.
#[must_use]
pub fn next_wait(known: &Known) -> Wait {
    let plain = known.plain();
    let wait = known.skip(plain).unwrap_or_else(|| known.shortened(plain));
    let early = i64::try_from(known.scatter() % u64::try_from(wait / 10 + 1).unwrap_or(1)).unwrap_or(0);
    Wait { seconds: u32::try_from(wait - early).unwrap_or(u32::MAX), is_extra: wait < plain }
}

impl Known {
    /// The wait by the time spent alone.
    fn plain(&self) -> i64 {
        let longest = LONGEST_WAIT_SECONDS.max((self.deadline + LONGEST_WAITS - 1) / LONGEST_WAITS);
        (self.spent / 20).clamp(SHORTEST_WAIT_SECONDS, longest)
    }

    /// The progress, where it says something.
    fn progress(&self) -> Option<i64> {
        self.percent.map(i64::from).filter(|percent| (1..=100).contains(percent))
    }

    fn expected(&self) -> Option<i64> {
        self.expected.map(i64::from).filter(|expected| *expected > 0)
    }

    /// The least that is left by the progress. RDS gives it in whole percent, so that it may be nearly one more.
    fn least_left(&self, percent: i64) -> i64 {
        (self.spent * (99 - percent) / (percent + 1)).max(0)
    }

    /// The long wait where progress and last run agree that the end is far: the whole stage would take at most a quarter
    /// more than last time by its progress, and at least four fifths of it.
    fn skip(&self, plain: i64) -> Option<i64> {
        let (percent, expected) = (self.progress()?, self.expected()?);
        let agree = self.is_as_quick(percent, expected) && self.spent * 125 >= expected * percent;
        let agree = agree && self.is_moving(expected);
        let left = (expected * 4 / 5 - self.spent).min(self.least_left(percent));
        let wait = (left * 3 / 4).min(self.deadline - self.spent);
        (agree && wait > plain).then_some(wait)
    }

    /// Whether the whole stage may be over within a quarter more than last time, by its progress.
    fn is_as_quick(&self, percent: i64, expected: i64) -> bool {
        self.spent * 80 <= expected * (percent + 1)
    }

    /// Whether the progress has risen within a twenty-fifth of the time that the stage is expected to take.
    fn is_moving(&self, expected: i64) -> bool {
        self.stuck * 25 <= expected
    }

    /// The plain wait, or a shorter one where the end is near by what is known.
    fn shortened(&self, plain: i64) -> i64 {
        if self.extra_polls >= MOST_EXTRA_POLLS {
            return plain;
        }
        let by_progress = self.progress().map_or(plain, |percent| self.wait_by_progress(percent));
        let by_history = self.expected().map_or(plain, |expected| self.wait_by_history(expected));
        plain.min(by_progress).min(by_history)
    }

    /// Three quarters of the least that is left; then short waits, which grow while the progress stands still.
    fn wait_by_progress(&self, percent: i64) -> i64 {
        let near = (self.spent / 600).clamp(SHORTEST_NEAR_SECONDS, LONGEST_BY_PROGRESS_SECONDS);
        near.max(self.least_left(percent) * 3 / 4).max(self.stuck / 20)
    }

    /// A poll at four fifths of what the stage took last time; short waits up to a quarter more than that, if no moving
    /// progress says that there is more left; then growing ones. At 95% the first of these polls itself would often be late,
    /// because one run is quicker than the other.
    fn wait_by_history(&self, expected: i64) -> i64 {
        let (first, last) = (expected * 4 / 5, expected * 5 / 4);
        let near = (self.spent / 120)
            .clamp(SHORTEST_NEAR_SECONDS, LONGEST_BY_HISTORY_SECONDS)
            // So that the extra polls reach to the end of this part of the stage.
            .max(expected / 1_000);
        if self.spent < first {
            near.max(first - self.spent)
        } else if self.spent < last {
            let more_left = self
                .progress()
                .filter(|percent| self.is_as_quick(*percent, expected) && self.is_moving(expected));
            near.max(more_left.map_or(0, |percent| self.least_left(percent) * 3 / 4))
        } else {
            near + (self.spent - last) / 10
        }
    }

    /// A number that depends on the run and on the time of the poll only (FNV-1a and the end of MurmurHash3, which are in
    /// the public domain).
    fn scatter(&self) -> u64 {
        if self.seed == 0 {
            return 0;
        }
        let mixed = self.seed ^ self.spent.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed ^ (mixed >> 33)
    }
}

/// The seed of a run, by the name of its execution.
#[must_use]
pub fn seed(execution: &str) -> u64 {
    execution
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
