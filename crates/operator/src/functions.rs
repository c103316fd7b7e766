//! What the stacks say to their functions, read from the functions themselves: the same variables, read by the same reader.

use std::collections::BTreeMap;

use replication::environment::Environment;
use serde_json::Value;

use crate::account::Account;
use crate::failure::Failure;
use crate::question::get;
use crate::status::facts::Stack;
use crate::status::observe::stacks;

/// What a function is called in a template.
const FUNCTION: &str = "AWS::Lambda::Function";
/// The API of Lambda that describes a function.
const PATH: &str = "2015-03-31/functions";
/// What Lambda calls a function that is not there.
pub const GONE: &str = "ResourceNotFoundException";
/// The right that it takes to describe one.
pub const READ_FUNCTION: &str = "lambda:GetFunctionConfiguration";
/// The processors of a function that cost less.
const ARM: &str = "arm64";

/// One function of a stack.
#[derive(Debug, Clone, Default)]
pub struct Function {
    /// Its ARN.
    pub arn: String,
    /// `State`; empty where Lambda does not say it.
    pub state: String,
    /// `StateReason`.
    pub reason: String,
    /// The digest of its code.
    pub digest: String,
    /// The processor that it is for.
    pub architecture: String,
    /// What the stack says to it.
    pub environment: Environment,
    /// Its memory in MB.
    pub memory: i64,
}

impl Function {
    /// Whether it runs on ARM processors.
    pub fn is_arm(&self) -> bool {
        self.architecture == ARM
    }
}

/// The functions of a stack, by their logical names.
#[derive(Debug, Clone, Default)]
pub struct Functions(BTreeMap<String, Function>);

impl Functions {
    /// The function of a logical name.
    ///
    /// # Errors
    /// If the stack has none.
    pub fn of(&self, name: &str) -> Result<&Function, Failure> {
        let lacks = || {
            Failure::new(format!("the stack has no {name}; was it deployed with this project's template?"))
        };
        self.0.get(name).ok_or_else(lacks)
    }

    /// Any of them; all of a stack have the same memory and processors.
    pub fn any(&self) -> Option<&Function> {
        self.0.values().next()
    }
}

/// Reads those functions of a stack that have one of these logical names.
///
/// # Errors
/// A fault of CloudFormation or Lambda.
pub async fn read(account: &Account, stack: &Stack, wanted: &[&str]) -> Result<Functions, Failure> {
    let mut functions = BTreeMap::new();
    for (logical, physical) in names(account, stack).await? {
        if wanted.contains(&logical.as_str()) {
            functions.insert(logical, one(account, &physical).await?);
        }
    }
    Ok(Functions(functions))
}

/// The physical names of the functions of a stack, by their logical names.
///
/// # Errors
/// A fault of CloudFormation.
pub async fn names(account: &Account, stack: &Stack) -> Result<BTreeMap<String, String>, Failure> {
    stacks::physical_ids(account, stack, FUNCTION).await
}

/// The function of a physical name.
///
/// # Errors
/// A fault of Lambda.
pub async fn one(account: &Account, name: &str) -> Result<Function, Failure> {
    let path = format!("{PATH}/{name}/configuration");
    get(account, "lambda", READ_FUNCTION, &path).await.map(|answer| described(&answer))
}

/// How many invocations of a function may run at once, if that is reserved for it; with 0 nothing can call it.
///
/// # Errors
/// A fault of Lambda.
pub async fn reserved_concurrency(account: &Account, name: &str) -> Result<Option<i64>, Failure> {
    let path = format!("2019-09-30/functions/{name}/concurrency");
    let answer = get(account, "lambda", "lambda:GetFunctionConcurrency", &path).await?;
    Ok(answer["ReservedConcurrentExecutions"].as_i64())
}

fn described(answer: &Value) -> Function {
    let variables = answer.pointer("/Environment/Variables").and_then(Value::as_object);
    let variables = variables.into_iter().flatten();
    let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    let said = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    Function {
        arn: said("FunctionArn"),
        state: said("State"),
        reason: said("StateReason"),
        digest: said("CodeSha256"),
        architecture: answer["Architectures"][0].as_str().unwrap_or("x86_64").to_owned(),
        environment: variables.filter_map(text).collect(),
        memory: answer["MemorySize"].as_i64().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_function_says_what_its_stack_says_to_it() {
        let found = described(&json!({"MemorySize": 128, "Architectures": ["arm64"],
            "Environment": {"Variables": {"STACK_NAME": "orders"}}}));
        assert_eq!(found.environment.text("STACK_NAME").unwrap(), "orders");
        assert_eq!((found.memory, found.is_arm()), (128, true));
        let bare = described(&json!({}));
        assert!(bare.environment.text("STACK_NAME").is_err() && !bare.is_arm());
    }
}
