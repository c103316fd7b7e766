//! What was found in the accounts, before anything is made of it. Nothing here has seen the value of a secret.

use std::collections::BTreeMap;

use replication::Error;
use replication::keys::{self, KeyUse};
use replication::observed;
use replication::preflight::{Known, OptionGroup, Quota, Report};
use serde_json::Value;
use time::OffsetDateTime;

use crate::failure::Failure;
use crate::functions::Function;
use crate::settings;
use crate::status::facts::{Alarm, Instance, Read as StatusRead, Schedule, Snapshot, Stack};

/// Takes the place of a fact that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The call that was refused, as IAM names the right to it.
    pub right: String,
    /// The code of the refusal.
    pub code: String,
    /// What the service said.
    pub why: String,
}

/// A fact, or what hides it.
pub type Read<T> = Result<T, Unread>;

impl From<Failure> for Unread {
    fn from(failure: Failure) -> Self {
        // The words of a failure begin with the operation.
        let right =
            failure.text.split([' ', ',']).next().unwrap_or_default().trim_end_matches(':').to_owned();
        Self { right, code: failure.code, why: failure.text }
    }
}

impl Unread {
    /// Whether the caller may not ask, and not that the service has failed.
    pub fn is_missing_right(&self) -> bool {
        ["AccessDenied", "AuthorizationError", "UnauthorizedOperation"]
            .iter()
            .any(|word| self.code.contains(word))
    }
}

/// What was found of one side.
#[derive(Debug, Clone)]
pub enum Side<T> {
    /// The account cannot be used.
    NoAccount(Failure),
    /// There is no such stack, or it cannot be read.
    NoStack {
        /// The account's number.
        account: String,
        /// The Region.
        region: String,
        /// The name that was asked for.
        stack: String,
        /// Why.
        failure: Failure,
    },
    /// All that could be read.
    Found(Box<T>),
}

impl<T> Side<T> {
    /// What was found, if the stack is there.
    pub fn found(&self) -> Option<&T> {
        match self {
            Self::Found(found) => Some(found),
            _ => None,
        }
    }
}

/// What both stacks have.
#[derive(Debug, Clone)]
pub struct Common {
    /// The account's number.
    pub account: String,
    /// The Region.
    pub region: String,
    /// The stack.
    pub stack: Stack,
    /// Its functions, by their logical names.
    pub functions: Read<BTreeMap<String, Read<Function>>>,
    /// Those of them that nothing may call, because no concurrency is reserved for them: their physical names, by their logical
    /// ones.
    pub barred: Read<BTreeMap<String, String>>,
    /// The newest execution of each of its machines that has ended, by what operators call the machine.
    pub runs: BTreeMap<&'static str, Read<Option<Ended>>>,
    /// Who hears of the alert topic.
    pub listeners: Read<Vec<Subscription>>,
    /// How much of the account's quotas of RDS is used.
    pub quotas: Read<Vec<Quota>>,
    /// The account's instances.
    pub instances: Read<Vec<Instance>>,
    /// The instances that the secret names: at most one. Nothing if that is not known.
    pub live: Option<Vec<String>>,
    /// The account's manual snapshots.
    pub snapshots: Read<Vec<Snapshot>>,
    /// The names of all stacks of the account.
    pub stacks: Read<Vec<String>>,
    /// The network of the functions, if they are in one.
    pub function_network: Option<Network>,
    /// How many snapshots of a kind stay, as its functions read it; nothing if that is not known.
    pub keep: Option<usize>,
    /// The other Region that its functions make copies in, if there is one.
    pub copies_into: Option<String>,
}

/// A KMS key, in the words of KMS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Key {
    /// Its ARN.
    pub arn: String,
    /// `KeyState`; nothing where KMS does not say it.
    pub state: Option<String>,
    /// `KeyUsage`.
    pub usage: Option<String>,
    /// `KeySpec`.
    pub spec: Option<String>,
    /// `KeyManager`.
    pub manager: Option<String>,
}

impl Key {
    /// What keeps a snapshot from being encrypted under it, and what to do about that.
    pub fn problem(&self, key_use: KeyUse, parameter: &str) -> Option<(String, String)> {
        let key = keys::Key {
            state: self.state.as_deref(),
            usage: self.usage.as_deref(),
            spec: self.spec.as_deref(),
            manager: self.manager.as_deref(),
        };
        key.problem(key_use, parameter)
    }
}

/// An execution that has ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    /// Its ARN.
    pub arn: String,
    /// Step Functions' word for it.
    pub status: String,
    /// The error that it ended with, or nothing.
    pub error: String,
    /// The sentence in its cause, or nothing.
    pub cause: String,
    /// When it ended.
    pub at: Option<OffsetDateTime>,
}

/// The code of what hides the environment of a function that the stack does not have.
pub const NO_FUNCTION: &str = "NoFunction";

