//! What the policy of a key, a topic or a function says to one request, by the rules of IAM ("Policy evaluation logic").
//!
//! It judges the account or the service that asks, because whom an account lets do it is decided there. What cannot be known
//! here, such as the organisation of the caller, makes the answer unclear and never wrong.

use serde_json::Value;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub enum Principal<'a> {
    /// Somebody of an account.
    Account(&'a str),
    /// A service of AWS.
    Service(&'a str),
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who.
    pub principal: Principal<'a>,
    /// The action, such as `sns:Subscribe`.
    pub action: &'a str,
    /// The ARN of the thing.
    pub resource: &'a str,
    /// The condition keys that are known.
    pub context: &'a [(&'a str, &'a str)],
}

/// What the policy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It allows it.
    Allowed,
    /// A statement denies it.
    Denied,
    /// No statement allows it.
    Silent,
    /// That depends on what is not known here.
    Unclear,
}

/// How RDS names itself.
const RDS: &str = "rds.amazonaws.com";

/// What `kms:ViaService` is in a call that RDS of this Region makes.
pub fn through_rds(region: &str) -> String {
    RDS.replacen('.', &format!(".{region}."), 1)
}

/// What a policy says to a request.
pub fn judge(policy: &Value, request: &Request<'_>) -> Verdict {
    let applying = |effect: &str| -> Vec<Option<bool>> {
        list(&policy["Statement"])
            .filter(|statement| statement["Effect"] == effect)
            .map(|statement| applies(statement, request))
            .collect()
    };
    let (denying, allowing) = (applying("Deny"), applying("Allow"));
    if denying.contains(&Some(true)) {
        Verdict::Denied
    } else if denying.contains(&None) {
        Verdict::Unclear
    } else if allowing.contains(&Some(true)) {
        Verdict::Allowed
    } else if allowing.contains(&None) {
        Verdict::Unclear
    } else {
        Verdict::Silent
    }
}

/// Whether a statement is about the request; nothing if that is not known here.
fn applies(statement: &Value, request: &Request<'_>) -> Option<bool> {
    let named = |name: &str, value: &str, fold: bool| -> bool {
        let of_text = |text: &str| {
            if fold {
                is_like(&text.to_ascii_lowercase(), &value.to_ascii_lowercase())
            } else {
                is_like(text, value)
            }
        };
        list(&statement[name]).filter_map(Value::as_str).any(of_text)
    };
    let either = |positive: &str, negative: &str, value: &str, fold: bool| match statement.get(negative) {
        Some(_) => !named(negative, value, fold),
        None => named(positive, value, fold),
    };
    let is_about = either("Action", "NotAction", request.action, true)
        && either("Resource", "NotResource", request.resource, false);
    if !is_about {
        return Some(false);
    }
    let known = [names(statement, request.principal), conditions(&statement["Condition"], request.context)];
    match known {
        [Some(false), _] | [_, Some(false)] => Some(false),
        [None, _] | [_, None] => None,
        _ => Some(true),
    }
}

/// Whether a statement is about the one who asks.
fn names(statement: &Value, asking: Principal<'_>) -> Option<bool> {
    if statement.get("NotPrincipal").is_some() {
        return None;
    }
    let principal = &statement["Principal"];
    if principal == "*" {
        return Some(true);
    }
    let is_allow = statement["Effect"] == "Allow";
    match asking {
        Principal::Service(service) => {
            let named = list(&principal["Service"]).filter_map(Value::as_str).any(|one| one == service);
            Some(named || list(&principal["AWS"]).any(|one| one == "*"))
        }
        Principal::Account(account) => {
            let of_account =
                |one: &str| one == account || one == "*" || one.ends_with(&format!("::{account}:root"));
            // A role of the account may be allowed by itself; that one is denied says nothing of the others.
            let of_role = |one: &str| is_allow && one.split(':').nth(4) == Some(account);
            let mut named = list(&principal["AWS"]).filter_map(Value::as_str);
            Some(named.any(|one| of_account(one) || of_role(one)))
        }
    }
}

/// Whether all conditions are met.
fn conditions(all: &Value, context: &[(&str, &str)]) -> Option<bool> {
    let Some(operators) = all.as_object() else { return Some(true) };
    let mut is_known = true;
    for (operator, keys) in operators {
        for (key, values) in keys.as_object().into_iter().flatten() {
            let found =
                context.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| *value);
            match found.and_then(|found| is_met(operator, values, found)) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => is_known = false,
            }
        }
    }
    is_known.then_some(true)
}

fn is_met(operator: &str, values: &Value, found: &str) -> Option<bool> {
    let operator = operator.rsplit(':').next().unwrap_or(operator);
    let operator = operator.strip_suffix("IfExists").unwrap_or(operator);
    let texts: Vec<String> =
        list(values).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect();
    let any = |is: fn(&str, &str) -> bool| texts.iter().any(|text| is(text, found));
    match operator {
        "StringEquals" => Some(any(|text, found| text == found)),
        "StringEqualsIgnoreCase" | "Bool" => Some(any(str::eq_ignore_ascii_case)),
        "StringLike" | "ArnLike" | "ArnEquals" => Some(any(is_like)),
        "StringNotEquals" => Some(!any(|text, found| text == found)),
        "StringNotLike" | "ArnNotLike" | "ArnNotEquals" => Some(!any(is_like)),
        _ => None,
    }
}

