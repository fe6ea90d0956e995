"""The bucket that backups go to: kept in Europe, cleaned by age, locked against deletion."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import pulumi

from components.component import Component
from components.sdk import cloudflare

if TYPE_CHECKING:
    from components.sdk.cloudflare import R2BucketLifecycleRuleArgsDict, R2BucketLockRuleArgsDict

DAY: Final = 86_400
NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")

Location = Literal["apac", "eeur", "enam", "oc", "weur", "wnam"]
Jurisdiction = Literal["default", "eu", "fedramp"]


@dataclass(frozen=True, kw_only=True)
class BackupBucketArgs:
    """What `BackupBucket` needs."""

    account_id: pulumi.Input[str]
    bucket: str
    """3 to 63 of a-z, 0-9 and -, unique in the account; part of every backup's address."""
    location: Location = "weur"
    """A wish that counts only when a bucket of this name is made for the first time."""
    jurisdiction: Jurisdiction = "default"
    """Where the law keeps the objects; `eu` changes the S3 address of the bucket too."""
    lock_days: int | None = None
    """For how long nobody, the program included, can delete or overwrite what was written."""
    lock_prefixes: Sequence[str] = ("",)
    """What is locked for `lock_days`. restic must be able to delete under `locks/`: not that."""
    lock_days_of: Mapping[str, int] = field(default_factory=dict[str, int])
    """Days by prefix of what is locked for another time than `lock_days`."""
    lock_forever: Sequence[str] = ()
    """What is locked without end: objects that newer backups share are as old as the first."""
    expire_days: Mapping[str, int] = field(default_factory=dict[str, int])
    """Days until deletion by prefix. Not for a restic repository: restic forgets by itself."""
    abort_uploads_days: int = 7
    """Unfinished uploads are dropped after this; they cost and can never be read."""
    protect: bool = True
    """Whether the engine refuses to delete the bucket."""


class BackupBucket(Component):
    """An R2 bucket with its life cycle and its lock."""

    token = "manacore:cloudflare:BackupBucket"

    bucket: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    """The S3 endpoint; the bucket's name is the first part of the path below it."""

    def __init__(
        self, name: str, args: BackupBucketArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Register the bucket. Raises `ValueError` with everything that is wrong in `args`."""
        problems = _problems(args)
        if problems:
            raise ValueError("\n".join(problems))
        super().__init__(name, opts)
        bucket = cloudflare.R2Bucket(
            f"{name}-bucket",
            account_id=args.account_id,
            name=args.bucket,
            location=args.location,
            jurisdiction=args.jurisdiction,
            storage_class="Standard",
            opts=pulumi.ResourceOptions.merge(
                self.child_options(),
                pulumi.ResourceOptions(
                    # The last copy of the data: deleting it takes two deliberate steps.
                    protect=args.protect,
                    # Only a hint at creation, answered in another spelling or not as wished: a
                    # difference there must never come to replacing the bucket.
                    ignore_changes=["location"],
                ),
            ),
        )
        cloudflare.R2BucketLifecycle(
            f"{name}-lifecycle",
            account_id=args.account_id,
            bucket_name=bucket.name,
            jurisdiction=args.jurisdiction,
            rules=_lifecycle(args),
            opts=self.child_options(),
        )
        if locks := _locks(args):
            cloudflare.R2BucketLock(
                f"{name}-lock",
                account_id=args.account_id,
                bucket_name=bucket.name,
                jurisdiction=args.jurisdiction,
                rules=locks,
                opts=self.child_options(),
            )
        self.bucket = bucket.name
        region = "" if args.jurisdiction == "default" else f".{args.jurisdiction}"
        self.endpoint = pulumi.Output.concat(
            "https://", args.account_id, region, ".r2.cloudflarestorage.com"
        )
        self.register()


def _lifecycle(args: BackupBucketArgs) -> list[R2BucketLifecycleRuleArgsDict]:
    # Setting rules replaces the rule that a new bucket is born with, so it is repeated here. One
    # kind of transition per rule, and none that is empty.
    rules: list[R2BucketLifecycleRuleArgsDict] = [
        {
            "id": "abort unfinished uploads",
            "enabled": True,
            "conditions": {"prefix": ""},
            "abort_multipart_uploads_transition": {
                "condition": {"type": "Age", "max_age": args.abort_uploads_days * DAY}
            },
        }
    ]
    for prefix, days in sorted(args.expire_days.items()):
        rules.append(
            {
                "id": f"expire {prefix}",
                "enabled": True,
                "conditions": {"prefix": prefix},
                "delete_objects_transition": {"condition": {"type": "Age", "max_age": days * DAY}},
            }
        )
    return rules


def _locks(args: BackupBucketArgs) -> list[R2BucketLockRuleArgsDict]:
    rules: list[R2BucketLockRuleArgsDict] = [
        {
            "id": f"keep {prefix} forever",
            "enabled": True,
            "prefix": prefix,
            "condition": {"type": "Indefinite"},
        }
        for prefix in args.lock_forever
    ]
    for prefix, days in _locked(args).items():
        rules.append(
            {
                "id": f"keep {prefix}".rstrip(),
                "enabled": True,
                "prefix": prefix,
                "condition": {"type": "Age", "max_age_seconds": days * DAY},
            }
        )
    return rules


def _locked(args: BackupBucketArgs) -> dict[str, int]:
    """For how many days each prefix is locked."""
    own = {} if args.lock_days is None else dict.fromkeys(args.lock_prefixes, args.lock_days)
    return {**own, **args.lock_days_of}


def _problems(args: BackupBucketArgs) -> list[str]:
    problems: list[str] = []
    if NAME.fullmatch(args.bucket) is None:
        problems.append(f"bucket ({args.bucket}): must be 3 to 63 of a-z, 0-9 and -")
    days = {"abort_uploads_days": args.abort_uploads_days}
    days |= {f"lock_days_of/{prefix}": value for prefix, value in args.lock_days_of.items()}
    days |= {f"expire_days/{prefix}": value for prefix, value in args.expire_days.items()}
    if args.lock_days is not None:
        days["lock_days"] = args.lock_days
    problems += [
        f"{path}: {value} is not a positive number" for path, value in days.items() if value < 1
    ]
    for prefix, expire in args.expire_days.items():
        locked = max((d for p, d in _locked(args).items() if _overlap(prefix, [p])), default=0)
        if expire < locked:
            problems.append(
                f"expire_days/{prefix}: {expire} days is less than the lock of {locked} "
                f"days, so nothing would ever be deleted in time"
            )
        if _overlap(prefix, args.lock_forever):
            problems.append(f"expire_days/{prefix}: is locked without end by lock_forever")
    both = sorted(set(args.lock_forever) & _locked(args).keys())
    problems += [f"lock_forever/{prefix}: is in lock_prefixes too" for prefix in both]
    if args.lock_days is not None and not args.lock_prefixes:
        problems.append("lock_prefixes: empty, so that lock_days would lock nothing")
    return problems


def _overlap(prefix: str, others: Sequence[str]) -> bool:
    return any(prefix.startswith(other) or other.startswith(prefix) for other in others)
