//! Lines that stay, and in a terminal last lines that are overwritten while something is waited for.

use std::io::Write;

use time::OffsetDateTime;

use crate::environment::terminal_size;
use crate::screen::duration;

/// Without a terminal a long wait still says something now and then. Seconds.
const STILL_WAITING_SECONDS: f64 = 60.0;

/// Prints to one place, each line with the time since it was made.
pub struct Terminal<'w> {
    output: &'w mut (dyn Write + Send),
    is_terminal: bool,
    clock: fn() -> OffsetDateTime,
    started: OffsetDateTime,
    size: fn() -> (usize, usize),
    live_lines: usize,
    said_at: f64,
}

impl<'w> Terminal<'w> {
    /// A terminal, or something else that takes lines.
    pub fn new(output: &'w mut (dyn Write + Send), is_terminal: bool, clock: fn() -> OffsetDateTime) -> Self {
        Self {
            output,
            is_terminal,
            clock,
            started: clock(),
            size: terminal_size,
            live_lines: 0,
            said_at: 0.0,
        }
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
        self.waiting_for_all(text, &[]);
    }

    /// The same with a line below it for each of many; a small terminal shows only as many as it has room for.
    pub fn waiting_for_all(&mut self, text: &str, lines: &[String]) {
        if self.is_terminal {
            let (width, height) = (self.size)();
            let first = format!("{:>8}  {text}", duration(self.elapsed()));
            let below = lines.iter().take(height.saturating_sub(2)).map(|line| format!("{:>8}  {line}", ""));
            // The last column stays free, because with it some terminals begin a new line.
            let cut = |line: String| line.chars().take(width.saturating_sub(1).max(1)).collect();
            let shown: Vec<String> = [first].into_iter().chain(below).map(cut).collect();
            self.wipe();
            self.write(&shown.join("\n"));
            self.live_lines = shown.len();
        } else if self.elapsed() - self.said_at >= STILL_WAITING_SECONDS {
            self.line(text);
            for line in lines {
                self.line(line);
            }
        }
    }

    /// Deletes the live lines, the last of which the cursor is in.
    fn wipe(&mut self) {
        let lines = vec!["\r\u{1b}[2K"; std::mem::take(&mut self.live_lines)];
        if !lines.is_empty() {
            self.write(&lines.join("\u{1b}[1A"));
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

    #[test]
    fn many_live_lines_are_wiped_before_the_next() {
        let mut shown = Vec::new();
        let mut terminal = Terminal::new(&mut shown, true, stopped);
        terminal.size = || (16, 4);
        let lines = ["one", "two, which is too long", "three"].map(str::to_owned);
        terminal.waiting_for_all("fleet", &lines);
        terminal.line("said");
        let as_many_as_fit = "    0.0s  fleet\n          one\n          two, ";
        let wiped = "\r\u{1b}[2K\u{1b}[1A\r\u{1b}[2K\u{1b}[1A\r\u{1b}[2K";
        assert_eq!(String::from_utf8(shown).unwrap(), format!("{as_many_as_fit}{wiped}    0.0s  said\n"));
    }
}
