"""Headings, titles, rows and captions of the report as a page and as text, in English.

Ids begin with where a message stands: ``title``, ``short``, ``finding``, ``status`` and ``role``
name things, ``row`` and ``signal`` are rows of tables, ``figure`` belongs to pictures, ``page`` and
``text`` to one format each, ``report`` to both.
"""

from typing import Final

from ifi_mri.vocabulary import FindingName, MeasurementName, Role

#: A blank at which no line breaks.
NBSP: Final = "\u00a0"

TITLES: Final = {
    MeasurementName.ISCHIOFEMORAL_SPACE: "Ischiofemoral space (IFS)",
    MeasurementName.QUADRATUS_FEMORIS_SPACE: "Quadratus femoris space (QFS)",
    MeasurementName.ISCHIOFEMORAL_DISTANCE_3D: "Ischiofemoral distance in 3-D",
    MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO: "Signal ratio, QF to reference",
    MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION: "QF raised signal, share of the muscle",
    MeasurementName.QUADRATUS_FEMORIS_OEDEMA_LARGEST_FRACTION: "QF largest raised region",
    MeasurementName.QUADRATUS_FEMORIS_OEDEMA_VOLUME_ML: "QF raised volume",
    MeasurementName.QUADRATUS_FEMORIS_OEDEMA_CRANIOCAUDAL_EXTENT: "QF raised region, head to foot",
    MeasurementName.QUADRATUS_FEMORIS_PERIMUSCULAR_FRACTION: "Raised share of the rim around QF",
    MeasurementName.QUADRATUS_FEMORIS_FAT_FRACTION: "QF fat fraction",
    MeasurementName.QUADRATUS_FEMORIS_AREA_MM2: "QF area at the narrowest level",
    MeasurementName.QUADRATUS_FEMORIS_VOLUME_ML: "QF volume of the outlined slices",
    MeasurementName.HAMSTRING_TENDON_AREA_MM2: "Hamstring tendon area",
    MeasurementName.ISCHIAL_ANGLE: "Ischial angle",
    MeasurementName.NECK_SHAFT_ANGLE: "Neck-shaft angle",
    MeasurementName.INTERTUBEROUS_DISTANCE: "Intertuberous distance",
    MeasurementName.SIDE_DIFFERENCE_ISCHIOFEMORAL_SPACE: "IFS, left minus right",
    MeasurementName.SIDE_DIFFERENCE_QUADRATUS_FEMORIS_SPACE: "QFS, left minus right",
    MeasurementName.SIDE_RATIO_QUADRATUS_FEMORIS_SIGNAL: "QF signal ratio, left over right",
    MeasurementName.SIDE_DIFFERENCE_QUADRATUS_FEMORIS_AREA: "QF area, left minus right over mean",
    MeasurementName.SIDE_DIFFERENCE_QUADRATUS_FEMORIS_VOLUME: (
        "QF volume, left minus right over mean"
    ),
    MeasurementName.SIDE_DIFFERENCE_LESSER_TROCHANTER_DIRECTION: (
        "Lesser trochanter direction, left minus right"
    ),
}

SHORT_TITLES: Final = {
    MeasurementName.ISCHIOFEMORAL_SPACE: "IFS",
    MeasurementName.QUADRATUS_FEMORIS_SPACE: "QFS",
    MeasurementName.QUADRATUS_FEMORIS_SIGNAL_RATIO: "Ratio",
    MeasurementName.QUADRATUS_FEMORIS_OEDEMA_FRACTION: "Raised",
}

FINDING_TITLES: Final = {
    FindingName.ISCHIOFEMORAL_SPACE_NARROWING: "Ischiofemoral space (IFS)",
    FindingName.QUADRATUS_FEMORIS_SPACE_NARROWING: "Quadratus femoris space (QFS)",
    FindingName.QUADRATUS_FEMORIS_OEDEMA: "Quadratus femoris (QF) signal",
    FindingName.QUADRATUS_FEMORIS_FATTY_INFILTRATION: "Quadratus femoris (QF) fat",
}

ROLE_TITLES: Final = {
    Role.ANATOMY: "Anatomy series",
    Role.FLUID_SENSITIVE: "Fluid-sensitive series",
    Role.DIXON_WATER: "Dixon water images",
    Role.DIXON_FAT: "Dixon fat images",
}

