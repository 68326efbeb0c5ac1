// SPDX-License-Identifier: Apache-2.0
//
// One graph with every op of the catalogue, for tests of the text form and the verifier.

import TensorIR

/// Uses each op family with non-trivial attributes, two regions and several kinds of provenance.
func graphWithEveryOp() -> Graph {
  let builder = GraphBuilder(name: "every \"op\"")
  let x = builder.input("x", TensorType([2, 3], .f64))
  let rows = builder.input("rows", TensorType([4], .i32))
  var values = [x]
  builder.withProvenance(Provenance(location: "a.mix:1:2", rules: ["vjp of f, in x", "jvp"])) {
    for function in UnaryFunction.allCases { values.append(builder.unary(function, x)) }
    for function in BinaryFunction.allCases {
      let whole = builder.iota(axis: 0, shape: [2, 3])
      let operand = function.isForFloats ? x : whole
      values.append(builder.convert(builder.add(.binary(function), operand, operand), to: .f64))
    }
  }
  for comparison in Comparison.allCases {
    let condition = builder.compare(comparison, x, x)
    values.append(builder.select(condition, x, x))
  }
  values.append(builder.convert(builder.convert(x, to: .f32), to: .f64))
  values.append(builder.stopGradient(x))
  for word in ThreefryWord.allCases {
    let number = builder.iota(axis: 1, shape: [2, 3])
    let bits = builder.add(.threefry(word), number, number, number, number)
    values.append(builder.convert(bits, to: .f64))
  }
  for number in [0.1, -0.0, .leastNonzeroMagnitude, 1e300, .infinity, -.infinity] {
    values.append(builder.constant(number, .scalar(.f64)))
  }
  builder.withProvenance(Provenance(rules: ["without a \\ place"])) {
    values.append(builder.convert(builder.iota(axis: 1, shape: [2, 3]), to: .f64))
    values.append(builder.broadcast(x, to: [2, 4, 3], axes: [0, 2]))
    values.append(builder.reshape(x, to: [6]))
    values.append(builder.transpose(x, [1, 0]))
    values.append(builder.slice(x, starts: [0, 1], shape: [2, 2]))
    values.append(builder.pad(x, low: [0, 1], high: [2, 0]))
    let windows = AxisWindows(axis: 1, start: 2, count: 2, size: 2, stride: -1, dilation: -1)
    let read = builder.add(.windows(windows), x)
    values += [read, builder.add(.sumWindows(windows, extent: 4), read)]
    values.append(builder.concatenate([x, x], axis: 1))
    values.append(builder.add(.cumulativeSum(axis: 1, isReversed: false), x))
    values.append(builder.add(.cumulativeSum(axis: 0, isReversed: true), x))
    for reduction in Reduction.allCases { values.append(builder.reduce(reduction, x, axes: [1])) }
  }
  let gram = ContractionLabels(lhs: [0, 1], rhs: [2, 1], output: [2, 0])
  values.append(builder.contract(x, x, gram))
  let bound = PositionBound(limit: 2, subject: "rows[\"a\"]", purpose: "a position of x")
  values.append(builder.checkPositions(rows, bound))
  let taken = builder.gather(x, rows)
  values += [taken, builder.scatterAdd(rows, taken, rows: 5)]
  values += structuredOps(builder)
  values += builder.append(.loop(exampleLoop()), [x, builder.reshape(x, to: [3, 2])])
  values += builder.append(.gradient(exampleGradient()), [x])
  let gradient = exampleGradient()
  values += builder.append(.jvp(JVPOp(function: gradient.function, wrt: gradient.wrt)), [x, x])
  for (index, value) in values.enumerated() { builder.output("y\(index)", value) }
  return builder.graph
}

/// The results of each structured function at each derivative order.
private func structuredOps(_ builder: GraphBuilder) -> [ValueID] {
  let q = builder.constant(0.5, TensorType([1, 2, 4, 3], .f64))
  let k = builder.constant(0.25, TensorType([1, 2, 2, 3], .f64))
  let relative = builder.constant(0.5, TensorType([1, 4, 3], .f64))
  let bias = builder.constant(-0.5, TensorType([1, 1, 2, 2], .f64))
  let lengths = builder.constant(1, TensorType([1], .i32))
  let mask = builder.compare(.less, bias, builder.constant(0, like: bias))
  let full = AttentionScores(
    scale: 0.5, isCausal: true, window: 7, prefix: 1, softcap: 30, relative: .moving, bias: .fixed,
    hasLengths: true, hasMask: true)
  let x = builder.constant(0.5, TensorType([4, 3], .f64))
  let w = builder.constant(0.25, TensorType([5, 3], .f64))
  let labels = builder.iota(axis: 0, shape: [4])
  let cases: [(StructuredFunction, operands: [ValueID])] = [
    (.attention(AttentionScores(scale: 0.5, isCausal: true)), [q, k, k]),
    (.attention(AttentionScores(scale: 1e-3)), [q, k, k]),
    (.attention(full), [q, k, k, relative, bias, lengths, mask]),
    (
      .attention(AttentionScores(scale: 1, window: 0, relative: .fixed, bias: .moving)),
      [q, k, k, relative, bias]
    ),
    (.linearCrossEntropy, [x, w, labels]),
  ]
  return cases.flatMap { function, operands in
    let inputs = function.inputPositions.map { operands[$0] }
    let known = builder.append(.structured(StructuredOp(function)), operands)
    let (y, s) = (known[0], known[1])
    func append(_ order: DerivativeOrder, _ more: [ValueID]) -> [ValueID] {
      builder.append(.structured(StructuredOp(function, order)), operands + known + more)
    }
    return known + append(.tangent, inputs) + append(.adjoint, [y])
      + append(.adjointTangent, [y] + inputs + [y, s, y])
  }
}

/// Carries a `[2, 3]` array, takes slices `[2]`, has one stacked output.
private func exampleLoop() -> Loop {
  let body = GraphBuilder(name: "step")
  _ = body.input("index", .scalar(.i32))
  let carry = body.input("carry", TensorType([2, 3], .f64))
  let slice = body.input("slice", TensorType([2], .f64))
  body.output("carry", body.add(carry, body.broadcast(slice, to: [2, 3], axes: [0])))
  body.output("slice", body.negate(slice))
  return Loop(
    role: .innerSteps, tripCount: 3, carryCount: 1, stackedInputCount: 1, isReversed: true,
    savePolicy: .carriesAndGradients, body: body.graph)
}

private func exampleGradient() -> GradientOp {
  let function = GraphBuilder(name: "loss")
  let x = function.input("x", TensorType([2, 3], .f64))
  function.output("loss", function.sum(x, axes: [0, 1]))
  return GradientOp(function: function.graph, wrt: [0])
}