/// Whether a text has a form in which `*` stands for any characters and `?` for one.
fn is_like(form: &str, text: &str) -> bool {
    let (form, text): (Vec<char>, Vec<char>) = (form.chars().collect(), text.chars().collect());
    let (mut at, mut in_text, mut star) = (0, 0, None);
    while in_text < text.len() {
        if at < form.len() && form[at] == '*' {
            star = Some((at, in_text));
            at += 1;
        } else if at < form.len() && (form[at] == '?' || form[at] == text[in_text]) {
            at += 1;
            in_text += 1;
        } else if let Some((place, taken)) = star {
            at = place + 1;
            in_text = taken + 1;
            star = Some((place, taken + 1));
        } else {
            return false;
        }
    }
    form[at..].iter().all(|c| *c == '*')
}

/// The members of a list, or the one that stands without a list.
fn list(value: &Value) -> impl Iterator<Item = &Value> {
    let one = (!value.is_array() && !value.is_null()).then_some(value);
    value.as_array().into_iter().flatten().chain(one)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn says(policy: &Value) -> Verdict {
        judge(
            policy,
            &Request {
                principal: Principal::Account("222222222222"),
                action: "kms:ReEncryptFrom",
                resource: "arn:aws:kms:eu-west-1:111111111111:key/k",
                context: &[("kms:ViaService", &through_rds("eu-west-1"))],
            },
        )
    }

    fn allow(principal: &str, action: &str) -> Value {
        json!({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": [action], "Resource": "*"})
    }

    const ROOT: &str = "arn:aws:iam::222222222222:root";

    #[test]
    fn a_policy_is_judged_as_aws_judges_it() {
        let statement = |other: Value| {
            let mut statement = allow(ROOT, "kms:ReEncrypt*");
            statement.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
            json!({"Statement": [statement]})
        };
        let via = |text: &str| statement(json!({"Condition": {"StringLike": {"kms:ViaService": [text]}}}));
        let deny = |other: Value| {
            let policy = statement(other);
            json!({"Statement": [allow(ROOT, "*"), policy["Statement"][0]]})
        };
        for (policy, expected) in [
            (json!({"Statement": allow(ROOT, "kms:ReEncrypt*")}), Verdict::Allowed),
            (json!({"Statement": [allow("222222222222", "KMS:reencryptfrom")]}), Verdict::Allowed),
            (json!({"Statement": [allow("arn:aws:iam::222222222222:role/copy", "kms:*")]}), Verdict::Allowed),
            (json!({"Statement": [allow("arn:aws:iam::333333333333:root", "kms:*")]}), Verdict::Silent),
            (json!({"Statement": [allow(ROOT, "kms:Decrypt")]}), Verdict::Silent),
            (json!({}), Verdict::Silent),
            (via("rds.eu-west-1.*"), Verdict::Allowed),
            (via("rds.eu-west-2.*"), Verdict::Silent),
            (
                statement(json!({"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}})),
                Verdict::Unclear,
            ),
            (statement(json!({"Condition": {"IpAddress": {"kms:ViaService": "1.1.1.1"}}})), Verdict::Unclear),
            (deny(json!({"Effect": "Deny"})), Verdict::Denied),
            (deny(json!({"Effect": "Deny", "Principal": "*"})), Verdict::Denied),
            (
                deny(json!({"Effect": "Deny", "Condition": {"StringNotLike": {"kms:ViaService": "rds.*"}}})),
                Verdict::Allowed,
            ),
            (
                deny(json!({"Effect": "Deny", "Principal": {"AWS": "arn:aws:iam::222222222222:role/other"}})),
                Verdict::Allowed,
            ),
            (
                deny(
                    json!({"Effect": "Deny", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}}),
                ),
                Verdict::Unclear,
            ),
        ] {
            assert_eq!(says(&policy), expected, "{policy}");
        }
    }

    #[test]
    fn a_service_is_named_as_such() {
        let policy = json!({"Statement": [{
            "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "lambda:InvokeFunction",
            "Resource": "arn:f", "Condition": {"ArnLike": {"AWS:SourceArn": "arn:topic"}}}]});
        let says = |service, source| {
            let context = [("aws:SourceArn", source)];
            let principal = Principal::Service(service);
            judge(
                &policy,
                &Request { principal, action: "lambda:InvokeFunction", resource: "arn:f", context: &context },
            )
        };
        assert_eq!(says("sns.amazonaws.com", "arn:topic"), Verdict::Allowed);
        assert_eq!(says("sns.amazonaws.com", "arn:other"), Verdict::Silent);
        assert_eq!(says("events.amazonaws.com", "arn:topic"), Verdict::Silent);
    }

    #[test]
    fn a_form_has_wildcards() {
        for (form, text, expected) in [
            ("a*c", "abbc", true),
            ("a*c", "ab", false),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a", "ab", false),
            ("*b*", "abc", true),
        ] {
            assert_eq!(is_like(form, text), expected, "{form} {text}");
        }
    }
}
