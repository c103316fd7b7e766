//! Stories of the whole product: the shipped functions, machines and templates, in two accounts, over real databases.
//!
//! All stories share one local cloud of their own (`target/end-to-end`), which this program starts and ends; that is
//! why it has a `main` instead of the usual test harness. Each story has its own stacks and databases, so they run
//! side by side. `end-to-end NAME...` runs the stories whose name contains one of the words.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a story fails by panicking, and it watches a world that has its own clock"
)]

mod stories;

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use serde_json::json;

use harness::cloud::{Cloud, ask};

/// A story: its name, and what happens in it.
type Story = (&'static str, fn(&Cloud));

/// The longest first, so that the last one to end is not the one that began last.
const STORIES: &[Story] = &[
    ("twelve_databases_share_a_pair_of_stacks", stories::dozen::twelve_databases_share_a_pair_of_stacks),
    ("a_run_costs_the_same_in_a_crowded_account", stories::crowd::a_run_costs_the_same_in_a_crowded_account),
    ("rows_arrive_in_another_region", stories::regions::rows_arrive_in_another_region),
    ("an_operator_goes_back_and_forward", stories::returning::an_operator_goes_back_and_forward),
    (
        "what_the_original_made_is_adopted_left_and_used_again",
        stories::moving::what_the_original_made_is_adopted_left_and_used_again,
    ),
    (
        "what_waits_is_released_and_what_is_due_goes_one_by_one",
        stories::releasing::what_waits_is_released_and_what_is_due_goes_one_by_one,
    ),
    (
        "a_run_deletes_what_it_has_planned_and_says_what_hinders_it",
        stories::pruning::a_run_deletes_what_it_has_planned_and_says_what_hinders_it,
    ),
    (
        "the_doctor_names_what_is_broken_and_its_remedy",
        stories::doctor::the_doctor_names_what_is_broken_and_its_remedy,
    ),
    ("a_trial_arrives_and_leaves_nothing", stories::trial::a_trial_arrives_and_leaves_nothing),
    ("a_trial_that_fails_leaves_nothing", stories::trial::a_trial_that_fails_leaves_nothing),
    (
        "a_trial_that_was_killed_is_destroyed_later",
        stories::trial::a_trial_that_was_killed_is_destroyed_later,
    ),
    ("a_full_quota_makes_room_for_the_next_run", stories::room::a_full_quota_makes_room_for_the_next_run),
    (
        "a_fleet_names_what_failed_and_goes_on_where_it_was_stopped",
        stories::fleet::a_fleet_names_what_failed_and_goes_on_where_it_was_stopped,
    ),
    ("a_fleet_arrives_in_another_region", stories::regions::a_fleet_arrives_in_another_region),
    ("a_plan_is_what_its_run_does", stories::planning::a_plan_is_what_its_run_does),
    ("databases_are_replicated_side_by_side", stories::pairs::databases_are_replicated_side_by_side),
    (
        "a_secret_that_is_there_is_used_and_outlives_the_stack",
        stories::adopting::a_secret_that_is_there_is_used_and_outlives_the_stack,
    ),
    (
        "an_operator_needs_these_rights_and_no_others",
        stories::operating::an_operator_needs_these_rights_and_no_others,
    ),
    ("only_the_secret_opens_a_copy", stories::rotating::only_the_secret_opens_a_copy),
    (
        "a_copy_has_every_option_before_the_secret_names_it",
        stories::options::a_copy_has_every_option_before_the_secret_names_it,
    ),
    (
        "what_is_older_goes_and_what_is_foreign_stays",
        stories::keeping::what_is_older_goes_and_what_is_foreign_stays,
    ),
    (
        "rows_arrive_twice_and_secrets_stay_secret",
        stories::arriving::rows_arrive_twice_and_secrets_stay_secret,
    ),
    ("wrong_settings_end_a_run_before_the_copy", stories::settings::wrong_settings_end_a_run_before_the_copy),
    ("an_encrypted_source_is_shared_as_it_is", stories::sharing::an_encrypted_source_is_shared_as_it_is),
    ("a_stacks_own_key_serves_its_account", stories::sharing::a_stacks_own_key_serves_its_account),
    (
        "the_message_of_the_original_is_replicated",
        stories::message::the_message_of_the_original_is_replicated,
    ),
    ("another_engine_is_asked_in_its_own_way", stories::options::another_engine_is_asked_in_its_own_way),
    (
        "what_would_be_refused_later_is_refused_before_the_copy",
        stories::options::what_would_be_refused_later_is_refused_before_the_copy,
    ),
    ("an_organisations_rules_are_met", stories::organisation::an_organisations_rules_are_met),
    ("every_documented_status_is_sorted", stories::statuses::every_documented_status_is_sorted),
    ("what_no_run_can_report_is_alerted", stories::telling::what_no_run_can_report_is_alerted),
    ("without_the_key_nothing_half_made_is_left", stories::key::without_the_key_nothing_half_made_is_left),
    (
        "plain_commands_work_with_the_printed_exports",
        stories::commands::plain_commands_work_with_the_printed_exports,
    ),
];

/// Two cores run this; a story mostly waits for its databases.
const SIDE_BY_SIDE: usize = 3;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let chosen: VecDeque<Story> = STORIES
        .iter()
        .filter(|(name, _)| words.is_empty() || words.iter().any(|word| name.contains(word.as_str())))
        .copied()
        .collect();
    println!("\nrunning {} tests", chosen.len());
    let number = chosen.len();
    let started = Instant::now();
    let cloud = Cloud::start("end-to-end", "0.03");
    // All stories share two accounts, which keep more snapshots and databases than AWS allows without being asked.
    let quotas = json!({"manualSnapshots": 500, "instances": 900});
    ask(cloud.source.variable("AWS_ENDPOINT_URL_RDS"), "PUT", "/_emulator/quotas", &quotas);
    let queue = Mutex::new(chosen);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some((name, story)) = { queue.lock().unwrap().pop_front() } {
                    if !run_story(name, story, &cloud) {
                        failed.lock().unwrap().push(name);
                    }
                }
            });
        }
    });
    drop(cloud);
    let failed = failed.into_inner().unwrap();
    let word = if failed.is_empty() { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {word}. {} passed; {} failed; 0 ignored; 0 measured; {} filtered out; finished in {:.2}s\n",
        number - failed.len(),
        failed.len(),
        STORIES.len() - number,
        started.elapsed().as_secs_f64()
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one story to its end; returns whether it passed.
fn run_story(name: &'static str, story: fn(&Cloud), cloud: &Cloud) -> bool {
    let started = Instant::now();
    let passed = std::thread::scope(|scope| {
        // A thread of its own gives the panic message the story's name.
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn_scoped(scope, || std::panic::catch_unwind(AssertUnwindSafe(|| story(cloud))).is_ok())
            .unwrap()
            .join()
            .unwrap_or(false)
    });
    let word = if passed { "ok" } else { "FAILED" };
    println!("test {name} ... {word} ({:.1} s)", started.elapsed().as_secs_f64());
    passed
}
