use replication::ErrorName;

use super::*;

#[test]
fn the_environment_is_read() {
    let environment: Environment = [
        ("STACK_NAME", "stack"),
        ("SECRET_ARN", "secret"),
        ("DATABASE_NAME", "copy"),
        ("SOURCE_DB_IDENTIFIER", "orders"),
        ("NO_OF_OLDER_INSTANCES", "2"),
        ("PROMOTE", "automatic"),
        ("MASTER_PASSWORD", "keep"),
        ("SECRET_FIELDS", "standard"),
        ("STAGE_DEADLINE_SECONDS", "60"),
    ]
    .into_iter()
    .collect();
    let config = Config::read(&environment).unwrap();
    let rules = config.rules();
    assert!(rules.promotes && !rules.rotates_passwords && rules.adds_standard_fields);
    assert_eq!((rules.stack, rules.older_to_keep), ("stack", 2));
}

#[test]
fn a_word_that_is_no_choice_is_named() {
    let environment: Environment = [("PROMOTE", "x")].into_iter().collect();
    let error = environment.choice("PROMOTE", ["manual", "automatic"]).unwrap_err();
    assert_eq!(error.name(), ErrorName::InvalidConfiguration);
    assert!(error.to_string().contains("PROMOTE: \"x\" is neither manual nor automatic"), "{error}");
}
