"""What all tests share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Timing on shared machines is no property of the code.
settings.register_profile("ifi_mri", deadline=None)
settings.load_profile("ifi_mri")

REPOSITORY = Path(__file__).parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite tests/golden from what is made now"
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The material beside the repository: a real study, files by other software.

    Tests on it are skipped where it is absent, unless IFI_MRI_REQUIRE_SHARED is set, as in CI.
    """
    folder = REPOSITORY.parent / "shared"
    if not (folder / "real_mri").is_dir():
        message = f"{folder} with the real study is not there"
        if os.environ.get("IFI_MRI_REQUIRE_SHARED"):
            pytest.fail(message)
        pytest.skip(message)
    return folder
