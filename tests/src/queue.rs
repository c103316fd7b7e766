//! A queue that listens to a topic.

use std::time::Instant;

use serde_json::Value;

use crate::account::{Account, LIMIT, text};
use crate::waiting::wait_for;

/// A queue that listens to a topic.
pub struct Queue<'a> {
    account: &'a Account,
    url: String,
}

impl<'a> Queue<'a> {
    /// The queue of this account with this address.
    pub fn new(account: &'a Account, url: String) -> Self {
        Self { account, url }
    }

    /// The next message with these words in it or in its subject; what was published before it is passed over.
    pub fn message_with(&self, words: &[&str]) -> String {
        let mut passed_over = Vec::new();
        let deadline = Instant::now() + LIMIT;
        while Instant::now() < deadline {
            let received = self.receive().map(|(subject, message)| format!("{subject}\n\n{message}"));
            match received {
                Some(message) if words.iter().all(|word| message.contains(word)) => return message,
                other => passed_over.extend(other),
            }
        }
        panic!("no message with {words:?} within {} s, only {passed_over:#?}", LIMIT.as_secs())
    }

    /// The next message that was published.
    pub fn next_message(&self) -> String {
        let (_, message) = wait_for("a message in the queue", LIMIT, || self.receive());
        message
    }

    /// Fails if there is a message that nobody has taken yet.
    pub fn require_empty(&self) {
        assert_eq!(self.receive(), None, "a message that nothing has asked for");
    }

    /// The subject, if there is one, and the text of a message, if one comes within two seconds.
    fn receive(&self) -> Option<(String, String)> {
        let queue = ["--queue-url", self.url.as_str()];
        let waiting = [&["sqs", "receive-message", "--wait-time-seconds", "2"], &queue[..]].concat();
        let answer = self.account.aws(&waiting);
        let message = &answer["Messages"][0];
        let receipt = message["ReceiptHandle"].as_str()?;
        self.account.aws(&[&["sqs", "delete-message", "--receipt-handle", receipt], &queue[..]].concat());
        let envelope: Value = serde_json::from_str(message["Body"].as_str()?).unwrap();
        Some((envelope["Subject"].as_str().unwrap_or_default().to_owned(), text(&envelope["Message"])))
    }
}
