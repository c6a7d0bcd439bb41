"""Makes the goldens of tests/landscape with scikit-learn and scipy as oracles: one JSON file a case.

usage: make_landscape_goldens.py FOLDER  (writes FOLDER/landscape/*.json)
"""
import json
import pathlib
import sys
from itertools import combinations

import numpy as np
from scipy import stats
from scipy.optimize import nnls
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_samples, silhouette_score
from sklearn.metrics.cluster import contingency_matrix
from sklearn.metrics.pairwise import cosine_similarity


def blobs(seed, classes, members, dim, spread):
    """float32 embeddings around `classes` random directions, of lengths that differ as real norms do."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, dim))
    labels = np.repeat(np.arange(classes), members)
    points = centres[labels] + spread * rng.normal(size=(len(labels), dim))
    points *= rng.uniform(0.3, 4.0, size=(len(labels), 1))
    return points.astype(np.float32), labels


def clipped_distance(x):
    distance = np.clip(1 - cosine_similarity(x.astype(np.float64)), 0, 1)
    np.fill_diagonal(distance, 0)
    return distance


def silhouettes(x, labels):
    """Of the samples whose class has at least two members."""
    counts = {label: int((labels == label).sum()) for label in set(labels.tolist())}
    keep = np.array([counts[label] >= 2 for label in labels.tolist()])
    distance = clipped_distance(x[keep])
    samples = np.full(len(x), np.nan)
    samples[keep] = silhouette_samples(distance, labels[keep], metric="precomputed")
    return {
        "average": float(silhouette_score(distance, labels[keep], metric="precomputed")),
        "samples": [None if np.isnan(s) else float(s) for s in samples],
    }


def agreement(labels, found):
    table = contingency_matrix(labels, found)
    return {"adjusted_rand": float(adjusted_rand_score(labels, found)),
            "mutual_information": float(normalized_mutual_info_score(labels, found)),
            "purity": float(table.max(axis=0).sum() / table.sum())}


def nearest(distance):
    """The nearest other member of each."""
    d = distance.copy()
    np.fill_diagonal(d, np.inf)
    return d.argmin(axis=1).tolist()


def best_k(distance):
    scores = {}
    for k in range(2, min(20, len(distance) - 1) + 1):
        found = AgglomerativeClustering(n_clusters=k, metric="precomputed", linkage="average").fit_predict(distance)
        scores[k] = float(silhouette_score(distance, found, metric="precomputed"))
    best = max(scores, key=scores.get)
    return best, scores[best]


def relative(x, anchors):
    """Every row's cosines with the first rows, as they are and with the direction of the mean of these taken off."""
    mean = x[:anchors].mean(axis=0)
    off = np.eye(len(mean)) - np.outer(mean, mean) / (mean @ mean)
    return {"no": cosine_similarity(x, x[:anchors]).tolist(),
            "yes": cosine_similarity(x @ off, x[:anchors] @ off).tolist()}


