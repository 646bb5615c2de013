"""The schema's version: new databases are made at once, old ones are migrated, newer ones refused.

Alembic is imported only when there is something to migrate. That both ways lead to the same
schema is held by a test.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    inspect,
    select,
)

from aidoctor.errors import StoreCorrupt, StoreTooNew
from aidoctor.store import search
from aidoctor.store.tables import Base

HEAD: Final = "0002"
"""The newest revision, four digits, counted up."""
MIGRATIONS: Final = Path(__file__).with_name("migrations")

_version = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def settle(connection: Connection) -> None:
    """Bring the database to `HEAD` in the running transaction."""
    tables = inspect(connection).get_table_names()
    if not tables:
        _create(connection)
        return
    if _version.name not in tables:
        raise StoreCorrupt("no version")
    version = connection.execute(select(_version.c.version_num)).scalar()
    if version is None or not version.isdecimal():
        raise StoreCorrupt("unknown version")
    if version > HEAD:
        raise StoreTooNew(f"{version} > {HEAD}")
    if version < HEAD:
        _migrate(connection)


def _create(connection: Connection) -> None:
    Base.metadata.create_all(connection)
    search.create(connection)
    _version.create(connection)
    connection.execute(insert(_version).values(version_num=HEAD))


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise StoreCorrupt("unknown version") from None
