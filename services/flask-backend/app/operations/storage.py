"""Where learners' data is, as the settings say: told once to the use cases, which read none."""

from pathlib import Path

from app.config import Settings
from app.usecases.learning.current import use_store
from app.usecases.learning.personal_files import use_folders
from app.usecases.learning.store import KINDS, Store
from app.usecases.learning.stores.database import DatabaseStore
from app.usecases.learning.stores.dual import DualStore
from app.usecases.learning.stores.files import FilesStore
from app.usecases.sync.tables import leave_out


def use_storage(settings: Settings) -> None:
    """Let this process keep learners' data as ``STORAGE_MODE`` says."""
    root = learning_folder(settings)
    use_store(_store(settings.storage_mode, root))
    use_folders([root, settings.data_dir / "imports"])
    leave_out([kind.table for kind in KINDS] if settings.storage_mode == "json" else [])


def learning_folder(settings: Settings) -> Path:
    """Return the folder of learners' files, whether the mode needs one or not."""
    return settings.learning_dir or settings.data_dir / "learning"


def _store(mode: str, root: Path) -> Store:
    if mode == "database":
        return DatabaseStore()
    return DualStore(root) if mode == "dual" else FilesStore(root)
