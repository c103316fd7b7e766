//! The whole command over worlds that were recorded, with what it printed in them before it was written in Rust.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use clap::Parser;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::macros::datetime;
use tokio::sync::Notify;

use super::{Accounts, Asked, End, replicate};
use crate::account::Account;
use crate::arguments::{Arguments, Command};
use crate::environment::{Environment, Pause};
use crate::status::observe::machines::Followed;
use crate::status::observe::tests::world::{A, B, CANARY};
use crate::terminal::Terminal;
use crate::tests::{FakeAccount, paged};
use replication::naming::execution_arn;

const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

/// A world, and what the command made of it. An execution is there from the beginning, is started by the command, or comes and
/// changes from one poll to the next.
#[derive(Clone, Deserialize)]
struct Case {
    name: String,
    words: Vec<String>,
    /// How long it waits from one poll to the next.
    seconds: u64,
    /// At which poll the operator interrupts it.
    interrupt: Option<usize>,
    /// By the role of the account, as the following two.
    stacks: HashMap<String, Vec<Value>>,
    answers: HashMap<String, HashMap<String, Value>>,
    refused: HashMap<String, HashMap<String, String>>,
    executions: Vec<Change>,
    started: Started,
    polls: Vec<Vec<Change>>,
    code: u8,
    /// What executions were started with.
    inputs: Vec<Value>,
    printed: Vec<String>,
}

#[derive(Clone, Deserialize)]
struct Change {
    role: String,
    machine: String,
    name: String,
    described: Map<String, Value>,
    events: Vec<Value>,
}

#[derive(Clone, Deserialize)]
struct Started {
    described: Map<String, Value>,
    events: Vec<Value>,
}

/// The executions of one account, oldest first: the description and the events of each.
type Executions = Arc<Mutex<Vec<(Value, Vec<Value>)>>>;

fn locked(executions: &Executions) -> MutexGuard<'_, Vec<(Value, Vec<Value>)>> {
    executions.lock().unwrap()
}

fn apply(executions: &Executions, change: Change) -> Value {
    let arn = execution_arn(&change.machine, &change.name);
    let mut all = locked(executions);
    let place = all.iter().position(|(described, _)| described["executionArn"] == arn).unwrap_or(all.len());
    if place == all.len() {
        let usual = json!({
            "executionArn": arn, "stateMachineArn": change.machine, "name": change.name, "status": "RUNNING", "input": "{}",
        });
        all.push((usual, Vec::new()));
    }
    all[place].0.as_object_mut().unwrap().extend(change.described);
    all[place].1.extend(change.events);
    all[place].0.clone()
}

fn found(executions: &Executions, asked: &Value) -> Result<(Value, Vec<Value>), String> {
    let all = locked(executions);
    let one = all.iter().find(|(described, _)| described["executionArn"] == asked["executionArn"]);
    one.cloned().ok_or_else(|| "ExecutionDoesNotExist".to_owned())
}

fn listed(executions: &Executions, asked: &Value) -> Value {
    let is_wanted = |described: &Value| {
        described["stateMachineArn"] == asked["stateMachineArn"]
            && (asked["statusFilter"].is_null() || asked["statusFilter"] == described["status"])
    };
    let all = locked(executions);
    let mut rows: Vec<Value> = all.iter().map(|(described, _)| described.clone()).filter(is_wanted).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row["startDate"].as_i64()));
    paged(&rows, "executions", "nextToken", asked)
}

/// Both accounts of a case.
struct World {
    accounts: HashMap<String, (FakeAccount, Executions)>,
    inputs: Arc<Mutex<Vec<Value>>>,
    polls: Vec<Vec<Change>>,
}

