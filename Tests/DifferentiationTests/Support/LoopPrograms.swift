// SPDX-License-Identifier: Apache-2.0
//
// Test programs with loops: every save policy and direction, carries that come and go, maps, loops
// in loops, and a gradient inside a loop.

import TensorIR

/// All loop programs.
var loopPrograms: [TestProgram] {
  var programs: [TestProgram] = []
  for policy in SavePolicy.allCases {
    for isReversed in [false, true] {
      programs.append(recurrence(policy, isReversed: isReversed))
    }
    programs.append(nestedLoops(policy))
    programs.append(trainingLoop(policy))
  }
  return programs + [parallelMap, rotatingCarries, carryWithoutEffect, limitedLoop]
}

/// `h = tanh(a h + x_i + i)`, with the intermediate values and an untouched constant carry:
/// carries, stacked inputs and outputs, an invariant and the iteration index.
func recurrence(_ policy: SavePolicy, isReversed: Bool) -> TestProgram {
  let body = GraphBuilder(name: "step")
  let index = body.input("i", .scalar(.i32))
  let h = body.input("h", f64(3))
  let x = body.input("x", f64(3))
  let a = body.input("a", f64(3))
  let position = body.convert(index, to: .f64)
  let shift = body.broadcast(scalar: body.scale(position, by: 0.1), to: [3])
  let sum = body.add(body.add(body.multiply(a, h), x), shift)
  let next = body.unary(.tanh, sum)
  body.output("h", next)
  body.output("y", body.multiply(next, body.unary(.exp, a)))
  let loop = Loop(
    role: .other("recurrence"), tripCount: 4, carryCount: 1, stackedInputCount: 1,
    isReversed: isReversed, savePolicy: policy, body: body.graph)
  let name = "loop, save \(policy.rawValue)\(isReversed ? ", reversed" : "")"
  return TestProgram(name, [(f64(3), .real), (f64(4, 3), .real), (f64(3), .real)]) {
    builder, inputs in builder.append(.loop(loop), inputs)
  }
}

/// `h = h + tanh(h w_l)` over three layers: operands `h: [2]`, `w: [3, 2, 2]`.
func layerLoop(_ policy: SavePolicy) -> Loop {
  let layer = GraphBuilder(name: "layer")
  _ = layer.input("l", .scalar(.i32))
  let h = layer.input("h", f64(2))
  let w = layer.input("w", f64(2, 2))
  let product = layer.contract(h, w, ContractionLabels(lhs: [0], rhs: [0, 1], output: [1]))
  let activated = layer.unary(.tanh, product)
  layer.output("h", layer.add(h, activated))
  return Loop(
    role: .layers, tripCount: 3, carryCount: 1, stackedInputCount: 1, savePolicy: policy,
    body: layer.graph)
}

/// A loop over layers inside a loop over steps.
func nestedLoops(_ policy: SavePolicy) -> TestProgram {
  let step = GraphBuilder(name: "step")
  _ = step.input("i", .scalar(.i32))
  let state = step.input("state", f64(2))
  let x = step.input("x", f64(2))
  let weights = step.input("weights", f64(3, 2, 2))
  let out = step.append(.loop(layerLoop(policy)), [step.multiply(state, x), weights])[0]
  step.output("state", step.unary(.sin, out))
  let steps = Loop(
    role: .other("steps"), tripCount: 2, carryCount: 1, stackedInputCount: 1, savePolicy: policy,
    body: step.graph)
  return TestProgram(
    "nested loops, save \(policy.rawValue)",
    [(f64(2), .real), (f64(2, 2), .real), (f64(3, 2, 2), .real)]
  ) { builder, inputs in builder.append(.loop(steps), inputs) }
}

/// Two steps of gradient descent: a `gradient` op in a loop.
func trainingLoop(_ policy: SavePolicy) -> TestProgram {
  let function = GraphBuilder(name: "loss")
  let w = function.input("w", f64(3))
  let scale = function.input("scale", f64(3))
  let y = function.unary(.sin, function.multiply(w, scale))
  function.output("loss", function.sum(function.multiply(y, y), axes: [0]))
  let op = GradientOp(function: function.graph, wrt: [0])

  let body = GraphBuilder(name: "inner step")
  _ = body.input("i", .scalar(.i32))
  let theta = body.input("theta", f64(3))
  let eta = body.input("eta", f64(3))
  let results = body.append(.gradient(op), [theta, eta])
  let rate = body.unary(.logistic, eta)
  body.output("theta", body.subtract(theta, body.multiply(rate, results[1])))
  body.output("inner_loss", results[0])
  let loop = Loop(
    role: .innerSteps, tripCount: 2, carryCount: 1, stackedInputCount: 0, savePolicy: policy,
    body: body.graph)
  return TestProgram(
    "training loop, save \(policy.rawValue)", [(f64(3), .real), (f64(3), .real)]
  ) { builder, inputs in builder.append(.loop(loop), inputs) }
}

