"""
The table from what can go wrong to the tests that prove what happens then.

``python tests/faults/test_matrix.py`` prints it. A row is named by its number, a test by
its file below ``tests`` and its name; a test here sees to it that each is there.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

INPUTS = "faults/test_inputs.py"
SEGMENTS = "faults/test_segments.py"
PRODUCTS = "faults/test_products.py"
WRITER = "faults/test_writer_faults.py"

ROWS = {
    1: ("a file cut anywhere", {"io/test_fits_structure.py": ["test_every_cut_is_noticed"]}),
    2: ("a file cut inside ERR", {INPUTS: ["test_cut_inside_err_is_never_unmasked"]}),
    3: ("a file cut inside its final filling", {"io/test_fits_structure.py": ["test_missing_final_filling_is_noted"]}),
    4: (
        "no images: nothing, text, pages, pictures, pipes, devices, folders",
        {
            INPUTS: ["test_what_is_no_image_ends_at_once", "test_folder_without_images"],
            "io/test_storage.py": ["test_what_is_no_file_is_refused_at_once", "test_what_is_not_fits_is_named"],
        },
    ),
    5: ("a gzip file cut or corrupt", {"io/test_storage.py": ["test_cut_gzip", "test_corrupt_gzip"]}),
    6: ("gzip by another name", {"io/test_storage.py": ["test_gzip_whatever_its_name"]}),
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
    8: ("impossible cards", {"io/test_fits_structure.py": ["test_impossible_cards"]}),
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
    20: (
        "DQ of another shape, or none",
        {SEGMENTS: ["test_shape_of_dq", "test_missing_dq_only_when_allowed"], "io/test_jwst.py": ["test_missing_dq"]},
    ),
    26: ("segments in any order", {SEGMENTS: ["test_segments_in_any_order"]}),
    27: (
        "a segment that is not there, or cannot be read",
        {
            SEGMENTS: [
                "test_missing_segment_is_an_error_by_default",
                "test_missing_segment_makes_flagged_rows",
                "test_missing_last_segment_of_unknown_length",
                "test_hole_between_named_files",
                "test_missing_ground_files",
                "test_unreadable_segment",
                "test_two_unreadable_neighbours",
                "test_unreadable_ground_file",
                "test_unreadable_image",
                "test_every_problem_in_one_report",
            ]
        },
    ),
    28: (
        "segments that contradict each other, and mixtures",
        {
            SEGMENTS: ["test_mixtures_list_what_selects_each", "test_copy_of_a_segment"],
            "io/test_jwst.py": ["test_holes_overlaps_and_ends", "test_segment_totals_that_differ"],
            "io/test_sources.py": ["test_every_printed_selection_works"],
        },
    ),
    29: ("a last segment of one integration", {"io/test_jwst.py": ["test_last_segment_of_one_integration"]}),
    30: (
        "one file twice",
        {
            INPUTS: ["test_the_same_file_by_three_names"],
            "io/test_traps.py": ["test_copies_wherever_they_stand"],
        },
    ),
    33: (
        "dates that are none, for the order of files",
        {"io/test_headers.py": ["test_start_is_the_modified_julian_date", "test_no_start"]},
    ),
    39: ("times to a nanosecond", {PRODUCTS: ["test_times_to_a_nanosecond"]}),
    40: ("a writer that is killed", {WRITER: ["test_a_hundred_kills", "test_a_product_survives_ten_kills"]}),
    41: (
        "a call that fails",
        {
            WRITER: [
                "test_the_nth_call_fails",
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
        },
    ),
    47: (
        "two writers of one product",
        {PRODUCTS: ["test_two_writers_of_one_product", "test_many_threads_one_wins", "test_claims_are_of_a_thread"]},
    ),
    54: ("errors through a pool", {"test_exceptions.py": ["test_pickling_keeps_class_message_and_place"]}),
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
    59: ("odd names", {INPUTS: ["test_odd_names_are_names"], PRODUCTS: ["test_long_and_odd_names"]}),
    60: ("entries of lists", {INPUTS: ["test_entries_of_a_list"]}),
    61: ("links in circles", {INPUTS: ["test_links_that_lead_in_circles"], "io/test_sources.py": ["test_links"]}),
    62: (
        "hostile products",
        {PRODUCTS: ["test_hostile_ecsv", "test_hostile_hdf5", "test_what_is_no_file", "test_table_of_somebody_else"]},
    ),
    63: (
        "what nobody thought of",
        {
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
    67: (
        "grism, superstripe and DHS files",
        {"io/test_jwst.py": ["test_spectra_and_stripes_are_refused_by_name", "test_dispersers_are_refused"]},
    ),
}


@cache
def functions(name):
    """Names of the tests of a file, and of those that are skipped always or by a mark."""
    tree = ast.parse((TESTS / name).read_text(encoding="utf-8"))
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    skipped = {node.name for node in found if any("skip" in ast.unparse(mark) for mark in node.decorator_list)}
    return {node.name for node in found}, skipped


@pytest.mark.parametrize("row", ROWS)
def test_row_has_its_tests(row):
    what, places = ROWS[row]
    assert what and places
    for name, tests in places.items():
        there, skipped = functions(name)
        assert not set(tests) - there, f"row {row}: {name} has no {set(tests) - there}"
        assert not set(tests) & skipped, f"row {row}: {name} skips {set(tests) & skipped}"


def table():
    """The rows as a list-table of reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", "", "   * - row", "     - what", "     - tests"]
    for row, (what, places) in sorted(ROWS.items()):
        shown = ", ".join(f"``{name}::{test}``" for name, tests in places.items() for test in tests)
        lines += [f"   * - {row}", f"     - {what}", f"     - {shown}"]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
