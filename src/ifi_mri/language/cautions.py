"""The cautions of a report as messages: what a reader should look at before using a number.

They are said in English by the rooms below; `ifi_mri.language.reasons` finds them here.
"""

from typing import Final

#: The cautions that are met most often.
_OFTEN: Final = {
    "caution.volume_partial": (
        "Quadratus femoris was outlined on {number} slices: its volume is that of these slices, "
        "not of the muscle."
    ),
    "caution.volume_partial_one": (
        "Quadratus femoris was outlined on 1 slice: its volume is that of these slices, not of the "
        "muscle."
    ),
    "caution.frame_no_uids": (
        "That the landmarks belong to this study was judged from their position only: the images "
        "carry no UIDs of the scanner."
    ),
    "caution.frame_not_named": (
        "That the landmarks belong to this study was judged from their position only: the landmark "
        "file names neither study nor frame of reference."
    ),
    "caution.no_echo_time": "{label}: the header does not say the echo time.",
    "caution.no_repetition_time": "{label}: the header does not say the repetition time.",
    "caution.no_field_strength": "{label}: the header does not say the field strength.",
    "caution.slices_tilted": (
        "The slices of {label} are tilted {degrees} degrees from axial; widths on them are not "
        "those of the published axial slices."
    ),
    "caution.coarse_pixels": (
        "{label}: pixels are {mm} mm, above {limit} mm; landmarks cannot be placed to the accuracy "
        "that the interval assumes."
    ),
    "caution.wide_spacing": (
        "{label}: slices are {mm} mm apart, above {limit} mm; the narrowest place may lie between "
        "two."
    ),
    "caution.single_slice": (
        "{label}: holds a single slice; the narrowest place may lie outside it."
    ),
    "caution.slices_missing": (
        "{label}: instances 1 to {last} are not there; slices at an end of the stack may be "
        "missing."
    ),
    "caution.laterality": (
        "{label} shows {mm} mm from side to side and its header does not say which hip; the side "
        "is the landmarks' word."
    ),
    "caution.fat_water": (
        "Fat and water are {mm} mm apart along the frequency axis of {label}; edges between marrow "
        "or fat and muscle may be off by that much."
    ),
    "caution.metal": (
        "{label} has a spot {mm} mm wide without signal inside the body: metal or gas. Metal bends "
        "the picture around it, and after hip surgery impingement is a question of its own; check "
        "the distances by eye."
    ),
    "caution.qfs_above_ifs": (
        "The quadratus femoris space ({qfs} mm) is wider than the ischiofemoral space ({ifs} mm); "
        "check which landmarks were marked."
    ),
    "caution.ifs_implausible": (
        "An ischiofemoral space of {mm} mm lies outside {low} to {high} mm; check the landmarks."
    ),
    "caution.age_unknown": (
        "The patient's age is not known; the adult profile {profile} was applied. Under {years} "
        "years it does not hold."
    ),
    "caution.suppression_lost": (
        "Fat and marrow near the muscle are {times} times as bright as muscle on the "
        "fat-suppressed series: suppression is incomplete or lost there. A tenth of fat in a "
        "muscle would raise its signal by {share} %."
    ),
    "caution.suppression_not_stated": (
        "Nothing in the headers of {label} says that fat is suppressed."
    ),
    "caution.shift_not_found": (
        "The anatomy and the fluid-sensitive series do not match within a shift of 6 mm near "
        "quadratus femoris; check by eye that the outlines lie on the muscle."
    ),
    "caution.grades_differ": (
        "The reader graded quadratus femoris oedema {reader}, the signal gives grade {grade} "
        "({status}); both are reported, neither replaces the other."
    ),
    "caution.from_bones_left": "The left ischiofemoral space is from bone labels, not reviewed.",
    "caution.from_bones_right": "The right ischiofemoral space is from bone labels, not reviewed.",
    "caution.from_bones_both": (
        "The left and the right ischiofemoral spaces are from bone labels, not reviewed."
    ),
    "caution.state.present": "present",
    "caution.state.absent": "absent",
    "caution.state.indeterminate": "indeterminate",
    "caution.state.draft": "draft",
    "caution.state.proposed": "proposed",
    "caution.not_final": (
        "The landmarks are marked as {landmarks}: a reader has yet to confirm them."
    ),
}

