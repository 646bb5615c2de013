"""Full-text search over titles and turns, by SQLite's FTS5.

The index holds no second copy of the text. Triggers keep it true; an answer enters it when it has
ended. Words match by their beginning, without regard to case and accents; what FTS5 has no words
for (emoji, scripts without spaces) is looked for as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from sqlalchemy import ColumnElement, Connection, Select, literal_column, select, text, union
from sqlalchemy.orm import InstrumentedAttribute, Session

from aidoctor.store.tables import ConversationRow, TurnRow, storable

LONGEST_QUERY: Final = 400
MOST_TERMS: Final = 12

# Thai, Lao, Tibetan, Burmese, Khmer, kana, CJK: written without spaces.
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]"
)

_INDEXES: Final = (("turns", "text", "{}.status <> 'streaming'"), ("conversations", "title", "1"))


def create(connection: Connection) -> None:
    """Make the index and the triggers, and fill it with what is there."""
    for table, column, ended in _INDEXES:
        for statement in _definition(table, column, ended):
            connection.execute(text(statement))


def _definition(table: str, column: str, ended: str) -> Sequence[str]:
    index = f"{table}_search"
    add = (
        f"INSERT INTO {index}(rowid, {column}) "
        f"SELECT new.seq, new.{column} WHERE {ended.format('new')};"
    )
    remove = (
        f"INSERT INTO {index}({index}, rowid, {column}) "
        f"SELECT 'delete', old.seq, old.{column} WHERE {ended.format('old')};"
    )
    those = f"SELECT seq, {column} FROM {table} WHERE {ended.format(table)}"  # noqa: S608
    return (
        f"CREATE VIRTUAL TABLE {index} USING fts5({column}, content='{table}', "
        "content_rowid='seq', prefix='1 2 3', tokenize='unicode61 remove_diacritics 2')",
        f"CREATE TRIGGER {index}_insert AFTER INSERT ON {table} BEGIN {add} END",
        f"CREATE TRIGGER {index}_delete AFTER DELETE ON {table} BEGIN {remove} END",
        f"CREATE TRIGGER {index}_update AFTER UPDATE OF {column}{_status(table)} ON {table} "
        f"BEGIN {remove} {add} END",
        f"INSERT INTO {index}(rowid, {column}) {those}",
    )


def _status(table: str) -> str:
    return ", status" if table == "turns" else ""


def terms(query: str) -> list[str]:
    """The words of a query; of a very long one the first."""
    return storable(query[:LONGEST_QUERY]).split()[:MOST_TERMS]


def holds(term: str) -> ColumnElement[bool]:
    """The condition that a conversation has this term in its title or in one of its turns."""
    indexed = any(c.isalnum() for c in term) and not _UNSPACED.search(term)
    found = _indexed(term) if indexed else _literal(term)
    return ConversationRow.id.in_(union(*found))


def _indexed(term: str) -> tuple[Select[str], Select[str]]:
    phrase = '"' + term.replace('"', '""') + '"*'
    return (
        select(TurnRow.conversation_id).where(_match(TurnRow.seq, "turns_search", phrase)),
        select(ConversationRow.id).where(
            _match(ConversationRow.seq, "conversations_search", phrase)
        ),
    )


def _match(seq: InstrumentedAttribute[int], index: str, phrase: str) -> ColumnElement[bool]:
    hits = text(f"SELECT rowid FROM {index} WHERE {index} MATCH :phrase")  # noqa: S608
    return seq.in_(hits.bindparams(phrase=phrase).columns(literal_column("rowid")))


def _literal(term: str) -> tuple[Select[str], Select[str]]:
    return (
        select(TurnRow.conversation_id).where(TurnRow.text.contains(term, autoescape=True)),
        select(ConversationRow.id).where(ConversationRow.title.contains(term, autoescape=True)),
    )


def forget(session: Session) -> None:
    """Merge the index into one, which drops the words of what was deleted."""
    for table, _, _ in _INDEXES:
        session.execute(text(f"INSERT INTO {table}_search({table}_search) VALUES ('optimize')"))  # noqa: S608
