//! How lengths, moments and tables are printed.

use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

/// A length of time as it is printed: `7.4s`, `3:05`, `1:02:03`.
pub fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1}s");
    }
    #[expect(clippy::cast_possible_truncation, reason = "no command runs longer than a year")]
    let whole = seconds as i64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// How long ago something was, or how long something took that takes hours: `42 s`, `12 min`, `3 h 05 min`, `2 d 4 h`.
pub fn age(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    if minutes < 1 {
        format!("{seconds} s")
    } else if hours < 1 {
        format!("{minutes} min")
    } else if days < 1 {
        format!("{hours} h {:02} min", minutes % 60)
    } else {
        format!("{days} d {} h", hours % 24)
    }
}

/// A moment in UTC, RFC 3339 to the second.
pub fn timestamp(moment: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    // Formatting a time with a constant, complete description cannot fail.
    moment.to_offset(UtcOffset::UTC).format(format).unwrap_or_default()
}

/// The lines of a table with aligned columns, the first row being their heads; `right` names the columns that are numbers.
pub fn table(rows: &[Vec<String>], right: &[usize]) -> Vec<String> {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| length(&row[column])).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let cell = |column: usize, text: &String| {
        let blanks = " ".repeat(widths[column] - length(text));
        if right.contains(&column) { format!("{blanks}{text}") } else { format!("{text}{blanks}") }
    };
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row.iter().enumerate().map(|(column, text)| cell(column, text)).collect();
        cells.join("  ").trim_end().to_owned()
    };
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    lines.insert(1.min(lines.len()), rule.join("  "));
    lines
}

/// The same in lines of at most so many columns. What makes it too wide is the longest column, of names that must not be cut: each of
/// these goes onto a line of its own above the rest of its row, and if that is not enough the next longest, with its head.
pub fn table_within(width: usize, rows: &[Vec<String>], right: &[usize]) -> Vec<String> {
    let Some(heads) = rows.first() else { return Vec::new() };
    let longest = |column: &usize| rows.iter().map(|row| length(&row[*column])).max().unwrap_or_default();
    let mut beside: Vec<usize> = (0..heads.len()).collect();
    let mut apart: Vec<usize> = Vec::new();
    loop {
        let kept: Vec<Vec<String>> =
            rows.iter().map(|row| beside.iter().map(|column| row[*column].clone()).collect()).collect();
        let of_kept: Vec<usize> = (0..beside.len()).filter(|place| right.contains(&beside[*place])).collect();
        let lines = table(&kept, &of_kept);
        let indent = if apart.is_empty() { 0 } else { INDENT.len() };
        if beside.len() <= 2 || lines.iter().all(|line| indent + length(line) <= width) {
            return rows_below(rows, &apart, lines);
        }
        // Of several that are as long the first.
        let widest = (0..beside.len()).rev().max_by_key(|place| longest(&beside[*place])).unwrap_or_default();
        apart.push(beside.remove(widest));
    }
}

/// Before what belongs to the line above.
const INDENT: &str = "  ";

/// The lines of a table, each row below its cells that are in none of its columns.
fn rows_below(rows: &[Vec<String>], apart: &[usize], lines: Vec<String>) -> Vec<String> {
    if apart.is_empty() {
        return lines;
    }
    let mut all: Vec<String> = lines.iter().take(2).map(|line| format!("{INDENT}{line}")).collect();
    for (row, line) in rows.iter().skip(1).zip(lines.into_iter().skip(2)) {
        let cells = apart.iter().enumerate().map(|(place, column)| match place {
            0 => row[*column].clone(),
            _ if row[*column].is_empty() => String::new(),
            _ => format!("{INDENT}{}: {}", rows[0][*column], row[*column]),
        });
        all.extend(cells.filter(|cell| !cell.is_empty()));
        all.push(format!("{INDENT}{line}"));
    }
    all
}

/// How many columns a text takes.
pub fn length(text: &str) -> usize {
    text.chars().count()
}

/// A text in lines of at most so many columns, the first with one indent and the following with another. No word is cut.
pub fn wrapped(text: &str, width: usize, first: &str, following: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && length(&line) + 1 + length(word) > width {
            lines.push(std::mem::replace(&mut line, following.to_owned()));
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    if !is_empty {
        lines.push(line);
    }
    lines
}

/// What may be printed: nothing of what others have written may move the cursor of a terminal.
pub fn printable(line: &str) -> String {
    let is_hidden = |c: char| c.is_control() || c.escape_debug().to_string().starts_with("\\u");
    line.chars().map(|c| if is_hidden(c) { '?' } else { c }).collect()
}

/// A command line that a shell reads as these words.
pub fn shell_words<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let quoted = |word: &str| {
        let is_safe = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
        if !word.is_empty() && word.chars().all(is_safe) {
            word.to_owned()
        } else {
            format!("'{}'", word.replace('\'', "'\"'\"'"))
        }
    };
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// A number of things.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_two_units_at_most() {
        let ages = [-1, 59, 60, 3_599, 3_600, 11_100, 86_399, 187_200].map(age);
        let words = ["0 s", "59 s", "1 min", "59 min", "1 h 00 min", "3 h 05 min", "23 h 59 min", "2 d 4 h"];
        assert_eq!(ages, words);
    }

    #[test]
    fn a_duration_is_short() {
        let words = [0.04, 7.35, 59.9, 60.0, 185.9, 3_723.0].map(duration);
        assert_eq!(words, ["0.0s", "7.3s", "59.9s", "1:00", "3:05", "1:02:03"]);
    }

    /// > Tables have the width of the terminal, and no name is cut.
    #[test]
    fn a_table_that_is_too_wide_has_its_longest_cells_above_the_rows() {
        let row = |words: [&str; 4]| words.map(str::to_owned).to_vec();
        let rows = [
            row(["name", "status", "note", "n"]),
            row(["a-long-name-of-it", "available", "a note", "1"]),
            row(["b", "creating", "", "12"]),
        ];
        let wide = table(&rows, &[3]);
        assert_eq!(table_within(40, &rows, &[3]), wide);
        let narrow = [
            "  status     note     n",
            "  ---------  ------  --",
            "a-long-name-of-it",
            "  available  a note   1",
            "b",
            "  creating           12",
        ];
        assert_eq!(table_within(39, &rows, &[3]), narrow);
        assert_eq!(table_within(23, &rows, &[3]), narrow);
        let narrowest = [
            "  note     n",
            "  ------  --",
            "a-long-name-of-it",
            "  status: available",
            "  a note   1",
            "b",
            "  status: creating",
            "          12",
        ];
        assert_eq!(table_within(22, &rows, &[3]), narrowest);
        assert_eq!(table_within(5, &rows, &[3]), narrowest);
        assert!(table_within(5, &[], &[]).is_empty());
    }

    #[test]
    fn words_are_wrapped_and_never_cut() {
        assert_eq!(wrapped("one two  three", 8, "- ", "  "), ["- one", "  two", "  three"]);
        assert_eq!(wrapped("a-word-that-is-too-long b", 8, "", " "), ["a-word-that-is-too-long", " b"]);
        assert!(wrapped(" ", 8, "", "").is_empty());
    }

    #[test]
    fn nothing_that_others_write_moves_the_cursor() {
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}c\u{a0}d\né 'x' \\"), "a?[2Jb?c?d?é 'x' \\");
    }

    #[test]
    fn a_shell_reads_what_was_meant() {
        assert_eq!(
            shell_words(["scripts/status", "--local=/tmp/a cloud", "it's", ""]),
            r#"scripts/status '--local=/tmp/a cloud' 'it'"'"'s' ''"#
        );
    }
}
