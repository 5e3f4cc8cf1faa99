"""The hostile list: 68 lines, each with the tests that try it, or the reason why it waits. The index is checked.

What is tried on every endpoint of the table is here in tests/hostile; the details stand where the thing is built.
"""

import pytest

from tests.house.source import functions_of

KEYS, BODIES, REQUESTS = "hostile/test_keys", "hostile/test_bodies", "hostile/test_requests"
PEOPLE, PAGES = "hostile/test_people", "hostile/test_dashboard"
ATTACKS, EDGE, EDGES = "access/test_attacks", "api/test_edge", "api/test_edge_bodies"

# number: (what is tried, the tests)
TRIED: dict[int, tuple[str, tuple[str, ...]]] = {
    1: ("no key, an empty one, a prefix, 10 kB", (
        f"{ATTACKS}::test_what_is_no_key_is_told_so", f"{ATTACKS}::test_what_is_no_key_never_reaches_the_database")),
    2: ("a wrong checksum", (f"{ATTACKS}::test_what_is_no_key_never_reaches_the_database",)),
    3: ("a key that was revoked a moment ago, in another process", (
        f"{ATTACKS}::test_a_revoked_key_is_refused_by_the_next_request_in_another_process",)),
    4: ("a key around its end", (f"{ATTACKS}::test_an_expired_key_is_refused",)),
    5: ("two keys, good and bad", (
        f"{KEYS}::test_no_endpoint_takes_a_key_that_is_spoilt_doubled_or_in_the_wrong_place",
        f"{ATTACKS}::test_two_keys_in_one_request_are_refused_in_either_order",
        f"{EDGE}::test_two_api_keys_are_no_api_key")),
    6: ("a key in the query or a cookie", (
        f"{KEYS}::test_no_endpoint_takes_a_key_that_is_spoilt_doubled_or_in_the_wrong_place",
        f"{ATTACKS}::test_a_key_in_the_query_or_in_a_cookie_is_none_and_is_written_nowhere")),
    7: ("bytes in a key that are no text", (
        f"{KEYS}::test_no_endpoint_takes_a_key_that_is_spoilt_doubled_or_in_the_wrong_place",
        f"{ATTACKS}::test_a_key_that_is_no_clean_text_is_refused_and_breaks_nothing")),
    8: ("a brand that is suspended", (
        f"{KEYS}::test_no_endpoint_works_for_a_suspended_brand",
        f"{ATTACKS}::test_a_suspended_brand_is_refused_until_it_is_resumed")),
    9: ("guessing by time: unknown, revoked, near-miss", (
        f"{ATTACKS}::test_an_unknown_a_revoked_and_an_expired_key_cost_the_same_work",)),
    10: ("a thousand bad keys from one address", (
        "api/test_limits::test_a_thousand_bad_keys_from_an_address_are_told_to_stop_and_a_good_one_still_works",)),
    11: ("each scope on each endpoint", (
        "access/test_scope_matrix::test_the_right_scope_opens_and_every_other_one_is_refused",
        "access/test_scope_matrix::test_all_scopes_but_the_right_one_are_not_enough")),
    12: ("messages by the way of conversations or webhooks", (
        "api/test_webhook_events::test_a_key_for_webhooks_alone_never_sees_what_customers_write",
        "api/test_webhook_events::test_a_key_for_messages_alone_reads_no_conversations")),
    13: ("tricks with the text of a scope", (
        "access/test_keys::test_a_scope_that_is_not_one_of_the_seven_letter_by_letter_is_refused",
        "access/test_keys::test_tricky_scopes_make_no_key_and_extend_none")),
    14: ("a brand named in body, query, header, parameters", (
        f"{KEYS}::test_no_endpoint_lets_the_caller_choose_the_brand",
        f"{ATTACKS}::test_a_brand_named_by_the_caller_is_never_effective",
        "api/test_send_template_attacks::test_14_a_brand_anywhere_in_the_parameters_is_refused_or_never_counts")),
    15: ("a key without a brand", (
        f"{KEYS}::test_no_endpoint_works_for_a_key_without_a_brand",
        f"{ATTACKS}::test_a_key_without_a_brand_is_told_so_before_its_scopes_are_looked_at")),
    16: ("ids of another brand", (
        "api/test_isolation_matrix::test_what_is_another_brands_is_answered_like_what_is_nobodys",
        "api/test_isolation_matrix::test_reads_without_their_filter_by_brand_still_see_one_brand_only",
        "api/test_webhook_events::test_the_events_of_another_brand_are_like_events_of_nobody")),
    17: ("cursors of others, flipped, cut, of another filter or route, expired", (
        "api/test_pages::test_a_cursor_that_is_not_for_this_request_is_400",
        "api/test_isolation_matrix::test_what_is_another_brands_is_answered_like_what_is_nobodys")),
    18: ("limits that are none", (
        "api/test_query::test_a_limit_is_1_to_100_in_ascii_digits",
        "api/test_query::test_lists_refuse_every_limit_that_is_none")),
    19: ("200 at once with one Idempotency-Key; another body, route, lineage", (
        "api/test_idempotency::test_200_parallel_requests_with_one_key_are_one_send",
        "api/test_idempotency::test_another_body_under_an_old_key_is_422",
        "api/test_idempotency::test_another_credential_with_the_same_key_is_another_request",
        "api/test_send_reply::test_one_of_200_parallel_duplicates_is_sent",
        "hostile/test_duplicates::test_200_at_once_with_one_key_are_one_message_at_every_endpoint_that_sends",
        "hostile/test_duplicates::test_a_key_of_one_endpoint_is_refused_at_every_other")),
    20: ("kill -9 at each step of a send", (
        "crash/test_sends::test_dead_before_the_claim_commits_means_that_nothing_ever_was",
        "crash/test_sends::test_dead_between_claim_and_meta_is_doubt_until_silence_proves_it_was_not_sent",
        "crash/test_sends::test_dead_while_meta_thinks_is_doubt_until_meta_tells",
        "crash/test_sends::test_dead_after_meta_accepted_is_settled_by_the_statuses_that_meta_repeats",
        "crash/test_sends::test_dead_after_the_settle_replays_the_stored_answer_byte_for_byte")),
    21: ("an Idempotency-Key that is empty, long, quoted, not ASCII, SQL", (
        "api/test_idempotency::test_a_key_has_1_to_255_of_its_letters",
        "api/test_idempotency::test_a_quoted_key_is_the_same_as_a_bare_one")),
    22: ("a replay after the right to it was lost", (
        "api/test_idempotency::test_a_credential_that_lost_its_rights_reads_no_stored_answer",
        "api/test_constraints::test_a_stored_answer_is_given_only_to_who_may_still_ask")),
    23: ("statuses before, after, never, and with another brand's id", (
        "api/test_send_unknown::test_a_status_before_the_answer_is_a_plain_200",
        "api/test_send_unknown::test_every_lost_answer_is_202_and_settled_by_the_status_as_200",
        "messages/test_strays::test_the_number_of_one_brand_cannot_move_the_message_of_another")),
    24: ("a retry a day later, while the sweeper runs", (
        "api/test_idempotency::test_a_day_later_the_key_is_new_even_while_the_sweeper_runs",)),
    25: ("10 MB of JSON, announced or in chunks; a false length; one byte a second", (
        f"{BODIES}::test_a_body_that_is_too_long_is_refused_whether_it_says_so_or_not",
        f"{EDGES}::test_a_body_that_drips_times_out_and_the_connection_closes",
        f"{EDGES}::test_a_body_longer_than_it_said_is_never_taken_for_a_second_request",
        "api/test_edge_streams::test_a_body_that_drips_without_a_pause_times_out_in_the_end",
        "api/test_media_upload::test_the_largest_file_passes_through_a_process_whose_memory_stays_small")),
    26: ("depth, width, the same key twice", (
        f"{BODIES}::test_a_monster_is_refused_and_breaks_nothing",
        "api/test_body::test_bodies_that_are_too_deep_or_too_many_are_refused")),
    27: ("packed bodies", (
        f"{BODIES}::test_a_packed_body_is_refused_unopened",
        "api/test_media_upload::test_a_compressed_form_is_refused_unopened")),
    28: ("NaN, Infinity, 1e999, 2^63, 5,000 digits", (
        f"{BODIES}::test_a_number_that_is_none_is_refused_wherever_it_stands",
        "api/test_body::test_minus_zero_and_the_largest_integers_are_just_numbers")),
    29: ("other encodings, a byte order mark, surrogates, NUL in every text and key", (
        f"{BODIES}::test_what_is_no_text_is_refused_wherever_it_stands",
        f"{BODIES}::test_what_is_no_key_of_an_object_is_refused",
        f"{BODIES}::test_another_encoding_is_refused")),
    30: ("content types", (
        f"{BODIES}::test_json_that_says_it_is_something_else_is_415",
        "api/test_media_upload::test_any_other_kind_of_body_is_refused")),
    31: ("5,000 headers, 100 kB, 64 kB of address, no Host, two, one with a path", (
        f"{REQUESTS}::test_headers_and_addresses_without_measure_are_refused",
        f"{REQUESTS}::test_a_request_without_one_good_host_is_refused")),
    32: ("500 that never finish their headers", (
        "api/test_patience::test_five_hundred_that_never_finish_their_heads_keep_nobody_out_and_are_all_let_go",)),
    33: ("a second request hidden in the first", (
        f"{REQUESTS}::test_no_second_request_hides_behind_a_first",
        f"{EDGES}::test_a_second_request_hidden_in_a_body_is_never_answered")),
    34: ("other ways to write an address or a method", (
        f"{REQUESTS}::test_an_address_written_in_another_way_is_no_address",
        f"{REQUESTS}::test_another_method_reaches_no_handler")),
    35: ("phones that are none", (
        f"{BODIES}::test_no_endpoint_sends_to_what_is_no_phone",
        "api/test_send_attacks::test_the_brands_own_number_is_no_recipient")),
    36: ("codes that are none", (
        "api/test_send_attacks::test_a_code_that_is_none_is_refused_and_never_echoed",
        "api/test_send_template_attacks::test_36_a_code_that_is_none_is_refused_and_never_echoed")),
    37: ("names of templates that are none", (
        "api/test_send_attacks::test_a_template_name_that_is_none_is_refused",
        "api/test_send_template_attacks::test_37_a_template_name_that_is_none_is_refused",
        "api/test_send_template_attacks::test_37_a_template_of_another_brand_is_not_found")),
    38: ("parameters that want to be more", (
        "api/test_send_template_attacks::test_38_parameters_are_literal_or_refused",)),
    39: ("line breaks in names and headers", (
        f"{REQUESTS}::test_a_line_break_in_any_header_starts_no_header_of_ours",
        "api/test_send_reply_limits::test_a_files_name_is_a_name_and_nothing_else",
        "api/test_media_upload::test_a_name_is_kept_without_what_could_harm",
        "events/test_outward_headers::test_a_value_is_printable_ascii_and_not_too_long")),
    40: ("texts that want to be log lines", (
        "hostile/test_logs::test_no_text_from_anywhere_forges_a_line_or_steers_a_terminal",
        "test_logs::test_no_text_can_forge_a_json_line")),
    41: ("URLs that lead inside", (
        "events/test_outward_urls::test_a_url_that_could_lead_inside_is_refused_with_a_reason",
        "events/test_outward_addresses::test_an_address_that_is_not_public_is_forbidden")),
    42: ("names that turn inward", (
        "events/test_outward_names::test_a_name_that_turns_inward_between_two_calls_is_blocked",
        "events/test_outward_names::test_one_forbidden_answer_refuses_the_whole_name")),
    43: ("redirects, Refresh, Alt-Svc", (
        "events/test_outward_hostile::test_a_redirect_is_a_failure_and_is_not_followed",
        "events/test_outward_hostile::test_refresh_and_alt_svc_lead_nowhere")),
    44: ("receivers that never end, drip, lie, or have no good certificate", (
        "events/test_outward_hostile::test_an_endless_body_is_cut_and_judged_by_its_status",
        "events/test_outward_tls::test_an_expired_certificate_is_a_tls_error")),
    45: ("our own API as a receiver", (
        "api/test_webhook_trials::test_an_endpoint_that_is_our_own_api_sets_nothing_going",
        "events/test_outward_urls::test_our_own_host_is_no_receiver")),
    46: ("proxies of the environment", (
        "events/test_outward_sender::test_the_proxies_of_the_environment_are_ignored",)),
    47: ("signatures of Meta that are none", (
        "messages/test_intake::test_a_signature_that_is_none_is_401_and_nothing_is_kept",)),
    48: ("an unknown number, and a message that is another brand's", (
        "messages/test_strays::test_an_unknown_number_goes_nowhere_and_is_counted",
        "messages/test_strays::test_the_number_of_one_brand_cannot_move_the_message_of_another")),
    49: ("webhooks repeated, in disorder, ten thousand in one", (
        "messages/test_intake::test_thousands_of_statuses_in_three_megabytes_are_worked_off",)),
    50: ("a handshake that is none", (
        "messages/test_intake::test_a_handshake_that_is_none_is_403_and_echoes_nothing",
        "messages/test_intake::test_a_challenge_of_a_megabyte_ends_at_the_edge")),
    51: ("texts that are markup, on pages", (
        f"{PAGES}::test_no_text_of_anybody_becomes_markup_on_any_page",
        "browser/test_hostile_text::test_no_text_of_anybody_runs_or_tears_a_page",
        "dashboard/test_deliveries_page::test_an_answer_of_the_endpoint_is_shown_as_text",
        "dashboard/test_inbox_page::test_names_texts_cards_and_buttons_are_text",
        "dashboard/test_inbox_page::test_contents_of_any_shape_break_no_page")),
    52: ("names that are too long, read backwards or look like somebody else", (
        f"{PAGES}::test_a_name_without_measure_leaves_the_page_as_it_is",
        "dashboard/test_inbox_page::test_names_texts_cards_and_buttons_are_text",
        "dashboard/test_inbox_page::test_a_very_long_name_is_cut")),
    53: ("files that are not what they say", (
        f"{PAGES}::test_no_answer_brings_a_file_that_is_not_what_it_says",
        "media/test_fetching::test_bytes_that_are_never_what_meta_said_are_given_up_and_never_served",
        "dashboard/test_inbox_page::test_no_file_can_run_on_our_pages",
        "media/test_accepted::test_nothing_becomes_a_photo_by_being_called_one",
        "media/test_accepted::test_what_meta_does_not_take_is_refused_whatever_it_is_called",
        "media/test_serving::test_a_hostile_name_cannot_leave_the_header_or_the_folder",
        "api/test_media_upload::test_what_whatsapp_does_not_take_is_refused_before_whatsapp_is_asked")),
    54: ("a file's address that is not Meta's", (
        "media/test_fetching::test_a_redirect_to_a_host_that_is_not_metas_is_not_followed",
        "media/test_fetching::test_files_on_another_port_are_not_fetched_unless_it_is_trusted")),
    55: ("cells of an export that are formulas", (
        f"{PAGES}::test_no_text_of_anybody_becomes_markup_on_any_page",
        "dashboard/test_sheets::test_no_cell_begins_like_a_formula",
        "dashboard/test_audit::test_the_file_has_what_the_list_has_and_no_formulas")),
    56: ("forms of other sites", (
        f"{PEOPLE}::test_no_form_of_another_site_does_anything",
        f"{PEOPLE}::test_a_browser_that_names_no_site_names_the_origin_instead",
        f"{PEOPLE}::test_a_log_in_cannot_be_forced_on_anybody",
        f"{PEOPLE}::test_cookies_mean_nothing_at_the_api_and_keys_nothing_at_the_pages",
        f"{PAGES}::test_no_page_and_no_endpoint_is_for_other_sites_to_read")),
    57: ("sessions planted, stolen, ended, without their prefix", (
        f"{PEOPLE}::test_a_session_that_was_planted_is_not_the_one_that_gets_in",
        f"{PEOPLE}::test_a_stolen_cookie_dies_with_the_password",
        f"{PEOPLE}::test_a_log_out_among_many_requests_leaves_none_that_gets_in",
        f"{PEOPLE}::test_over_https_a_cookie_without_the_host_prefix_is_none",
        f"{PAGES}::test_what_opens_something_for_good_asks_for_the_password_once_more",
        f"{PAGES}::test_an_hour_old_session_opens_nothing_for_good")),
    58: ("set-up after the first person, ten at once, a hundred wrong links", (
        f"{PEOPLE}::test_once_anybody_has_an_account_there_is_no_set_up",
        f"{PEOPLE}::test_of_ten_with_the_right_link_one_becomes_the_owner",
        f"{PEOPLE}::test_a_hundred_wrong_links_open_nothing_and_look_alike")),
    59: ("roles: pages by their address, raising oneself, the last owner, invitations", (
        f"{PEOPLE}::test_no_role_opens_a_page_by_its_address_that_is_not_for_it",
        f"{PAGES}::test_no_page_tells_anything_of_another_brand",
        f"{PAGES}::test_no_stream_tells_anything_of_another_brand",
        f"{PEOPLE}::test_nobody_raises_themselves",
        f"{PEOPLE}::test_the_last_owner_cannot_leave_or_step_down",
        f"{PEOPLE}::test_an_invitation_opens_once_and_for_its_own_address_only",
        f"{PEOPLE}::test_a_new_password_for_somebody_else_cannot_reach_another_brand")),
    61: ("a code anywhere it should not rest", (
        "api/test_otp_secrecy::test_a_code_rests_nowhere_whatever_becomes_of_the_send",
        "api/test_send_template_secrecy::test_a_code_rests_nowhere_whatever_becomes_of_the_send",
        "api/test_canary::test_a_code_rests_nowhere_though_we_are_killed_at_every_step")),
    62: ("secrets in the database, sealed values swapped, a wrong keyring", (
        "hostile/test_secrets::test_no_table_and_no_answer_holds_a_secret_in_the_clear",
        "test_vault::test_two_rows_that_were_swapped_both_refuse",
        "test_vault::test_the_first_keyring_becomes_the_databases_own_and_another_is_refused")),
    63: ("a forged X-Forwarded-For and a key that is bound to addresses", (
        "api/test_constraints::test_without_a_trusted_proxy_nobody_is_believed_about_an_address",
        "api/test_constraints::test_behind_a_trusted_proxy_the_last_hop_that_is_not_ours_counts")),
    64: ("floods of codes", (
        "api/test_limits::test_the_limit_holds_over_all_keys_of_a_brand_and_over_processes",
        "api/test_limits::test_a_block_of_1000_neighbours_gets_no_more_codes_than_the_key_may_send",
        "api/test_limits::test_fifty_countries_are_one_for_a_key_that_is_bound_to_it",
        "access/test_buckets::test_exactly_the_quota_passes_however_many_come_over_however_many_ways",
        "api/test_constraints::test_a_key_sends_to_its_countries_and_prefixes_and_nowhere_else")),
    65: ("a database that is away, stuck, full, dead in mid-send", (
        "hostile/test_trouble::test_without_a_database_every_endpoint_says_503_and_when_to_come_back",
        "hostile/test_trouble::test_a_table_that_is_locked_delays_a_send_or_refuses_it_and_never_doubles_it",
        "crash/test_database::test_a_database_that_dies_while_meta_accepts_leaves_a_doubt_that_meta_settles",
        "crash/test_readonly::test_a_database_that_takes_no_writes_means_no_2xx_and_no_send_and_no_loss")),
    66: ("a clock that jumps", (
        "hostile/test_trouble::test_a_clock_that_jumps_sends_nothing_twice_and_forgets_nothing",)),
    67: ("a reader that names no brand; a connection used again after an error", (
        "database/test_isolation::test_a_reader_that_names_no_brand_sees_nothing_and_breaks_nothing",
        "database/test_isolation::test_an_error_in_one_reading_leaves_no_brand_behind_for_the_next")),
    68: ("the button of a replay, ten times", (
        "api/test_webhook_replays::test_ten_clicks_on_a_hundred_thousand_are_one_job_and_more_jobs_wait",)),
}  # fmt: skip

OIDC = "nobody signs in through somebody else here: OIDC is left out"
WAITS = {60: OIDC}


def test_every_line_of_the_list_is_tried_or_says_why_not() -> None:
    assert sorted([*TRIED, *WAITS]) == list(range(1, 69))


@pytest.mark.parametrize("number", TRIED)
def test_the_functions_of_a_line_exist(number: int) -> None:
    what, tests = TRIED[number]
    assert what
    for test in tests:
        place, _, name = test.partition("::")
        assert name in functions_of(place), f"{number} ({what}): {test} is not there"
