//! Parameter groups and option groups: what they hold, and which instances they can be given to.

use std::collections::BTreeMap;

use crate::engines::{self, Engine, Line, Release};
use crate::model::Region;
use crate::parameters;
use crate::query::Tags;
use crate::refusal::Refusal;

/// The parameters that a group sets, with their values.
pub type Values = BTreeMap<String, String>;

/// A DB parameter group.
#[derive(Debug)]
pub struct ParameterGroup {
    pub name: String,
    pub description: String,
    pub engine: &'static Engine,
    pub line: &'static Line,
    pub values: Values,
    pub tags: Tags,
}

/// The group and the values that a server was started with, or was given since.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    pub group: String,
    pub values: Values,
}

/// An option group.
#[derive(Debug, Clone)]
pub struct OptionGroup {
    pub name: String,
    pub description: String,
    pub engine: &'static Engine,
    pub major: String,
    pub options: Vec<String>,
    /// The VPC of the first instance that it was given to, to which it is bound (guide, option groups).
    pub vpc: Option<String>,
    pub tags: Tags,
}

/// Options that cannot be removed from an instance (guide, option groups).
pub const PERMANENT: &[&str] = &["TDE", "Timezone", "OLS"];

impl Region {
    /// The family of a parameter group, be it a default one or one that someone made.
    pub fn family_of(&self, group: &str) -> Option<(&'static Engine, &'static Line)> {
        match group.strip_prefix(engines::DEFAULT_PARAMETERS) {
            Some(family) => engines::family(family),
            None => self.parameter_groups.get(group).map(|group| (group.engine, group.line)),
        }
    }

    /// What a group sets. A default one sets nothing.
    pub fn applied(&self, group: &str) -> Applied {
        let values = self.parameter_groups.get(group).map(|group| group.values.clone()).unwrap_or_default();
        Applied { group: group.to_owned(), values }
    }

    /// Whether a parameter group can be given to an instance of this release.
    pub fn check_parameter_group(&self, group: &str, release: &Release) -> Result<(), Refusal> {
        let (_, line) = self.family_of(group).ok_or_else(|| parameters::group_not_found(group))?;
        if line.family == release.line.family {
            return Ok(());
        }
        // Recorded.
        Err(Refusal::invalid_combination(format!(
            "The parameter group {group} with DBParameterGroupFamily {} can't be used for this instance. Use a parameter \
             group with DBParameterGroupFamily {}.",
            line.family, release.line.family
        )))
    }

    /// Whether an option group can be given to an instance of this release in this VPC, or to a snapshot, which is in none.
    pub fn check_option_group(
        &self,
        group: &str,
        release: &Release,
        vpc: Option<&str>,
    ) -> Result<(), Refusal> {
        if group == release.default_options() {
            return Ok(());
        }
        let (engine, major) = match self.option_groups.get(group) {
            // Recorded.
            Some(found) if found.vpc.as_deref().zip(vpc).is_some_and(|(bound, vpc)| bound != vpc) => {
                return Err(Refusal::invalid_combination(format!(
                    "The option group {group} is associated with a different VPC than the request."
                )));
            }
            Some(found) => (found.engine, found.major.clone()),
            None => default_of(group).ok_or_else(|| option_group_not_found(group))?,
        };
        if engine.name == release.engine.name && major == release.line.major {
            return Ok(());
        }
        // Recorded.
        Err(Refusal::invalid_combination(format!(
            "The option group {group} is for {} {major}, and your DB instance is {} {}.",
            engine.name, release.engine.name, release.line.major
        )))
    }

    /// Binds an option group to the VPC of an instance that it was given to.
    pub fn bind_option_group(&mut self, group: &str, vpc: &str) {
        if let Some(group) = self.option_groups.get_mut(group) {
            group.vpc.get_or_insert_with(|| vpc.to_owned());
        }
    }

    /// The options of a group that cannot be removed from an instance.
    pub fn permanent_options(&self, group: &str) -> Vec<String> {
        let options = self.option_groups.get(group).map(|group| group.options.clone()).unwrap_or_default();
        options.into_iter().filter(|option| PERMANENT.contains(&option.as_str())).collect()
    }
}

/// The engine and major version of a default option group.
pub fn default_of(group: &str) -> Option<(&'static Engine, String)> {
    let lines = engines::all().flat_map(|engine| engine.lines.iter().map(move |line| (engine, line)));
    let mut found = lines.filter(|(engine, line)| engine.default_options(line.major) == group);
    found.next().map(|(engine, line)| (engine, line.major.to_owned()))
}

pub fn option_group_not_found(group: &str) -> Refusal {
    let message = format!("Specified OptionGroupName: {group} cannot be found.");
    Refusal::new("OptionGroupNotFoundFault", 404, message)
}
