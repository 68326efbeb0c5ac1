// SPDX-License-Identifier: Apache-2.0
//
// Graphs as machine code against the interpreter, and with the same bits for any number of workers.

import Interpreter
import TensorIR
import TestSupport
import Testing

/// Compiles graphs, calls them on random inputs, and compares.
///
/// - Parameters:
///   - tolerance: of the largest error of an output; with `isRelative` relative to its largest
///     element, if that is above 1.
///   - magnitude: bound of the inputs.
/// - Returns: the compiled graphs.
@discardableResult
func checkAgainstInterpreter(
  _ graphs: [(name: String, graph: Graph)], tolerance: Double, isRelative: Bool = false,
  magnitude: Double = 1, sourceLocation: SourceLocation = #_sourceLocation
) throws -> CompiledGraphs {
  let library = try CompiledGraphs(graphs.map(\.graph))
  for (index, (name, graph)) in graphs.enumerated() {
    var generator = SeededGenerator(seed: UInt64(index) + 5)
    let inputs = graph.inputTypes.map { type in
      NumericArray(
        type,
        (0..<type.elementCount).map { _ in
          Double.random(in: -magnitude...magnitude, using: &generator)
        })
    }
    let expected = try Evaluator().evaluate(graph, inputs: inputs)
    let found = try library.call(index, inputs)
    for (expected, found) in zip(expected, found) {
      let error = zip(expected.elements, found.elements).map { abs($0 - $1) }.max() ?? 0
      let scale = isRelative ? max(1, expected.elements.map(\.magnitude).max() ?? 0) : 1
      #expect(error < tolerance * scale, "\(name)", sourceLocation: sourceLocation)
    }
    for workers in [2, 3] {
      let shared = try library.call(index, inputs, .init(workers: workers, rubbish: 0x7B))
      #expect(shared == found, "\(name), \(workers) workers", sourceLocation: sourceLocation)
    }
  }
  return library
}
