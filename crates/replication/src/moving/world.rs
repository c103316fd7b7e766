//! A world of one secret in which runs meet, step by step: replications, rollbacks, an operator who edits the secret,
//! answers that are lost, calls that arrive late, readings that are old.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::*;
use crate::contract::Status;
use crate::lineage::Tags;
use crate::observed::testing;
use crate::pacing::{Pace, Stage, StageName};
use crate::passwords::Passwords;
use crate::secret::Secret;

const STACK: &str = "stack";
/// The versions 1 and 2 are there from the start, and 1 is live; 3 to 5 are of replications.
const VERSIONS: u32 = 5;
/// The password of the source, which every instance has until it gets its own.
const SOURCE: &str = "source";
/// How many polls a run may take once nobody disturbs it.
const MOST_POLLS: usize = 60;

fn name(version: u32) -> String {
    format!("copy-{version}")
}

fn instance(version: u32) -> Instance {
    // The data of version 4 is older than that of version 3: its message has arrived late.
    let hour = [0, 1, 2, 4, 3, 5][version as usize];
    let id = format!("20261122t0{hour}3400z-aaaaaa");
    let tags = Tags::of_replication(STACK, &id.parse().unwrap(), &"orders".parse().unwrap())
        .with(lineage::VERSION, version.to_string())
        .with(lineage::PROMOTED.0, lineage::PROMOTED.1)
        .named(&name(version));
    Instance { port: Some(port(version)), ..testing::instance(&name(version), tags) }
}

fn port(version: u32) -> u16 {
    u16::try_from(5430 + version).unwrap()
}

/// The secret: its versions, and where its labels are and have been.
#[derive(Default)]
struct Store {
    texts: BTreeMap<String, String>,
    labels: BTreeMap<&'static str, Vec<String>>,
    begun_with: BTreeMap<&'static str, String>,
}

impl Store {
    /// The version with a label, as it was so many changes ago, but not before the runs have begun; nothing if it had
    /// none then.
    fn at(&self, label: &str, ago: usize) -> Option<&String> {
        let places = self.labels.get(label)?;
        match places.len().checked_sub(1 + ago) {
            Some(index) => places.get(index),
            None => self.begun_with.get(label),
        }
    }

    /// From here on nothing is read as it was before.
    fn begin(&mut self) {
        let last = |(label, places): (&&'static str, &Vec<String>)| Some((*label, places.last()?.clone()));
        self.begun_with = self.labels.iter().filter_map(last).collect();
        self.labels = self.begun_with.iter().map(|(label, id)| (*label, vec![id.clone()])).collect();
    }

    fn current(&self) -> Secret {
        Secret::parse(&self.texts[self.at(change::CURRENT, 0).unwrap()]).unwrap()
    }

    fn put(&mut self, label: &'static str, id: &str, text: &str) {
        self.texts.entry(id.to_owned()).or_insert_with(|| text.to_owned());
        self.labels.entry(label).or_default().push(id.to_owned());
    }

    fn swap(&mut self, change: &Change) -> bool {
        let is_there = self.at(change.label, 0) == change.replaces.as_ref();
        if is_there {
            self.put(change.label, &change.id, &change.text);
        } else {
            self.texts.entry(change.id.clone()).or_insert_with(|| change.text.clone());
        }
        is_there
    }
}

/// What a run has read and not yet acted on.
struct Reading {
    secret: Version,
    passwords: Option<StoredPasswords>,
    instances: Vec<Instance>,
}

struct Run {
    document: Value,
    version: u32,
    is_replication: bool,
    reading: Option<Reading>,
    has_ended: bool,
}

impl Run {
    fn new(version: u32, is_replication: bool) -> Self {
        let mut document = json!({"DBInstance": {
            "db_instance_identifier": name(version), "db_version": version, "status": "Available", "waitSeconds": 15,
            "startedAt": "1970-01-01T00:00:00Z", "rdsStatus": "available"}});
        if is_replication {
            let id = instance(version).tags.get(lineage::REPLICATION_ID).unwrap().to_owned();
            document["Input"] = json!({
                "targetDBSnapshot": {
                    "targetDBSnapshotIdentifier": "s",
                    "targetDBSnapshotArn": testing::snapshot("s", "available", Tags::default()).arn},
                "replication": {"id": id}});
        } else {
            document["version"] = json!(version);
        }
        Self { document, version, is_replication, reading: None, has_ended: false }
    }