impl World {
    fn new(case: &Case) -> Self {
        let number = |role: &str| if role == "source" { A } else { B };
        let account = |role: &str| (role.to_owned(), (FakeAccount::new(number(role)), Executions::default()));
        let accounts: HashMap<_, _> = ["source", "destination"].map(account).into();
        let world = Self { accounts, inputs: Arc::default(), polls: case.polls.clone() };
        for change in case.executions.clone() {
            world.change(change);
        }
        for (role, (account, executions)) in &world.accounts {
            answer_about_executions(account, executions);
            let stacks = case.stacks[role].clone();
            account.handle("DescribeStacks", move |asked| {
                let name = asked["StackName"].as_str();
                let of_name = |stack: &&Value| name.is_none_or(|name| stack["StackName"] == name);
                let found: Vec<Value> = stacks.iter().filter(of_name).cloned().collect();
                if name.is_some() && found.is_empty() {
                    return Err("ValidationError".to_owned());
                }
                Ok(paged(&found, "Stacks", "NextToken", asked))
            });
            for (operation, answer) in &case.answers[role] {
                account.answer(operation, answer.clone());
            }
        }
        world.start(case.started.clone());
        for (role, refused) in &case.refused {
            for (operation, code) in refused.clone() {
                world.accounts[role].0.handle(&operation, move |_| Err(code.clone()));
            }
        }
        world
    }

    fn start(&self, started: Started) {
        let (account, executions) = &self.accounts["source"];
        let (executions, inputs) = (Arc::clone(executions), Arc::clone(&self.inputs));
        account.handle("StartExecution", move |asked| {
            let text = |name: &str| asked[name].as_str().unwrap().to_owned();
            inputs.lock().unwrap().push(serde_json::from_str(&text("input")).unwrap());
            let Started { described, events } = started.clone();
            let (role, machine, name) = ("source".to_owned(), text("stateMachineArn"), text("name"));
            let described = apply(&executions, Change { role, machine, name, described, events });
            Ok(json!({"executionArn": described["executionArn"], "startDate": described["startDate"]}))
        });
    }

    fn change(&self, change: Change) {
        apply(&self.accounts[&change.role].1, change);
    }

    fn account(&self, role: &'static str, profile: Option<&String>) -> Account {
        let account = self.accounts[role].0.account();
        let profile = profile.map_or(role, String::as_str).to_owned();
        Account { role, whose: format!("profile {profile}"), profile, ..account }
    }
}

fn answer_about_executions(account: &FakeAccount, executions: &Executions) {
    let all = Arc::clone(executions);
    account.handle("DescribeExecution", move |asked| found(&all, asked).map(|(described, _)| described));
    let all = Arc::clone(executions);
    account.handle("ListExecutions", move |asked| Ok(listed(&all, asked)));
    let all = Arc::clone(executions);
    account.handle("GetExecutionHistory", move |asked| {
        let (_, mut events) = found(&all, asked)?;
        if asked["reverseOrder"] == true {
            events.reverse();
        }
        Ok(paged(&events, "events", "nextToken", asked))
    });
}

/// The case that runs in this thread.
struct Running {
    world: World,
    seconds: u64,
    interrupt: Option<usize>,
    polls: usize,
    interruption: Rc<Notify>,
}

thread_local! {
    static CLOCK: Cell<u64> = const { Cell::new(0) };
    static RUNNING: RefCell<Option<Running>> = const { RefCell::new(None) };
}

fn now() -> OffsetDateTime {
    NOW + Duration::from_secs(CLOCK.get())
}

/// Lets time pass and the world go on.
fn pause(_: Duration) -> Pause {
    let is_interrupted = RUNNING.with_borrow_mut(|running| {
        let running = running.as_mut().unwrap();
        running.polls += 1;
        assert!(running.polls < 200, "it never ends");
        if running.interrupt == Some(running.polls) {
            running.interruption.notify_one();
            return true;
        }
        CLOCK.set(CLOCK.get() + running.seconds);
        let changes = running.world.polls.get(running.polls - 1).cloned().unwrap_or_default();
        for change in changes {
            running.world.change(change);
        }
        false
    });
    if is_interrupted { Box::pin(std::future::pending()) } else { Box::pin(std::future::ready(())) }
}