#: What is said of landmarks and label maps.
_OF_LANDMARKS: Final = {
    "caution.near_edge.several": (
        "{side} {structure} lie on the first or last slice, or less than {mm} mm from the edge of "
        "the picture: the space may be narrower outside of what was scanned."
    ),
    "caution.near_edge": (
        "{side} {structure} lies on the first or last slice, or less than {mm} mm from the edge "
        "of the picture: the space may be narrower outside of what was scanned."
    ),
    "caution.between_slices.several": (
        "{side} {structure} lie up to {mm} mm from the nearest slice, more than a quarter of the "
        "{spacing} mm between slices: the structure may not have been seen where it was marked."
    ),
    "caution.between_slices": (
        "{side} {structure} lies up to {mm} mm from the nearest slice, more than a quarter of the "
        "{spacing} mm between slices: the structure may not have been seen where it was marked."
    ),
    "caution.points_apart": (
        "The {side} {structure} has {number} single points up to {mm} mm apart on the slice at "
        "{position} mm, at most {limit} mm was expected: the shortest distance is taken from any "
        "of them, so one that is misplaced narrows the space."
    ),
    "caution.marked_twice": (
        "The {side} {structure} and {other} both have several single points on the slice at "
        "{position} mm: the shortest distance may join an end of one line and an end of another. "
        "Keep one point of each."
    ),
    "caution.side_doubtful": (
        "Landmarks are marked {side}, but the picture cuts the body off on its {edge} side as a "
        "picture of the {other} hip would. Check the side."
    ),
    "caution.lateral": (
        "The {side} {structure} lies {mm} mm lateral to the {other}: a very narrow space, or "
        "swapped names."
    ),
    "caution.islands": (
        "The label of the {side} {structure} has islands of {area} mm2 and more beside its "
        "largest piece on {number} slices: distances are taken from any piece, so that one which "
        "is not of the structure narrows the space."
    ),
    "caution.islands_one": (
        "The label of the {side} {structure} has islands of {area} mm2 and more beside its "
        "largest piece on 1 slice: distances are taken from any piece, so that one which is not "
        "of the structure narrows the space."
    ),
    "caution.beyond_picture": (
        "The label map shows more of the {side} {structure} than the picture does: outlines were "
        "cut off at the picture's edge, and areas are those inside it."
    ),
    "caution.from_bones_score": (
        "The {side} ischiofemoral space is from bone labels, not reviewed (score {score} of 1; "
        "{number} slices searched, from {low} to {high} mm of the lesser trochanter's tip, of "
        "which {both} show both bones)."
    ),
    "caution.from_bones_coarse": (
        "The {side} ischiofemoral space is from bone labels with voxels of {mm} mm in the slices; "
        "beyond {limit} mm spaces were found off by more than 1 mm. Its SD is widened; label "
        "finer images."
    ),
    "caution.reader_first": (
        "The {side} ischiofemoral space is the reader's own, {mm} mm; bone labels alone give "
        "{bones} mm (score {score} of 1), which is not used."
    ),
    "caution.reader_and_bones": (
        "The reader's {side} ischiofemoral space and the one from bone labels are more than {mm} "
        "mm apart. Check the landmarks and the labels."
    ),
    "caution.ischial_angle": (
        "An ischial angle of {value} degrees says that the back end of the ischium lies medial to "
        "its front end; published values are obtuse. Check the ischial axis landmark."
    ),
}

