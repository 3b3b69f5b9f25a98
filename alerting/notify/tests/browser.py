"""The browser's side of web push for the tests: makes a subscription, and reads a push with Mozilla's own libraries."""

import base64
import json
import os
import sys

import http_ece
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import Vapid02


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


given = json.loads(sys.argv[1])
if given["do"] == "subscribe":
    key = ec.generate_private_key(ec.SECP256R1())
    point = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    print(json.dumps({"p256dh": encode(point), "auth": encode(os.urandom(16)), "private": pem.decode()}))
else:
    private = serialization.load_pem_private_key(given["private"].encode(), None)
    content = http_ece.decrypt(
        decode(given["body"]), private_key=private, auth_secret=decode(given["auth"]), version="aes128gcm"
    )
    token = given["authorization"].split("t=")[1].split(",")[0]
    print(json.dumps({
        "content": json.loads(content),
        "bytes": len(content),
        "is_signed": Vapid02.verify(given["authorization"]),
        "claims": json.loads(decode(token.split(".")[1])),
    }))
