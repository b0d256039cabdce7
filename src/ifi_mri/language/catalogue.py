"""Every sentence of the diagnostic summary and the impression, written once.

A catalogue maps message ids to templates (``str.format``).  Another language is another mapping
with the same keys (`ifi_mri.language.translations`), given to `ifi_mri.summary.write` and its
siblings as ``words``.  The messages of headings and tables stand in `report_messages`, those of
reasons in `sentences`.

The wording follows the project's evidence document, sections 9.4 and 9.5: "compatible with" and
"can be seen in"; never that a picture settles the question one way or the other; no probability;
nothing that tells anybody what to do.  Figures stand here only where they were read in the source
itself, with that source.
"""

import re
import string
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from ifi_mri.language.report_messages import REPORT_MESSAGES
from ifi_mri.language.sentences import SENTENCES

Catalogue: TypeAlias = Mapping[str, str]

#: Before what is printed in English because it is not translated.
FALLBACK: Final = "[en] "

#: Braces with these names hold what is no number even where it looks like one: a case called 12.5
#: is another case than 12,5.
AS_WRITTEN: Final = frozenset({"case", "label", "reader", "report", "software", "uid", "version"})

#: A number as `ifi_mri.vocabulary.printed` prints it.
_NUMBER: Final = re.compile(r"-?\d+\.\d+")


class _AsWritten(str):
    """A value that stays as it is."""

    __slots__ = ()


class _Formatter(string.Formatter):
    """Fills in values, numbers with a language's own sign of decimals."""

    def __init__(self, decimal: str) -> None:
        self.decimal = decimal

    def format_field(self, value: Any, format_spec: str) -> str:
        """Return one value as text; text that is no number stays as it is."""
        text = str(super().format_field(value, format_spec))
        is_number = not isinstance(value, _AsWritten) and _NUMBER.fullmatch(text)
        return text.replace(".", self.decimal) if is_number else text


def say(words: Catalogue, message: str, **values: object) -> str:
    """Return a message of a catalogue with its values filled in."""
    if words["decimal"] == ".":
        return words[message].format(**values)
    for name in AS_WRITTEN & values.keys():
        values[name] = _AsWritten(values[name])
    return _Formatter(words["decimal"]).format(words[message], **values)


