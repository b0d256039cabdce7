"""What a sports physician's account of ischiofemoral impingement asserts, and what became of it.

One row for each assertion (ids of the project's evidence document, section 0): how it stands
against the literature, the fields of the intake that ask for it, the rule, the message of the
catalogue that speaks of it, and the test that holds it.  For the documentation and its tests.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Assertion:
    """One assertion of the account; ``message`` is an id of `catalogue.ENGLISH` or empty."""

    id: str
    text: str
    standing: str
    fields: tuple[str, ...]
    rule: str
    message: str
    test: str


ASSERTIONS: Final = (
    Assertion(
        "A1",
        "Impingement affects quadratus femoris between ischial tuberosity and lesser trochanter.",
        "agrees with the literature",
        (),
        "Both passages of the muscle are measured, the ischiofemoral and its own.",
        "space.quadratus_femoris_space",
        "test_the_impression_gives_both_spaces_and_the_muscle_of_a_narrowed_side",
    ),
    Assertion(
        "A2",
        "The space is normally generous; the muscle rotates the hip externally.",
        "agrees with the literature",
        (),
        "The width is judged by published cut-offs and its dependence on rotation is stated.",
        "limit.position",
        "test_every_summary_states_its_limits",
    ),
    Assertion(
        "A3",
        "A pinched muscle swells, which hurts and narrows the space further.",
        "the mechanism agrees; that it feeds itself is opinion",
        (),
        "Space and muscle are separate axes; no sentence says which came first.",
        "axis.muscle.oedema",
        "test_the_sentences_open_with_one_for_each_axis_and_the_statement",
    ),
    Assertion(
        "A4",
        "The orthopaedic literature describes older women after hip surgery.",
        "agrees with the literature: secondary impingement",
        ("hip_surgery",),
        "No statement on impingement: secondary impingement lies outside the cut-offs' scope.",
        "statement.outside_scope",
        "test_earlier_surgery_or_fracture_leaves_no_statement_on_impingement",
    ),
    Assertion(
        "A5",
        "A fall with a femoral fracture can precede it; some people are predisposed.",
        "agrees with the literature: secondary impingement",
        ("femoral_fracture",),
        "As for hip surgery; anatomy is not scored.",
        "statement.outside_scope",
        "test_earlier_surgery_or_fracture_leaves_no_statement_on_impingement",
    ),
    Assertion(
        "A6",
        "Probably not common, yet seen several times a week in one practice.",
        "a selected practice, no prevalence",
        (),
        "No probability of disease is given anywhere.",
        "",
        "test_no_sentence_says_what_must_never_be_said",
    ),
    Assertion(
        "M1",
        "Dancers stand in extreme turn-out.",
        "plausible: external rotation narrows the space",
        ("turnout_dancer",),
        "Named as mechanism.",
        "history.turnout_dancer",
        "test_mechanism_and_history_are_named_where_the_answer_is_yes",
    ),
    Assertion(
        "M2",
        "Hypermobile people bring trochanter and tuberosity together easily.",
        "plausible",
        ("hypermobility",),
        "Named as mechanism.",
        "history.hypermobility",
        "test_mechanism_and_history_are_named_where_the_answer_is_yes",
    ),
    Assertion(
        "M3",
        "A slip into a splits strains the hamstring and may tear the muscle.",
        "tears of the muscle are described",
        ("splits_slip",),
        "Named as mechanism; raises strain or tear, and fits hamstring tendinopathy.",
        "source.quadratus_femoris",
        "test_each_pointer_raises_its_source",
    ),
    Assertion(
        "M4",
        "A slip forces the hip into extension.",
        "studies disagree on extension",
        ("forced_extension_slip",),
        "Named as mechanism with the disagreement; raises strain or tear.",
        "history.forced_extension_slip",
        "test_mechanism_and_history_are_named_where_the_answer_is_yes",
    ),
    Assertion(
        "M5",
        "A cyclist lands on the buttock.",
        "a tear after a direct blow is reported",
        ("fall_onto_buttock",),
        "Named as mechanism; raises strain or tear, and fits ischial bursitis.",
        "history.fall_onto_buttock",
        "test_mechanism_and_history_are_named_where_the_answer_is_yes",
    ),
    Assertion(
        "S1",
        "Deep buttock pain of a burning quality.",
        "compatible with the literature",
        ("deep_buttock_pain", "burning_quality"),
        "The pain is needed for supportive clinical features; burning is named beside it.",
        "axis.clinical.supportive",
        "test_pain_and_a_positive_test_with_nothing_against_are_supportive",
    ),
    Assertion(
        "S2",
        "The patient takes the weight off the buttock when seated.",
        "compatible; also in hamstring disease and deep gluteal syndrome",
        ("unloads_buttock_when_seated",),
        "Named in support; fits three competing sources but raises none.",
        "unloads_buttock_when_seated.yes",
        "test_what_only_fits_raises_nothing_alone",
    ),
    Assertion(
        "S3",
        "It resembles disease of the proximal hamstring tendon.",
        "agrees with the literature",
        ("puranen_orava", "bent_knee_stretch", "hamstring_loading_provokes"),
        "Each hamstring test raises hamstring tendinopathy.",
        "source.hamstring",
        "test_each_pointer_raises_its_source",
    ),
    Assertion(
        "E1",
        "Loading the hamstring does not provoke much pain.",
        "useful to tell the two apart",
        ("hamstring_loading_provokes",),
        "No speaks for, yes against, and yes raises hamstring tendinopathy.",
        "hamstring_loading_provokes.no",
        "test_pain_on_loading_the_hamstring_speaks_against_and_raises_the_hamstring",
    ),
    Assertion(
        "E2",
        "The site is hard to palpate.",
        "compatible, but injection series chose patients by focal deep tenderness",
        ("pain_localised_by_palpation",),
        "Not part of the clinical axis; yes raises hamstring tendinopathy and ischial bursitis.",
        "pain_localised_by_palpation.yes",
        "test_palpable_pain_does_not_move_the_clinical_axis",
    ),
    Assertion(
        "E3",
        "Supine, the bent knee falling out may reproduce the pain.",
        "this kind of test is described; sensitivity and specificity were not found",
        ("bent_knee_fall_out_provokes",),
        "One of the three provoking tests.",
        "bent_knee_fall_out_provokes.yes",
        "test_pain_and_a_positive_test_with_nothing_against_are_supportive",
    ),
    Assertion(
        "D1",
        "Sciatica, facet joints, gluteus medius, ischial bursa and hamstring can mislead.",
        "agrees with the literature",
        ("lumbar_signs", "straight_leg_raise", "radiates_below_knee", "trochanteric_tenderness"),
        "Each is a competing source with its own pointers.",
        "competing",
        "test_each_pointer_raises_its_source",
    ),
    Assertion(
        "D2",
        "Epidural injections and eccentric hamstring programmes have failed before.",
        "context",
        ("epidural_injection", "eccentric_hamstring_training"),
        "Named as history; counts neither for nor against.",
        "history.epidural_injection",
        "test_earlier_treatment_does_not_move_any_axis",
    ),
    Assertion(
        "I1",
        "MRI readily settles the diagnosis.",
        "over-strong: reviews advise against a diagnosis from imaging alone",
        (),
        "Not said; the strongest wording is compatible with, and needs clinical features.",
        "statement.narrowed.oedema.supportive",
        "test_compatible_with_needs_all_three_axes",
    ),
    Assertion(
        "T1",
        "Rehabilitation with a CT-guided cortisone injection often helps.",
        "agrees for short-term relief",
        (),
        "One cited line for the treating clinician beside the strongest wording; no advice.",
        "treatments",
        "test_treatments_stand_as_one_cited_line_beside_the_strongest_wording",
    ),
    Assertion(
        "T2",
        "Some patients spend effort on a supposed hamstring problem.",
        "opinion",
        ("eccentric_hamstring_training",),
        "Recorded as history only.",
        "history.eccentric_hamstring_training",
        "test_earlier_treatment_does_not_move_any_axis",
    ),
)
