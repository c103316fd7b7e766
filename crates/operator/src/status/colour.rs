//! Colour for a terminal: what needs attention is seen first.

/// How a terminal is told to print in bold, in red, in yellow, and as before.
const BOLD: &str = "\u{1b}[1m";
const RED: &str = "\u{1b}[31m";
const YELLOW: &str = "\u{1b}[33m";
const PLAIN: &str = "\u{1b}[0m";

/// The text with its titles in bold, its warnings in yellow, and what has failed in red.
pub fn painted(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let is_title = |at: usize| lines.get(at + 1).is_some_and(|next| next.starts_with("==="));
    let paint = |(at, line): (usize, &&str)| {
        let start = if line.starts_with("warning: ") {
            YELLOW
        } else if is_title(at) {
            BOLD
        } else if ["FAILED", "DID NOT ARRIVE", "TIMED OUT", "NOT STARTED"]
            .iter()
            .any(|word| line.contains(word))
        {
            RED
        } else {
            return format!("{line}\n");
        };
        format!("{start}{line}{PLAIN}\n")
    };
    lines.iter().enumerate().map(paint).collect()
}

#[cfg(test)]
mod tests {
    use super::painted;

    #[test]
    fn what_needs_attention_has_a_colour_and_nothing_else() {
        let text = "orders: live version 1\n======\nwarning: no\n  20261122  FAILED: restore\n  plain\n";
        let expected = "\u{1b}[1morders: live version 1\u{1b}[0m\n======\n\u{1b}[33mwarning: no\u{1b}[0m\n\
                        \u{1b}[31m  20261122  FAILED: restore\u{1b}[0m\n  plain\n";
        assert_eq!(painted(text), expected);
    }
}
