//! What goes to the standard output, and with which code a command ends.

use std::io::{ErrorKind, IsTerminal, Result, Write};

use serde_json::Value;

use crate::environment::{self, terminal_size};
use crate::failure::Failure;
use crate::terminal::Terminal;

/// The exit code of a command that an operator has interrupted.
pub const INTERRUPTED: u8 = 130;

/// How a command ends that was followed.
#[derive(Debug)]
pub struct End {
    /// The exit code.
    pub code: u8,
    /// What a program reads, unless nothing was started or the end was not awaited.
    pub document: Option<Value>,
}

/// Says why a command fails, and answers with its exit code.
pub fn failed(terminal: &mut Terminal<'_>, failure: &Failure) -> u8 {
    terminal.plain(&format!("\nfailed: {failure}"));
    1
}

/// Runs what says line by line what happens, on the standard error where a program reads the document at its end from the standard
/// output. Answers with the exit code.
pub async fn followed(
    is_json: bool,
    work: impl AsyncFnOnce(&mut Terminal<'_>) -> std::result::Result<End, Failure>,
) -> u8 {
    let (mut stdout, mut stderr) = (std::io::stdout(), std::io::stderr());
    let (is_terminal, output): (bool, &mut (dyn Write + Send)) =
        if is_json { (stderr.is_terminal(), &mut stderr) } else { (stdout.is_terminal(), &mut stdout) };
    let mut terminal = Terminal::new(output, is_terminal, environment::now);
    let end = match work(&mut terminal).await {
        Ok(end) => end,
        Err(failure) => return failed(&mut terminal, &failure),
    };
    let Some(document) = end.document.filter(|_| is_json) else { return end.code };
    match print(&format!("{document:#}\n")) {
        Ok(()) => end.code,
        Err(error) => failed(&mut terminal, &Failure::new(format!("the report cannot be written: {error}"))),
    }
}

/// How many columns a text may take: those of the terminal, and at most so many, which it has where it goes elsewhere.
pub fn columns(most: usize) -> usize {
    if std::io::stdout().is_terminal() {
        terminal_size().0.clamp(LEAST_COLUMNS.min(most), most)
    } else {
        most
    }
}

/// In fewer columns nothing can be read.
const LEAST_COLUMNS: usize = 60;

/// Prints a text. The reader may have closed the pipe, as with `| head`, which is no failure.
///
/// # Errors
/// What the system says, such as that the disk is full.
pub fn print(text: &str) -> Result<()> {
    let mut output = std::io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
