"""Makes the goldens of tests/landscape with scikit-learn as the oracle: one JSON file a case.

usage: make_landscape_goldens.py FOLDER  (writes FOLDER/landscape/*.json)
"""
import json
import pathlib
import sys

import numpy as np
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
    case("many", *blobs(5, 10, 60, 48, 0.7), folder)


if __name__ == "__main__":
    main()
