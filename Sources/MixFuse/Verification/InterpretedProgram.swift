// SPDX-License-Identifier: Apache-2.0
//
// A graph that is run by the interpreter, with arrays by name like a library's entry point, and how
// long that will take: the oracle is only of use if the user does not have to wait for it.

import Interpreter
import MixFuseRuntime
import Synchronization
import TensorIR

/// A graph, ready to be interpreted.
struct InterpretedProgram: Sendable {
  let graph: Graph

  /// The outputs for the given inputs, which may be of any element type; arrays that the graph does
  /// not read are passed over.
  ///
  /// - Cost: `estimatedSeconds`, once more for each call.
  /// - Throws: `RuntimeError.arrayMissing`, `EvaluationError`.
  func outputs(
    for inputs: NamedArrays, in precision: Precision = .float64, kinks: KinkLog? = nil
  ) throws -> NamedArrays {
    let operands = try zip(graph.inputNames, graph.inputTypes).map { name, type in
      guard let array = inputs[name], array.shape == type.shape else {
        throw RuntimeError.arrayMissing(name: name, expected: "\(type)")
      }
      return NumericArray(type, array.doubles())
    }
    let results = try Evaluator(precision: precision, kinks: kinks).evaluate(
      graph, inputs: operands)
    var outputs = NamedArrays()
    for (name, result) in zip(graph.outputNames, results) {
      outputs[name] = try NDArray(result.elements, shape: result.shape)
    }
    return outputs
  }

  /// About how long one evaluation takes in a release build, in seconds.
  var estimatedSeconds: Double { graph.interpreterNanoseconds * 1e-9 }
}

extension Graph {
  /// About how long the interpreter takes, from its speed on the development machine (Zen 3, 2.45
  /// GHz): every element read or written passes through an array of Doubles and of offsets.
  fileprivate var interpreterNanoseconds: Double {
    nodes.reduce(0) { sum, node in
      let moved = (node.operands + node.results).reduce(0) { $0 + type(of: $1).elementCount }
      switch node.op {
      case .contract(let labels):
        let products = labels.productCount(type(of: node.operands[0]), type(of: node.operands[1]))
        return sum + 1.5 * Double(products) + 5 * Double(moved) + 1000
      case .loop(let loop):
        let body = loop.body.interpreterNanoseconds
        return sum + Double(loop.tripCount) * body + 2 * Double(moved)
      case let op:
        let regions = op.regions.reduce(0) { $0 + $1.interpreterNanoseconds }
        return sum + 5 * Double(moved) + 500 + regions
      }
    }
  }
}

extension ThreadPool {
  /// The results of `body` for every item, in order, several at a time.
  ///
  /// - Throws: what `body` throws for the first item that fails.
  func map<Item: Sendable, Result: Sendable>(
    _ items: [Item], _ body: @Sendable (Item) throws -> Result
  ) throws -> [Result] {
    let results = Mutex<[Int: Swift.Result<Result, any Error>]>([:])
    forEach(items.count) { index, _ in
      let result = Swift.Result { try body(items[index]) }
      results.withLock { $0[index] = result }
    }
    return try results.withLock { $0.sorted { $0.key < $1.key } }.map { try $0.value.get() }
  }
}
