//! The destination is in another Region than the source.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use harness::account::{Account, Database, LIMIT, text};
use harness::cloud::{Cloud, ask};
use harness::pair::{Pair, Replication, contents, fill, password};
use harness::waiting::wait_for;

/// The Region of the destination; that of the source is the cloud's.
const FAR: &str = "eu-west-1";

/// The source in one account and Region, the destination in another account and Region: one step from the shared snapshot to a
/// copy under the destination's key. A second destination, in the source's Region, listens to the same topic. Then RDS refuses
/// that step, as it did once, and the source account copies into the other Region by itself.
///
/// > A source and a destination in different Regions replicate as two in one Region do, under the destination Region's own key.
/// > The second copy into another Region moves only what has changed.
/// > A destination in the source's Region and one in another replicate from the same topic.
/// > A right that the destination lacks in the source's Region ends the run with the ARN that it is about.
/// > Settings are judged by what the destination's Region has, not the source's.
/// > Where RDS refuses one step, the error names the switch, and with it the source account copies into the other Region.
pub fn rows_arrive_in_another_region(cloud: &Cloud) {
    let b = cloud.destination.in_region(FAR);
    let pair = Pair::deploy_to(cloud, &b, "regions", &[("DestinationRegion", FAR)], &FOR_DESTINATION);
    let near = deploy_near(cloud, &pair);
    let (source, password) = make_source(cloud, &pair, &[]);
    let story = Story { cloud, pair: &pair, b: &b, source: &source, password: &password };
    story.is_told();
    story.near_has_all(&near);
    let moved = ask(cloud.source.variable("AWS_ENDPOINT_URL_RDS"), "GET", "/_emulator/moved", &Value::Null);
    let regions = [cloud.source.variable("AWS_REGION"), FAR];
    let crossed = moved.as_array().unwrap().iter().find(|one| [&one["from"], &one["to"]] == regions);
    println!("bytes from {} to {FAR}: {}", regions[0], crossed.unwrap()["bytes"]);
    story.names_what_is_missing();
    story.is_judged_by_its_own_region();

    switch(cloud, false);
    source_copies(cloud, &b);
    switch(cloud, true);
}

/// Two databases go through a fleet into another Region, each with a secret of its own there. The source account makes the
/// copies, whatever RDS does with one step at the moment.
///
/// > A fleet replicates into another Region as into its own.
/// > A destination whose messages SNS would drop, in a Region to opt in to, is refused with the name that SNS has there.
pub fn a_fleet_arrives_in_another_region(cloud: &Cloud) {
    let (a, b) = (&cloud.source, cloud.destination.in_region(FAR));
    let account = b.number();
    let key = make_key(&a.in_region(FAR), &account);
    let of_source = [
        ("SourceDBSnapshotName", "abroad-snapshot"),
        ("DestinationAccountNumber", account.as_str()),
        ("DestinationRegion", FAR),
        ("CrossRegionCopy", "source-copies"),
        ("DestinationRegionKMSKey", key.as_str()),
        ("Fleet", "true"),
        ("FleetNamePattern", "abroad-*"),
    ];
    a.deploy("abroad-source", &of_source);
    let outputs = a.outputs("abroad-source");
    let of_destination = [
        ("SourceTopicArn", outputs["TopicArn"].as_str()),
        ("SourceDBIdentifier", "abroad-*"),
        ("DatabaseName", "abroad-copy"),
        ("SecretName", "abroad/read"),
    ];
    // SNS would drop every message for this Region without a word under the name of SNS that is the default.
    let opted_in = cloud.destination.in_region("me-south-1").try_deploy("abroad-opted-in", &of_destination);
    let said = String::from_utf8_lossy(&opted_in.stderr).into_owned();
    assert!(
        !opted_in.status.success() && said.contains("SnsPrincipal=sns.me-south-1.amazonaws.com"),
        "{said}"
    );
    b.deploy("abroad-destination", &of_destination);
    let password = password();
    let names = ["abroad-one", "abroad-two"];
    // Under the default key of the source's Region, which no other account may use.
    let sources = names.map(|name| a.create_database(name, &password, &["--storage-encrypted"]));
    for (rows, source) in (10..).zip(&sources) {
        fill(a, source, &password, rows);
    }

    let execution = a.ended(&a.start(&outputs["FleetStateMachineArn"], &json!({})));
    assert_eq!(execution["status"], "SUCCEEDED", "{execution}");
    let machine = &b.outputs("abroad-destination")["StateMachineArn"];
    let arrived = wait_for("both databases arrive", LIMIT, || {
        let found = b.executions(machine);
        (found.len() == names.len()).then_some(found)
    });
    for execution in arrived {
        let ended = b.ended(&text(&execution["executionArn"]));
        assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    }
    for (name, source) in names.iter().zip(&sources) {
        let copy = named_by(&b, &format!("abroad/read/{name}"));
        assert_eq!(contents(&b, &copy, &password), contents(a, source, &password));
        assert!(text(&b.instance(&format!("abroad-copy-{name}-1"))["DBInstanceArn"]).contains(FAR));
    }
}

