//! What the doctor says of a pair of stacks that is as it should be, and of each thing that somebody breaks in it.

use serde_json::{Value, json};

use harness::account::{Account, LIMIT, text};
use harness::cloud::{Cloud, root, script};
use harness::pair::{Pair, password};
use harness::waiting::wait_for;

/// A pair that is examined.
struct Ward<'a> {
    cloud: &'a Cloud,
    pair: Pair<'a>,
}

/// What the doctor has said: its exit code, and its findings but for those about what other stories have left.
struct Said {
    code: i32,
    findings: Vec<Value>,
}

impl Said {
    fn wrong(&self) -> Vec<&Value> {
        self.findings.iter().filter(|one| one["severity"] != "ok").collect()
    }

    /// Holds what was said against what is expected: the severity of a check at a place, with words of its remedy.
    fn has(&self, severity: &str, check: &str, place: &str, remedy: &str) {
        let is_it = |one: &&Value| {
            one["severity"] == severity
                && one["check"] == check
                && one["place"] == place
                && one["remedy"].as_str().is_some_and(|text| text.contains(remedy))
        };
        assert!(self.findings.iter().any(|one| is_it(&one)), "{check}: {remedy}: {:#?}", self.wrong());
        assert_eq!(self.code, i32::from(severity == "error"), "{:#?}", self.wrong());
    }

    fn is_all_ok(&self) {
        assert!(self.code == 0 && self.wrong().is_empty(), "{:#?}", self.wrong());
    }
}

impl Ward<'_> {
    fn examine(&self, whom: &str) -> Said {
        let mut command = script("doctor");
        command.arg(whom).arg("--json").arg(format!("--local={}", self.cloud.directory().display()));
        command.args(["--source-stack", &self.pair.stack(&self.cloud.source)]);
        command.args(["--destination-stack", &self.pair.stack(&self.cloud.destination)]);
        let output = command.output().unwrap();
        let document: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        let errors = document["findings"].as_array().unwrap().iter().filter(|one| one["severity"] == "error");
        assert_eq!(document["errors"], errors.count());
        let findings = document["findings"].as_array().unwrap().iter();
        let findings = findings.filter(|one| one["check"] != "leftovers").cloned().collect();
        Said { code: output.status.code().unwrap(), findings }
    }

    fn becomes_ok(&self) {
        wait_for("all is ok", LIMIT, || {
            let said = self.examine("both");
            (said.code == 0 && said.wrong().is_empty()).then_some(())
        });
    }
}

/// Somebody breaks one thing after the other, reads what to do about it, and does it.
///
/// > Of a fresh pair of stacks the doctor says that all is ok, and it names what somebody breaks with the remedy.
pub fn the_doctor_names_what_is_broken_and_its_remedy(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let group = network(b, "doctor");
    let on = [("ScheduleState", "ENABLED"), ("ScheduleExpression", "rate(300 days)")];
    let pair =
        Pair::deploy(cloud, "doctor", &on, &[("Subnetgroups", "doctor-subnets"), ("SGID", group.as_str())]);
    a.create_database(&pair.database(), &password(), &[]);
    a.subscribe_queue("doctor-alerts-source", &pair.source["AlertTopicArn"]);
    b.subscribe_queue("doctor-alerts-destination", &pair.destination["AlertTopicArn"]);
    let ward = Ward { cloud, pair };
    ward.examine("both").is_all_ok();
    the_source_breaks(&ward);
    what_starts_a_run_breaks(&ward);
    what_a_run_needs_breaks(&ward);
    // Functions that were updated take a moment, and so does the end of an alarm.
    ward.becomes_ok();
    a_run_fails(&ward);
    ward.becomes_ok();
    ward.examine("source").is_all_ok();
    ward.examine("destination").is_all_ok();
}

/// The id of a security group in the VPC of a new DB subnet group.
fn network(b: &Account, name: &str) -> String {
    let (_, subnets, group) = vpc(b, "10.77.0.0/16", ["10.77.1.0/24", "10.77.2.0/24"]);
    let subnets: Vec<&str> = subnets.iter().map(String::as_str).collect();
    let group_name = format!("{name}-subnets");
    let create = ["rds", "create-db-subnet-group", "--db-subnet-group-name", &group_name];
    let about = ["--db-subnet-group-description", "of a story", "--subnet-ids"];
    b.aws(&[&create[..], &about[..], &subnets[..]].concat());
    group
}

