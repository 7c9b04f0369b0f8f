"""The API against its own description: schemathesis asks all that it allows, and what it does not.

Every check is on, in every phase: boundaries, random values, and chains of calls. Nothing it finds
is suppressed; it is mended in the description or in the API. What JSON Schema cannot say of a text
(that a password is not a common one, that a time zone exists) is a format, which is taught here.
"""

import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4
from zoneinfo import available_timezones

import pytest
import schemathesis
from flask import Flask
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemathesis.config import SchemathesisConfig
from schemathesis.config._auth import WFCAuthConfig  # there is no other door to it
from schemathesis.engine import Status, events, from_schema

from app.errors import Unauthorized
from app.models import release
from app.usecases import passwords, profiles, sessions
from app.usecases.decisions import Choice, decide
from app.usecases.publishing import publish
from tests.factories import PASSWORD, make_admin, make_guest, make_history, make_user
from tests.support.people import tokens_for
from tests.support.serving import served

SEED = 20261120
EXAMPLES = {"sqlite": 10, "postgresql": 3, "mariadb": 3}
AVAILABLE = "ensure_resource_availability"
REJECTED = "negative_data_rejection"
CHECKS = {
    "allow_header_conformance",
    "content_type_conformance",
    AVAILABLE,
    "ignored_auth",
    "missing_required_header",
    REJECTED,
    "not_a_server_error",
    "object_level_authorization",
    "positive_data_acceptance",
    "response_headers_conformance",
    "response_schema_conformance",
    "status_code_conformance",
    "unsupported_method",
    "use_after_free",
}
ANY_TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=8, max_size=256)
KEY = "Idempotency-Key"
BUYING = "POST /api/v1/billing/checkout"
# Only Stripe can sign.
SIGNED = "/api/v1/webhooks/stripe"
CACHING = "PUT /api/v1/query-cache/{hash}"
CLAIMING = "POST /api/v1/credits/claim"
ERASING = "POST /api/v1/users/me/erasure"
DECIDING = "PUT /api/v1/consents/me"
PUSHING = "POST /api/v1/sync"
AUDITING = "GET /api/v1/audit"
# A third of all there is to ask, and the same to whoever is signed in, of whatever role.
LEARNERS = "^/api/v1/learners"
ADDRESS = r"https?://[a-z]{1,9}(\.[a-z0-9]{1,9})?(:[1-9][0-9]{0,3})?(/[a-z.]*)?(\?[a-z=&]*)?"

schemathesis.openapi.format(
    "password", ANY_TEXT.filter(lambda text: passwords.find_flaw(text) is None)
)
schemathesis.openapi.format(
    "uri",
    st.from_regex(ADDRESS, fullmatch=True).filter(
        lambda text: profiles.find_address_flaw(text) is None
    ),
)
# Some of 600, with the shortest and the longest: whoever filters by length looks at all of them.
ZONES = sorted(available_timezones(), key=len)
schemathesis.openapi.format("time-zone", st.sampled_from([*ZONES[::20], ZONES[-1]]))
KEYS = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=9)
schemathesis.openapi.format(
    "json-object",
    st.dictionaries(
        KEYS, st.recursive(st.none() | st.booleans() | KEYS, st.lists, max_leaves=3), min_size=1
    ).map(json.dumps),
)
TERMS: dict[str, Any] = {"document": "terms", "version": "1", "language": "en"}
schemathesis.openapi.format("version-in-force", st.just(TERMS["version"]))
schemathesis.openapi.format("published-language", st.just(TERMS["language"]))
schemathesis.openapi.format("synced-tables", st.sampled_from(["history", "profiles,history"]))