/// The database that a secret names.
fn named_by(account: &Account, secret: &str) -> Database {
    let answer = account.aws(&["secretsmanager", "get-secret-value", "--secret-id", secret]);
    let secret: Value = serde_json::from_str(&text(&answer["SecretString"])).unwrap();
    account.available_database(text(&secret["db_host"]).split('.').next().unwrap())
}

/// The second run then prunes what the first has made.
const FOR_DESTINATION: [(&str, &str); 2] = [("NoOfOlderInstances", "1"), ("SnapshotsToKeep", "2")];

/// Whether RDS copies a shared snapshot that is encrypted into another Region in one step.
fn switch(cloud: &Cloud, is_one_step: bool) {
    let order = json!({"sharedCrossesRegions": is_one_step});
    ask(cloud.source.variable("AWS_ENDPOINT_URL_RDS"), "PUT", "/_emulator/switches", &order);
}

/// One step is refused; with the switch that the error names the source account copies into the other Region. Its database is
/// under the key of the stack, which the copy reads from the other Region too.
fn source_copies(cloud: &Cloud, b: &Account) {
    let (a, far) = (&cloud.source, cloud.source.in_region(FAR));
    let pair = Pair::deploy_to(cloud, b, "crossing", &[("DestinationRegion", FAR)], &FOR_DESTINATION);
    let encrypted = ["--storage-encrypted", "--kms-key-id", &pair.source["KMSKeyArn"]];
    let (source, password) = make_source(cloud, &pair, &encrypted);

    let refused = pair.try_replicate();
    let execution =
        b.execution(refused.destination.as_ref().unwrap_or_else(|| panic!("{}", refused.printed)));
    assert_eq!(execution["error"], "Rejected", "{execution}");
    let cause = text(&execution["cause"]);
    for words in ["only if it is not encrypted", "CrossRegionCopy=source-copies", "DestinationRegionKMSKey"] {
        assert!(cause.contains(words), "{words} in {cause}");
    }
    assert_eq!(b.snapshots(&pair.copies()), [""; 0]);

    let account = b.number();
    let key = make_key(&far, &account);
    let database = pair.database();
    let changed = [
        ("SourceDBIdentifier", database.as_str()),
        ("SourceDBSnapshotName", "crossing-snapshot"),
        ("DestinationAccountNumber", account.as_str()),
        ("DestinationRegion", FAR),
        ("CrossRegionCopy", "source-copies"),
    ];
    let without_key = a.try_deploy("crossing-source", &changed);
    let said = String::from_utf8_lossy(&without_key.stderr).into_owned();
    assert!(!without_key.status.success() && said.contains("DestinationRegionKMSKey"), "{said}");
    a.deploy("crossing-source", &[&changed[..], &[("DestinationRegionKMSKey", key.as_str())]].concat());

    let story = Story { cloud, pair: &pair, b, source: &source, password: &password };
    story.is_told();
    // What is shared is in the other Region, under its key, and the source's stack has counted and pruned it there.
    let copies = far.snapshots(&pair.snapshots());
    assert_eq!(copies.len(), 2, "the oldest of three is pruned: {copies:?}");
    for copy in &copies {
        assert!(copy.ends_with("-copy-in"), "{copies:?}");
        assert_eq!(text(&far.available_snapshot(copy)["KmsKeyId"]), key);
    }
    let counted = pair.status()["sourceSnapshots"].to_string();
    assert!(copies.iter().all(|copy| counted.contains(copy.as_str())), "{counted}");
}

