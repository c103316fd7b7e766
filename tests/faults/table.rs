//! What can go wrong with a call, and how a run has to end then.

use serde_json::{Value, json};

use crate::calls::Point;

/// A fault that is tried at a call.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The name in the table.
    pub word: String,
    /// The effect, in the words of the interfaces of the faults.
    pub effect: Value,
    /// Whether it hits every such call until the run has ended, or one.
    pub lasts: bool,
    /// Whether it shows most of how a function survives, or that only this operation can meet.
    pub is_representative: bool,
    /// What is done meanwhile, while the call is held.
    pub meanwhile: Option<Meanwhile>,
    /// How the run has to end.
    pub ending: Ending,
}

/// What is done while a call is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meanwhile {
    /// The process that runs the function is killed.
    Kill,
    /// The execution is stopped.
    Stop,
}

/// How a run has to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// As if nothing had happened.
    Success,
    /// In the failure state, with one of these names.
    Failure(Vec<&'static str>),
    /// In the failure state, because what alerts operators is broken itself: the error says that, and its cause says the
    /// first one.
    UntoldFailure,
    /// Stopped by an operator, with an alert.
    Stopped,
    /// It never starts, and what should have started it lies in the dead-letter queue.
    DeadLetter,
}

/// Longer than an attempt of a call may take (8 s).
const TOO_SLOW_SECONDS: f64 = 9.0;

/// The faults that are tried at a call: those that any call can meet, and those of the operation itself.
pub fn faults(point: &Point) -> Vec<Fault> {
    if point.service == "lambda" {
        return of_invocation(point);
    }
    let mut faults = of_any_call(point);
    faults.extend(of_observation(point));
    faults.extend(of_operation(point).into_iter().map(representative));
    faults
}

fn once(word: &str, effect: Value) -> Fault {
    let ending = Ending::Success;
    Fault { word: word.to_owned(), effect, lasts: false, is_representative: false, meanwhile: None, ending }
}

fn representative(fault: Fault) -> Fault {
    Fault { is_representative: true, ..fault }
}

