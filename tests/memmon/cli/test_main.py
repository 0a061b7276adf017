import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from memmon.cli import COMMANDS, main


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_loaded_and_explains_itself(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.get_short_help_str(200)


def test_help_lists_them_all_without_loading_any() -> None:
    code = (
        "import sys; from memmon.cli import main; main(['--help'], standalone_mode=False); "
        "print('celery' in sys.modules, 'sqlalchemy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "False False" in done.stdout
    for name in COMMANDS:
        assert f"  {name} " in done.stdout


def test_a_wrong_setting_ends_with_2_and_its_name() -> None:
    done = CliRunner().invoke(main, ["alerts", "list"], env={"MEMMIMIC_DASHBOARD_PORT": "http"})
    assert done.exit_code == 2
    assert done.output.startswith("memmon: MEMMIMIC_DASHBOARD_PORT: ")


def test_an_unknown_command_is_a_usage_error() -> None:
    assert CliRunner().invoke(main, ["nonsense"]).exit_code == 2
