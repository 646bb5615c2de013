"""Full-text search over titles and turns, by SQLite's FTS5.

The index holds no second copy of the text. Triggers keep it true; an answer enters it when it has
ended. Words match by their beginning, without regard to case and accents; what FTS5 has no words
for (emoji, scripts without spaces) is looked for as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, Connection, Integer, bindparam, column, exists, text
from sqlalchemy.orm import InstrumentedAttribute, Session

from aidoctor.store.tables import ConversationRow, TurnRow, storable

LONGEST_QUERY: Final = 400
MOST_TERMS: Final = 8

# Thai, Lao, Tibetan, Burmese, Khmer, kana, CJK: written without spaces.
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]"
)

_ROWID: Final = column("rowid", Integer)
_INDEXES: Final = (("turns", "text", "{}.status <> 'streaming'"), ("conversations", "title", "1"))


def create(connection: Connection) -> None:
    """Make the index and the triggers, and fill it with what is there."""
    for table, words, ended in _INDEXES:
        for statement in _definition(table, words, ended):
            connection.execute(text(statement))


def _definition(table: str, words: str, ended: str) -> Sequence[str]:
    index = f"{table}_search"
    add = (
        f"INSERT INTO {index}(rowid, {words}) "
        f"SELECT new.seq, new.{words} WHERE {ended.format('new')};"
    )
    remove = (
        f"INSERT INTO {index}({index}, rowid, {words}) "
        f"SELECT 'delete', old.seq, old.{words} WHERE {ended.format('old')};"
    )
    those = f"SELECT seq, {words} FROM {table} WHERE {ended.format(table)}"  # noqa: S608
    return (
        f"CREATE VIRTUAL TABLE {index} USING fts5({words}, content='{table}', "
        "content_rowid='seq', tokenize='unicode61 remove_diacritics 2')",
        f"CREATE TRIGGER {index}_insert AFTER INSERT ON {table} BEGIN {add} END",
        f"CREATE TRIGGER {index}_delete AFTER DELETE ON {table} BEGIN {remove} END",
        f"CREATE TRIGGER {index}_update AFTER UPDATE OF {words}{_status(table)} ON {table} "
        f"BEGIN {remove} {add} END",
        f"INSERT INTO {index}(rowid, {words}) {those}",
    )


def _status(table: str) -> str:
    return ", status" if table == "turns" else ""


def terms(query: str) -> list[str]:
    """The words of a query; of a very long one the first."""
    return storable(query[:LONGEST_QUERY]).split()[:MOST_TERMS]


def holds(term: str) -> ColumnElement[bool]:
    """The condition that a conversation has this term in its title or in one of its turns."""
    indexed = any(c.isalnum() for c in term) and not _UNSPACED.search(term)
    titled, said = _indexed(term) if indexed else _literal(term)
    # Asked of one conversation after the other, newest first, so that a full page ends the work.
    return titled | exists().where(TurnRow.conversation_id == ConversationRow.id, said)


def _indexed(term: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    phrase = '"' + term.replace('"', '""') + '"*'
    return (
        _match(ConversationRow.seq, "conversations_search", phrase),
        _match(TurnRow.seq, "turns_search", phrase),
    )


def _match(seq: InstrumentedAttribute[int], index: str, phrase: str) -> ColumnElement[bool]:
    hits = text(f"SELECT rowid FROM {index} WHERE {index} MATCH :phrase")  # noqa: S608
    return seq.in_(hits.bindparams(bindparam("phrase", phrase, unique=True)).columns(_ROWID))


def _literal(term: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (
        ConversationRow.title.contains(term, autoescape=True),
        TurnRow.text.contains(term, autoescape=True),
    )


def drop(session: Session) -> None:
    """Remove the index and its triggers."""
    for table, _, _ in _INDEXES:
        for event in ("insert", "delete", "update"):
            session.execute(text(f"DROP TRIGGER {table}_search_{event}"))
        session.execute(text(f"DROP TABLE {table}_search"))


def forget(session: Session) -> None:
    """Merge the index into one, which drops the words of what was deleted."""
    for table, _, _ in _INDEXES:
        session.execute(text(f"INSERT INTO {table}_search({table}_search) VALUES ('optimize')"))  # noqa: S608
