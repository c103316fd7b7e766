//! Lines that stay, and in a terminal one last line that is overwritten while something is waited for.

use std::io::Write;

use time::OffsetDateTime;

use crate::screen::duration;

/// Without a terminal a long wait still says something now and then. Seconds.
const STILL_WAITING_SECONDS: f64 = 60.0;
/// How much of the line that is overwritten is shown: as much as every terminal has.
const SHOWN: usize = 79;

/// Prints to one place, each line with the time since it was made.
pub struct Terminal<'w> {
    output: &'w mut (dyn Write + Send),
    is_terminal: bool,
    clock: fn() -> OffsetDateTime,
    started: OffsetDateTime,
    has_live_line: bool,
    said_at: f64,
}

impl<'w> Terminal<'w> {
    /// A terminal, or something else that takes lines.
    pub fn new(output: &'w mut (dyn Write + Send), is_terminal: bool, clock: fn() -> OffsetDateTime) -> Self {
        Self { output, is_terminal, clock, started: clock(), has_live_line: false, said_at: 0.0 }
    }

    /// The time.
    pub fn now(&self) -> OffsetDateTime {
        (self.clock)()
    }

    /// Seconds since it was made.
    pub fn elapsed(&self) -> f64 {
        (self.now() - self.started).as_seconds_f64().max(0.0)
    }

    /// One line that stays, with the elapsed time in front.
    pub fn line(&mut self, text: &str) {
        let line = format!("{:>8}  {text}", duration(self.elapsed()));
        self.plain(line.trim_end());
    }

    /// Text that stays, as it is.
    pub fn plain(&mut self, text: &str) {
        self.wipe();
        self.said_at = self.elapsed();
        self.write(&format!("{text}\n"));
    }

    /// What is waited for now: overwritten in a terminal, said once a minute elsewhere.
    pub fn waiting(&mut self, text: &str) {
        if self.is_terminal {
            let line: String =
                format!("{:>8}  {text}", duration(self.elapsed())).chars().take(SHOWN).collect();
            self.wipe();
            self.write(&line);
            self.has_live_line = true;
        } else if self.elapsed() - self.said_at >= STILL_WAITING_SECONDS {
            self.line(text);
        }
    }

    fn wipe(&mut self) {
        if std::mem::take(&mut self.has_live_line) {
            self.write("\r\u{1b}[2K");
        }
    }

    /// A reader that has closed the pipe is no reason to end what goes on by itself.
    fn write(&mut self, text: &str) {
        let _ = self.output.write_all(text.as_bytes()).and_then(|()| self.output.flush());
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn stopped() -> OffsetDateTime {
        datetime!(2026-11-22 12:00 UTC)
    }

    #[test]
    fn what_is_waited_for_is_overwritten_in_a_terminal_only() {
        let mut shown = Vec::new();
        let mut terminal = Terminal::new(&mut shown, true, stopped);
        terminal.line("one");
        terminal.waiting("two");
        terminal.waiting("three");
        terminal.line("four");
        let expected = "    0.0s  one\n    0.0s  two\r\u{1b}[2K    0.0s  three\r\u{1b}[2K    0.0s  four\n";
        assert_eq!(String::from_utf8(shown).unwrap(), expected);
        let mut shown = Vec::new();
        Terminal::new(&mut shown, false, stopped).waiting("two");
        assert!(shown.is_empty());
    }
}
