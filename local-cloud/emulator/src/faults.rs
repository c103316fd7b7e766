//! Faults on order: the n-th matching call fails, is slow, loses its answer, or makes something end badly.

use serde::{Deserialize, Serialize};

/// One order, as the admin API takes and shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "Order")]
pub struct Fault {
    /// Its number, by which it is taken back.
    pub id: u64,
    /// The action, or `*`.
    pub action: String,
    /// Only calls of this account.
    pub account: Option<String>,
    /// Only calls of a principal whose ARN has this in it, such as the role of one function.
    pub principal: Option<String>,
    /// Only calls whose main resource's ARN has this in it.
    pub resource: Option<String>,
    /// The first matching call that is hit, counted from 1.
    pub nth: u32,
    /// How many matching calls are hit.
    pub times: u32,
    /// From the first one on every so many matching calls one is hit: 1 hits them in a row, 5 a fifth of them.
    pub every: u32,
    /// How long a call that is hit is held before anything happens, in seconds. An order that is taken back holds nothing.
    pub seconds: f64,
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
    /// It is carried out, after the seconds of the order.
    Slow,
    /// It is carried out, and what it works on ends in this status.
    EndStatus { status: String },
    /// Its answer has no tags.
    HideTags,
    /// Its answer (of a Describe) is that of so many seconds ago.
    Stale { age: f64 },
    /// What was made, or shared with its caller, less than so many seconds ago is not there for it.
    Late { age: f64 },
}

/// What a call does not see. Orders for it add up, and leave the call to other orders.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Veil {
    /// Whether it sees no tags.
    pub hides_tags: bool,
    /// How old what it sees is, in seconds.
    pub stale: f64,
    /// For how long it does not see what is new, in seconds.
    pub late: f64,
}

/// What orders do to a call.
#[derive(Debug, PartialEq, Default)]
pub struct Hit {
    pub effect: Option<Held>,
    pub veil: Veil,
}

/// An effect, and what holds the call before it.
#[derive(Debug, PartialEq)]
pub struct Held {
    pub effect: Effect,
    /// For how many seconds it is held at most.
    pub seconds: f64,
    /// The order that holds it for as long as it stands.
    pub order: u64,
}

impl Veil {
    /// Adds what `effect` hides; says whether it is of that kind.
    fn add(&mut self, effect: &Effect) -> bool {
        match effect {
            Effect::HideTags => self.hides_tags = true,
            Effect::Stale { age } => self.stale = self.stale.max(*age),
            Effect::Late { age } => self.late = self.late.max(*age),
            _ => return false,
        }
        true
    }
}

/// An order as it is written down.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Order {
    action: String,
    account: Option<String>,
    principal: Option<String>,
    resource: Option<String>,
    nth: Option<u32>,
    times: Option<u32>,
    every: Option<u32>,
    effect: String,
    code: Option<String>,
    message: Option<String>,
    http_status: Option<u16>,
    seconds: Option<f64>,
    age: Option<f64>,
    status: Option<String>,
}

impl TryFrom<Order> for Fault {
    type Error = String;

    fn try_from(order: Order) -> Result<Self, String> {
        let effect = match (order.effect.as_str(), order.code, order.seconds, order.status) {
            ("error", Some(code), _, None) => Effect::Error {
                code,
                message: order.message.unwrap_or_default(),
                http_status: order.http_status.unwrap_or(400),
            },
            ("dropBefore", None, _, None) => Effect::DropBefore,
            ("dropAfter", None, _, None) => Effect::DropAfter,
            ("slow", None, Some(_), None) => Effect::Slow,
            ("endStatus", None, _, Some(status)) => Effect::EndStatus { status },
            ("hideTags", None, None, None) => Effect::HideTags,
            ("stale", None, None, None) => Effect::Stale { age: age(order.age)? },
            ("late", None, None, None) => Effect::Late { age: age(order.age)? },
            (other, ..) => {
                return Err(format!(
                    "{other} is not an effect with what it needs and no more: error (code, message, httpStatus), \
                     dropBefore, dropAfter, slow (seconds), endStatus (status); each may have seconds, for which the call is held \
                     first; and without seconds hideTags, stale (age), late (age)"
                ));
            }
        };
        let nth = order.nth.unwrap_or(1);
        let every = order.every.unwrap_or(1);
        if nth == 0 || every == 0 {
            return Err("nth and every count from 1".to_owned());
        }
        Ok(Self {
            id: 0,
            action: order.action,
            account: order.account,
            principal: order.principal,
            resource: order.resource,
            nth,
            times: order.times.unwrap_or(1),
            every,
            seconds: order.seconds.unwrap_or(0.0),
            effect,
            matched: 0,
        })
    }
}

/// An age in seconds, of which no history is longer.
fn age(given: Option<f64>) -> Result<f64, String> {
    given.filter(|age| (0.0..=600.0).contains(age)).ok_or_else(|| "age must be 0 to 600 seconds".to_owned())
}

/// A call, as orders see it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub action: &'a str,
    pub account: &'a str,
    pub principal_arn: &'a str,
    pub resource: &'a str,
}

impl Fault {
    fn matches(&self, call: Seen<'_>) -> bool {
        let has = |part: &Option<String>, arn: &str| part.as_deref().is_none_or(|part| arn.contains(part));
        (self.action == "*" || self.action == call.action)
            && self.account.as_deref().is_none_or(|wanted| wanted == call.account)
            && has(&self.principal, call.principal_arn)
            && has(&self.resource, call.resource)
    }

    /// Whether the call that has matched last is hit.
    fn hits(&self) -> bool {
        self.matched
            .checked_sub(self.nth)
            .is_some_and(|since| since.is_multiple_of(self.every) && since / self.every < self.times)
    }
}

