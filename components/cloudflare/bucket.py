"""The bucket that backups go to: kept in Europe, cleaned by age, locked against deletion."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import pulumi

from components.cloudflare import sdk
from components.component import Component

if TYPE_CHECKING:
    from components.cloudflare.sdk import R2BucketLifecycleRuleArgsDict, R2BucketLockRuleArgsDict

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
    """What is locked. restic must be able to delete under `locks/`: name the others."""
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
        bucket = sdk.R2Bucket(
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
        sdk.R2BucketLifecycle(
            f"{name}-lifecycle",
            account_id=args.account_id,
            bucket_name=bucket.name,
            jurisdiction=args.jurisdiction,
            rules=_lifecycle(args),
            opts=self.child_options(),
        )
        if args.lock_days is not None:
            sdk.R2BucketLock(
                f"{name}-lock",
                account_id=args.account_id,
                bucket_name=bucket.name,
                jurisdiction=args.jurisdiction,
                rules=_locks(args.lock_prefixes, args.lock_days),
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


def _locks(prefixes: Sequence[str], days: int) -> list[R2BucketLockRuleArgsDict]:
    return [
        {
            "id": f"keep {prefix}".rstrip(),
            "enabled": True,
            "prefix": prefix,
            "condition": {"type": "Age", "max_age_seconds": days * DAY},
        }
        for prefix in prefixes
    ]


def _problems(args: BackupBucketArgs) -> list[str]:
    problems: list[str] = []
    if NAME.fullmatch(args.bucket) is None:
        problems.append(f"bucket ({args.bucket}): must be 3 to 63 of a-z, 0-9 and -")
    days = {"abort_uploads_days": args.abort_uploads_days}
    days |= {f"expire_days/{prefix}": value for prefix, value in args.expire_days.items()}
    if args.lock_days is not None:
        days["lock_days"] = args.lock_days
    problems += [
        f"{path}: {value} is not a positive number" for path, value in days.items() if value < 1
    ]
    for prefix, expire in args.expire_days.items():
        locked = any(prefix.startswith(p) or p.startswith(prefix) for p in args.lock_prefixes)
        if args.lock_days is not None and locked and expire < args.lock_days:
            problems.append(
                f"expire_days/{prefix}: {expire} days is less than the lock of {args.lock_days} "
                f"days, so nothing would ever be deleted in time"
            )
    if args.lock_days is not None and not args.lock_prefixes:
        problems.append("lock_prefixes: empty, so that lock_days would lock nothing")
    return problems
