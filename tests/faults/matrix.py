"""
The table from what can go wrong to the tests that prove what happens then.

``python tests/faults/matrix.py`` prints it; the documentation has it, too. A row is named
by its number, a test by its file below ``tests`` and its name. Of each row at least one
test says its number in its docstring.
"""

INPUTS = "faults/test_inputs.py"
SEGMENTS = "faults/test_segments.py"
PRODUCTS = "faults/test_products.py"
WRITER = "faults/test_writer_faults.py"
WORKERS = "faults/test_workers.py"
FILES = "faults/test_files.py"
TIMES = "faults/test_times.py"
DATES = "faults/test_dates.py"
SIGNALS = "faults/test_signals.py"
FOUND = "fuzz/test_found.py"
MEASURING = "faults/test_measuring.py"
COMMAND = "cli/test_faults.py"
FLAGS = "extractor/test_flags.py"
BITS = "extractor/test_bad_pixels.py"
SETTINGS = "extractor/test_settings.py"

ROWS = {
    1: (
        "a file cut anywhere",
        {FILES: ["test_a_file_cut_anywhere"], "io/test_fits_structure.py": ["test_every_cut_is_noticed"]},
    ),
    2: ("a file cut inside ERR", {INPUTS: ["test_cut_inside_err_is_never_unmasked"]}),
    3: (
        "a file cut inside its final filling",
        {
            FILES: ["test_final_filling_is_no_loss"],
            "io/test_fits_structure.py": ["test_missing_final_filling_is_noted"],
        },
    ),
    4: (
        "no images: nothing, text, pages, pictures, pipes, devices, folders",
        {
            INPUTS: ["test_what_is_no_image_ends_at_once", "test_folder_without_images"],
            "io/test_storage.py": ["test_what_is_no_file_is_refused_at_once", "test_what_is_not_fits_is_named"],
        },
    ),
    5: (
        "a gzip file cut or corrupt",
        {FILES: ["test_broken_gzip"], "io/test_storage.py": ["test_cut_gzip", "test_corrupt_gzip"]},
    ),
    6: (
        "gzip by another name",
        {FILES: ["test_gzip_by_any_name"], "io/test_storage.py": ["test_gzip_whatever_its_name"]},
    ),
    7: (
        "bombs, impossible sizes, more than memory",
        {
            INPUTS: [
                "test_gzip_bomb_of_two_gigabytes",
                "test_forty_terabytes_are_not_allocated",
                "test_integration_larger_than_the_memory_allowed",
                "test_sparse_stack_of_eight_gigabytes",
                "test_headers_without_measure",
            ],
            "io/test_storage.py": ["test_gzip_bomb", "test_gzip_larger_than_allowed"],
        },
    ),
    8: (
        "impossible cards",
        {
            FILES: ["test_cards_that_cannot_be", "test_no_axes_are_no_image"],
            "io/test_fits_structure.py": ["test_impossible_cards"],
        },
    ),
    9: (
        "flipped bits and checksums",
        {INPUTS: ["test_bit_flips_are_found_by_checksums", "test_checksums_of_a_sound_file"]},
    ),
    10: (
        "a file that changes while it is read",
        {
            INPUTS: ["test_file_rewritten_in_place_while_it_is_read"],
            SEGMENTS: ["test_a_file_that_fails_while_it_is_read"],
            "io/test_pixels.py": ["test_a_file_that_changes_is_noticed", "test_a_file_that_is_cut_while_it_is_read"],
        },
    ),
    11: (
        "more files than descriptors",
        {
            INPUTS: ["test_five_thousand_files_and_sixty_four_descriptors"],
            "io/test_storage.py": ["test_more_files_than_descriptors"],
        },
    ),
    12: (
        "pixels of every type",
        {
            INPUTS: ["test_one_series_in_every_type"],
            "io/test_pixels.py": ["test_every_type_equals_astropy", "test_scaled_and_blank"],
            "io/test_arrays.py": ["test_every_type_becomes_native_float"],
        },
    ),
    13: (
        "unsigned counts that fall",
        {
            FILES: ["test_counts_that_fall_are_negative"],
            "measure/test_ramps.py": ["test_unsigned_counts_do_not_wrap"],
            "extractor/test_ramps.py": ["test_unsigned_ramps_do_not_wrap"],
        },
    ),
    14: (
        "one to five axes",
        {
            INPUTS: ["test_axes"],
            "io/test_image.py": [
                "test_three_axes_ask",
                "test_four_axes_are_ramps",
                "test_other_numbers_of_axes",
            ],
            "io/test_arrays.py": ["test_numbers_of_axes"],
            "io/test_jwst.py": ["test_every_product"],
            "io/test_ncdhas.py": ["test_ramp"],
        },
    ),
    15: (
        "one integration without data",
        {MEASURING: ["test_one_integration_without_data"], FLAGS: ["test_no_data"]},
    ),
    16: (
        "no integration with data",
        {FLAGS: ["test_all_integrations_without_data"], COMMAND: ["test_all_without_data_is_3"]},
    ),
    17: (
        "bad pixels in the aperture or beside it, passing or constant",
        {
            MEASURING: [
                "test_bad_pixel_in_some_integrations",
                "test_bad_pixel_outside_every_aperture",
                "test_constant_bad_pixel",
            ],
            FLAGS: [
                "test_one_bad_pixel_is_replaced",
                "test_one_bad_pixel_by_each_policy",
                "test_bad_pixel_outside_the_aperture_changes_no_sum",
                "test_constant_bad_pixel_is_left_out_everywhere",
            ],
            BITS: ["test_constant_bad_pixels_set_no_bit"],
        },
    ),
    18: (
        "errors of 0, below 0, NaN, or none",
        {
            MEASURING: ["test_errors_that_cannot_be", "test_no_errors_at_all"],
            FLAGS: ["test_errors_that_cannot_be", "test_errors_of_which_none_is_valid"],
        },
    ),
    19: (
        "bits of DQ in the aperture",
        {
            MEASURING: ["test_bits_of_dq"],
            "extractor/test_every_bit.py": ["test_every_bit_has_a_case", "test_bit"],
            BITS: ["test_flags_follow_the_aperture"],
            FLAGS: ["test_saturation_in_ramps"],
        },
    ),
    20: (
        "DQ of another shape, or none",
        {SEGMENTS: ["test_shape_of_dq", "test_missing_dq_only_when_allowed"], "io/test_jwst.py": ["test_missing_dq"]},
    ),
    21: (
        "apertures and positions outside, radii that are none",
        {
            MEASURING: [
                "test_radii_that_are_none",
                "test_positions_outside_the_frame",
                "test_apertures_that_leave_the_frame",
                "test_a_centre_that_wanders_out",
            ],
            FLAGS: ["test_partial_aperture", "test_star_that_wanders_out"],
            SETTINGS: [
                "test_radius_out_of_range",
                "test_position_outside_the_frame",
                "test_aperture_larger_than_the_frame",
            ],
        },
    ),
    22: ("an elongated star off the middle", {MEASURING: ["test_asymmetric_star_far_from_the_middle"]}),
    23: (
        "images without a star, and with strange ones",
        {
            MEASURING: ["test_strange_images", "test_a_hit_core_that_nobody_cleans_is_suspect"],
            FLAGS: ["test_star_that_is_not_there", "test_nothing_to_fit_raises_nothing"],
            "measure/test_gaussian.py": [
                "test_stamps_without_a_star",
                "test_saturated_star_with_a_hollow_core",
                "test_neighbour",
                "test_cosmic_on_a_star",
            ],
        },
    ),
    24: (
        "a fit that gives nothing, or never ends",
        {
            MEASURING: ["test_fit_that_goes_wrong"],
            "measure/test_gaussian.py": ["test_too_few_pixels_or_passes"],
        },
    ),
    25: (
        "INT_TIMES absent, empty, short, long, shuffled, repeated, rolled over",
        {
            TIMES: ["test_int_times_are_joined_by_number", "test_numbers_that_roll_over"],
            "timing/test_int_times.py": [
                "test_absent_empty_or_blank",
                "test_short",
                "test_of_the_whole_exposure_in_every_segment",
                "test_shuffled",
                "test_rows_without_a_time",
                "test_a_number_given_to_two_integrations",
                "test_numbers_that_start_anew_after_32767",
                "test_numbers_that_start_elsewhere_are_not_believed",
            ],
        },
    ),
    26: ("segments in any order", {SEGMENTS: ["test_segments_in_any_order"]}),
    27: (
        "a segment that is not there, or cannot be read",
        {
            SEGMENTS: [
                "test_missing_segment_is_an_error_by_default",
                "test_missing_segment_makes_flagged_rows",
                "test_settings_by_header_of_a_visit_with_a_hole",
                "test_missing_last_segment_of_unknown_length",
                "test_hole_between_named_files",
                "test_missing_ground_files",
                "test_unreadable_segment",
                "test_two_unreadable_neighbours",
                "test_unreadable_ground_file",
                "test_unreadable_image",
                "test_every_problem_in_one_report",
                "test_every_problem_of_ground_files_in_one_report",
            ]
        },
    ),
    28: (
        "segments that contradict each other, and mixtures",
        {
            SEGMENTS: [
                "test_mixtures_list_what_selects_each",
                "test_copy_of_a_segment",
                "test_every_problem_between_segments_in_one_report",
                "test_shapes_and_totals_in_one_report",
                "test_mixtures_and_holes_in_one_report",
                "test_every_problem_of_ground_files_in_one_report",
            ],
            "io/test_jwst.py": ["test_holes_overlaps_and_ends", "test_segment_totals_that_differ"],
            "io/test_sources.py": ["test_every_printed_selection_works"],
        },
    ),
    29: (
        "a last segment of one integration",
        {FILES: ["test_last_segment_of_one_integration"], "io/test_jwst.py": ["test_last_segment_of_one_integration"]},
    ),
    30: (
        "one file twice",
        {
            SEGMENTS: ["test_every_problem_of_ground_files_in_one_report"],
            INPUTS: ["test_the_same_file_by_three_names"],
            "io/test_traps.py": ["test_copies_wherever_they_stand"],
        },
    ),
    31: (
        "ends after midnight, New Year, 29 February, a leap second",
        {
            TIMES: ["test_ends_on_the_next_day"],
            "timing/test_dates.py": ["TestSharedSpan::test_midnight"],
            "timing/test_readout.py": ["test_a_leap_second_within_the_exposure"],
        },
    ),
    32: (
        "ends before or at the start",
        {TIMES: ["test_ends_before_it_begins"], "timing/test_dates.py": ["TestSharedSpan::test_spans_that_cannot_be"]},
    ),
    33: (
        "dates that are none",
        {
            TIMES: ["test_dates_that_are_none", "test_dates_that_are_not_even_text", "test_zulu_is_accepted"],
            "io/test_headers.py": ["test_start_is_the_modified_julian_date", "test_no_start"],
            "timing/test_dates.py": [
                "TestPlainImages::test_malformed_cards",
                "TestPlainImages::test_full_width_digits_are_no_digits",
            ],
        },
    ),
    34: (
        "Julian dates against ERFA",
        {
            DATES: ["test_every_date_is_erfas_and_a_day_before_the_next"],
            "test_julian.py": ["test_every_month_end_equals_erfa", "test_every_day_equals_erfa_and_follows_the_last"],
        },
    ),
    35: (
        "dates that do not exist",
        {
            DATES: [
                "test_dates_that_do_not_exist",
                "test_leap_seconds_on_their_days_only",
                "test_scalars_of_numpy_equal_arrays",
            ],
            "test_julian.py": ["test_bad_dates", "test_leap_seconds", "test_scalars_equal_arrays_of_any_shape"],
        },
    ),
    36: (
        "a nanosecond of a Julian date",
        {DATES: ["test_a_nanosecond"], "test_julian.py": ["test_comes_back_to_the_nanosecond"]},
    ),
    37: (
        "the reform of the calendar, and years before 1",
        {DATES: ["test_the_reform_and_years_before_one"], "test_julian.py": ["test_epochs", "test_year_of_the_reform"]},
    ),
    38: (
        "no network",
        {MEASURING: ["test_without_a_network"], "timing/test_clock.py": ["test_nothing_is_asked_of_the_network"]},
    ),
    39: ("times to a nanosecond", {PRODUCTS: ["test_times_to_a_nanosecond"]}),
    40: ("a writer that is killed", {WRITER: ["test_a_hundred_kills", "test_a_product_survives_ten_kills"]}),
    41: (
        "a call that fails",
        {
            WRITER: [
                "test_the_nth_call_fails",
                "test_ctrl_c_while_the_lock_is_taken",
                "test_the_nth_call_of_a_reader_fails",
                "test_descriptors_are_given_back",
            ]
        },
    ),
    42: ("a full disk", {PRODUCTS: ["test_full_disk"]}),
    43: (
        "a damaged product",
        {PRODUCTS: ["test_two_hundred_damages", "test_rows_exchanged_and_values_edited"]},
    ),
    44: ("ECSV cut at a line", {PRODUCTS: ["test_ecsv_cut_at_a_line"]}),
    45: ("Fletcher's checksum", {PRODUCTS: ["test_fletcher32_is_on"]}),
    46: (
        "outputs that cannot be",
        {
            PRODUCTS: [
                "test_outputs_that_are_refused",
                "test_folder_that_cannot_be_written",
                "test_link_is_followed_and_stays",
            ],
            "cli/test_commands.py": ["test_output_is_checked_before_pixels_are_read"],
            COMMAND: [
                "test_outputs_that_cannot_be",
                "test_inputs_and_outputs_in_one_report",
                "test_folder_that_cannot_be_written",
            ],
        },
    ),
    47: (
        "two writers of one product",
        {
            PRODUCTS: ["test_two_writers_of_one_product", "test_many_threads_one_wins", "test_claims_are_of_a_thread"],
            COMMAND: ["test_two_runs_of_one_output"],
        },
    ),
    51: (
        "any number of workers, of any kind, and blocks of any size",
        {
            MEASURING: ["test_threads_and_chunks_change_no_bit", "test_processes_and_chunks_change_no_bit"],
            "extractor/test_executors.py": [
                "test_threads",
                "test_processes_read_files",
                "test_processes_are_sent_pixels",
                "test_cluster",
            ],
        },
    ),
    52: (
        "a worker that is killed",
        {WORKERS: ["test_killed_workers_of_a_pool", "test_dask", "test_the_pool_of_the_package_has_no_processes"]},
    ),
    53: (
        "a worker without memory, a pool or scheduler that is closed",
        {
            WORKERS: [
                "test_memory_of_a_worker",
                "test_what_pools_say_is_told_as_one_error",
                "test_a_pool_that_is_closed",
                "test_no_answer_of_a_cluster_is_awaited_for_ever",
                "test_what_a_cluster_does_slowly_is_awaited",
                "test_a_cluster_that_is_gone_is_left_in_time",
                "test_extraction_on_a_cluster_that_goes",
                "test_dask",
            ]
        },
    ),
    54: (
        "errors through a pool",
        {
            WORKERS: ["test_every_error_comes_out_of_a_pool", "test_every_error_comes_out_of_a_thread"],
            "test_exceptions.py": ["test_pickling_keeps_class_message_and_place"],
        },
    ),
    55: (
        "Ctrl-C and SIGTERM",
        {
            WRITER: ["test_ctrl_c_while_the_lock_is_taken"],
            SIGNALS: ["test_signal_at_a_moment_of_real_work"],
            COMMAND: ["test_signals"],
        },
    ),
    56: (
        "a command that is killed",
        {
            COMMAND: ["test_killed_command_leaves_no_process"],
            WORKERS: ["test_the_pool_of_the_package_has_no_processes"],
        },
    ),
    57: (
        "closed pipes, full disks under them, terminals and none",
        {
            COMMAND: [
                "test_closed_pipes",
                "test_full_disk_under_what_is_printed",
                "test_progress_is_for_terminals",
                "test_no_terminal_no_bar",
            ]
        },
    ),
    58: (
        "lists of files",
        {
            INPUTS: ["test_a_million_lines"],
            "io/test_listing.py": [
                "test_forms_of_a_list",
                "test_nul_bytes",
                "test_every_missing_entry_is_told_with_its_line",
                "test_its_own_name_is_left_out",
            ],
        },
    ),
    59: (
        "odd names",
        {
            INPUTS: ["test_odd_names_are_names"],
            PRODUCTS: ["test_long_and_odd_names"],
            COMMAND: ["test_odd_names", "test_odd_names_of_products"],
        },
    ),
    60: ("entries of lists", {INPUTS: ["test_entries_of_a_list"]}),
    61: ("links in circles", {INPUTS: ["test_links_that_lead_in_circles"], "io/test_sources.py": ["test_links"]}),
    62: (
        "hostile products",
        {PRODUCTS: ["test_hostile_ecsv", "test_hostile_hdf5", "test_what_is_no_file", "test_table_of_somebody_else"]},
    ),
    63: (
        "what nobody thought of",
        {
            FOUND: [
                "test_cards_that_continue_nothing",
                "test_the_file_in_which_it_was_found",
                "test_a_piece_shorter_than_its_checksum",
            ],
            "fuzz/test_hypothesis.py": [
                "test_cards",
                "test_shapes_and_types",
                "test_cuts_and_flips",
                "test_lists",
                "test_products",
            ],
            "io/test_fits_structure.py": ["test_scrambled_headers_raise_documented_errors_only"],
        },
    ),
    64: (
        "the faults of 2016 put back",
        {"mutation/test_mutants.py": ["test_mutant_is_noticed", "test_copy_is_sound"]},
    ),
    65: (
        "reference pixels",
        {
            FILES: ["test_reference_pixels_are_left_out"],
            "extractor/test_locate.py": ["test_reference_pixels_are_left_out"],
        },
    ),
    66: (
        "one group, and saturated groups",
        {
            MEASURING: ["test_one_group_is_no_difference", "test_saturated_groups"],
            "measure/test_ramps.py": ["test_one_group_has_no_difference", "test_saturated_groups"],
            SETTINGS: ["test_ramp_with_one_group"],
            FLAGS: ["test_saturation_in_ramps", "test_last_unsaturated_group_serves_the_whole_series"],
        },
    ),
    67: (
        "grism, superstripe and DHS files",
        {
            FILES: ["test_dispersed_light_is_refused_by_name", "test_superstripes_are_refused_by_name"],
            "io/test_jwst.py": ["test_spectra_and_stripes_are_refused_by_name", "test_dispersers_are_refused"],
        },
    ),
    68: (
        "cards of time that contradict each other",
        {
            TIMES: ["test_cards_that_contradict_each_other"],
            "timing/test_readout.py": ["test_cards_that_contradict_each_other_mask_the_times"],
            "timing/test_agreement.py": ["TestBeginnings::test_a_day_of_another_year"],
        },
    ),
}


def table():
    """The rows as a list-table of reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", "", "   * - row", "     - what", "     - tests"]
    for row, (what, places) in sorted(ROWS.items()):
        shown = ", ".join(f"``{name}::{test}``" for name, tests in places.items() for test in tests)
        lines += [f"   * - {row}", f"     - {what}", f"     - {shown}"]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
