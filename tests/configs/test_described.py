"""Every setting in words: key, value, what is allowed, what it means."""

from configs.described import settings
from training.models import MODELS, config_class
from training.recommenders.two_stage.model import TwoStageConfig


def test_the_settings_of_parts_have_dotted_keys_and_bounds() -> None:
    by_key = {each.key: each for each in settings(TwoStageConfig(windows=2))}
    windows, dropout = by_key["windows"], by_key["two_tower.dropout"]
    assert (windows.default, windows.allowed) == ("2", "integer >= 1")
    assert (dropout.default, dropout.allowed) == ("0.1", "number >= 0 < 1")
    assert dropout.meaning == "share of hidden units dropped"
    assert by_key["rankers"].default == "[network, trees]"
    assert by_key["rankers"].allowed == "list of network | trees"
    assert "two_tower" not in by_key


def test_every_setting_of_every_model_is_described() -> None:
    for model in MODELS:
        for each in settings(config_class(model)()):
            assert each.meaning, (model, each.key)
            assert each.allowed != "value", (model, each.key)
