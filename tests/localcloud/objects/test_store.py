"""The object store of the local cloud."""

from __future__ import annotations

from pathlib import Path

from catalog import load_catalog
from localcloud.home import Home
from localcloud.objects.store import KEY_ID, SECRET, ObjectStore, buckets
from tests.localcloud.cloudflare.serving import ACCOUNT, serving


def test_its_credentials_are_the_catalogues_and_in_no_argument(tmp_path: Path) -> None:
    assert {KEY_ID, SECRET} <= load_catalog().private_secret_names
    store = ObjectStore(Home(tmp_path))
    place = tmp_path / "images/sources/go/github.com_versity_versitygw_cmd_versitygw@v1.8.0"
    place.mkdir(parents=True)
    (place / "versitygw").touch()
    secrets = {KEY_ID: "the-key-id", SECRET: "the-secret"}
    assert store.variables(secrets) == {
        "ROOT_ACCESS_KEY": "the-key-id",
        "ROOT_SECRET_KEY": "the-secret",
    }
    assert not any(value in " ".join(store.command()) for value in secrets.values())
    assert "198.51.100.1:7070" in store.command(), "other machines do not reach it"


def test_a_bucket_of_the_account_is_a_bucket_of_the_store(tmp_path: Path) -> None:
    folder, state = buckets(Home(tmp_path)), tmp_path / "state.json"
    with serving(state, buckets=folder) as served:
        client = served.client()
        client.r2.buckets.create(account_id=ACCOUNT, name="backups")
        assert [one.name for one in folder.iterdir()] == ["backups"]
        assert folder.joinpath("backups").stat().st_mode & 0o077 == 0
    folder.joinpath("backups").rmdir()
    with serving(state, buckets=folder) as served:
        assert folder.joinpath("backups").is_dir(), "it is there for whoever has the bucket"
        served.client().r2.buckets.delete("backups", account_id=ACCOUNT)
        assert not list(folder.iterdir())
