from __future__ import annotations

from pathlib import Path

import pytest

from memmon import config
from memmon.errors import BadConfig
from memmon.notify import templates
from memmon.notify.render import message
from memmon.settings import load
from memmon.stack import config_check
from tests.memmon.notify.sample import payload

ROUTES = """
templates: ['more/*.tmpl']
route: {receiver: team}
receivers:
- name: team
  slack_configs: [{api_url: 'http://127.0.0.1:1/', title: '{{ template "own" . }}'}]
"""


def folder(tmp_path: Path, routes: str = ROUTES, **files: str) -> Path:
    (tmp_path / "config" / "more").mkdir(parents=True)
    (tmp_path / "config" / "routes.yml").write_text(routes)
    for name, text in files.items():
        (tmp_path / "config" / "more" / f"{name}.tmpl").write_text(text)
    return tmp_path


def test_files_of_templates_add_to_memmons_own_and_replace_them(tmp_path: Path) -> None:
    text = '{{ define "own" }}mine {{ template "__subject" . }}{{ end }}{{ define "__names" }}N{{ end }}'
    settings = load({"MEMMON_HOME": str(folder(tmp_path, a=text))})
    config_check.config(settings)
    existing = templates.of(config.load(settings).routes.sources)
    assert message(payload(), existing).fill('{{ template "own" . }}') == "mine [FIRING:1] N"


@pytest.mark.parametrize(
    ("routes", "files", "reason"),
    [
        (ROUTES, {}, r"routes\.yml:6: .*template 'own' is not defined"),
        (ROUTES, {"a": "{{ define }}"}, r"a\.tmpl: template line 1"),
        (ROUTES, {"a": '{{ define "own" }}{{ template "none" }}{{ end }}'}, "template 'none' is not defined"),
        (ROUTES.replace("more/*.tmpl", "none.tmpl"), {}, r"there is no file none\.tmpl"),
        (ROUTES.replace('template "own" .', "nothing"), {}, "function 'nothing' is not known"),
    ],
)
def test_a_template_that_cannot_work_is_refused_at_load(
    tmp_path: Path, routes: str, files: dict[str, str], reason: str
) -> None:
    with pytest.raises(BadConfig, match=reason):
        config_check.config(load({"MEMMON_HOME": str(folder(tmp_path, routes, **files))}))