_NAMES: Final = {
    **{f"title.{name}": text for name, text in TITLES.items()},
    **{f"short.{name}": text for name, text in SHORT_TITLES.items()},
    **{f"finding.{name}": text for name, text in FINDING_TITLES.items()},
    **{f"role.{name}": text for name, text in ROLE_TITLES.items()},
    "status.space.present": "narrowed",
    "status.space.absent": "not narrowed",
    "status.space.indeterminate": "indeterminate",
    "status.space.not_assessable": "not assessable",
    "status.oedema.present": "oedema signal",
    "status.oedema.absent": "no oedema signal",
    "status.oedema.indeterminate": "equivocal",
    "status.oedema.not_assessable": "not assessable",
    "status.fat.present": "fatty infiltration",
    "status.fat.absent": "no fatty infiltration",
    "status.fat.indeterminate": "equivocal",
    "status.fat.not_assessable": "not assessable",
    "hip.left": "Left hip",
    "hip.right": "Right hip",
}

_VALUES: Final = {
    "value.interval": "{low} to {high}",
    "value.less_than_1": "less than 1 %",
    "value.more_than_99": "more than 99 %",
    "refined.none": "no edge was clear",
    "refined.one": "one end on an edge found in the picture",
    "refined.both": "between edges found in the picture",
    "refined": "{between}; as marked {marked}",
    "reader.unknown": "reader not recorded",
    "reader.read": "read {number}",
    "reader.landmarks.draft": "landmarks draft",
    "reader.landmarks.final": "landmarks final",
    "reader.landmarks.proposed": "landmarks proposed",
    "person.age": "{age} years",
    "person.female": "female",
    "person.male": "male",
    "person.unknown": "age and sex not recorded",
    "series.not_recorded": "not recorded",
    "series.not_known": "not known",
    "series.pixels": "pixels {row} x {column} mm",
    "series.spacing": "slices {spacing} mm apart",
    "series.thickness": "{thickness} mm thick",
}

_REPORT: Final = {
    # the six items that a statement of intended use names: indication, body part, population, user,
    # environment, operating principle (Insights Imaging 2024, doi:10.1186/s13244-024-01616-9)
    "report.use": (
        "For research. From hip MRI and the landmarks that a reader placed on it, this software "
        "measures the ischiofemoral space, the quadratus femoris space and the signal of the "
        "quadratus femoris muscle in people examined for buttock or hip pain, and compares them "
        "with published cut-offs. A radiologist or clinician interprets these measurements and "
        "features together with history and examination; they are not a diagnosis."
    ),
    "report.use.short": (
        "Research use: measurements and features for a clinician to interpret, not a diagnosis."
    ),
    "report.case": "Case {case}",
    "report.impression": "Impression",
    "report.both_sides": "Both sides",
    "report.technique": "Technique",
    "report.not_measured": "Not measured: {names}.",
    "report.not_marked": "Not marked: {names}.",
    "report.grade": "grade {grade}",
    "report.chance": (
        "Chance that the true width is at or below the cut-off, from the uncertainty of the "
        "reading alone: {chance}."
    ),
}

_TEXT: Final = {
    "text.title": "Ischiofemoral and quadratus femoris spaces, hip MRI",
    "text.about": "Case {case}. Study of {date}. Patient: {person}. Reader: {reader}.",
    "text.unknown_date": "unknown date",
    "text.cautions": "Cautions",
    "text.limits": "Limits",
    "text.intended_use": "Intended use",
    "text.made": (
        "{software} {version}, profile {profile}, settings {settings}, report {report}, {time}"
    ),
    "text.measured": "{title}: {value} (95 % interval {interval})",
    "text.measured.slices": "{title}: {value} (95 % interval {interval}; {number} slices)",
    "text.cutoff": "(cut-off {cutoff} mm, {profile})",
    "text.not_measured": "Not measured: {reason} ({names}).",
    "text.reader_grade": "reader's grade {grade}",
    "text.missing": "Not available: {sentences}",
    "text.no_series": "none.",
}