/// A destination in the source's Region that listens to the topic of a pair; its outputs.
fn deploy_near(cloud: &Cloud, pair: &Pair<'_>) -> BTreeMap<String, String> {
    let near = [
        ("SourceTopicArn", pair.source["TopicArn"].as_str()),
        ("SourceDBIdentifier", "regions-db"),
        ("DatabaseName", "regions-near"),
        ("SecretName", "regions/near"),
    ];
    cloud.destination.deploy("regions-near", &near);
    cloud.destination.outputs("regions-near")
}

/// The source database with its rows, and its password.
fn make_source(cloud: &Cloud, pair: &Pair<'_>, options: &[&str]) -> (Database, String) {
    let password = password();
    let source = cloud.source.create_database(&pair.database(), &password, options);
    fill(&cloud.source, &source, &password, 1000);
    (source, password)
}

/// A key of the source account in the other Region, with the policy of docs/regions.md.
pub(super) fn make_key(far: &Account, destination: &str) -> String {
    let root = |account: &str| json!({"AWS": format!("arn:aws:iam::{account}:root")});
    let uses =
        ["kms:DescribeKey", "kms:Decrypt", "kms:GenerateDataKey*", "kms:ReEncryptFrom", "kms:CreateGrant"];
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": root(&far.number()), "Action": "kms:*", "Resource": "*"},
        {"Effect": "Allow", "Principal": root(destination), "Action": uses, "Resource": "*"}]});
    text(&far.aws(&["kms", "create-key", "--policy", &policy.to_string()])["KeyMetadata"]["Arn"])
}

/// A pair whose destination is in another Region.
struct Story<'a> {
    cloud: &'a Cloud,
    pair: &'a Pair<'a>,
    b: &'a Account,
    source: &'a Database,
    password: &'a str,
}

