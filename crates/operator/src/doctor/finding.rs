//! One line of the report: what was checked, how it is, and what to do about it.

use serde::Serialize;

use super::facts::Unread;

/// What is checked. The words are part of the interface: the help and the documentation have them.
macro_rules! checks {
    ($($name:ident $words:literal),+ $(,)?) => {
        /// What is checked.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "camelCase")]
        pub enum Check {
            $(#[doc = $words] $name),+
        }

        impl Check {
            /// All of them, in the order of the report.
            #[cfg(test)]
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// What operators call it.
            pub fn words(self) -> &'static str {
                match self {
                    $(Self::$name => $words),+
                }
            }
        }
    };
}

checks! {
    Account "account",
    Stack "stack",
    Functions "functions",
    FunctionNetwork "function network",
    Database "database",
    OptionGroup "option group",
    DatabaseKey "database key",
    Key "key",
    KeyPolicy "key policy",
    Topic "topic policy",
    Subscription "subscription",
    Permission "function permission",
    Secret "secret",
    SecretKey "secret key",
    Settings "settings",
    Network "network",
    Quotas "quotas",
    Schedule "schedule",
    Alarms "alarms",
    Listeners "alert subscribers",
    DeadLetters "undelivered messages",
    LastRun "last run",
    Leftovers "leftovers",
    Pairing "pairing",
    Reach "reach",
    SharedKey "shared key",
    Rights "rights",
    Versions "versions",
}

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// A run goes through, or it is not known whether it does.
    Warning,
    /// A run fails of it, or is not started.
    Error,
}

/// Where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// The source account.
    Source,
    /// The destination account.
    Destination,
    /// Between them.
    Both,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was checked.
    pub check: Check,
    /// How it is.
    pub severity: Severity,
    /// Where.
    pub place: Place,
    /// The thing that it is about.
    pub subject: String,
    /// What was found.
    pub what: String,
    /// What to do about it; nothing if there is nothing to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// The findings of one place.
#[derive(Debug)]
pub struct Findings {
    place: Place,
    all: Vec<Finding>,
}

impl Findings {
    /// None yet.
    pub fn of(place: Place) -> Self {
        Self { place, all: Vec::new() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// All of them.
    pub fn into_all(self) -> Vec<Finding> {
        self.all
    }

    /// What is as it should be.
    pub fn ok(&mut self, check: Check, subject: impl Into<String>, what: impl Into<String>) {
        self.push(check, Severity::Ok, subject.into(), what.into(), None);
    }

    /// What a run goes through with.
    pub fn warning(
        &mut self,
        check: Check,
        subject: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.push(check, Severity::Warning, subject.into(), what.into(), Some(remedy.into()));
    }

    /// What a run fails of.
    pub fn error(
        &mut self,
        check: Check,
        subject: impl Into<String>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.push(check, Severity::Error, subject.into(), what.into(), Some(remedy.into()));
    }

    /// An error of the domain, which says itself what to do.
    pub fn refusal(&mut self, check: Check, subject: impl Into<String>, error: &replication::Error) {
        let what = format!("{}: {}", error.name().as_str(), error.said().unwrap_or("no reason was given"));
        let remedy = error.advice().unwrap_or("see docs/errors.md").to_owned();
        self.push(check, Severity::Error, subject.into(), what, Some(remedy));
    }

    /// What could not be read.
    pub fn unread(&mut self, check: Check, subject: impl Into<String>, unread: &Unread) {
        let (what, remedy) = hidden(unread);
        self.push(check, Severity::Warning, subject.into(), what, Some(remedy));
    }

    /// What could not be read, and without which nothing is known.
    pub fn unread_all(&mut self, check: Check, subject: impl Into<String>, unread: &Unread) {
        let (what, remedy) = hidden(unread);
        self.push(check, Severity::Error, subject.into(), what, Some(remedy));
    }

    fn push(
        &mut self,
        check: Check,
        severity: Severity,
        subject: String,
        what: String,
        remedy: Option<String>,
    ) {
        self.all.push(Finding { check, severity, place: self.place, subject, what, remedy });
    }
}

/// What hides a fact, and what is done about that.
fn hidden(unread: &Unread) -> (String, String) {
    if unread.is_missing_right() {
        (
            format!("not checked, because {}", unread.why),
            format!("allow {} to whoever runs the doctor (docs/security.md), and run it again", unread.right),
        )
    } else {
        (format!("not checked: {}", unread.why), "run it again".to_owned())
    }
}
