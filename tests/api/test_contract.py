"""The whole API against its own description: every answer documented, nothing breaks.

Schemathesis makes requests from /openapi.json, right ones and wrong ones, single ones and chains
along the links, and holds every answer against it: never a fault of ours, only documented statuses,
content types and shapes, wrong data refused, methods that are not there answered by 405 with
`Allow`. The seed is fixed and the number of examples bounded.
"""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

import schemathesis
from schemathesis.config import (
    ChecksConfig,
    CoveragePhaseConfig,
    GenerationConfig,
    PhasesConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
    SimpleCheckConfig,
    StatefulPhaseConfig,
)
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.schemas import BaseSchema

from ledger import clock
from tests.api.world import NOW, Neighbourhood
from web.security import limiter

EXAMPLES = 7
CHAINS = 40
STEPS = 6
ANSWERS_MIN = 500


def _config(home: Neighbourhood) -> SchemathesisConfig:
    """Return a run with a fixed seed, as Gu, who may do everything."""
    project = ProjectConfig(
        headers={
            "Authorization": f"Bearer {home.tokens['gu']}",
            "Accept-Encoding": "identity",
        },
        generation=GenerationConfig(
            max_examples=EXAMPLES, deterministic=True, no_shrink=True, database="none"
        ),
        # Its requests cannot reach an application in the same process; the route matrix asks
        # every route without a token.
        checks=ChecksConfig(ignored_auth=SimpleCheckConfig(enabled=False)),
        phases=PhasesConfig(
            coverage=CoveragePhaseConfig(enabled=False),
            stateful=StatefulPhaseConfig(
                generation=GenerationConfig(
                    max_examples=CHAINS, deterministic=True, no_shrink=True, database="none"
                ),
                max_steps=STEPS,
            ),
        ),
    )
    return SchemathesisConfig(seed=9, projects=ProjectsConfig(default=project))


def _served(home: Neighbourhood) -> Callable[..., Iterable[bytes]]:
    """Return the application at the moment of the neighbourhood, in whatever thread it is asked."""

    def serve(environ: Any, start_response: Any) -> Iterable[bytes]:
        limiter.reset()
        with clock.at(NOW):
            return home.app(environ, start_response)

    return serve


def _settle(schema: BaseSchema, ids: dict[str, str]) -> None:
    """Let every second well-formed id in a request be one that exists."""

    def settled(values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {
            name: ids[name] if name in ids and _is_even(value) else value
            for name, value in values.items()
        }

    def map_path_parameters(_context: object, path_parameters: Any) -> Any:
        return settled(path_parameters)

    def map_body(_context: object, body: Any) -> Any:
        return settled(body)

    schema.hooks.hook(map_path_parameters)
    schema.hooks.hook(map_body)


def _is_even(value: object) -> bool:
    try:
        return UUID(str(value)).int % 2 == 0
    except ValueError:
        return False


def _findings(schema: BaseSchema) -> tuple[dict[str, str], int]:
    """Run everything; return what is wrong, each once, and how many answers were held to it."""
    found: dict[str, str] = {}
    count = 0
    for event in from_schema(schema).execute():
        if isinstance(event, events.FatalError):
            raise event.exception
        if isinstance(event, events.NonFatalError):
            found[f"{event.label}: {event.info.title}"] = str(event.value)
        if isinstance(event, events.ScenarioFinished):
            count += len(event.recorder.interactions)
            found.update(_failures(event.recorder))
    return found, count


def _failures(recorder: ScenarioRecorder) -> dict[str, str]:
    """Return the failed checks of one scenario."""
    failed: dict[str, str] = {}
    for case_id, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is None or _is_a_rules_refusal(recorder, case_id, check.name):
                continue
            failure = check.failure_info.failure
            answer = recorder.interactions[case_id].response
            failed[f"{recorder.cases[case_id].value.operation.label}: {failure.title}"] = (
                f"{failure.message}\n{check.failure_info.code_sample}\n"
                f"{answer.status_code if answer else ''} {answer.content if answer else b''!r}"
            )
    return failed


def _is_a_rules_refusal(recorder: ScenarioRecorder, case_id: str, check: str) -> bool:
    """Tell whether right data was refused by a rule, which no schema can tell beforehand."""
    answer = recorder.interactions[case_id].response
    if check != "positive_data_acceptance" or answer is None:
        return False
    return answer.status_code == 422 and answer.json()["code"] != "invalid"


def test_the_whole_api_keeps_its_description(home: Neighbourhood) -> None:
    schema = schemathesis.openapi.from_wsgi("/openapi.json", _served(home), config=_config(home))
    _settle(schema, home.ids)

    found, count = _findings(schema)

    assert not found, "\n\n".join(f"{name}\n{text}" for name, text in found.items())
    assert count > ANSWERS_MIN
