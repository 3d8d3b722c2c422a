"""Receives what the server sends, with public libraries, and prints a line of JSON for each message.

    receive.py HTTP_PORT SMTP_PORT REFUSALS SECRET_FILE

The first REFUSALS webhooks are refused. Signatures are verified by the Standard Webhooks library.
"""
import email
import email.policy
import http.server
import json
import sys
import threading
import time

from aiosmtpd.controller import Controller
from standardwebhooks.webhooks import Webhook

http_port, smtp_port, refusals = (int(a) for a in sys.argv[1:4])
secret_file = sys.argv[4]


def tell(**what):
    print(json.dumps(what), flush=True)


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        global refusals
        body = self.rfile.read(int(self.headers["content-length"]))
        if refusals > 0:
            refusals -= 1
            self.send_response(503)
            self.end_headers()
            return
        try:
            verified = [Webhook(s).verify(body, dict(self.headers)) for s in open(secret_file).read().split()]
            tell(kind="webhook", id=self.headers["webhook-id"], type=verified[0]["type"],
                 data=verified[0]["data"], verified=len(verified))
            self.send_response(204)
        except Exception as error:
            tell(kind="refused", error=repr(error))
            self.send_response(400)
        self.end_headers()

    def log_message(self, *_):
        pass


class Mail:
    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        pdf = [p for p in message.iter_attachments() if p.get_content_type() == "application/pdf"]
        tell(kind="mail", to=envelope.rcpt_tos, subject=message["subject"],
             text=message.get_body(("plain",)).get_content(), html=message.get_body(("html",)).get_content(),
             pdf=[p.get_filename() for p in pdf],
             begins=[p.get_content()[:5].decode() for p in pdf])
        return "250 taken"


Controller(Mail(), hostname="127.0.0.1", port=smtp_port).start()
server = http.server.ThreadingHTTPServer(("127.0.0.1", http_port), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
tell(kind="ready")
time.sleep(600)
