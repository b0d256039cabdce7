"""Sentences of the rooms below as messages: why a finding stands, why a number is missing.

Those rooms speak English and know of no language; `ifi_mri.language.reasons` finds their sentences
here.  What is not here is shown as it is, marked as English.
"""

from typing import Final

from ifi_mri.language.cautions import CAUTIONS

REASONS: Final = {
    "because.narrowed": (
        "{value} mm; its 95 % interval of {low} to {high} mm lies below the cut-off of {cutoff} mm "
        "({profile}): narrowed."
    ),
    "because.not_narrowed": (
        "{value} mm; its 95 % interval of {low} to {high} mm lies above the cut-off of {cutoff} mm "
        "({profile}): not narrowed."
    ),
    "because.uncertain": (
        "{value} mm; its 95 % interval of {low} to {high} mm holds the cut-off of {cutoff} mm "
        "({profile}): within the uncertainty of the cut-off."
    ),
    "because.no_cutoff": "profile {profile} has no cut-off for this space.",
    "because.age": "profile {profile} holds {ages}; the patient's age is {age}.",
    "because.age_unknown": "profile {profile} holds {ages}; the patient's age is {age} or older.",
    "because.rotation_unknown": (
        "profile {profile} holds only in {rotation} rotation; the rotation is not recorded."
    ),
    "because.rotation": (
        "profile {profile} holds only in {rotation} rotation; the hip was scanned in {found} "
        "rotation."
    ),
    "because.adduction": (
        "profile {profile} holds only in adduction, which the intake does not state."
    ),
    "because.ages.from": "from {years} years",
    "because.ages.between": "{years} to under {end} years",
    "because.doubtful": "the ends are {doubt}.",
    "because.not_measured": "not measured: {reason}.",
    "because.by_eye": "graded {grade} by the reader's eye; not measured: {reason}.",
    "because.oedema": (
        "{share} % of the muscle (95 % interval {low} % to {high} %) shows raised signal: grade "
        "{grade}, {level}; median signal ratio of the muscle {ratio}."
    ),
    "because.oedema.raised": (
        "{share} % of the muscle (95 % interval {low} % to {high} %) shows raised signal: grade "
        "{grade}, {level}; median signal ratio of the muscle {ratio}, that of the raised region "
        "{raised}."
    ),
    "because.reader.same": "The reader gave the same grade, {grade}.",
    "because.reader.other": "The reader gave grade {grade}, {apart} apart.",
    "because.oedema.not_validated": (
        "The thresholds of the grades are a proposal, not validated on patients."
    ),
    "because.fat": (
        "fat fraction {share} % (95 % interval {low} % to {high} %) from {source}: grade {grade}, "
        "{level}."
    ),
    "because.fat.not_validated": (
        "The mapping of fractions to Goutallier's words is ours, not validated."
    ),
    "because.level.reach": "{word} (the interval reaches from grade {low} to {high})",
    "because.rotation.neutral": "neutral",
    "because.rotation.internal": "internal",
    "because.rotation.external": "external",
    "because.level.none": "none",
    "because.level.focal": "focal",
    "because.level.moderate": "moderate",
    "because.level.extensive": "extensive",
    "because.level.no_fat": "no fat",
    "because.level.streaks": "some fatty streaks",
    "because.level.less": "less fat than muscle",
    "because.level.as_much": "as much fat as muscle",
    "because.level.more": "more fat than muscle",
    "reason.not_asked": "it was not asked for",
    "reason.no_landmark": "no {structure} landmark",
    "reason.no_landmarks": "no {structure} and no {other} landmark",
    "reason.no_landmark_of_two": "no {structure} or {other} landmark",
    "reason.no_landmark_left": "no {structure} landmark on the left",
    "reason.no_landmark_right": "no {structure} landmark on the right",
    "reason.no_landmark_both": "no {structure} landmark on the left and the right",
    "reason.no_outline": "no {structure} outline",
    "reason.no_fluid_series": "no fat-suppressed fluid-sensitive series",
    "reason.no_common_slice": (
        "quadratus_femoris and reference_muscle are outlined on no common slice; the reference "
        "must lie on the muscle's own slices"
    ),
    "reason.overlap": (
        "the quadratus_femoris and reference_muscle outlines overlap; the reference must be "
        "another muscle"
    ),
    "reason.crosses": "the {structure} outline crosses itself; draw it again",
    "reason.one_side": "one side has no signal to compare with",
    "reason.no_size": "neither side has a size to compare",
    "reason.part_left": "the {part} is that of a part of the muscle on the left",
    "reason.part_right": "the {part} is that of a part of the muscle on the right",
    "reason.part_both": "the {part} is that of a part of the muscle on the left and the right",
    "reason.part": "quadratus femoris volume ml",
}

