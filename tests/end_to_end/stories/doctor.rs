//! What the doctor says of a pair of stacks that is as it should be, and of each thing that somebody breaks in it.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use harness::account::{Account, LIMIT, text};
use harness::cloud::{Cloud, ask, root, script};
use harness::network::{network, vpc};
use harness::pair::{Pair, password};
use harness::waiting::wait_for;

/// A Region that no other story uses, so that nothing of others counts against a quota or is left over.
const REGION: &str = "eu-west-2";
/// What RDS holds of snapshots in these stories (`main.rs`).
const MOST_SNAPSHOTS: usize = 500;

/// A pair that is examined.
struct Ward<'a> {
    cloud: &'a Cloud,
    a: &'a Account,
    b: &'a Account,
    pair: Pair<'a>,
}

/// What the doctor has said: its exit code, and its findings.
struct Said {
    code: i32,
    findings: Vec<Value>,
}

impl Said {
    fn wrong(&self) -> Vec<&Value> {
        self.findings.iter().filter(|one| one["severity"] != "ok").collect()
    }

    /// The remedy for a check at a place: the only one of this severity, with these words in it.
    fn has(&self, severity: &str, check: &str, place: &str, words: &str) -> String {
        let is_it = |one: &&Value| {
            one["severity"] == severity
                && one["check"] == check
                && one["place"] == place
                && one["remedy"].as_str().is_some_and(|text| text.contains(words))
        };
        let mut found = self.findings.iter().filter(is_it);
        let remedy = found.next().map(|one| text(&one["remedy"]));
        assert!(found.next().is_none(), "{check}: {words}: {:#?}", self.wrong());
        remedy.unwrap_or_else(|| panic!("{check}: {words}: {:#?}", self.wrong()))
    }

    /// That nothing is said against anything but these checks, each at its place; and the exit code for that.
    fn has_only(&self, expected: &[(&str, &str)]) {
        let known = |one: &&&Value| {
            expected.iter().any(|(check, place)| one["check"] == *check && one["place"] == *place)
        };
        let wrong = self.wrong();
        assert!(wrong.iter().all(|one| known(&one)), "{wrong:#?}");
        let has_errors = wrong.iter().any(|one| one["severity"] == "error");
        assert_eq!(self.code, i32::from(has_errors), "{wrong:#?}");
    }

    fn is_all_ok(&self) {
        self.has_only(&[]);
    }
}

impl Ward<'_> {
    fn examine(&self, whom: &str) -> Said {
        self.examine_with(whom, &[])
    }

    fn examine_with(&self, whom: &str, options: &[&str]) -> Said {
        let stacks = [self.pair.stack(self.a), self.pair.stack(self.b)];
        let named = ["--source-stack", &stacks[0], "--destination-stack", &stacks[1]];
        examine(self.cloud.directory(), whom, &[&named[..], options].concat())
    }

    fn becomes_ok(&self) {
        wait_for("all is ok", LIMIT, || {
            let said = self.examine("both");
            (said.code == 0 && said.wrong().is_empty()).then_some(())
        });
    }
}

/// What the doctor says with the credentials in a directory.
fn examine(directory: &Path, whom: &str, options: &[&str]) -> Said {
    let mut command = script("doctor");
    command.arg(whom).args(options).arg("--json").arg(format!("--local={}", directory.display()));
    command.args(["--source-region", REGION, "--destination-region", REGION]);
    let output = command.output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let findings = document["findings"].as_array().unwrap().clone();
    let errors = findings.iter().filter(|one| one["severity"] == "error");
    assert_eq!(document["errors"], errors.count());
    Said { code: output.status.code().unwrap(), findings }
}

/// Carries out a remedy that is a command, as it was printed.
fn carry_out(account: &Account, remedy: &str) {
    let (_, command) = remedy.rsplit_once(" account: ").unwrap_or(("", remedy));
    account.shell(command);
}

