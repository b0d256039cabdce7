"""Narrowing and oedema: the cut-off itself, its band, and what is never assessed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ifi_mri import findings
from ifi_mri.config import SignalSettings, find_profile, profiles
from ifi_mri.findings import AssessedHip, narrowing
from ifi_mri.findings import quadratus_femoris_fatty_infiltration as fatty
from ifi_mri.findings import quadratus_femoris_oedema as oedema
from ifi_mri.model import Measurement, NotMeasured
from ifi_mri.vocabulary import (
    Answer,
    FindingName,
    HipRotation,
    MeasurementName,
    Side,
    Status,
    at_printed_precision,
)

SD_MM = 1.0606601717798212  # sqrt(2) x 0.75 mm


def number(name, value, unit="mm", sd=SD_MM, side=Side.LEFT):
    interval = (max(0.0, value - 1.959964 * sd), value + 1.959964 * sd)
    return Measurement(name, side, value, unit, sd, interval, "", (), None, 1)


def assessed(ifs=None, qfs=None, ratio=None, fraction=None, **fields):
    values = [
        (MeasurementName.ISCHIOFEMORAL_SPACE, ifs, "mm"),
        (MeasurementName.QUADRATUS_FEMORIS_SPACE, qfs, "mm"),
        (MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO, ratio, "1"),
        (MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION, fraction, "1"),
    ]
    results = [
        NotMeasured(name, Side.LEFT, "nobody looked")
        if value is None
        else number(name, value, unit)
        for name, value, unit in values
    ]
    defaults = {
        "profile": find_profile("singer2015"),
        "signal": SignalSettings(),
        "age_years": 44.0,
    }
    return AssessedHip(side=Side.LEFT, results=results, **(defaults | fields))


def ifs_finding(value, **fields):
    return narrowing.assess(assessed(ifs=value, **fields))[0]


def oedema_finding(**fields):
    return oedema.assess(assessed(**fields))[0]


@pytest.mark.parametrize(
    ("value", "status", "at_or_below"),
    [
        (12.87, Status.PRESENT, True),  # its interval prints as up to 14.9
        (12.88, Status.INDETERMINATE, True),  # up to 15.0, which holds the cut-off
        (14.94, Status.INDETERMINATE, True),
        (15.04, Status.INDETERMINATE, True),  # prints 15.0: the cut-off counts as narrow
        (15.06, Status.INDETERMINATE, False),
        (17.12, Status.INDETERMINATE, False),  # from 15.0
        (17.14, Status.ABSENT, False),  # from 15.1
    ],
)
def test_narrowing_has_three_states_at_the_printed_precision(value, status, at_or_below):
    finding = ifs_finding(value)

    assert (finding.status, finding.at_or_below_cutoff) == (status, at_or_below)
    assert finding.cutoff == 15.0
    assert finding.profile == "singer2015"


@given(st.floats(0, 60), st.floats(0.1, 3))
def test_the_status_the_flag_and_the_probability_never_contradict_one_another(value, sd):
    hip = assessed(ifs=value)
    hip = AssessedHip(
        Side.LEFT,
        [number(MeasurementName.ISCHIOFEMORAL_SPACE, value, sd=sd)],
        hip.profile,
        hip.signal,
        44.0,
    )
    finding = narrowing.assess(hip)[0]

    if finding.status is Status.PRESENT:
        assert finding.at_or_below_cutoff is True
    if finding.status is Status.ABSENT:
        assert finding.at_or_below_cutoff is False
    assert finding.at_or_below_cutoff is (finding.probability >= 0.5)
    assert finding.because.startswith(f"{at_printed_precision(value, 'mm'):.1f} mm; ")


def test_the_probability_is_that_of_the_normal_distribution():
    assert ifs_finding(15.0).probability == pytest.approx(0.5)
    # 1.98 standard deviations above the cut-off: 2.385 % by the table of the normal distribution.
    assert ifs_finding(17.1).probability == pytest.approx(0.02386, abs=1e-4)


def test_a_space_that_was_not_measured_is_not_assessable_and_says_why():
    finding = ifs_finding(None)

    assert finding.status is Status.NOT_ASSESSABLE
    assert finding.because == "not measured: nobody looked."
    assert finding.at_or_below_cutoff is None
    assert finding.probability is None


def test_adult_profiles_are_not_applied_under_eighteen():
    assert ifs_finding(14.0, age_years=17.9).status is Status.NOT_ASSESSABLE
    assert "17.9" in ifs_finding(14.0, age_years=17.9).because
    assert ifs_finding(14.0, age_years=18.0).status is not Status.NOT_ASSESSABLE
    assert ifs_finding(14.0, age_years=None).status is not Status.NOT_ASSESSABLE


def test_paediatric_profiles_are_applied_to_children_only():
    teen = find_profile("goldbergstein2018_teen")

    assert ifs_finding(14.0, age_years=13.0, profile=teen).status is Status.PRESENT
    assert ifs_finding(14.0, age_years=12.9, profile=teen).status is Status.NOT_ASSESSABLE
    assert ifs_finding(14.0, age_years=18.0, profile=teen).status is Status.NOT_ASSESSABLE
    assert ifs_finding(14.0, age_years=None, profile=teen).status is Status.NOT_ASSESSABLE


def test_a_profile_without_that_space_is_not_applied_to_it():
    finding = narrowing.assess(assessed(ifs=20, qfs=5, profile=find_profile("hatem2020")))[1]

    assert finding.status is Status.NOT_ASSESSABLE
    assert "no cut-off" in finding.because


def test_every_applicable_profile_flags_both_spaces_and_no_other_does():
    flags = narrowing.flags(assessed(ifs=16.0, qfs=9.0), profiles())
    narrow = {(flag.profile, flag.name): flag.at_or_below_cutoff for flag in flags}

    ifs, qfs = FindingName.ISCHIOFEMORAL_SPACE_NARROWING, (
        FindingName.QUADRATUS_FEMORIS_SPACE_NARROWING
    )  # fmt: skip
    assert narrow["singer2015", ifs] is False
    assert narrow["torriani2009", ifs] is True
    assert narrow["torriani2009", qfs] is False
    assert narrow["singer2015", qfs] is True
    assert ("hatem2020", qfs) not in narrow
    assert not any(profile.startswith(("goldberg", "positional")) for profile, _ in narrow)


def test_children_get_the_paediatric_flags_alone():
    flags = narrowing.flags(assessed(ifs=16.0, qfs=9.0, age_years=14.0), profiles())

    assert {flag.profile for flag in flags} == {"goldbergstein2018_teen"}


def test_positional_profiles_need_the_recorded_position():
    flags = narrowing.flags(assessed(ifs=16.0, hip_rotation=HipRotation.EXTERNAL), profiles())

    positional = {flag.profile for flag in flags if flag.profile.startswith("positional")}
    assert positional == {"positional_er"}


@pytest.mark.parametrize(
    ("answer", "status"), [(Answer.YES, Status.PRESENT), (Answer.UNKNOWN, Status.NOT_ASSESSABLE)]
)
def test_the_adduction_profile_needs_adduction_stated(answer, status):
    profile = find_profile("positional_add")

    assert ifs_finding(16.0, profile=profile, hip_adduction=answer).status is status


def test_what_was_not_measured_has_rows_without_a_flag():
    flags = narrowing.flags(assessed(), profiles())

    assert flags
    assert all(flag.at_or_below_cutoff is None for flag in flags)


def with_raised_ratio(hip, raised_ratio):
    """Return a hip whose oedema fraction knows how bright the raised region is."""
    results = [
        replace(result, details=(("raised_ratio", raised_ratio),))
        if result.name is MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION
        else result
        for result in hip.results
    ]
    return replace(hip, results=results)


@pytest.mark.parametrize(
    ("fraction", "grade"),
    [(0.0, 0), (0.0244, 0), (0.025, 1), (0.0994, 1), (0.10, 2), (0.50, 2), (0.501, 3), (1.0, 3)],
)
def test_the_grade_follows_the_extent(fraction, grade):
    assert oedema_finding(ratio=1.0, fraction=fraction).grade == grade


@pytest.mark.parametrize(
    ("fraction", "raised_ratio", "status"),
    [
        (0.01, 2.0, Status.ABSENT),
        (0.05, 1.49, Status.INDETERMINATE),
        (0.05, 1.5, Status.PRESENT),
        (0.2, 1.1, Status.PRESENT),
    ],
)
def test_oedema_signal_needs_extent_or_extent_and_brightness(fraction, raised_ratio, status):
    # the median ratio of the whole muscle stays near 1 while less than half of it is raised
    hip = with_raised_ratio(assessed(ratio=1.02, fraction=fraction), raised_ratio)

    assert oedema.assess(hip)[0].status is status


def test_a_site_s_own_thresholds_are_used_and_named_and_still_not_validated():
    strict = SignalSettings(grade_fractions=(0.05, 0.2, 0.6))
    own, site = (
        oedema_finding(ratio=1.0, fraction=0.12, signal=signal)
        for signal in (SignalSettings(), strict)
    )

    assert (own.grade, site.grade) == (2, 1)
    assert (own.profile, site.profile) == ("ifi_mri_proposal", "site_settings")
    assert (own.thresholds_validated, site.thresholds_validated) == (False, False)
    assert "not validated" in own.because


def test_the_grade_shows_what_its_interval_reaches():
    near = replace(
        number(MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION, 0.11, "1", sd=0.01),
        interval_95=(0.09, 0.13),
    )
    ratio = number(MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO, 1.1, "1")
    finding = oedema.assess(replace(assessed(), results=[ratio, near]))[0]

    assert (finding.grade, finding.grade_range) == (2, (1, 2))
    assert "(the interval reaches from grade 1 to 2)" in finding.because


@pytest.mark.parametrize(("reader", "agrees"), [(None, None), (2, True), (0, False)])
def test_whether_the_reader_agrees_is_said(reader, agrees):
    finding = oedema_finding(ratio=1.0, fraction=0.2, reader_grade=reader)

    assert finding.agrees_with_reader is agrees
    assert ("The reader gave" in finding.because) is (reader is not None)
    assert ("2 apart" in finding.because) is (reader == 0)


def test_the_readers_grade_stands_beside_the_measured_one_and_replaces_nothing():
    finding = oedema_finding(ratio=1.0, fraction=0.0, reader_grade=2)

    assert (finding.status, finding.grade, finding.reader_grade) == (Status.ABSENT, 0, 2)
    assert finding.agrees_with_reader is False


@pytest.mark.parametrize(
    ("grade", "status"),
    [(None, Status.NOT_ASSESSABLE), (0, Status.ABSENT), (1, Status.PRESENT)],
)
def test_without_a_measured_signal_the_readers_grade_stands_alone(grade, status):
    finding = oedema_finding(reader_grade=grade)

    assert (finding.status, finding.grade) == (status, None)
    assert "nobody looked" in finding.because


def fat_finding(fraction, interval=None, **fields):
    name = MeasurementName.QUADRATUS_FEMORIS_FAT_FRACTION
    taken = replace(
        number(name, fraction, "1"),
        interval_95=interval or (fraction, fraction),
        details=(("source", "T1"),),
    )
    return fatty.assess(replace(assessed(**fields), results=[taken]))[0]


@pytest.mark.parametrize(
    ("fraction", "grade", "status"),
    [
        (0.0, 0, Status.ABSENT),
        (0.0494, 0, Status.ABSENT),
        (0.05, 1, Status.INDETERMINATE),
        (0.1494, 1, Status.INDETERMINATE),
        (0.15, 2, Status.PRESENT),
        (0.45, 3, Status.PRESENT),
        (0.55, 4, Status.PRESENT),
    ],
)
def test_fat_is_graded_in_goutalliers_words_by_fractions_of_ours(fraction, grade, status):
    finding = fat_finding(fraction)

    assert (finding.grade, finding.status) == (grade, status)
    assert fatty.GRADE_WORDS[grade] in finding.because
    assert "ours, not validated" in finding.because
    assert finding.thresholds_validated is False


def test_the_fat_grade_shows_what_its_interval_reaches():
    finding = fat_finding(0.16, (0.13, 0.19))

    assert finding.grade_range == (1, 2)
    assert "(the interval reaches from grade 1 to 2)" in finding.because


def test_fat_that_was_not_measured_is_not_assessable_and_says_why():
    finding = fatty.assess(assessed())[0]

    assert (finding.status, finding.grade) == (Status.NOT_ASSESSABLE, None)
    assert finding.because == "not measured: it was not asked for."


def test_every_finding_is_there_for_a_side_without_a_single_number():
    found = findings.assess(assessed())

    assert [finding.name for finding in found] == list(FindingName)
    assert {finding.status for finding in found} == {Status.NOT_ASSESSABLE}


def test_a_doubtful_width_from_bone_labels_is_not_compared_with_any_cut_off():
    hip = assessed(ifs=4.0)
    said = (("ends", "from bone labels"), ("doubtful", "the ischium has a lump"))
    doubtful = replace(hip, results=[replace(hip.results[0], details=said), *hip.results[1:]])

    found = narrowing.assess(doubtful)[0]
    compared = {flag.name for flag in narrowing.flags(doubtful, profiles())}

    assert (found.status, found.probability) == (Status.NOT_ASSESSABLE, None)
    assert found.because == "the ends are from bone labels, and doubtful: the ischium has a lump."
    assert found.name in {flag.name for flag in narrowing.flags(hip, profiles())}
    assert found.name not in compared
