"""The schema."""

import datetime
import decimal

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(100))
    born_on: Mapped[datetime.date | None]
    note: Mapped[str | None] = mapped_column(sa.UnicodeText)
    country: Mapped[str] = mapped_column(sa.String(2), server_default="GB")


class Book(Base):
    __tablename__ = "book"
    __table_args__ = (
        sa.CheckConstraint("pages > 0 AND (stock >= 0)", name="ck_book_numbers"),
        sa.UniqueConstraint("author_id", "title", name="uq_book_title"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(
        sa.ForeignKey("author.id", ondelete="CASCADE"), index=True
    )
    title: Mapped[str] = mapped_column(sa.String(200))
    pages: Mapped[int]
    stock: Mapped[int] = mapped_column(server_default=sa.text("0"))
    price: Mapped[decimal.Decimal | None] = mapped_column(sa.DECIMAL(10, 2))
    weight: Mapped[float | None] = mapped_column(sa.Double)


class Loan(Base):
    """A loan has no id of its own."""

    __tablename__ = "loan"

    book_id: Mapped[int] = mapped_column(
        sa.ForeignKey("book.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    lent_on: Mapped[datetime.date]