class Caller:
    """Signs requests in: as one account, until one of them has ended the account or the sign-in.

    The account has accepted the terms, else there would be little to ask.
    schemathesis makes the only instance, of a class that `ask_everything` derives.
    """

    app: Flask
    make: Callable[[], dict[str, Any]]
    _token = ""

    def get(self, _case: Any, _context: Any) -> str:
        if not self._is_signed_in():
            user = self.make()
            for _ in range(3):
                make_history(user["id"])
            decide(user["id"], Choice(terms_accepted=True, marketing_consent=False))
            self._token = tokens_for(user).access_token
        return self._token

    def set(self, case: Any, token: str, _context: Any) -> None:
        if case.operation.label == DECIDING:  # Who takes back the terms could go on with nothing.
            token = tokens_for(self.make()).access_token
        case.headers["Authorization"] = f"Bearer {token}"
        if not case.meta.generation.mode.is_positive:
            return
        self._fill_in(case)
        if "cursor" in (case.query or {}):
            self._continue_list(case)
        if isinstance(case.body, dict):
            case.body = {name: whole(value) for name, value in case.body.items()}
        if KEY in case.headers:
            # Another request under the same key is refused, as it must be: clients make new ones.
            case.headers[KEY] = str(uuid4())

    def _fill_in(self, case: Any) -> None:
        """Take what only the service knows, or no schema can say."""
        if case.operation.label == BUYING:  # What is for sale, and where, is in the settings.
            case.body = {"credits": 100}
        if case.operation.label == CACHING:  # JSON Schema cannot say which of two is the larger.
            case.body["fresh_for"] = None
        if case.operation.label == CLAIMING:  # Nobody can make up a guest's token.
            case.body = {"guest_token": tokens_for(make_guest()).access_token}
        if case.operation.label == PUSHING:  # An account has only so many devices, which pull.
            case.body |= {"client_id": "phone", "cursor": None}
        if case.operation.label == AUDITING:  # JSON Schema cannot say that one needs the other.
            case.query = {"table": "users"} | (case.query or {})
        if case.operation.label == ERASING:  # Whoever has a password has to tell it.
            case.body = {"password": PASSWORD}

    def _is_signed_in(self) -> bool:
        with suppress(Unauthorized):
            sessions.authenticate(self._token)
            return True
        release()
        return False

    def _continue_list(self, case: Any) -> None:
        """Take the cursor where clients take it, because nobody can make one up."""
        del case.query["cursor"]
        case.query.pop("since", None)  # It would stand in the place of a cursor.
        answer = self.app.test_client().get(
            case.formatted_path,
            query_string={**case.query, "limit": 1},
            headers={"Authorization": case.headers["Authorization"]},
        )
        cursor = answer.json.get("next_cursor") or answer.json.get("cursor")
        if cursor:
            case.query["cursor"] = cursor


