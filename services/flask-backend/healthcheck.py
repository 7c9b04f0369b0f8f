"""Ask the service in this container a question of its probes: exit code 0 if the answer is 200.

For images without curl: ``python healthcheck.py /readyz``.
"""

import http.client
import os
import sys

port = int(os.environ["PORT"])  # noqa: TID251 - all of the settings would be read, and checked
connection = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
try:
    connection.request("GET", sys.argv[1])
    status = connection.getresponse().status
except OSError as error:
    sys.exit(f"no answer: {type(error).__name__}")
sys.exit(None if status == http.client.OK else f"status {status}")
