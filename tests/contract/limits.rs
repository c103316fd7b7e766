//! How long a file and a function may be.

use crate::code::Function;
use crate::sources::Sources;

/// The most lines of a file.
const LONGEST_FILE: usize = 480;
/// The most lines of a function, from its name to its last brace.
const LONGEST_FUNCTION: usize = 66;

/// No file and no function of the functions and their libraries is longer than a reader can hold.
pub fn lengths(sources: &Sources) -> Vec<String> {
    let mut problems = Vec::new();
    for (path, code) in sources.code() {
        let lines = sources.text(path).lines().count();
        if lines > LONGEST_FILE {
            problems.push(format!("{path} has {lines} lines, more than {LONGEST_FILE}"));
        }
        match code {
            Ok(code) => {
                let long = code.functions.iter().filter(|function| function.lines > LONGEST_FUNCTION);
                problems.extend(long.map(|Function { name, line, lines }| {
                    format!(
                        "{path}:{line}: the function {name} has {lines} lines, more than {LONGEST_FUNCTION}"
                    )
                }));
            }
            Err(error) => problems.push(format!("{path} cannot be read: {error}")),
        }
    }
    problems
}
