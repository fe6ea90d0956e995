"""The bucket for backups."""

from __future__ import annotations

from typing import Any

import pytest

from components.cloudflare.bucket import BackupBucket, BackupBucketArgs
from tests.support.mocks import Recorder, recording

BUCKET = "cloudflare:index/r2Bucket:R2Bucket"
LIFECYCLE = "cloudflare:index/r2BucketLifecycle:R2BucketLifecycle"
LOCK = "cloudflare:index/r2BucketLock:R2BucketLock"


def build(**changes: Any) -> Recorder:
    values: dict[str, Any] = {"account_id": "a1", "bucket": "manacore-backups", **changes}
    args = BackupBucketArgs(**values)
    with recording() as (recorder, run):
        run(lambda: BackupBucket("backups", args))
    return recorder


def test_the_token_is_pinned() -> None:
    assert BackupBucket.token == "manacore:cloudflare:BackupBucket"
    assert BackupBucket.output_names() == ("bucket", "endpoint")


def test_the_bucket_is_in_europe() -> None:
    assert build().one(BUCKET, "backups-bucket").inputs == {
        "accountId": "a1",
        "name": "manacore-backups",
        "location": "weur",
        "jurisdiction": "default",
        "storageClass": "Standard",
    }


def test_unfinished_uploads_are_dropped_and_old_objects_expire_where_asked() -> None:
    inputs = build(expire_days={"logs/": 30}).one(LIFECYCLE).inputs
    assert inputs["bucketName"] == "manacore-backups"
    abort, expire = inputs["rules"]
    assert abort == {
        "id": "abort unfinished uploads",
        "enabled": True,
        "conditions": {"prefix": ""},
        "abortMultipartUploadsTransition": {"condition": {"type": "Age", "maxAge": 604800}},
    }
    assert expire["conditions"] == {"prefix": "logs/"}
    assert expire["deleteObjectsTransition"] == {"condition": {"type": "Age", "maxAge": 2592000}}


def test_nothing_is_locked_unless_asked() -> None:
    assert build().of(LOCK) == []


def test_each_prefix_is_locked_for_the_days_asked() -> None:
    inputs = build(lock_days=14, lock_prefixes=["data/", "snapshots/"]).one(LOCK).inputs
    assert [rule["prefix"] for rule in inputs["rules"]] == ["data/", "snapshots/"]
    assert inputs["rules"][0]["condition"] == {"type": "Age", "maxAgeSeconds": 1209600}


def test_a_prefix_can_be_locked_for_days_of_its_own() -> None:
    inputs = build(lock_days=30, lock_prefixes=["snapshots/"], lock_days_of={"redis/snapshots/": 6})
    found = {
        rule["prefix"]: rule["condition"]["maxAgeSeconds"] / 86_400
        for rule in inputs.one(LOCK).inputs["rules"]
    }
    assert found == {"snapshots/": 30, "redis/snapshots/": 6}
    with pytest.raises(ValueError, match="lock_days_of/a/: 0 is not a positive number"):
        build(lock_days_of={"a/": 0})


def test_what_backups_share_is_locked_without_end() -> None:
    inputs = build(lock_days=14, lock_prefixes=["snapshots/"], lock_forever=["config", "data/"])
    rules = {rule["prefix"]: rule["condition"] for rule in inputs.one(LOCK).inputs["rules"]}
    assert rules == {
        "config": {"type": "Indefinite"},
        "data/": {"type": "Indefinite"},
        "snapshots/": {"type": "Age", "maxAgeSeconds": 1209600},
    }


def test_a_lock_without_end_needs_no_days() -> None:
    (rule,) = build(lock_forever=["data/"]).one(LOCK).inputs["rules"]
    assert rule["condition"] == {"type": "Indefinite"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lock_forever": ["data/"], "expire_days": {"data/old/": 900}}, "expire_days/data/old/"),
        ({"lock_forever": ["data/"], "expire_days": {"": 900}}, "locked without end"),
        ({"lock_forever": [""], "lock_days": 1}, "is in lock_prefixes too"),
    ],
)
def test_a_rule_that_contradicts_a_lock_without_end_is_refused(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        build(**changes)


@pytest.mark.parametrize(("jurisdiction", "part"), [("default", ""), ("eu", ".eu")])
def test_the_endpoint_is_that_of_the_account(jurisdiction: Any, part: str) -> None:
    args = BackupBucketArgs(account_id="a1", bucket="b-1", jurisdiction=jurisdiction)
    with recording() as (_, run):
        endpoint = run(lambda: BackupBucket("backups", args).endpoint)
    assert endpoint == f"https://a1{part}.r2.cloudflarestorage.com"


def test_all_mistakes_are_reported_at_once_and_nothing_is_registered() -> None:
    args = BackupBucketArgs(
        account_id="a1",
        bucket="Not_A_Bucket",
        lock_days=30,
        expire_days={"logs/": 7},
        abort_uploads_days=0,
    )
    with recording() as (recorder, run), pytest.raises(ValueError) as error:
        run(lambda: BackupBucket("backups", args))
    assert recorder.resources == []
    for part in ("bucket (Not_A_Bucket)", "expire_days/logs/", "abort_uploads_days: 0"):
        assert part in str(error.value)


def test_a_lock_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="lock_prefixes"):
        build(lock_days=1, lock_prefixes=())
