// SPDX-License-Identifier: Apache-2.0
//
// Loops, gradient ops, precision and errors of the evaluator.

import TensorIR
import Testing

@testable import Interpreter

@Suite("Loops")
struct LoopTests {
  /// Carry `x -> 2 x + slice + shift`, stacked output: the carry before the step, plus the index.
  private func loop(isReversed: Bool) -> Op {
    let body = GraphBuilder(name: "step")
    let index = body.input("index", .scalar(.i32))
    let x = body.input("x", .scalar(.f64))
    let slice = body.input("slice", .scalar(.f64))
    let shift = body.input("shift", .scalar(.f64))
    body.output("x", body.add(body.add(body.scale(x, by: 2), slice), shift))
    body.output("trace", body.add(x, body.convert(index, to: .f64)))
    return .loop(
      Loop(
        role: .other("steps"), tripCount: 3, carryCount: 1, stackedInputCount: 1,
        isReversed: isReversed,
        body: body.graph))
  }

  @Test("iterations run upwards")
  func forward() throws {
    let results = try apply(
      loop(isReversed: false), [array([], [1]), array([3], [10, 20, 30]), array([], [0.5])])
    #expect(results[0].elements == [121.5])  // 1, 12.5, 45.5, 121.5
    #expect(results[1].elements == [1, 12.5 + 1, 45.5 + 2])
  }

  @Test("a reversed loop runs downwards, with stacked arrays indexed by the iteration number")
  func reversed() throws {
    let results = try apply(
      loop(isReversed: true), [array([], [1]), array([3], [10, 20, 30]), array([], [0.5])])
    #expect(results[0].elements == [181.5])  // 1, 32.5, 85.5, 181.5
    #expect(results[1].elements == [85.5, 33.5, 3])
  }

  @Test("a loop without carries is a map over slices")
  func map() throws {
    let body = GraphBuilder(name: "task")
    _ = body.input("index", .scalar(.i32))
    let x = body.input("x", TensorType([2], .f64))
    body.output("sum", body.sum(x, axes: [0]))
    let loop = Loop(
      role: .tasks, tripCount: 3, carryCount: 0, stackedInputCount: 1, body: body.graph)
    #expect(try elements(.loop(loop), counting([3, 2])) == [1, 5, 9])
  }
}

@Suite("The evaluator")
struct EvaluatorTests {
  /// `x * y` and its gradient, written by hand.
  private func productAndGradient(_ gradient: GradientOp) -> Graph {
    let builder = GraphBuilder(name: "expanded")
    let x = builder.input("x", .scalar(.f64))
    let y = builder.input("y", .scalar(.f64))
    builder.output("value", builder.multiply(x, y))
    for operand in gradient.wrt { builder.output("derivative", operand == 0 ? y : x) }
    return builder.graph
  }

  private var gradientOfProduct: Graph {
    let function = GraphBuilder(name: "product")
    let x = function.input("x", .scalar(.f64))
    let y = function.input("y", .scalar(.f64))
    function.output("value", function.multiply(x, y))
    let builder = GraphBuilder(name: "gradient")
    let inputs = [builder.input("x", .scalar(.f64)), builder.input("y", .scalar(.f64))]
    let gradient = GradientOp(function: function.graph, wrt: [1, 0])
    let results = builder.withProvenance(Provenance(location: "a.mix:3:1")) {
      builder.append(.gradient(gradient), inputs)
    }
    for result in results { builder.output("result", result) }
    return builder.graph
  }

  @Test("a gradient op is what its expansion computes")
  func gradient() throws {
    let evaluator = Evaluator(expandGradient: productAndGradient)
    let results = try evaluator.evaluate(
      gradientOfProduct, inputs: [array([], [3]), array([], [5])])
    #expect(results.map(\.elements) == [[15], [3], [5]])
  }

