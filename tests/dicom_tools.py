"""Other people's programs that judge what we write; `scripts/install_test_tools` installs them.

A test that misses one is skipped and says so; with IFI_MRI_REQUIRE_TOOLS set, as in CI, it fails.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

NODE = Path(__file__).parent / "node"
JAVA_LIBRARIES = Path("/usr/share/java")

#: Limits of Java's XPath that PixelMed's rules exceed since Java 17.
XPATH_LIMITS = [
    f"-Djdk.xml.xpath{name}=0" for name in ("TotalOpLimit", "ExprOpLimit", "ExprGrpLimit")
]


def missing(what: str) -> None:
    """Skip the test, or fail it where the tools are required."""
    message = f"{what} is not there; scripts/install_test_tools installs it"
    if os.environ.get("IFI_MRI_REQUIRE_TOOLS"):
        pytest.fail(message)
    pytest.skip(message)


def program(name: str) -> str:
    """Return the path of a program."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        missing(name)
    assert found is not None
    return found


def run(words: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    """Run a program and return what it said."""
    return subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=300,
    )


def dciodvfy_errors(path: Path) -> list[str]:
    """Return the errors that dicom3tools' dciodvfy finds."""
    done = run([program("dciodvfy"), "-new", path])
    said = (done.stdout + done.stderr).splitlines()
    return [line for line in said if line.startswith(("Error", "Abort"))]


def dsrdump(path: Path) -> subprocess.CompletedProcess[str]:
    """Return what dcmtk's dsrdump prints."""
    return run([program("dsrdump"), "--print-all-codes", path])


def tid1500(path: Path, out: Path) -> dict[str, Any]:
    """Return what dcmqi's tid1500reader reads."""
    done = run([program("tid1500reader"), "--inputDICOM", path, "--outputMetadata", out])
    assert done.returncode == 0, done.stderr
    content: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return content


def pixelmed(path: Path) -> list[str]:
    """Return the lines that PixelMed's DicomSRValidator prints."""
    java = program("java")
    if not (JAVA_LIBRARIES / "pixelmed.jar").exists():
        missing("pixelmed.jar")
    classes = ":".join(str(jar) for jar in sorted(JAVA_LIBRARIES.glob("*.jar")))
    validator = "com.pixelmed.validate.DicomSRValidator"
    done = run([java, *XPATH_LIMITS, "-cp", classes, validator, path])
    return done.stdout.splitlines() + done.stderr.splitlines()


def node(script: str, *words: Path) -> str:
    """Run one of the scripts in ``tests/node`` and return what it prints."""
    program_path = program("node")
    if not (NODE / "node_modules" / "@cornerstonejs" / "adapters").is_dir():
        missing("@cornerstonejs/adapters")
    done = run([program_path, NODE / script, *words])
    assert done.returncode == 0, done.stderr
    return done.stdout
