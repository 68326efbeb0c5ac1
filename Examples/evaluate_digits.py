# SPDX-License-Identifier: Apache-2.0
"""Evaluates a checkpoint of digits_reweighting.mix; needs numpy only.

    python Examples/evaluate_digits.py DIR/checkpoint.npz

Prints the test accuracy of the classifier (`theta.*`), and how well the learned weights (`eta.*`)
tell right labels from wrong ones: their mean on either kind, and the area under the ROC curve (the
probability that a right label weighs more than a wrong one). For comparison it trains the same
classifier without weights, with as many steps of the same size, in a few lines of numpy; its
test accuracy is also shown at the best moment of the run, which one would need clean data to find.
"""

import argparse
import pathlib

import numpy as np

DATA = pathlib.Path(__file__).resolve().parent / "data" / "digits_noisy.npz"
EXAMINATIONS = 50  # how often the test accuracy of an unweighted run is looked at


def read_tree(archive, tree):
    """The arrays `tree.*` of an .npz by the name after the dot, as float64."""
    prefix = tree + "."
    names = [name for name in archive.files if name.startswith(prefix)]
    if not names:
        raise SystemExit(f"no array {prefix}* in the checkpoint; it holds {archive.files}")
    return {name.removeprefix(prefix): archive[name].astype(np.float64) for name in names}


def classify(theta, x):
    """Logits `[n, classes]` and hidden layer `[n, hidden]` of the images `x: [n, features]`."""
    h = np.tanh(x @ theta["w1"] + theta["b1"])
    return h @ theta["w2"] + theta["b2"], h


def log_softmax(logits):
    """Logarithms of the class probabilities, `[n, classes]`."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def accuracy(theta, data):
    """The fraction of the test set that is classified rightly."""
    logits, _ = classify(theta, data["x_test"])
    return np.mean(logits.argmax(axis=-1) == data["y_test"])


def example_weights(theta, eta, x, y):
    """The learned weight in (0, 1) of each example, `[n]`."""
    logits, _ = classify(theta, x)
    losses = -np.take_along_axis(log_softmax(logits), y[:, None], axis=-1)
    h = np.maximum(losses @ eta["w1"] + eta["b1"], 0.0)
    return 1.0 / (1.0 + np.exp(-(h @ eta["w2"] + eta["b2"])[:, 0]))


def area_under_curve(positive, negative):
    """The probability that a positive score exceeds a negative one; ties count one half."""
    above = positive[:, None] > negative[None, :]
    equal = positive[:, None] == negative[None, :]
    return np.mean(above + 0.5 * equal)


def train_unweighted(x, y, data, arguments, shape):
    """Final and best test accuracy of gradient descent on the plain mean cross-entropy."""
    generator = np.random.default_rng(arguments.seed)

    def glorot(rows, columns):
        bound = np.sqrt(6.0 / (rows + columns))
        return generator.uniform(-bound, bound, (rows, columns))

    features, hidden, classes = shape
    theta = {
        "w1": glorot(features, hidden),
        "b1": np.zeros(hidden),
        "w2": glorot(hidden, classes),
        "b2": np.zeros(classes),
    }
    history = []
    for step in range(1, arguments.steps + 1):
        rows = generator.permutation(len(x))[: arguments.batch]
        images, labels = x[rows], y[rows]
        logits, h = classify(theta, images)
        logits_adj = np.exp(log_softmax(logits))
        logits_adj[np.arange(len(rows)), labels] -= 1.0
        logits_adj /= len(rows)
        h_adj = (logits_adj @ theta["w2"].T) * (1.0 - h**2)
        gradient = {
            "w1": images.T @ h_adj,
            "b1": h_adj.sum(axis=0),
            "w2": h.T @ logits_adj,
            "b2": logits_adj.sum(axis=0),
        }
        for name in theta:
            theta[name] -= arguments.rate * gradient[name]
        if step % max(1, arguments.steps // EXAMINATIONS) == 0 or step == arguments.steps:
            history.append(accuracy(theta, data))
    return history[-1], max(history)


def main():
    """Read the checkpoint and the data, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path, default=DATA)
    parser.add_argument("--steps", type=int, default=10_000, help="unweighted steps; 0: none")
    parser.add_argument("--rate", type=float, default=0.3, help="their size, as in the spec")
    parser.add_argument("--batch", type=int, default=50, help="their batch, as in the spec")
    parser.add_argument("--seed", type=int, default=0, help="of the unweighted runs")
    arguments = parser.parse_args()

    with np.load(arguments.data) as archive:
        data = {name: archive[name] for name in archive.files}
    with np.load(arguments.checkpoint) as archive:
        theta, eta = read_tree(archive, "theta"), read_tree(archive, "eta")

    weights = example_weights(theta, eta, data["x"], data["y"])
    wrong = data["flipped"] == 1
    print(f"test accuracy            {accuracy(theta, data):.3f}")
    print(f"mean weight, right label {weights[~wrong].mean():.3f}")
    print(f"mean weight, wrong label {weights[wrong].mean():.3f}")
    print(f"area under the curve     {area_under_curve(weights[~wrong], weights[wrong]):.3f}")
    if arguments.steps > 0:
        with_clean = [np.concatenate([data[n], data[n + "_clean"]]) for n in ("x", "y")]
        shape = (*theta["w1"].shape, theta["w2"].shape[1])
        print("without weights, test accuracy    at the end   at best")
        for name, (x, y) in {
            "noisy examples": (data["x"], data["y"]),
            "noisy and clean examples": with_clean,
            "clean examples": (data["x_clean"], data["y_clean"]),
        }.items():
            last, best = train_unweighted(x, y, data, arguments, shape)
            print(f"  {name:30}  {last:.3f}        {best:.3f}")


if __name__ == "__main__":
    main()