/// No carries: independent iterations with a shared invariant.
private var parallelMap: TestProgram {
  let body = GraphBuilder(name: "map")
  _ = body.input("i", .scalar(.i32))
  let x = body.input("x", f64(2))
  let w = body.input("w", f64(2))
  body.output("y", body.unary(.tanh, body.multiply(x, w)))
  let loop = Loop(
    role: .other("map"), tripCount: 3, carryCount: 0, stackedInputCount: 1, body: body.graph)
  return TestProgram("map", [(f64(3, 2), .real), (f64(2), .real)]) { builder, inputs in
    builder.append(.loop(loop), inputs)
  }
}

/// Carries that swap places, so that which of them varies takes several iterations to settle; the
/// third starts constant, the last is an integer.
private var rotatingCarries: TestProgram {
  let body = GraphBuilder(name: "rotate")
  let index = body.input("i", .scalar(.i32))
  let a = body.input("a", f64(2))
  let b = body.input("b", f64(2))
  let c = body.input("c", f64(2))
  let count = body.input("count", .scalar(.i32))
  body.output("a", b)
  body.output("b", c)
  body.output("c", body.unary(.sin, body.multiply(a, body.constant(1.5, f64(2)))))
  body.output("count", body.add(count, index))
  let scale = body.broadcast(scalar: body.convert(count, to: .f64), to: [2])
  body.output("y", body.multiply(scale, a))
  let loop = Loop(
    role: .other("rotate"), tripCount: 5, carryCount: 4, stackedInputCount: 0, body: body.graph)
  return TestProgram("rotating carries", [(f64(2), .real)]) { builder, inputs in
    let one = builder.constant(1, f64(2))
    let start = builder.constant(0, .scalar(.i32))
    let results = builder.append(.loop(loop), [inputs[0], one, one, start])
    return [results[2], results[4]]
  }
}

/// A carry that is overwritten by a constant: its start matters only in the first iteration.
private var carryWithoutEffect: TestProgram {
  let body = GraphBuilder(name: "overwrite")
  _ = body.input("i", .scalar(.i32))
  let a = body.input("a", f64(2))
  let sum = body.input("sum", f64(2))
  body.output("a", body.constant(0.5, f64(2)))
  body.output("sum", body.add(sum, body.unary(.sin, a)))
  let loop = Loop(
    role: .other("overwrite"), tripCount: 3, carryCount: 2, stackedInputCount: 0,
    savePolicy: .carries,
    body: body.graph)
  return TestProgram("overwritten carry", [(f64(2), .real)]) { builder, inputs in
    builder.append(.loop(loop), [inputs[0], builder.constant(0, f64(2))])
  }
}

/// A loop in a loop that runs as often as the outer one has run before: 0, 1 and 2 times.
private var limitedLoop: TestProgram {
  let inner = GraphBuilder(name: "inner")
  _ = inner.input("j", .scalar(.i32))
  let h = inner.input("h", f64(2))
  let x = inner.input("x", f64(2))
  let w = inner.input("w", f64(2))
  _ = inner.input("limit", .scalar(.i32))
  inner.output("h", inner.unary(.tanh, inner.add(inner.multiply(w, h), x)))
  let limited = Loop(
    role: .other("limited"), tripCount: 3, carryCount: 1, stackedInputCount: 1, isLimited: true,
    body: inner.graph)

  let outer = GraphBuilder(name: "outer")
  let index = outer.input("i", .scalar(.i32))
  let start = outer.input("start", f64(2))
  let xs = outer.input("xs", f64(3, 2))
  let w2 = outer.input("w", f64(2))
  outer.output("y", outer.append(.loop(limited), [start, xs, w2, index])[0])
  let loop = Loop(
    role: .other("outer"), tripCount: 3, carryCount: 0, stackedInputCount: 0, body: outer.graph)
  return TestProgram("limited loop", [(f64(2), .real), (f64(3, 2), .real), (f64(2), .real)]) {
    builder, inputs in builder.append(.loop(loop), inputs)
  }
}
