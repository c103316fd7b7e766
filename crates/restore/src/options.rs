//! How a copy comes up: the stack's choices for a restored instance.

use aws_sdk_rds::operation::restore_db_instance_from_db_snapshot::builders::RestoreDBInstanceFromDBSnapshotFluentBuilder as Request;
use lambda_task::Environment;
use replication::Error;

/// The stack's choices; what is not given is left to RDS.
#[derive(Debug, Clone)]
pub struct Options {
    engine: Option<String>,
    class: Option<String>,
    subnet_group: Option<String>,
    security_groups: Option<Vec<String>>,
    publicly_accessible: bool,
}

impl Options {
    /// Reads the function's environment.
    ///
    /// # Errors
    /// `InvalidConfiguration`, naming the variable.
    pub fn read(environment: &Environment) -> Result<Self, Error> {
        let groups = |text: String| text.split(',').map(|group| group.trim().to_owned()).collect();
        Ok(Self {
            engine: environment.optional("ENGINE"),
            class: environment.optional("DB_INSTANCE_CLASS"),
            subnet_group: environment.optional("DB_SUBNET_GROUP"),
            security_groups: environment.optional("SECURITY_GROUP_IDS").map(groups),
            publicly_accessible: environment.parsed("PUBLICLY_ACCESSIBLE", "true or false")?,
        })
    }

    /// Puts the choices into the request. Public access is always said, because RDS otherwise decides by the kind of
    /// the subnet group (API model).
    pub fn apply(&self, request: Request) -> Request {
        request
            .set_engine(self.engine.clone())
            .set_db_instance_class(self.class.clone())
            .set_db_subnet_group_name(self.subnet_group.clone())
            .set_vpc_security_group_ids(self.security_groups.clone())
            .publicly_accessible(self.publicly_accessible)
    }
}
