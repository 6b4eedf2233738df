"""Mail over a real SMTP server, and into files."""

import email
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller
from tests.processes import free_port

from jazzaam.integrations.email import MailNotSent
from jazzaam.integrations.email.folder import FolderMailer
from jazzaam.integrations.email.smtp import SmtpMailer


class Inbox:
    """Keeps what arrives; refuses one recipient, and one for now."""

    def __init__(self):
        self.mails = []

    async def handle_RCPT(self, _server, _session, envelope, address, _options):
        if address.startswith("nobody"):
            return "550 no such mailbox"
        if address.startswith("later"):
            return "451 try again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope):
        self.mails.append(email.message_from_bytes(envelope.content))
        return "250 OK"


@pytest.fixture
def inbox():
    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    inbox.url = f"smtp://127.0.0.1:{controller.port}"
    yield inbox
    controller.stop()


def mail(to):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "us@example.com", to, "Grüße"
    message.set_content("Hello")
    return message


async def test_a_mail_arrives(inbox):
    await SmtpMailer(inbox.url).send(mail("ada@example.com"))

    assert [one["To"] for one in inbox.mails] == ["ada@example.com"]


async def test_a_folder_and_what_it_stands_in_are_for_their_owner_alone(tmp_path):
    folder = tmp_path / "data" / "outbox"

    await FolderMailer(folder).send(mail("ada@example.com"))

    assert {path.stat().st_mode & 0o777 for path in (folder.parent, folder)} == {0o700}


async def test_a_server_is_tried_without_a_mail(inbox):
    assert await SmtpMailer(inbox.url).check() == "127.0.0.1 takes us"
    assert inbox.mails == []
    with pytest.raises(MailNotSent):
        await SmtpMailer(f"smtp://127.0.0.1:{free_port()}").check()


@pytest.mark.parametrize("to", ["nobody@example.com", "later@example.com"])
async def test_a_refusal_is_an_error_that_names_no_address(inbox, to):
    with pytest.raises(MailNotSent) as refused:
        await SmtpMailer(inbox.url).send(mail(to))

    assert "@" not in str(refused.value)
    assert inbox.mails == []


async def test_a_server_that_is_away_is_an_error():
    with pytest.raises(MailNotSent):
        await SmtpMailer(f"smtp://127.0.0.1:{free_port()}").send(mail("ada@example.com"))


@pytest.mark.parametrize("url", ["http://x", "smtp://", "mail.example.com:25"])
def test_what_is_no_smtp_address_is_refused(url):
    with pytest.raises(ValueError, match="smtp"):
        SmtpMailer(url)


async def test_a_mail_in_a_file_is_for_its_owner_alone(tmp_path):
    await FolderMailer(tmp_path / "outbox").send(mail("ada@example.com"))

    (path,) = (tmp_path / "outbox").iterdir()
    assert path.suffix == ".eml"
    assert path.stat().st_mode & 0o777 == 0o600
    assert email.message_from_bytes(path.read_bytes())["To"] == "ada@example.com"
