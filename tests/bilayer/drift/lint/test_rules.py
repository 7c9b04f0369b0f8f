"""Each rule finds what it is for, and lets the safe way pass."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from bilayer.drift.findings import Finding
from tests.bilayer.drift.lint.conftest import Lint, lint_project_of

CONCURRENTLY = "postgresql_concurrently=True"

UNSAFE = {
    "truncated with others": ('op.execute("TRUNCATE TABLE users CASCADE")', "BL621"),
    "truncated, quoted": (
        """op.execute('TRUNCATE ONLY "users" RESTART IDENTITY CASCADE')""",
        "BL621",
    ),
    "word without a place": (
        """op.execute("ALTER TYPE mood ADD VALUE IF NOT EXISTS 'after'")""",
        "BL622",
    ),
    "word renamed": ("""op.execute("ALTER TYPE mood RENAME VALUE 'a' TO 'b'")""", "BL623"),
    "index": ('op.create_index("ix", "users", ["age"])', "BL601"),
    "index in SQL": ('op.execute("CREATE UNIQUE INDEX ix ON users (age)")', "BL601"),
    "index dropped": ('op.drop_index("ix_users_name", "users")', "BL602"),
    "concurrently in a transaction": (
        f'op.create_index("ix", "users", ["age"], {CONCURRENTLY})',
        "BL603",
    ),
    "foreign key": ('op.create_foreign_key("fk", "users", "users", ["age"], ["id"])', "BL604"),
    "column with a foreign key": (
        'op.add_column("users", sa.Column("boss", sa.Integer(), sa.ForeignKey("users.id")))',
        "BL604",
    ),
    "check": ('op.create_check_constraint("ck", "users", "age > 0")', "BL605"),
    "check in SQL": (
        'op.execute("ALTER TABLE users ADD CONSTRAINT ck CHECK (age IN (1, 2)), DROP COLUMN name")',
        "BL605 BL613",
    ),
    "validated at once": (
        """
        op.create_check_constraint("ck", "users", "age > 0", postgresql_not_valid=True)
        op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck")
        """,
        "BL605",
    ),
    "unique": ('op.create_unique_constraint("uq", "users", ["age"])', "BL606"),
    "exclusion in SQL": (
        'op.execute("ALTER TABLE users ADD EXCLUDE USING gist (age WITH =)")',
        "BL606",
    ),
    "not null": ('op.alter_column("users", "age", nullable=False)', "BL607"),
    "not null in SQL": ('op.execute("ALTER TABLE users ALTER age SET NOT NULL")', "BL607"),
    "required column": (
        'op.add_column("users", sa.Column("plan", sa.String(9), nullable=False))',
        "BL608",
    ),
    "required column in SQL": ('op.execute("ALTER TABLE users ADD plan text NOT NULL")', "BL608"),
    "volatile default": (
        """op.add_column("users", sa.Column("key", sa.Uuid(),
                         server_default=sa.text("gen_random_uuid()")))""",
        "BL609",
    ),
    "computed column": (
        'op.add_column("users", sa.Column("x", sa.Integer(), sa.Computed("age", persisted=True)))',
        "BL609",
    ),
    "identity column": (
        'op.add_column("users", sa.Column("x", sa.Integer(), sa.Identity()))',
        "BL609",
    ),
    "type": (
        'op.alter_column("users", "age", type_=sa.BigInteger(), existing_type=sa.Integer())',
        "BL610",
    ),
    "shorter text": (
        'op.alter_column("users", "name", type_=sa.String(9), existing_type=sa.String(50))',
        "BL610",
    ),
    "type in SQL": ('op.execute("ALTER TABLE users ALTER COLUMN age TYPE bigint")', "BL610"),
    "column renamed": ('op.alter_column("users", "age", new_column_name="years")', "BL611"),
    "table renamed": ('op.rename_table("users", "people")', "BL612"),
    "table renamed in SQL": ('op.execute("ALTER TABLE users RENAME TO people")', "BL612"),
    "column dropped": ('op.drop_column("users", "age")', "BL613"),
    "table dropped": ('op.drop_table("users")', "BL614"),
    "rows beside schema": (
        """
        op.add_column("users", sa.Column("plan", sa.String(9)))
        op.execute("-- all of them\\nUPDATE users SET plan = 'ALTER TABLE users'")
        """,
        "BL615",
    ),
    "quoted names": (
        """op.execute('CREATE INDEX "it\\'s; new" ON "users" (age)')""",
        "BL601",
    ),
    "escaped literal": (
        r"""op.execute(r"ALTER TABLE users ADD plan text DEFAULT E'it\'s; x', DROP COLUMN name")""",
        "BL613",
    ),
    "two tables dropped": ('op.execute("DROP TABLE IF EXISTS users, cards")', "BL614 BL614"),
    "not null by name in SQL": (
        'op.execute("ALTER TABLE users ADD CONSTRAINT filled NOT NULL age")',
        "BL607",
    ),
    "padded text": (
        'op.alter_column("users", "name", type_=sa.CHAR(90), existing_type=sa.CHAR(50))',
        "BL610",
    ),
    "exclusion": (
        'op.create_exclude_constraint("ex", "users", ("age", "="), using="gist")',
        "BL606",
    ),
    "rows of a subquery beside schema": (
        """
        op.add_column("users", sa.Column("plan", sa.String(9)))
        op.execute("WITH a AS (SELECT 1) INSERT INTO users (id) SELECT 1")
        """,
        "BL615",
    ),
    "only with a database": (
        """
        from alembic import context
        if context.is_offline_mode():
            op.drop_column("users", "age")
        """,
        "BL613",
    ),
    "json": (
        """
        from sqlalchemy.dialects.postgresql import JSON
        op.add_column("users", sa.Column("x", JSON()))
        """,
        "BL616",
    ),
}

