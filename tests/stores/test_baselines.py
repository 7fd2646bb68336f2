"""The cache of what checks found on base commits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import update

from honk.core.types import BaselineKey, Check, Counts, Results
from honk.stores.baselines import KEPT_SECONDS, SqlBaselines
from honk.stores.database import Database
from honk.stores.schema import baselines as table

KEY = BaselineKey(repo="file:///r", sha="1" * 40, image="sha256:a", command="make test")
TESTS = Results(passed=("a", "ä \U0001f600"), failed=("b",), counts=Counts(passed=2, failed=1), complete=True)
CHECK = Check(name="t", command="make test", exit_code=1, seconds=2.5, summary="b\0", tests=TESTS)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, open_database: Callable[[str], Database]) -> Database:
    return open_database(str(request.getfixturevalue(f"{request.param}_url")))


def test_a_result_comes_back_whole_and_the_newest_counts(database: Database) -> None:
    store = SqlBaselines(database)
    assert store.get(KEY) is None
    store.put(KEY, CHECK)
    assert store.get(KEY) == CHECK
    newer = CHECK.model_copy(update={"exit_code": 0})
    store.put(KEY, newer)
    assert SqlBaselines(database).get(KEY) == newer


@pytest.mark.parametrize("part", ["repo", "sha", "image", "command"])
def test_every_part_of_the_key_counts(database: Database, part: str) -> None:
    store = SqlBaselines(database)
    store.put(KEY, CHECK)
    assert store.get(KEY.model_copy(update={part: "other"})) is None


def test_an_old_result_is_no_longer_known_and_goes_with_the_next_one(database: Database) -> None:
    store = SqlBaselines(database)
    store.put(KEY, CHECK)
    with database.single() as connection:
        connection.execute(update(table).values(created_at=table.c.created_at - KEPT_SECONDS - 1))
    assert store.get(KEY) is None
    store.put(KEY.model_copy(update={"sha": "2" * 40}), CHECK)
    with database.single() as connection:
        assert len(connection.execute(table.select()).all()) == 1


def test_what_another_version_stored_is_measured_again(database: Database) -> None:
    store = SqlBaselines(database)
    store.put(KEY, CHECK)
    with database.single() as connection:
        connection.execute(update(table).values(body='{"name": "t"}'))
    assert store.get(KEY) is None