def listed(words: Catalogue, items: tuple[str, ...] | list[str]) -> str:
    """Return words as a list in a sentence: ``a, b and c``."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {words['and']} {items[-1]}"


_GRAMMAR: Final = {
    "and": "and",
    "decimal": ".",
    "language": "en",
    "side.left": "Left",
    "side.right": "Right",
    "on_side": "{side}: {sentence}",
    "space.ischiofemoral_space": "ischiofemoral space",
    "space.quadratus_femoris_space": "quadratus femoris space",
    "spaces": "ischiofemoral and quadratus femoris spaces",
    "present": "narrowed",
    "absent": "not narrowed",
    "indeterminate": "indeterminate",
    "not_assessable": "not assessable",
}

_AXES: Final = {
    "axis.space.narrowed": "Space: narrowed ({spaces}).",
    "axis.space.indeterminate": "Space: indeterminate ({spaces}).",
    "axis.space.not narrowed": "Space: not narrowed ({spaces}).",
    "axis.space.not assessable": "Space: not assessable ({spaces}).",
    "axis.space.part": "{space} {status}",
    "axis.space.profile": "profile {profile}",
    "axis.muscle.oedema": "Quadratus femoris: oedema signal ({grades}).",
    "axis.muscle.fat": (
        "Quadratus femoris: fatty infiltration ({fat}), no oedema signal ({grades})."
    ),
    "axis.muscle.none": "Quadratus femoris: no oedema signal ({grades}).",
    "axis.muscle.indeterminate": "Quadratus femoris: oedema signal indeterminate ({grades}).",
    "axis.muscle.disagreement": (
        "Quadratus femoris: oedema signal indeterminate, as the measured signal and the reader's "
        "eye disagree ({grades})."
    ),
    "axis.muscle.not assessable": "Quadratus femoris: signal not assessable.",
    "axis.clinical.supportive": "Clinical features: supportive ({answers}).",
    "axis.clinical.mixed": "Clinical features: mixed ({answers}).",
    "axis.clinical.not supportive": "Clinical features: not supportive ({answers}).",
    "axis.clinical.incomplete": (
        "Clinical features: incomplete ({answers}); deep buttock pain and at least one provoking "
        "test are needed to call them supportive."
    ),
    "axis.clinical.not supplied": "Clinical features: not supplied.",
    "clinical.for": "for: {answers}",
    "clinical.against": "against: {answers}",
    "clinical.neither": "nothing that speaks for or against",
    "grade.measured": "grade {grade}",
    "grade.reader": "reader's visual grade {grade}",
    "grade.none": "no grade",
    "grade.fat": "fat grade {grade} of 4, after Goutallier; the mapping is ours",
}

_STATEMENTS: Final = {
    "statement.narrowed.oedema.supportive": (
        "Imaging and clinical features are compatible with ischiofemoral impingement; other causes "
        "remain to be excluded by the clinician."
    ),
    "statement.narrowed.oedema.not supplied": (
        "These imaging features can be seen in ischiofemoral impingement; clinical correlation is "
        "needed."
    ),
    "statement.narrowed.oedema.incomplete": (
        "These imaging features can be seen in ischiofemoral impingement; the clinical features "
        "supplied are too few to support it, and clinical correlation is needed."
    ),
    "statement.narrowed.oedema.mixed": (
        "These imaging features can be seen in ischiofemoral impingement; the clinical features "
        "supplied point both ways, and clinical correlation is needed."
    ),
    "statement.narrowed.oedema.not supportive": (
        "These imaging features can be seen in ischiofemoral impingement, but the clinical "
        "features supplied do not support it; other causes come into consideration."
    ),
    "statement.narrowed.none": (
        "A narrow space without oedema signal of quadratus femoris: this may be normal variation, "
        "the position while scanning, sex or age."
    ),
    "statement.narrowed.fat": (
        "A narrow space with fatty infiltration of quadratus femoris and without oedema signal: "
        "fatty change is described in the chronic phase of ischiofemoral impingement and has other "
        "causes; clinical correlation is needed."
    ),
    "statement.not narrowed.fat": (
        "Fatty infiltration of quadratus femoris without narrowing or oedema signal: fat of muscle "
        "grows with age and weight (Eur Radiol 2014), and these features leave its cause open."
    ),
    "statement.not narrowed.oedema": (
        "Oedema signal of quadratus femoris without narrowing: strain or tear, delayed-onset "
        "muscle soreness, the position while scanning and other causes come into consideration."
    ),
    "statement.not narrowed.none": (
        "Neither narrowing nor oedema signal of quadratus femoris in this position; the cause of "
        "any symptoms is a clinical question that these features leave open."
    ),
    "statement.no_statement": "No statement on impingement is made, as {reasons}.",
    "statement.outside_scope": (
        "No statement on impingement is made: {history} on this side is recorded, and secondary "
        "impingement lies outside the scope of these cut-offs."
    ),
    "reason.space.indeterminate": (
        "the width lies so near the cut-off that its uncertainty spans it"
    ),
    "reason.space.not assessable": "the space could not be classified",
    "reason.muscle.indeterminate": "the oedema signal of quadratus femoris is indeterminate",
    "reason.muscle.not assessable": "the signal of quadratus femoris was not assessable",
    "children": (
        "Under 18 years oedema signal of quadratus femoris is common without impingement: 15 % of "
        "children having pelvic MRI, without relation to the side of pain (Eshed group, study of "
        "quadratus femoris oedema in children)."
    ),
    "treatments": (
        "For the treating clinician: the sources describe injections with short-term relief and "
        "surgery in small series without comparison groups (reviews: Nakano 2020; Mohorea, Curr "
        "Rev Musculoskelet Med, doi:10.1007/s12178-025-10004-9)."
    ),
}

_MUSCLE: Final = {
    "place.narrowest": (
        "The raised signal is centred in the muscle's belly at the narrowest place, {distance} mm "
        "(95 % interval {low} to {high}) from the line of the ischiofemoral space: this pattern "
        "fits impingement; that of strain lies along the distal myotendinous junction."
    ),
    "place.junction": (
        "The raised signal is centred along the distal myotendinous junction, {distance} mm (95 % "
        "interval {low} to {high}) from the line of the ischiofemoral space: this pattern fits "
        "strain; that of impingement is centred in the belly at the narrowest place."
    ),
    "place.elsewhere": (
        "The raised signal is centred {distance} mm (95 % interval {low} to {high}) from the line "
        "of the ischiofemoral space, neither in the belly at the narrowest place (as in "
        "impingement) nor along the distal myotendinous junction (as in strain)."
    ),
    "place.throughout": (
        "The raised signal takes up most of the muscle, so that its place fits neither pattern: "
        "that of impingement, in the belly at the narrowest place, nor that of strain, along the "
        "distal myotendinous junction."
    ),
    "place.perimuscular": (
        "Raised signal goes on beyond the muscle's outline within the ischiofemoral space."
    ),
    "fat.beside_oedema": (
        "Fatty infiltration stands beside the oedema signal ({fat}): acute on chronic change is "
        "described."
    ),
}

#: How an answer reads inside a sentence; ``.no`` only where a "no" is ever quoted.
_ANSWERS: Final = {
    "deep_buttock_pain.yes": "deep buttock pain",
    "deep_buttock_pain.no": "no deep buttock pain",
    "burning_quality.yes": "burning quality",
    "unloads_buttock_when_seated.yes": "takes weight off the buttock when seated",
    "pain_on_long_stride.yes": "pain on long strides",
    "groin_pain.yes": "groin pain",
    "radiates_below_knee.yes": "pain radiating below the knee",
    "splits_slip.yes": "slip into a splits",
    "forced_extension_slip.yes": "forced extension",
    "fall_onto_buttock.yes": "fall onto the buttock",
    "hip_surgery.yes": "earlier hip surgery",
    "femoral_fracture.yes": "earlier femoral fracture",
    "hamstring_loading_provokes.yes": "pain on loading the hamstring",
    "hamstring_loading_provokes.no": "loading the hamstring does not provoke the pain",
    "pain_localised_by_palpation.yes": "pain localised by palpation",
    "bent_knee_fall_out_provokes.yes": "positive bent-knee fall-out",
    "bent_knee_fall_out_provokes.no": "negative bent-knee fall-out",
    "ischiofemoral_impingement_test.yes": "positive ischiofemoral impingement test",
    "ischiofemoral_impingement_test.no": "negative ischiofemoral impingement test",
    "long_stride_walking_test.yes": "positive long-stride walking test",
    "long_stride_walking_test.no": "negative long-stride walking test",
    "straight_leg_raise.yes": "positive straight leg raise",
    "seated_piriformis_stretch.yes": "positive seated piriformis stretch",
    "active_piriformis_test.yes": "positive active piriformis test",
    "puranen_orava.yes": "positive Puranen-Orava test",
    "bent_knee_stretch.yes": "positive bent-knee stretch",
    "trochanteric_tenderness.yes": "tenderness over the greater trochanter",
    "lumbar_signs.yes": "lumbar signs",
}

_COMPETING: Final = {
    "competing": "To consider: {source} ({answers}).",
    "competing.short": "The clinical intake also points to {sources}.",
    "source.hamstring": "proximal hamstring tendinopathy",
    "source.radiculopathy": "lumbar radiculopathy",
    "source.facet": "facet joint referral",
    "source.deep_gluteal": "deep gluteal syndrome",
    "source.gluteus_medius": "gluteus medius tendinopathy",
    "source.bursitis": "ischial bursitis",
    "source.quadratus_femoris": "quadratus femoris strain or tear",
    "source.hip_joint": "a source in the hip joint",
}

_HISTORY: Final = {
    "history.turnout_dancer": (
        "Mechanism: extreme turn-out; external rotation narrowed the space in patients and in "
        "cadavers (Zhang P 2021, PMID 34182910; PMID 38593926)."
    ),
    "history.hypermobility": (
        "Mechanism: hypermobility; extra-articular impingement of the hip is described in "
        "flexibility sports (PMC4481673)."
    ),
    "history.splits_slip": (
        "Mechanism: slip into a splits (flexion and external rotation), which may strain the "
        "proximal hamstring and tear quadratus femoris (a sports physician's account)."
    ),
    "history.forced_extension_slip": (
        "Mechanism: forced extension; studies disagree on whether extension narrows the space "
        "(no substantial effect in 33 cadaver hips, PMID 38593926)."
    ),
    "history.fall_onto_buttock": (
        "Mechanism: fall onto the buttock; a tear of quadratus femoris after a fall has been "
        "reported (doi:10.1186/1752-1947-4-236)."
    ),
    "history.epidural_injection": (
        "History: epidural injection without relief (context; it counts neither for nor against)."
    ),
    "history.eccentric_hamstring_training": (
        "History: eccentric hamstring programme without relief (context; it counts neither for nor "
        "against)."
    ),
    "history.groin_pain": (
        "Also recorded: groin pain, described with ischiofemoral impingement and with disease of "
        "the hip joint; it counts neither for nor against."
    ),
    "history.snapping": (
        "Also recorded: snapping, described with ischiofemoral impingement; it counts neither for "
        "nor against."
    ),
}

_MISSING: Final = {
    "missing.intake": "No clinical intake was supplied.",
    "missing.pain": "Whether there is deep buttock pain was not answered.",
    "missing.tests": (
        "No provoking test was answered (long-stride walking, ischiofemoral impingement test, "
        "bent-knee fall-out)."
    ),
    "missing.hamstring": "Whether loading the hamstring provokes the pain was not answered.",
    "missing.surgery": "Earlier hip surgery or femoral fracture was not answered.",
    "missing.rotation": "Hip rotation while scanning was not recorded.",
    "missing.age": "The age is not known; cut-offs for adults were taken to hold.",
    "missing.measurement": "The {space} was not measured: {reason}.",
    "missing.space": "The {space} could not be classified: {reason}.",
    "missing.muscle": "Quadratus femoris signal could not be assessed: {reason}.",
    "missing.signal": "Quadratus femoris signal was not measured: {reason}.",
    "missing.reader_grade": "No reader's visual grade of oedema was given.",
    "missing.no_finding": "no finding was made",
}

#: What every summary states, in this order.
LIMITS: Final = (
    "limit.purpose",
    "limit.position",
    "limit.asymptomatic",
    "limit.cutoffs",
    "limit.uncertainty",
    "limit.sex_and_age",
    "limit.surgery",
)

_LIMITS: Final = {
    "limit.purpose": (
        "This is a report of measurements and features for a radiologist or clinician to "
        "interpret; it is not a diagnosis."
    ),
    "limit.position": (
        "The widths depend on the hip's position and are measured without load: 34 % of 95 hips "
        "differed by 4 mm or more between routine MRI and MRI that reproduced standing (Hatem "
        "2020, doi:10.1080/08998280.2020.1840184)."
    ),
    "limit.asymptomatic": (
        "Narrow spaces and oedema signal also occur without symptoms: 15 of 64 people labelled "
        "with ischiofemoral impingement had no obvious symptoms (Li 2021), and 4.2 % of adults "
        "having pelvic MRI had oedema signal of quadratus femoris (Eshed group, study of quadratus "
        "femoris oedema in children)."
    ),
    "limit.cutoffs": (
        "Published cut-offs vary, 15 to 18 mm for the ischiofemoral and 7 to 13 mm for the "
        "quadratus femoris space, and none is a standard (review: "
        "doi:10.12015/issn.1674-8034.2024.07.038)."
    ),
    "limit.uncertainty": (
        "No standard error of repeated reading of these spaces has been found in print; the "
        "intervals rest on the landmark error stated in the settings."
    ),
    "limit.sex_and_age": (
        "Spaces are narrower in women (a virtual population of 40,000: 22.2 mm against 29.1 mm in "
        "men, doi:10.1093/jhps/hnab004) and in children; no cut-off by sex has been validated."
    ),
    "limit.surgery": (
        "After hip surgery or a femoral fracture impingement is secondary, and outside the scope "
        "of these cut-offs."
    ),
}

_IMPRESSION: Final = {
    "impression.side": "{side}: {parts}.",
    "impression.measured": (
        "{space} {value} mm (95 % interval {low} to {high}), {status} under {profile} "
        "(<= {cutoff} mm)"
    ),
    "impression.unclassified": "{space} {value} mm (95 % interval {low} to {high}), not classified",
    "impression.unmeasured": "{space} not measured ({reason})",
    "impression.oedema.present": "quadratus femoris oedema signal present ({grades})",
    "impression.oedema.absent": "no quadratus femoris oedema signal ({grades})",
    "impression.oedema.indeterminate": "quadratus femoris oedema signal equivocal ({grades})",
    "impression.oedema.disagreement": (
        "quadratus femoris oedema signal: measurement and reader disagree ({grades})"
    ),
    "impression.oedema.not_assessable": "quadratus femoris signal not assessable",
    "impression.fat.present": "fatty infiltration of quadratus femoris ({fat})",
    "impression.fat.indeterminate": "fatty infiltration of quadratus femoris equivocal ({fat})",
    "impression.close": (
        "Measurements and features for interpretation together with the clinical findings; not a "
        "diagnosis."
    ),
}

_POSITION: Final = {
    "position": "{posture}; {rotation}; {bolster}.",
    "posture.S": "Supine, {entry} first",
    "posture.P": "Prone, {entry} first",
    "posture.DR": "Lying on the right side, {entry} first",
    "posture.DL": "Lying on the left side, {entry} first",
    "entry.H": "head",
    "entry.F": "feet",
    "posture.none": "Patient position not recorded",
    "posture.unknown": "Patient position not one of the DICOM terms",
    "rotation.neutral": "hip rotation neutral",
    "rotation.internal": "hip in internal rotation{degrees}",
    "rotation.external": "hip in external rotation{degrees}",
    "rotation.not recorded": "hip rotation not recorded",
    "rotation.degrees": " of {degrees:g} degrees",
    "bolster.yes": "knees on a bolster",
    "bolster.no": "no knee bolster",
    "bolster.unknown": "knee bolster not recorded",
    "position.changes": (
        "The widths change with position: 34 % of 95 hips differed by 4 mm or more between routine "
        "MRI and MRI that reproduced standing (Hatem 2020, doi:10.1080/08998280.2020.1840184)."
    ),
    "position.prone": (
        "Prone, the ischiofemoral space was 3.15 mm wider on average than supine in 20 hips "
        "(Johnson, Hollman, Howe, Finnoff)."
    ),
    "position.rotated": (
        "In 64 hips with impingement it was on average 13.8 mm in neutral, 11.0 mm in external and "
        "15.8 mm in internal rotation (dissertation, "
        "https://jxxfw.com/degree/c157be732f4332ecadc7e2e1879ca881.html)."
    ),
    "position.slope.external": (
        "Published slopes disagree, {low:.2f} mm per degree in 33 embalmed hips (Arthroscopy 2024, "
        "PMID 38593926) and {high:.2f} in 25 (Ischiofemoral impingement: defining the lesser "
        "trochanter-ischial space): by them {degrees:g} degrees would narrow the space by {least} "
        "to {most} mm, and neither is applied."
    ),
    "position.slope.internal": (
        "By the one published slope, {wider:.2f} mm per degree in 25 embalmed hips (Ischiofemoral "
        "impingement: defining the lesser trochanter-ischial space), {degrees:g} degrees would "
        "widen the space by {most} mm; on external rotation that study, {high:.2f} mm per degree, "
        "disagrees with another, {low:.2f} (33 embalmed hips, Arthroscopy 2024, PMID 38593926), "
        "and it is not applied."
    ),
    "position.trochanters": (
        "Seen from the femoral shafts the {side} lesser trochanter points {value} degrees further "
        "to the back (95 % interval {low} to {high}): the femora differ in rotation, in shape or "
        "in both."
    ),
    "position.crosses": "A shift of {shift} mm would carry these across their cut-off: {spaces}.",
    "position.keeps": "A shift of {shift} mm would leave these on their side of it: {spaces}.",
    "position.width": "{side} {space} ({value} mm, cut-off {cutoff} mm)",
    "side.left.small": "left",
    "side.right.small": "right",
}

SUMMARY_MESSAGES: Final = {
    **_GRAMMAR,
    **_AXES,
    **_STATEMENTS,
    **_MUSCLE,
    **_ANSWERS,
    **_COMPETING,
    **_HISTORY,
    **_MISSING,
    **_LIMITS,
    **_IMPRESSION,
    **_POSITION,
}

ENGLISH: Final[Catalogue] = {**SUMMARY_MESSAGES, **REPORT_MESSAGES, **SENTENCES}