  @Test("a gradient op without an expansion is an error with its place")
  func gradientWithoutExpansion() {
    let error = EvaluationError.gradientNotExpanded(
      provenance: Provenance(location: "a.mix:3:1"))
    #expect(throws: error) {
      try Evaluator().evaluate(gradientOfProduct, inputs: [array([], [3]), array([], [5])])
    }
    #expect("\(error)".contains("a.mix:3:1"))
  }

  @Test("inputs of another number or type are errors")
  func wrongInputs() {
    let builder = GraphBuilder(name: "identity")
    builder.output("y", builder.input("x", TensorType([2], .f64)))
    #expect(throws: EvaluationError.inputCount(expected: 1, found: 0)) {
      try Evaluator().evaluate(builder.graph, inputs: [])
    }
    let expected = TensorType([2], .f64)
    let found = TensorType([3], .f64)
    #expect(throws: EvaluationError.inputType(name: "x", expected: expected, found: found)) {
      try Evaluator().evaluate(builder.graph, inputs: [counting([3])])
    }
  }

  // MARK: Precision

  @Test("in float32 every input and every result is a Float")
  func float32() throws {
    let identity = try elements(.stopGradient, array([1], [0.1]), precision: .float32)
    #expect(identity == [Double(Float(0.1))])
    let sum = try elements(.binary(.add), array([], [1]), array([], [1e-9]), precision: .float32)
    #expect(sum == [1])
    let third = try elements(.binary(.divide), array([], [1]), array([], [3]), precision: .float32)
    #expect(third == [Double(Float(1) / Float(3))])
    let constant = try elements(.constant(0.1, .scalar(.f32)), precision: .float32)
    #expect(constant == [Double(Float(0.1))])
  }

  @Test("in float32 sums and contractions round as a Float loop does")
  func float32Accumulation() throws {
    let numbers = (1...200).map { 1 / Double($0) }
    let floats = numbers.map { Float($0) }
    let sum = floats.dropFirst().reduce(floats[0], +)
    let found = try elements(.reduce(.sum, axes: [0]), array([200], numbers), precision: .float32)
    #expect(found == [Double(sum)])
    let squares = floats.reduce(Float(0)) { $0 + $1 * $1 }
    let dot = Op.contract(ContractionLabels(lhs: [0], rhs: [0], output: []))
    let x = array([200], numbers)
    #expect(try elements(dot, x, x, precision: .float32) == [Double(squares)])
    #expect(try elements(dot, x, x, precision: .float64) != [Double(squares)])
  }

  @Test("perturbed precisions move what is computed by a last place, each draw otherwise")
  func perturbed() throws {
    let (x, y) = (array([], [0.1]), array([], [0.7]))
    func product(_ precision: Precision) throws -> Double {
      try elements(.binary(.multiply), x, y, precision: precision)[0]
    }
    let single = try (0..<50).map { try product(.perturbed32(Perturbation(draw: $0))) }
    #expect(Set(single).count > 1 && single.allSatisfy { abs($0 / 0.07 - 1) < 0x1p-22 })
    let double = try (0..<50).map { try product(.perturbed64(Perturbation(draw: $0))) }
    #expect(Set(double).count > 1 && double.allSatisfy { abs($0 / 0.07 - 1) < 0x1p-50 })
    #expect(try product(.perturbed32(Perturbation(draw: 7))) == single[7])
  }

  @Test("perturbed precisions leave whole numbers, choices and copies as they are")
  func unperturbed() throws {
    let (x, y) = (array([], [1.5]), array([], [0.5]))
    for draw in 0..<20 {
      let noise = Perturbation(draw: draw)
      for precision in [Precision.perturbed32(noise), .perturbed64(noise)] {
        #expect(try elements(.binary(.add), x, y, precision: precision) == [2])
        #expect(try elements(.binary(.maximum), x, y, precision: precision) == [1.5])
        #expect(try elements(.unary(.negate), x, precision: precision) == [-1.5])
      }
    }
  }

  @Test("a value that is computed twice differs if nodes are perturbed one by one")
  func perturbedByNode() throws {
    let builder = GraphBuilder(name: "twice")
    let x = builder.input("x", .scalar(.f64))
    builder.output("zero", builder.subtract(builder.unary(.exp, x), builder.unary(.exp, x)))
    func zero(_ isByNode: Bool, _ draw: Int) throws -> Double {
      let noise = Perturbation(draw: draw, isByNode: isByNode)
      return try Evaluator(precision: .perturbed64(noise))
        .evaluate(builder.graph, inputs: [array([], [0.3])])[0].elements[0]
    }
    #expect(try (0..<20).allSatisfy { try zero(false, $0) == 0 })
    #expect(try (0..<20).contains { try zero(true, $0) != 0 })
  }

  @Test("kinks that an evaluation meets exactly are noted, smooth functions are not")
  func kinks() throws {
    func meetsKink(_ op: Op, _ operands: NumericArray...) -> Bool { isOnKink(op, operands) }
    let (zero, one, two) = (array([2], [1, 0]), array([2], [1, 1]), array([2], [2, 3]))
    #expect(meetsKink(.unary(.abs), zero) && !meetsKink(.unary(.abs), one))
    #expect(meetsKink(.binary(.maximum), zero, one) && !meetsKink(.binary(.maximum), one, two))
    #expect(meetsKink(.compare(.less), zero, one) && !meetsKink(.compare(.less), one, two))
    #expect(meetsKink(.reduce(.maximum, axes: [0]), one))
    #expect(!meetsKink(.reduce(.maximum, axes: [0]), two))
    #expect(!meetsKink(.unary(.softplus), zero) && !meetsKink(.unary(.tanh), zero))
    let builder = GraphBuilder(name: "kink")
    let x = builder.input("x", .scalar(.f64))
    builder.output("y", builder.unary(.abs, builder.unary(.sin, x)))
    for (value, isKink) in [(0.0, true), (0.5, false)] {
      let log = KinkLog()
      _ = try Evaluator(kinks: log).evaluate(builder.graph, inputs: [array([], [value])])
      #expect((log.first != nil) == isKink)
    }
  }

  @Test("integers stay exact in float32")
  func integersInFloat32() throws {
    let large = integers([], [16_777_217])
    let result = try elements(.binary(.add), large, integers([], [2]), precision: .float32)
    #expect(result == [16_777_219])
  }
}
