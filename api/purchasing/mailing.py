"""An order goes to its supplier by mail, where a server for it is set."""

import asyncio
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate

from api.database import DatabaseConnection, DatabasePool
from api.deps import Actor, Sites
from api.log import EventLog
from api.problems import PreconditionFailed
from api.purchasing import documents
from api.purchasing.approving import fetch, queries
from api.purchasing.errors import MailNotSet, NoSuchSupplier
from api.purchasing.order_schemas import SupplierMail, SupplierMailChange, WholePurchaseOrder
from api.purchasing.orders import Versions, read_order
from api.settings import Settings

log = EventLog(__name__)


@dataclass(frozen=True, slots=True)
class Mailing:
    """Mails orders through the server of the settings."""

    settings: Settings
    pool: DatabasePool

    @property
    def is_set(self) -> bool:
        return self.settings.smtp_host is not None and self.settings.smtp_from is not None

    async def mail(self, number: str, *, sites: Sites) -> WholePurchaseOrder:
        """Mail an order and keep that it was, or why it was not; raises where no server is set."""
        if not self.is_set:
            raise MailNotSet()
        async with self.pool.acquire() as connection:
            order = await read_order(connection, number, sites=sites)
            kept = await read_supplier_mail(connection, order.supplier)
        problem = await self._sent(order, kept.email)
        async with self.pool.acquire() as connection:
            await fetch(connection, queries.set_mailed, number=number, problem=problem)
            return await read_order(connection, number, sites=sites)

    async def _sent(self, order: WholePurchaseOrder, email: str | None) -> str | None:
        """None, or why not."""
        if email is None:
            return f"no address is kept for {order.supplier_name}"
        try:
            await asyncio.to_thread(self._hand_over, order, email)
        except (OSError, smtplib.SMTPException) as error:
            log.warning("order_not_mailed", number=order.number, error=type(error).__name__)
            return f"the mail server did not take it ({type(error).__name__})"
        return None

    def _hand_over(self, order: WholePurchaseOrder, email: str) -> None:
        chosen = self.settings
        message = message_of(order, sender=str(chosen.smtp_from), to=email)
        context = ssl.create_default_context()
        host, port, timeout = str(chosen.smtp_host), chosen.smtp_port, chosen.smtp_timeout_s
        server: smtplib.SMTP = (
            smtplib.SMTP_SSL(host, port, timeout=timeout, context=context)
            if chosen.smtp_security == "tls"
            else smtplib.SMTP(host, port, timeout=timeout)
        )
        with server:
            if chosen.smtp_security == "starttls":
                server.starttls(context=context)
            if chosen.smtp_username is not None and chosen.smtp_password is not None:
                server.login(chosen.smtp_username, chosen.smtp_password.get_secret_value())
            server.send_message(message)


def message_of(order: WholePurchaseOrder, *, sender: str, to: str) -> EmailMessage:
    """The order as PDF and CSV, with a few words."""
    message = EmailMessage()
    message["Subject"] = f"Purchase order {order.number}"
    message["From"] = sender
    message["To"] = to
    message["Date"] = formatdate(localtime=False)
    message.set_content(
        f"Purchase order {order.number} for {order.site_name}:"
        f" {order.lines} lines, expected on {order.expected_on.isoformat()}.\n"
        "It is attached to be read and to be processed.\n"
    )
    message.add_attachment(
        documents.as_pdf(order),
        maintype="application",
        subtype="pdf",
        filename=f"{order.number}.pdf",
    )
    message.add_attachment(
        documents.as_csv(order).encode(),
        maintype="text",
        subtype="csv",
        filename=f"{order.number}.csv",
    )
    return message


async def read_supplier_mail(connection: DatabaseConnection, supplier: str) -> SupplierMail:
    """Where a supplier's orders go; version 0 where nobody said yet."""
    rows = await fetch(connection, queries.read_supplier_mail, supplier=supplier)
    if not rows:
        raise NoSuchSupplier(supplier)
    return SupplierMail(**{name: rows[0][name] for name in SupplierMail.model_fields})


async def set_supplier_mail(
    connection: DatabaseConnection,
    supplier: str,
    change: SupplierMailChange,
    *,
    versions: Versions,
    actor: Actor,
) -> SupplierMail:
    """Say where a supplier's orders go."""
    [row] = await fetch(connection, queries.read_supplier_mail, supplier=supplier) or [None]
    if row is None:
        raise NoSuchSupplier(supplier)
    changed = versions is None or row["version"] in versions
    if changed:
        changed = bool(
            await fetch(
                connection,
                queries.set_supplier_mail,
                supplier_id=row["supplier_id"],
                email=change.email,
                actor_id=actor.actor_id,
                version=row["version"],
            )
        )
    if not changed:
        raise PreconditionFailed(f"The address of {supplier} changed since it was read.")
    return await read_supplier_mail(connection, supplier)
