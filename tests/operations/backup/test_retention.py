"""Seven days, four weeks and twelve months are kept, and what was last known to restore."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from app.operations.backup.folder import BackupFolder, new_name, time_of
from app.operations.backup.pruning import prune
from app.operations.backup.retention import choose_kept

NOW = datetime(2026, 11, 20, 22, 45, tzinfo=UTC)
hours = st.lists(st.integers(0, 24 * 800), max_size=60, unique=True)


@given(hours, st.data())
def test_newest_of_each_day_week_and_month_is_kept(ages: list[int], data: st.DataObject) -> None:
    names = [new_name(NOW - timedelta(hours=age)) for age in ages]
    verified = data.draw(st.sampled_from([None, *names]))

    kept = choose_kept(names, verified)

    assert kept <= set(names)
    assert verified is None or verified in kept
    rest = kept - {verified}
    assert len(rest) <= 7 + 4 + 12
    for count, form in ((7, "%Y-%m-%d"), (4, "%G-%V"), (12, "%Y-%m")):
        periods = sorted({time_of(name).strftime(form) for name in names}, reverse=True)
        for period in periods[:count]:
            newest = max(name for name in names if time_of(name).strftime(form) == period)
            assert newest in kept
    # Whoever prunes after each backup keeps what who prunes once would keep.
    assert choose_kept(kept, verified) == kept


def test_year_of_nightly_backups_becomes_what_is_documented(tmp_path: Path) -> None:
    folder = BackupFolder(tmp_path / "backups")
    nights = [NOW - timedelta(days=age) for age in range(400)]
    names = [new_name(night) for night in nights]
    for name in names:
        (folder.path / name).mkdir(parents=True)
        (folder.path / name / "manifest.json").touch()
    # Somebody's link to an old one elsewhere is neither a backup nor in the way.
    (folder.path / new_name(NOW - timedelta(days=900))).symlink_to(folder.path / names[0])

    told = prune(folder, names[100], is_dry=True)
    assert len(folder.names()) == 400
    with folder.lock():
        done = prune(folder, names[100])

    kept, removed = done
    assert told == done
    assert folder.names() == kept
    assert kept[:7] == names[:7]
    assert names[100] in kept
    assert len(kept) == 7 + 2 + 11 + 1
    assert len(removed) == 400 - len(kept)
    assert [path.name for path in folder.path.iterdir() if path.name.startswith(".work")] == []
