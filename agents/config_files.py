"""The rules from a folder: `triggers.yaml` (`triggers: {name: {mode: ..., parameters}}`) and `policy.yaml`.

Each file is one part of the document that `streams.config.build` takes, under the key that it is named after.
Every fault is told with file, line, path, what was expected, and what was probably meant.
"""

from collections.abc import Iterator
from pathlib import Path

from agents.config_hints import suggestion
from agents.config_parts import ConfigError, Part, Problem, read
from agents.yaml_file import Document
from streams import config
from streams.config import MODES, Config
from streams.policy import Policy
from streams.trigger import load as load_triggers

TRIGGERS_FILE = "triggers.yaml"
POLICY_FILE = "policy.yaml"


def load(folder: Path) -> Config:
    """Read a folder; without a `policy.yaml` the policy has its defaults, and a trigger not named is off.

    Raises:
        ConfigError: a file is missing, can't be read, or says what it can't mean.
    """
    triggers, problems = read(folder / TRIGGERS_FILE, "triggers")
    policy = Document({}, {})
    if (folder / POLICY_FILE).exists():
        policy, more = read(folder / POLICY_FILE, "policy")
        problems += more or Part(str(folder / POLICY_FILE), policy, ("policy",), Policy, config.build).problems()
    problems += _trigger_problems(str(folder / TRIGGERS_FILE), triggers)
    if problems:
        raise ConfigError(problems)
    return config.build(policy.value | triggers.value)


def _trigger_problems(file: str, document: Document) -> Iterator[Problem]:
    """One trigger at a time, so that one fault doesn't hide the others."""
    known = load_triggers()
    for name, settings in document.value.get("triggers", {}).items():
        path = f"triggers.{name}"
        line = document.lines[f"$.{path}"]
        if name not in known:
            yield Problem(file, line, path, f"unknown trigger{suggestion(name, known)}")
        elif not isinstance(settings, dict):
            yield Problem(file, line, path, f"expected settings, as in {{mode: {MODES[1]}}}")
        else:
            yield from Part(file, document, ("triggers", name), known[name].config, config.build).problems()