/// What the command did in a world: its end, what it printed, and with what it started executions.
async fn run(case: &Case) -> (End, String, Vec<Value>) {
    let words = ["rds-replication", "replicate"].into_iter().chain(case.words.iter().map(String::as_str));
    let Command::Replicate(given) = Arguments::parse_from(words).command else { panic!() };
    let environment = Environment {
        region: None,
        names_certificates: false,
        local_cloud: "/local".into(),
        is_without_colour: true,
    };
    let hints = given.accounts.hints(&environment);
    let world = World::new(case);
    let source = world.account("source", given.accounts.source_profile.as_ref());
    let destination = world.account("destination", given.accounts.destination_profile.as_ref());
    let inputs = Arc::clone(&world.inputs);
    let interruption = Rc::new(Notify::new());
    CLOCK.set(0);
    RUNNING.set(Some(Running {
        world,
        seconds: case.seconds,
        interrupt: case.interrupt,
        polls: 0,
        interruption: Rc::clone(&interruption),
    }));
    let asked =
        Asked { given: &given, hints: &hints, name: "uuid".to_owned(), poll: Duration::from_secs(3), pause };
    let mut shown = Vec::new();
    let end = {
        let mut terminal = Terminal::new(&mut shown, false, now);
        let accounts = Accounts { source: &source, destination: &destination };
        replicate(accounts, &asked, &mut terminal, interruption.notified()).await
    };
    let shown = String::from_utf8(shown).unwrap();
    assert!(!shown.contains(CANARY), "{shown}");
    let inputs = inputs.lock().unwrap().clone();
    (end, shown, inputs)
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../../tests/golden/replicate.json")).unwrap()
}

