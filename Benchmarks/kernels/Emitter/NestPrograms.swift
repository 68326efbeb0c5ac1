// SPDX-License-Identifier: Apache-2.0
//
// The programs that nests.py measures: loop nests of every kind, the optimiser's update and its
// derivatives, linear cross-entropy. Each is built as a graph, and differentiated where its title
// says so.

import Differentiation
import TensorIR

/// A program to be measured.
struct NestCase {
  var title: String
  var graph: Graph
}

/// The parts of a transformer's step, in the sizes of a small one.
struct NestPrograms {
  let dtype: DType
  let tokens = 2048, width = 256, hidden = 1024, words = 8192

  func type(_ shape: Int...) -> TensorType { TensorType(shape, dtype) }

  func graph(
    _ inputs: [TensorType], _ build: (GraphBuilder, [ValueID]) -> [ValueID]
  ) -> Graph {
    let builder = GraphBuilder(name: "program")
    let values = inputs.enumerated().map { builder.input("x\($0)", $1) }
    for (index, value) in build(builder, values).enumerated() {
      builder.output("y\(index)", value)
    }
    return builder.graph
  }

  // MARK: Elementwise

  func chain(_ rows: Int) -> NestCase {
    let array = type(rows, hidden)
    return NestCase(
      title: "z = x y + y (1 - x)",
      graph: graph([array, array]) { b, x in
        let one = b.constant(1, like: x[0])
        return [b.add(b.multiply(x[0], x[1]), b.multiply(x[1], b.subtract(one, x[0])))]
      })
  }

  func function(_ name: String, _ function: UnaryFunction) -> NestCase {
    NestCase(
      title: name, graph: graph([type(tokens, width)]) { b, x in [b.unary(function, x[0])] })
  }

  /// The rotation of queries by their positions.
  var rotation: NestCase {
    let (shape, half) = ([2, tokens / 2, 4, 64], [2, tokens / 2, 4, 32])
    return NestCase(
      title: "rotary embedding",
      graph: graph([TensorType(shape, dtype), type(tokens / 2, 32), type(tokens / 2, 32)]) { b, x in
        let (cosine, sine) = (
          b.broadcast(x[1], to: half, axes: [1, 3]), b.broadcast(x[2], to: half, axes: [1, 3])
        )
        let low = b.slice(x[0], starts: [0, 0, 0, 0], shape: half)
        let high = b.slice(x[0], starts: [0, 0, 0, 32], shape: half)
        let first = b.subtract(b.multiply(low, cosine), b.multiply(high, sine))
        let second = b.add(b.multiply(high, cosine), b.multiply(low, sine))
        return [b.concatenate([first, second], axis: 3)]
      })
  }

  // MARK: Reductions

  func spread(_ reduction: Reduction, _ x: ValueID, _ b: GraphBuilder) -> ValueID {
    b.broadcast(b.reduce(reduction, x, axes: [1]), to: b.shape(of: x), axes: [0])
  }

  var softmax: NestCase {
    NestCase(
      title: "softmax",
      graph: graph([type(tokens, hidden)]) { b, x in
        let powers = b.unary(.exp, b.subtract(x[0], spread(.maximum, x[0], b)))
        return [b.divide(powers, spread(.sum, powers, b))]
      })
  }

  private var normalization: Graph {
    graph([type(tokens, width), type(width)]) { b, x in
      let square = b.scale(spread(.sum, b.multiply(x[0], x[0]), b), by: 1 / Double(width))
      let root = b.unary(.rsqrt, b.add(square, b.constant(1e-6, like: square)))
      let gain = b.broadcast(x[1], to: [tokens, width], axes: [1])
      return [b.multiply(b.multiply(x[0], root), gain)]
    }
  }

  var norm: NestCase { NestCase(title: "rms_norm", graph: normalization) }

  func normAdjoint() throws -> NestCase {
    NestCase(
      title: "rms_norm, VJP", graph: try Differentiator().vjp(of: normalization, wrt: [0, 1]))
  }

  var columnSum: NestCase {
    NestCase(
      title: "sum over tokens",
      graph: graph([type(tokens, hidden)]) { b, x in [b.sum(x[0], axes: [0])] })
  }

