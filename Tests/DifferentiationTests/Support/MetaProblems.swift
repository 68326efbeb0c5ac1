// SPDX-License-Identifier: Apache-2.0
//
// Two bilevel problems built by hand, as Elaboration would build them from a spec. Between them
// they have everything a problem can have: meta parameters as the start of theta and apart from it,
// task batches, streamed and fixed data, optimiser state, an outer loss that reads the inner
// losses.

import Interpreter
import MixFuseShared
import TensorIR

/// A problem and the inputs of its meta-gradient.
struct MetaCase {
  var problem: MetaProblem
  var inputs: [NumericArray]
}

private func leaf(_ name: String, _ type: TensorType) -> Leaf {
  Leaf(name: name, type: type, initializer: .normal(mean: 0, deviation: 1))
}

/// A graph from leaves and further inputs to named outputs.
private func function(
  _ name: String, _ inputs: [Leaf], outputs: [String],
  build: (GraphBuilder, [ValueID]) -> [ValueID]
) -> Graph {
  let builder = GraphBuilder(name: name)
  let results = build(builder, inputs.map { builder.input($0.name, $0.type) })
  for (name, value) in zip(outputs, results) { builder.output(name, value) }
  return builder.graph
}

// MARK: MAML

/// MAML: the start of a 1-4-1 perceptron is learned; `steps` steps of gradient descent on two
/// tasks, with new points at each step.
func mamlCase(steps: Int) -> MetaCase {
  let (points, hidden, tasks) = (3, 4, 2)
  let shapes = [("w1", f64(1, hidden)), ("b1", f64(hidden)), ("w2", f64(hidden, 1))]
  let theta = shapes.map { leaf("theta.\($0.0)", $0.1) }
  let meta = shapes.map { leaf("eta.\($0.0)", $0.1) }
  func data(_ name: String, isStreamed: Bool = false) -> DataLeaf {
    DataLeaf(leaf: leaf(name, f64(points, 1)), isStreamed: isStreamed, isBatched: true)
  }
  let (innerData, outerData) = (
    [data("x_support", isStreamed: true), data("y_support")], [data("x_query"), data("y_query")]
  )
  let losses = leaf("inner_losses", f64(steps))
  func loss(_ b: GraphBuilder, _ p: ArraySlice<ValueID>, _ x: ValueID, _ y: ValueID) -> ValueID {
    let p = Array(p)
    let bias = b.broadcast(p[1], to: [points, hidden], axes: [1])
    let h = b.unary(.tanh, b.add(b.contract(x, p[0], .matrixProduct), bias))
    let error = b.subtract(b.contract(h, p[2], .matrixProduct), y)
    return b.scale(b.sum(b.multiply(error, error), axes: [0, 1]), by: 1 / Double(points))
  }
  let problem = MetaProblem(
    name: "maml", dtype: .f64, dims: [], seed: 1, steps: steps, tasks: tasks, theta: theta,
    initialParameters: .meta(firstIndex: 0), meta: meta,
    gradientNames: shapes.map { "grad.\($0.0)" }, innerData: innerData, outerData: outerData,
    state: [],
    innerLoss: function("inner loss", theta + meta + innerData.map(\.leaf), outputs: ["loss"]) {
      [loss($0, $1[..<3], $1[6], $1[7])]
    },
    initialState: function("initial state", theta + meta, outputs: []) { _, _ in [] },
    update: function(
      "sgd", theta + theta + meta + [leaf("step", .scalar(.i32))], outputs: theta.map(\.name)
    ) { b, x in (0..<3).map { b.subtract(x[3 + $0], b.scale(x[$0], by: 0.1)) } },
    outerLoss: function(
      "outer loss", theta + meta + [losses] + outerData.map(\.leaf), outputs: ["loss"]
    ) {
      [loss($0, $1[..<3], $1[7], $1[8])]
    })
  var source = RandomSource(seed: 21)
  let plain = f64(tasks, points, 1)
  let types = meta.map(\.type) + [f64(tasks, steps, points, 1), plain, plain, plain]
  return MetaCase(problem: problem, inputs: types.map { source.array($0) })
}

// MARK: Adam