    fn state(&self) -> VersionState {
        serde_json::from_value(self.document.clone()).unwrap()
    }
}

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// A run reads; what it reads of the secret and of the passwords is so many changes old.
    Read(usize, usize, usize),
    /// A run does what it has decided, and its answer is lost or not.
    Act(usize, bool),
    /// A call to RDS that was sent long ago arrives once more.
    Late(usize),
    /// RDS sets the passwords that it has accepted.
    Applied,
    /// An operator edits another field of the secret.
    Edit,
}

struct World {
    store: Store,
    instances: Vec<Instance>,
    passwords: BTreeMap<u32, String>,
    /// What RDS has accepted and not done yet, and every call that it has ever been sent.
    pending: Vec<(u32, String)>,
    sent: Vec<(u32, String)>,
    rotates: bool,
    made: u32,
    edits: u32,
    moves_of_rollbacks: u32,
    runs: Vec<Run>,
}

impl World {
    fn new() -> Self {
        let text = json!({"username": "owner", "password": SOURCE, "db_host": testing::host(&name(1)), "db_prefix": "copy",
                          "host": testing::host(&name(1)), "port": port(1).to_string(), "db_port": port(1), "note": 0});
        let mut store = Store::default();
        store.put(change::CURRENT, "made by an operator", &text.to_string());
        Self {
            store,
            instances: (1..=VERSIONS).map(instance).collect(),
            passwords: (1..=VERSIONS).map(|version| (version, SOURCE.to_owned())).collect(),
            pending: Vec::new(),
            sent: Vec::new(),
            rotates: false,
            made: 0,
            edits: 0,
            moves_of_rollbacks: 0,
            runs: Vec::new(),
        }
    }