/// A new VPC with subnets in two zones, and a security group of it.
fn vpc(b: &Account, block: &str, parts: [&str; 2]) -> (String, Vec<String>, String) {
    let vpc = text(&b.aws(&["ec2", "create-vpc", "--cidr-block", block])["Vpc"]["VpcId"]);
    let zones = b.aws(&["ec2", "describe-availability-zones"]);
    let subnet = |(place, part): (usize, &str)| {
        let zone = text(&zones["AvailabilityZones"][place]["ZoneName"]);
        let words =
            ["ec2", "create-subnet", "--vpc-id", &vpc, "--cidr-block", part, "--availability-zone", &zone];
        text(&b.aws(&words)["Subnet"]["SubnetId"])
    };
    let subnets = parts.into_iter().enumerate().map(subnet).collect();
    let create = ["ec2", "create-security-group", "--group-name", "doctor", "--description", "of a story"];
    let group = text(&b.aws(&[&create[..], &["--vpc-id", &vpc]].concat())["GroupId"]);
    (vpc, subnets, group)
}

fn the_source_breaks(ward: &Ward<'_>) {
    let a = &ward.cloud.source;
    let outputs = &ward.pair.source;
    let (key, topic) = (&outputs["KMSKeyArn"], &outputs["TopicArn"]);
    a.aws(&["kms", "disable-key", "--key-id", key]);
    ward.examine("both").has("error", "key", "source", &format!("aws kms enable-key --key-id {key}"));
    a.aws(&["kms", "enable-key", "--key-id", key]);

    let whole = a.aws(&["kms", "get-key-policy", "--key-id", key, "--policy-name", "default"]);
    let whole = text(&whole["Policy"]);
    let mut policy: Value = serde_json::from_str(&whole).unwrap();
    let account = ward.cloud.destination.number();
    policy["Statement"]
        .as_array_mut()
        .unwrap()
        .retain(|one| !one["Principal"].to_string().contains(&account));
    let put = |policy: &str| {
        a.aws(&["kms", "put-key-policy", "--key-id", key, "--policy-name", "default", "--policy", policy])
    };
    put(&policy.to_string());
    let said = ward.examine("both");
    said.has("error", "keyPolicy", "source", "aws kms put-key-policy");
    said.has("error", "sharedKey", "both", "allow kms:DescribeKey");
    put(&whole);

    let attributes = a.aws(&["sns", "get-topic-attributes", "--topic-arn", topic]);
    let whole = text(&attributes["Attributes"]["Policy"]);
    let set = |policy: &str| {
        let words = ["--topic-arn", topic, "--attribute-name", "Policy", "--attribute-value", policy];
        a.aws(&[&["sns", "set-topic-attributes"], &words[..]].concat());
    };
    set(&json!({"Version": "2012-10-17", "Statement": []}).to_string());
    let remedy =
        format!("aws sns add-permission --topic-arn {topic} --label Destination --aws-account-id {account}");
    ward.examine("source").has("error", "topic", "source", &remedy);
    set(&whole);

    let rule = &outputs["ScheduleRuleName"];
    a.aws(&["events", "disable-rule", "--name", rule]);
    ward.examine("source").has("warning", "schedule", "source", "ScheduleState=ENABLED");
    a.aws(&["events", "enable-rule", "--name", rule]);
}

fn what_starts_a_run_breaks(ward: &Ward<'_>) {
    let b = &ward.cloud.destination;
    let (topic, outputs) = (&ward.pair.source["TopicArn"], &ward.pair.destination);
    b.aws(&["sns", "unsubscribe", "--subscription-arn", &outputs["SubscriptionArn"]]);
    let said = ward.examine("both");
    said.has("error", "subscription", "source", "SourceTopicArn");
    said.has("error", "subscription", "destination", "aws sns subscribe --region");
    let name = &outputs["LaunchFunctionName"];
    let found = b.aws(&["lambda", "get-function-configuration", "--function-name", name]);
    let function = text(&found["FunctionArn"]);
    let words = ["--protocol", "lambda", "--notification-endpoint", &function];
    b.aws(&[&["sns", "subscribe", "--topic-arn", topic], &words[..]].concat());

    let policy = b.aws(&["lambda", "get-policy", "--function-name", name]);
    let policy: Value = serde_json::from_str(&text(&policy["Policy"])).unwrap();
    let id = text(&policy["Statement"][0]["Sid"]);
    b.aws(&["lambda", "remove-permission", "--function-name", name, "--statement-id", &id]);
    let remedy = format!("aws lambda add-permission --function-name {name} --statement-id Topic");
    ward.examine("destination").has("error", "permission", "destination", &remedy);
    let who = ["--principal", "sns.amazonaws.com", "--source-arn", topic];
    let what = ["--statement-id", "Topic", "--action", "lambda:InvokeFunction"];
    b.aws(&[&["lambda", "add-permission", "--function-name", name], &what[..], &who[..]].concat());
}

