// SPDX-License-Identifier: Apache-2.0
//
// Writes the C of the programs that nests.py measures: loop nests of every kind, the optimiser's
// update and its derivatives, linear cross-entropy. Each is built as a graph, differentiated where
// its title says so, and goes through the compiler's own passes, scheduler and emitter.
//
// Arguments: element type (f32 or f64), vector bytes and the folder to write to: nests.c has the
// programs and a table `cases` that nests_driver.c walks, peak.c what they are measured against.

import CEmission
import Differentiation
import Foundation
import Optimization
import Scheduling
import TensorIR

/// A program to be measured.
struct Case {
  var title: String
  var graph: Graph
}

/// The parts of a transformer's step, in the sizes of a small one.
struct Programs {
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

  func chain(_ rows: Int) -> Case {
    let array = type(rows, hidden)
    return Case(
      title: "z = x y + y (1 - x)",
      graph: graph([array, array]) { b, x in
        let one = b.constant(1, like: x[0])
        return [b.add(b.multiply(x[0], x[1]), b.multiply(x[1], b.subtract(one, x[0])))]
      })
  }

  func function(_ name: String, _ function: UnaryFunction) -> Case {
    Case(
      title: name, graph: graph([type(tokens, width)]) { b, x in [b.unary(function, x[0])] })
  }

