"""Where learners' data is, as the settings say: told once to the use cases, which read none.

Its imports stand inside, so that whoever asks for the folder alone does not load the runtime.
"""

from pathlib import Path

from app.config import Settings


def use_storage(settings: Settings) -> None:
    """Let this process keep learners' data as ``STORAGE_MODE`` says."""
    # ruff: disable[PLC0415]
    from app.usecases.learning.current import use_store
    from app.usecases.learning.personal_files import use_folders
    from app.usecases.learning.store import KINDS
    from app.usecases.learning.stores.database import DatabaseStore
    from app.usecases.learning.stores.dual import DualStore
    from app.usecases.learning.stores.files import FilesStore
    from app.usecases.sync.tables import leave_out
    # ruff: enable[PLC0415]

    root = learning_folder(settings)
    if settings.storage_mode == "database":
        use_store(DatabaseStore())
    else:
        use_store(DualStore(root) if settings.storage_mode == "dual" else FilesStore(root))
    use_folders([root, settings.data_dir / "imports"])
    leave_out([kind.table for kind in KINDS] if settings.storage_mode == "json" else [])


def learning_folder(settings: Settings) -> Path:
    """Return the folder of learners' files, whether the mode needs one or not."""
    return settings.learning_dir or settings.data_dir / "learning"
