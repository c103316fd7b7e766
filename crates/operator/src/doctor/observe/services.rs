//! Single questions to services of which no more is wanted.

use std::collections::BTreeSet;

use replication::naming::arn_part;
use serde_json::{Value, json};

use super::in_region;
use crate::account::Account;
use crate::doctor::facts::{Key, Read, Subscription, Watching};
use crate::doctor::policy::through_rds;
use crate::failure::Failure;
use crate::question::{Query, Question, ask, ask_query, get};
use crate::status::facts::Stack;
use crate::status::observe::{single, stacks};

const KEY_POLICY: Question = Question {
    service: "kms",
    operation: "kms:GetKeyPolicy",
    target: "TrentService.GetKeyPolicy",
    version: "1.1",
};
const TOPIC: Query = Query { service: "sns", operation: "sns:GetTopicAttributes", version: SNS };
const OF_TOPIC: Query = Query { service: "sns", operation: "sns:ListSubscriptionsByTopic", version: SNS };
const OF_ACCOUNT: Query = Query { service: "sns", operation: "sns:ListSubscriptions", version: SNS };
/// The versions of the APIs that are asked in the Query protocol.
const SNS: &str = "2010-03-31";
const IAM: &str = "2010-05-08";
const SIMULATE: Query = Query { service: "iam", operation: "iam:SimulatePrincipalPolicy", version: IAM };
/// How the ARN of a subscription begins. One that waits for its confirmation has `PendingConfirmation` in its place.
const ARN: &str = "arn:";
/// What one has in its place that is on its way out, which is listed for days (API of SNS, `ListSubscriptions`).
const UNSUBSCRIBED: &str = "Deleted";
/// How many pages of subscriptions are read.
const MOST_PAGES: usize = 50;

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// A KMS key, in the Region that its ARN names.
pub async fn key(account: &Account, key: &str) -> Read<Key> {
    let account = in_region(account, arn_part(key, 3));
    let found = single::key(&account, key).await?;
    let text = |name: &str| found[name].as_str().map(str::to_owned);
    Ok(Key {
        arn: text("Arn").unwrap_or_default(),
        state: text("KeyState"),
        usage: text("KeyUsage"),
        spec: text("KeySpec").or_else(|| text("CustomerMasterKeySpec")),
        manager: text("KeyManager"),
    })
}

/// The policy of a key.
pub async fn key_policy(account: &Account, key: &str) -> Read<Value> {
    let account = in_region(account, arn_part(key, 3));
    let answer = ask(&account, KEY_POLICY, &json!({"KeyId": key, "PolicyName": "default"})).await?;
    Ok(document(answer["Policy"].as_str()))
}