  /// The rotation of queries by their positions.
  var rotation: Case {
    let (shape, half) = ([2, tokens / 2, 4, 64], [2, tokens / 2, 4, 32])
    return Case(
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

  var softmax: Case {
    Case(
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

  var norm: Case { Case(title: "rms_norm", graph: normalization) }

  func normAdjoint() throws -> Case {
    Case(
      title: "rms_norm, VJP", graph: try Differentiator().vjp(of: normalization, wrt: [0, 1]))
  }

  var columnSum: Case {
    Case(
      title: "sum over tokens",
      graph: graph([type(tokens, hidden)]) { b, x in [b.sum(x[0], axes: [0])] })
  }

  /// A sum over tokens beside one over each row, as in the adjoint of a norm's gain.
  var bothSums: Case {
    let array = type(tokens, hidden)
    return Case(
      title: "sums over tokens and rows",
      graph: graph([array, array]) { b, x in
        let product = b.multiply(x[0], x[1])
        return [b.sum(product, axes: [0]), b.sum(product, axes: [1])]
      })
  }

  // MARK: Rows by index

  private var indices: TensorType { TensorType([tokens], .i32) }

  var lookup: Case {
    Case(
      title: "rows looked up",
      graph: graph([type(words, width), indices]) { b, x in [b.gather(x[0], x[1])] })
  }

  var scatter: Case {
    Case(
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
  var adamReplay: Case {
    let leaf = type(hidden, hidden)
    return Case(
      title: "Adam, moments",
      graph: graph([leaf, leaf, leaf]) { b, x in moments(b, x[0], x[1], x[2]) })
  }

  func adam() throws -> [Case] {
    let adjoint = try Differentiator().vjp(of: adamStep, wrt: [0, 1, 2, 3])
    let isFloat = adjoint.inputTypes.indices.filter { adjoint.inputTypes[$0].rank > 0 }
    return [
      Case(title: "Adam, step", graph: adamStep), adamReplay,
      Case(title: "Adam, VJP", graph: adjoint.keeping { $0.hasSuffix("_adj") }),
      Case(
        title: "Adam, tangent of the VJP",
        graph: try Differentiator().jvp(of: adjoint, tangentInputs: isFloat)
          .keeping { $0.hasSuffix("_adj_tan") }),
    ]
  }

  // MARK: Linear cross-entropy

  func crossEntropy() throws -> [Case] {
    let value = graph([type(tokens, width), type(words, width), indices]) { b, x in
      let op = StructuredOp(.linearCrossEntropy, .value)
      return [b.append(.structured(op), x)[0]]
    }
    let adjoint = try Differentiator().vjp(of: value, wrt: [0, 1])
    let name = "linear cross-entropy"
    return [
      Case(title: name, graph: value), Case(title: "\(name), adjoint", graph: adjoint),
      Case(
        title: "\(name), tangent of the adjoint",
        graph: try Differentiator().jvp(of: adjoint, tangentInputs: [0, 1])),
    ]
  }

  func all() throws -> [Case] {
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

/// The passes that `mixfuse build` runs, in its order.
let passes: [Pass] = [
  .removeStopGradients, .lowerLinearCrossEntropy, .inlineSingleTripLoops, .simplifyAlgebra,
  .eliminateCommonSubexpressions, .simplifyLoops, .eliminateDeadCode, .hoistLoopInvariants,
  .simplifyAlgebra, .eliminateCommonSubexpressions, .simplifyLoops, .simplifyAlgebra,
  .eliminateCommonSubexpressions, .eliminateDeadCode,
]

/// The C of one row of the table: the arrays of a program, and the program.
func tableRow(_ number: Int, _ title: String, _ program: Program) -> (arrays: String, row: String) {
  let arrays = program.inputs.map { ($0.type, $0.indexBound ?? 0) }
    + program.outputs.map { ($0.type, 0) }
  let fields = arrays.map { type, bound in
    "{\(type.byteCount), \(type.dtype.isFloat ? type.dtype.byteCount : 0), \(bound)}"
  }
  let shape = program.inputs.first?.type.shape.map { "\($0)" }.joined(separator: " x ") ?? ""
  return (
    "static const nest_array arrays_\(number)[] = {\(fields.joined(separator: ", "))};\n",
    "  {\"\(title)\", \"\(shape)\", run_\(number), arrays_\(number), \(program.inputs.count), "
      + "\(program.outputs.count), \(program.arenaBytes), \(program.workerArenaBytes), "
      + "\(program.flops)},\n"
  )
}

let arguments = CommandLine.arguments
guard arguments.count == 4, ["f32", "f64"].contains(arguments[1]),
  let vectorBytes = Int(arguments[2])
else {
  FileHandle.standardError.write(Data("usage: emit f32|f64 VECTOR-BYTES FOLDER\n".utf8))
  exit(1)
}
let target = ContractionTarget(vectorBytes: vectorBytes, secondCacheBytes: 1 << 20)
let options = ScheduleOptions(scratchBytes: { scratchBytes(of: $0, for: target) })
let cases = try Programs(dtype: arguments[1] == "f32" ? .f32 : .f64).all()
let programs = cases.enumerated().map { number, item in
  schedule(
    runPasses(item.graph, passes) { _, _ in }, named: "case\(number)", options: options)
}
var text =
  emitLibrary(named: "nests", entryPoints: programs, banner: [], for: target).source
  + "\n#include \"nests_driver.h\"\n"
var rows = ""
for (number, (item, program)) in zip(cases, programs).enumerated() {
  text += """
    static int32_t run_\(number)(const void *const *inputs, void *const *outputs, void *arena,
        const mixfuse_parallel *parallel) {
      return nests_case\(number)((const nests_case\(number)_inputs *)(const void *)inputs,
          (const nests_case\(number)_outputs *)(const void *)outputs, arena, parallel);
    }

    """
  let (arrays, row) = tableRow(number, item.title, program)
  text += arrays
  rows += row
}
text += "const nest_case cases[] = {\n\(rows)};\nconst int case_count = \(cases.count);\n"
let peak = RuntimeHelpers.closure(of: ["mf_machine_peak"]).map { RuntimeHelpers.text(of: $0) }
let folder = URL(filePath: arguments[3])
try text.write(to: folder.appending(path: "nests.c"), atomically: true, encoding: .utf8)
try peak.joined(separator: "\n").write(
  to: folder.appending(path: "peak.c"), atomically: true, encoding: .utf8)