/// Somebody breaks one thing after the other, reads what to do about it, and does it as it was printed.
///
/// > Of a fresh pair of stacks the doctor says that all is ok, and it names what somebody breaks with the remedy.
/// > A remedy of the doctor that is a command can be carried out as it is printed.
pub fn the_doctor_names_what_is_broken_and_its_remedy(cloud: &Cloud) {
    let (a, b) = (&cloud.source.in_region(REGION), &cloud.destination.in_region(REGION));
    let ward = fresh(cloud, a, b);
    ward.examine("both").is_all_ok();
    the_keys_break(&ward);
    the_source_breaks(&ward);
    what_starts_a_run_breaks(&ward);
    what_a_run_needs_breaks(&ward);
    the_functions_read_something_else(&ward);
    what_tells_operators_breaks(&ward);
    the_stacks_do_not_match(&ward);
    // Functions that were updated take a moment, and so does the end of an alarm.
    ward.becomes_ok();
    a_run_fails(&ward);
    ward.becomes_ok();
    ward.examine("source").is_all_ok();
    ward.examine("destination").is_all_ok();
    a_message_is_left(&ward);
    nothing_can_be_mended(&ward);
}

/// A pair on which nothing has run.
fn fresh<'a>(cloud: &'a Cloud, a: &'a Account, b: &'a Account) -> Ward<'a> {
    let key = |account: &Account| text(&account.aws(&["kms", "create-key"])["KeyMetadata"]["Arn"]);
    let (group, of_functions) =
        (network(b, "doctor"), vpc(b, "10.76.0.0/16", ["10.76.1.0/24", "10.76.2.0/24"]));
    let (of_database, of_secret) = (key(a), key(b));
    let on = [("ScheduleState", "ENABLED"), ("ScheduleExpression", "rate(300 days)")];
    let for_destination = [
        ("Subnetgroups", "doctor-subnets"),
        ("SGID", &group),
        ("SecretKMSKey", &of_secret),
        ("LambdaSubnetIds", &of_functions.1.join(",")),
        ("LambdaSecurityGroupIds", &of_functions.2),
    ];
    let pair = Pair::deploy_between(cloud, [a, b], "doctor", &on, &for_destination);
    // Nobody needs it before its option group is looked at.
    let version = cloud.postgres_major_version();
    let (sealed, create) = (
        ["--option-group-name", "doctor-sealed"],
        ["rds", "create-option-group", "--engine-name", "postgres"],
    );
    let about = ["--major-engine-version", &version, "--option-group-description", "with encryption"];
    a.aws(&[&create[..], &sealed, &about].concat());
    let add = ["rds", "add-option-to-option-group", "--apply-immediately", "--options", "OptionName=TDE"];
    a.aws(&[&add[..], &sealed].concat());
    let encrypted = ["--storage-encrypted", "--kms-key-id", &of_database];
    a.begin_database("doctor-sealed", &password(), &sealed);
    a.create_database(&pair.database(), &password(), &encrypted);
    a.subscribe_queue("doctor-alerts-source", &pair.source["AlertTopicArn"]);
    b.subscribe_queue("doctor-alerts-destination", &pair.destination["AlertTopicArn"]);
    Ward { cloud, a, b, pair }
}

/// Every key by itself: that of the database, that of the secret and the shared one.
fn the_keys_break(ward: &Ward<'_>) {
    let (a, b) = (ward.a, ward.b);
    let shared = &ward.pair.source["KMSKeyArn"];
    let own = text(&a.instance(&ward.pair.database())["KmsKeyId"]);
    let parameters = parameters(b, &ward.pair.stack(b));
    let of_secret = &parameters["SecretKMSKey"];
    for (account, key) in [(a, shared), (a, &own), (b, of_secret)] {
        account.aws(&["kms", "disable-key", "--key-id", key]);
    }
    let said = ward.examine("both");
    let broken = [
        (a, "key", "source", shared),
        (a, "databaseKey", "source", &own),
        (b, "secretKey", "destination", of_secret),
    ];
    let remedies = broken.map(|(account, check, place, key)| {
        (account, said.has("error", check, place, &format!("aws kms enable-key --key-id {key}")))
    });
    // The other account sees the key as it is, and without its key the secret cannot be read.
    said.has_only(&[
        ("key", "source"),
        ("databaseKey", "source"),
        ("secretKey", "destination"),
        ("sharedKey", "both"),
        ("secret", "destination"),
    ]);
    for (account, remedy) in remedies {
        carry_out(account, &remedy);
    }
    ward.examine("both").is_all_ok();
}