_SIGNAL: Final = {
    "signal.grade": "Measured grade",
    "signal.grade.is": "{grade} of 3, by thresholds that are not validated",
    "signal.grade.within": "{low} to {high} within the 95 % interval",
    "signal.grade.chance": "{chance} that it is right",
    "signal.reader": "Reader's grade",
    "signal.reader.same": "{grade} of 3, the same grade",
    "signal.reader.other": "{grade} of 3, another grade",
    "signal.raised": "Raised region over reference",
    "signal.place": "Place of the raised signal",
    "signal.place.throughout": "throughout the muscle",
    "signal.centre": "Centre of the raised signal",
    "signal.centre.above": (
        "{zone}; {distance} mm from the line of the ischiofemoral space, {level} mm above it"
    ),
    "signal.centre.below": (
        "{zone}; {distance} mm from the line of the ischiofemoral space, {level} mm below it"
    ),
    "signal.zone.belly": "belly at the narrowest place",
    "signal.zone.junction": "distal myotendinous junction",
    "signal.zone.elsewhere": "elsewhere in the muscle",
    "signal.beyond": "Beyond the muscle",
    "signal.beyond.yes": "raised signal goes on there",
    "signal.beyond.no": "none seen",
    "signal.voxels": "Voxels read",
    "signal.voxels.are": (
        "{muscle} of the muscle, {reference} of the reference, {pixels} left out at every edge"
    ),
    "signal.pixels.one": "{number} pixel",
    "signal.pixels.many": "{number} pixels",
    "signal.threshold": "Threshold",
    "signal.threshold.is": (
        "{ratio} times the reference; {above} of the voxels lie above, {chance} would by chance"
    ),
    "signal.shading": "Coil shading",
    "signal.shading.none": "no field fitted",
    "signal.shading.field": (
        "field of order {order}, {gain} % at the muscle against the reference (SD {sd} %)"
    ),
    "signal.shading.applied": "{field}, taken out; the ratio without that is {ratio}",
    "signal.shading.left": "{field}, not worth its error and left; counted to the interval",
    "signal.noise": "Noise",
    "signal.noise.subtracted": (
        "signal of the reference {snr} times the noise; noise floor taken off"
    ),
    "signal.noise.left": (
        "signal of the reference {snr} times the noise; noise floor too low to matter"
    ),
    "signal.shift": "Shift from anatomy to this series",
    "signal.shift.beyond": "none found within 6 mm",
    "signal.shift.is": "{across}, {along} (SD {sd} mm)",
    "signal.shift.left": "{mm} mm left",
    "signal.shift.right": "{mm} mm right",
    "signal.shift.back": "{mm} mm to the back",
    "signal.shift.front": "{mm} mm to the front",
    "signal.shift.across": "{mm} mm left or right",
    "signal.shift.along": "{mm} mm to the back or front",
    "signal.shift.insignificant": ", not told from none",
    "signal.shift.moved": "outlines moved",
    "signal.shift.not_moved": "outlines not moved",
    "signal.fat": "Fat near the muscle",
    "signal.fat.lost": "{ratio} times as bright as muscle: suppression incomplete or lost",
    "signal.fat.suppressed": "{ratio} times as bright as muscle: suppressed",
    "signal.about": "{value} ({low} to {high})",
}

_FIGURES: Final = {
    "figure.slice": "{hip}, axial slice at {position} mm",
    "figure.fluid_slice": "{hip}, fluid-sensitive slice at {position} mm",
    "figure.overview": "{where}, overview",
    "figure.overview.is": "{what}. A frame marks the part that is magnified beside it.",
    "figure.detail": "{where}, detail",
    "figure.detail.is": "{what}, drawn between the marked structures.",
    "figure.plain": "{where}, as acquired",
    "figure.plain.is": "The slice without any drawing on it.",
    "figure.map": "{where}, with the z-map",
    "figure.map.is": (
        "Outlines of quadratus femoris (QF, solid) and of the reference muscle (REF, dashed), "
        "inside them in colour how many spreads of the reference each voxel lies above its level; "
        "{above} of {pixels} muscle voxels lie above the threshold and are framed."
    ),
    "figure.slice_at": f"slice at {{position}}{NBSP}mm",
    "figure.image": "image {number}",
    "figure.instance": "instance",
    "figure.anatomy": "Axial anatomy",
    "figure.ends": "from {near} to {far}",
    "figure.smallest.one": "smallest of {number} slice.",
    "figure.smallest.many": "smallest of {number} slices.",
    "figure.same_points": "Drawn from the same points as the numbers.",
    "figure.edges": "Solid curves: the edges found in the picture; dotted: as marked.",
    "figure.fluid": "Fluid-sensitive series",
    "figure.windows": (
        "left as acquired, grey scale set by the reference muscle; right with quadratus femoris "
        "(QF, solid) and reference muscle (REF, dashed)."
    ),
    "figure.colour": "Colour: z-map",
    "figure.z_0": "z 0",
    "figure.z_10": "10 and more",
    "figure.scale": ("Colour scale of the z-map, dark at 0, bright at 10 spreads of the reference"),
    "figure.framed": (
        "how many spreads of the reference muscle a voxel lies above its level, coil shading taken "
        "out where that was done. Framed: {above} of {pixels} QF voxels on this slice above the "
        "threshold."
    ),
    "figure.histogram": (
        "Histogram: all {muscle} QF voxels (filled) and {reference} REF voxels (line) that were "
        "read."
    ),
    "figure.most_raised": ("{number} slices were measured; this one has the most raised signal."),
    "figure.histogram.title": "Histogram of the signal",
    "figure.histogram.is": (
        "Share of voxels by signal over normal muscle: quadratus femoris filled, reference muscle "
        "as a line, the threshold at {ratio} as an upright line."
    ),
    "figure.histogram.axes": "signal over normal muscle; % of voxels upright",
}

