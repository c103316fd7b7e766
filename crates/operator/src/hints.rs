//! Commands to run next, as they are printed: with the options of the command that prints them, because without these they
//! would act on other accounts and stacks.

use crate::screen::shell_words;

/// What a destination stack is called unless somebody chooses another name.
pub const DESTINATION_STACK: &str = "rds-replication-destination";
/// What a source stack is called unless somebody chooses another name.
pub const SOURCE_STACK: &str = "rds-replication-source";

/// What the command was given that the next one has to be given too.
#[derive(Debug, Clone, Default)]
#[cfg_attr(test, derive(serde::Deserialize), serde(default))]
pub struct Hints {
    /// The option for the local cloud, if it is that.
    pub local: Option<String>,
    /// The profile of the source account.
    pub source_profile: Option<String>,
    /// The profile of the destination account.
    pub destination_profile: Option<String>,
    /// The Region of the source stack.
    pub source_region: Option<String>,
    /// The Region of the destination stack.
    pub destination_region: Option<String>,
    /// The database that it is about, of a stack that has several.
    pub one_of_several: String,
}

/// An account, as options name it.
#[derive(Debug, Clone, Copy)]
enum Role {
    Source,
    Destination,
}

impl Hints {
    /// `scripts/rollback` to a version of the given stack.
    pub fn rollback(&self, version: &str, stack: &str) -> String {
        let mut words = vec![version];
        if !self.one_of_several.is_empty() {
            words.extend(["--source-db", &self.one_of_several]);
        }
        words.extend(of_stack(stack));
        words.extend(self.account(Role::Destination));
        self.command("scripts/rollback", words)
    }

    /// `scripts/status` of the given stack.
    pub fn status(&self, stack: &str) -> String {
        let mut words = of_stack(stack);
        words.extend(self.account(Role::Source));
        words.extend(self.account(Role::Destination));
        self.command("scripts/status", words)
    }

    /// `scripts/status` of one of many databases.
    pub fn status_of(&self, database: &str) -> String {
        let mut words = vec!["--source-db", database];
        words.extend(self.account(Role::Source));
        words.extend(self.account(Role::Destination));
        self.command("scripts/status", words)
    }

    /// `scripts/replicate --fleet` of the given source stack, or what continues one of its runs.
    pub fn fleet(&self, continued: Option<&str>, source_stack: &str) -> String {
        let mut words = vec!["--fleet"];
        words.extend(option("--continue-run", continued));
        if source_stack != SOURCE_STACK {
            words.extend(["--source-stack", source_stack]);
        }
        words.extend(self.account(Role::Source));
        words.extend(self.account(Role::Destination));
        self.command("scripts/replicate", words)
    }

    /// `scripts/adopt` for the given stack.
    pub fn adopt(&self, stack: &str) -> String {
        let mut words = of_stack(stack);
        words.extend(self.account(Role::Source));
        words.extend(self.account(Role::Destination));
        self.command("scripts/adopt", words)
    }

    /// `scripts/deploy destination` with this parameter, or as the stack is.
    pub fn deploy_destination(&self, parameter: Option<&str>, stack: &str) -> String {
        self.deploy("destination", parameter, stack)
    }

    /// `scripts/deploy` of a stack of this role with this parameter, or as the stack is; an empty name stands for the usual one.
    pub fn deploy(&self, role: &str, parameter: Option<&str>, stack: &str) -> String {
        let words = self.of_role("scripts/deploy", role, stack).into_iter();
        shell_words(words.chain(option("--parameter", parameter)))
    }

    /// `scripts/destroy` of a stack of this role, which keeps its data.
    pub fn destroy(&self, role: &str, stack: &str) -> String {
        shell_words(self.of_role("scripts/destroy", role, stack).into_iter().chain(self.local.as_deref()))
    }

    /// A script about one stack, in its account and Region.
    fn of_role<'h>(&'h self, script: &'h str, role: &'h str, stack: &'h str) -> Vec<&'h str> {
        let mut words = vec![script, role];
        if ![SOURCE_STACK, DESTINATION_STACK, ""].contains(&stack) {
            words.extend(["--stack-name", stack]);
        }
        words.extend(self.aws(role).into_iter().flat_map(|(name, value)| [name, value]));
        words
    }

    /// The options by which the AWS CLI finds the account and Region of a stack of this role, as deploying has them too.
    pub fn aws(&self, role: &str) -> Vec<(&'static str, &str)> {
        let (profile, region) = match role {
            "source" => (&self.source_profile, &self.source_region),
            _ => (&self.destination_profile, &self.destination_region),
        };
        // Of an account of the local cloud the shell has the credentials.
        [("--profile", profile), ("--region", region)]
            .into_iter()
            .filter(|(name, _)| *name != "--profile" || self.local.is_none())
            .filter_map(|(name, value)| Some((name, value.as_deref().filter(|value| !value.is_empty())?)))
            .collect()
    }

    fn account(&self, role: Role) -> Vec<&str> {
        let (profile, region) = match role {
            Role::Source => (
                option("--source-profile", self.source_profile.as_deref()),
                option("--source-region", self.source_region.as_deref()),
            ),
            Role::Destination => (
                option("--destination-profile", self.destination_profile.as_deref()),
                option("--destination-region", self.destination_region.as_deref()),
            ),
        };
        [profile, region].concat()
    }

    fn command(&self, script: &str, words: Vec<&str>) -> String {
        shell_words([script].into_iter().chain(words).chain(self.local.as_deref()))
    }
}

fn of_stack(stack: &str) -> Vec<&str> {
    if stack == DESTINATION_STACK { Vec::new() } else { vec!["--destination-stack", stack] }
}

fn option<'w>(name: &'static str, value: Option<&'w str>) -> Vec<&'w str> {
    value.filter(|value| !value.is_empty()).map(|value| vec![name, value]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_repeat_what_was_given() {
        let plain = Hints::default();
        assert_eq!(plain.rollback("7", DESTINATION_STACK), "scripts/rollback 7");
        assert_eq!(
            plain.deploy_destination(Some("SecretName=x"), DESTINATION_STACK),
            "scripts/deploy destination --parameter SecretName=x"
        );
        let given = Hints {
            local: Some("--local".to_owned()),
            source_profile: Some("a".to_owned()),
            destination_profile: Some("b".to_owned()),
            destination_region: Some("eu-west-2".to_owned()),
            ..Hints::default()
        };
        assert_eq!(
            given.rollback("7", "crm"),
            "scripts/rollback 7 --destination-stack crm --destination-profile b --destination-region eu-west-2 --local"
        );
        assert_eq!(
            given.status_of("NAME"),
            "scripts/status --source-db NAME --source-profile a --destination-profile b --destination-region eu-west-2 --local"
        );
        assert_eq!(
            given.deploy_destination(Some("A=b"), "crm"),
            "scripts/deploy destination --stack-name crm --region eu-west-2 --parameter A=b"
        );
        assert_eq!(
            given.destroy("destination", "crm"),
            "scripts/destroy destination --stack-name crm --region eu-west-2 --local"
        );
        let elsewhere = Hints { local: None, ..given };
        assert_eq!(
            elsewhere.deploy_destination(Some("A=b"), "s"),
            "scripts/deploy destination --stack-name s --profile b --region eu-west-2 --parameter A=b"
        );
    }
}
