//! What goes to the standard output.

use std::io::Write;

/// Prints a text. The reader may have closed the pipe, as with `| head`, which is no failure.
pub fn print(text: &str) {
    let mut output = std::io::stdout().lock();
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}
