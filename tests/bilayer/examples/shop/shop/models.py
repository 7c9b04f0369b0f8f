"""Models in Flask-SQLAlchemy's style."""

import uuid
from datetime import UTC, datetime

from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()


class Stamped:
    created_at = db.Column(  # BL211 customer.created_at; BL211 order_line.created_at
        db.DateTime(timezone=True), nullable=False, default=lambda: datetime.now(UTC)
    )


class Customer(Stamped, db.Model):
    id = db.Column(db.Integer, primary_key=True)
    public_id = db.Column(  # BL211 customer.public_id
        db.Uuid, nullable=False, unique=True, default=uuid.uuid4
    )
    email = db.Column(db.String(120), nullable=False, unique=True)
    status = db.Column(
        db.Enum("active", "blocked", name="customer_status"),
        nullable=False,
        server_default="active",
    )
    preferences = db.Column(db.JSON)
    points = db.Column(db.Integer, server_default="0")
    terms_version = db.Column(db.Integer, nullable=False, default=1)
    balance = db.Column(db.Numeric(12, 2), nullable=False, server_default="0")


class OrderLine(Stamped, db.Model):
    id = db.Column(db.Integer, primary_key=True)
    customer_id = db.Column(db.ForeignKey("customer.id"), nullable=False)
    gift = db.Column(db.Boolean, nullable=False, default=False)  # BL211 order_line.gift
    note = db.Column(db.Text)  # BL202 order_line.note


class NewsletterIssue(db.Model):  # BL201 newsletter_issue
    id = db.Column(db.Integer, primary_key=True)
    subject = db.Column(db.String(200))