#: What stands beside a number: what was measured, where, and what its uncertainty comes from.
_BESIDE: Final = {
    "definition.inner": "between inner borders",
    "definition.lateral": "between lateral cortices, wider than the usual distance",
    "definition.neck_shaft": "caput-collum-diaphyseal angle, not the femoral neck angle",
    "definition.ischial": "to the {line}; construction ours",
    "definition.ischial.patient": "patient's left-right axis",
    "definition.ischial.bones": "bi-ischial line",
    "definition.trochanter": "towards the back; a difference of rotation, of shape, or of both",
    "definition.level.narrowest": "on the slice where the ischiofemoral space is smallest",
    "definition.level.only": "on the only marked slice; its level in the space is not known",
    "definition.level.head": (
        "on the marked slice nearest to where the ischiofemoral space is smallest, {mm} mm from it "
        "towards the head"
    ),
    "definition.level.feet": (
        "on the marked slice nearest to where the ischiofemoral space is smallest, {mm} mm from it "
        "towards the feet"
    ),
    "definition.bone_labels": "from bone labels, not reviewed",
    "uncertainty.reader": "reader placement",
    "uncertainty.edge": "edge fit",
    "uncertainty.pixels": "pixels of the label map",
    "uncertainty.beside": "clicks beside the line",
    "uncertainty.tilt": "slice tilt",
    "uncertainty.smallest": "smallest of the slices",
    "uncertainty.left": "left space",
    "uncertainty.right": "right space",
}

#: Why a series plays its role.
_SERIES: Final = {
    "choice.own": "{plane}, the landmarks' own series",
    "choice.weighted": "{plane}, {weighting} ({evidence})",
    "choice.weighted.first": "{plane}, {weighting} ({evidence}); first of {number} candidates",
    "choice.plane": "axial (tilted {degrees} degrees)",
    "choice.inversion": "inversion time {ms} ms",
    "choice.times": "TR {tr} ms, TE {te} ms",
    "choice.times.suppressed": ("TR {tr} ms, TE {te} ms, fat-suppressed: ScanOptions {option}"),
    "choice.inversion.suppressed": (
        "inversion time {ms} ms, fat-suppressed: inversion time {again} ms"
    ),
    "choice.unsuppressed": "{evidence}, no fat suppression",
    "choice.none": "no axial fat-suppressed STIR or T2 or PD or Dixon water series",
}

#: Structures as the sentences name them.
STRUCTURES: Final = {
    "structure.ischial_tuberosity": "ischial tuberosity",
    "structure.lesser_trochanter": "lesser trochanter",
    "structure.hamstring_origin": "hamstring origin",
    "structure.iliopsoas_tendon": "iliopsoas tendon",
    "structure.quadratus_femoris": "quadratus femoris",
    "structure.reference_muscle": "reference muscle",
    "structure.subcutaneous_fat": "subcutaneous fat",
    "structure.hamstring_tendons": "hamstring tendons",
    "structure.femoral_neck_axis": "femoral neck axis",
    "structure.femoral_shaft_axis": "femoral shaft axis",
    "structure.ischial_axis": "ischial axis",
}

SENTENCES: Final = {**REASONS, **_BESIDE, **_SERIES, **STRUCTURES, **CAUTIONS}
