"""Transactions: everything inside commits together or not at all; nesting makes savepoints."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, get_args

from bilayer.runtime.errors import (
    ConnectionLost,
    DatabaseError,
    OutcomeUnknown,
    TransactionAborted,
    TransactionMisuse,
)

if TYPE_CHECKING:
    from bilayer.runtime.adapters.base import NativeAdapter
    from bilayer.runtime.session import Session

Isolation = Literal["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]
_LEVELS: Final = get_args(Isolation)


class Transaction:
    """A block whose statements commit together when it ends, or are undone if it raises.

    A statement that fails dooms the block up to the innermost ``transaction()``, on every engine,
    as it does on PostgreSQL: swallowing its error cannot commit half of the work.

    Args:
        isolation: The isolation level; the server's default (READ COMMITTED on PostgreSQL and as
            the runtime sets it on MariaDB) if None. SQLite's transactions are always serializable.
        readonly: Refuse writes. On SQLite a reading transaction does not wait for the writer.

    Attributes:
        memory: What this block keeps until it ends; the block around it has it then, unless it was
            rolled back.
    """

    def __init__(
        self, adapter: NativeAdapter, isolation: Isolation | None = None, *, readonly: bool = False
    ) -> None:
        if isolation is not None and isolation not in _LEVELS:
            raise ValueError(f"isolation is one of {', '.join(_LEVELS)}")
        self._adapter = adapter
        self._isolation = isolation
        self._readonly = readonly
        self._savepoint = ""
        self.memory: dict[Any, Any] = {}

    def __enter__(self) -> Self:
        """Begin, or set a savepoint.

        Raises:
            TransactionMisuse: An inner block asks for an isolation level, or for read only.
        """
        session = self._adapter.session
        try:
            self._open(session)
        except Exception:
            raise
        except BaseException:  # interrupted: begun or not, nobody may go on with this connection
            self._adapter.discard()
            session.failed = session.lost = session.depth > 0
            raise
        return self

    def _open(self, session: Session) -> None:
        self.memory = {}
        if not session.depth:
            self._begin()
            session.readonly = self._readonly
        elif self._isolation or self._readonly or self in session.blocks:
            raise TransactionMisuse("only an outermost block chooses isolation and readonly, once")
        else:
            # Each has a name of its own: where the server cannot even read the message that sets
            # it, rolling back must fail, and not undo an older block of the same name.
            session.savepoints += 1
            self._savepoint = f"bilayer_{session.savepoints}"
            self._adapter.set_savepoint(self._savepoint)
        session.blocks.append(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Commit or release; undo after an exception or a failed statement.

        Raises:
            TransactionAborted: The block ended well, but a statement in it had failed.
            TransactionMisuse: Blocks inside this one are still open.
            OutcomeUnknown: The connection broke during COMMIT.
            DatabaseError: COMMIT was refused; nothing was committed.
        """
        session = self._adapter.session
        if self not in session.blocks:
            # Another thread finalised a generator, or a forked child left its parent's block.
            if kind is None:
                raise TransactionMisuse("this block was begun by another thread or process")
        elif session.blocks[-1] is not self:
            self._leave_early(undo=kind is not None)
        elif session.depth > 1:
            session.blocks.pop()
            self._leave_savepoint(undo=kind is not None)
        elif kind is None and not session.failed:
            self._commit()
        else:
            self._undo()
            if kind is None:
                raise TransactionAborted("a statement of this transaction failed; it was undone")

    def _leave_early(self, *, undo: bool) -> None:
        """Doom what is open: the work of a closed generator must not be committed by others."""
        session = self._adapter.session
        session.blocks.remove(self)
        session.failed = session.lost = True
        if not undo:
            raise TransactionMisuse("the blocks inside this one have not ended")

    def _begin(self) -> None:
        held = self._adapter.session.connection is not None
        try:
            self._adapter.begin(self._isolation, self._readonly)
        except ConnectionLost:
            if not held:
                raise
            # A connection that died while the thread held it is replaced: nothing has happened.
            self._adapter.begin(self._isolation, self._readonly)

    def _leave_savepoint(self, *, undo: bool) -> None:
        session = self._adapter.session
        if session.lost:
            aborted = not undo
        else:
            aborted = session.failed and not undo
            if undo or session.failed:
                self._undo_savepoint(session)
            else:
                self._release_savepoint(session)
        if aborted:
            raise TransactionAborted("a statement of this block failed; the block was rolled back")
        if not undo:
            session.blocks[-1].memory.update(self.memory)

    def _release_savepoint(self, session: Session) -> None:
        """Keep what was done; what nobody has waited for may turn out wrong only now."""
        try:
            self._adapter.release_savepoint(self._savepoint)
        except Exception:
            if not session.lost:
                self._undo_savepoint(session)
            raise

    def _undo_savepoint(self, session: Session) -> None:
        session.failed = False
        self._adapter.rollback_to_savepoint(self._savepoint)

    def _commit(self) -> None:
        adapter = self._adapter
        try:
            adapter.commit_transaction()
            adapter.session.end_transaction()
        except ConnectionLost:
            failure: DatabaseError = OutcomeUnknown("the connection broke during COMMIT")
        except DatabaseError as error:
            failure = error
        except BaseException:  # interrupted: nobody may go on in a transaction that never ends
            adapter.discard()
            adapter.session.end_transaction()
            raise
        else:
            return
        self._undo()
        raise failure

    def _undo(self) -> None:
        """Roll back; a connection that cannot even do that is thrown away."""
        adapter = self._adapter
        session = adapter.session
        session.failed = False
        try:
            if session.connection is not None:
                adapter.rollback_transaction()
        except DatabaseError:
            adapter.discard()
        finally:
            session.end_transaction()
