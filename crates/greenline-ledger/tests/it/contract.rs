//! What every store must do, whichever it is.
//!
//! A test takes a [`Place`](crate::support::Place) and knows of it only that it opens; [`over`] lists all
//! of them for one store. One that is not listed is dead code, and the compiler says so.

pub(crate) mod avenue;
pub(crate) mod causes;
pub(crate) mod deliveries;
pub(crate) mod erasure;
pub(crate) mod health;
pub(crate) mod import;
pub(crate) mod keeping;
pub(crate) mod later;
pub(crate) mod notices;
pub(crate) mod pace;
pub(crate) mod pair;
pub(crate) mod people;
pub(crate) mod preference;
pub(crate) mod question;
pub(crate) mod reach;
pub(crate) mod reception;
pub(crate) mod refusals;
pub(crate) mod seal;
pub(crate) mod sends;
pub(crate) mod spam;
pub(crate) mod timeline;

/// The tests of one area, over one store.
macro_rules! tests {
    ($store:expr, $area:ident { $($test:ident),* $(,)? }) => {
        mod $area {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    crate::contract::$area::$test(crate::support::Place::of($store)).await;
                }
            )*
        }
    };
}
pub(crate) use tests;

/// The whole contract, over one store.
macro_rules! over {
    ($store:expr) => {
        crate::contract::tests!(
            $store,
            sends {
                a_covered_send_is_allowed_and_recorded,
                place_and_hour_are_facts_of_the_record,
                a_send_without_cover_is_refused_and_recorded,
                both_addressees_must_be_allowed,
                ids_grow_even_when_the_clock_does_not_and_over_a_restart,
                an_observed_send_goes_though_refused_and_a_stop_finds_it,
                an_unknown_outcome_makes_the_same_body_wait_also_over_a_restart,
                a_status_may_come_before_the_answer_and_in_any_order,
                outcomes_are_written_without_anybody_asking,
                decisions_are_listed_newest_first_by_page,
                a_closed_ledger_says_so,
                many_at_once_are_all_answered,
                a_decision_past_the_store_is_recorded_later_and_once,
                what_may_have_gone_out_waits_until_the_last_of_it_is_known,
            }
        );
        crate::contract::tests!(
            $store,
            reach {
                a_place_is_taken_for_24_hours_to_the_millisecond,
                who_counts_may_be_sent_to_again_and_is_renewed,
                what_reached_nobody_gives_its_place_back,
                a_delivery_renews_whom_it_reaches,
                a_message_that_arrives_after_days_takes_a_place_again,
                a_status_before_the_answer_counts_once_the_answer_is_there,
                what_goes_in_an_open_window_takes_no_place,
                businesses_of_one_portfolio_share_one_count,
                two_who_are_one_take_one_place,
                the_newest_limit_counts_and_the_stricter_of_two,
                while_the_limit_is_not_known_everybody_is_counted,
                what_a_portfolio_had_reached_then_is_not_told,
                what_goes_though_refused_counts,
                a_restart_keeps_the_count,
                many_at_once_use_the_limit_up_exactly,
            }
        );
        crate::contract::tests!(
            $store,
            people {
                an_event_with_two_identifiers_makes_them_one_person,
                two_known_people_who_turn_out_to_be_one_share_every_no,
                a_moved_number_carries_noes_at_once_and_yeses_once_the_person_writes,
                what_a_stranger_grants_on_the_old_number_is_not_the_persons,
                moves_chain_and_may_come_back,
                a_stop_on_the_old_number_waits_for_sends_to_the_new_one,
                another_user_id_on_a_known_number_leaves_its_yeses_unconfirmed,
                a_doubtful_spelling_joins_for_every_no_and_never_for_a_yes,
                a_key_appends_once,
                an_import_is_exported_in_order,
                the_newest_answer_about_calls_stands,
                a_stop_finds_sends_from_before_two_people_were_linked,
                what_a_replaced_user_id_grants_later_is_not_the_persons,
            }
        );
        crate::contract::tests!(
            $store,
            question {
                many_questions_are_answered_as_each_alone,
                a_piece_of_questions_has_a_size,
                what_arrived_later_does_not_count_then,
                what_people_wrote_later_opens_no_window_then,
                what_the_platform_said_later_is_told_apart,
                what_an_erasure_took_cannot_be_told,
            }
        );
        crate::contract::tests!(
            $store,
            pair {
                a_burst_has_45_and_then_waits_until_it_is_paid,
                one_message_in_six_seconds_goes_on_for_ever,
                what_was_rejected_or_not_sent_takes_nothing,
                the_platforms_131056_makes_the_pair_wait_longer_each_time,
                what_goes_unbound_is_counted_up_to_what_may_go,
                all_names_of_a_person_are_one_pair,
                an_erasure_takes_the_pace_along,
                a_thousand_at_once_to_one_person_forward_one_burst,
            }
        );
        crate::contract::tests!(
            $store,
            health {
                a_refusal_like_a_lock_closes_a_number_until_it_was_read,
                an_end_opens_only_what_was_read_after_it,
                asked_in_advance_an_end_counts,
                what_holds_an_account_lasts_until_something_says_that_it_is_over,
            }
        );
        crate::contract::tests!(
            $store,
            causes {
                what_the_matrix_says_no_to_no_send_gets_past,
                what_names_one_number_closes_that_number_alone,
            }
        );
        crate::contract::tests!(
            $store,
            spam {
                a_number_starts_nothing_for_a_day_after_the_last_word,
                a_read_or_a_success_after_the_day_settles_it,
                as_of_a_moment_before_it_was_said_it_is_not_known,
                a_limit_that_is_over_makes_no_number_known,
            }
        );
        crate::contract::tests!(
            $store,
            pace {
                a_cap_counts_what_went_and_rolls_to_the_millisecond,
                what_did_not_reach_the_person_is_not_counted,
                a_status_that_came_before_the_answer_counts_too,
                people_who_are_one_are_counted_as_one_over_all_numbers,
                observed_sends_are_counted_whatever_was_decided,
                what_answers_is_neither_counted_nor_bound,
                an_erasure_takes_along_what_was_counted,
                the_platforms_bound_holds_marketing_back_longer_each_time,
                a_thousand_sends_at_once_to_one_person_forward_what_the_cap_allows,
            }
        );
        crate::contract::tests!(
            $store,
            later {
                a_held_message_is_kept_with_its_decision_and_sent_once,
                what_is_decided_again_waits_goes_or_ends,
                of_one_person_and_number_the_earlier_is_over_before_the_later,
                a_cancelled_message_is_never_sent,
                held_messages_are_listed_by_number_and_person,
                what_was_let_go_when_the_process_ended_is_not_sent_again,
                an_erasure_takes_held_messages_along,
                what_may_be_held_must_be_given,
            }
        );
        crate::contract::tests!(
            $store,
            preference {
                a_link_is_made_out_to_a_person_whom_it_finds_again,
                revoking_raises_the_generation_of_the_whole_person,
                what_is_done_through_a_link_is_done_under_the_first_number,
            }
        );
        crate::contract::tests!(
            $store,
            erasure {
                an_erased_person_leaves_their_no_and_nothing_else,
                nothing_brings_back_what_was_said_before,
                a_kept_no_meets_every_spelling_and_every_number_moved_to,
                an_erasure_needs_a_person_and_a_key,
            }
        );
        crate::contract::tests!(
            $store,
            keeping {
                everything_held_about_a_person_is_found_and_nothing_of_others,
                a_first_contact_that_was_refused_is_held_once_they_are_known,
                a_seal_made_before_an_erasure_is_not_taken_after_it,
                a_send_under_way_names_no_message_of_someone_erased,
                a_decision_read_in_after_an_erasure_is_about_nobody,
                an_erasure_that_was_broken_off_is_carried_to_its_end,
                a_key_that_an_erasure_needs_is_known_as_such,
                old_decisions_go_once_they_are_sealed_and_the_log_stays_whole,
                a_record_that_was_passed_over_keeps_no_other_from_going,
                nothing_of_the_last_day_is_pruned_whatever_is_asked,
                old_replies_and_timeline_entries_go_and_what_is_owed_stays,
            }
        );
        crate::contract::tests!(
            $store,
            deliveries {
                the_same_bytes_change_nothing_but_wait_for_the_same_sends,
                a_reply_is_handed_out_once_whatever_happens,
                a_reply_is_decided_about_only_in_the_hand_it_is_in,
                a_delivery_goes_to_each_app_byte_for_byte_until_it_is_taken,
                older_news_never_overwrites_newer,
                a_rating_is_kept_with_its_age,
                the_timeline_is_paged_and_narrowed,
                an_old_message_opens_no_window,
                what_was_handed_out_comes_back_if_nobody_says_how_it_ended,
                a_free_entry_point_lasts_as_long_as_the_longest,
            }
        );
        crate::contract::tests!(
            $store,
            notices {
                an_event_is_told_to_each_subscription_that_takes_it,
                what_changes_without_an_event_is_told_too,
                a_subscription_is_written_only_over_the_version_that_was_read,
                what_waits_for_a_subscription_is_counted,
                notices_are_replayed_from_a_moment_a_page_at_a_time,
                a_replay_leaves_out_imports_for_who_does_not_take_them,
                what_is_imported_is_told_when_it_is_recorded,
                who_takes_no_consents_has_none_written_down,
                what_is_put_off_was_not_attempted,
                what_waits_for_nobody_is_dropped_when_its_days_are_over,
                however_much_waits_for_nobody_it_is_dropped_in_one_go,
                an_erasure_names_nobody_and_takes_back_what_was_not_told,
            }
        );
        crate::contract::tests!(
            $store,
            avenue {
                proofs_are_kept_and_the_newest_of_each_kind_counts,
                an_ask_keeps_what_was_known_of_ways_out,
            }
        );
        crate::contract::tests!(
            $store,
            seal {
                every_record_is_sealed_once_and_stays,
                what_is_to_be_sealed_is_the_same_after_a_restart,
                each_business_has_a_log_of_its_own,
                a_seal_for_another_size_is_not_taken,
                sealers_at_once_lose_nothing_and_seal_nothing_twice,
                proofs_come_from_what_is_kept_of_a_long_log,
                forgotten_salts_leave_the_leaf_as_it_was,
                a_decision_that_comes_late_is_sealed_too,
            }
        );
        crate::contract::tests!(
            $store,
            timeline {
                entries_are_sealed_with_all_else_and_stay,
                old_entries_go_once_they_are_sealed_and_every_head_stays,
                an_entry_that_speaks_of_somebody_is_erased_and_stays_proved,
            }
        );
        crate::contract::tests!(
            $store,
            import {
                a_row_says_what_became_of_it_and_the_same_again_changes_nothing,
                a_piece_done_twice_by_one_import_answers_the_same,
                a_rehearsal_answers_as_the_import_does_and_leaves_nothing,
                a_rehearsal_knows_earlier_rows_that_bear_on_its_people,
                an_undated_no_is_said_anew_once_it_was_lifted,
                what_is_undone_can_be_imported_again,
                an_imported_no_waits_for_sends_under_way,
                many_rows_of_new_people_are_one_piece,
            }
        );
        crate::contract::tests!(
            $store,
            reception {
                what_was_sent_is_counted_with_what_became_of_it,
                a_business_is_the_sum_of_its_numbers_and_days_pass,
                people_of_thirty_days_are_those_to_whom_something_arrived,
                of_many_one_person_in_so_many_is_looked_at,
            }
        );
        crate::contract::tests!(
            $store,
            refusals {
                one_impossible_request_does_not_take_others_down,
                nobody_and_nowhere_are_defects,
                a_delivery_that_contradicts_leaves_nothing_behind,
                an_event_that_contradicts_is_left_out_of_many,
            }
        );
    };
}
pub(crate) use over;