impl Story<'_> {
    /// Three runs and a rollback, the same whoever makes the copy in the other Region.
    fn is_told(&self) {
        let &Self { cloud, pair, b, source, password } = self;
        let a = &cloud.source;
        let first = pair.replicate();
        let before = contents(a, source, password);
        assert!(before.starts_with("1000|"), "{before}");
        assert_eq!(contents(b, &pair.current_copy(), password), before);
        let copy = pair.copy(1);
        assert_eq!(copy["KmsKeyId"], pair.destination["KMSKeyArn"].as_str());
        assert!(text(&copy["KmsKeyId"]).starts_with("arn:aws:kms:eu-west-1:"), "{copy}");
        assert!(text(&copy["DBInstanceArn"]).starts_with("arn:aws:rds:eu-west-1:"), "{copy}");
        assert_eq!(copied(cloud, &pair.destination_document(&first)), "full");
        self.is_shared_long_ago(&first);

        a.psql(source, password, "UPDATE items SET price = 0 WHERE id % 100 = 0");
        let second = pair.replicate();
        assert_eq!(contents(b, &pair.current_copy(), password), contents(a, source, password));
        assert_eq!(copied(cloud, &pair.destination_document(&second)), "incremental");

        let back = pair.roll_back(&json!({"version": 1}));
        assert_eq!(back["secret"]["outcome"], "moved");
        assert_eq!(contents(b, &pair.current_copy(), password), before);
        assert_eq!(pair.status()["live"]["version"], 1);
        pair.roll_back(&json!({"version": 2}));

        let third = pair.replicate();
        let pruned = &self.pair.source_document(&third)["prune"]["deleted"];
        assert!(pruned.to_string().contains(&shared_name(&pair.source_document(&first))), "{pruned}");
        let third = pair.destination_document(&third);
        assert_eq!(third["prune"]["deleted"][0], format!("{}1", pair.copies()), "{}", third["prune"]);
        pair.wait_for_versions(&[2, 3]);
    }

    /// Dates back when the snapshot of a run was shared, because shared ones stay for hours.
    fn is_shared_long_ago(&self, run: &Replication) {
        let shared = &self.pair.source_document(run)["targetDBSnapshot"]["targetDBSnapshotArn"];
        let order = json!({"arn": shared, "tags": {"rds-replication:shared-at": "2026-01-01T00:00:00Z"}});
        let url = self.cloud.source.variable("AWS_ENDPOINT_URL_RDS");
        ask(url, "POST", "/_emulator/resources/tags", &order);
    }

    /// The destination in the source's Region has had all three messages too, and has the rows.
    fn near_has_all(&self, near: &BTreeMap<String, String>) {
        let b = &self.cloud.destination;
        let executions = b.executions(&near["StateMachineArn"]);
        assert_eq!(executions.len(), 3, "the same topic serves both Regions: {executions:?}");
        for execution in executions {
            let ended = b.ended(&text(&execution["executionArn"]));
            assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
        }
        let copy = named_by(b, &near["SecretArn"]);
        let rows = contents(&self.cloud.source, self.source, self.password);
        assert_eq!(contents(b, &copy, self.password), rows);
    }

    /// What is taken away from the destination in the source's Region, one after the other.
    fn names_what_is_missing(&self) {
        let role = self.b.resource("regions-destination", "CopyRole");
        let role = role.rsplit('/').next().unwrap().to_owned();
        for (action, resource, error) in [
            ("rds:CopyDBSnapshot", "arn:aws:rds:us-east-1:*:snapshot:*", "AccessDenied"),
            ("kms:*", "arn:aws:kms:us-east-1:*:key/*", "KeyNotAccessible"),
        ] {
            let policy = json!({"Version": "2012-10-17", "Statement":
                [{"Effect": "Deny", "Action": action, "Resource": resource}]})
            .to_string();
            let named = ["--role-name", &role, "--policy-name", "taken-away"];
            let document = ["--policy-document", policy.as_str()];
            self.b.aws(&[&["iam", "put-role-policy"], &named[..], &document].concat());
            let run = self.pair.try_replicate();
            self.b.aws(&[&["iam", "delete-role-policy"], &named[..]].concat());
            let execution =
                self.b.execution(run.destination.as_ref().unwrap_or_else(|| panic!("{}", run.printed)));
            assert_eq!(execution["error"], error, "{execution}");
            let sent = &self.pair.source_document(&run)["targetDBSnapshot"]["targetDBSnapshotArn"];
            let arn =
                if error == "AccessDenied" { text(sent) } else { self.pair.source["KMSKeyArn"].clone() };
            assert!(text(&execution["cause"]).contains(&arn), "{arn} in {execution}");
        }
    }

    /// A parameter group that the destination account has in the source's Region only.
    fn is_judged_by_its_own_region(&self) {
        let family = format!("postgres{}", self.cloud.postgres_major_version());
        let name = "regions-parameters";
        let group = ["--db-parameter-group-name", name, "--db-parameter-group-family", &family];
        let make = ["rds", "create-db-parameter-group", "--description", "elsewhere"];
        self.cloud.destination.aws(&[&make[..], &group].concat());
        let topic = self.pair.source["TopicArn"].as_str();
        let chosen = [
            ("SourceTopicArn", topic),
            ("SourceDBIdentifier", "regions-db"),
            ("DatabaseName", "regions-copy"),
            ("SecretName", "regions/db/read"),
            ("DBParameterGroupName", name),
        ];
        self.b.deploy("regions-destination", &chosen);
        let run = self.pair.try_replicate();
        let execution =
            self.b.execution(run.destination.as_ref().unwrap_or_else(|| panic!("{}", run.printed)));
        assert_eq!(execution["error"], "InvalidConfiguration", "{execution}");
        assert!(
            text(&execution["cause"]).contains("there is no DB parameter group regions-parameters"),
            "{execution}"
        );
    }
}

/// The name of the snapshot that a run has shared.
fn shared_name(document: &Value) -> String {
    text(&document["targetDBSnapshot"]["targetDBSnapshotIdentifier"])
}

/// How the copy of a run was made, as measured, which is how it was expected to be.
fn copied(cloud: &Cloud, document: &Value) -> String {
    let arn = &document["DBSnapshot"]["TargetDBSnapshotArn"];
    let measured = cloud.measured_snapshots();
    let found = measured.as_array().unwrap().iter().find(|one| one["arn"] == *arn);
    let kind = text(&found.unwrap_or_else(|| panic!("{arn} is not in {measured}"))["copyKind"]);
    assert_eq!(document["DBSnapshot"]["copy"]["expected"], kind.as_str());
    kind
}
