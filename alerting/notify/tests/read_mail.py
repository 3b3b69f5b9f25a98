"""Reads a mail that was delivered into a file, and tells what it is as JSON. Pictures are decoded: every chunk by its
checksum, every row of dots."""

import email
import email.policy
import json
import sys

from picture import png

options = json.loads(sys.argv[1])

with open(options["file"], "rb") as file:
    mail = email.message_from_binary_file(file, policy=email.policy.default)
parts = [part for part in mail.walk() if not part.is_multipart()]
print(json.dumps({
    "headers": {name: str(value) for name, value in mail.items()},
    "structure": [part.get_content_type() for part in mail.walk()],
    "html": "".join(part.get_content() for part in parts if part.get_content_type() == "text/html"),
    "pictures": {part["Content-ID"]: png(part.get_content()) for part in parts if part.get_content_type() == "image/png"},
}))
