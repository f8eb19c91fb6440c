"""A champion as anyone loads it: by MLflow alone, in a process without this code."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final, NamedTuple

import pandas as pd

from features.offline import OfflineFeatures
from features.workspace import Workspace
from tests.training.shop import Shop
from training.customers.orders import CustomerOrders

LOAD: Final = """
import json, os, sys
home, name, rows, out, libraries = sys.argv[1:]
sys.path.append(libraries)  # without what is installed beside them as editable
os.environ.update(MLFLOW_ALLOW_PICKLE_DESERIALIZATION="false", MLFLOW_DISABLE_TELEMETRY="true")
import mlflow, pandas as pd
mlflow.set_tracking_uri(f"sqlite:///{home}/mlflow.db")
model = mlflow.pyfunc.load_model(f"models:/{name}@champion")
model.predict(pd.read_parquet(rows), params={"k": 3}).to_parquet(out)
names = ("configs", "features", "training")
print(json.dumps({name: sys.modules[name].__file__ for name in names}))
"""


class Answer(NamedTuple):
    """What a champion answers, and the file of each package of code that it ran."""

    rows: pd.DataFrame
    code: dict[str, str]


def answer_of_champion(ws: Workspace, name: str, rows: pd.DataFrame, folder: Path) -> Answer:
    """Return the answer for the customers `rows`, where this code is not installed."""
    rows.to_parquet(folder / "rows.parquet")
    paths = [str(folder / "rows.parquet"), str(folder / "out.parquet")]
    libraries = sysconfig.get_paths()["purelib"]
    command = [sys.executable, "-I", "-S", "-c", LOAD, str(ws.home), name, *paths, libraries]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Answer(pd.read_parquet(folder / "out.parquet"), json.loads(done.stdout.splitlines()[-1]))


def customer_rows(shop: Shop, count: int, *, ws: Workspace | None = None) -> pd.DataFrame:
    """Return the features of `count` active customers, read in `ws`, by default the shop's."""
    client = shop.client if ws is None else OfflineFeatures(ws)
    ids = CustomerOrders(shop.full).active(shop.full.as_of)[:count]
    return client.customers(pd.DataFrame({"customer_id": ids, "event_timestamp": shop.full.as_of}))
