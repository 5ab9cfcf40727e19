"""Asks the gateway at URL a question, and exits with 0 if the answer is the known one."""

import http.client
import json
import os
import ssl
import sys
import time
from urllib.parse import urlsplit

QUESTION = {
    "question": "Who led the Norman conquest of England?",
    "context": "The Norman conquest of England was led by William the Conqueror in 1066.",
}
ANSWER = "William the Conqueror"
SECONDS = 60  # a new release needs a moment


class NamedConnection(http.client.HTTPSConnection):
    """HTTPS to a host whose certificate is for another name."""

    def connect(self):
        http.client.HTTPConnection.connect(self)
        context = ssl.create_default_context(cafile=os.environ["TLS_CA"])
        name = os.environ["TLS_SERVER_NAME"]
        self.sock = context.wrap_socket(self.sock, server_hostname=name)


def ask():
    """Return the status and the body of the reply."""
    url = urlsplit(os.environ["URL"])
    kind = NamedConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname, url.port, timeout=10)
    headers = {"content-type": "application/json"}
    if key := os.environ.get("API_KEY"):
        headers["authorization"] = f"Bearer {key}"
    connection.request("POST", "/answer", json.dumps(QUESTION), headers)
    reply = connection.getresponse()
    return reply.status, reply.read().decode()


def main():
    """Ask until there is an answer, for a minute at most."""
    end = time.monotonic() + SECONDS
    while True:
        try:
            status, body = ask()
        except (OSError, http.client.HTTPException) as error:
            status, body = 0, repr(error)
        print(status, body, flush=True)
        if status == 200:
            return 0 if json.loads(body)["answer"] == ANSWER else 1
        if (400 <= status < 500 and status != 429) or time.monotonic() > end:
            return 1
        time.sleep(1)


sys.exit(main())