/// The orders that stand.
#[derive(Debug, Default)]
pub struct Faults {
    standing: Vec<Fault>,
    last_id: u64,
}

impl Faults {
    /// Takes an order; answers it with its number.
    pub fn add(&mut self, fault: Fault) -> Fault {
        self.last_id += 1;
        let fault = Fault { id: self.last_id, ..fault };
        self.standing.push(fault.clone());
        fault
    }

    /// The orders that stand, oldest first.
    pub fn standing(&self) -> &[Fault] {
        &self.standing
    }

    /// Whether an order stands.
    pub fn stands(&self, id: u64) -> bool {
        self.standing.iter().any(|fault| fault.id == id)
    }

    /// Takes back all orders.
    pub fn clear(&mut self) {
        self.standing.clear();
    }

    /// Takes back one order; says whether it stood.
    pub fn remove(&mut self, id: u64) -> bool {
        let before = self.standing.len();
        self.standing.retain(|fault| fault.id != id);
        self.standing.len() < before
    }

    /// Whether an order is for such a call.
    pub fn awaits(&self, call: Seen<'_>) -> bool {
        self.standing.iter().any(|fault| fault.matches(call))
    }

    /// Counts a call and says what happens to it. Of the effects the first that hits wins, all that is hidden adds up;
    /// all orders that match count.
    pub fn hit(&mut self, call: Seen<'_>) -> Hit {
        let mut hit = Hit::default();
        for fault in &mut self.standing {
            if fault.matches(call) {
                fault.matched += 1;
                if fault.hits() && !hit.veil.add(&fault.effect) && hit.effect.is_none() {
                    let Fault { effect, seconds, id: order, .. } = fault.clone();
                    hit.effect = Some(Held { effect, seconds, order });
                }
            }
        }
        hit
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
        let mut faults = Faults::default();
        let text = r#"{"action": "CopyDBSnapshot", "resource": "orders", "principal": "/copy", "nth": 2, "effect": "dropAfter", "seconds": 3}"#;
        let id = faults.add(order(text)).id;
        let mut hit = |action, principal_arn, resource| {
            faults.hit(Seen { action, account: "1", principal_arn, resource }).effect
        };
        assert_eq!(hit("CopyDBSnapshot", "arn:role/copy", "arn:orders-1"), None);
        assert_eq!(hit("CopyDBSnapshot", "arn:role/copy", "arn:other"), None);
        assert_eq!(hit("CopyDBSnapshot", "arn:role/share", "arn:orders-1"), None);
        assert_eq!(hit("DeleteDBSnapshot", "arn:role/copy", "arn:orders-1"), None);
        assert_eq!(
            hit("CopyDBSnapshot", "arn:role/copy", "arn:orders-2"),
            Some(Held { effect: Effect::DropAfter, seconds: 3.0, order: id })
        );
        assert_eq!(hit("CopyDBSnapshot", "arn:role/copy", "arn:orders-3"), None);
        assert!(faults.stands(id) && faults.remove(id));
        assert!(!faults.stands(id) && !faults.remove(id));
    }

    #[test]
    fn one_of_so_many_matching_calls_is_hit() {
        let mut faults = Faults::default();
        let text = r#"{"action": "*", "effect": "dropAfter", "nth": 2, "every": 3, "times": 2}"#;
        faults.add(order(text));
        let seen = Seen { action: "DescribeDBInstances", account: "1", principal_arn: "", resource: "" };
        let hits: Vec<bool> = (1..=9).map(|_| faults.hit(seen).effect.is_some()).collect();
        let hit = [2, 5];
        assert_eq!(hits, (1..=9).map(|call| hit.contains(&call)).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_hidden_adds_up_and_leaves_other_effects() {
        let mut faults = Faults::default();
        for text in [
            r#"{"action": "*", "effect": "stale", "age": 3}"#,
            r#"{"action": "*", "effect": "slow", "seconds": 1}"#,
            r#"{"action": "*", "effect": "hideTags", "times": 2}"#,
            r#"{"action": "*", "effect": "late", "age": 5}"#,
        ] {
            faults.add(order(text));
        }
        let seen = Seen { action: "DescribeDBInstances", account: "1", principal_arn: "", resource: "" };
        let veil = Veil { hides_tags: true, stale: 3.0, late: 5.0 };
        let held = Held { effect: Effect::Slow, seconds: 1.0, order: 2 };
        assert_eq!(faults.hit(seen), Hit { effect: Some(held), veil });
        assert_eq!(faults.hit(seen).veil, Veil { hides_tags: true, ..Veil::default() });
        assert_eq!(faults.hit(seen), Hit::default());
    }

    #[test]
    fn effects_bring_their_own_values() {
        let fault = order(r#"{"action": "*", "effect": "error", "code": "Throttling", "times": 3}"#);
        let expected = Effect::Error { code: "Throttling".into(), message: String::new(), http_status: 400 };
        assert_eq!(fault.effect, expected);
        for broken in [
            r#"{"action": "*", "effect": "error"}"#,
            r#"{"action": "*", "effect": "melt"}"#,
            r#"{"action": "*", "effect": "slow"}"#,
            r#"{"action": "*", "effect": "dropAfter", "status": "failed"}"#,
            r#"{"action": "*", "effect": "dropAfter", "nht": 2}"#,
            r#"{"action": "*", "effect": "dropAfter", "nth": 0}"#,
            r#"{"action": "*", "effect": "dropAfter", "every": 0}"#,
            r#"{"action": "*", "effect": "stale"}"#,
            r#"{"action": "*", "effect": "late", "age": -1}"#,
            r#"{"action": "*", "effect": "hideTags", "seconds": 1}"#,
        ] {
            assert!(serde_json::from_str::<Fault>(broken).is_err(), "{broken}");
        }
    }
}
