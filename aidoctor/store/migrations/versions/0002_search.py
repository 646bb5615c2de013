"""Full-text search over titles and turns; SQLite only."""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    "CREATE VIRTUAL TABLE turns_search USING fts5(text, content='turns', content_rowid='seq', "
    "tokenize='unicode61 remove_diacritics 2')",
    "CREATE TRIGGER turns_search_insert AFTER INSERT ON turns BEGIN "
    "INSERT INTO turns_search(rowid, text) SELECT new.seq, new.text "
    "WHERE new.status <> 'streaming'; END",
    "CREATE TRIGGER turns_search_delete AFTER DELETE ON turns BEGIN "
    "INSERT INTO turns_search(turns_search, rowid, text) SELECT 'delete', old.seq, old.text "
    "WHERE old.status <> 'streaming'; END",
    "CREATE TRIGGER turns_search_update AFTER UPDATE OF text, status ON turns BEGIN "
    "INSERT INTO turns_search(turns_search, rowid, text) SELECT 'delete', old.seq, old.text "
    "WHERE old.status <> 'streaming'; "
    "INSERT INTO turns_search(rowid, text) SELECT new.seq, new.text "
    "WHERE new.status <> 'streaming'; END",
    "INSERT INTO turns_search(rowid, text) SELECT seq, text FROM turns "
    "WHERE turns.status <> 'streaming'",
    "CREATE VIRTUAL TABLE conversations_search USING fts5(title, content='conversations', "
    "content_rowid='seq', tokenize='unicode61 remove_diacritics 2')",
    "CREATE TRIGGER conversations_search_insert AFTER INSERT ON conversations BEGIN "
    "INSERT INTO conversations_search(rowid, title) SELECT new.seq, new.title WHERE 1; END",
    "CREATE TRIGGER conversations_search_delete AFTER DELETE ON conversations BEGIN "
    "INSERT INTO conversations_search(conversations_search, rowid, title) "
    "SELECT 'delete', old.seq, old.title WHERE 1; END",
    "CREATE TRIGGER conversations_search_update AFTER UPDATE OF title ON conversations BEGIN "
    "INSERT INTO conversations_search(conversations_search, rowid, title) "
    "SELECT 'delete', old.seq, old.title WHERE 1; "
    "INSERT INTO conversations_search(rowid, title) SELECT new.seq, new.title WHERE 1; END",
    "INSERT INTO conversations_search(rowid, title) SELECT seq, title FROM conversations WHERE 1",
)


def upgrade() -> None:
    """Make the index and its triggers, and fill it with what is there."""
    if op.get_bind().dialect.name == "sqlite":
        for statement in STATEMENTS:
            op.execute(statement)
