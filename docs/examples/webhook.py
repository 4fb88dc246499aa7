"""Takes Mandate's webhooks and verifies them with the package standardwebhooks.

PORT is where it listens, STATE a SQLite file, WEBHOOK_SECRET what POST /api/v1/webhooks told (two with a space between them during a
rotation). Work and the event's id are one transaction: an event that comes again is answered, and its work not done twice.
"""

import json
import os
import sqlite3
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

BODY_MAX = 1024 * 1024
webhooks = [Webhook(secret) for secret in os.environ["WEBHOOK_SECRET"].split()]


def is_ours(body, headers):
    for webhook in webhooks:
        try:
            webhook.verify(body, headers)
            return True
        except WebhookVerificationError:
            pass
    return False


def handle(event):
    state = sqlite3.connect(os.environ["STATE"], timeout=10)
    with state:  # your work belongs here, into the same transaction
        state.execute("create table if not exists done (id text primary key, sequence integer)")
        row = (event["id"], int(event["sequence"]))
        state.execute("insert or ignore into done values (?, ?)", row)
    state.close()


class Endpoint(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        if length > BODY_MAX:
            return self.answer(413)
        body = self.rfile.read(length)
        if not is_ours(body, {name.lower(): value for name, value in self.headers.items()}):
            return self.answer(401)
        handle(json.loads(body))
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Endpoint).serve_forever()
