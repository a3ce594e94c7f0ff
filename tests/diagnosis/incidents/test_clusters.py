import numpy as np
import pytest
from scipy import stats

from replay.diagnosis.incidents.clusters import Clusters, cluster_sizes


def singles(count=10_000):
    return Clusters.of_sizes(np.ones(count, dtype=np.int64))


@pytest.mark.parametrize(("expected", "observed"), [(0.01, 8), (3.0, 9), (100.0, 160), (5000.0, 5500)])
def test_single_rows_give_the_poisson_likelihood_ratio(expected, observed):
    found = singles().exponent(np.array([expected]), np.array([observed]))

    assert found[0] == pytest.approx(observed * np.log(observed / expected) - observed + expected, rel=0.01)


def test_it_bounds_the_poisson_tail():
    expected, observed = np.meshgrid([0.1, 1.0, 10.0, 100.0], [5, 20, 150, 300])
    found = singles().exponent(expected.ravel(), observed.ravel())
    exact = stats.poisson.sf(observed.ravel() - 1, expected.ravel())

    assert (np.exp(-found) >= exact * 0.999).all()


def test_clusters_of_equal_size_count_once():
    """50 rows in clusters of 5, 10 rows expected: 10 clusters where 2 were expected."""
    found = Clusters.of_sizes(np.full(10_000, 5)).exponent(np.array([10.0]), np.array([50.0]))

    assert found[0] == pytest.approx(10 * np.log(5) - 8, rel=0.01)


def test_it_bounds_the_tail_of_mixed_clusters():
    rng = np.random.default_rng(0)
    sizes = rng.choice([1, 2, 12], p=[0.6, 0.3, 0.1], size=5000)
    counts = np.array([rng.choice(sizes, n).sum() for n in rng.poisson(30, 20_000)])
    clusters = Clusters.of_sizes(sizes)
    for observed in np.quantile(counts, [0.9, 0.99, 0.999]):
        bound = np.exp(-clusters.exponent(np.array([30 * sizes.mean()]), np.array([observed]))[0])
        assert bound >= (counts >= observed).mean()
        # Not only a bound, but one that a scan can use.
        assert bound < 20 * (counts >= observed).mean()


def test_nothing_seen_means_whole_groups():
    found = Clusters.of_sizes(np.zeros(0, dtype=np.int64), typical=20.0).exponent(np.array([0.2]), np.array([20.0]))

    # One cluster where 0.01 were expected.
    assert found[0] == pytest.approx(np.log(100) - 0.99, rel=0.01)


def test_no_more_than_expected_is_no_evidence():
    assert singles().exponent(np.array([10.0, 10.0]), np.array([10.0, 3.0])).tolist() == [0.0, 0.0]


def test_beyond_the_table_it_still_grows():
    found = singles().exponent(np.array([1e-9, 1e-9]), np.array([10.0, 20.0]))

    assert 0 < found[0] < found[1] <= 20 * np.log(20e9) - 20


def test_many_sizes_are_rounded_up():
    sizes = np.arange(1, 500)
    coarse = Clusters.of_sizes(sizes)

    assert coarse.mean >= sizes.mean()
    assert coarse.mean == pytest.approx(sizes.mean(), rel=0.1)


def test_cluster_sizes():
    assert sorted(cluster_sizes(np.array([7, 7, 3, 7])).tolist()) == [1, 3]


@pytest.mark.parametrize(("expected", "observed"), [(3.0, 0), (9.0, 3), (100.0, 60), (5000.0, 4500)])
def test_too_few_single_rows_give_the_poisson_likelihood_ratio(expected, observed):
    found = singles().shortfall(np.array([expected]), np.array([observed]))
    ratio = observed * np.log(observed / expected) if observed else 0.0

    assert found[0] == pytest.approx(ratio - observed + expected, rel=0.01)


def test_shortfall_bounds_the_tail_of_mixed_clusters():
    rng = np.random.default_rng(0)
    sizes = rng.choice([1, 2, 12], p=[0.6, 0.3, 0.1], size=5000)
    counts = np.array([rng.choice(sizes, n).sum() for n in rng.poisson(30, 20_000)])
    clusters = Clusters.of_sizes(sizes)
    for observed in np.quantile(counts, [0.1, 0.01, 0.001]):
        bound = np.exp(-clusters.shortfall(np.array([30 * sizes.mean()]), np.array([observed]))[0])
        assert (counts <= observed).mean() <= bound < 20 * (counts <= observed).mean()


def test_none_where_some_clusters_were_expected_and_no_fewer_than_expected():
    clusters = Clusters.of_sizes(np.full(10_000, 5))

    assert clusters.shortfall(np.array([10.0, 10.0]), np.array([0.0, 11.0])) == pytest.approx([2.0, 0.0])
