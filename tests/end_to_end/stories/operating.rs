//! What an operator does who has the rights of docs/security.md, and no others.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use harness::account::{Account, text};
use harness::cloud::{Cloud, ask, root, script};
use harness::network::{network, vpc};
use harness::pair::{Pair, password};

use super::audit;

/// The role of the operator, in either account.
const ROLE: &str = "operating-operator";
/// What Secrets Manager calls for itself, so that no log has it.
const OF_SECRETS_MANAGER: &str = "kms:Decrypt";

/// A pair of stacks with everything that the commands read about, and somebody with the two policies of the documentation.
///
/// > The two policies in docs are enough for doctor, status, plan, replicate and rollback.
/// > Every action of these policies is one that these commands use.
pub fn an_operator_needs_these_rights_and_no_others(cloud: &Cloud) {
    let (a, b) = (&cloud.source, &cloud.destination);
    let pair = deploy(cloud);
    let options = ["--option-group-name", "operating-options"];
    a.create_database(&pair.database(), &password(), &options);
    let [source, destination] = [a, b].map(|account| operator(account, &pair));
    let directory = cloud.with_credentials("operating", &source.profile(), &destination.profile());

    let run = |command: &str, options: &[&str]| said(command, &directory, options);
    let (of_source, of_destination) = (pair.stack(a), pair.stack(b));
    let stacks = ["--source-stack", &of_source, "--destination-stack", &of_destination];
    let replicate = [&stacks[..], &["--timeout", "180", "--arrival", "60"]].concat();
    run("replicate", &replicate);
    run("replicate", &replicate);
    run("doctor", &[&["both"], &stacks[..]].concat());
    // RDS may leave tags out of a description for a while, and is asked for them then.
    let order = json!({"action": "DescribeDBInstances", "effect": "hideTags", "principal": ROLE, "account": b.number(),
                       "times": 1_000});
    let order = ask(b.variable("AWS_ENDPOINT_URL_RDS"), "POST", "/_emulator/faults", &order);
    run("plan", &stacks);
    let path = format!("/_emulator/faults/{}", order["id"]);
    ask(b.variable("AWS_ENDPOINT_URL_RDS"), "DELETE", &path, &Value::Null);
    run("status", &stacks[2..]);
    run("rollback", &stacks[2..]);

    let mut granted = BTreeSet::new();
    for role in ["source", "destination"] {
        let calls = audit::calls(cloud, if role == "source" { a } else { b }, ROLE);
        let succeeded = calls.into_iter().filter(|(_, outcome)| outcome == "Success");
        let used: BTreeSet<String> = succeeded.map(|(action, _)| action).collect();
        let all = audit::actions(&policy(role));
        let unused: Vec<&String> =
            all.iter().filter(|action| !used.contains(*action) && *action != OF_SECRETS_MANAGER).collect();
        assert!(
            unused.is_empty(),
            "the policy for the {role} account allows what no command does: {unused:?}"
        );
        granted.extend(all);
    }
    assert!(granted.contains(OF_SECRETS_MANAGER));

    let mut fewer = policy("destination");
    let statements = fewer["Statement"].as_array_mut().unwrap();
    statements.retain(|one| one["Action"] != OF_SECRETS_MANAGER);
    allow(b, &pair, &fewer);
    let (printed, _) = printed("doctor", &directory, &[&["destination"], &stacks[..]].concat());
    let printed = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(printed.contains("allow secretsmanager:GetSecretValue"), "{printed}");
}