/// The policy in a text; one that cannot be read allows nothing.
fn document(text: Option<&str>) -> Value {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// The policy of a topic.
pub async fn topic_policy(account: &Account, topic: &str) -> Read<Value> {
    let account = in_region(account, arn_part(topic, 3));
    let answer = ask_query(&account, TOPIC, &[pair("TopicArn", topic)]).await?;
    let mut attributes = answer.members("Attributes").iter();
    let policy = attributes.find(|entry| entry.text_of("key") == "Policy");
    Ok(document(policy.map(|entry| entry.text_of("value"))))
}

/// The subscriptions to a topic, as its owner sees them.
pub async fn subscriptions(account: &Account, topic: &str) -> Read<Vec<Subscription>> {
    let account = in_region(account, arn_part(topic, 3));
    Ok(listed(&account, OF_TOPIC, &[pair("TopicArn", topic)]).await?)
}

/// The account's own subscription of this function to a topic of another account.
pub async fn own_subscription(account: &Account, topic: &str, function: &str) -> Read<Option<Subscription>> {
    let account = in_region(account, arn_part(topic, 3));
    let all = listed(&account, OF_ACCOUNT, &[]).await?;
    Ok(all.into_iter().find(|one| one.topic == topic && one.endpoint == function))
}

async fn listed(
    account: &Account,
    question: Query,
    fields: &[(String, String)],
) -> Result<Vec<Subscription>, Failure> {
    let (mut found, mut token) = (Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let fields: Vec<(String, String)> = fields.iter().cloned().chain(token.take()).collect();
        let answer = ask_query(account, question, &fields).await?;
        let there = answer.members("Subscriptions").iter();
        let there = there.filter(|one| one.text_of("SubscriptionArn") != UNSUBSCRIBED);
        found.extend(there.map(|one| {
            let arn = one.text_of("SubscriptionArn");
            Subscription {
                arn: Some(arn.to_owned()).filter(|arn| arn.starts_with(ARN)),
                topic: one.text_of("TopicArn").to_owned(),
                protocol: one.text_of("Protocol").to_owned(),
                endpoint: one.text_of("Endpoint").to_owned(),
            }
        }));
        match answer.find("NextToken").filter(|next| !next.text.is_empty()) {
            Some(next) => token = Some(pair("NextToken", &next.text)),
            None => return Ok(found),
        }
    }
    let operation = question.operation;
    Err(Failure::new(format!("{operation} has more than {MOST_PAGES} pages, and the rest was not read")))
}

/// The policy of a function; nothing if it has none.
pub async fn function_policy(account: &Account, name: &str) -> Read<Option<Value>> {
    let path = format!("2015-03-31/functions/{name}/policy");
    match get(account, "lambda", "lambda:GetPolicy", &path).await {
        Ok(answer) => Ok(Some(document(answer["Policy"].as_str()))),
        Err(failure) if failure.code == "ResourceNotFoundException" => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

/// Which of the actions the policies of a role, by its ARN, do not let it do with a key through RDS of one of the Regions.
pub async fn refused(
    account: &Account,
    role: &str,
    key: &str,
    regions: &BTreeSet<&str>,
    actions: &[&str],
) -> Result<Vec<String>, Failure> {
    let mut refused = BTreeSet::new();
    for region in regions {
        let context = [
            ("kms:ViaService", "string", through_rds(region)),
            ("kms:GrantIsForAWSResource", "boolean", "true".to_owned()),
        ];
        let mut fields = vec![pair("PolicySourceArn", role), pair("ResourceArns.member.1", key)];
        let named = actions.iter().enumerate();
        fields.extend(
            named.map(|(place, action)| (format!("ActionNames.member.{}", place + 1), (*action).to_owned())),
        );
        for (place, (name, kind, value)) in context.into_iter().enumerate() {
            let entry = format!("ContextEntries.member.{}", place + 1);
            fields.push((format!("{entry}.ContextKeyName"), name.to_owned()));
            fields.push((format!("{entry}.ContextKeyType"), kind.to_owned()));
            fields.push((format!("{entry}.ContextKeyValues.member.1"), value));
        }
        let answer = ask_query(account, SIMULATE, &fields).await?;
        let results = answer.members("EvaluationResults").iter();
        let denied = results.filter(|one| one.text_of("EvalDecision") != "allowed");
        refused.extend(denied.map(|one| one.text_of("EvalActionName").to_owned()));
    }
    Ok(refused.into_iter().collect())
}

/// The alarms of a stack, and those that it has and CloudWatch does not, as `logical (physical)` names.
pub async fn alarms(account: &Account, stack: &Stack) -> Read<(Vec<Watching>, Vec<String>)> {
    let ids = stacks::physical_ids(account, stack, single::ALARM).await?;
    let found = single::described_alarms(account, &ids).await?;
    let is_there = |logical: &String| found.iter().any(|(alarm, _)| alarm.name == *logical);
    let gone = ids.iter().filter(|(logical, _)| !is_there(logical));
    let gone = gone.map(|(logical, physical)| format!("{logical} ({physical})")).collect();
    let actions = |said: &Value| {
        let all = said["AlarmActions"].as_array().into_iter().flatten();
        all.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let read = |(alarm, said): (_, Value)| Watching {
        alarm,
        physical: said["AlarmName"].as_str().unwrap_or_default().to_owned(),
        actions: actions(&said),
        is_on: said["ActionsEnabled"].as_bool().unwrap_or(true),
    };
    Ok((found.into_iter().map(read).collect(), gone))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::tests::FakeAccount;

    const TOPIC_ARN: &str = "arn:aws:sns:eu-west-1:111111111111:topic";

    #[tokio::test]
    async fn only_a_subscription_with_an_arn_is_confirmed() {
        let fake = FakeAccount::new("111111111111");
        let all = ["Deleted", "PendingConfirmation", "arn:aws:sns:eu-west-1:111111111111:topic:one"];
        let all = all.map(|arn| json!({"SubscriptionArn": arn, "TopicArn": TOPIC_ARN}));
        fake.page("ListSubscriptionsByTopic", "Subscriptions", "NextToken", all.to_vec());
        let found = subscriptions(&fake.account(), TOPIC_ARN).await.unwrap();
        let confirmed: Vec<bool> = found.iter().map(|one| one.arn.is_some()).collect();
        assert_eq!(confirmed, [false, true], "what was unsubscribed does not count");
    }

    #[tokio::test]
    async fn a_list_that_does_not_end_is_not_taken_for_whole() {
        let fake = FakeAccount::new("111111111111");
        fake.answer("ListSubscriptionsByTopic", json!({"Subscriptions": [], "NextToken": "more"}));
        let unread = subscriptions(&fake.account(), TOPIC_ARN).await.unwrap_err();
        assert_eq!(unread.right, "sns:ListSubscriptionsByTopic");
        assert_eq!(fake.count("ListSubscriptionsByTopic"), MOST_PAGES);
    }

    #[tokio::test]
    async fn an_alarm_that_somebody_deleted_is_named() {
        let fake = FakeAccount::new("111111111111");
        let alarm = |name: &str| {
            json!({"LogicalResourceId": name, "PhysicalResourceId": format!("stack-{name}"),
                   "ResourceType": single::ALARM, "ResourceStatus": "CREATE_COMPLETE",
                   "LastUpdatedTimestamp": "2026-01-01T00:00:00Z"})
        };
        fake.answer("ListStackResources", json!({"StackResourceSummaries": [alarm("One"), alarm("Two")]}));
        fake.answer(
            "DescribeAlarms",
            json!({"MetricAlarms": [{"AlarmName": "stack-Two", "StateValue": "OK"}]}),
        );
        let stack = Stack {
            name: "stack".to_owned(),
            status: String::new(),
            parameters: BTreeMap::new(),
            outputs: BTreeMap::new(),
            created: None,
            pattern: String::new(),
        };
        let (there, gone) = alarms(&fake.account(), &stack).await.unwrap();
        assert_eq!(there.iter().map(|one| one.alarm.name.as_str()).collect::<Vec<_>>(), ["Two"]);
        assert_eq!(gone, ["One (stack-One)"]);
    }
}
