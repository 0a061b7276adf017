"""Real receivers of messages: a webhook and a mail server on loopback."""

from __future__ import annotations

import email
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from email.message import EmailMessage, Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support import free_port


class Hook:
    """Stores its messages; answers with `answers` in turn, then with 200."""

    def __init__(self) -> None:
        outer = self
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.said = b"<said>"
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.came = threading.Event()
        self.free = threading.Event()
        self.free.set()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.bodies.append(json.loads(body))
                outer.headers.append({name.lower(): value for name, value in self.headers.items()})
                outer.came.set()
                outer.free.wait(20)
                status, headers = outer.answers.pop(0) if outer.answers else (200, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(outer.said)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.free.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    """A webhook's receiver."""
    server = Hook()
    yield server
    server.close()


class Mailbox:
    """A mail server's messages and answers: `refuse` maps RCPT and DATA to an answer."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.to: list[list[str]] = []
        self.encrypted: list[bool] = []
        self.users: list[str] = []
        self.refuse: dict[str, str] = {}
        self.port = 0

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, _: Any) -> str:
        if "RCPT" in self.refuse:
            return self.refuse["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if "DATA" in self.refuse:
            return self.refuse["DATA"]
        assert isinstance(envelope.content, bytes)
        mail: Message = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.to.append(list(envelope.rcpt_tos))
        self.encrypted.append(session.ssl is not None)
        return "250 taken"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.users.append(data.login.decode())
        return AuthResult(success=data.password == b"right", handled=False)


@pytest.fixture
def make_mailbox() -> Iterator[Callable[..., Mailbox]]:
    """Start mail servers: make_mailbox(tls=context, auth=True, broken_tls=True)."""
    started: list[Controller] = []

    def make(tls: ssl.SSLContext | None = None, auth: bool = False, broken_tls: bool = False) -> Mailbox:
        box = Mailbox()
        box.port = free_port()
        options: dict[str, Any] = {"tls_context": tls}
        if auth:
            options |= {"authenticator": box.authenticate, "auth_require_tls": False}

        class Broken(SMTP):
            async def smtp_STARTTLS(self, arg: str) -> None:
                await self.push("454 TLS not available due to temporary reason")

        class Server(Controller):
            def factory(self) -> SMTP:
                return (Broken if broken_tls else SMTP)(self.handler, **self.SMTP_kwargs)

        controller = Server(box, hostname="127.0.0.1", port=box.port, **options)
        controller.start()
        started.append(controller)
        return box

    yield make
    for controller in started:
        controller.stop(no_assert=True)


@pytest.fixture
def mailbox(make_mailbox: Callable[..., Mailbox]) -> Mailbox:
    """A mail server that takes everything, without TLS."""
    return make_mailbox()
