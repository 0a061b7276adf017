from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memmon.config.receivers import EmailConfig, Global
from memmon.errors import MemmonError, Permanent, Transient
from memmon.notify.channels import email
from memmon.notify.channels.base import Message
from memmon.settings import Settings, load
from tests.memmon.notify.conftest import Mailbox
from tests.support import free_port

PLAIN = Message("[FIRING:1] hot", "it is <b>hot</b>", {"id": "k1"})
Maker = Callable[..., Mailbox]


def settings(port: int, **extra: str) -> Settings:
    arguments = {"MEMMON_HOME": "/x", "MEMMIMIC_SMTP_SERVER": "127.0.0.1", "MEMMIMIC_SMTP_PORT": str(port)}
    return load(arguments | extra)


def send(
    box: Mailbox, message: Message = PLAIN, to: str = "ops@example.org", environ: Any = None, **config: Any
) -> str:
    """Send to the environment's server, which is the mailbox."""
    model = EmailConfig.model_validate({"to": to, **config})
    return email.send(model, message, settings(box.port, **(environ or {})), Global())


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate that signs itself, and a server's context with it."""
    if not shutil.which("openssl"):
        pytest.skip("openssl, which makes the certificate, is not installed")
    folder = tmp_path_factory.mktemp("tls")
    key, pem = folder / "key.pem", folder / "cert.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    created = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    subprocess.run([*created, "-keyout", str(key), "-out", str(pem), *subject], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    return pem, context


def test_a_mail_arrives_as_text_and_as_html_with_everything_escaped(mailbox: Mailbox) -> None:
    assert send(mailbox, to="ops@example.org, night@example.org").startswith("accepted by 127.0.0.1")
    [received] = mailbox.mails
    assert received["Subject"] == "[FIRING:1] hot"
    assert received["From"] == "memmon@localhost"
    assert mailbox.to == [["ops@example.org", "night@example.org"]]
    text, html = received.get_body(("plain",)), received.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().strip() == "it is <b>hot</b>"
    assert html.get_content().strip() == "<pre>it is &lt;b&gt;hot&lt;/b&gt;</pre>"
    assert received["Auto-Submitted"] == "auto-generated"


def test_a_mail_that_is_sent_twice_says_that_it_is_the_same(mailbox: Mailbox) -> None:
    for _ in range(2):
        send(mailbox)
    send(mailbox, Message("s", "t", {"id": "k2"}))
    ids = [str(received["Message-ID"]) for received in mailbox.mails]
    assert ids[0] == ids[1] != ids[2]


def test_the_routes_say_more_than_the_environment(mailbox: Mailbox) -> None:
    model = EmailConfig.model_validate({"to": "ops@example.org", "from": "alerts@example.org", "require_tls": False})
    defaults = Global(smtp_smarthost=f"127.0.0.1:{mailbox.port}", smtp_from="unused@example.org")
    email.send(model, PLAIN, settings(free_port()), defaults)
    assert mailbox.mails[0]["From"] == "alerts@example.org"


def test_non_ascii_text_arrives_whole(mailbox: Mailbox) -> None:
    send(mailbox, Message("Größe 📈", "zu groß 📈", {}))
    assert mailbox.mails[0]["Subject"] == "Größe 📈"


@pytest.mark.parametrize("evil", ["a\nBcc: evil@example.org", "a\r\n\r\nbody"])
def test_a_subject_with_a_line_break_is_never_sent(mailbox: Mailbox, evil: str) -> None:
    with pytest.raises(ValueError, match="linefeed"):
        send(mailbox, Message(evil, "t", {}))
    assert mailbox.mails == []


@pytest.mark.parametrize(
    ("step", "answer", "failure"),
    [
        ("RCPT", "550 no such user", Permanent),
        ("RCPT", "450 try later", Transient),
        ("DATA", "554 spam", Permanent),
        ("DATA", "451 try later", Transient),
        ("DATA", "421 going down", Transient),
    ],
)
def test_a_5xx_answer_is_final_and_a_4xx_one_is_not(
    mailbox: Mailbox, step: str, answer: str, failure: type[MemmonError]
) -> None:
    mailbox.refuse[step] = answer
    with pytest.raises(failure, match=answer[:3]):
        send(mailbox)


def test_a_server_that_is_away_is_worth_another_try() -> None:
    port = free_port()
    with pytest.raises(Transient, match=f"127.0.0.1:{port}"):
        email.send(EmailConfig(to="ops@example.org"), PLAIN, settings(port), Global())


def test_a_server_that_offers_no_tls_gets_nothing_where_it_is_demanded(mailbox: Mailbox) -> None:
    with pytest.raises(Permanent, match="offers no STARTTLS"):
        send(mailbox, require_tls=True)
    defaults = Global(smtp_smarthost=f"127.0.0.1:{mailbox.port}")
    with pytest.raises(Permanent, match="offers no STARTTLS"):
        email.send(EmailConfig(to="ops@example.org"), PLAIN, settings(mailbox.port), defaults)
    assert mailbox.mails == []


def test_tls_is_used_where_it_is_offered(make_mailbox: Maker, certificate: tuple[Path, ssl.SSLContext]) -> None:
    box = make_mailbox(tls=certificate[1])
    send(box)
    assert box.encrypted == [True]


def test_a_certificate_that_nobody_vouches_for_is_refused_where_tls_is_demanded(
    make_mailbox: Maker, certificate: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    box = make_mailbox(tls=certificate[1])
    with pytest.raises(Transient, match="certificate verify failed"):
        send(box, require_tls=True)
    assert box.mails == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    send(box, require_tls=True)
    assert box.encrypted == [True]


def test_a_server_that_refuses_starttls_for_now_is_tried_again(
    make_mailbox: Maker, certificate: tuple[Path, ssl.SSLContext]
) -> None:
    box = make_mailbox(tls=certificate[1], broken_tls=True)
    with pytest.raises(Transient, match="454"):
        send(box, require_tls=True)


LOGIN = {"MEMMIMIC_SMTP_USERNAME": "memmon", "MEMMIMIC_SMTP_PASSWORD": "right"}


def test_a_login_that_is_right_is_accepted(make_mailbox: Maker) -> None:
    box = make_mailbox(auth=True)
    send(box, environ=LOGIN)
    assert (box.users, len(box.mails)) == (["memmon"], 1)


def test_a_login_that_is_wrong_is_final(make_mailbox: Maker, tmp_path: Path) -> None:
    box = make_mailbox(auth=True)
    (tmp_path / "password").write_text("wrong\n")
    with pytest.raises(Permanent, match="535"):
        send(box, environ=LOGIN, auth_password_file=str(tmp_path / "password"))
    with pytest.raises(Permanent, match="cannot be read"):
        send(box, environ=LOGIN, auth_password_file=str(tmp_path / "none"))
    assert box.mails == []


def test_a_login_where_there_is_none_is_final(mailbox: Mailbox) -> None:
    with pytest.raises(Permanent, match="AUTH extension not supported"):
        send(mailbox, environ=LOGIN)


def test_no_password_goes_over_the_network_in_the_clear(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(email, "_is_here", lambda host: False)  # As seen from another machine.
    with pytest.raises(Permanent, match="offers no STARTTLS"):
        send(mailbox, environ=LOGIN)
    assert mailbox.mails == []


@pytest.mark.parametrize(
    ("host", "here"),
    [("localhost", True), ("127.0.0.1", True), ("[::1]", True), ("smtp.example.org", False), ("192.0.2.1", False)],
)
def test_this_machine_is_known_by_its_addresses(host: str, here: bool) -> None:
    assert email._is_here(host) == here