/// The parameters of a stack.
fn parameters(account: &Account, stack: &str) -> BTreeMap<String, String> {
    let found = account.aws(&["cloudformation", "describe-stacks", "--stack-name", stack]);
    let all = found["Stacks"][0]["Parameters"].as_array().unwrap().iter();
    all.map(|one| (text(&one["ParameterKey"]), text(&one["ParameterValue"]))).collect()
}

fn the_source_breaks(ward: &Ward<'_>) {
    let (a, outputs) = (ward.a, &ward.pair.source);
    let (key, topic, rule) = (&outputs["KMSKeyArn"], &outputs["TopicArn"], &outputs["ScheduleRuleName"]);
    let policy = |name: &str, more: &[&str]| {
        a.aws(&[&["kms", name, "--key-id", key, "--policy-name", "default"], more].concat())
    };
    let whole = text(&policy("get-key-policy", &[])["Policy"]);
    let mut narrow: Value = serde_json::from_str(&whole).unwrap();
    let account = ward.b.number();
    let statements = narrow["Statement"].as_array_mut().unwrap();
    statements.retain(|one| !one["Principal"].to_string().contains(&account));
    policy("put-key-policy", &["--policy", &narrow.to_string()]);
    let nothing = json!({"Version": "2012-10-17", "Statement": []}).to_string();
    let set = ["--topic-arn", topic, "--attribute-name", "Policy", "--attribute-value", &nothing];
    a.aws(&[&["sns", "set-topic-attributes"], &set[..]].concat());
    a.aws(&["events", "disable-rule", "--name", rule]);
    let snapshot = with_a_full_quota(ward);

    let said = ward.examine_with("both", &[]);
    said.has("error", "keyPolicy", "source", "aws kms put-key-policy");
    said.has("error", "sharedKey", "both", "allow kms:DescribeKey");
    let add = format!(
        "aws sns add-permission --topic-arn {topic} --label Destination-{account} --aws-account-id {account}"
    );
    let subscribing = said.has("error", "topic", "source", &add);
    let scheduling =
        said.has("warning", "schedule", "source", &format!("aws events enable-rule --name {rule}"));
    said.has("error", "quotas", "source", "ask AWS for a larger quota");
    said.has_only(&[
        ("keyPolicy", "source"),
        ("sharedKey", "both"),
        ("topic", "source"),
        ("schedule", "source"),
        ("quotas", "source"),
    ]);
    policy("put-key-policy", &["--policy", &whole]);
    carry_out(a, &subscribing);
    carry_out(a, &scheduling);
    for name in a.snapshots("crowd-").iter().chain([&snapshot]) {
        a.aws(&["rds", "delete-db-snapshot", "--db-snapshot-identifier", name]);
    }
    ward.examine("both").is_all_ok();
    let said = ward.examine_with("source", &["--source-db", "doctor-sealed"]);
    said.has("error", "optionGroup", "source", "replicate a database without it");
    said.has_only(&[("optionGroup", "source")]);
}

/// Has as many snapshots in the source account as RDS allows; the one that was made by hand.
fn with_a_full_quota(ward: &Ward<'_>) -> String {
    let a = ward.a;
    let (name, database) = ("doctor-by-hand", ward.pair.database());
    let of = ["--db-snapshot-identifier", name, "--db-instance-identifier", &database];
    a.aws(&[&["rds", "create-db-snapshot"], &of[..]].concat());
    let arn = text(&a.available_snapshot(name)["DBSnapshotArn"]);
    let crowd = json!({"arn": arn, "count": MOST_SNAPSHOTS - 1});
    ask(a.variable("AWS_ENDPOINT_URL_RDS"), "POST", "/_emulator/resources/crowd", &crowd);
    name.to_owned()
}

