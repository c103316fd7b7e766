//! Faults on order: the n-th matching call fails, is slow, loses its answer, or makes something end badly.

use serde::{Deserialize, Serialize};

/// One order, as the admin API takes and shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "Order")]
pub struct Fault {
    /// The action, or `*`.
    pub action: String,
    /// Only calls of this account.
    pub account: Option<String>,
    /// Only calls whose main resource's ARN has this in it.
    pub resource: Option<String>,
    /// The first matching call that is hit, counted from 1.
    pub nth: u32,
    /// How many matching calls in a row are hit.
    pub times: u32,
    #[serde(flatten)]
    pub effect: Effect,
    /// How many calls have matched so far.
    pub matched: u32,
}

/// What happens to a call that is hit.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "effect", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Effect {
    /// It is refused with this error, and nothing happens.
    Error { code: String, message: String, http_status: u16 },
    /// The connection is closed, and nothing happens.
    DropBefore,
    /// It is carried out, and the connection is closed without an answer.
    DropAfter,
    /// It is carried out after this many seconds.
    Slow { seconds: f64 },
    /// It is carried out, and what it works on ends in this status.
    EndStatus { status: String },
}

/// An order as it is written down.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Order {
    action: String,
    account: Option<String>,
    resource: Option<String>,
    nth: Option<u32>,
    times: Option<u32>,
    effect: String,
    code: Option<String>,
    message: Option<String>,
    http_status: Option<u16>,
    seconds: Option<f64>,
    status: Option<String>,
}

impl TryFrom<Order> for Fault {
    type Error = String;

    fn try_from(order: Order) -> Result<Self, String> {
        let effect = match (order.effect.as_str(), order.code, order.seconds, order.status) {
            ("error", Some(code), None, None) => Effect::Error {
                code,
                message: order.message.unwrap_or_default(),
                http_status: order.http_status.unwrap_or(400),
            },
            ("dropBefore", None, None, None) => Effect::DropBefore,
            ("dropAfter", None, None, None) => Effect::DropAfter,
            ("slow", None, Some(seconds), None) => Effect::Slow { seconds },
            ("endStatus", None, None, Some(status)) => Effect::EndStatus { status },
            (other, ..) => {
                return Err(format!(
                    "{other} is not an effect with what it needs and no more: error (code, message, httpStatus), \
                     dropBefore, dropAfter, slow (seconds), endStatus (status)"
                ));
            }
        };
        let nth = order.nth.unwrap_or(1);
        if nth == 0 {
            return Err("nth counts from 1".to_owned());
        }
        Ok(Self {
            action: order.action,
            account: order.account,
            resource: order.resource,
            nth,
            times: order.times.unwrap_or(1),
            effect,
            matched: 0,
        })
    }
}

/// The orders that stand.
#[derive(Debug, Default)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// Counts a call and says what happens to it. The first order that hits wins; all that match count.
    pub fn hit(&mut self, action: &str, account: &str, resource: &str) -> Option<Effect> {
        let mut effect = None;
        for fault in &mut self.0 {
            let matches = (fault.action == "*" || fault.action == action)
                && fault.account.as_deref().is_none_or(|wanted| wanted == account)
                && fault.resource.as_deref().is_none_or(|part| resource.contains(part));
            if matches {
                fault.matched += 1;
                let hits = fault.nth..fault.nth.saturating_add(fault.times);
                if effect.is_none() && hits.contains(&fault.matched) {
                    effect = Some(fault.effect.clone());
                }
            }
        }
        effect
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(json: &str) -> Fault {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn the_nth_matching_call_is_hit_and_no_other() {
        let text = r#"{"action": "CopyDBSnapshot", "resource": "orders", "nth": 2, "effect": "dropAfter"}"#;
        let mut faults = Faults(vec![order(text)]);
        let mut hit = |action, resource| faults.hit(action, "1", resource);
        assert_eq!(hit("CopyDBSnapshot", "arn:orders-1"), None);
        assert_eq!(hit("CopyDBSnapshot", "arn:other"), None);
        assert_eq!(hit("DeleteDBSnapshot", "arn:orders-1"), None);
        assert_eq!(hit("CopyDBSnapshot", "arn:orders-2"), Some(Effect::DropAfter));
        assert_eq!(hit("CopyDBSnapshot", "arn:orders-3"), None);
    }

    #[test]
    fn effects_bring_their_own_values() {
        let fault = order(r#"{"action": "*", "effect": "error", "code": "Throttling", "times": 3}"#);
        let expected = Effect::Error { code: "Throttling".into(), message: String::new(), http_status: 400 };
        assert_eq!(fault.effect, expected);
        for broken in [
            r#"{"action": "*", "effect": "error"}"#,
            r#"{"action": "*", "effect": "melt"}"#,
            r#"{"action": "*", "effect": "dropAfter", "seconds": 1}"#,
            r#"{"action": "*", "effect": "dropAfter", "nht": 2}"#,
            r#"{"action": "*", "effect": "dropAfter", "nth": 0}"#,
        ] {
            assert!(serde_json::from_str::<Fault>(broken).is_err(), "{broken}");
        }
    }
}
