//! The operations by name: what each is about, and who carries it out.

use super::{
    Call, account, catalog, copying, creating, deleting, describing, modifying, option_groups,
    parameter_groups, replicas, restoring, running, sharing, snapshotting, subnet_groups, tagging,
};
use crate::arn::Scope;
use crate::query::Parameters;
use crate::refusal::Refusal;
use crate::xml::Xml;

/// What this server can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    AddTagsToResource,
    CopyDBSnapshot,
    CreateDBInstance,
    CreateDBInstanceReadReplica,
    CreateDBParameterGroup,
    CreateDBSnapshot,
    CreateDBSubnetGroup,
    CreateOptionGroup,
    DeleteDBInstance,
    DeleteDBParameterGroup,
    DeleteDBSnapshot,
    DeleteOptionGroup,
    DescribeAccountAttributes,
    DescribeDBEngineVersions,
    DescribeDBInstances,
    DescribeDBMajorEngineVersions,
    DescribeDBParameterGroups,
    DescribeDBParameters,
    DescribeDBSnapshotAttributes,
    DescribeDBSnapshots,
    DescribeDBSubnetGroups,
    DescribeOptionGroups,
    DescribeOrderableDBInstanceOptions,
    ListTagsForResource,
    ModifyDBInstance,
    ModifyDBParameterGroup,
    ModifyDBSnapshotAttribute,
    ModifyOptionGroup,
    RebootDBInstance,
    RemoveTagsFromResource,
    RestoreDBInstanceFromDBSnapshot,
    StartDBInstance,
    StopDBInstance,
}

use Operation::{
    AddTagsToResource, CopyDBSnapshot, CreateDBInstance, CreateDBInstanceReadReplica, CreateDBParameterGroup,
    CreateDBSnapshot, CreateDBSubnetGroup, CreateOptionGroup, DeleteDBInstance, DeleteDBParameterGroup,
    DeleteDBSnapshot, DeleteOptionGroup, DescribeAccountAttributes, DescribeDBEngineVersions,
    DescribeDBInstances, DescribeDBMajorEngineVersions, DescribeDBParameterGroups, DescribeDBParameters,
    DescribeDBSnapshotAttributes, DescribeDBSnapshots, DescribeDBSubnetGroups, DescribeOptionGroups,
    DescribeOrderableDBInstanceOptions, ListTagsForResource, ModifyDBInstance, ModifyDBParameterGroup,
    ModifyDBSnapshotAttribute, ModifyOptionGroup, RebootDBInstance, RemoveTagsFromResource,
    RestoreDBInstanceFromDBSnapshot, StartDBInstance, StopDBInstance,
};

/// Each operation with the kind of its main resource and the parameter that names it.
const OPERATIONS: &[(Operation, &str, &str)] = &[
    (AddTagsToResource, "", "ResourceName"),
    (CopyDBSnapshot, "snapshot", "TargetDBSnapshotIdentifier"),
    (CreateDBInstance, "db", "DBInstanceIdentifier"),
    (CreateDBInstanceReadReplica, "db", "DBInstanceIdentifier"),
    (CreateDBParameterGroup, "pg", "DBParameterGroupName"),
    (CreateDBSnapshot, "snapshot", "DBSnapshotIdentifier"),
    (CreateDBSubnetGroup, "subgrp", "DBSubnetGroupName"),
    (CreateOptionGroup, "og", "OptionGroupName"),
    (DeleteDBInstance, "db", "DBInstanceIdentifier"),
    (DeleteDBParameterGroup, "pg", "DBParameterGroupName"),
    (DeleteDBSnapshot, "snapshot", "DBSnapshotIdentifier"),
    (DeleteOptionGroup, "og", "OptionGroupName"),
    (DescribeAccountAttributes, "", ""),
    (DescribeDBEngineVersions, "", ""),
    (DescribeDBInstances, "db", "DBInstanceIdentifier"),
    (DescribeDBMajorEngineVersions, "", ""),
    (DescribeDBParameterGroups, "pg", "DBParameterGroupName"),
    (DescribeDBParameters, "pg", "DBParameterGroupName"),
    (DescribeDBSnapshotAttributes, "snapshot", "DBSnapshotIdentifier"),
    (DescribeDBSnapshots, "snapshot", "DBSnapshotIdentifier"),
    (DescribeDBSubnetGroups, "subgrp", "DBSubnetGroupName"),
    (DescribeOptionGroups, "og", "OptionGroupName"),
    (DescribeOrderableDBInstanceOptions, "", ""),
    (ListTagsForResource, "", "ResourceName"),
    (ModifyDBInstance, "db", "DBInstanceIdentifier"),
    (ModifyDBParameterGroup, "pg", "DBParameterGroupName"),
    (ModifyDBSnapshotAttribute, "snapshot", "DBSnapshotIdentifier"),
    (ModifyOptionGroup, "og", "OptionGroupName"),
    (RebootDBInstance, "db", "DBInstanceIdentifier"),
    (RemoveTagsFromResource, "", "ResourceName"),
    (RestoreDBInstanceFromDBSnapshot, "db", "DBInstanceIdentifier"),
    (StartDBInstance, "db", "DBInstanceIdentifier"),
    (StopDBInstance, "db", "DBInstanceIdentifier"),
];