  /// A sum over tokens beside one over each row, as in the adjoint of a norm's gain.
  var bothSums: NestCase {
    let array = type(tokens, hidden)
    return NestCase(
      title: "sums over tokens and rows",
      graph: graph([array, array]) { b, x in
        let product = b.multiply(x[0], x[1])
        return [b.sum(product, axes: [0]), b.sum(product, axes: [1])]
      })
  }

  // MARK: Rows by index

  private var indices: TensorType { TensorType([tokens], .i32) }

  var lookup: NestCase {
    NestCase(
      title: "rows looked up",
      graph: graph([type(words, width), indices]) { b, x in [b.gather(x[0], x[1])] })
  }

  var scatter: NestCase {
    NestCase(
      title: "rows added by index",
      graph: graph([type(tokens, width), indices, type(words, width)]) { b, x in
        [b.add(b.scatterAdd(x[1], x[0], rows: words), x[2])]
      })
  }

  // MARK: Adam

  private func moments(_ b: GraphBuilder, _ gradient: ValueID, _ m: ValueID, _ v: ValueID)
    -> [ValueID]
  {
    [
      b.add(b.scale(m, by: 0.9), b.scale(gradient, by: 0.1)),
      b.add(b.scale(v, by: 0.999), b.scale(b.multiply(gradient, gradient), by: 0.001)),
    ]
  }

  private var adamStep: Graph {
    let leaf = type(hidden, hidden)
    return graph([leaf, leaf, leaf, leaf, .scalar(dtype), .scalar(dtype)]) { b, x in
      let next = moments(b, x[0], x[2], x[3])
      func corrected(_ moment: ValueID, _ factor: ValueID) -> ValueID {
        b.divide(moment, b.broadcast(scalar: factor, to: leaf.shape))
      }
      let root = b.unary(.sqrt, corrected(next[1], x[5]))
      let move = b.divide(
        corrected(next[0], x[4]), b.add(root, b.constant(1e-8, like: root)))
      return [b.subtract(x[1], b.scale(move, by: 0.001))] + next
    }
  }

  /// The moments alone: what is computed again on the way back through the steps.
  var adamReplay: NestCase {
    let leaf = type(hidden, hidden)
    return NestCase(
      title: "Adam, moments",
      graph: graph([leaf, leaf, leaf]) { b, x in moments(b, x[0], x[1], x[2]) })
  }

  func adam() throws -> [NestCase] {
    let adjoint = try Differentiator().vjp(of: adamStep, wrt: [0, 1, 2, 3])
    let isFloat = adjoint.inputTypes.indices.filter { adjoint.inputTypes[$0].rank > 0 }
    return [
      NestCase(title: "Adam, step", graph: adamStep), adamReplay,
      NestCase(title: "Adam, VJP", graph: adjoint.keeping { $0.hasSuffix("_adj") }),
      NestCase(
        title: "Adam, tangent of the VJP",
        graph: try Differentiator().jvp(of: adjoint, tangentInputs: isFloat)
          .keeping { $0.hasSuffix("_adj_tan") }),
    ]
  }

  // MARK: Linear cross-entropy

  func crossEntropy() throws -> [NestCase] {
    let value = graph([type(tokens, width), type(words, width), indices]) { b, x in
      let op = StructuredOp(.linearCrossEntropy, .value)
      return [b.append(.structured(op), x)[0]]
    }
    let adjoint = try Differentiator().vjp(of: value, wrt: [0, 1])
    let name = "linear cross-entropy"
    return [
      NestCase(title: name, graph: value), NestCase(title: "\(name), adjoint", graph: adjoint),
      NestCase(
        title: "\(name), tangent of the adjoint",
        graph: try Differentiator().jvp(of: adjoint, tangentInputs: [0, 1])),
    ]
  }

  func all() throws -> [NestCase] {
    [
      chain(16), chain(tokens), function("exp", .exp), function("log", .log),
      function("tanh", .tanh), function("sin", .sin), function("cos", .cos),
      function("erf", .erf), rotation, softmax, norm, try normAdjoint(), columnSum, bothSums,
      lookup, scatter,
    ] + (try adam()) + (try crossEntropy())
  }
}

extension Graph {
  /// The graph with only those outputs whose names fit.
  func keeping(_ isKept: (String) -> Bool) -> Graph {
    var graph = self
    let kept = outputs.indices.filter { isKept(outputNames[$0]) }
    graph.outputs = kept.map { outputs[$0] }
    graph.outputNames = kept.map { outputNames[$0] }
    return graph
  }
}
