//! Which test shows which row of `docs/faults.md`, and a test that both agree.

use std::path::Path;

/// How a row is shown.
enum Shown {
    /// By tests of this suite, as `theme::name`: the whole system from outside.
    Here(&'static [&'static str]),
    /// By a test of one crate, against what that crate talks to: file and name.
    Elsewhere(&'static str, &'static str),
    /// Not by any test; the table says why.
    NotHere,
}

use Shown::{Elsewhere, Here, NotHere};

/// Row 1 first.
const ROWS: [Shown; 76] = [
    Here(&[
        "processes::a_receiver_killed_again_and_again_loses_no_receipt",
        "points::an_event_that_was_synced_but_not_answered_is_delivered",
        "processes::two_receivers_with_one_killed_every_three_seconds_miss_nothing",
    ]),
    Here(&["processes::a_worker_killed_again_and_again_inserts_and_sends_nothing_unexplained"]),
    Here(&["broker::a_killed_broker_fills_the_spool_which_drains_after_its_restart"]),
    Here(&["database::a_killed_database_pauses_the_workers_and_nothing_goes_out_unrecorded"]),
    Here(&["processes::all_processes_killed_at_once_recover_fully"]),
    Here(&["points::a_mail_in_doubt_goes_out_once_more_under_the_same_message_id"]),
    Here(&["points::a_text_in_doubt_is_found_by_look_up_and_not_sent_again"]),
    Here(&["points::what_a_scheduler_claimed_and_never_published_is_published_again"]),
    Here(&["points::a_copy_that_comes_back_after_the_outcome_dies_at_the_gate"]),
    Here(&["broker::a_frozen_broker_delays_no_answer"]),
    Here(&["processes::a_frozen_worker_is_replaced_and_cannot_overwrite_its_successor"]),
    Here(&["database::a_frozen_database_pauses_the_workers"]),
    Here(&["cgroups::a_frozen_group_of_workers_is_replaced_and_cannot_overwrite_its_successors"]),
    Here(&["broker::a_memory_alarm_fills_the_spool_and_passes"]),
    Here(&["disks::a_disk_alarm_fills_the_spool_while_consumers_go_on"]),
    Here(&["disks::a_broker_out_of_disk_has_what_it_confirmed_once_it_is_started_again"]),
    Here(&["broker::a_stopped_and_started_broker_application_is_found_again"]),
    Here(&["broker::connections_closed_again_and_again_are_opened_again_and_none_is_left_behind"]),
    Elsewhere(
        "crates/queue/tests/it/unroutable.rs",
        "a_queue_deleted_under_its_consumer_is_consumed_again_within_ten_seconds",
    ),
    Here(&["broker::a_deleted_send_queue_is_declared_again_and_filled_by_the_scheduler"]),
    Here(&["broker::a_deleted_exchange_takes_nothing_with_it"]),
    Here(&["broker::a_removed_binding_makes_nothing_count_as_stored"]),
    Here(&["broker::a_purged_send_queue_is_filled_again_by_the_scheduler"]),
    Elsewhere(
        "tests/scenarios/guards.rs",
        "a_worker_refuses_a_queue_of_another_make_and_a_receiver_takes_events_all_the_same",
    ),
    Elsewhere(
        "crates/queue/tests/it/refused.rs",
        "a_full_queue_refuses_message_by_message_and_takes_again_when_there_is_room",
    ),
    Here(&[
        "replay::a_message_in_whose_hands_every_worker_died_is_replayed_by_itself_and_told_once",
        "replay::a_worker_that_ends_between_a_replay_and_the_letters_removal_tells_nobody_twice",
    ]),
    Here(&[
        "broker::a_channel_closed_for_a_message_held_too_long_is_opened_again_and_nobody_is_told_twice",
    ]),
    Here(&["broker::a_refused_password_fills_the_spool_and_is_not_tried_in_a_tight_loop"]),
    Here(&["network::a_broker_that_accepts_and_says_nothing_delays_no_answer"]),
    Here(&["network::confirms_that_never_come_make_no_doubles"]),
    Here(&["network::a_slow_broker_delays_no_answer"]),
    Here(&[
        "packets::half_open_connections_are_noticed_by_their_silence_and_replaced",
        "packets::a_broker_to_which_no_packet_gets_is_found_again_when_they_do",
    ]),
    Here(&["network::resets_in_the_middle_of_frames_lose_nothing"]),
    Here(&["network::frames_in_single_bytes_are_read"]),
    Here(&["network::a_narrow_road_to_the_broker_fills_the_spool"]),
    Here(&["packets::a_fifth_of_all_packets_lost_costs_time_and_no_message"]),
    Here(&["names::names_that_nobody_answers_for_delay_no_answer_and_lose_nothing"]),
    Elsewhere(
        "crates/receiver/tests/it/disk_trouble.rs",
        "a_disk_that_is_nearly_full_is_a_503_until_there_is_room",
    ),
    Elsewhere(
        "crates/queue/src/log/tests/faults.rs",
        "a_failed_fsync_gives_no_receipt_and_is_never_repeated",
    ),
    Elsewhere(
        "crates/queue/src/log/tests/faults.rs",
        "a_write_that_stops_half_way_leaves_a_clean_log",
    ),
    Elsewhere("crates/queue/src/log/tests/damage.rs", "cut_anywhere_a_log_opens_and_goes_on"),
    Elsewhere(
        "crates/receiver/tests/it/disk_trouble.rs",
        "no_receipt_in_time_is_a_503_and_the_write_goes_on",
    ),
    Elsewhere(
        "crates/store/src/sqlite/writer_tests.rs",
        "a_file_held_by_another_program_is_a_passing_fault",
    ),
    Elsewhere(
        "crates/store/src/sqlite/writer_tests.rs",
        "a_full_disk_is_said_to_be_one_and_leaves_nothing_half_written",
    ),
    Here(&[
        "database::a_database_restarted_again_and_again_is_found_again",
        "database::connections_to_the_database_that_break_are_replaced",
    ]),
    Elsewhere(
        "crates/store/tests/postgres/outages.rs",
        "a_server_without_room_is_unavailable_at_once",
    ),
    Elsewhere(
        "tests/scenarios/outcome.rs",
        "postgres_cut_off_between_send_and_record_and_the_worker_killed",
    ),
    Elsewhere(
        "crates/store/tests/postgres/races.rs",
        "of_two_workers_that_begin_the_same_notification_one_sends",
    ),
    Here(&["inputs::two_receivers_told_the_same_at_the_same_moment_make_one_message"]),
    Here(&["inputs::the_same_id_with_another_body_makes_no_second_message"]),
    Elsewhere(
        "tests/scenarios/guards.rs",
        "a_second_machine_with_sqlite_refuses_and_the_first_works_on",
    ),
    Elsewhere("crates/email/tests/it/silence.rs", "silence_before_the_dot_ends_with_its_phase"),
    Elsewhere(
        "crates/email/tests/it/silence.rs",
        "a_late_answer_is_never_taken_for_the_next_mails",
    ),
    Here(&[
        "providers::mails_interrupted_before_the_dot_are_no_doubts",
        "providers::mails_whose_answer_never_came_go_out_once_more_and_no_more",
        "providers::a_mail_server_out_of_reach_is_reached_later",
    ]),
    Elsewhere("crates/email/tests/it/tls.rs", "without_the_offer_of_encryption_nothing_is_said"),
    Here(&[
        "providers::texts_in_doubt_are_looked_up_and_never_sent_blindly",
        "providers::a_provider_that_is_busy_costs_time_and_no_message",
    ]),
    Here(&[
        "clocks::a_worker_whose_clock_steps_an_hour_sends_by_the_plan_all_the_same",
        "clocks::a_receiver_whose_clock_steps_an_hour_changes_no_plan",
    ]),
    Here(&[
        "clocks::workers_with_clocks_ten_minutes_apart_respect_each_others_leases",
        "clocks::an_account_that_breaks_again_is_heard_of_by_a_receiver_ten_minutes_behind",
    ]),
    Here(&["inputs::malformed_requests_grow_no_memory_of_the_receivers"]),
    Elsewhere(
        "crates/receiver/tests/it/abuse.rs",
        "slow_senders_are_cut_off_and_do_not_hold_up_good_ones",
    ),
    Elsewhere(
        "crates/receiver/tests/it/abuse.rs",
        "an_event_is_stored_even_if_its_sender_hangs_up_right_behind_the_body",
    ),
    Elsewhere(
        "crates/receiver/tests/it/refused.rs",
        "every_bad_request_gets_its_status_and_leaves_nothing_behind",
    ),
    Here(&["inputs::poison_in_a_queue_is_buried_and_holds_up_nobody"]),
    Elsewhere("crates/email/src/compose_tests.rs", "nothing_a_person_is_told_gets_into_a_header"),
    Here(&[
        "cgroups::a_receiver_out_of_memory_is_ended_and_loses_no_receipt",
        "cgroups::a_worker_out_of_memory_is_ended_and_what_it_had_is_sent",
    ]),
    Here(&["processes::a_receiver_short_of_file_handles_recovers_without_a_restart"]),
    Elsewhere(
        "tests/scenarios/rolling.rs",
        "a_shared_port_goes_through_the_hands_of_ten_receivers",
    ),
    Here(&["processes::a_worker_told_to_stop_finishes_what_it_sends"]),
    Elsewhere("crates/receiver/tests/it/accepted.rs", "every_live_secret_counts_and_no_other"),
    Here(&[
        "keys::a_new_key_in_front_of_the_old_costs_nothing_under_load",
        "keys::another_spool_key_is_refused_and_the_old_one_has_everything_back",
    ]),
    Here(&[
        "broker::a_broker_swapped_for_an_empty_one_is_filled_by_the_scheduler",
        "broker::an_empty_broker_takes_over_from_one_that_is_gone_for_good",
    ]),
    Here(&[
        "cluster::a_killed_node_stalls_publishing_for_the_election_of_another_leader",
        "cluster::a_node_that_is_cut_off_from_the_others_keeps_nothing_to_itself",
    ]),
    Elsewhere(
        "tests/scenarios/reconcile.rs",
        "an_hour_of_missed_webhooks_is_made_up_for_by_workers_account_by_account",
    ),
    NotHere,
    Elsewhere(
        "tests/scenarios/probe.rs",
        "while_cobalt_is_down_messages_wait_and_then_reach_whoever_still_needs_them",
    ),
    Elsewhere(
        "tests/scenarios/app_events.rs",
        "a_worker_that_ends_before_it_records_an_answer_tells_again_under_the_same_id",
    ),
];

