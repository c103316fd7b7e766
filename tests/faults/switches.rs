//! The faults and the logs of calls of the local cloud and of the RDS emulator, as one.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use harness::cloud::{Cloud, ask};

/// Where faults are ordered and calls are read.
pub struct Switches {
    rds: String,
    services: String,
    directory: PathBuf,
}

/// An injected fault. The fields left out by `..Order::default()` match every call.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// `rds`, `kms`, `secretsmanager`, `sns`, `states`, or `lambda` for invocations.
    pub service: String,
    /// The operation; `Invoke` for invocations.
    pub action: String,
    /// Part of the caller's ARN.
    pub principal: String,
    /// Part of the resource's ARN.
    pub resource: String,
    /// The first matching call that is hit, from 1; 0 means 1.
    pub nth: u64,
    /// Whether every matching call from there on is hit.
    pub lasting: bool,
    /// What happens to it: the rest of the order in the words of the two interfaces.
    pub effect: Value,
}

/// An order that is in effect.
pub struct Standing {
    is_rds: bool,
    id: u64,
    nth: u64,
}

/// A call that was made.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// When it arrived.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    /// Which service it was made to; the emulator leaves it out.
    #[serde(default = "rds")]
    pub service: String,
    /// The operation.
    pub action: String,
    /// Who made it; none for invocations.
    pub principal_arn: String,
    /// What it was about.
    pub resource: String,
    /// `Success` or a code; nothing while it runs.
    pub outcome: Option<String>,
    /// How long it took; the emulator leaves it out.
    #[serde(default)]
    pub seconds: Option<f64>,
}

fn rds() -> String {
    "rds".to_owned()
}

/// How the log of calls writes a time. It compares them as text.
const TIMESTAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// How often a lasting fault hits: always.
const ALWAYS: u32 = 1_000_000;

impl Switches {
    /// Those of a running cloud. Operations of RDS become as quick as they can, so that trials wait for nothing.
    pub fn new(cloud: &Cloud) -> Self {
        let url = |name: &str| cloud.source.variable(name).trim_end_matches('/').to_owned();
        let switches = Self {
            rds: url("AWS_ENDPOINT_URL_RDS"),
            services: url("AWS_ENDPOINT_URL"),
            directory: cloud.directory().to_owned(),
        };
        let quick = ["createInstance", "snapshot", "copy", "restore", "delete", "modify"];
        let mut timing: Value = quick.iter().map(|name| (format!("{name}Seconds"), json!(0.1))).collect();
        timing["bytesPerSecond"] = json!(1e12);
        ask(&switches.rds, "PUT", "/_emulator/timing", &timing);
        let many = json!({"manualSnapshots": 10_000, "instances": 1_000, "copies": 1_000});
        ask(&switches.rds, "PUT", "/_emulator/quotas", &many);
        switches
    }

    fn place(&self, is_rds: bool) -> (&str, &str) {
        if is_rds { (&self.rds, "/_emulator") } else { (&self.services, "/_local-cloud") }
    }

    /// Orders a fault.
    pub fn order(&self, order: &Order) -> Standing {
        let is_rds = order.service == "rds";
        let nth = order.nth.max(1);
        let mut body = json!({
            "action": order.action, "principal": order.principal, "resource": order.resource,
            "nth": nth, "times": if order.lasting { ALWAYS } else { 1 }
        });
        if !is_rds {
            body["service"] = json!(order.service);
        }
        for (name, value) in order.effect.as_object().unwrap() {
            body[name] = value.clone();
        }
        let (url, prefix) = self.place(is_rds);
        let answer = ask(url, "POST", &format!("{prefix}/faults"), &body);
        Standing { is_rds, id: answer["id"].as_u64().unwrap(), nth }
    }

    /// Whether the fault has hit a call.
    pub fn has_hit(&self, standing: &Standing) -> bool {
        let (url, prefix) = self.place(standing.is_rds);
        let orders = ask(url, "GET", &format!("{prefix}/faults"), &Value::Null);
        let order = orders.as_array().unwrap().iter().find(|order| order["id"] == standing.id).unwrap();
        order["matched"].as_u64().unwrap() >= standing.nth
    }

