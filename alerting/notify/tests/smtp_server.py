"""A mail server for the tests. What it does with a mail depends on the name of its recipient. It says its port and each
mail that it took, as lines of JSON, and ends with its standard input."""

import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

from picture import png

options = json.loads(sys.argv[1])
connections = 0
greylisted = set()


def tell(what):
    print(json.dumps(what), flush=True)


def close(transport):
    transport.abort()
    tell("closed")


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        name = address.split("@")[0]
        if name == "busy":
            return "450 4.2.1 mailbox busy"
        if name == "nobody":
            return "550 5.1.1 no such user"
        if name == "grey" and address not in greylisted:
            greylisted.add(address)
            return "451 4.7.1 greylisted, try again"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        name = envelope.rcpt_tos[0].split("@")[0]
        if name == "full":
            return "552 5.2.2 mailbox full"
        parsed = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        parts, pictures = [], {}
        for part in parsed.walk():
            if not part.is_multipart():
                content = part.get_content()
                text = content if isinstance(content, str) else content[:4].decode("latin-1")
                if part.get_content_type() == "image/png":
                    pictures[part["Content-ID"]] = png(content)
                parts.append([part.get_content_type(), part["Content-ID"] or "", text.replace("\r\n", "\n")])
        tell({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": {name: str(value) for name, value in parsed.items()},
            "structure": [part.get_content_type() for part in parsed.walk()],
            "parts": parts,
            "pictures": pictures,
            "longest": max(len(line) for line in envelope.original_content.split(b"\r\n")),
            "is_tls": server.transport.get_extra_info("sslcontext") is not None,
            "login": session.auth_data,
            "connections": connections,
        })
        if name == "drop":
            server.transport.abort()
            return "250 nobody hears this"
        if name == "slow":
            await asyncio.sleep(3600)
        if name == "once":
            asyncio.get_running_loop().call_later(0.01, close, server.transport)
        return "250 2.0.0 queued as 4711"


def authenticate(server, session, envelope, mechanism, data):
    if (data.login, data.password) == (b"orszem", b"s3cr\xc5\x91t"):
        return AuthResult(success=True, auth_data=mechanism)
    return AuthResult(success=False, handled=False)


def protocol():
    global connections
    connections += 1
    return SMTP(
        Handler(),
        hostname="test",
        enable_SMTPUTF8=True,
        tls_context=context if options["tls"] == "starttls" else None,
        require_starttls=options["tls"] == "starttls",
        auth_required=options["auth"],
        auth_require_tls=False,
        authenticator=authenticate,
        auth_exclude_mechanism=[options.get("without", "")],
    )


context = None
if options["tls"] != "none":
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(options["certificate"], options["key"])


async def main():
    loop = asyncio.get_running_loop()
    wrap = context if options["tls"] == "tls" else None
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=wrap)
    tell(server.sockets[0].getsockname()[1])
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