SAFE = {
    "table emptied by name": """op.execute("TRUNCATE users")""",
    "word with a place": """op.execute("ALTER TYPE mood ADD VALUE 'a' BEFORE 'b'")""",
    "column": 'op.add_column("users", sa.Column("plan", sa.String(9)))',
    "column with a constant": (
        """op.add_column("users", sa.Column("plan", sa.String(9), nullable=False,
                         server_default="free"))"""
    ),
    "index": (
        f"""
        with op.get_context().autocommit_block():
            op.create_index("ix", "users", ["age"], {CONCURRENTLY})
            op.drop_index("ix_users_name", {CONCURRENTLY})
        """
    ),
    "check": 'op.create_check_constraint("ck", "users", "age > 0", postgresql_not_valid=True)',
    "check in SQL": 'op.execute("ALTER TABLE users ADD CHECK (age > 0) NOT VALID")',
    "validation": 'op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck")',
    "foreign key": (
        """op.create_foreign_key("fk", "users", "users", ["age"], ["id"],
                                 postgresql_not_valid=True)"""
    ),
    "unique of an index": (
        'op.execute("ALTER TABLE users ADD CONSTRAINT uq UNIQUE USING INDEX ix")'
    ),
    "longer text": (
        'op.alter_column("users", "name", type_=sa.String(90), existing_type=sa.String(50))'
    ),
    "null again": 'op.alter_column("users", "age", nullable=True)',
    "rows alone": 'op.execute("UPDATE users SET age = 1")',
    "table of its own": (
        """
        op.create_table("cards", sa.Column("id", sa.Integer(), primary_key=True),
                        sa.Column("user_id", sa.Integer(), nullable=False))
        op.create_index("ix", "cards", ["user_id"])
        op.create_foreign_key("fk", "cards", "users", ["user_id"], ["id"])
        op.execute("INSERT INTO cards (id, user_id) SELECT id, id FROM users")
        """
    ),
    "table of its own by the default schema": (
        """
        op.create_table("own", sa.Column("id", sa.Integer()))
        op.execute('CREATE INDEX ix ON "public".own (id)')
        op.create_table("other", sa.Column("id", sa.Integer()), schema="public")
        op.execute("CREATE INDEX iy ON other (id)")
        """
    ),
    "table of its own in a schema": (
        """
        cards = op.create_table("cards", sa.Column("id", sa.Integer(), primary_key=True),
                                schema="app")
        op.create_foreign_key("fk", "cards", "users", ["id"], ["id"], source_schema="app")
        op.bulk_insert(cards, [{"id": 1}])
        op.execute(cards.insert().values(id=2))
        op.add_column("users", sa.Column("card", sa.Integer()))
        """
    ),
    "table of its own in SQL": (
        """
        op.execute("CREATE TEMP TABLE seen (a int); CREATE INDEX ix_seen ON seen (a)")
        op.execute("CREATE UNLOGGED TABLE kept (a int); ALTER TABLE kept ADD PRIMARY KEY (a)")
        """
    ),
    "column with a check": 'op.execute("ALTER TABLE users ADD x text CHECK (x IS NOT NULL)")',
    "words in literals": "op.execute(\"SELECT 'DROP TABLE users; ALTER TABLE users DROP age'\")",
}