/// The pair; its functions are in VPCs, its secret is under a key of its own, and it names groups of each kind.
fn deploy(cloud: &Cloud) -> Pair<'_> {
    let (a, b) = (&cloud.source, &cloud.destination);
    let version = cloud.postgres_major_version();
    for account in [a, b] {
        let create = ["rds", "create-option-group", "--engine-name", "postgres", "--option-group-name"];
        let about = ["operating-options", "--major-engine-version", &version];
        account.aws(&[&create[..], &about, &["--option-group-description", "of a story"]].concat());
    }
    let family = format!("postgres{version}");
    let create = ["rds", "create-db-parameter-group", "--db-parameter-group-family", &family];
    let about = ["--db-parameter-group-name", "operating-parameters", "--description", "of a story"];
    b.aws(&[&create[..], &about].concat());
    let key = text(&b.aws(&["kms", "create-key"])["KeyMetadata"]["Arn"]);
    let group = network(b, "operating");
    let functions = |account: &Account| {
        let (_, subnets, group) = vpc(account, "10.79.0.0/16", ["10.79.1.0/24", "10.79.2.0/24"]);
        (subnets.join(","), group)
    };
    let ((subnets, groups), (subnets_there, groups_there)) = (functions(a), functions(b));
    let for_source = [
        ("LambdaSubnetIds", subnets.as_str()),
        ("LambdaSecurityGroupIds", &groups),
        ("Fleet", "true"),
        ("FleetNamePattern", "operating-*"),
    ];
    let for_destination = [
        ("LambdaSubnetIds", subnets_there.as_str()),
        ("LambdaSecurityGroupIds", &groups_there),
        ("Subnetgroups", "operating-subnets"),
        ("SGID", &group),
        ("SecretKMSKey", &key),
        ("DBInstanceClass", "db.m6i.large"),
        ("DBParameterGroupName", "operating-parameters"),
        ("OptionGroupName", "operating-options"),
    ];
    Pair::deploy(cloud, "operating", &for_source, &for_destination)
}

/// The policy for an account in the documentation.
fn policy(role: &str) -> Value {
    let path = root().join(format!("docs/operator-policy-{role}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The account with the rights of the operator.
fn operator(account: &Account, pair: &Pair<'_>) -> Account {
    let root = format!("arn:aws:iam::{}:root", account.number());
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": root}, "Action": "sts:AssumeRole"}]});
    let create = ["iam", "create-role", "--role-name", ROLE, "--assume-role-policy-document"];
    account.aws(&[&create[..], &[&trust.to_string()]].concat());
    allow(account, pair, &policy(account.role()));
    account.with_role(ROLE)
}

/// Gives the operator this policy and no other, with the values of the pair in the places that are named for them.
fn allow(account: &Account, pair: &Pair<'_>, policy: &Value) {
    let (of_stack, other) = match account.role() {
        "source" => (&pair.source, ("FLEET_MACHINE", "FleetStateMachineArn")),
        _ => (&pair.destination, ("ROLLBACK_MACHINE", "RollbackStateMachineArn")),
    };
    let machine = |output: &str| of_stack[output].rsplit(':').next().unwrap().to_owned();
    let values = [
        ("PARTITION", "aws".to_owned()),
        ("ACCOUNT", account.number()),
        ("REGION", account.variable("AWS_REGION").to_owned()),
        ("SECRET_NAME", "operating/db/read".to_owned()),
        (&*format!("rds-replication-{}", account.role()), pair.stack(account)),
        ("REPLICATION_MACHINE", machine("StateMachineArn")),
        (other.0, machine(other.1)),
    ];
    let mut document = policy.to_string();
    for (name, value) in values {
        document = document.replace(name, &value);
    }
    let named = ["--role-name", ROLE, "--policy-name", "operator", "--policy-document", &document];
    account.aws(&[&["iam", "put-role-policy"], &named[..]].concat());
}

/// What a command of the operator prints, and whether it exits with 0.
fn printed(command: &str, directory: &Path, options: &[&str]) -> (String, bool) {
    let mut run = script(command);
    run.args(options).arg(format!("--local={}", directory.display()));
    let output = run.output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    (printed, output.status.success())
}

/// Runs a command of the operator, who is refused nothing.
fn said(command: &str, directory: &Path, options: &[&str]) {
    let (printed, is_good) = printed(command, directory, options);
    assert!(is_good, "{command} failed: {printed}");
    for word in ["AccessDenied", "not authorized", "not checked", "Unauthorized"] {
        assert!(!printed.contains(word), "{command} is refused something: {printed}");
    }
}
