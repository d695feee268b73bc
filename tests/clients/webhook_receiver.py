"""Takes events and judges each with the official Standard Webhooks library, unmodified.

Listens on HOST (127.0.0.1) and PORT (0 stands for a free one), and reads SECRET (`whsec_…`, or several with blanks between them). If CONTROL names a file, it
is read before each answer: a JSON object with the `status` to answer with and, to redirect, a `location`.

Prints its port, and then one line of JSON for each request.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

SECRETS = os.environ.get("SECRET", "").split()
CONTROL = os.environ.get("CONTROL", "")
LINES = threading.Lock()


def judged(body, headers):
    problem = "no secret"
    for secret in SECRETS:
        try:
            return Webhook(secret).verify(body, headers), None
        except WebhookVerificationError as error:
            problem = str(error)
    return None, problem


def control():
    try:
        with open(CONTROL, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        event, problem = judged(body, headers)
        wish = control()
        status = 401 if problem else wish.get("status", 200)
        line = {
            "verified": problem is None,
            "problem": problem,
            "status": status,
            "path": self.path,
            "headers": headers,
            "raw": body.decode("utf-8", "replace"),
            "event": event,
        }
        with LINES:
            print(json.dumps(line), flush=True)
        self.send_response(status)
        if "location" in wish:
            self.send_header("location", wish["location"])
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    address = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "0"))
    server = ThreadingHTTPServer(address, Receiver)
    print(json.dumps({"port": server.server_address[1]}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
