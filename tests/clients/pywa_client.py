"""Drives pywa, unmodified but for the base URL, through one scenario; prints one line of JSON.

Usage: pywa_client.py SCENARIO, settings in the environment; README.md beside this file lists both.
"""

import base64
import json
import logging
import os
import sys

import httpx
from pywa import WhatsApp, errors, utils
from pywa.types import Pagination
from pywa.types.templates import BodyText, TemplateLanguage

DOT_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PAGES_MAX = 50
TIMEOUT_S = 15


class LeftTheGateway(Exception):
    """The SDK was led to another host, for example by a paging link that was not rewritten."""


class Attempts:
    """Counts the HTTP requests that the SDK makes and keeps them on the one host under test."""

    def __init__(self, base_url: str):
        self.host = httpx.URL(base_url).netloc
        self.count = 0

    def __call__(self, request: httpx.Request) -> None:
        if request.url.netloc != self.host:
            raise LeftTheGateway(f"a request to {request.url.copy_with(query=None)}")
        self.count += 1


def connect(env: dict, attempts: Attempts) -> WhatsApp:
    """A client as an application makes it. pywa takes the caller's own httpx session and writes Meta's base URL
    into it; the caller sets it back afterwards, keeping the version that pywa chose."""
    session = httpx.Client(timeout=TIMEOUT_S, trust_env=False, event_hooks={"request": [attempts]})
    whatsapp = WhatsApp(
        phone_id=env["NUMBER_ID"],
        waba_id=env.get("WABA_ID"),
        token=env["TOKEN"],
        session=session,
        validate_updates=False,
    )
    session.base_url = env["BASE_URL"].rstrip("/") + session.base_url.path
    return whatsapp


def send_text(whatsapp: WhatsApp, env: dict) -> dict:
    sent = whatsapp.send_message(to=env["TO"], text=env.get("TEXT", "Hello from pywa"))
    return {"message_id": sent.id}


def send_template(whatsapp: WhatsApp, env: dict) -> dict:
    sent = whatsapp.send_template(
        to=env["TO"],
        name=env.get("TEMPLATE", "hello_world"),
        language=TemplateLanguage(env.get("LANGUAGE", "en_US")),
        params=[BodyText.params(*json.loads(env["BODY_PARAMS"]))] if env.get("BODY_PARAMS") else [],
    )
    return {"message_id": sent.id, "message_status": plain(sent.status)}


def mark_read(whatsapp: WhatsApp, env: dict) -> dict:
    return {"success": bool(whatsapp.mark_message_as_read(message_id=env["MESSAGE_ID"]))}


def upload_media(whatsapp: WhatsApp, env: dict) -> dict:
    media = whatsapp.upload_media(media=DOT_PNG, mime_type="image/png", filename="dot.png")
    return {"media_id": media.id}


def list_templates(whatsapp: WhatsApp, env: dict) -> dict:
    """Pages by cursor: in this version of pywa `next()` of a templates result raises a TypeError of its own."""
    limit = int(env["LIMIT"]) if env.get("LIMIT") else None
    page = whatsapp.get_templates(pagination=Pagination(limit=limit) if limit else None)
    templates, pages = list(page), 1
    while page.has_next and pages < PAGES_MAX:
        page = whatsapp.get_templates(pagination=Pagination(limit=limit, after=page.after))
        templates += list(page)
        pages += 1
    return {"names": [template.name for template in templates], "pages": pages}


def number_fields(whatsapp: WhatsApp, env: dict) -> dict:
    number = whatsapp.get_business_phone_number()
    return {
        "id": number.id,
        "display_phone_number": number.display_phone_number,
        "verified_name": number.verified_name,
        "quality_rating": plain(number.quality_rating),
        "status": plain(number.status),
    }


def verify_webhook(env: dict) -> dict:
    """Checks the signature over the raw bytes of BODY_FILE and, if it is right, hands them to pywa's handlers.

    pywa logs a payload that it cannot read and goes on; here that is a problem and is reported."""
    with open(env["BODY_FILE"], "rb") as file:
        body = file.read()
    verified = utils.webhook_updates_validator(
        app_secret=env["APP_SECRET"], request_body=body, x_hub_signature=env.get("SIGNATURE", "")
    )
    seen: list[dict] = []
    problems = Problems()
    if verified:
        logging.getLogger("pywa").addHandler(problems)
        whatsapp = WhatsApp(filter_updates=False, validate_updates=False, continue_handling=True)

        @whatsapp.on_message
        def on_message(_: WhatsApp, message) -> None:
            seen.append({"kind": "message", "id": message.id, "from": message.from_user.wa_id, "text": message.text})

        @whatsapp.on_message_status
        def on_status(_: WhatsApp, status) -> None:
            seen.append({"kind": "status", "id": status.id, "status": plain(status.status)})

        whatsapp.webhook_update_handler(body)
    return {"verified": verified, "seen": seen, "problems": problems.found}


class Problems(logging.Handler):
    """Collects what pywa logs as an error."""

    def __init__(self):
        super().__init__(level=logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        cause = f": {record.exc_info[1]!r}" if record.exc_info else ""
        self.found.append(record.getMessage() + cause)


def plain(value):
    """The word that an enum stands for."""
    return getattr(value, "value", value)


CALLS = {
    "send_text": send_text,
    "send_template": send_template,
    "mark_read": mark_read,
    "upload_media": upload_media,
    "list_templates": list_templates,
    "number_fields": number_fields,
}


def describe(error: Exception) -> dict:
    if not isinstance(error, errors.WhatsAppError):
        return {"class": type(error).__name__, "code": None, "message": str(error)}
    response = error.raw_response
    return {
        "class": type(error).__name__,
        "code": error.code,
        "message": error.message,
        "details": error.details,
        "type": error.type,
        "trace": error.fbtrace_id,
        "http_status": response.status_code if response is not None else None,
        "decision": response.headers.get("greenline-decision") if response is not None else None,
    }


def main() -> int:
    scenario = sys.argv[1] if len(sys.argv) == 2 else ""
    env = dict(os.environ)
    attempts = Attempts(env.get("BASE_URL", ""))
    outcome = {"ok": False, "result": None, "error": None}
    try:
        if scenario == "verify_webhook":
            outcome["result"] = verify_webhook(env)
        elif scenario in CALLS:
            outcome["result"] = CALLS[scenario](connect(env, attempts), env)
        else:
            print(f"usage: pywa_client.py {'|'.join([*CALLS, 'verify_webhook'])}", file=sys.stderr)
            return 2
        outcome["ok"] = True
    except KeyError as missing:
        if str(missing).strip("'").isupper():
            print(f"the scenario {scenario} needs {missing} in the environment", file=sys.stderr)
            return 2
        outcome["error"] = describe(missing)
    except Exception as error:  # whatever the SDK raises is the answer
        outcome["error"] = describe(error)
    outcome["attempts"] = attempts.count
    print(json.dumps(outcome))
    return 0


if __name__ == "__main__":
    sys.exit(main())
