"""Models that cannot be built, and foreign keys that lead nowhere: found, and the rest compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydal
import sqlalchemy as sa

import bilayer
from tests.bilayer.drift.project import CREATE, write_project


def make_models() -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True))
    sa.Table(
        "lost",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("owner_id", sa.ForeignKey("nobody.id")),
        sa.Column("size", sa.Integer),
    )
    sa.Table("odd", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("x"))
    return metadata


def define(db: Any) -> None:
    db.define_table("t")
    db.define_table("lost", pydal.Field("owner_id", "integer"), pydal.Field("size", "date"))
    db.define_table("odd", pydal.Field("x"))


def test_what_cannot_be_built_is_found_and_the_rest_is_compared(
    dialect: str, scratch_url: str | None, tmp_path: Path
) -> None:
    config = write_project(tmp_path, first=CREATE)

    report = bilayer.check(
        metadata=make_models(),
        dal=define,
        migrations=config,
        dialect=dialect,
        scratch_url=scratch_url,
        root=Path(__file__).parent,
    )

    found = {(f.code, f.place): f for f in report.findings if f.pair == "setup"}
    assert {("BL115", "lost"), ("BL115", "odd"), ("BL120", "lost.owner_id")} <= found.keys()
    assert "nobody, which is in no metadata" in found["BL120", "lost.owner_id"].message
    for code, place in (("BL115", "odd"), ("BL120", "lost.owner_id")):
        path, _, line = (found[code, place].location or "").rpartition(":")
        assert path == Path(__file__).name
        assert place.rpartition(".")[2] in Path(__file__).read_text().splitlines()[int(line) - 1]
    # Types are compared without building; what migrations lack is not told of what is not built.
    assert {f.place for f in report.findings if f.code == "BL204"} == {"lost.size"}
    assert not [f for f in report.findings if f.pair == "models-migrations"]
    assert report.exit_code == 2


def test_what_sqlalchemy_cannot_write_down_is_found_without_a_server() -> None:
    report = bilayer.check(metadata=make_models(), dal=define, dialect="mysql")

    found = {(f.code, f.place) for f in report.findings if f.pair == "setup"}
    assert found == {("BL115", "lost"), ("BL115", "odd"), ("BL120", "lost.owner_id")}


def test_a_foreign_key_into_another_metadata_is_found() -> None:
    one, two = sa.MetaData(), sa.MetaData()
    sa.Table("a", one, sa.Column("id", sa.Integer, primary_key=True))
    sa.Table("b", two, sa.Column("id", sa.ForeignKey("a.id"), primary_key=True))

    report = bilayer.check(
        metadata=[one, two], dal=lambda db: (db.define_table("a"), db.define_table("b"))
    )

    lost = next(f for f in report.findings if f.code == "BL120")
    assert (lost.place, lost.severity) == ("b.id", "error")
    assert "is in another MetaData" in lost.message


def test_a_foreign_key_is_looked_for_in_the_schema_of_its_metadata(
    engine: str, dialect: str, scratch_url: str | None
) -> None:
    metadata = sa.MetaData(schema="app")
    sa.Table("a", metadata, make_key())
    sa.Table("b", metadata, make_key(), sa.Column("a_id", sa.ForeignKey("a.id")))
    sa.Table("c", metadata, make_key(), sa.Column("id_of_a", sa.ForeignKey("app.a.id")))

    # MariaDB's schemas are databases of their own, and SQLite's are other files.
    url = scratch_url if engine == "postgresql" else None
    report = bilayer.check(metadata=metadata, dal=define_app, dialect=dialect, scratch_url=url)
    sa.Table("d", metadata, make_key(), sa.Column("a_id", sa.ForeignKey("nobody.id")))
    lost = bilayer.check(metadata=metadata, dal=define_app, dialect=dialect)

    assert (report.findings, report.failures) == ((), ())
    (finding,) = (f for f in lost.findings if f.code == "BL120")
    assert (finding.place, finding.left) == ("app.d.a_id", "app.nobody")


def make_key() -> sa.Column[int]:
    return sa.Column("id", sa.Integer, primary_key=True)


def define_app(db: pydal.DAL) -> None:
    db.define_table("a", rname="app.a")
    for name, field in (("b", "a_id"), ("c", "id_of_a")):
        link = pydal.Field(field, "reference a", ondelete="NO ACTION")
        db.define_table(name, link, rname=f"app.{name}")