def whole(value: Any) -> Any:
    """Write 5.0 as 5: to JSON Schema it is an integer, to this API a number of another kind."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


@dataclass
class Found:
    """What a run has asked, and what it did not like."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    checks: set[str] = field(default_factory=set)
    failures: dict[tuple[str, str, str], str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def add(self, event: events.EngineEvent) -> None:
        if isinstance(event, events.NonFatalError | events.FatalError):
            self.errors.append(repr(getattr(event, "value", None) or event.exception))
        if isinstance(event, events.ScenarioFinished):
            self._add_scenario(event.recorder)

    def _add_scenario(self, recorder: Any) -> None:
        for case_id, exchange in recorder.interactions.items():
            if exchange.response is not None:
                label = recorder.cases[case_id].value.operation.label
                self.answers[label, exchange.response.status_code] += 1
        for case_id, checks in recorder.checks.items():
            for check in checks:
                self.checks.add(check.name)
                is_judged = check.name != AVAILABLE or is_of_one_account(recorder, case_id)
                if check.status is Status.FAILURE and is_judged:
                    self._add_failure(recorder.cases[case_id].value, check)

    def _add_failure(self, case: Any, check: Any) -> None:
        failure = check.failure_info
        message = failure.failure.message
        is_about_body = check.name == REJECTED and "Invalid component: in body" in message
        if is_about_body and has_valid_body(case):
            return
        key = (case.operation.label, check.name, message)
        self.failures.setdefault(key, failure.code_sample)


def has_valid_body(case: Any) -> bool:
    """Tell whether a body that was meant to be wrong is as the description says all the same.

    Where a value may be of several kinds, what is made wrong for one of them is right for another.
    And numbers with an exponent may be larger than the description, which cannot tell them from
    integers, lets them be.
    """
    operation = case.operation
    path = quote(operation.path.replace("~", "~0").replace("/", "~1"), safe="~")
    place = f"#/paths/{path}/{operation.method}/requestBody/content/application~1json/schema"
    document = {**deepcopy(operation.schema.raw_schema), "$ref": place}
    for kind in document["components"]["schemas"]["JSONValue"]["anyOf"]:
        if kind.get("type") == "number":
            kind.clear()
            kind["type"] = "number"
    checker = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator(document, format_checker=checker).is_valid(case.body)


def is_of_one_account(recorder: Any, case_id: str) -> bool:
    """Tell whether a request comes from the account whose request it follows.

    A caller whose account has gone on the way comes back as another one, who has nothing.
    """
    cases = (case_id, recorder.cases[case_id].parent_id)
    exchanges = [recorder.interactions[case] for case in cases if case in recorder.interactions]
    callers = {str(exchange.request.headers.get("Authorization")) for exchange in exchanges}
    return len(callers) <= 1


def ask_everything(app: Flask, examples: int, make: Callable[[], dict[str, Any]]) -> Found:
    """Run every phase of schemathesis, as accounts of one kind."""
    members = {"app": app, "make": staticmethod(make)}
    publish(*TERMS.values(), body="Be kind.")
    with served(app) as url:
        whole_schema = schemathesis.openapi.from_url(
            f"{url}/openapi.json", config=configured(examples)
        )
        schema = whole_schema.exclude(path=SIGNED)
        if make is make_user:
            schema = schema.exclude(path_regex=LEARNERS)
        schema.auth(refresh_interval=None)(type("Person", (Caller,), members))
        return run(schema)


def configured(examples: int) -> SchemathesisConfig:
    config = SchemathesisConfig(seed=SEED)
    config.output.sanitization.enabled = False  # A failure shows the request that shows it.
    project = config.projects.default
    project.continue_on_failure = True
    project.generation.max_examples = examples
    project.generation.database = "none"
    # A valid request may cost more than there is.
    accepting = project.checks.positive_data_acceptance
    accepting.expected_statuses = [*accepting.expected_statuses, "402"]
    return config


def run(schema: Any) -> Found:
    found = Found()
    for event in from_schema(schema).execute():
        found.add(event)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("make", [make_user, make_admin])
def test_the_api_does_what_its_description_says(
    app: Flask, engine: str, make: Callable[[], dict[str, Any]]
) -> None:
    if engine != "sqlite" and make is make_user:
        pytest.skip(
            "an administrator may ask whatever a user may; SQLite tells their answers apart"
        )
    found = ask_everything(app, EXAMPLES[engine], make)

    assert found.errors == []
    assert found.failures == {}
    assert sum(found.answers.values()) > 500
    assert found.checks >= CHECKS


@pytest.mark.slow
def test_nobody_reads_what_another_made(app: Flask, engine: str, tmp_path: Path) -> None:
    found = ask_as_two(app, EXAMPLES[engine], tmp_path / "people.json")

    assert found.errors == []
    assert found.failures == {}
    assert found.answers["GET /api/v1/history/{id}", 200] > 0


def ask_as_two(app: Flask, examples: int, people: Path) -> Found:
    """Let two accounts work on what they did, and each ask for what the other got."""
    names = ("one", "other")
    headers = [{"name": "Authorization", "value": f"Bearer {sign_in()}"} for _ in names]
    entries = [
        {"name": name, "fixedHeaders": [header]}
        for name, header in zip(names, headers, strict=True)
    ]
    people.write_text(json.dumps({"auth": entries}))
    config = configured(examples)
    project = config.projects.default
    # What else is asked is the other test's, which knows where cursors and keys come from.
    project.checks.update(included_check_names=["object_level_authorization"])
    project.auth.wfc = WFCAuthConfig(path=str(people), peers=list(names))
    with served(app) as url:
        schema = schemathesis.openapi.from_url(f"{url}/openapi.json", config=config)
        return run(schema.include(path_regex="^/api/v1/history"))


def sign_in() -> str:
    """Make an account that has done something, and return its token."""
    user = make_user()
    for _ in range(3):
        make_history(user["id"])
    return tokens_for(user).access_token