ON_MARIADB = {
    "type": (
        'op.alter_column("users", "age", type_=sa.BigInteger(), existing_type=sa.Integer())',
        "BL610",
    ),
    "foreign key": ('op.create_foreign_key("fk", "users", "users", ["age"], ["id"])', "BL604"),
    "check": ('op.create_check_constraint("ck", "users", "age > 0")', "BL605"),
    "not null": (
        'op.alter_column("users", "age", nullable=False, existing_type=sa.Integer())',
        "BL607",
    ),
    "longer text": (
        'op.alter_column("users", "name", type_=sa.String(63), existing_type=sa.String(50))',
        "",
    ),
    "text whose length takes a byte more": (
        'op.alter_column("users", "name", type_=sa.String(64), existing_type=sa.String(50))',
        "BL610",
    ),
    "text without a length": (
        'op.alter_column("users", "name", type_=sa.Text(), existing_type=sa.String(50))',
        "BL610",
    ),
    "indexes in SQL": ('op.execute("ALTER TABLE users DROP KEY a, ADD INDEX b (age)")', ""),
    "keys in SQL": ('op.execute("# the old one\\nALTER TABLE users DROP FOREIGN KEY fk")', ""),
    "key in SQL": ('op.execute("ALTER TABLE users DROP PRIMARY KEY")', ""),
    "table renamed in SQL": ('op.execute("RENAME TABLE users TO people")', "BL612"),
    "double quotes in SQL": (
        """op.execute('UPDATE users SET name = "; ALTER TABLE users DROP age"')""",
        "",
    ),
    "index": ('op.create_index("a", "users", ["age"])', ""),
    "two indexes": (
        """
        op.create_index("a", "users", ["age"])
        op.create_index("b", "users", ["age"])
        """,
        "BL617",
    ),
    "two guarded indexes": (
        """
        op.create_index("a", "users", ["age"], if_not_exists=True)
        op.create_index("b", "users", ["age"])
        """,
        "",
    ),
}

ON_SQLITE = {
    "column": ('op.add_column("users", sa.Column("born", sa.DateTime()))', ""),
    "constant": ('op.add_column("users", sa.Column("plan", sa.Text(), server_default="x"))', ""),
    "batch": (
        """
        with op.batch_alter_table("users") as batch:
            batch.alter_column("age", type_=sa.BigInteger())
        """,
        "BL619",
    ),
    "beside operations": (
        'op.get_bind().execute(sa.text("ALTER TABLE users DROP COLUMN age"))',
        "BL613",
    ),
}

Found = Mapping[str, list[Finding]]


def find_in_each(folder: Path, dialect: str, bodies: Mapping[str, str]) -> Found:
    """Judge all bodies in one project: one child process tells of all of them."""
    names = {name: name.replace(" ", "_") for name in bodies}
    upgrades = {names[name]: body for name, body in bodies.items()}
    report = lint_project_of(folder, upgrades, dialects=[dialect])
    assert report.failures == ()
    return {
        name: [
            finding
            for finding in report.findings
            if (finding.location or "").startswith(f"migrations/versions/{file}.py:")
        ]
        for name, file in names.items()
    }


@pytest.fixture(scope="module")
def unsafe(tmp_path_factory: pytest.TempPathFactory) -> Found:
    bodies = {name: body for name, (body, _) in UNSAFE.items()}
    return find_in_each(tmp_path_factory.mktemp("unsafe"), "postgresql", bodies)


@pytest.fixture(scope="module")
def safe(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return find_in_each(tmp_path_factory.mktemp("safe"), "postgresql", SAFE)


def codes(findings: list[Finding]) -> str:
    return " ".join(sorted(finding.code for finding in findings))


@pytest.mark.parametrize("name", UNSAFE)
def test_unsafe_step_is_found_where_it_stands(unsafe: Found, name: str) -> None:
    assert codes(unsafe[name]) == UNSAFE[name][1]
    assert {finding.pair for finding in unsafe[name]} == {"revisions"}


@pytest.mark.parametrize("name", SAFE)
def test_safe_way_is_not_reported(safe: Found, name: str) -> None:
    assert safe[name] == []


@pytest.mark.parametrize(("dialect", "cases"), [("mysql", ON_MARIADB), ("sqlite", ON_SQLITE)])
def test_other_engines_are_judged_by_what_they_copy_and_cannot_undo(
    tmp_path: Path, dialect: str, cases: dict[str, tuple[str, str]]
) -> None:
    found = find_in_each(tmp_path, dialect, {name: body for name, (body, _) in cases.items()})

    assert {name: codes(each) for name, each in found.items()} == {
        name: expected for name, (_, expected) in cases.items()
    }


def test_expression_as_default_is_refused_before_sqlite_does(lint: Lint) -> None:
    report = lint(
        'op.add_column("users", sa.Column("at", sa.DateTime(), server_default=sa.func.now()))',
        "sqlite",
    )

    assert codes(list(report.findings)) == "BL618"


def test_downgrade_that_does_nothing_is_told(lint: Lint) -> None:
    report = lint('op.execute("SELECT 1")', downgrade="pass")

    assert [(each.code, each.severity) for each in report.findings] == [("BL620", "warning")]
    assert report.findings[0].location == "migrations/versions/second.py:13"
