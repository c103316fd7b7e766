//! What a decision has to see besides the instance of the run and the one that the secret names, before it may be carried out.

use super::{Decision, SecretMove, Step};

/// What is to be read, and decided again with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing else: the decision stands.
    Nothing,
    /// The versions of the database, because deletion tags follow from all of them.
    Versions,
    /// The instances that have passwords of their own, because passwords of what is gone are dropped.
    PasswordOwners,
}

impl Decision<'_> {
    /// What it has to see.
    #[must_use]
    pub fn needs(&self, earlier: Option<&SecretMove>) -> Needs {
        let marked_for = earlier.and_then(|earlier| earlier.marked_for.as_ref());
        match self.step {
            Step::MakePassword(_) => Needs::PasswordOwners,
            // What another poll has done for the same host is done.
            Step::Report if marked_for == Some(&self.pointer.host) && self.pointer == self.named => {
                Needs::Nothing
            }
            Step::Report | Step::Mark(..) => Needs::Versions,
            _ => Needs::Nothing,
        }
    }
}
