"""What a published study of agreement or of diagnostic accuracy should hold, and what this program
can fill in.

Items in our own words after GRRAS (Kottner et al., J Clin Epidemiol 2011;64:96,
doi:10.1016/j.jclinepi.2010.03.002) and STARD 2015 (Bossuyt et al., BMJ 2015;351:h5527,
doi:10.1136/bmj.h5527); numbers are theirs.
"""

from typing import Final, NamedTuple

AUTHORS: Final = "for the authors to write"


class Item(NamedTuple):
    """One item: its number, what it asks, and where it is answered."""

    number: str
    asks: str
    answered: str


GRRAS: Final = (
    Item("1", "Title or abstract names agreement or reliability", AUTHORS),
    Item("2", "The measurement is named and described", "measurement definitions in each report"),
    Item("3", "The hips of interest", AUTHORS),
    Item("4", "The readers of interest", AUTHORS),
    Item("5", "What is known already, and why the study is done", AUTHORS),
    Item("6", "How the sample size was chosen", AUTHORS),
    Item("7", "How hips and readers were sampled", AUTHORS),
    Item("8", "How the readings were done: interval, blinding, equipment",
         "readers, reads and software version in run.json; the rest for the authors"),
    Item("9", "Whether readings were independent", AUTHORS),
    Item("10", "The statistics used", "named beside each figure on this page"),
    Item("11", "Actual numbers of hips, readers and reads", "beside each comparison"),
    Item("12", "Characteristics of readers and hips", AUTHORS),
    Item("13", "Estimates with their uncertainty", "on this page, with 95 % intervals"),
    Item("14", "Practical relevance", "smallest detectable change in mm; meaning for the authors"),
    Item("15", "Detailed results where possible", "agreement.csv and measurements.csv"),
)  # fmt: skip

STARD: Final = (
    Item("1", "Title or abstract names a measure of accuracy", AUTHORS),
    Item("2", "Structured abstract", AUTHORS),
    Item("3", "Background, intended use and role of the index test", AUTHORS),
    Item("4", "Objectives and hypotheses", AUTHORS),
    Item("5", "Data collected before or after the tests", AUTHORS),
    Item("6", "Who was eligible", AUTHORS),
    Item("7", "How the participants were found", AUTHORS),
    Item("8", "Where and when", AUTHORS),
    Item("9", "Consecutive, random or convenience series", AUTHORS),
    Item("10a", "Index test in enough detail to repeat it",
         "definition, series and settings in each report; software and config in run.json"),
    Item("10b", "Reference standard in enough detail", AUTHORS),
    Item("11", "Why this reference standard", AUTHORS),
    Item("12a", "Cut-offs of the index test, found here or set before",
         "this page: Youden's was found here, the profiles' were set before"),
    Item("12b", "Cut-offs of the reference standard", AUTHORS),
    Item("13a", "Whether readers knew the reference standard", AUTHORS),
    Item("13b", "Whether those who labelled knew the index test",
         "column label_source, warning on incorporation bias above"),
    Item("14", "How accuracy was estimated", "named beside each figure on this page"),
    Item("15", "Indeterminate results", "hips without a distance, above; never counted negative"),
    Item("16", "Missing data", "hips left out, above"),
    Item("17", "Variability of accuracy", "95 % intervals over patients, not hips"),
    Item("18", "Sample size", AUTHORS),
    Item("19", "Flow of participants",
         "numbers of hips and patients, above; failures in measurements.csv"),
    Item("20", "Characteristics of participants", AUTHORS),
    Item("21a", "Severity in those affected", AUTHORS),
    Item("21b", "Other diagnoses in those not affected", AUTHORS),
    Item("22", "Interval between the tests", AUTHORS),
    Item("23", "Index test against reference standard", "tables on this page"),
    Item("24", "Estimates with precision", "tables on this page"),
    Item("25", "Adverse events", AUTHORS),
    Item("26", "Limitations", "warnings above; the rest for the authors"),
    Item("27", "What it means for practice", AUTHORS),
    Item("28", "Registration", AUTHORS),
    Item("29", "Where the protocol is", AUTHORS),
    Item("30", "Funding", AUTHORS),
)  # fmt: skip
