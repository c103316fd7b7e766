use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_sdk_rds::config::{BehaviorVersion, Region};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use replication::versions::Scope;

use super::*;
use crate::{Snapshot, snapshots_of_database};

/// An RDS that lists, in pages and by filter, and counts its calls.
#[derive(Debug, Clone, Default)]
struct Rds {
    instances: Vec<String>,
    /// By their names, the database of each.
    snapshots: Vec<(String, String)>,
    calls: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Rds {
    fn client(&self) -> Client {
        let rds = self.clone();
        let config = aws_sdk_rds::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::for_tests())
            .http_client(http_client_fn(move |_, _| SharedHttpConnector::new(rds.clone())));
        Client::from_conf(config.build())
    }

    /// How many calls were made since it was asked last, by operation.
    fn calls(&self) -> BTreeMap<String, usize> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    fn answer(&self, body: &[u8]) -> String {
        let fields: BTreeMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
        let action = &fields["Action"];
        *self.calls.lock().unwrap().entry(action.clone()).or_default() += 1;
        let wanted: Vec<&String> =
            fields.iter().filter(|(key, _)| key.contains(".Values.Value.")).map(|(_, value)| value).collect();
        let passes = |name: &String| wanted.is_empty() || wanted.contains(&name);
        let (list, found): (&str, Vec<String>) = match action.as_str() {
            "DescribeDBInstances" => {
                let found = self.instances.iter().filter(|name| passes(name));
                ("DBInstances", found.map(|name| instance(name)).collect())
            }
            "DescribeDBSnapshots" => {
                let found = self.snapshots.iter().filter(|(_, database)| passes(database));
                ("DBSnapshots", found.map(|(name, database)| snapshot(name, database)).collect())
            }
            "ListTagsForResource" => ("TagList", vec![]),
            other => panic!("{other}"),
        };
        let from: usize = fields.get("Marker").map_or(0, |marker| marker.parse().unwrap());
        let page = found[from..].iter().take(100).cloned().collect::<String>();
        let marker =
            if from + 100 < found.len() { format!("<Marker>{}</Marker>", from + 100) } else { String::new() };
        format!(
            "<{action}Response><{action}Result><{list}>{page}</{list}>{marker}</{action}Result></{action}Response>"
        )
    }
}

fn instance(name: &str) -> String {
    format!(
        "<DBInstance><DBInstanceIdentifier>{name}</DBInstanceIdentifier><DBInstanceStatus>available</DBInstanceStatus>\
         <DBInstanceArn>arn:aws:rds:eu-west-1:111122223333:db:{name}</DBInstanceArn>{}</DBInstance>",
        tags(name, "orders")
    )
}

fn snapshot(name: &str, database: &str) -> String {
    format!(
        "<DBSnapshot><DBSnapshotIdentifier>{name}</DBSnapshotIdentifier><Status>available</Status>\
         <DBInstanceIdentifier>{database}</DBInstanceIdentifier>\
         <DBSnapshotArn>arn:aws:rds:eu-west-1:111122223333:snapshot:{name}</DBSnapshotArn>{}</DBSnapshot>",
        tags(name, database)
    )
}

/// Ours has tags, and what is foreign has none and a number at its end.
fn tags(name: &str, database: &str) -> String {
    if !name.starts_with("copy-") {
        return String::new();
    }
    let id = name.strip_prefix("copy-").unwrap();
    let tags = [("stack", "stack"), ("name", name), ("source-db", database), ("version", "3"), ("id", id)];
    let tag = |(key, value): (&str, &str)| {
        format!("<Tag><Key>rds-replication:{key}</Key><Value>{value}</Value></Tag>")
    };
    format!("<TagList>{}</TagList>", tags.map(tag).concat())
}

impl HttpConnector for Rds {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.answer(request.body().bytes().unwrap());
        HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), SdkBody::from(answer))))
    }
}

/// The account of a database with so many others.
fn account(others: usize) -> Rds {
    let own = ["copy-1", "copy-2", "copy-3"].map(str::to_owned);
    let copy = |database: &str| (format!("copy-20261122t103400z-1f2e3d-{database}"), database.to_owned());
    Rds {
        instances: (0..others).map(|n| format!("another-{n}")).chain(own).collect(),
        snapshots: (0..others).map(|n| copy(&format!("another-{n}"))).chain([copy("orders")]).collect(),
        ..Rds::default()
    }
}

async fn look(rds: &Rds, hosts: &[&str], execution: &str) -> (Seen, BTreeMap<String, usize>) {
    let (prefix, database) = ("copy".parse().unwrap(), "orders".parse().unwrap());
    let scope = Scope { stack: "stack", prefix: &prefix, database: &database };
    let look = Look { scope, hosts, live_prefix: "copy", snapshots: &[], execution, needs_all: false };
    let seen = versions(&rds.client(), &look).await.unwrap();
    (seen, rds.calls())
}

fn own(seen: &Seen) -> Vec<&str> {
    let names = seen.instances.iter().map(|one| one.identifier.as_str());
    let mut own: Vec<&str> = names.filter(|name| name.starts_with("copy-")).collect();
    own.sort_unstable();
    own
}

/// > What a poll reads of a database does not grow with what else is in the account.
#[tokio::test(flavor = "current_thread")]
async fn a_look_does_not_grow_with_the_account() {
    let all = ["copy-1", "copy-2", "copy-3"];
    let live = ["copy-2.c1.example"];
    for (others, expected) in [(1, 1), (300, 2), (2000, 2)] {
        let rds = account(others);
        let (seen, calls) = look(&rds, &live, "run").await;
        assert_eq!(own(&seen), all);
        assert_eq!(calls, [("DescribeDBInstances".to_owned(), expected)].into(), "{others} others");
        let database = "orders".parse().unwrap();
        let snapshots: Vec<Snapshot> =
            snapshots_of_database(&rds.client(), "stack", &database, None).await.unwrap();
        assert_eq!(snapshots.len(), 1);
        assert_eq!(rds.calls(), [("DescribeDBSnapshots".to_owned(), 1)].into(), "{others} others");
        let names = ["copy-3", "gone-1"].map(|name| name.parse().unwrap());
        assert_eq!(instances_named(&rds.client(), &names).await.unwrap().len(), 1);
        assert_eq!(rds.calls()["DescribeDBInstances"], 1);
    }
    let rds = account(300);
    let (seen, calls) = look(&rds, &[""], "run").await;
    assert!(seen.is_all && own(&seen) == all, "the first run reads all");
    assert_eq!(calls, [("DescribeDBInstances".to_owned(), 4)].into());
}

#[tokio::test(flavor = "current_thread")]
async fn a_known_snapshot_that_the_filter_does_not_find_is_looked_for() {
    let mut rds = account(1);
    let database = "orders".parse().unwrap();
    let known = rds.snapshots[1].0.parse().unwrap();
    rds.snapshots[1].1 = "elsewhere".to_owned();
    let found = snapshots_of_database(&rds.client(), "stack", &database, Some(&known)).await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(rds.calls()["DescribeDBSnapshots"], 2);
}
