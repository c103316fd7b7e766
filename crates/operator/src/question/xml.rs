//! The answers of the Query protocol, as a tree: the same tokens that the SDKs read.

use xmlparser::{ElementEnd, Token, Tokenizer};

/// An element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// Its name, without a name space.
    pub name: String,
    /// Its own text.
    pub text: String,
    /// What is in it.
    pub children: Vec<Self>,
}

impl Element {
    /// The first child of this name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first child of this name; empty if there is none.
    pub fn text_of(&self, name: &str) -> &str {
        self.child(name).map_or("", |child| child.text.as_str())
    }

    /// The first element of this name, at any depth.
    pub fn find(&self, name: &str) -> Option<&Self> {
        self.children.iter().find_map(|child| if child.name == name { Some(child) } else { child.find(name) })
    }

    /// The members of the first list of this name, at any depth; none if there is no such list.
    pub fn members(&self, list: &str) -> &[Self] {
        self.find(list).map_or(&[], |list| &list.children)
    }
}

/// The root of a document; nothing if it is none.
pub fn read(text: &str) -> Option<Element> {
    let mut open: Vec<Element> = Vec::new();
    for token in Tokenizer::from(text) {
        match token.ok()? {
            Token::ElementStart { local, .. } => {
                open.push(Element { name: local.as_str().to_owned(), ..Element::default() });
            }
            Token::ElementEnd { end: ElementEnd::Open, .. } => {}
            Token::ElementEnd { .. } => {
                let closed = open.pop()?;
                match open.last_mut() {
                    Some(parent) => parent.children.push(closed),
                    None => return Some(closed),
                }
            }
            Token::Text { text } => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&unescaped(text.as_str()));
                }
            }
            Token::Cdata { text, .. } => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(text.as_str());
                }
            }
            _ => {}
        }
    }
    None
}

/// A text with the characters that its references stand for; a reference that is none stays as it is.
fn unescaped(text: &str) -> String {
    let mut found = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        found.push_str(before);
        let Some((c, behind)) =
            after.split_once(';').and_then(|(name, behind)| Some((character(name)?, behind)))
        else {
            found.push('&');
            rest = after;
            continue;
        };
        found.push(c);
        rest = behind;
    }
    found + rest
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_tree() {
        let root = read(
            "<?xml version=\"1.0\"?>\n<R xmlns=\"http://a\"><L a=\"b\">\n<member><K>Policy</K><V>{&quot;a&quot;: 1 &amp;&#x41;&#66; &x}</V>\
             </member><member/></L></R>",
        )
        .unwrap();
        assert_eq!((root.name.as_str(), root.members("L").len()), ("R", 2));
        assert_eq!(root.members("L")[0].text_of("V"), "{\"a\": 1 &AB &x}");
        assert!(root.members("other").is_empty());
        for broken in ["", "text", "<a><b></a>", "<a>"] {
            assert!(read(broken).is_none_or(|root| root.children.is_empty()), "{broken}");
        }
    }
}