def case(name, x, labels, folder, with_tsne=True):
    distance = clipped_distance(x)
    unit = x.astype(np.float64) / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    pca = PCA(n_components=2, svd_solver="full").fit(x.astype(np.float64))
    k, fit = best_k(distance)
    found = {n: AgglomerativeClustering(n_clusters=n, metric="precomputed", linkage="average").fit_predict(distance)
             for n in (2, 3, 5, 8)}
    cosines = cosine_similarity(x.astype(np.float64))
    golden = {
        "embeddings": [[float(v) for v in row] for row in x],
        "agreement": {str(n): agreement(labels, groups) for n, groups in found.items()},
        "nearest": nearest(1 - cosines),
        "labels": [f"class-{label}" for label in labels.tolist()],
        "cosines": cosines.tolist(),
        "relative": relative(x.astype(np.float64), 4),
        "silhouette": silhouettes(x, labels),
        "agglomerative": {str(n): groups.tolist() for n, groups in found.items()},
        "agglomerative_k": k,
        "agglomerative_fit": fit,
        "kmeans": KMeans(n_clusters=len(set(labels.tolist())), n_init=10, random_state=0).fit_predict(unit).tolist(),
        "pca": pca.transform(x.astype(np.float64)).tolist(),
        "pca_explained": pca.explained_variance_ratio_.tolist(),
    }
    if with_tsne:
        perplexity = min(30, (len(x) - 1) / 3)
        neighbours = min(5, len(x) // 2 - 1)
        for metric in ("cosine", "euclidean"):
            layout = TSNE(perplexity=perplexity, metric=metric, method="exact", init="random" if metric == "cosine"
                          else "pca", random_state=0).fit_transform(x)
            golden[f"tsne_{metric}"] = {
                "neighbours": neighbours,
                "trustworthiness": float(trustworthiness(x, layout, n_neighbors=neighbours, metric=metric)),
            }
    (folder / f"{name}.json").write_text(json.dumps(golden))


def ranking_scores(members, runs, controls, probes, keep_runs):
    """Cosines of the task with each member over these probes and runs, off the direction of the controls' mean."""
    m, q = members[:, probes].mean(1), runs[keep_runs][:, probes].mean((0, 1))
    if controls is not None:
        c = controls[:, probes].mean((0, 1))
        off = np.eye(len(c)) - np.outer(c, c) / (c @ c)
        m, q = m @ off, off @ q
    return m @ q / np.linalg.norm(m, axis=1) / np.linalg.norm(q)


def jackknife_variance(replicates):
    replicates = np.array(replicates)
    return (len(replicates) - 1) / len(replicates) * ((replicates - replicates.mean(0)) ** 2).sum(0)


def ranking_case(name, seed, repeats, calibrated, folder):
    """Members [N, probes, dim] and few-shot runs [R, probes, dim] of one task, with a shift that the runs share."""
    rng = np.random.default_rng(seed)
    probes, dim = 5, 40
    shift, task = rng.normal(size=dim), rng.normal(size=dim)
    make = lambda count, centre: (centre + 0.6 * rng.normal(size=(count, probes, dim))).astype(np.float32).astype(float)
    members = np.concatenate([make(4, 0.7 * task), make(5, 0.7 * rng.normal(size=dim))])
    runs, controls = make(repeats, task + 2 * shift), make(3, 2 * shift) if calibrated else None
    everything, all_runs = list(range(probes)), list(range(repeats))
    without = lambda whole, left_out: [i for i in whole if i != left_out]
    variance = jackknife_variance(
        [ranking_scores(members, runs, controls, without(everything, p), all_runs) for p in everything])
    if repeats > 1:
        variance += jackknife_variance(
            [ranking_scores(members, runs, controls, everything, without(all_runs, r)) for r in all_runs])
    golden = {"members": members.tolist(), "runs": runs.tolist(),
              "controls": controls.tolist() if calibrated else [],
              "scores": ranking_scores(members, runs, controls, everything, all_runs).tolist(),
              "errors": np.sqrt(variance).tolist()}
    (folder / f"ranking_{name}.json").write_text(json.dumps(golden))


def bounds(statistic, probes):
    """95 % over probes: the jackknife without its bias, Student's t, the value itself inside. statistic(probes) -> [n]"""
    whole = statistic(list(range(probes)))
    parts = np.array([statistic([q for q in range(probes) if q != p]) for p in range(probes)])
    error = np.sqrt((probes - 1) / probes * ((parts - parts.mean(0)) ** 2).sum(0))
    centre = probes * whole - (probes - 1) * parts.mean(0)
    half = stats.t.ppf(0.975, probes - 1) * error
    return {"values": whole.tolist(), "low": np.minimum(whole, centre - half).tolist(),
            "high": np.maximum(whole, centre + half).tolist()}


def beside(direction):
    return np.eye(len(direction)) - np.outer(direction, direction) / (direction @ direction)


def share_left(target, pool):
    """[weights …, share of the squared norm left] of scipy's non-negative least squares."""
    weights, left = nnls(pool.T, target)
    return np.append(weights, left**2 / (target @ target))


def best_subsets(target, pool, sizes):
    out = {}
    for k in sizes:
        left, rows = min((share_left(target, pool[list(rows)])[-1], rows)
                         for rows in combinations(range(len(pool)), k))
        out[str(k)] = {"rows": list(rows), "left": float(left)}
    return out


def without_common(model, pool, probes):
    """Means over these probes, beside the direction of the mean of all."""
    m, v = model[probes].mean(0), pool[:, probes].mean(1)
    off = beside(np.append(v, m[None], axis=0).mean(0))
    return off @ m, v @ off


def decomposition_case(folder):
    """A pool [N, probes, dim] with a direction in common, and a model made of three of it."""
    rng = np.random.default_rng(11)
    count, probes, dim = 12, 5, 40
    pool = 0.6 * rng.normal(size=dim) + rng.normal(size=(count, 1, dim)) + 0.2 * rng.normal(size=(count, probes, dim))
    model = 0.6 * pool[2] + 0.4 * pool[7] + 0.2 * pool[9] + 0.25 * rng.normal(size=(probes, dim))
    pool, model = pool.astype(np.float32).astype(float), model.astype(np.float32).astype(float)
    few = [2, 7, 9]
    plain = lambda probes_: share_left(model[probes_].mean(0), pool[:, probes_].mean(1))
    of_few = lambda probes_: share_left(model[probes_].mean(0), pool[few][:, probes_].mean(1))

    def beside_common(probes_):
        m, v = without_common(model, pool, probes_)
        return share_left(m, v[few])

    everything = list(range(probes))
    m, v = without_common(model, pool, everything)
    golden = {"pool": pool.tolist(), "model": model.tolist(), "few": few,
              "all": plain(everything).tolist(),
              "best": best_subsets(model.mean(0), pool.mean(1), (1, 2, 3, 4)),
              "best_without_common": best_subsets(m, v, (1, 2, 3)),
              "few_bounds": bounds(of_few, probes), "few_bounds_without_common": bounds(beside_common, probes)}
    (folder / "decomposition.json").write_text(json.dumps(golden))


def nnls_case(folder):
    """More vectors than dimensions: inside the cone that they span, outside of it, and nearly parallel ones."""
    rng = np.random.default_rng(12)
    wide = rng.normal(size=(150, 30))
    near = np.repeat(rng.normal(size=(8, 30)), 6, axis=0) + 1e-3 * rng.normal(size=(48, 30))
    cases = []
    for pool, target in ((wide, rng.normal(size=30)), (np.abs(wide), rng.normal(size=30)),
                         (near, near[3] + 2 * near[20] + rng.normal(size=30)), (wide[:20], -wide[:20].sum(0))):
        pool, target = pool.astype(np.float32).astype(float), target.astype(np.float32).astype(float)
        weights, left = nnls(pool.T, target)
        cases.append({"pool": pool.tolist(), "target": target.tolist(), "weights": weights.tolist(),
                      "left": float(left**2)})
    (folder / "nnls.json").write_text(json.dumps(cases))


def addition_case(folder):
    """Two parts and what may be their sum, with a pool that has a direction in common: [probes, dim] each."""
    rng = np.random.default_rng(13)
    probes, dim = 5, 32
    shared = rng.normal(size=dim)
    parts = shared + rng.normal(size=(2, 1, dim)) + 0.3 * rng.normal(size=(2, probes, dim))
    whole = parts.sum(0) - 0.5 * shared + 0.4 * rng.normal(size=(probes, dim))
    others = shared + rng.normal(size=(6, 1, dim)) + 0.3 * rng.normal(size=(6, probes, dim))
    pool = np.concatenate([parts, whole[None], others]).astype(np.float32).astype(float)
    cosine = lambda a, b: a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    def numbers(off):
        def at(probes_):
            means = pool[:, probes_].mean(1)
            a, b, c = (means @ beside(means.mean(0)) if off else means)[:3]
            of_a, of_b, of_sum = cosine(a, c), cosine(b, c), cosine(a + b, c)
            return np.array([of_a, of_b, of_sum, of_sum - (of_a if best == 0 else of_b)])
        means = pool.mean(1) @ (beside(pool.mean((0, 1))) if off else np.eye(dim))
        best = int(cosine(means[1], means[2]) > cosine(means[0], means[2]))
        a, b, c = means[:3]
        nearest = sorted(range(2, len(pool)), key=lambda i: -cosine(a + b, means[i]))
        return {"bounds": bounds(at, probes), "norms": [float(np.linalg.norm(x)) for x in (a, b, c, a + b)],
                "distance": float(np.linalg.norm(c - a - b) / np.linalg.norm(c)), "best": best,
                "nearest": nearest, "with_sum": [float(cosine(a + b, means[i])) for i in nearest]}

    (folder / "addition.json").write_text(
        json.dumps({"pool": pool.tolist(), "plain": numbers(False), "without_common": numbers(True)}))


def comparison_case(folder):
    """Pairs [probes, dim]: what the cosine's intervals and the paired test over probes say."""
    rng = np.random.default_rng(14)
    cases = []
    for probes, noise, apart in ((5, 0.3, 0.5), (5, 1.0, 0.0), (20, 0.5, 0.3), (20, 1.0, 0.0), (3, 0.2, 0.1)):
        a = rng.normal(size=24)
        both = noise * rng.normal(size=(probes, 24))
        pair = np.array([a + both + noise * rng.normal(size=(probes, 24)),
                         a + apart * rng.normal(size=24) + both + noise * rng.normal(size=(probes, 24))])
        pair = pair.astype(np.float32).astype(float)

        def cosine(which):
            x, y = pair[:, which].mean(1)
            return np.array([x @ y / np.linalg.norm(x) / np.linalg.norm(y)])

        differences = pair[0] - pair[1]
        products = (differences @ differences.T)[np.triu_indices(probes, 1)]
        drawn = np.array([cosine(rng.integers(0, probes, probes))[0] for _ in range(20000)])
        whole = cosine(list(range(probes)))[0]
        cases.append({"pair": pair.tolist(), "bounds": bounds(cosine, probes),
                      "p": float(stats.t.sf(stats.ttest_1samp(products, 0).statistic, probes - 1)),
                      "bootstrap": [float(2 * whole - np.quantile(drawn, q)) for q in (0.975, 0.025)]})
    (folder / "comparison.json").write_text(json.dumps(cases))


def weighted_silhouette(distance, labels, times):
    """Rows that are there `times` times; copies of one row are not compared with each other."""
    total = 0
    for i in np.flatnonzero(times):
        own = labels == labels[i]
        others = times * own
        others[i] = 0
        inside = others @ distance[i] / others.sum()
        outside = min((times * (labels == c)) @ distance[i] / (times * (labels == c)).sum()
                      for c in set(labels.tolist()) - {labels[i]})
        total += times[i] * (outside - inside) / max(inside, outside)
    return total / times.sum()


def silhouette_case(folder):
    """The half width of a silhouette's interval from six times as many draws as the program takes."""
    cases = []
    for seed, sizes, spread in ((15, (8, 8, 8), 1.0), (16, (3, 5, 12, 4), 1.5)):
        rng = np.random.default_rng(seed)
        labels = np.repeat(np.arange(len(sizes)), sizes)
        x = (rng.normal(size=(len(sizes), 20))[labels] + spread * rng.normal(size=(len(labels), 20))).astype(np.float32)
        distance, averages = clipped_distance(x), []
        while len(averages) < 3000:
            times = np.concatenate([np.bincount(rng.integers(0, n, n), minlength=n) for n in sizes])
            if all((times[labels == c] > 0).sum() >= 2 for c in range(len(sizes))):
                averages.append(weighted_silhouette(distance, labels, times))
        wider = np.sqrt(sum(n * n / (n - 1) for n in sizes) / len(labels))
        cases.append({"embeddings": x.tolist(), "labels": [f"class-{c}" for c in labels.tolist()],
                      "half": float(stats.t.ppf(0.975, len(labels) - len(sizes)) * wider * np.std(averages, ddof=1))})
    (folder / "silhouette_interval.json").write_text(json.dumps(cases))


def main():
    folder = pathlib.Path(sys.argv[1]) / "landscape"
    folder.mkdir(parents=True, exist_ok=True)
    case("clear", *blobs(1, 5, 12, 64, 0.4), folder)
    case("blurred", *blobs(2, 4, 25, 200, 2.0), folder)
    case("few", *blobs(3, 3, 3, 576, 0.5), folder)
    x, labels = blobs(4, 6, 5, 33, 0.8)
    labels[3], labels[17] = 100, 101  # two classes of one member
    case("lone", x, labels, folder)
    ranking_case("plain", 6, 1, False, folder)
    ranking_case("repeated", 7, 3, False, folder)
    ranking_case("calibrated", 8, 3, True, folder)
    decomposition_case(folder)
    nnls_case(folder)
    addition_case(folder)
    comparison_case(folder)
    silhouette_case(folder)
    case("many", *blobs(5, 10, 60, 48, 0.7), folder)


if __name__ == "__main__":
    main()
