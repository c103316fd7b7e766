//! What goes to the standard output.

use std::io::{ErrorKind, Result, Write};

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