/// A small language model by Adam: an embedding of which the inner loss never reads row 3 (so its
/// second moment stays 0) but the outer loss does, two layers in a loop, cross-entropy weighted by
/// learned example weights. Learned too: a rate for each embedding entry. The outer loss adds the
/// mean of the inner losses of all `steps`; `eta.unused` has no influence.
func adamCase(steps: Int = 3) -> MetaCase {
  let theta = [
    leaf("theta.embed", f64(4, 3)), leaf("theta.layers", f64(2, 3, 3)),
    leaf("theta.head", f64(3, 4)),
  ]
  let meta = [leaf("eta.weight", f64(5)), leaf("eta.rate", f64(4, 3)), leaf("eta.unused", f64(2))]
  let state = ["m", "v"].flatMap { kind in
    theta.map { leaf("state.\(kind).\($0.name)", $0.type) }
  }
  let tokens = DataLeaf(leaf: leaf("tokens", i32(5)), isStreamed: true, isBatched: false)
  let targets = DataLeaf(leaf: leaf("targets", i32(5)), isStreamed: false, isBatched: false)
  let validation = ["val_tokens", "val_targets"].map {
    DataLeaf(leaf: leaf($0, i32(5)), isStreamed: false, isBatched: false)
  }
  let innerInputs = theta + meta + [tokens.leaf, targets.leaf]
  let outerInputs = theta + meta + [leaf("inner_losses", f64(steps))] + validation.map(\.leaf)
  let problem = MetaProblem(
    name: "adam", dtype: .f64, dims: [], seed: 1, steps: steps, tasks: nil, theta: theta,
    initialParameters: .input, meta: meta, gradientNames: meta.map { "grad.\($0.name)" },
    innerData: [tokens, targets], outerData: validation, state: state,
    innerLoss: function("inner loss", innerInputs, outputs: ["loss"]) { b, x in
      let weights = b.unary(.logistic, x[3])
      let losses = tokenLosses(b, theta: x, tokens: x[6], targets: x[7])
      return [b.sum(b.multiply(weights, losses), axes: [0])]
    },
    initialState: function("initial state", theta + meta, outputs: state.map(\.name)) { b, x in
      (x[..<3] + x[..<3]).map { b.constant(0, like: $0) }
    },
    update: function(
      "adam", theta + theta + state + meta + [leaf("step", .scalar(.i32))],
      outputs: (theta + state).map(\.name), build: adamUpdate),
    outerLoss: function("outer loss", outerInputs, outputs: ["loss"]) { b, x in
      let losses = tokenLosses(b, theta: x, tokens: x[7], targets: x[8])
      return [
        b.add(b.sum(losses, axes: [0]), b.scale(b.sum(x[6], axes: [0]), by: 1 / Double(steps)))
      ]
    })
  var source = RandomSource(seed: 5)
  var inputs = (theta + meta).map { source.array($0.type) }
  inputs += [i32(steps, 5), i32(5)].map { source.array($0, in: .indices(count: 3)) }
  inputs += [NumericArray(i32(5), [3, 0, 3, 1, 2]), NumericArray(i32(5), [0, 3, 1, 2, 1])]
  return MetaCase(problem: problem, inputs: inputs)
}

/// Cross-entropy of each token's target, with a log-softmax that subtracts the maximum.
private func tokenLosses(
  _ b: GraphBuilder, theta: [ValueID], tokens: ValueID, targets: ValueID
) -> ValueID {
  let layer = GraphBuilder(name: "layer")
  _ = layer.input("l", .scalar(.i32))
  let h = layer.input("h", f64(5, 3))
  let w = layer.input("w", f64(3, 3))
  layer.output("h", layer.add(h, layer.unary(.tanh, layer.contract(h, w, .matrixProduct))))
  let loop = Loop(
    role: .layers, tripCount: 2, carryCount: 1, stackedInputCount: 1, body: layer.graph)
  let last = b.append(.loop(loop), [b.gather(theta[0], tokens), theta[1]])[0]
  let logits = b.contract(last, theta[2], .matrixProduct)
  let largest = b.stopGradient(b.reduce(.maximum, logits, axes: [1]))
  let shifted = b.subtract(logits, b.broadcast(largest, to: [5, 4], axes: [0]))
  let logSum = b.unary(.log, b.sum(b.unary(.exp, shifted), axes: [1]))
  let columns = b.iota(axis: 1, shape: [5, 4])
  let isTarget = b.compare(.equal, columns, b.broadcast(targets, to: [5, 4], axes: [0]))
  let picked = b.sum(b.select(isTarget, shifted, b.constant(0, like: shifted)), axes: [1])
  return b.subtract(logSum, picked)
}

/// `(g..., theta..., m..., v..., eta..., step) -> (theta..., m..., v...)` for three leaves. There
/// is no epsilon under the root, so the root's derivative at 0 matters.
private func adamUpdate(_ b: GraphBuilder, _ x: [ValueID]) -> [ValueID] {
  let count = b.add(b.convert(x[15], to: .f64), b.constant(1, .scalar(.f64)))
  func correction(_ decay: Double) -> ValueID {
    let one = b.constant(1, .scalar(.f64))
    return b.subtract(one, b.power(b.constant(decay, .scalar(.f64)), count))
  }
  var results: [[ValueID]] = [[], [], []]
  for index in 0..<3 {
    let (g, theta) = (x[index], x[3 + index])
    let shape = b.shape(of: theta)
    let m = b.add(b.scale(x[6 + index], by: 0.9), b.scale(g, by: 0.1))
    let v = b.add(b.scale(x[9 + index], by: 0.999), b.scale(b.multiply(g, g), by: 0.001))
    let mean = b.divide(m, b.broadcast(scalar: correction(0.9), to: shape))
    let variance = b.divide(v, b.broadcast(scalar: correction(0.999), to: shape))
    let root = b.add(b.unary(.sqrt, variance), b.constant(1e-2, like: v))
    let rate = index == 0 ? b.scale(b.unary(.exp, x[13]), by: 0.01) : b.constant(0.03, like: theta)
    results[0].append(b.subtract(theta, b.multiply(rate, b.divide(mean, root))))
    results[1].append(m)
    results[2].append(v)
  }
  return results.flatMap(\.self)
}