fn lasting(point: &Point, word: &str, effect: Value, names: &[&'static str]) -> Fault {
    // What launch cannot do is tried again by Lambda and then kept; no machine is there to fail.
    let ending = match (point.task.as_str(), point.service.as_str()) {
        ("Launch", _) => Ending::DeadLetter,
        ("Notify", "lambda") => Ending::UntoldFailure,
        _ => Ending::Failure(names.to_vec()),
    };
    Fault { lasts: true, ending, ..once(word, effect) }
}

fn error(code: &str, http_status: u16) -> Value {
    json!({"effect": "error", "code": code, "httpStatus": http_status, "message": "as ordered"})
}

fn of_any_call(point: &Point) -> Vec<Fault> {
    let (throttled, broken, denied) = match point.service.as_str() {
        "rds" => (error("Throttling", 400), error("InternalFailure", 500), error("AccessDenied", 403)),
        "sns" => (error("Throttled", 429), error("InternalError", 500), error("AuthorizationError", 403)),
        "kms" => (
            error("ThrottlingException", 400),
            error("KMSInternalException", 500),
            error("AccessDeniedException", 400),
        ),
        "secretsmanager" => (
            error("ThrottlingException", 400),
            error("InternalServiceError", 500),
            error("AccessDeniedException", 400),
        ),
        _ => (
            error("ThrottlingException", 400),
            error("ServiceUnavailable", 503),
            error("AccessDeniedException", 400),
        ),
    };
    let names_of_denied: &[&str] = match (point.service.as_str(), point.task.as_str()) {
        ("kms", _) => &["KeyNotAccessible"],
        ("rds", "RotateSecret") if sets_deletion_tags(point) => &["PruneIncomplete"],
        _ => &["AccessDenied"],
    };
    let drop_before = json!({"effect": "dropBefore"});
    let held = json!({"effect": "dropBefore", "seconds": 3.0});
    let denied = lasting(point, "denied", denied, names_of_denied);
    // A deletion that is refused stays for the next run, and does not fail this one.
    let denied = match (point.task.as_str(), point.action.as_str()) {
        ("Prune", "DeleteDBInstance" | "DeleteDBSnapshot") => Fault { ending: Ending::Success, ..denied },
        _ if only_warns(point) => Fault { ending: Ending::Success, ..denied },
        _ => denied,
    };
    vec![
        once("throttled once", throttled.clone()),
        once("broken once", broken.clone()),
        once("lost before the effect", drop_before.clone()),
        representative(once("answer lost after the effect", json!({"effect": "dropAfter"}))),
        representative(Fault {
            meanwhile: Some(Meanwhile::Kill),
            ..once("process killed before the effect", held)
        }),
        once("too slow once", json!({"effect": "slow", "seconds": TOO_SLOW_SECONDS})),
        lasting(point, "throttled for ever", throttled, &["Throttled"]),
        lasting(point, "broken for ever", broken, &["ServiceFault"]),
        lasting(point, "unreachable for ever", drop_before, &["ServiceFault"]),
        denied,
    ]
}

/// What RDS shows too little of: tags (in GovCloud, or where a tool strips them), and what it has accepted a moment ago.
fn of_observation(point: &Point) -> Vec<Fault> {
    if !matches!(point.action.as_str(), "DescribeDBInstances" | "DescribeDBSnapshots") {
        return Vec::new();
    }
    let hidden = || json!({"effect": "hideTags"});
    vec![
        once("tags hidden once", hidden()),
        representative(Fault { lasts: true, ..once("tags hidden for ever", hidden()) }),
        once("answer of 3 s ago once", json!({"effect": "stale", "age": 3.0})),
        once("what is new hidden once", json!({"effect": "late", "age": 30.0})),
    ]
}

/// Whether a call only finds out early what RDS would refuse later: without its answer nothing is missing.
fn only_warns(point: &Point) -> bool {
    matches!(
        (point.task.as_str(), point.action.as_str()),
        (
            "Copy",
            "DescribeAccountAttributes"
                | "DescribeDBEngineVersions"
                | "DescribeDBParameterGroups"
                | "DescribeDBSubnetGroups"
                | "DescribeOptionGroups"
                | "DescribeOrderableDBInstanceOptions"
        ) | ("Snapshot", "DescribeOptionGroups")
    )
}

/// Whether a call changes deletion tags after the secret has moved: the tag of the version that a rollback goes to is taken off
/// before that.
fn sets_deletion_tags(point: &Point) -> bool {
    match point.action.as_str() {
        "AddTagsToResource" => true,
        "RemoveTagsFromResource" => !point.machine.rolls_back() || point.occurrence > 1,
        _ => false,
    }
}

/// Faults of the operation itself that the API model lists and a run can meet.
fn of_operation(point: &Point) -> Vec<Fault> {
    let lasting = |code: &'static str, names: &[&'static str]| lasting(point, code, error(code, 400), names);
    let once = |code: &str| once(&format!("{code} once"), error(code, 400));
    let ends = |status: &str, name: &'static str| Fault {
        word: format!("ends {status}"),
        effect: json!({"effect": "endStatus", "status": status}),
        ending: Ending::Failure(vec![name]),
        ..once("")
    };
    match (point.task.as_str(), point.action.as_str()) {
        // RDS reads may be late: what was just made is not there for a moment.
        ("Snapshot", "DescribeDBSnapshots") => vec![once("DBSnapshotNotFound")],
        ("Snapshot", "DescribeDBInstances") => vec![lasting("DBInstanceNotFound", &["NotFound"])],
        ("Snapshot", "CreateDBSnapshot") => vec![
            once("DBSnapshotAlreadyExists"),
            once("InvalidDBInstanceState"),
            lasting("SnapshotQuotaExceeded", &["QuotaExceeded"]),
            lasting("DBInstanceNotFound", &["NotFound", "Rejected"]),
            ends("failed", "SnapshotFailed"),
        ],
        ("Copy", "DescribeKey") => vec![
            lasting("NotFoundException", &["KeyUnusable"]),
            lasting("InvalidArnException", &["Rejected", "KeyUnusable"]),
        ],
        // A version that is not offered any more, and a default group that RDS makes on first use.
        ("Copy", "DescribeOrderableDBInstanceOptions") => {
            vec![Fault { ending: Ending::Success, ..lasting("InvalidParameterCombination", &[]) }]
        }
        ("Copy", "DescribeDBSubnetGroups") => {
            vec![Fault { ending: Ending::Success, ..lasting("DBSubnetGroupNotFoundFault", &[]) }]
        }
        ("Copy", "CopyDBSnapshot") => vec![
            once("DBSnapshotAlreadyExists"),
            once("InvalidDBSnapshotState"),
            lasting("DBSnapshotNotFound", &["NotFound"]),
            // There is room, so that it says that too many copies run at a time.
            once("SnapshotQuotaExceeded"),
            lasting("KMSKeyNotAccessibleFault", &["KeyNotAccessible"]),
            ends("failed", "CopyFailed"),
        ],
        ("Share", "DescribeDBSnapshots" | "DescribeDBSnapshotAttributes") => {
            vec![once("DBSnapshotNotFound"), lasting("DBSnapshotNotFound", &["NotVisibleYet"])]
        }
        ("Share", "ModifyDBSnapshotAttribute") => vec![
            lasting("InvalidDBSnapshotState", &["NotShareable"]),
            lasting("SharedSnapshotQuotaExceeded", &["QuotaExceeded"]),
            lasting("DBSnapshotNotFound", &["NotVisibleYet"]),
        ],
        ("Notify", "Publish") => vec![
            once("KMSThrottling"),
            lasting("NotFound", &["NotFound"]),
            lasting("KMSAccessDenied", &["AccessDenied", "KeyNotAccessible", "Rejected"]),
            lasting("InvalidParameter", &["Rejected"]),
        ],
        ("Launch", "StartExecution") => vec![
            once("ExecutionLimitExceeded"),
            lasting("StateMachineDoesNotExist", &[]),
            lasting("StateMachineDeleting", &[]),
        ],
        ("Restore", "RestoreDBInstanceFromDBSnapshot") => vec![
            once("DBInstanceAlreadyExists"),
            once("InvalidDBSnapshotState"),
            once("InstanceQuotaExceeded"),
            lasting("InstanceQuotaExceeded", &["QuotaExceeded"]),
            lasting("StorageQuotaExceeded", &["QuotaExceeded"]),
            // It passes in minutes to hours: only the deadline, which is longer than a trial, ends the wait.
            once("InsufficientDBInstanceCapacity"),
            lasting("DBSnapshotNotFound", &["NotFound"]),
            lasting("KMSKeyNotAccessibleFault", &["KeyNotAccessible"]),
            lasting("DBSubnetGroupNotFoundFault", &["Rejected", "NotFound"]),
            ends("failed", "RestoreFailed"),
            ends("incompatible-restore", "RestoreFailed"),
            ends("storage-full", "RestoreFailed"),
        ],
        // First the instance is tagged. Then the snapshot, which exists; one that is gone is a scenario.
        ("Restore", "AddTagsToResource") if point.occurrence == 1 => {
            vec![once("DBInstanceNotFound"), lasting("DBInstanceNotFound", &["NotFound"])]
        }
        ("Restore", "AddTagsToResource") => vec![lasting("DBSnapshotNotFound", &["NotFound", "Rejected"])],
        ("RotateSecret", "AddTagsToResource" | "RemoveTagsFromResource") => {
            let names: &[&str] = if sets_deletion_tags(point) { &["PruneIncomplete"] } else { &["NotFound"] };
            let mut faults = vec![lasting("DBInstanceNotFound", names)];
            // A deletion tag that cannot be removed when the secret has moved stays until the next run.
            if !(sets_deletion_tags(point) && point.machine.rolls_back()) {
                faults.push(once("InvalidDBInstanceState"));
            }
            faults
        }
        ("RotateSecret", "GetRandomPassword") => vec![lasting("InvalidRequestException", &["Rejected"])],
        ("RotateSecret", "ModifyDBInstance") => vec![
            once("InvalidDBInstanceState"),
            lasting("DBInstanceNotFound", &["NotFound"]),
            lasting("KMSKeyNotAccessibleFault", &["KeyNotAccessible", "Rejected"]),
        ],
        ("RotateSecret" | "Restore", "GetSecretValue") => vec![
            lasting("ResourceNotFoundException", &["NotFound"]),
            lasting("DecryptionFailure", &["KeyNotAccessible", "Rejected"]),
        ],
        // With ResourceExistsException a concurrent call has already created it, and what it has put cannot be seen for a moment.
        ("RotateSecret", "PutSecretValue") => vec![
            once("ResourceExistsException"),
            lasting("EncryptionFailure", &["KeyNotAccessible"]),
            lasting("LimitExceededException", &["QuotaExceeded", "Throttled"]),
            lasting("ResourceNotFoundException", &["NotFound", "Rejected"]),
        ],
        // Somebody else has changed the secret, once or again and again.
        ("RotateSecret", "UpdateSecretVersionStage") => vec![
            once("InvalidParameterException"),
            lasting("InvalidParameterException", &["SecretNotMoved"]),
            lasting("ResourceNotFoundException", &["SecretNotMoved"]),
            lasting("LimitExceededException", &["QuotaExceeded", "Throttled"]),
        ],
        ("Prune", "DeleteDBInstance") => vec![
            once("DBInstanceNotFound"),
            once("InvalidDBInstanceState"),
            Fault { ending: Ending::Success, ..lasting("InvalidParameterCombination", &[]) },
        ],
        ("Prune", "DeleteDBSnapshot") => vec![once("DBSnapshotNotFound"), once("InvalidDBSnapshotState")],
        _ => Vec::new(),
    }
}