_PAGE: Final = {
    "page.skip": "Skip to the content",
    "page.title": "Ischiofemoral space, case {case}",
    "page.foot": "Case {case} · research use, not a diagnosis",
    "page.kind": "Hip MRI · ischiofemoral and quadratus femoris spaces",
    "page.study": "Study",
    "page.no_date": "date not recorded",
    "page.patient": "Patient",
    "page.reader": "Reader",
    "page.cutoffs_used": "Cut-offs",
    "page.read_with.one": "Read with {number} caution: see",
    "page.read_with.many": "Read with {number} cautions: see",
    "page.cautions": "Position and cautions",
    "page.each_side": "and each side.",
    "page.glance": "Findings at a glance, the right side first as on the images",
    "page.left": "Left",
    "page.right": "Right",
    "page.unmeasured_side": "{hip}: not measured",
    "page.concerns": "Concerns: {names}.",
    "page.measurements_of": "Measurements of the {side} hip",
    "page.measurement": "Measurement",
    "page.value": f"Value and 95{NBSP}% interval",
    "page.cutoff": "Cut-off",
    "page.status": "Status",
    "page.not_assessed": "Not assessed",
    "page.reader_grade": "reader: grade {grade}",
    "page.why": "Why",
    "page.signal": "Quadratus femoris signal",
    "page.signal_of": (
        "Quadratus femoris signal of the {side} hip: how it was read, what was found"
    ),
    "page.budget": "Where the uncertainty comes from",
    "page.budget_of": "Sources of the uncertainty of the {title} of the {side} hip",
    "page.sd": "SD, mm",
    "page.bias": "Bias, mm",
    "page.together": "together",
    "page.budget_note": (
        "SDs add in squares. Bias is what makes the measured value too large (negative: too "
        "small); the interval lies about the value less its bias."
    ),
    "page.slices": "Every slice searched",
    "page.slices_of": "Values of the {side} hip on every slice",
    "page.slice_at": "Slice at",
    "page.image": "Image",
    "page.of_both": "Measurements of both hips together",
    "page.no_cutoff": "Given without a cut-off: the sides of people without symptoms differ too.",
    "page.summary": "Summary",
    "page.cautions_of": "Cautions, {side} side",
    "page.competing": "Other sources to consider",
    "page.missing": "Not available",
    "page.every_cutoff": "Under each published cut-off",
    "page.every_cutoff_note": (
        "The plain comparison of the value as printed with each publication's figure, without the "
        "uncertainty. Published cut-offs disagree; none is a standard."
    ),
    "page.every_cutoff_of": ("Each space of both sides against every applicable published cut-off"),
    "page.profile": "Profile",
    "page.space": "Space",
    "page.applies_to": "Applies to",
    "page.used_above": "used above",
    "page.flag.none": "Not applied",
    "page.flag.unmeasured": "Not measured",
    "page.flag.below": "At or below",
    "page.flag.above": "Above",
    "page.unverified": "Figure not verified in the primary source.",
    "page.no_caution": "No caution concerns the study as a whole.",
    "page.series": "Series",
    "page.geometry": "Geometry",
    "page.timing": "Timing",
    "page.fat_suppression": "Fat suppression",
    "page.no_suppression": "no evidence of it",
    "page.field_strength": "Field strength",
    "page.scanner": "Scanner",
    "page.series_uid": "Series UID",
    "page.no_stack": "no regular stack",
    "page.plane.axial": "axial",
    "page.plane.coronal": "coronal",
    "page.plane.sagittal": "sagittal",
    "page.tilt": ", {degrees}° from axial",
    "page.stack": "{plane}, {slices} slices of {rows} x {columns}",
    "page.limits": "Intended use and limits",
    "page.provenance": "Provenance",
    "page.how": "How this report came about",
    "page.software": "Software",
    "page.made_at": "Made at",
    "page.report_uid": "Report UID",
    "page.study_uid": "Study UID",
    "page.settings": "Settings",
    "page.settings_are": "profile {profile}, SHA-256 {digest}",
    "page.inputs": "Input files",
    "page.inputs_of": "Files that the report was made from",
    "page.file": "File",
    "page.role": "Role",
    "page.report": "report {uid}",
    "page.input.image": "image",
    "page.input.landmarks": "landmarks",
    "page.input.label map": "label map",
    "page.input.clinical": "clinical",
}

REPORT_MESSAGES: Final[dict[str, str]] = {
    **_NAMES,
    **_VALUES,
    **_REPORT,
    **_TEXT,
    **_SIGNAL,
    **_FIGURES,
    **_PAGE,
}