fn what_starts_a_run_breaks(ward: &Ward<'_>) {
    let (b, outputs) = (ward.b, &ward.pair.destination);
    b.aws(&["sns", "unsubscribe", "--subscription-arn", &outputs["SubscriptionArn"]]);
    let name = &outputs["LaunchFunctionName"];
    let policy = b.aws(&["lambda", "get-policy", "--function-name", name]);
    let policy: Value = serde_json::from_str(&text(&policy["Policy"])).unwrap();
    let id = text(&policy["Statement"][0]["Sid"]);
    b.aws(&["lambda", "remove-permission", "--function-name", name, "--statement-id", &id]);
    let shut = [
        "lambda",
        "put-function-concurrency",
        "--function-name",
        name,
        "--reserved-concurrent-executions",
        "0",
    ];
    b.aws(&shut);
    let said = ward.examine("both");
    let open = format!("aws lambda delete-function-concurrency --function-name {name}");
    let opening = said.has("error", "functions", "destination", &open);
    said.has("error", "subscription", "source", "SourceTopicArn");
    let subscribing = said.has("error", "subscription", "destination", "aws sns subscribe --region");
    let add = format!("aws lambda add-permission --function-name {name} --statement-id Topic");
    let letting_in = said.has("error", "permission", "destination", &add);
    said.has_only(&[
        ("subscription", "source"),
        ("functions", "destination"),
        ("subscription", "destination"),
        ("permission", "destination"),
    ]);
    carry_out(b, &subscribing);
    carry_out(b, &letting_in);
    carry_out(b, &opening);
}