/// What happens between a service and the function that it invokes.
fn of_invocation(point: &Point) -> Vec<Fault> {
    let mut faults = vec![
        representative(once("invoked twice", json!({"effect": "twice"}))),
        representative(once("function's answer lost", json!({"effect": "dropAfter"}))),
        once("Lambda throttled once", error_of_lambda("Lambda.TooManyRequestsException")),
        once("function ran out of time once", error_of_lambda("Sandbox.Timedout")),
        lasting(
            point,
            "Lambda broken for ever",
            error_of_lambda("Lambda.ServiceException"),
            &["Lambda.ServiceException"],
        ),
        lasting(point, "out of memory", error_of_lambda("Runtime.OutOfMemory"), &["Runtime.OutOfMemory"]),
        representative(Fault {
            meanwhile: Some(Meanwhile::Stop),
            ending: Ending::Stopped,
            ..once("execution stopped meanwhile", json!({"effect": "slow", "seconds": 0.5}))
        }),
    ];
    // No machine waits for launch: SNS gives a message away, and there is no execution yet that could be stopped.
    if point.task == "Launch" {
        faults.retain(|fault| fault.word != "function's answer lost" && fault.ending != Ending::Stopped);
    }
    faults
}

fn error_of_lambda(name: &str) -> Value {
    json!({"effect": "error", "code": name, "message": "as ordered"})
}
