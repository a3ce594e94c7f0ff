from __future__ import annotations

import numpy as np
import pyarrow as pa
import torch
from sklearn.metrics import roc_auc_score

from replay.demo.model import DENSE_FEATURES, TwoTower
from replay.demo.traffic import make_traffic
from replay.demo.training import COUNTRY_INDEX, encode, export, score, train


def test_encodes_a_row_as_written_by_hand(traffic):
    row = traffic.slice(0, 1).to_pylist()[0] | {"price": None, "country": "DE", "recent_items": [7, 9]}
    dense, ids, country, history, mask = encode(pa.Table.from_pylist([row], schema=traffic.schema))

    expected = [0.0 if row[name] is None else row[name] for name in DENSE_FEATURES]
    np.testing.assert_array_equal(dense.numpy(), np.array([expected], dtype=np.float32))
    assert ids.tolist() == [[row["item_idx"], row["category_id"]]]
    assert country.tolist() == [COUNTRY_INDEX["DE"]] == [4]
    assert history.tolist() == [[7, 9] + [0] * 18]
    assert mask.tolist() == [[1.0, 1.0] + [0.0] * 18]


def test_training_ranks_and_calibrates_clicks_it_has_not_seen(traffic):
    model = train(make_traffic(40_000, seed=3, days_before=1), seed=0)
    scores, labels = score(model, traffic), traffic["label"].to_numpy()

    assert roc_auc_score(labels, scores) > 0.65
    assert 0.8 < scores.sum() / labels.sum() < 1.25
    assert not model.training


def test_a_seed_is_a_model_whatever_the_threads_and_the_global_generator(traffic):
    few = traffic.slice(0, 4_000)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = train(few, seed=1)
        torch.set_num_threads(2)
        torch.manual_seed(99)
        two = train(few, seed=1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, two.state_dict()[name]), name


def test_going_on_from_a_model_leaves_it_as_it_was(traffic):
    few = traffic.slice(0, 4_000)
    start = train(few, seed=1)
    weights = {name: tensor.clone() for name, tensor in start.state_dict().items()}
    later = train(few, seed=2, start=start)

    assert all(torch.equal(tensor, weights[name]) for name, tensor in start.state_dict().items())
    assert not torch.equal(later.answer.weight, start.answer.weight)


def test_an_exported_model_takes_any_number_of_rows(traffic, tmp_path):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = TwoTower().eval()
    export(model, traffic, tmp_path / "model.pt2")
    opened = torch.export.load(tmp_path / "model.pt2").module()

    for rows in (1, 2, 777):
        features = encode(traffic.slice(0, rows))
        torch.testing.assert_close(opened(*features), model(*features))


def test_padding_does_not_change_a_score(traffic):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = TwoTower().eval()
    dense, ids, country, history, mask = encode(traffic.slice(0, 64))
    wider = torch.nn.functional.pad(history, (0, 5), value=11), torch.nn.functional.pad(mask, (0, 5))

    torch.testing.assert_close(model(dense, ids, country, *wider), model(dense, ids, country, history, mask))
