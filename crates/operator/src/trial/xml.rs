//! An answer in the Query protocol as fields. Only what is written down is made of it, so what is wrong in it is passed over.

use serde_json::{Map, Value};

/// The fields of a document. An element with elements in it is an object, where an element is there more than once a list.
pub fn fields(document: &str) -> Value {
    let mut open: Vec<(String, Map<String, Value>, String)> =
        vec![(String::new(), Map::new(), String::new())];
    for part in document.split('<').skip(1) {
        let Some((tag, text)) = part.split_once('>') else { continue };
        if tag.starts_with(['?', '!']) {
            continue;
        }
        if !tag.starts_with('/') {
            let name = tag.trim_end_matches('/').split_whitespace().next().unwrap_or_default().to_owned();
            let text = if tag.ends_with('/') { String::new() } else { unescaped(text) };
            open.push((name, Map::new(), text));
        }
        if (tag.starts_with('/') || tag.ends_with('/')) && open.len() > 1 {
            close(&mut open);
        }
    }
    while open.len() > 1 {
        close(&mut open);
    }
    open.pop().map(|(_, fields, _)| Value::Object(fields)).unwrap_or_default()
}

/// Puts the innermost element into the one around it.
fn close(open: &mut Vec<(String, Map<String, Value>, String)>) {
    let Some((name, fields, text)) = open.pop() else { return };
    let value = if fields.is_empty() { Value::String(text) } else { Value::Object(fields) };
    let Some((_, around, _)) = open.last_mut() else { return };
    match around.get_mut(&name) {
        None => {
            around.insert(name, value);
        }
        Some(Value::Array(all)) => all.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

fn unescaped(text: &str) -> String {
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    plain.replace("&apos;", "'").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::fields;

    #[test]
    fn elements_are_fields_and_repeated_ones_a_list() {
        let document = "<?xml version=\"1.0\"?>\n<A xmlns=\"x\">\n <B>\n  <C>1</C><C>a&lt;b&amp;</C>\n  <D/>\n </B>\n <E><F>x</F></E></A>";
        assert_eq!(fields(document), json!({"A": {"B": {"C": ["1", "a<b&"], "D": ""}, "E": {"F": "x"}}}));
        for broken in ["", "<", "<a", "</a>", "<a><b>", "no"] {
            fields(broken);
        }
    }
}