#[tokio::test]
async fn the_command_says_and_starts_what_it_did_before() {
    let mut wrong = Vec::new();
    for case in cases() {
        let (end, shown, inputs) = run(&case).await;
        if (end.code, &inputs) != (case.code, &case.inputs) {
            wrong.push(format!("{}: code {} and {inputs:?}", case.name, end.code));
        }
        let shown: Vec<&str> = shown.split('\n').collect();
        let differs =
            case.printed.iter().map(String::as_str).zip(&shown).find(|(wanted, found)| wanted != *found);
        if let Some((wanted, found)) = differs {
            wrong.push(format!("{}\n  wanted {wanted}\n  found  {found}", case.name));
        } else if shown.len() != case.printed.len() {
            wrong.push(format!("{}: {} lines, not {}", case.name, shown.len(), case.printed.len()));
        }
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

async fn document(name: &str) -> Option<Value> {
    let case = cases().into_iter().find(|case| case.name == name).unwrap();
    run(&case).await.0.document
}

#[tokio::test]
async fn a_program_reads_how_it_has_ended() {
    let document_of_run = document("a whole run, as it goes").await.unwrap();
    let id = "20261122t120000z-c908128261";
    assert_eq!(document_of_run["format"], 1);
    assert_eq!(document_of_run["failure"], Value::Null);
    assert_eq!(document_of_run["replicationId"], id);
    let made = ["version", "instance", "superseded", "secretOutcome"].map(|field| &document_of_run[field]);
    assert_eq!(made, [&json!(7), &json!("copy-7"), &json!(false), &json!("moved")]);
    assert_eq!(document_of_run["source"]["copy"]["expected"], "full");
    assert_eq!(
        document_of_run["destination"]["copy"],
        Value::Null,
        "the document of its end says nothing of it"
    );
    assert_eq!(document_of_run["source"]["stageSeconds"]["CopyEncryptedSnapshot"], 10.0);
    assert_eq!(document_of_run["destination"]["execution"].as_str().unwrap().rsplit(':').next(), Some(id));

    let failed = document("the source machine fails before it has sent anything").await.unwrap();
    assert!(
        failed["failure"].as_str().unwrap().starts_with("the source machine ended FAILED in"),
        "{failed}"
    );
    assert_eq!((&failed["source"]["error"], &failed["destination"]), (&json!("KeyUnusable"), &Value::Null));
    assert_eq!(document("stacks that do not belong together").await, None, "nothing was started");
    assert_eq!(document("whoever stops following is told how to see the end").await, None);

    let fleet = document("what failed comes first with its own error").await.unwrap();
    assert_eq!((&fleet["run"], &fleet["status"]), (&json!("uuid"), &json!("FAILED")));
    let first = json!({
        "database": "orders", "status": "FAILED in the source account", "error": "KeyUnusable",
        "cause": "checking key k: disabled", "seconds": 30.0,
    });
    assert_eq!((&fleet["databases"][0], fleet["databases"].as_array().unwrap().len()), (&first, 3));
}

/// Step Functions allows some 20 calls a second, which the machines need too; all have their turn.
#[tokio::test]
async fn only_a_few_executions_are_asked_for_in_one_poll() {
    let name = "only a few executions are asked for in one poll";
    let case = cases().into_iter().find(|case| case.name == name).unwrap();
    let (end, ..) = run(&case).await;
    let asked = RUNNING.with_borrow(|running| {
        running.as_ref().unwrap().world.accounts["destination"].0.count("DescribeExecution")
    });
    assert_eq!((end.code, asked), (0, 10), "one that has ended is not asked for again");
}

/// The request may be sent again where its answer was lost.
#[tokio::test]
async fn an_execution_that_was_started_already_is_followed() {
    let name = "whoever stops following is told how to see the end";
    let mut case = cases().into_iter().find(|case| case.name == name).unwrap();
    let refused = ("StartExecution".to_owned(), "ExecutionAlreadyExists".to_owned());
    case.refused.get_mut("source").unwrap().extend([refused]);
    let started = json!({"startDate": NOW.unix_timestamp()});
    case.executions.push(Change {
        role: "source".to_owned(),
        machine: format!("arn:aws:states:eu-west-1:{A}:stateMachine:source"),
        name: "uuid".to_owned(),
        described: started.as_object().unwrap().clone(),
        events: Vec::new(),
    });
    let (end, shown, inputs) = run(&case).await;
    assert_eq!((end.code, inputs), (case.code, Vec::new()));
    assert_eq!(shown, case.printed.join("\n"));
}

/// Step Functions may not show an execution that has just started.
#[tokio::test]
async fn an_execution_that_is_not_seen_yet_is_waited_for() {
    let arn = execution_arn(&format!("arn:aws:states:eu-west-1:{A}:stateMachine:source"), "uuid");
    for (unseen, is_found) in [(3, true), (20, true), (21, false)] {
        let account = FakeAccount::new(A);
        let polls = Arc::new(Mutex::new(0));
        let answer = json!({"executionArn": arn, "stateMachineArn": "m", "status": "RUNNING", "startDate": NOW.unix_timestamp()});
        account.handle("DescribeExecution", move |_| {
            let mut polls = polls.lock().unwrap();
            *polls += 1;
            if *polls > unseen { Ok(answer.clone()) } else { Err("ExecutionDoesNotExist".to_owned()) }
        });
        account.answer("GetExecutionHistory", json!({"events": []}));
        let client = account.account().machines();
        let mut followed = Followed::started(&client, &arn, NOW);
        for poll in 1..=20 {
            assert_eq!(followed.poll().await.unwrap(), 0, "{poll}");
            assert!(followed.execution.is_running());
        }
        assert_eq!(followed.poll().await.is_ok(), is_found, "{unseen}");
    }
}

/// Every field of the documents is described.
#[tokio::test]
async fn the_help_describes_every_field() {
    let help = include_str!("help.txt");
    let words: Vec<&str> = help.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    for name in ["a whole run, as it goes", "what failed comes first with its own error"] {
        let document = document(name).await.unwrap();
        let of = |value: &Value| {
            value.as_object().into_iter().flat_map(|fields| fields.keys().cloned()).collect::<Vec<_>>()
        };
        let fields = [of(&document), of(&document["source"]), of(&document["databases"][0])].concat();
        let missing: Vec<&String> = fields.iter().filter(|field| !words.contains(&field.as_str())).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
