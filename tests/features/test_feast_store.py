"""Feast's files in a copied workspace: they name its own files, and nothing of the original."""

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from feast import FeatureStore
from feast.protos.feast.core.Registry_pb2 import Registry

from features.feast_store import open_store, register
from features.materialize import materialize
from features.offline import OfflineFeatures
from features.online.store import OnlineStore
from features.workspace import Workspace
from tests.features.shop import AS_OF, MONDAY, ask


@pytest.fixture
def copy(own: Workspace) -> Workspace:
    """A copy of a workspace whose every file was spoilt since."""
    ws = Workspace.open(Path(shutil.copytree(own.home, own.home.with_name("a copy [x]*"))))
    for file in own.home.rglob("*"):
        if file.is_file():
            file.write_bytes(b"a read of the original")
    return ws


def test_a_copy_reads_its_own_rows_before_any_command(copy: Workspace) -> None:
    row = OnlineStore(copy).online_customer("A")
    assert row is not None
    assert row["orders_total"] == 1
    frame = OfflineFeatures(copy).customers(ask(("A", AS_OF), ("B", MONDAY)))
    assert frame["orders_total"].tolist() == [1, 1]


def test_feasts_own_command_line_in_a_copy_reads_the_copy(copy: Workspace) -> None:
    store = FeatureStore(repo_path=str(copy.feast))
    entities = pd.DataFrame({"customer_id": ["A"], "event_timestamp": [AS_OF]})
    frame = store.get_historical_features(entities, ["customer_activity:orders_total"]).to_df()
    assert frame["orders_total"].tolist() == [1]
    online = store.get_online_features(["customer_online:packed"], [{"customer_id": "A"}])
    assert online.to_dict()["packed"][0]


def test_no_file_of_features_names_the_workspace(own: Workspace) -> None:
    named = [
        str(file.relative_to(own.home))
        for file in own.home.rglob("*")
        if file.is_file() and str(own.home).encode() in file.read_bytes()
    ]
    assert named == []


def test_a_registry_with_absolute_paths_of_elsewhere_is_read_here(copy: Workspace) -> None:
    """As code before this one wrote it."""
    file = copy.feast / "registry.db"
    registry = Registry.FromString(file.read_bytes())
    for view in registry.feature_views:
        view.spec.batch_source.file_options.uri = (
            f"/some/where/online/shop/{view.spec.batch_source.file_options.uri}"
        )
    file.write_bytes(registry.SerializeToString())
    assert OfflineFeatures(copy).customers(ask(("A", AS_OF)))["orders_total"].tolist() == [1]
    uris = {view.batch_source.path for view in open_store(copy).list_feature_views()}
    assert all(uri.startswith(str(copy.home.parent / "a copy [[]x][*]")) for uri in uris)


def test_registering_again_in_a_copy_changes_no_definition(copy: Workspace) -> None:
    views = open_store(copy).list_feature_views()
    materialize(copy, AS_OF)
    assert open_store(copy).list_feature_views() == views
    stored = Registry.FromString((copy.feast / "registry.db").read_bytes())
    assert len(stored.feature_view_version_history.records) == len(views)


def test_a_damaged_registry_is_made_again(own: Workspace) -> None:
    file = own.feast / "registry.db"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    register(own)
    assert Registry.FromString(file.read_bytes()).feature_views


def test_feast_is_imported_without_checks_of_its_arguments_and_others_keep_theirs() -> None:
    code = (
        "from features.feast_import import import_feast; import_feast()\n"
        "from feast import Entity; from typeguard import typechecked\n"
        "print(Entity.__init__.__code__.co_names.count('TypeCheckMemo'), typechecked.__module__)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["0", "typeguard"]