/// What the functions of a stack read from their environment when they run.
#[derive(Debug, Clone)]
pub enum Said<T> {
    /// They can work with it.
    Settings(Box<T>),
    /// They end with this error.
    Refused(Error),
    /// The environment of this function is not known.
    Unread(&'static str, Unread),
}

impl<T> Said<T> {
    /// What they work with.
    pub fn settings(&self) -> Option<&T> {
        match self {
            Self::Settings(settings) => Some(settings),
            _ => None,
        }
    }
}

/// A subscription to a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subscription {
    /// Its ARN; nothing as long as it waits for its confirmation.
    pub arn: Option<String>,
    /// The topic.
    pub topic: String,
    /// How messages come.
    pub protocol: String,
    /// Where they go.
    pub endpoint: String,
}

/// Subnets and security groups that are used together, with the VPC of each.
#[derive(Debug, Clone)]
pub struct Network {
    /// What has them: a parameter of the stack.
    pub subnets_from: &'static str,
    /// The VPCs of the subnets, by what names them.
    pub subnets: Read<BTreeMap<String, Option<String>>>,
    /// The parameter that names the security groups.
    pub groups_from: &'static str,
    /// The VPCs of the security groups.
    pub groups: Read<BTreeMap<String, Option<String>>>,
}

/// The source database.
#[derive(Debug, Clone)]
pub struct Database {
    /// As RDS describes it.
    pub seen: observed::Instance,
    /// The key that it is under; nothing if it is not encrypted.
    pub key: Option<Read<Key>>,
    /// Its option groups, but for the default ones.
    pub groups: Vec<Known<OptionGroup>>,
}

/// What belongs to a source stack.
#[derive(Debug, Clone)]
pub struct Source {
    /// What both stacks have.
    pub common: Common,
    /// What its functions read.
    pub said: Said<settings::Source>,
    /// The name of the database.
    pub database_name: String,
    /// The database, if it is there.
    pub database: Read<Option<Database>>,
    /// The key that shared snapshots are under.
    pub key: Read<Key>,
    /// Its policy.
    pub key_policy: Read<Value>,
    /// The policy of the topic.
    pub topic_policy: Read<Value>,
    /// Who hears of snapshots.
    pub subscriptions: Read<Vec<Subscription>>,
    /// What starts replications: the rule of the machine and that of the fleet, by the parameter that switches it.
    pub schedules: BTreeMap<&'static str, Read<Schedule>>,
}

/// What belongs to a destination stack.
#[derive(Debug, Clone)]
pub struct Destination {
    /// What both stacks have.
    pub common: Common,
    /// What its functions read, with what the source database chooses if that is known.
    pub said: Said<settings::Receiving>,
    /// The key of its copies.
    pub key: Read<Key>,
    /// The subscription to the source account's topic; nothing if there is none.
    pub subscription: Read<Option<Subscription>>,
    /// The policy of the function that is subscribed; nothing if it has none.
    pub function_policy: Read<Option<Value>>,
    /// What the secret is like: our two fields could be read, or what hides them. The text of an error of ours says where a
    /// secret is wrong, and never what it says.
    pub secret: StatusRead<()>,
    /// The key that the secret is under, if it is not the default one.
    pub secret_key: Option<Read<Key>>,
    /// What RDS would refuse of the settings, and by which data that was judged; nothing where there is nothing to judge by.
    pub settings: Option<Judged>,
    /// The network of the restored databases; nothing if it is not known which that is.
    pub network: Option<Network>,
    /// Its alarms, with whether they tell the alert topic.
    pub alarms: Read<Vec<Watching>>,
    /// Alarms that the stack has and CloudWatch does not.
    pub gone_alarms: Vec<String>,
    /// How many messages could not be handled.
    pub dead_letters: Read<i64>,
}

/// An alarm.
#[derive(Debug, Clone)]
pub struct Watching {
    /// As status reads it.
    pub alarm: Alarm,
    /// What CloudWatch calls it.
    pub physical: String,
    /// The ARNs that it tells.
    pub actions: Vec<String>,
    /// Whether it does.
    pub is_on: bool,
}

/// The checks that a run makes before it copies anything.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What they were made by.
    pub by: String,
    /// What came out.
    pub report: Read<Report>,
}

/// What is seen of one account from the other.
#[derive(Debug, Clone)]
pub struct Across {
    /// The shared key, as the destination account sees it.
    pub key: Read<Key>,
    /// What the role of the copy function may not do with the shared key; nothing missing is an empty list.
    pub refused: Read<Vec<String>>,
}

/// Everything that was found.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The source account, if it was asked about.
    pub source: Option<Side<Source>>,
    /// The destination account, if it was asked about.
    pub destination: Option<Side<Destination>>,
    /// What is seen from one to the other, if both stacks are there.
    pub across: Option<Across>,
}
