"""One's data over HTTP: a copy of all of it, and that it is forgotten."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app import clock, deadline
from app.api import privacy
from app.models import get_db, get_user, release
from app.usecases.export import ExportCut, export_account
from app.usecases.personal_data import HOLDINGS
from app.vocabulary import MANAGED_EXTERNALLY, UserType
from tests.factories import PASSWORD, make_admin, make_history, make_user
from tests.migrations.rows import refill
from tests.support.people import document, flaws, person, problem, register
from tests.support.threads import run_together

EXPORT, ERASURE = "/users/me/export", "/users/me/erasure"


def fill(user_id: UUID, actions: int) -> None:
    get_db().history.insert_many(
        {"user_id": user_id, "id": uuid4(), "action_type": "A", "payload": {"number": number}}
        for number in range(actions)
    )


def test_export_holds_every_row_of_every_table(app: Flask, database_url: str) -> None:
    release()
    with sa.create_engine(database_url, poolclass=sa.NullPool).begin() as connection:
        refill(connection)
    db, first = get_db(), UUID(int=1)

    text = b"".join(export_account(first, clock.now())).decode()

    whole = json.loads(text)
    for holding in HOLDINGS:
        if not holding.section:
            continue
        owned = db[holding.owned.table]
        [stored] = db(owned[holding.owned.owner] == first).dicts()
        told = whole[holding.section]
        [row] = told if holding.owned.order else [told]
        assert row.keys() == stored.keys() - holding.withheld.keys(), holding.owned.table
        assert row == json.loads(app.json.dumps({name: stored[name] for name in row}))
    assert list(whole)[-1] == "is_complete"
    assert str(UUID(int=2)) not in text  # Nobody else is in it.


def test_export_is_a_file_with_each_row_once_however_many_there_are(client: FlaskClient) -> None:
    user = make_user(full_name="Ada")
    fill(user["id"], 120)
    deleted = make_history(user["id"], is_deleted=True)
    fill(make_user()["id"], 5)

    answer = person(client, user).get(EXPORT)

    whole = document(answer)
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=export-")
    assert whole["account"]["full_name"] == "Ada"
    assert whole["profile"] is None
    numbers = [row["payload"].get("number") for row in whole["history"]]
    assert sorted(number for number in numbers if number is not None) == list(range(120))
    assert str(deleted["id"]) in {row["id"] for row in whole["history"]}
    assert whole["is_complete"] is True


def test_no_secret_and_no_digest_is_in_it(client: FlaskClient) -> None:
    registered = document(register(client))
    tokens = [registered["access_token"], registered["refresh_token"]]
    headers = {"Authorization": f"Bearer {tokens[0]}"}

    text = client.get("/api/v1/users/me/export", headers=headers).get_data(as_text=True)

    db = get_db()
    [user] = db(db.users).dicts()
    [session] = db(db.sessions).dicts()
    [link] = db(db.email_tokens).dicts()
    secrets = [user["password_hash"], session["token_hash"], session["refresh_hash"]]
    secrets += [
        link["token_hash"],
        str(session["family_id"]),
        *(t.partition(".")[2] for t in tokens),
    ]
    assert [secret for secret in secrets if secret in text] == []
    assert json.loads(text)["is_complete"] is True


def test_export_sees_one_state_of_the_database(app: Flask) -> None:
    user = make_user()
    fill(user["id"], 120)
    pieces = export_account(user["id"], clock.now())
    begun = [next(pieces) for _ in range(3)]

    run_together([lambda: fill(user["id"], 60) or release()])
    whole = json.loads(b"".join([*begun, *pieces]))

    assert len(whole["history"]) == 120


def test_export_whose_time_is_over_is_no_json_and_is_logged(
    app: Flask, capsys: pytest.CaptureFixture[str]
) -> None:
    user = make_user()
    fill(user["id"], 120)
    deadline.begin(60)
    pieces = export_account(user["id"], clock.now())
    text = next(pieces)
    try:
        with pytest.raises(ExportCut):
            for piece in pieces:
                text += piece
                if b'"history"' in piece:
                    deadline.begin(0)
    finally:
        deadline.end()

    with pytest.raises(json.JSONDecodeError):
        json.loads(text)
    assert "export_cut" in capsys.readouterr().out


def test_only_a_few_exports_are_written_at_once(client: FlaskClient) -> None:
    ada = person(client, user := make_user())
    others = [
        privacy.write_bounded(user["id"], clock.now(), "request")
        for _ in range(privacy.EXPORTS_AT_ONCE)
    ]
    for other in others:
        next(other)

    refused = ada.get(EXPORT)
    for other in others:
        other.close()

    assert problem(refused) == (503, "BUSY")
    assert int(refused.headers["Retry-After"]) >= 1
    for _ in range(privacy.EXPORTS_AT_ONCE + 1):
        head = client.head("/api/v1/users/me/export", headers=bearer(ada))
        assert head.status_code == 200
        assert document(ada.get(EXPORT))["is_complete"]


def bearer(somebody: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {somebody.access_token}"}


def test_whoever_has_a_password_has_to_send_it_to_be_forgotten(client: FlaskClient) -> None:
    ada = person(client, user := make_user())

    missing = ada.post(ERASURE, {})
    wrong = ada.post(ERASURE, {"password": PASSWORD + "!"})
    assert get_user(user["id"]) is not None
    right = ada.post(ERASURE, {"password": PASSWORD})

    assert flaws(missing) == {"password": "REQUIRED"}
    assert problem(wrong) == (403, "WRONG_PASSWORD")
    assert right.status_code == 200
    assert document(right)["user_id"] == str(user["id"])
    assert problem(ada.get("/users/me")) == (401, "TOKEN_INVALID")
    assert register(client, email=user["email"]).status_code == 201


@pytest.mark.parametrize(
    "columns",
    [
        {"email": None, "password_hash": None, "user_type": UserType.GUEST},
        {"password_hash": MANAGED_EXTERNALLY},
    ],
    ids=["guest", "managed"],
)
def test_whoever_has_no_password_needs_none(client: FlaskClient, columns: dict[str, Any]) -> None:
    user = make_user(**columns)

    assert person(client, user).post(ERASURE, {}).status_code == 200
    assert get_user(user["id"]) is None


def test_administrator_erases_others_deleted_or_not_and_again(client: FlaskClient) -> None:
    admin = person(client, make_admin())
    user = make_user()
    person(client, user).delete("/users/me")

    first = admin.post(f"/users/{user['id']}/erasure")
    again = admin.post(f"/users/{user['id']}/erasure")
    unknown = admin.post(f"/users/{uuid4()}/erasure")

    assert document(first) == document(again)
    assert problem(unknown) == (404, "USER_NOT_FOUND")
    [listed] = document(admin.get("/users", is_deleted="true"))["items"]
    assert (listed["email"], listed["full_name"]) == (None, None)


def test_last_administrator_stays(client: FlaskClient) -> None:
    admin = make_admin()

    answers = [
        person(client, admin).post(ERASURE, {"password": PASSWORD}),
        person(client, admin).post(f"/users/{admin['id']}/erasure"),
    ]

    assert [problem(answer) for answer in answers] == [(409, "LAST_ADMIN")] * 2