impl Operation {
    /// The operation that a request's `Action` names.
    pub fn named(action: &str) -> Option<Self> {
        OPERATIONS.iter().map(|(operation, ..)| *operation).find(|operation| operation.name() == action)
    }

    /// Its name in requests and policies.
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    /// The ARN of what a request is about; all of a kind (`db:*`) when it names none.
    pub fn main_resource(self, scope: &Scope, parameters: &Parameters) -> String {
        let row = OPERATIONS.iter().find(|(operation, ..)| *operation == self);
        let (kind, parameter) = row.map_or(("", ""), |(_, kind, parameter)| (*kind, *parameter));
        let name = parameters.peek(parameter).filter(|name| !name.is_empty());
        if (kind, name) == ("", None) {
            return "*".to_owned();
        }
        scope.resolve(kind, name.unwrap_or("*"))
    }

    /// Carries out a request.
    pub async fn carry_out(self, call: &Call, parameters: Parameters) -> Result<Xml, Refusal> {
        match self {
            AddTagsToResource => tagging::add(call, parameters).await,
            CopyDBSnapshot => copying::copy(call, parameters).await,
            CreateDBInstance => creating::create(call, parameters).await,
            CreateDBInstanceReadReplica => replicas::create(call, parameters).await,
            CreateDBParameterGroup => parameter_groups::create(call, parameters).await,
            CreateDBSnapshot => snapshotting::create(call, parameters).await,
            CreateDBSubnetGroup => subnet_groups::create(call, parameters).await,
            CreateOptionGroup => option_groups::create(call, parameters).await,
            DeleteDBInstance => deleting::delete_instance(call, parameters).await,
            DeleteDBParameterGroup => parameter_groups::delete(call, parameters).await,
            DeleteDBSnapshot => deleting::delete_snapshot(call, parameters).await,
            DeleteOptionGroup => option_groups::delete(call, parameters).await,
            DescribeAccountAttributes => account::describe(call, parameters).await,
            DescribeDBEngineVersions => catalog::engine_versions(call, parameters).await,
            DescribeDBInstances => describing::instances(call, parameters).await,
            DescribeDBMajorEngineVersions => catalog::major_versions(call, parameters).await,
            DescribeDBParameterGroups => parameter_groups::describe(call, parameters).await,
            DescribeDBParameters => parameter_groups::parameters(call, parameters).await,
            DescribeDBSnapshotAttributes => sharing::describe(call, parameters).await,
            DescribeDBSnapshots => describing::snapshots(call, parameters).await,
            DescribeDBSubnetGroups => describing::subnet_groups(call, parameters).await,
            DescribeOptionGroups => option_groups::describe(call, parameters).await,
            DescribeOrderableDBInstanceOptions => catalog::orderable_options(call, parameters).await,
            ListTagsForResource => tagging::list(call, parameters).await,
            ModifyDBInstance => modifying::modify(call, parameters).await,
            ModifyDBParameterGroup => parameter_groups::modify(call, parameters).await,
            ModifyDBSnapshotAttribute => sharing::modify(call, parameters).await,
            ModifyOptionGroup => option_groups::modify(call, parameters).await,
            RebootDBInstance => running::reboot(call, parameters).await,
            RemoveTagsFromResource => tagging::remove(call, parameters).await,
            RestoreDBInstanceFromDBSnapshot => restoring::restore(call, parameters).await,
            StartDBInstance => running::start(call, parameters).await,
            StopDBInstance => running::stop(call, parameters).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_in_the_table_under_its_own_name() {
        for (operation, _, parameter) in OPERATIONS.iter().filter(|(.., parameter)| !parameter.is_empty()) {
            assert_eq!(Operation::named(&operation.name()), Some(*operation));
            let scope = Scope { account: "111111111111".into(), region: "us-east-1".into() };
            let parameters = Parameters::parse("", &format!("{parameter}=arn:aws:x"));
            assert_eq!(operation.main_resource(&scope, &parameters), "arn:aws:x");
        }
        assert_eq!(Operation::named("DescribeDBClusters"), None);
    }

    #[test]
    fn a_request_that_names_nothing_is_about_all_of_a_kind() {
        let scope = Scope { account: "111111111111".into(), region: "us-east-1".into() };
        let resource = DescribeDBInstances.main_resource(&scope, &Parameters::parse("", "MaxRecords=20"));
        assert_eq!(resource, "arn:aws:rds:us-east-1:111111111111:db:*");
    }
}
