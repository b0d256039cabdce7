"""Ischiofemoral and quadratus femoris spaces and quadratus femoris signal on hip MRI.

>>> import ifi_mri
>>> study = ifi_mri.load_study(path)                      # doctest: +SKIP
>>> landmarks = ifi_mri.read_landmarks(points)            # doctest: +SKIP
>>> report = ifi_mri.analyse(study, landmarks)            # doctest: +SKIP
>>> ifi_mri.write_report(report, study, folder)           # doctest: +SKIP

The names below, `ifi_mri.errors` and the nouns of `ifi_mri.model` are the public face.  They are
imported when first used, so that ``ifi-mri --help`` does not wait for numpy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ifi_mri._version import __version__

if TYPE_CHECKING:
    from ifi_mri.config import Config
    from ifi_mri.loaders import load_study, load_volume
    from ifi_mri.pipeline import analyse, read_clinical, read_landmarks, write_report

_HOMES = {
    "Config": "ifi_mri.config",
    "analyse": "ifi_mri.pipeline",
    "load_study": "ifi_mri.loaders",
    "load_volume": "ifi_mri.loaders",
    "read_clinical": "ifi_mri.pipeline",
    "read_landmarks": "ifi_mri.pipeline",
    "write_report": "ifi_mri.pipeline",
}

__all__ = (
    "Config",
    "__version__",
    "analyse",
    "load_study",
    "load_volume",
    "read_clinical",
    "read_landmarks",
    "write_report",
)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in {"errors", "model"}:
        return import_module(f"ifi_mri.{name}")
    raise AttributeError(f"module 'ifi_mri' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted((*globals(), *_HOMES))
