//! Foreign things next to those of a lane, which nothing may touch.

use replication::lineage;

use crate::lane::Lane;
use harness::pair::password;

impl Lane<'_> {
    /// Makes a snapshot and a database that are not ours, though their names and tags suggest it.
    pub fn make_foreign_things(&self) {
        let (a, b) = (&self.cloud.source, &self.cloud.destination);
        let mark = ["--tags", "Key=to-be-deleted,Value=True"];
        let (database, snapshot) = (self.pair.database(), format!("{}foreign", self.pair.snapshots()));
        let names = ["--db-instance-identifier", &database, "--db-snapshot-identifier", &snapshot];
        a.aws(&[&["rds", "create-db-snapshot"], &names[..], &mark[..]].concat());
        a.available_snapshot(&snapshot);
        b.create_database(&format!("{}1000", self.pair.copies()), &password(), &mark);
    }

    /// Everything in both accounts whose name begins like the lane's and that has no tag of a stack, as text.
    pub fn foreign_things(&self) -> Vec<String> {
        let (a, b) = (&self.cloud.source, &self.cloud.destination);
        let snapshots = &a.aws(&["rds", "describe-db-snapshots", "--snapshot-type", "manual"])["DBSnapshots"];
        let instances = &b.aws(&["rds", "describe-db-instances"])["DBInstances"];
        let named = [(snapshots, "DBSnapshotIdentifier"), (instances, "DBInstanceIdentifier")];
        let all =
            named.iter().flat_map(|(list, name)| list.as_array().unwrap().iter().map(|thing| (thing, *name)));
        let foreign = all.filter(|(thing, name)| {
            thing[*name].as_str().unwrap().starts_with(&format!("{}-", self.name))
                && !thing["TagList"].to_string().contains(lineage::STACK)
        });
        foreign.map(|(thing, _)| thing.to_string()).collect()
    }
}
