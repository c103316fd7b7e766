//! Messages of the lane itself: a fresh snapshot of the source database, shared as a run of the source machine does it, so
//! that a trial of the destination machine alone has new data and takes no whole run.

use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::lane::Lane;
use harness::waiting::wait_for;

/// How long a snapshot or a copy of ten rows may take.
const LIMIT: Duration = Duration::from_secs(30);
/// How many shared snapshots stay, because runs may still be copying them.
const STAYING: usize = 4;

impl Lane<'_> {
    /// Shares fresh data ahead of a replication that is started later, when there is no time for it.
    pub fn announce_ahead(&self) {
        let message = self.announce();
        self.announced_ahead.borrow_mut().push_back(message);
    }

    /// A message about data that no other is about. It lacks the id.
    pub fn fresh_message(&self) -> Value {
        let ahead = self.announced_ahead.borrow_mut().pop_front();
        ahead.unwrap_or_else(|| self.announce())
    }

    /// The message about a shared snapshot. It lacks the id.
    pub fn message_about(&self, identifier: &Value, arn: &Value, source_arn: &Value, time: &Value) -> Value {
        json!({"Input": {
            "targetDBSnapshot": {
                "targetDBSnapshotIdentifier": identifier,
                "targetDBSnapshotArn": arn,
                "status": "Available",
            },
            "replication": {
                "id": "",
                "sourceDBIdentifier": self.pair.database(),
                "sourceDBSnapshotArn": source_arn,
                "sharedSnapshotIsCopy": true,
                "snapshotDatabaseTime": time,
            },
        }})
    }

    /// Makes and shares a snapshot; its message, which lacks the id.
    fn announce(&self) -> Value {
        // Its name is none of the lane's, so that nobody takes it for a foreign thing that has to stay.
        let made = format!("announced-by-{}-{}", self.name, OffsetDateTime::now_utc().unix_timestamp_nanos());
        let shared = format!("{made}-copy-in");
        let key = &self.pair.source["KMSKeyArn"];
        let wait = |name: &str| {
            wait_for(&format!("{name} is available"), LIMIT, || {
                let found = self.source.snapshot(name)?;
                (found.status.as_str() == "available").then_some(found)
            })
        };
        self.source.create_snapshot(&self.pair.database(), &made);
        let snapshot = wait(&made);
        self.source.copy_snapshot(&made, &shared, key);
        let copy = wait(&shared);
        self.source.share_snapshot(&shared, &self.cloud.destination.number());
        self.source.delete_snapshot(&made);
        let mut announced = self.announced.borrow_mut();
        announced.push_back(shared);
        if announced.len() > STAYING
            && let Some(oldest) = announced.pop_front()
        {
            self.source.delete_snapshot(&oldest);
        }
        let (source, time) = (json!(snapshot.arn), json!(snapshot.data_time));
        self.message_about(&json!(copy.identifier), &json!(copy.arn), &source, &time)
    }
}
