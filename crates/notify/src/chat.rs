//! Alerts as AWS Chatbot (Amazon Q Developer in chat applications) shows them. It drops what is neither an event of an AWS
//! service that it knows nor a custom notification (AWS Chatbot Administrator Guide, "Custom notifications").

use serde_json::{Value, json};

use crate::alert::Alert;

/// The most characters of the text in a chat; the whole of it is in the mail and in the execution.
const TEXT_LENGTH: usize = 4000;

/// The message of an SNS request with `MessageStructure` json: the custom notification for subscribers by HTTPS, of which
/// Chatbot is one, and the text for all others, such as mail (SNS API, `Publish`).
pub fn for_each_protocol(alert: &Alert) -> String {
    json!({"default": alert.text(), "https": notification(alert).to_string()}).to_string()
}

/// The custom notification. What is about one execution is in one thread.
fn notification(alert: &Alert) -> Value {
    let subject = alert.subject();
    let text: String = alert.text().chars().take(TEXT_LENGTH).collect();
    json!({
        "version": "1.0",
        "source": "custom",
        "content": {"textType": "client-markdown", "title": subject, "description": text},
        "metadata": {
            "threadId": alert.execution_arn(),
            "summary": subject,
            "relatedResources": [alert.execution_arn()],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stack;
    use crate::event::Event;

    #[test]
    fn a_chat_gets_a_custom_notification_and_everybody_else_the_text() {
        let execution = "arn:aws:states:eu-west-1:123456789012:execution:orders-machine:n";
        let event = json!({
            "execution": {"id": execution, "name": "n", "startTime": "2026-11-22T10:34:00Z"},
            "machine": "source",
            "state": {},
            "failure": {"Error": "KeyUnusable", "Cause": "x".repeat(2 * TEXT_LENGTH)},
        });
        let stack = Stack { name: "orders-stack".to_owned(), database: "orders".to_owned() };
        let Event::Alert(occasion) = Event::read(event).unwrap() else { panic!("it is no alert") };
        let alert = Alert::of(&stack, occasion).unwrap();
        let message: Value = serde_json::from_str(&for_each_protocol(&alert)).unwrap();
        assert_eq!(message["default"], alert.text());
        let chat: Value = serde_json::from_str(message["https"].as_str().unwrap()).unwrap();
        assert_eq!((&chat["version"], &chat["source"]), (&json!("1.0"), &json!("custom")));
        assert_eq!(chat["content"]["title"], "RDS replication of orders failed: KeyUnusable");
        let description = chat["content"]["description"].as_str().unwrap();
        assert_eq!(description.chars().count(), TEXT_LENGTH);
        assert!(alert.text().starts_with(description));
        assert_eq!(chat["metadata"]["threadId"], execution);
    }
}
