//! The rows of a trial, read and written by a program such as psql: whether the network lets this machine reach a database is
//! for the operator to arrange.

use std::process::Command;

use super::command::{Commands, ask};
use super::interruption::Interruption;
use crate::failure::Failure;

/// The name of the database inside the instance.
pub const DATABASE: &str = "trial";
/// The user that owns it.
pub const USER: &str = "trial_owner";
/// psql's own codes for errors in the SQL (`man psql`, exit status); every other one is about the way to the database.
const SQL_ERRORS: [i32; 2] = [1, 3];
/// One value and nothing else on the standard output.
const OPTIONS: &[&str] =
    &["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"];

/// A database that is asked.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// In which account it is.
    pub role: &'static str,
    /// Its address.
    pub host: String,
    /// Its port.
    pub port: i32,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// One line.
    Value(String),
    /// Why the database was not reached.
    Unreachable(String),
}

/// Inserts, changes and deletes rows, other ones for each version.
pub fn changes(version: u32) -> String {
    let (first, last) = ((version - 1) * 1_000 + 1, version * 1_000);
    format!(
        "CREATE TABLE IF NOT EXISTS trial (id integer PRIMARY KEY, note text NOT NULL);
         INSERT INTO trial SELECT n, md5(n::text) FROM generate_series({first}, {last}) AS n;
         UPDATE trial SET note = note || '{version}' WHERE id % 3 = 0;
         DELETE FROM trial WHERE id % 7 = {version};\n"
    )
}

/// A count and a checksum of every row.
pub const CONTENTS: &str =
    "SELECT count(*) || ' rows, ' || md5(string_agg(id || note, ',' ORDER BY id)) FROM trial;\n";

/// What every answer to [`CONTENTS`] has.
const OF_CONTENTS: &str = " rows, ";

/// Runs SQL.
///
/// # Errors
/// If the database refuses it, or the operator interrupts it.
pub async fn sql(
    commands: &Commands,
    psql: &str,
    endpoint: &Endpoint,
    password: &str,
    text: &str,
    interruption: &Interruption,
) -> Result<Answer, Failure> {
    let mut command: Command = commands.in_account(endpoint.role, "sh");
    // The operator's own words are for the shell, the options are added as they are.
    command.args(["-c", &format!("{psql} \"$@\""), "sh"]).args(OPTIONS);
    command.env("PGHOST", &endpoint.host).env("PGPORT", endpoint.port.to_string());
    command.env("PGUSER", USER).env("PGDATABASE", DATABASE).env("PGPASSWORD", password);
    command.env("PGCONNECT_TIMEOUT", "10").env("PGSSLMODE", "prefer");
    let said = ask(command, text, interruption).await?;
    let words = last_line(&said.error.replace(password, "..."));
    if said.status.success() {
        return Ok(Answer::Value(last_line(&said.output)));
    }
    match said.status.code() {
        Some(code) if SQL_ERRORS.contains(&code) => Err(Failure::new(format!(
            "the database at {} refuses what the trial asks: {words}",
            endpoint.host
        ))),
        _ => Ok(Answer::Unreachable(words)),
    }
}

/// What was answered to [`CONTENTS`].
///
/// # Errors
/// If it is not that: two empty answers are the same, and say nothing about rows.
pub fn contents(answer: Answer) -> Result<Answer, Failure> {
    match answer {
        Answer::Value(value) if value.is_empty() => Err(Failure::new(
            "the program of --psql has answered nothing; to fix this: let it pass its standard input on to psql, and print \
             what psql prints",
        )),
        Answer::Value(value) if !value.contains(OF_CONTENTS) => Err(Failure::new(format!(
            "the program of --psql has answered {value:?}, which is not a count of rows and a checksum; to fix this: let it \
             print only what psql prints"
        ))),
        answer => Ok(answer),
    }
}

fn last_line(text: &str) -> String {
    text.trim().lines().last().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::state::{Side, State};

    async fn asked(psql: &str, text: &str) -> Result<Answer, Failure> {
        let state = State {
            id: "x".to_owned(),
            local: None,
            source: Side::default(),
            destination: Side::default(),
            is_destroyed: false,
        };
        let commands = Commands::find(std::env::current_exe().ok().as_deref(), &state).unwrap();
        let endpoint = Endpoint { role: "source", host: "h".to_owned(), port: 5432 };
        sql(&commands, psql, &endpoint, "canary9", text, &Interruption::default()).await
    }

    #[tokio::test]
    async fn the_program_gets_the_database_and_says_how_it_went() {
        let value = |text: &str| Ok(Answer::Value(text.to_owned()));
        assert_eq!(asked("f() { cat; }; f", "one\n").await, value("one"));
        assert_eq!(
            asked("f() { echo $PGHOST:$PGPORT $PGUSER $1; }; f", "").await,
            value("h:5432 trial_owner --no-psqlrc")
        );
        let gone = asked("f() { echo no $PGPASSWORD >&2; exit 2; }; f", "").await;
        assert_eq!(gone, Ok(Answer::Unreachable("no ...".to_owned())));
        let gone = asked("a-program-that-is-not-there", "").await;
        assert!(matches!(gone, Ok(Answer::Unreachable(_))), "{gone:?}");
        let refused = asked("f() { echo no >&2; exit 3; }; f", "").await.unwrap_err();
        assert!(refused.text.contains("refuses"), "{refused}");
    }

    #[tokio::test]
    async fn a_program_that_answers_nothing_has_compared_nothing() {
        for (psql, words) in
            [("true", "answered nothing"), ("cat >/dev/null; echo welcome #", "answered \"welcome\"")]
        {
            let answer = asked(psql, CONTENTS).await.unwrap();
            let refused = contents(answer).unwrap_err();
            assert!(refused.text.contains(words) && refused.text.contains("to fix this: "), "{refused}");
        }
        let answer = asked("f() { echo '3 rows, abc'; }; f", CONTENTS).await.unwrap();
        assert_eq!(contents(answer), Ok(Answer::Value("3 rows, abc".to_owned())));
        let gone = Answer::Unreachable("no".to_owned());
        assert_eq!(contents(gone.clone()), Ok(gone));
    }
}
