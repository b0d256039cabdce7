"""The table of codes: what is called verified stands in pydicom's dictionaries."""

import re

import pytest
from pydicom.sr import _snomed_dict
from pydicom.sr._concepts_dict import concepts

from ifi_mri import codes
from ifi_mri.codes import CodeStatus

TABLE = codes.table()
IN_PYDICOM = {
    (value, scheme): {
        meaning
        for entries in concepts[scheme].values()
        for v, (meaning, _) in entries.items()
        if v == value
    }
    for scheme in concepts
    for entries in concepts[scheme].values()
    for value in entries
    if (value, scheme) in {(code.value, code.scheme) for code in TABLE}
}


def of_status(status):
    return [code for code in TABLE if code.status is status]


@pytest.mark.parametrize("code", of_status(CodeStatus.VERIFIED), ids=str)
def test_a_verified_code_stands_in_the_dictionaries_of_pydicom_with_its_meaning(code):
    assert code.meaning in IN_PYDICOM[code.value, code.scheme]


@pytest.mark.parametrize("code", of_status(CodeStatus.SEEN), ids=str)
def test_a_code_that_was_only_seen_would_be_verified_if_pydicom_knew_its_meaning(code):
    assert code.meaning not in IN_PYDICOM.get((code.value, code.scheme), set())
    assert code.scheme != codes.PRIVATE_SCHEME


def test_private_codes_and_no_others_are_in_the_private_scheme():
    assert {code.scheme for code in of_status(CodeStatus.PRIVATE)} == {codes.PRIVATE_SCHEME}
    assert codes.PRIVATE_SCHEME.startswith("99")  # PS3.16, section 8.2


@pytest.mark.parametrize("code", TABLE, ids=str)
def test_a_code_fits_into_its_attributes(code):
    assert re.fullmatch(r"[\x21-\x7e]{1,16}", code.value)
    assert 0 < len(code.meaning) <= 64


def test_every_code_stands_once():
    keys = [(code.value, code.scheme) for code in TABLE]
    assert len(keys) == len(set(keys))
    assert len(TABLE) > 90


@pytest.mark.parametrize("retired", codes.RETIRED)
def test_retired_codes_lead_where_dicom_says(retired):
    value, scheme = retired
    assert _snomed_dict.mapping[scheme][value] == codes.RETIRED[retired].value


def test_sides_and_directions_are_not_mixed_up():
    assert (codes.LEFT.value, codes.LEFT.meaning) == ("7771000", "Left")
    assert (codes.RIGHT.value, codes.RIGHT.meaning) == ("24028007", "Right")
    assert [code.meaning[-1] for code in codes.IMAGE_POSITION] == ["X", "Y", "Z"]
    assert [code.value for code in codes.ISCHIOFEMORAL_SPACE_OF] == ["IFS-L", "IFS-R"]
