//! The server's whole state and what it stands on.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::arn::Scope;
use crate::cloud::Cloud;
use crate::faults::Faults;
use crate::kms::Keys;
use crate::model::World;
use crate::past::Past;
use crate::postgres::Postgres;
use crate::switches::Switches;
use crate::timing::Timing;

/// What `--config` and the admin API may set.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub timing: Timing,
    pub quotas: Quotas,
    pub switches: Switches,
}

impl Config {
    /// This configuration with `--some-name value` options in place: `someName` is a timing, a quota or a switch.
    pub fn with_options(self, options: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut all = serde_json::to_value(self).map_err(|error| error.to_string())?;
        for (option, text) in options {
            let field = all
                .as_object_mut()
                .and_then(|parts| parts.values_mut().find_map(|part| part.get_mut(camel_case(option))))
                .ok_or_else(|| format!("{option} is not an option"))?;
            // What is not a number or true or false is a text.
            *field = serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into());
        }
        serde_json::from_value(all).map_err(|error| format!("an option has a wrong value: {error}"))
    }
}

/// `--some-name` as `someName`.
fn camel_case(option: &str) -> String {
    let mut words = option.trim_start_matches('-').split('-');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (initial, rest) = word.split_at_checked(1).unwrap_or_default();
        name + &initial.to_ascii_uppercase() + rest
    })
}

/// The limits of every account in every Region. The defaults are those of RDS (guide, quotas).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Quotas {
    pub manual_snapshots: usize,
    pub instances: usize,
    /// Copies that run at the same time.
    pub copies: usize,
    /// The storage of all instances, in GiB.
    pub allocated_storage: u32,
    pub parameter_groups: usize,
    pub option_groups: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            manual_snapshots: 100,
            instances: 40,
            copies: 20,
            allocated_storage: 100_000,
            parameter_groups: 50,
            option_groups: 20,
        }
    }
}

/// A call that was answered, for those who watch.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedCall {
    pub sequence: u64,
    pub time: String,
    pub account: String,
    pub principal_arn: String,
    pub action: String,
    pub resource: String,
    /// `Success`, the code of the error, or `ConnectionClosed`.
    pub outcome: String,
}

/// The calls that were answered, oldest first.
#[derive(Debug, Default)]
pub struct Calls {
    pub recorded: VecDeque<RecordedCall>,
    last: u64,
}

impl Calls {
    const MOST_KEPT: usize = 20_000;

    /// Keeps a call under the next number.
    pub fn record(&mut self, mut call: RecordedCall) {
        self.last += 1;
        call.sequence = self.last;
        self.recorded.push_back(call);
        if self.recorded.len() > Self::MOST_KEPT {
            self.recorded.pop_front();
        }
    }
}

/// Copies of one instance's snapshots into one Region wait for each other here.
type CopyQueues = HashMap<(Scope, String), Arc<tokio::sync::Mutex<()>>>;

/// The server.
pub struct Emulator {
    pub world: Mutex<World>,
    pub past: Mutex<Past>,
    pub config: Mutex<Config>,
    pub faults: Mutex<Faults>,
    pub calls: Mutex<Calls>,
    pub cloud: Cloud,
    pub keys: Keys,
    pub postgres: Postgres,
    copy_queues: Mutex<CopyQueues>,
    data_directory: PathBuf,
}

/// The value behind a lock. A panic elsewhere leaves it usable: every change is made in one step.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Emulator {
    /// A server without any instance. What an earlier run left in `data_directory` is removed.
    pub async fn new(
        data_directory: &Path,
        cloud: Cloud,
        keys: Keys,
        postgres: Postgres,
        config: Config,
    ) -> io::Result<Self> {
        let emulator = Self {
            world: Mutex::default(),
            past: Mutex::default(),
            config: Mutex::new(config),
            faults: Mutex::default(),
            calls: Mutex::default(),
            cloud,
            keys,
            postgres,
            copy_queues: Mutex::default(),
            data_directory: data_directory.to_owned(),
        };
        emulator.clear().await?;
        fs::create_dir_all(emulator.instances_directory())?;
        fs::create_dir_all(emulator.snapshots_directory())?;
        Ok(emulator)
    }

    /// Stops every server and frees the disk.
    pub async fn stop(self: &Arc<Self>) -> io::Result<()> {
        let servers = std::mem::take(&mut locked(&self.world).servers);
        let mut stopping = tokio::task::JoinSet::new();
        for (_, server) in servers {
            let emulator = Arc::clone(self);
            stopping.spawn(async move { emulator.postgres.stop(server).await });
        }
        stopping.join_all().await;
        self.clear().await
    }

    async fn clear(&self) -> io::Result<()> {
        if let Ok(directories) = fs::read_dir(self.instances_directory()) {
            for directory in directories {
                self.postgres.stop_leftover(&directory?.path().join("data")).await?;
            }
            fs::remove_dir_all(self.instances_directory())?;
        }
        match fs::remove_dir_all(self.snapshots_directory()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Where everything of one instance lies; its data is in `data`.
    pub fn instance_directory(&self, resource_id: &str) -> PathBuf {
        self.instances_directory().join(resource_id)
    }

    /// A new name for the file of an archive.
    pub fn archive_path(&self) -> io::Result<PathBuf> {
        Ok(self.snapshots_directory().join(crate::postgres::random_hex(16)?))
    }

    /// The queue in which copies of this instance's snapshots into `target` wait.
    pub fn copy_queue(&self, target: &Scope, resource_id: &str) -> Arc<tokio::sync::Mutex<()>> {
        locked(&self.copy_queues).entry((target.clone(), resource_id.to_owned())).or_default().clone()
    }

    pub fn timing(&self) -> Timing {
        locked(&self.config).timing.clone()
    }

    pub fn quotas(&self) -> Quotas {
        locked(&self.config).quotas.clone()
    }

    pub fn switches(&self) -> Switches {
        locked(&self.config).switches.clone()
    }

    fn instances_directory(&self) -> PathBuf {
        self.data_directory.join("instances")
    }

    fn snapshots_directory(&self) -> PathBuf {
        self.data_directory.join("snapshots")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(option: &str, value: &str) -> Result<Config, String> {
        Config::default().with_options(&BTreeMap::from([(option.to_owned(), value.to_owned())]))
    }

    #[test]
    fn every_timing_quota_and_switch_is_an_option() {
        assert!(Config::default().switches.available_flaps);
        assert!(!with("--available-flaps", "false").unwrap().switches.available_flaps);
        assert_eq!(with("--flap-status", "rebooting").unwrap().switches.flap_status, "rebooting");
        assert_eq!(with("--manual-snapshots", "3").unwrap().quotas.manual_snapshots, 3);
        assert_eq!(with("--password-seconds", "2.5").unwrap().timing.password_seconds, Some(2.5));
        for (option, value) in [("--available-flaps", "perhaps"), ("--colour", "red"), ("--", "1")] {
            assert!(with(option, value).is_err(), "{option}");
        }
    }
}
