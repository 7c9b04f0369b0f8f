"""What Flask does not do here."""

import pytest
from flask import session

from app.api.application import Application


def test_no_request_has_a_session() -> None:
    """All have the same one, so what one of them wrote another would read."""
    application = Application("sessionless")

    with application.test_request_context(headers={"Cookie": "session=x"}):
        assert dict(session) == {}
        with pytest.raises(RuntimeError, match="session is unavailable"):
            session["user"] = "somebody"


def test_secret_key_brings_no_session() -> None:
    """No answer sets a cookie, whatever Flask is given."""
    application = Application("keyed")
    application.secret_key = "long enough"
    application.add_url_rule("/", view_func=lambda: {"seen": len(session)})

    answer = application.test_client().get("/")

    assert answer.get_json() == {"seen": 0}
    assert not {"Set-Cookie", "Vary"} & set(answer.headers.keys())
