// SPDX-License-Identifier: Apache-2.0
//
// Sines and cosines of angles that vector lanes cannot reduce, in kernels of every kind: such that can
// be run again, such that write over what they read, after a contraction, in short rows.

import Interpreter
import TensorIR
import TestSupport
import Testing

@Suite("Angles of any size")
struct AngleTests {
  /// Small whole numbers times `unit`; every product of a few is exact in f32.
  private func numbers(_ type: TensorType, times unit: Double, seed: UInt64) -> NumericArray {
    var generator = SeededGenerator(seed: seed)
    return NumericArray(
      type,
      (0..<type.elementCount).map { _ in Double(Int.random(in: -3...3, using: &generator)) * unit })
  }

  private func graphs(_ dtype: DType) -> [(name: String, graph: Graph)] {
    func array(_ shape: Int...) -> TensorType { TensorType(shape, dtype) }
    return [
      ("plain", graph([array(1000)]) { b, x in [b.unary(.sin, x[0]), b.unary(.cos, x[0])] }),
      (
        "short rows",
        graph([array(9, 7)]) { b, x in
          [b.reduce(.sum, b.unary(.sin, x[0]), axes: [1]), b.unary(.cos, x[0])]
        }
      ),
      (
        "column sums",
        graph([array(50, 33)]) { b, x in [b.reduce(.sum, b.unary(.cos, x[0]), axes: [0])] }
      ),
      ("in place", graph([array(300), array(300)]) { b, x in [carried(b, x[0], x[1])] }),
      (
        "after a contraction",
        graph([array(96, 40), array(40, 80)]) { b, x in
          [b.unary(.sin, b.contract(x[0], x[1], .matrixProduct))]
        }
      ),
    ]
  }

  /// `h = sin(h) + x`, three times over.
  private func carried(_ b: GraphBuilder, _ h: ValueID, _ x: ValueID) -> ValueID {
    let body = GraphBuilder(name: "body")
    _ = body.input("i", .scalar(.i32))
    let carry = body.input("h", b.type(of: h))
    let addend = body.input("x", b.type(of: x))
    body.output("h", body.add(body.unary(.sin, carry), addend))
    let loop = Loop(
      role: .other("repeat"), tripCount: 3, carryCount: 1, stackedInputCount: 0, body: body.graph)
    return b.append(.loop(loop), [h, x])[0]
  }

  @Test("are right", arguments: [DType.f32, .f64], [1, 0x1p20, 0x1p28, 0x1p52])
  func right(_ dtype: DType, _ unit: Double) throws {
    let graphs = graphs(dtype)
    let library = try CompiledGraphs(graphs.map(\.graph))
    for (index, (name, graph)) in graphs.enumerated() {
      // The second factor of a contraction, and what is added in the loop, stay small.
      let inputs = graph.inputTypes.enumerated().map { position, type in
        numbers(type, times: position == 0 ? unit : 1, seed: UInt64(index))
      }
      let precision = dtype == .f32 ? Precision.float32 : .float64
      let expected = try Evaluator(precision: precision).evaluate(graph, inputs: inputs)
      let tolerance = (dtype == .f32 ? 1e-6 : 1e-15) * (name.contains("sums") ? 100 : 10)
      let found = try library.call(index, inputs)
      for (expected, found) in zip(expected, found) {
        let error = zip(expected.elements, found.elements).map { abs($0 - $1) }.max() ?? 0
        #expect(error <= tolerance, "\(name) of \(dtype) times \(unit)")
      }
      for workers in [2, 3] {
        let shared = try library.call(index, inputs, .init(workers: workers))
        #expect(shared == found, "\(name), \(workers) workers")
      }
    }
  }

  /// The bodies of the functions of a C text, by name.
  private func functions(in text: String) -> [(name: String, body: String)] {
    var functions: [(name: String, body: String)] = []
    var signature = ""
    var body: String?
    for line in text.split(separator: "\n") {
      if line == "}" {
        let name = signature.prefix { $0 != "(" }.split { " *".contains($0) }.last ?? ""
        if let body { functions.append((String(name), body)) }
        (signature, body) = ("", nil)
      } else if body != nil {
        body? += line + "\n"
      } else {
        // A signature may have several lines; it begins at the margin.
        signature = line.hasPrefix(" ") ? signature + line : String(line)
        if line.hasSuffix("{") { body = "" }
      }
    }
    return functions
  }

  @Test(
    "a function for angles of any size calls no helper for small ones",
    arguments: [DType.f32, .f64])
  func farHelpers(_ dtype: DType) throws {
    let text = try CompiledGraphs(graphs(dtype).map(\.graph)).text
    let far = functions(in: text).filter { $0.name.hasSuffix("_far") && !$0.name.hasPrefix("mf_") }
    // Of `graphs`, each has one.
    #expect(far.count == graphs(dtype).count, "\(far.map(\.name))")
    let calls = try Regex(#"\bmf_(sin|cos|sincos)(_far)?_f(32|64)\("#)
    for (name, body) in far {
      let called = body.matches(of: calls).map { body[$0.range] }
      #expect(!called.isEmpty && called.allSatisfy { $0.contains("_far_") }, "\(name): \(called)")
    }
  }

  @Test("one large angle among small ones is enough, and so is NaN", arguments: [DType.f32, .f64])
  func single(_ dtype: DType) throws {
    let graphs = graphs(dtype)
    let library = try CompiledGraphs(graphs.map(\.graph))
    for (index, graph) in graphs.map(\.graph).enumerated() where graph.inputTypes.count == 1 {
      var input = numbers(graph.inputTypes[0], times: 1, seed: 2)
      input.elements[input.elements.count / 3] = 0x1p100
      for special in [Double.nan, .infinity, 0x1p60] {
        input.elements[3] = special
        let expected = try Evaluator().evaluate(graph, inputs: [input])
        let found = try library.call(index, [input])
        for (expected, found) in zip(expected, found) {
          for (expected, found) in zip(expected.elements, found.elements) {
            let isSame = abs(expected - found) <= 1e-5 || expected.isNaN && found.isNaN
            #expect(isSame, "\(found), not \(expected)")
          }
        }
        // The choice is made for each unit by itself.
        for workers in [2, 3, 7] {
          let shared = try library.call(index, [input], .init(workers: workers))
          let isSame = zip(found, shared).allSatisfy { a, b in
            zip(a.elements, b.elements).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN }
          }
          #expect(isSame, "\(graphs[index].name), \(workers) workers")
        }
      }
    }
  }
}
