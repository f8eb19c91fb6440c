"""The integrators' page works when pasted: its blocks run against a real service."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, get_args

import pytest

from features.materialize import materialize
from features.simulator import World, WorldConfig
from features.tables import write_tables
from features.workspace import Workspace
from serving.access import keys
from serving.api.endpoints import endpoints
from serving.problems import CODES
from serving.schemas.base import FallbackReason
from tests.serving.server import server
from tests.serving.shop import OWN_PURCHASES, churn_model, put_bundle, put_champions
from training.recommenders.baselines import OwnPurchases
from training.segments.refresh import SegmentStore

pytestmark = pytest.mark.slow  # a server, and a process a block
ROOT: Final = Path(__file__).parent.parent.parent
PAGE: Final = (ROOT / "serving" / "README.md").read_text(encoding="utf-8")
URL: Final = "http://127.0.0.1:3000"
NODE: Final = shutil.which("node")
LIST, ID = r'("product_id":"P\d+".*){3}', r'"recommendation_id":"\w+"'
# What each block prints, in the order of the page.
PRINTED: Final = [
    ("A first recommendation", "bash", '"model":{"name":"recommender".*' + LIST),
    ("A first recommendation", "python", r"1 P\d+ \['.+'\]\n2 P\d+.*\n3 P\d+"),
    ("A first recommendation", "python", r"\['P\d+', 'P\d+', 'P\d+'\]"),
    ("A first recommendation", "javascript", r"\w{32} \[ 'P\d+', 'P\d+', 'P\d+' \]"),
    ("A first recommendation", "bash", '^"fallback_reason":"unknown_customer"$'),
    ("A key that is refused", "bash", "^401$"),
    ("An order, and the list that it changes", "bash", '"accepted":1.*' + LIST),
    ("An order, and the list that it changes", "python", "^unknown_customer 1 None$"),
    ("An order, and the list that it changes", "javascript", r"^1 \[\] undefined$"),
    ("Products", "bash", '("status":200.*){2}'),
    ("Products", "bash", LIST),
    ("Products", "python", r"\[200\] \['P\d+', 'P\d+', 'P\d+'\]"),
    ("What complements a basket", "bash", r'"items":\['),
    ("What complements a basket", "python", r"\[.*\]$"),
    ("Churn", "bash", '"reasons":.*"typical_value":'),
    ("Churn", "python", r"C012: \d+% within 90 days\n  \w+ = .*: [+-]\d+.\d%"),
    ("Orders, spend and the next order", "bash", r'"predictions":\[{"customer_id":"C012"'),
    ("Whom to contact against churn", "bash", r'"contacts":\[{"customer_id":"C012","gain":1'),
    ("Whom to contact against churn", "python", r"^1\.0 \['C012'\]$"),
    ("A customer's card", "bash", '"historic_number_of_orders":[1-9]'),
    ("A customer's card", "python", r"0\.\d+ \d+\.\d+ \d+\.\d+"),
    ("A customer's portrait", "bash", '"rfm":{.*"code":"[A-Z].*"rhythm":{.*"trends":{'),
    (
        "A customer's portrait",
        "python",
        r"\w+ since 2\d{3}-.*% of the spend, last on 2\d{3}-.*\n\d",
    ),
    ("An audience like your best customers", "bash", '"seed_size":[1-9].*"score":'),
    ("An audience like your best customers", "python", r"2\d{3}-.* \['C\d+', "),
    ("Errors", "bash", '"code":"validation_failed".*"pointer":"/k"'),
    ("Errors", "python", r"^422 validation_failed \['/k'\]$"),
    ("Retries", "bash", rf"^({ID})\n\1$"),
    ("Retries", "javascript", "^3$"),
    ("Experiments", "python", "ok=True.*\nstopped$"),
]


def blocks() -> list[tuple[str, str, str]]:
    """Return section, language and text of each block that can be run."""
    found = []
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        for language, text in re.findall(
            r"^```(bash|python|javascript)\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL
        ):
            found.append((section.splitlines()[0], language, text))
    return found


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What the blocks find: a service of the page's shop, with simpler models, and its key."""
    folder = tmp_path_factory.mktemp("page")
    tables = World(WorldConfig(customers=300, products=100, days=300, seed=7)).history()
    end = tables["order_lines"]["event_timestamp"].max().ceil("D")
    ws = Workspace.create(folder / "shop", clock=f"fixed:{end.isoformat()}")
    with ws.lock("tables"):
        write_tables(ws, tables)
    materialize(ws, end)
    SegmentStore(ws).refresh(end)
    put_bundle(ws, "recommender", "1", OwnPurchases(OWN_PURCHASES))
    put_bundle(ws, "churn", "1", churn_model())
    put_champions(ws, recommender="1", churn="1")
    scopes = ("predict", "events", "experiments")
    _, key = keys.create(ws.home, "page", scopes=scopes, now=datetime.now(UTC))
    with server(ws.home, folder / "log") as running:
        url = str(running.http.base_url).rstrip("/")
        yield {**os.environ, "REGULARS_KEY": key, "REGULARS_URL": url}


def test_every_block_is_expected_to_print_something() -> None:
    assert [(section, language) for section, language, _ in blocks()] == [p[:2] for p in PRINTED]


@pytest.mark.parametrize("number", range(len(PRINTED)))
def test_a_block_prints_what_it_should(number: int, environment: dict[str, str]) -> None:
    _, language, text = blocks()[number]
    if language == "javascript" and NODE is None:
        pytest.skip("node is not installed")
    command = {
        "bash": ["bash", "-euo", "pipefail", "-c"],
        "python": [sys.executable, "-c"],
        "javascript": [str(NODE), "--input-type=module", "--eval"],
    }[language]
    done = subprocess.run(
        [*command, text.replace(URL, environment["REGULARS_URL"])],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(PRINTED[number][2], done.stdout.strip(), flags=re.DOTALL), done.stdout


def test_the_tables_name_every_code_and_every_reason() -> None:
    named = set(re.findall(r"`([a-z_]+)`", PAGE))
    assert set(CODES) - {"internal_error"} <= named
    assert set(get_args(FallbackReason)) <= named


def test_the_page_speaks_of_every_endpoint() -> None:
    spoken = PAGE.replace("KEY", "{key}")
    missing = [e.path for e in endpoints() if e.path not in spoken]
    short = [path for path in missing if f"`:{path.rpartition(':')[2]}`" not in PAGE]
    assert short == []