    fn rules(&self) -> Rules<'static> {
        Rules {
            stack: STACK,
            older_to_keep: 1,
            promotes: true,
            rotates_passwords: self.rotates,
            adds_standard_fields: false,
        }
    }

    fn happen(&mut self, event: Event) -> Result<(), TestCaseError> {
        match event {
            Event::Read(run, secret, passwords) => self.read(run, secret, passwords),
            Event::Act(run, is_lost) => self.act(run, is_lost)?,
            Event::Late(call) => {
                if let Some(sent) = self.sent.get(call % self.sent.len().max(1)).cloned() {
                    self.pending.push(sent);
                }
            }
            Event::Applied => self.pending.drain(..).for_each(|(version, password)| {
                self.passwords.insert(version, password);
            }),
            Event::Edit => {
                self.edits += 1;
                let id = format!("edit {}", self.edits);
                let current = self.store.at(change::CURRENT, 0).unwrap();
                let mut text: Value = serde_json::from_str(&self.store.texts[current]).unwrap();
                text["note"] = json!(self.edits);
                self.store.put(change::CURRENT, &id, &text.to_string());
            }
        }
        self.check()
    }

    fn read(&mut self, run: usize, ago: usize, stored_ago: usize) {
        let secret = self.store.at(change::CURRENT, ago).unwrap();
        let secret =
            Version { id: secret.clone(), secret: Secret::parse(&self.store.texts[secret]).unwrap() };
        let passwords = self.store.at(crate::passwords::LABEL, stored_ago).map(|id| StoredPasswords {
            id: id.clone(),
            passwords: Passwords::parse(&self.store.texts[id]).unwrap(),
        });
        let mut instances = self.instances.clone();
        for (one, version) in instances.iter_mut().zip(1..) {
            one.password_is_pending = self.pending.iter().any(|(of, _)| *of == version);
        }
        let count = self.runs.len();
        if let Some(run) = self.runs.get_mut(run % count.max(1)).filter(|run| !run.has_ended) {
            run.reading = Some(Reading { secret, passwords, instances });
        }
    }

    fn act(&mut self, run: usize, is_lost: bool) -> Result<(), TestCaseError> {
        let index = run % self.runs.len().max(1);
        let Some(Reading { secret, passwords, instances }) =
            self.runs.get_mut(index).and_then(|run| run.reading.take())
        else {
            return Ok(());
        };
        let state = self.runs[index].state();
        let observed =
            Observed { secret: &secret, passwords: passwords.as_ref(), instances: &instances, before: None };
        let decision = match decide(self.rules(), &state, observed) {
            Ok(decision) => decision,
            // What an operator writes over another run's move cannot be distinguished from what undoes this run's.
            Err(error) if error.name() == ErrorName::SecretNotMoved && self.edits > 0 => {
                self.runs[index].has_ended = true;
                return Ok(());
            }
            Err(error) => return Err(TestCaseError::fail(format!("{error}"))),
        };
        let effect = self.carry_out(index, &decision)?;
        let now = OffsetDateTime::UNIX_EPOCH;
        let stage = Stage {
            name: StageName::Secret,
            started_at: now,
            now,
            deadline_seconds: 60,
            pace: Pace::default(),
        };
        let report = decision
            .report(effect, &stage, state.secret.as_ref())
            .map_err(|error| TestCaseError::fail(format!("{error}")))?;
        if !is_lost {
            let run = &mut self.runs[index];
            run.has_ended = report.stage.status == Status::Available;
            run.document["secret"] = serde_json::to_value(report).unwrap();
        }
        Ok(())
    }

    fn carry_out(&mut self, run: usize, decision: &Decision<'_>) -> Result<Effect, TestCaseError> {
        let refused =
            |is_done: bool| if is_done { Effect::Done } else { Effect::Refused("refused".to_owned()) };
        Ok(match &decision.step {
            Step::Report | Step::Wait(_) => Effect::Done,
            Step::ClearMark(one) => {
                self.tag(one, false);
                Effect::Done
            }
            Step::MakePassword(new) => {
                self.made += 1;
                let change = new.stored(format!("made {}", self.made)).unwrap();
                refused(self.store.swap(&change))
            }
            Step::Remember(change) => refused(self.store.swap(change)),
            Step::SetPassword(one, credentials) => {
                let call = (one.tags.version().unwrap(), credentials.password().to_owned());
                self.sent.push(call.clone());
                self.pending.push(call);
                Effect::Done
            }
            Step::Move(change) => self.swap(run, change)?,
            Step::Revert(..) => return Err(TestCaseError::fail("nothing was deleted")),
            Step::Mark(changes, _) => {
                for (change, one) in changes.iter().filter(|(change, _)| *change != TagChange::Promote) {
                    self.tag(one, *change == TagChange::Supersede);
                }
                Effect::Marked(vec![], vec![])
            }
        })
    }

    /// However old what a run has read is, no edit of the secret is lost and no newer data is replaced by older.
    fn swap(&mut self, run: usize, change: &Change) -> Result<Effect, TestCaseError> {
        let before = self.live();
        if !self.store.swap(change) {
            return Ok(Effect::Refused("refused".to_owned()));
        }
        let run = &self.runs[run];
        if run.is_replication {
            let age = |version: u32| instance(version).tags.data_time();
            prop_assert!(age(before) <= age(run.version), "{} took the place of {before}", run.version);
        } else {
            self.moves_of_rollbacks += 1;
        }
        Ok(Effect::Done)
    }

    fn tag(&mut self, instance: &Instance, is_set: bool) {
        let one = self.instances.iter_mut().find(|one| one.identifier == instance.identifier).unwrap();
        let rest: Tags = one.tags.iter().filter(|(key, _)| *key != lineage::DELETION_TAG.0).collect();
        let (key, value) = lineage::DELETION_TAG;
        one.tags = if is_set { rest.with(key, value) } else { rest };
    }

    fn live(&self) -> u32 {
        let host = self.store.current().pointer.host;
        self.instances.iter().find(|one| one.host.as_ref() == Some(&host)).unwrap().tags.version().unwrap()
    }

    /// The user name and the password in the secret open the version that it names, whatever arrives late.
    fn check(&self) -> Result<(), TestCaseError> {
        let text: Value =
            serde_json::from_str(&self.store.texts[self.store.at(change::CURRENT, 0).unwrap()]).unwrap();
        prop_assert_eq!(&text["note"], &json!(self.edits), "an edit is lost");
        let (live, password) = (self.live(), text["password"].as_str().unwrap());
        let found = [&text["host"], &text["port"], &text["db_port"]];
        let expected = [&text["db_host"], &json!(port(live).to_string()), &json!(port(live))];
        prop_assert_eq!(found, expected, "the standard fields name another than {}", live);
        prop_assert_eq!(&self.passwords[&live], password, "the secret does not open {}", live);
        Ok(())
    }

    /// Lets every run go on undisturbed until it ends.
    fn end(&mut self) -> Result<(), TestCaseError> {
        for run in 0..self.runs.len() {
            for _ in 0..MOST_POLLS {
                if self.runs[run].has_ended {
                    break;
                }
                for event in [Event::Read(run, 0, 0), Event::Act(run, false), Event::Applied] {
                    self.happen(event)?;
                }
            }
            prop_assert!(self.runs[run].has_ended, "it does not end: {}", self.runs[run].document["secret"]);
        }
        Ok(())
    }
}