#: What is said of files and series.
_OF_SERIES: Final = {
    "caution.no_frame": "{label}: the header does not say the frame of reference.",
    "caution.lossy": (
        "{label}: was compressed with loss; fine edges and signal values may be altered."
    ),
    "caution.copies": "{label}: {number} files are copies of others and were left out.",
    "caution.by_order": (
        "{label}: no tag tells its {number} volumes apart; they were parted by instance number."
    ),
    "caution.both_sides": (
        "{label}: its laterality tags say both L and R; the side was taken from neither."
    ),
    "caution.forms_differ": (
        "{label}: sform and qform place voxels up to {mm} mm apart, expected at most {limit}; the "
        "sform was used."
    ),
    "caution.listed_missing": "The DICOMDIR lists {number} files that are not there.",
    "caution.more_unreadable": "{number} more files cannot be read. Export them again.",
    "caution.nifti_beside": (
        "{number} NIfTI files beside the DICOM files were not read; give their own folder to use "
        "them."
    ),
    "caution.anatomy_suppressed": (
        "The spaces were measured on a fat-suppressed series, {label} ({evidence}); most cut-offs "
        "come from series without fat suppression."
    ),
    "caution.frame_assumed": (
        "A series does not state its frame of reference; outlines were carried over on the "
        "assumption that both series share it."
    ),
    "caution.no_fluid": "No fluid-sensitive series: {reason}. Oedema was not measured.",
    "caution.ends_not_seen": (
        "The slices of {label} that the spaces were measured on could not be opened; whether "
        "their ends lie on cortex and tendon was not looked at."
    ),
    "caution.intake_differs": (
        "The clinical intake and the images differ ({reason}); the intake's figures were used. "
        "Check that both belong to one patient."
    ),
    "caution.intake_sex": "sex {found} against {other}",
    "caution.intake_age": "age {age} against {years} years",
    "evidence.option": "ScanOptions {option}",
    "evidence.dixon": "image type Dixon water",
    "evidence.words": "{option} in the description",
}

#: What is said of ends in the picture, and of refined ones.
_OF_ENDS: Final = {
    "caution.in_marrow": (
        "The {which} end of the {space} lies in marrow or fat on the slice at {place}: the "
        "picture shows neither cortex nor tendon within {mm} mm. Check the landmark."
    ),
    "caution.in_marrow_slices": (
        "The {which} end of the {space} lies in marrow or fat on the slices at {place}: the "
        "picture shows neither cortex nor tendon within {mm} mm. Check the landmark."
    ),
    "caution.refined": (
        "The {space} of {mm} mm ends on edges found in the picture (moved: {part}); between the "
        "points as marked it is {before} mm."
    ),
    "caution.refined_far": (
        "The refined {space} differs by {mm} mm from the reader's own, more than clicks do. Look "
        "at the picture before using it."
    ),
    "caution.not_refined": (
        "The end of the {space} at the {structure} stays where it was marked on the slice at "
        "{place}: {reason}."
    ),
    "caution.not_refined_slices": (
        "The end of the {space} at the {structure} stays where it was marked on the slices at "
        "{place}: {reason}."
    ),
    "caution.nothing_refined": "All points stay where they were marked: {reason}.",
    "refusal.suppressed": "{label} is fat-suppressed ({evidence}): marrow is as dark as cortex",
    "refusal.not_opened": "the slices of {label} could not be opened",
    "refusal.no_cortex": "the picture shows no cortex with marrow behind it there",
    "refusal.no_tendon": "the picture shows no dark tendon with an edge there",
    "refusal.too_far": "the nearest edge lies further away than is looked",
    "refusal.together": "cortex and tendon run together there, and the picture does not part them",
    "refusal.fades": "the edge fades where the two structures come nearest",
    "refusal.two_edges": "two edges lie there, and the picture does not say which is meant",
    "refusal.black": "the picture is black there",
    "refusal.image_ends": "the image ends there",
    "refusal.blurred": "the edge is blurred or bends too much to be placed",
    "refusal.not_loaded": "the slice was not loaded",
    "refusal.no_numbers": "the slice holds values that are no numbers",
    "refusal.near": "the points lie less than {mm} mm apart",
    "refusal.beyond": "a point lies beyond the image",
}

#: Words within cautions, and how they list places and structures.
_WITHIN: Final = {
    "word.left": "left",
    "word.right": "right",
    "word.left.first": "Left",
    "word.right.first": "Right",
    "word.ischial": "ischial",
    "word.femoral": "femoral",
    "word.female": "female",
    "word.male": "male",
    "word.ischiofemoral_space": "ischiofemoral space",
    "word.quadratus_femoris_space": "quadratus femoris space",
    "list.place": "{mm} mm",
    "list.moved": "{structure} {mm} mm",
    "list.more": "{part} and {number} more",
    "list.and": "{structure} and {other}",
    "list.next": "{part}, {other}",
}

CAUTIONS: Final = {**_OFTEN, **_OF_LANDMARKS, **_OF_SERIES, **_OF_ENDS, **_WITHIN}