/// Files with tests of rows.
const THEMES: [&str; 15] = [
    "broker",
    "cgroups",
    "clocks",
    "cluster",
    "database",
    "disks",
    "inputs",
    "keys",
    "names",
    "network",
    "packets",
    "points",
    "processes",
    "providers",
    "replay",
];

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn has_test(path: &str, name: &str) -> bool {
    read(path).contains(&format!("fn {name}("))
}

/// The cells of one row of the table.
fn cells(table: &str, row: usize) -> Vec<&str> {
    let start = format!("| {row} |");
    let mut lines = table.lines().filter(|line| line.starts_with(&start));
    let line = lines.next().unwrap_or_else(|| panic!("docs/faults.md has no row {row}"));
    assert!(lines.next().is_none(), "docs/faults.md has row {row} twice");
    line.trim_matches('|').split('|').map(str::trim).collect()
}

#[test]
fn the_table_names_every_row_and_every_test_that_is_named_exists() {
    let table = read("docs/faults.md");
    for (row, shown) in (1..).zip(&ROWS) {
        let cells = cells(&table, row);
        assert_eq!(cells.len(), 5, "row {row}: {cells:?}");
        let shown_by = cells[4];
        match shown {
            Here(tests) => {
                for test in *tests {
                    let (theme, name) = test.split_once("::").unwrap();
                    let path = format!("tests/faults/{theme}.rs");
                    assert!(has_test(&path, name), "row {row}: {path} has no {name}");
                    assert!(shown_by.contains(name), "row {row} of docs/faults.md lacks {name}");
                }
            }
            Elsewhere(path, name) => {
                assert!(has_test(path, name), "row {row}: {path} has no {name}");
                assert!(shown_by.contains(name), "row {row} of docs/faults.md lacks {name}");
            }
            NotHere => assert!(shown_by.starts_with("none: "), "row {row} needs its reason"),
        }
    }
}

#[test]
fn every_test_of_a_theme_is_in_the_table() {
    let table = read("docs/faults.md");
    for theme in THEMES {
        let text = read(&format!("tests/faults/{theme}.rs"));
        let tests = text.split("#[tokio::test").skip(1);
        for test in tests.map(|test| test.split("fn ").nth(1).unwrap().split('(').next().unwrap()) {
            assert!(table.contains(test), "docs/faults.md does not know {theme}::{test}");
        }
    }
}
