//! Writes the XML of answers.

use std::fmt::Display;

const NAMESPACE: &str = "http://rds.amazonaws.com/doc/2014-10-31/";

/// A growing sequence of elements.
#[derive(Debug, Default)]
pub struct Xml(String);

impl Xml {
    /// `<name>value</name>`
    pub fn text(&mut self, name: &str, value: impl Display) {
        self.0.push_str(&format!("<{name}>{}</{name}>", escape(&value.to_string())));
    }

    /// `<name>value</name>`, or nothing: the service leaves out what has no value.
    pub fn optional(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// `<name>...</name>` with what `content` writes between.
    pub fn within(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.0.push_str(&format!("<{name}>"));
        content(self);
        self.0.push_str(&format!("</{name}>"));
    }

    /// `<name><member>...</member><member>...</member></name>`
    pub fn list<T>(
        &mut self,
        name: &str,
        member: &str,
        items: impl IntoIterator<Item = T>,
        mut content: impl FnMut(&mut Self, T),
    ) {
        self.within(name, |xml| {
            for item in items {
                xml.within(member, |xml| content(xml, item));
            }
        });
    }

    /// `<name><member>text</member>...</name>`
    pub fn texts(&mut self, name: &str, member: &str, items: impl IntoIterator<Item = impl Display>) {
        self.within(name, |xml| items.into_iter().for_each(|item| xml.text(member, item)));
    }
}

/// The document that answers a successful `action`.
pub fn answer(action: &str, result: &Xml, request_id: &str) -> String {
    let result = match result.0.as_str() {
        "" => String::new(),
        content => format!("<{action}Result>{content}</{action}Result>"),
    };
    format!(
        "<{action}Response xmlns=\"{NAMESPACE}\">{result}<ResponseMetadata><RequestId>{request_id}</RequestId>\
         </ResponseMetadata></{action}Response>"
    )
}

/// The document that answers a refused request.
pub fn error(code: &str, message: &str, http_status: u16, request_id: &str) -> String {
    let fault = if http_status >= 500 { "Receiver" } else { "Sender" };
    format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{fault}</Type><Code>{}</Code><Message>{}</Message></Error>\
         <RequestId>{request_id}</RequestId></ErrorResponse>",
        escape(code),
        escape(message)
    )
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // XML 1.0 cannot carry these at all.
            control if control.is_control() && !matches!(control, '\n' | '\t') => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_absent_ones_left_out() {
        let mut xml = Xml::default();
        xml.text("A", "x < y & \"z\"");
        xml.optional("B", None::<u32>);
        xml.texts("L", "member", ["1", "2"]);
        assert_eq!(xml.0, "<A>x &lt; y &amp; &quot;z&quot;</A><L><member>1</member><member>2</member></L>");
    }

    #[test]
    fn an_answer_without_result_has_no_result_element() {
        assert!(!answer("AddTagsToResource", &Xml::default(), "id").contains("Result>"));
    }
}