fn what_a_run_needs_breaks(ward: &Ward<'_>) {
    let b = &ward.cloud.destination;
    let stack = ward.pair.stack(b);
    let secret = &ward.pair.destination["SecretArn"];
    b.aws(&["secretsmanager", "delete-secret", "--secret-id", secret]);
    let remedy = format!("aws secretsmanager restore-secret --secret-id {secret}");
    ward.examine("destination").has("error", "secret", "destination", &remedy);
    b.aws(&["secretsmanager", "restore-secret", "--secret-id", secret]);
    ward.pair.put_secret("no object");
    ward.examine("destination").has("error", "secret", "destination", "make it a JSON object");
    ward.pair.put_secret(r#"{"db_host":"","db_prefix":""}"#);

    let function = b.resource(&stack, "CopyFunction");
    let code = |task: &str| {
        let zip = format!("fileb://{}", root().join(format!("target/lambda/{task}.zip")).display());
        b.aws(&["lambda", "update-function-code", "--function-name", &function, "--zip-file", &zip]);
    };
    code("share");
    ward.examine("both").has("error", "versions", "both", "scripts/deploy source --stack-name doctor-source");
    code("copy");

    let role = ["--role-name", &b.resource(&stack, "CopyRole"), "--policy-name", "doctor"];
    let deny = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Action": "kms:CreateGrant", "Resource": "*"}]});
    b.aws(&[&["iam", "put-role-policy"], &role[..], &["--policy-document", &deny.to_string()]].concat());
    ward.examine("both").has("error", "rights", "both", "service control policy");
    b.aws(&[&["iam", "delete-role-policy"], &role[..]].concat());

    let (_, _, foreign) = vpc(b, "10.78.0.0/16", ["10.78.1.0/24", "10.78.2.0/24"]);
    let outputs = b.aws(&["cloudformation", "describe-stacks", "--stack-name", &stack]);
    let parameters = outputs["Stacks"][0]["Parameters"].as_array().unwrap();
    let own = parameters.iter().find(|one| one["ParameterKey"] == "SGID").unwrap();
    b.deploy(&stack, &[("SGID", &foreign), ("DBInstanceClass", "db.none")]);
    let said = ward.examine("both");
    said.has("error", "network", "destination", &format!("--stack-name {stack} --parameter SGID="));
    said.has("error", "settings", "destination", "--parameter DBInstanceClass=");
    b.deploy(&stack, &[("SGID", &text(&own["ParameterValue"])), ("DBInstanceClass", "")]);
}

/// A run fails because its database is stopped; the next one succeeds.
fn a_run_fails(ward: &Ward<'_>) {
    let a = &ward.cloud.source;
    let database = ward.pair.database();
    a.aws(&["rds", "stop-db-instance", "--db-instance-identifier", &database]);
    wait_for("the database is stopped", LIMIT, || {
        (a.instance(&database)["DBInstanceStatus"] == "stopped").then_some(())
    });
    let execution = a.ended(&a.start(&ward.pair.source["StateMachineArn"], &json!({})));
    assert_eq!(execution["error"], "InstanceNotReady");
    let said = ward.examine("both");
    said.has(
        "error",
        "database",
        "source",
        &format!("aws rds start-db-instance --db-instance-identifier {database}"),
    );
    said.has("error", "lastRun", "source", "bring it back to available");
    a.aws(&["rds", "start-db-instance", "--db-instance-identifier", &database]);
    a.available_database(&database);
    ward.pair.replicate();
}