fn what_a_run_needs_breaks(ward: &Ward<'_>) {
    let b = ward.b;
    let stack = ward.pair.stack(b);
    let secret = &ward.pair.destination["SecretArn"];
    b.aws(&["secretsmanager", "delete-secret", "--secret-id", secret]);
    let function = b.resource(&stack, "PruneFunction");
    let code = |task: &str| {
        let zip = format!("fileb://{}", root().join(format!("target/lambda/{task}.zip")).display());
        b.aws(&["lambda", "update-function-code", "--function-name", &function, "--zip-file", &zip]);
        wait_until_active(b, &function);
    };
    code("share");
    let role = ["--role-name", &b.resource(&stack, "CopyRole"), "--policy-name", "doctor"];
    let deny = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Action": "kms:CreateGrant", "Resource": "*"}]});
    b.aws(&[&["iam", "put-role-policy"], &role[..], &["--policy-document", &deny.to_string()]].concat());

    let said = ward.examine("both");
    let restore = format!("aws secretsmanager restore-secret --secret-id {secret}");
    let restoring = said.has("error", "secret", "destination", &restore);
    said.has("error", "versions", "both", "scripts/deploy source --stack-name doctor-source");
    said.has("error", "rights", "both", "service control policy");
    said.has_only(&[("secret", "destination"), ("versions", "both"), ("rights", "both")]);
    carry_out(b, &restoring);
    code("prune");
    b.aws(&[&["iam", "delete-role-policy"], &role[..]].concat());
    ward.pair.put_secret("no object");
    ward.examine("destination").has("error", "secret", "destination", "make it a JSON object");
    ward.pair.put_secret(r#"{"db_host":"","db_prefix":""}"#);
}

/// Waits until a function that was updated is as it was told.
fn wait_until_active(account: &Account, function: &str) {
    wait_for("the function is active", LIMIT, || {
        let found = account.aws(&["lambda", "get-function-configuration", "--function-name", function]);
        (found["State"] == "Active").then_some(())
    });
}

/// What counts is what the functions read, not what the stack was once given.
///
/// > The doctor judges what the functions read, as a plan does, and not the parameters of the stack.
fn the_functions_read_something_else(ward: &Ward<'_>) {
    let b = ward.b;
    let function = b.resource(&ward.pair.stack(b), "CopyFunction");
    let named = ["--function-name", &function];
    let found = b.aws(&[&["lambda", "get-function-configuration"], &named[..]].concat());
    let given = &found["Environment"]["Variables"];
    let update = |variables: &Value| {
        let environment = json!({"Variables": variables}).to_string();
        let words = [&["lambda", "update-function-configuration"], &named[..]].concat();
        b.aws(&[&words[..], &["--environment", &environment]].concat());
        wait_until_active(b, &function);
    };
    let with = |name: &str, value: &str| {
        let mut variables = given.clone();
        variables[name] = json!(value);
        variables
    };
    update(&with("DB_INSTANCE_CLASS", "db.none"));
    let said = ward.examine("both");
    said.has("error", "settings", "destination", "--parameter DBInstanceClass=");
    said.has_only(&[("settings", "destination")]);
    update(&with("MAX_VERSIONS_AHEAD", "many"));
    let said = ward.examine("both");
    said.has(
        "error",
        "settings",
        "destination",
        "update the stack with the right parameter: scripts/deploy destination",
    );
    said.has_only(&[("settings", "destination")]);
    update(given);
}

fn what_tells_operators_breaks(ward: &Ward<'_>) {
    let b = ward.b;
    let mute = b.resource(&ward.pair.stack(b), "StaleCopyAlarm");
    b.aws(&["cloudwatch", "disable-alarm-actions", "--alarm-names", &mute]);
    let topic = &ward.pair.destination["AlertTopicArn"];
    let listeners = b.aws(&["sns", "list-subscriptions-by-topic", "--topic-arn", topic]);
    let listener = listeners["Subscriptions"][0].clone();
    b.aws(&["sns", "unsubscribe", "--subscription-arn", &text(&listener["SubscriptionArn"])]);
    let said = ward.examine("both");
    said.has("warning", "listeners", "destination", "--parameter 'AlertEmail=<your address>'");
    let enable = format!("aws cloudwatch enable-alarm-actions --alarm-names {mute}");
    let enabling = said.has("warning", "alarms", "destination", &enable);
    said.has_only(&[("alarms", "destination"), ("listeners", "destination")]);
    carry_out(b, &enabling);
    let queue = text(&listener["Endpoint"]);
    let subscribe = ["sns", "subscribe", "--topic-arn", topic, "--protocol", "sqs"];
    b.aws(&[&subscribe[..], &["--notification-endpoint", &queue]].concat());
}

/// Parameters of each stack that do not match the other account, or each other.
fn the_stacks_do_not_match(ward: &Ward<'_>) {
    let (a, b) = (ward.a, ward.b);
    let stack = ward.pair.stack(b);
    let (_, _, foreign) = vpc(b, "10.78.0.0/16", ["10.78.1.0/24", "10.78.2.0/24"]);
    let own = parameters(b, &stack);
    let wrong =
        [("SGID", foreign.as_str()), ("LambdaSecurityGroupIds", &foreign), ("SourceDBIdentifier", "another")];
    b.deploy(&stack, &wrong);
    a.deploy(&ward.pair.stack(a), &[("DestinationAccountNumber", "333333333333")]);
    let said = ward.examine("both");
    let given = |parameter: &str| format!("--stack-name {stack} --region {REGION} --parameter {parameter}=");
    said.has("error", "network", "destination", &given("SGID"));
    said.has("error", "functionNetwork", "destination", &given("LambdaSecurityGroupIds"));
    let naming = said.has("error", "pairing", "both", &given("SourceDBIdentifier"));
    said.has("error", "pairing", "both", &format!("DestinationAccountNumber={}", b.number()));
    let back = [("SGID", own["SGID"].as_str()), ("LambdaSecurityGroupIds", &own["LambdaSecurityGroupIds"])];
    carry_out(b, &naming);
    b.deploy(&stack, &back);
    a.deploy(&ward.pair.stack(a), &[("DestinationAccountNumber", &b.number())]);
}

/// A run fails because its database is stopped; the next one succeeds, and leaves something that was made by hand.
fn a_run_fails(ward: &Ward<'_>) {
    let a = ward.a;
    let database = ward.pair.database();
    a.aws(&["rds", "stop-db-instance", "--db-instance-identifier", &database]);
    wait_for("the database is stopped", LIMIT, || {
        (a.instance(&database)["DBInstanceStatus"] == "stopped").then_some(())
    });
    let execution = a.ended(&a.start(&ward.pair.source["StateMachineArn"], &json!({})));
    assert_eq!(execution["error"], "InstanceNotReady");
    let said = ward.examine("both");
    let start = format!("aws rds start-db-instance --db-instance-identifier {database}");
    let starting = said.has("error", "database", "source", &start);
    said.has("error", "lastRun", "source", "bring it back to available");
    said.has_only(&[("database", "source"), ("lastRun", "source")]);
    carry_out(a, &starting);
    a.available_database(&database);
    ward.pair.replicate();
    let left = a.snapshots(&ward.pair.snapshots()).into_iter().next().unwrap();
    let arn = text(&a.available_snapshot(&left)["DBSnapshotArn"]);
    let failed = json!({"arn": arn, "status": "failed"});
    ask(a.variable("AWS_ENDPOINT_URL_RDS"), "POST", "/_emulator/resources/status", &failed);
    let said = ward.examine("source");
    let delete = format!("aws rds delete-db-snapshot --db-snapshot-identifier {left}");
    let deleting = said.has("warning", "leftovers", "source", &delete);
    said.has_only(&[("leftovers", "source")]);
    carry_out(a, &deleting);
}

/// A message that nobody could handle, and the alarm about it, which ends some minutes after that is gone.
fn a_message_is_left(ward: &Ward<'_>) {
    let queue = &ward.pair.destination["DeadLetterQueueUrl"];
    ward.b.aws(&["sqs", "send-message", "--queue-url", queue, "--message-body", "{}"]);
    let purge = format!("aws sqs purge-queue --queue-url {queue}");
    let said = wait_for("the alarm", LIMIT, || {
        let said = ward.examine("destination");
        said.wrong().iter().any(|one| one["check"] == "alarms").then_some(said)
    });
    said.has("warning", "alarms", "destination", "see its description in CloudWatch");
    let emptying = said.has("warning", "deadLetters", "destination", &purge);
    said.has_only(&[("alarms", "destination"), ("deadLetters", "destination")]);
    carry_out(ward.b, &emptying);
    ward.examine("destination").has_only(&[("alarms", "destination")]);
}

/// What no command brings back, and what somebody meets who has not begun.
fn nothing_can_be_mended(ward: &Ward<'_>) {
    let a = ward.a;
    a.aws(&[
        "lambda",
        "delete-function",
        "--function-name",
        &a.resource(&ward.pair.stack(a), "ShareFunction"),
    ]);
    let said = ward.examine("source");
    said.has("error", "functions", "source", "remove the stack without its data");
    said.has("warning", "settings", "source", "see what is said of functions");
    said.has_only(&[("functions", "source"), ("settings", "source")]);

    let said = examine(ward.cloud.directory(), "both", &[]);
    said.has("error", "stack", "source", "scripts/deploy source --region");
    said.has("error", "stack", "destination", "scripts/deploy destination --region");
    said.has_only(&[("stack", "source"), ("stack", "destination")]);

    let stranger = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = unknown\n";
    let nobody = ward.cloud.with_credentials("doctor", stranger, stranger);
    let said = examine(&nobody, "both", &[]);
    said.has("error", "account", "source", "aws sts get-caller-identity");
    said.has("error", "account", "destination", "--destination-profile");
    said.has_only(&[("account", "source"), ("account", "destination")]);
}
