"""What MariaDB writes of a user's rights is read as it is meant."""

from __future__ import annotations

import pytest

from app.operations.grants import OF_A_DATABASE, OF_A_SERVER, read_grants

USAGE = "GRANT USAGE ON *.* TO `me`@`%` IDENTIFIED BY PASSWORD '*F33A' WITH MAX_STATEMENT_TIME 5"


@pytest.mark.parametrize(
    ("line", "held"),
    [
        ("GRANT SELECT, INSERT ON `app`.* TO `me`@`%`", {"*": {"SELECT", "INSERT"}}),
        ("GRANT SELECT ON `app`.`users` TO `me`@`%`", {"users": {"SELECT"}}),
        ("GRANT SELECT ON `other`.* TO `me`@`%`", {}),
        ("GRANT SELECT ON `a%`.* TO `me`@`%`", {"*": {"SELECT"}}),
        ("GRANT SELECT ON `a__`.* TO `me`@`%`", {"*": {"SELECT"}}),
        ("GRANT SELECT ON `a\\_p`.* TO `me`@`%`", {}),
        ("GRANT SELECT (`id`, `name`), DELETE ON `app`.`t` TO `me`@`%`", {"t": {"DELETE"}}),
        ("GRANT SELECT ON `app`.`a``b` TO `me`@`%`", {"a`b": {"SELECT"}}),
        ("GRANT CREATE USER ON *.* TO `me`@`%`", {"*": {"CREATE USER"}}),
        ("GRANT ALL PRIVILEGES ON `app`.* TO `me`@`%`", {"*": set(OF_A_DATABASE)}),
        (
            "GRANT ALL PRIVILEGES ON *.* TO `me`@`%` IDENTIFIED BY PASSWORD '*F' WITH GRANT OPTION",
            {"*": {*OF_A_SERVER, "GRANT OPTION"}},
        ),
        ("GRANT `rows` TO `me`@`%`", {}),
        ("GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION", {}),
        ("GRANT EXECUTE ON FUNCTION `app`.`f` TO `me`@`%`", {}),
        ("SET DEFAULT ROLE `rows` FOR `me`@`%`", {}),
    ],
)
def test_grant_is_read(line: str, held: dict[str, set[str]]) -> None:
    found = read_grants([USAGE, line], "app")

    found["*"].discard("USAGE")
    assert {table: rights for table, rights in found.items() if rights} == held


def test_database_with_wild_characters_in_its_name_is_told_from_others() -> None:
    lines = [r"GRANT DROP ON `a\_b`.* TO `me`@`%`"]

    assert read_grants(lines, "a_b") == {"*": {"DROP"}}
    assert read_grants(lines, "axb") == {}
