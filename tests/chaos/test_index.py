"""The 54 ways in which webhook delivery fails, each with the tests or programs that try it, or why it waits.

The list comes from a study of failures in other software. A name with `::` is a test, one that ends in `.py` a program
under `tests/` or `bench/`. The index is checked.
"""

import pytest

from tests.docs.pages import ROOT
from tests.house.source import functions_of

DELIVERING, SENDS, HOSTILE = "crash/test_delivering", "crash/test_sends", "events/test_outward_hostile"
HEALTH, NAMES, TLS, QUEUE = (
    "events/test_endpoint_health", "events/test_outward_names", "events/test_outward_tls", "events/test_delivery_queue",
)  # fmt: skip
CHAOS, FAILOVER, SOAK = "chaos/mishaps.py", "chaos/failover.py", "chaos/soak.py"

# number: (the failure, what tries it)
TRIED: dict[int, tuple[str, tuple[str, ...]]] = {
    1: ("dead after the commit, before the 2xx", (
        f"{SENDS}::test_dead_after_the_settle_replays_the_stored_answer_byte_for_byte",
        "crash/test_receiving::test_a_body_on_disk_that_meta_repeats_because_we_died_before_answering_is_told_once")),
    2: ("dead after the 2xx, before the dispatch", (
        "crash/test_receiving::test_a_body_that_was_answered_200_is_told_though_meta_never_repeats_it",
        f"{DELIVERING}::test_dead_before_the_post_repeats_nothing")),
    3: ("dead during the POST", (
        f"{DELIVERING}::test_dead_while_the_tenant_thinks_costs_one_repeat_and_counts_as_an_attempt",)),
    4: ("dead after the tenant's 200, before it is noted", (
        f"{DELIVERING}::test_dead_after_the_tenants_200_repeats_the_event_under_its_id_signed_anew",)),
    5: ("dead while a retry is written", (
        f"{DELIVERING}::test_dead_while_writing_a_retry_down_still_retries_and_stays_on_its_rung",)),
    6: ("dead in the middle of a batch of acks", (
        f"{DELIVERING}::test_dead_in_the_middle_of_a_batch_of_acks_repeats_no_more_than_was_in_flight",)),
    7: ("any process killed every 1 to 5 s", (
        ("chaos/test_chaos::"
        "test_whoever_dies_under_load_nothing_is_lost_and_no_more_repeated_than_was_on_its_way"),)),
    8: ("PostgreSQL stopped at once under load", (
        "crash/test_database::test_a_kill_9_of_postgresql_under_load_loses_nothing_that_was_answered",
        "crash/test_connections::test_connections_that_are_cut_again_and_again_under_load_stall_nobody")),
    9: ("a failover with asynchronous replication: the loss", (FAILOVER,)),
    10: ("a failover in synchronous mode", (
        FAILOVER,
        "database/test_reaching::test_a_host_that_is_dead_and_one_that_is_frozen_are_passed_over",
        ("database/test_reaching::"
        "test_sessions_that_only_read_find_the_primary_of_an_address_that_asks_for_read_write"))),
    11: ("a commit that waits for a standby in vain", (
        "crash/test_standby::test_a_commit_that_no_standby_confirms_is_no_success",
        "crash/test_standby::test_we_give_up_before_postgresql_does")),
    12: ("the disk is full, PostgreSQL takes no writes", (
        "crash/test_readonly::test_a_database_that_takes_no_writes_means_no_2xx_and_no_send_and_no_loss", CHAOS)),
    14: ("one key at the same time many times, and with another body", (
        f"{SENDS}::test_fifty_at_once_with_one_key_are_one_message_and_one_answer_even_through_a_death",
        "api/test_idempotency::test_200_parallel_requests_with_one_key_are_one_send",
        "api/test_idempotency::test_another_body_under_an_old_key_is_422")),
    15: ("Meta tells a message or a status again", (
        "messages/test_receiving::test_a_hundred_repetitions_in_any_batch_count_once",
        "messages/test_receiving::test_meta_redelivering_its_own_webhooks_changes_nothing",
        "crash/test_receiving::test_a_batch_that_meta_repeats_in_other_pieces_tells_each_status_once_though_we_die_in_it")),
    16: ("a worker that slept through its leases", (
        "crash/test_stopped::test_a_worker_that_slept_through_two_leases_acknowledges_nothing",
        "crash/test_stopped::test_a_gateway_that_slept_through_two_leases_with_metas_body_tells_it_no_second_time",
        CHAOS)),
    17: ("an endpoint disabled with retries waiting, then enabled", (
        "events/test_directory::test_what_waits_for_a_disabled_endpoint_is_kept_listed_and_delivered_when_it_is_enabled",)),
    18: ("an endpoint removed in flight", (
        "events/test_directory::test_an_endpoint_removed_in_flight_ends_its_deliveries_visibly_and_nothing_crashes",
        "events/test_directory::test_what_was_committed_while_its_endpoint_was_removed_is_discarded_by_the_worker")),
    19: ("URL or secret changed between attempts", (
        "events/test_delivery::test_a_new_url_counts_from_the_next_attempt_on_with_the_old_secret",
        "events/test_secrets::test_a_secret_rotated_between_two_attempts_signs_the_second")),
    20: ("the ladder is over, or its last attempt succeeds", (
        "events/test_delivery::test_eight_refusals_end_as_exhausted_and_each_is_in_the_log",
        "events/test_delivery::test_success_on_the_last_attempt_is_a_success",
        "events/test_delivery::test_a_replay_of_what_is_exhausted_starts_the_ladder_anew")),
    21: ("a receiver that hangs", (f"{HOSTILE}::test_a_receiver_that_accepts_and_says_nothing_is_a_timeout",)),
    22: ("a body that drips", (
        f"{HOSTILE}::test_a_body_that_drips_past_the_deadline_is_a_timeout_although_a_200_was_seen",
        f"{HOSTILE}::test_headers_that_drip_past_the_deadline_are_a_timeout")),
    23: ("an endless body", (f"{HOSTILE}::test_an_endless_body_is_cut_and_judged_by_its_status",)),
    24: ("a gzip bomb", (f"{HOSTILE}::test_a_gzip_bomb_is_not_opened",)),
    25: ("a receiver that does not read", (
        f"{HOSTILE}::test_a_receiver_that_does_not_read_is_a_timeout_and_its_connection_is_dropped",)),
    26: ("5xx, 4xx, 429 with every kind of Retry-After", (
        f"{HEALTH}::test_retry_after_holds_the_whole_endpoint",
        "events/test_delivery::test_retry_after_lengthens_a_wait_and_never_shortens_it",
        "events/test_outward_sender::test_retry_after_is_read_and_capped_at_an_hour",
        "events/test_outward_sender::test_a_retry_after_that_is_garbage_or_past_is_no_wish")),
    27: ("410", (f"{HEALTH}::test_410_disables_and_keeps_everything_until_somebody_enables_it",)),
    28: ("redirects", (f"{HOSTILE}::test_a_redirect_is_a_failure_and_is_not_followed",)),
    29: ("resets, floods of interim answers, no HTTP, huge headers", (
        f"{HOSTILE}::test_a_connection_that_ends_midway_is_a_reset",
        f"{HOSTILE}::test_a_flood_of_interim_answers_is_cut_off",
        f"{HOSTILE}::test_what_is_no_http_is_an_invalid_response",
        f"{HOSTILE}::test_huge_headers_are_refused")),
    30: ("a kept connection that closes under us", (
        "events/test_outward_sender::test_a_kept_connection_that_turns_out_closed_is_replaced_at_once",
        "events/test_outward_sender::test_it_is_replaced_once_and_not_twice")),
    31: ("DNS that fails or hangs", (
        f"{NAMES}::test_a_name_without_an_address_is_a_dns_error_and_frees_the_slot",
        f"{NAMES}::test_a_dns_that_hangs_has_a_budget_of_its_own",
        "events/test_outward_dns::test_a_hundred_names_that_hang_stop_nobody_elses")),
    32: ("names that turn inward, addresses in disguise, networks that are opened", (
        f"{NAMES}::test_a_name_that_turns_inward_between_two_calls_is_blocked",
        f"{NAMES}::test_one_forbidden_answer_refuses_the_whole_name",
        "events/test_outward_addresses::test_an_address_that_is_not_public_is_forbidden",
        "events/test_outward_addresses::test_an_operator_can_open_a_network")),
    33: ("TLS that is expired, unknown, misnamed, old, or hangs", (
        f"{TLS}::test_an_expired_certificate_is_a_tls_error",
        f"{TLS}::test_a_certificate_that_nobody_vouches_for_is_a_tls_error",
        f"{TLS}::test_tls_is_judged_by_the_name_and_not_by_the_address",
        f"{TLS}::test_tls_older_than_1_2_is_a_tls_error",
        f"{TLS}::test_a_tls_handshake_that_hangs_is_a_connect_timeout")),
    34: ("the egress proxy is down", (
        "events/test_outward_journey::test_while_the_egress_proxy_is_down_no_attempt_is_spent",)),
    35: ("one tenant floods", (
        "messages/test_fair_intake::test_a_flood_that_waits_in_the_table_does_not_delay_another_number",
        "events/test_directory::test_one_that_is_away_does_not_keep_the_others_waiting", "bench/fairness.py")),
    36: ("one tenant's endpoint hangs on each", (
        f"{QUEUE}::test_a_hanging_tenant_stops_nobody_else",
        f"{QUEUE}::test_the_window_of_a_tenant_that_chokes_shrinks_to_one", "bench/fairness.py")),
    37: ("down for six hours, then back", (
        f"{HEALTH}::test_a_probe_that_is_answered_brings_it_back_and_fast_forwards_what_waited_for_later",
        f"{QUEUE}::test_the_window_of_a_tenant_that_answers_grows", "bench/backlog.py")),
    38: ("a hundred thousand retries due in one second", (
        "events/test_delivery::test_the_waits_are_those_of_the_ladder_give_or_take_a_fifth",
        "database/test_claim::test_a_claim_of_a_hundred_reads_no_parked_row")),
    39: ("a dead endpoint costs probes only", (
        f"{HEALTH}::test_new_events_of_a_failing_endpoint_wait_without_a_single_attempt",
        f"{HEALTH}::test_only_one_probe_at_a_time_is_under_way")),
    40: ("a million parked rows", (
        "database/test_claim::test_a_claim_of_a_hundred_reads_no_parked_row", "bench/backlog.py")),
    41: ("an idle transaction pins dead rows", ("bench/pinned.py",)),
    42: ("autovacuum under a steady load for an hour", (SOAK,)),
    43: ("a listener that is lost", (
        "feed/test_feed::test_a_lost_listener_is_replaced",
        "feed/test_feed::test_without_a_place_to_listen_the_board_is_read_all_the_same")),
    44: ("no connection left while workers are busy", (
        ("crash/test_connections::"
        "test_a_worker_whose_connections_all_wait_for_a_lock_keeps_metas_bodies_all_the_same"),)),
    45: ("clocks that are off or step", (
        "hostile/test_trouble::test_a_clock_that_jumps_sends_nothing_twice_and_forgets_nothing",
        "database/test_migrations::test_a_clock_far_off_fails_no_insert",
        "test_worker::test_a_clock_that_is_off_is_said_and_one_that_is_right_is_not", CHAOS)),
    46: ("a late retry has the time of its attempt", (
        "events/test_delivery::test_every_attempt_has_the_same_id_a_new_time_and_its_own_signature",)),
    47: ("payloads that are poison", (
        "messages/test_receiving::test_nul_and_half_an_emoji_in_a_text_lose_no_message",
        "messages/test_intake::test_a_body_that_makes_no_sense_is_200_listed_and_blocks_nobody",
        "messages/test_intake::test_one_item_that_makes_no_sense_is_listed_and_its_siblings_count",
        "messages/test_intake::test_a_body_above_four_mebibytes_is_413",
        "events/test_outward_headers::test_a_value_is_printable_ascii_and_not_too_long")),
    48: ("two secrets, and one that has expired", (
        ("events/test_secrets::"
        "test_during_the_overlap_of_a_rotation_both_secrets_open_an_event_and_then_only_the_new_one"),)),
    49: ("a bulk replay killed half-way, and started twice", (
        "crash/test_replays::test_dead_half_way_goes_on_where_it_was",
        "crash/test_replays::test_two_processes_share_a_job_even_when_one_falls",
        "events/test_replay_jobs::test_the_same_wish_is_one_job_while_it_runs_and_a_new_one_after",
        "events/test_replay_jobs::test_a_live_event_does_not_wait_for_the_end_of_a_replay")),
    50: ("events of another brand, listed or replayed", (
        "api/test_webhook_events::test_the_events_of_another_brand_are_like_events_of_nobody",
        "api/test_webhook_replays::test_an_event_or_an_endpoint_of_another_brand_is_like_one_of_nobody")),
    51: ("a rolling restart", (
        "crash/test_rolling::test_one_process_after_the_other_is_restarted_and_nothing_is_lost_or_repeated",
        f"{QUEUE}::test_an_orderly_stop_finishes_what_is_in_flight_and_repeats_nothing")),
    52: ("an upgrade with work of the old version in flight", (
        "crash/test_upgrade::test_what_was_in_flight_in_the_first_version_is_told_once_and_settled_by_this_one",)),
    53: ("retention takes what still waits", (
        ("database/test_retention::"
        "test_what_still_waits_when_its_event_goes_ends_as_expired_and_can_be_seen_for_another_day"),
        "database/test_retention::test_a_body_that_still_waits_to_be_understood_outlives_its_day")),
    54: ("Meta's webhooks are answered in time", ("bench/intake.py", "bench/fairness.py")),
}  # fmt: skip

WAITS = {
    13: "there is no Redis: nothing lives outside PostgreSQL",
}


def test_every_failure_of_the_list_is_tried_or_says_why_not() -> None:
    assert sorted([*TRIED, *WAITS]) == list(range(1, 55))


@pytest.mark.parametrize("number", TRIED)
def test_what_tries_a_failure_exists(number: int) -> None:
    what, tried_by = TRIED[number]
    assert what
    for one in tried_by:
        place, _, name = one.partition("::")
        if name:
            assert name in functions_of(place), f"{number} ({what}): {one} is not there"
        else:
            assert any((ROOT / above / place).is_file() for above in ("tests", ".")), f"{number} ({what}): no {one}"