/// Some runs at once, and what happens in which order while they go on.
#[derive(Debug, Clone)]
struct Meeting {
    rotates: bool,
    runs: Vec<(u32, bool)>,
    events: Vec<Event>,
}

/// `ago` is how old a reading can be, in changes of the secret.
fn meeting(ago: usize) -> impl Strategy<Value = Meeting> {
    let run = prop_oneof![
        2 => (3..=VERSIONS).prop_map(|version| (version, true)),
        1 => (1..=VERSIONS).prop_map(|version| (version, false)),
    ];
    let event = prop_oneof![
        8 => (0usize..3, 0..=ago, 0..=ago).prop_map(|(run, secret, stored)| Event::Read(run, secret, stored)),
        8 => (0usize..3, proptest::bool::weighted(0.1)).prop_map(|(run, is_lost)| Event::Act(run, is_lost)),
        2 => Just(Event::Applied),
        1 => (0usize..20).prop_map(Event::Late),
        1 => Just(Event::Edit),
    ];
    (any::<bool>(), proptest::collection::vec(run, 1..=3), proptest::collection::vec(event, 0..60))
        .prop_map(|(rotates, runs, events)| Meeting { rotates, runs, events })
}

fn meet(world: &mut World, meeting: &Meeting) -> Result<(), TestCaseError> {
    world.rotates = meeting.rotates;
    world.runs =
        meeting.runs.iter().map(|(version, is_replication)| Run::new(*version, *is_replication)).collect();
    world.moves_of_rollbacks = 0;
    let before = world.live();
    world.store.begin();
    for event in &meeting.events {
        world.happen(*event)?;
    }
    world.end()?;
    let data = |version: &u32| instance(*version).tags.data_time();
    let replicated = world.runs.iter().filter(|run| run.is_replication).map(|run| run.version);
    if world.moves_of_rollbacks == 0 {
        let newest = replicated.chain([before]).max_by_key(data).unwrap();
        prop_assert_eq!(world.live(), newest, "the newest data is live");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// > Whatever runs meet in whatever order, every one of them ends, the newest data is live unless an operator has
    /// > rolled back, no edit of the secret is lost, and all that it says is of the version that it names, which it opens.
    #[test]
    fn runs_meet_and_the_secret_keeps_its_promises(meetings in proptest::collection::vec(meeting(2), 1..4)) {
        let mut world = World::new();
        for meeting in &meetings {
            meet(&mut world, meeting)?;
        }
    }

    /// > What is live carries no deletion tag once the runs have ended.
    #[test]
    fn what_is_live_carries_no_tag(meetings in proptest::collection::vec(meeting(0), 1..3)) {
        let mut world = World::new();
        for meeting in &meetings {
            meet(&mut world, meeting)?;
            let live = world.live();
            let tags = &world.instances.iter().find(|one| one.tags.version() == Some(live)).unwrap().tags;
            prop_assert!(!tags.have_deletion_tag(), "{} is live and marked", live);
        }
    }
}
