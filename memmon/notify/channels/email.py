"""Channel: e-mail over SMTP, with STARTTLS where it is demanded or offered."""

from __future__ import annotations

import hashlib
import html
import ipaddress
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from memmon.config.receivers import EmailConfig, Global
from memmon.errors import Permanent, Transient
from memmon.notify.channels import http
from memmon.notify.channels.base import Message
from memmon.notify.formatting import one_line
from memmon.settings import Settings

TIMEOUT = 15.0  # Of each step.
TLS_PORT = 465
LONGEST = 4 * TIMEOUT


def send(config: EmailConfig, message: Message, settings: Settings, defaults: Global) -> str:
    """Hand the message to the SMTP server; a 5xx answer is final, all else is worth another try."""
    host, port = _server(config, settings, defaults)
    sender = config.sender or defaults.smtp_from or settings.email_from
    mail = compose(message, message.fill(sender), message.fill(config.to), config)
    hello = config.hello or defaults.smtp_hello
    tls_config = config.tls_config or defaults.smtp_tls_config
    forced = config.force_implicit_tls if config.force_implicit_tls is not None else defaults.smtp_force_implicit_tls
    try:
        with _connected(host, port, http.tls(tls_config) if tls_config else None, hello, forced) as server:
            server.ehlo()
            _secure(server, host, config, settings, defaults)
            refused = server.send_message(mail)
    except smtplib.SMTPResponseException as error:
        reply = f"{error.smtp_code} {error.smtp_error!r}"
        raise (Permanent if error.smtp_code >= 500 else Transient)(reply) from error
    except smtplib.SMTPNotSupportedError as error:
        raise Permanent(f"{host}:{port}: {error}") from error
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise (Permanent if all(code >= 500 for code in codes) else Transient)(str(error.recipients)) from error
    except (smtplib.SMTPException, OSError) as error:
        raise Transient(f"{host}:{port}: {error}") from error
    return f"accepted by {host}:{port}" + (f"; refused: {sorted(refused)}" if refused else "")


def compose(message: Message, sender: str, to: str, config: EmailConfig | None = None) -> EmailMessage:
    """Return the mail as text and as HTML in which everything is escaped, or as the configuration's
    templates have them.
    """
    mail = EmailMessage()
    email_config = config or EmailConfig(to=to)
    headers = {name.title(): one_line(message.fill(text)) for name, text in email_config.headers.items()}
    mail["Subject"] = headers.pop("Subject", "") or message.subject
    mail["From"] = sender
    mail["To"] = to
    mail["Date"] = formatdate(localtime=False)
    mail["Message-ID"] = _id(message)
    mail["Auto-Submitted"] = "auto-generated"
    for name, text in headers.items():
        del mail[name]
        mail[name] = text
    mail.set_content(message.fill(email_config.text, message.text) if email_config.text else message.text)
    html_text = message.fill(email_config.html, "") if email_config.html else ""
    mail.add_alternative(html_text or f"<pre>{html.escape(message.text)}</pre>", subtype="html")
    return mail


def _id(message: Message) -> str:
    """Return the same Message-ID at each attempt, so that a mailbox can drop duplicates."""
    message_id = message.payload.get("id")
    return (
        f"<{hashlib.sha256(message_id.encode()).hexdigest()[:32]}@memmon>"
        if message_id
        else make_msgid(domain="memmon")
    )


def _connected(
    host: str, port: int, tls: ssl.SSLContext | None, hello: str | None, forced: bool | None
) -> smtplib.SMTP:
    if port == TLS_PORT if forced is None else forced:
        context = tls or ssl.create_default_context()
        return smtplib.SMTP_SSL(host, port, local_hostname=hello, timeout=TIMEOUT, context=context)
    return smtplib.SMTP(host, port, local_hostname=hello, timeout=TIMEOUT)


def _server(config: EmailConfig, settings: Settings, defaults: Global) -> tuple[str, int]:
    smarthost = config.smarthost or defaults.smtp_smarthost
    if not smarthost:
        return settings.smtp_server, settings.smtp_port
    host, _, port = smarthost.rpartition(":")
    return host, int(port)


def _secure(server: smtplib.SMTP, host: str, config: EmailConfig, settings: Settings, defaults: Global) -> None:
    """Go over to TLS, and log in. A smarthost of the routes must offer TLS unless they say
    otherwise, and so must a server of the environment's that gets a password over the network.
    """
    user = config.auth_username or defaults.smtp_auth_username or settings.smtp_username
    has_smarthost = bool(config.smarthost or defaults.smtp_smarthost)
    usual = defaults.smtp_require_tls if has_smarthost else bool(user) and not _is_here(host)
    demanded = config.require_tls if config.require_tls is not None else usual
    if not isinstance(server, smtplib.SMTP_SSL):
        if server.has_extn("starttls"):
            tls_config = config.tls_config or defaults.smtp_tls_config
            context = (
                http.tls(tls_config) if tls_config else ssl.create_default_context() if demanded else _opportunistic()
            )
            server.starttls(context=context)
            server.ehlo()
        elif demanded:
            raise Permanent("the server offers no STARTTLS, which is demanded")
    if user:
        server.login(user, _password(config, settings, defaults))


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _opportunistic() -> ssl.SSLContext:
    """Encrypt without asking who it is: better than nothing where nothing was demanded."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _password(config: EmailConfig, settings: Settings, defaults: Global) -> str:
    password = config.auth_password or defaults.smtp_auth_password
    path = config.auth_password_file or defaults.smtp_auth_password_file
    if password:
        return password
    if path:
        try:
            return path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Permanent(f"{path} cannot be read: {error}") from error
    return settings.smtp_password.get_secret_value() if settings.smtp_password else ""