    /// Takes an order back.
    pub fn take_back(&self, standing: &Standing) {
        let (url, prefix) = self.place(standing.is_rds);
        ask(url, "DELETE", &format!("{prefix}/faults/{}", standing.id), &Value::Null);
    }

    /// Every call that was made, in the order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        let mut calls = Vec::new();
        for is_rds in [true, false] {
            let (url, prefix) = self.place(is_rds);
            let answer = ask(url, "GET", &format!("{prefix}/calls"), &Value::Null);
            calls.extend(serde_json::from_value::<Vec<Call>>(answer).unwrap());
        }
        calls.sort_by_key(|call| call.time);
        calls
    }

    /// The invocations of functions with this in their ARN that began at this time or later, in the order of arrival. To
    /// poll for; all calls are too many for that.
    pub fn invocations(&self, function: &str, since: OffsetDateTime) -> Vec<Call> {
        let since = since.to_utc().format(&TIMESTAMP).unwrap();
        let query = format!("since={since}&service=lambda&action=Invoke&resource={function}");
        let (url, prefix) = self.place(false);
        let answer = ask(url, "GET", &format!("{prefix}/calls?{query}"), &Value::Null);
        serde_json::from_value(answer).unwrap()
    }

    /// Forgets every call that was made.
    pub fn forget_calls(&self) {
        for is_rds in [true, false] {
            let (url, prefix) = self.place(is_rds);
            ask(url, "DELETE", &format!("{prefix}/calls"), &Value::Null);
        }
    }

    /// Takes back every order that is about a lane, after a trial that could not do so itself.
    pub fn take_back_of(&self, lane: &str) {
        for is_rds in [true, false] {
            let (url, prefix) = self.place(is_rds);
            let orders = ask(url, "GET", &format!("{prefix}/faults"), &Value::Null);
            for order in orders.as_array().unwrap().iter().filter(|order| order.to_string().contains(lane)) {
                self.take_back(&Standing { is_rds, id: order["id"].as_u64().unwrap(), nth: 1 });
            }
        }
    }

    /// Kills (SIGKILL) the processes that run the functions whose names begin so; says how many there were.
    pub fn kill_functions(&self, prefix: &str) -> usize {
        let mark = format!("LOCAL_CLOUD_DIRECTORY={}", self.directory.display());
        let function = format!("AWS_LAMBDA_FUNCTION_NAME={prefix}");
        let runs_it = |process: &Path| {
            let environment = std::fs::read(process.join("environ")).unwrap_or_default();
            let has = |wanted: &dyn Fn(&[u8]) -> bool| environment.split(|byte| *byte == 0).any(wanted);
            has(&|variable| variable == mark.as_bytes())
                && has(&|variable| variable.starts_with(function.as_bytes()))
        };
        let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| Some(entry.ok()?.path()));
        // Of one that has not yet asked for its first event the local cloud reports by a name that AWS does not have.
        let found: Vec<PathBuf> =
            processes.filter(|process| runs_it(process) && is_older_than(process, 0.2)).collect();
        for process in &found {
            // One that has ended meanwhile is as good as killed.
            let _ = Command::new("kill").arg("-KILL").arg(process.file_name().unwrap()).output();
        }
        found.len()
    }
}

/// Whether a process has run for longer than this. The kernel counts in hundredths of a second from its own start.
fn is_older_than(process: &Path, seconds: f64) -> bool {
    let number = |text: &str| text.parse::<f64>().ok();
    let started = std::fs::read_to_string(process.join("stat")).ok().and_then(|stat| {
        // The name, which comes second, may have spaces in it; the start is the twentieth after it.
        let (_, rest) = stat.rsplit_once(") ")?;
        number(rest.split(' ').nth(19)?)
    });
    let up = std::fs::read_to_string("/proc/uptime").ok().and_then(|text| number(text.split(' ').next()?));
    started.zip(up).is_some_and(|(started, up)| up - started / 100.0 > seconds)
}
