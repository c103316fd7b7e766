//! Why a secret cannot be read, and what to do about it.

/// Codes of our own for what AWS answers with `InvalidRequestException` or `ResourceNotFoundException`, which say too little.
pub const SCHEDULED_FOR_DELETION: &str = "SecretScheduledForDeletion";
pub const CREATED_ANEW: &str = "SecretCreatedAnew";
pub const DELETED: &str = "SecretDeleted";
pub const WITHOUT_VALUE: &str = "SecretWithoutValue";
/// It is no JSON object in text form with our two fields as texts.
pub const INVALID: &str = "SecretInvalid";

/// How many characters Secrets Manager adds to the name of a secret in its ARN.
const SUFFIX_LENGTH: usize = 6;

/// The name of a secret. That of one that was there before the stack is known by its ARN only, which ends in six characters.
pub fn plain_name(secret: &str) -> String {
    if !secret.starts_with("arn:") {
        return secret.to_owned();
    }
    let name = secret.splitn(7, ':').last().unwrap_or_default();
    match name.rsplit_once('-') {
        Some((name, suffix))
            if suffix.len() == SUFFIX_LENGTH && suffix.chars().all(|c| c.is_ascii_alphanumeric()) =>
        {
            name.to_owned()
        }
        _ => name.to_owned(),
    }
}

/// What is wrong with a secret that no function can use and how to fix it; nothing for every other code.
pub fn unusable(code: &str, arn: &str, name: &str) -> Option<String> {
    let plain = plain_name(name);
    let name = if plain.is_empty() { arn } else { &plain };
    let (said, remedy) = match code {
        SCHEDULED_FOR_DELETION => (
            format!("the secret {name} is scheduled for deletion: no function can read or move it"),
            format!(
                "restore it with aws secretsmanager restore-secret --secret-id {arn}, or deploy with \
                 ExistingSecretArn=<the whole ARN of another one>"
            ),
        ),
        // A secret that is created by hand always has another ARN, even under the same name.
        CREATED_ANEW => (
            format!(
                "the secret {name} was deleted and created anew: the functions hold the ARN of the old one, {arn}, which is gone"
            ),
            "deploy with ExistingSecretArn=<the whole ARN of the new one>; a secret of the same name never has the same ARN"
                .to_owned(),
        ),
        DELETED => (
            format!("the secret {name} does not exist any more; the functions hold its ARN, {arn}"),
            "create one, and deploy with ExistingSecretArn=<its whole ARN>; its name alone does not help, because it has another \
             ARN"
                .to_owned(),
        ),
        WITHOUT_VALUE => (
            format!("the secret {name} has no value"),
            r#"give it a value, {"db_host":"","db_prefix":""} before the first replication"#.to_owned(),
        ),
        _ => return None,
    };
    Some(format!("{said}; to fix this: {remedy}"))
}

/// Why no run can use a secret: as [`unusable`], or because of what is in it.
pub fn refusal(code: &str, arn: &str, name: &str) -> Option<String> {
    let invalid = || {
        format!(
            "the secret {} is no JSON object in text form with db_host and db_prefix as texts; to fix this: make it one; before the \
             first replication both are \"\"",
            plain_name(name)
        )
    };
    unusable(code, arn, name).or_else(|| (code == INVALID).then(invalid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_secret_is_in_its_arn() {
        let arn = "arn:aws:secretsmanager:eu-west-1:222222222222:secret:orders/read-aB3dEf";
        assert_eq!(
            [arn, "orders/read-aB3dEf", ""].map(plain_name),
            ["orders/read", "orders/read-aB3dEf", ""]
        );
    }
}
