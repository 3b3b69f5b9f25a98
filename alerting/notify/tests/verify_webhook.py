"""Checks a signed webhook with the library of the Standard Webhooks specification."""

import base64
import json
import sys

from standardwebhooks.webhooks import Webhook

given = json.loads(sys.argv[1])
try:
    Webhook(given["key"]).verify(base64.b64decode(given["body"]), given["headers"])
    print("signed")
except Exception as error:
    print(type(error).__name__)
