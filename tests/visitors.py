"""A browser without JavaScript: it signs in and sends forms with the token of the page."""

import re

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.makers import SignIn

TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def csrf_token(client: FlaskClient, path: str = "/sign-in") -> str:
    """Return the token of a page's form."""
    page = client.get(path, follow_redirects=True).get_data(as_text=True)
    found = TOKEN.search(page)
    assert found is not None, f"{path} carries no form"
    return found.group(1)


def send(
    client: FlaskClient, path: str, fields: dict[str, str], *, page: str = "/sign-in"
) -> TestResponse:
    """Send a form as the page `page` would."""
    return client.post(path, data={**fields, "csrf_token": csrf_token(client, page)})


def sign_in(client: FlaskClient, who: SignIn) -> FlaskClient:
    """Sign a person in; the client is that person's browser from then on."""
    answer = send(client, "/sign-in", {"phone": who.phone, "password": who.password})
    assert answer.status_code == 302, answer.get_data(as_text=True)
    return client
