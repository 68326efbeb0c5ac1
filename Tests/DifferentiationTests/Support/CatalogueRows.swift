// SPDX-License-Identifier: Apache-2.0
//
// Test data for the op catalogue: for each op at least one program that applies it, at operands
// inside its domain. `row(of:)` has no `default:`, so a new op does not compile without a row here.

import TensorIR

/// The rows of the table; one for each case of `Op`.
enum CatalogueRow: String, CaseIterable {
  case unary, binary, compare, select, convert, stopGradient, constant, iota, broadcast, reshape
  case transpose, slice, pad, concatenate, reduce, contract, gather, scatterAdd, structured, loop
  case gradient, jvp, checkPositions, cumulativeSum, windows, sumWindows, threefry

  /// The row that an op belongs to.
  static func row(of op: Op) -> CatalogueRow {
    switch op {
    case .unary: .unary
    case .binary: .binary
    case .compare: .compare
    case .select: .select
    case .convert: .convert
    case .stopGradient: .stopGradient
    case .threefry: .threefry
    case .constant: .constant
    case .iota: .iota
    case .broadcast: .broadcast
    case .reshape: .reshape
    case .transpose: .transpose
    case .slice: .slice
    case .pad: .pad
    case .concatenate: .concatenate
    case .reduce: .reduce
    case .cumulativeSum: .cumulativeSum
    case .windows: .windows
    case .sumWindows: .sumWindows
    case .contract: .contract
    case .checkPositions: .checkPositions
    case .gather: .gather
    case .scatterAdd: .scatterAdd
    case .structured: .structured
    case .loop: .loop
    case .gradient: .gradient
    case .jvp: .jvp
    }
  }

  /// The programs of the row.
  var programs: [TestProgram] {
    switch self {
    case .unary: UnaryFunction.allCases.map(unaryProgram)
    case .binary: BinaryFunction.allCases.map(binaryProgram)
    case .compare: Comparison.allCases.map(comparisonProgram)
    case .select: [selectProgram]
    case .convert: [convertProgram]
    case .stopGradient: [stopGradientProgram]
    case .threefry: ThreefryWord.allCases.map(threefryProgram)
    case .constant: [one("constant", f64(3)) { $0.multiply($1, $0.constant(2.5, f64(3))) }]
    case .iota: [iotaProgram]
    case .broadcast:
      [
        one("broadcast", f64(2, 3)) { $0.broadcast($1, to: [2, 4, 3], axes: [0, 2]) },
        one("broadcast of a scalar", f64()) { $0.broadcast(scalar: $1, to: [2, 2]) },
      ]
    case .reshape: [one("reshape", f64(2, 3)) { $0.reshape($1, to: [3, 2]) }]
    case .transpose: [one("transpose", f64(2, 3, 4)) { $0.transpose($1, [2, 0, 1]) }]
    case .slice: [one("slice", f64(4, 3)) { $0.slice($1, starts: [1, 0], shape: [2, 2]) }]
    case .pad: [one("pad", f64(2, 3)) { $0.pad($1, low: [1, 0], high: [2, 1]) }]
    case .concatenate: [concatenateProgram]
    case .reduce: reduceProgramList
    case .cumulativeSum:
      [
        one("cumulative sum", f64(2, 4, 3)) {
          $0.add(.cumulativeSum(axis: 1, isReversed: false), $1)
        },
        one("cumulative sum from the end", f64(5)) {
          $0.add(.cumulativeSum(axis: 0, isReversed: true), $1)
        },
      ]
    case .windows: windowsPrograms
    case .sumWindows: windowSumsPrograms
    case .contract: contractPrograms
    case .checkPositions: [checkedProgram]
    case .gather: [gatherProgram]
    case .scatterAdd: [scatterAddProgram]
    case .structured: structuredPrograms
    case .loop: loopPrograms
    case .gradient: [gradientProgram]
    case .jvp: [jvpProgram]
    }
  }
}

/// A program of one real input and one output, made nonlinear so that order 2 has something to see.
private func one(
  _ name: String, _ type: TensorType, _ build: (GraphBuilder, ValueID) -> ValueID
) -> TestProgram {
  TestProgram(name, [(type, .real)]) { builder, inputs in
    [builder.unary(.sin, build(builder, builder.unary(.sin, inputs[0])))]
  }
}

/// Windows that overlap, that leave elements out, and that run backwards.
private let exampleWindows = [
  AxisWindows(axis: 1, start: 1, count: 3, size: 2),
  AxisWindows(axis: 1, count: 2, size: 2, stride: 3, dilation: 2),
  AxisWindows(axis: 1, start: 5, count: 3, size: 2, stride: -2, dilation: -1),
]

private let windowsPrograms: [TestProgram] = exampleWindows.map { windows in
  one("windows", f64(2, 6, 2)) { $0.add(.windows(windows), $1) }
}

/// Sums that keep all elements, and sums that drop what lies outside.
private let windowSumsPrograms: [TestProgram] = exampleWindows.flatMap { windows in
  let type = f64(2, windows.count, windows.size, 2)
  var moved = windows
  moved.start -= 2
  return [
    one("window sums", type) { $0.add(.sumWindows(windows, extent: 6), $1) },
    one("window sums that drop", type) { $0.add(.sumWindows(moved, extent: 3), $1) },
  ]
}

private func unaryProgram(_ function: UnaryFunction) -> TestProgram {
  let domain: Domain =
    switch function {
    case .negate, .exp, .expm1, .tanh, .logistic, .softplus, .sin, .cos, .erf, .erfc: .real
    case .atan, .sinh, .cosh, .asinh: .real
    case .asin, .acos, .atanh, .acosh: .real
    case .log, .log1p, .sqrt, .rsqrt: .positive
    case .abs, .sign: .nonzero
    case .floor: .betweenIntegers
    }
  return TestProgram(function.rawValue, [(f64(5), domain)]) { builder, inputs in
    [builder.unary(function, argument(inputs[0], of: function, builder))]
  }
}

/// An argument at which the function is defined, made of any number.
private func argument(_ x: ValueID, of function: UnaryFunction, _ builder: GraphBuilder) -> ValueID
{
  switch function {
  case .asin, .acos, .atanh:
    let sine = builder.unary(.sin, x)
    return builder.multiply(sine, builder.constant(0.9, like: sine))
  case .acosh:
    let power = builder.unary(.exp, x)
    return builder.add(power, builder.constant(1, like: power))
  default: return x
  }
}

private func binaryProgram(_ function: BinaryFunction) -> TestProgram {
  let domains: (Domain, Domain) =
    switch function {
    case .add, .subtract, .multiply: (.real, .real)
    case .divide: (.real, .nonzero)
    case .power: (.positive, .real)
    case .maximum, .minimum: (.distinct, .real)
    case .floorDivide: (.betweenIntegers, .real)
    }
  guard function.isForFloats else { return wholeProgram(function) }
  return TestProgram(
    function.rawValue, [(f64(6), domains.0), (f64(6), domains.1)], seed: 3
  ) { builder, inputs in [builder.add(.binary(function), inputs[0], inputs[1])] }
}

/// Of whole numbers made from floats, through which no derivative flows.
private func wholeProgram(_ function: BinaryFunction) -> TestProgram {
  TestProgram(function.rawValue, [(f64(6), .betweenIntegers), (i32(6), .indices(count: 3))]) {
    builder, inputs in
    let x = builder.convert(inputs[0], to: .i32)
    let divisor = builder.add(inputs[1], builder.constant(1, like: inputs[1]))
    let result = builder.convert(builder.add(.binary(function), x, divisor), to: .f64)
    return [builder.multiply(result, inputs[0])]
  }
}

private func comparisonProgram(_ comparison: Comparison) -> TestProgram {
  TestProgram(
    comparison.rawValue, [(f64(4), .nonzero), (f64(4), .real)]
  ) { builder, inputs in
    let mask = builder.compare(comparison, inputs[0], builder.constant(0, like: inputs[0]))
    return [builder.select(mask, inputs[1], builder.multiply(inputs[0], inputs[1]))]
  }
}

private var selectProgram: TestProgram {
  TestProgram(
    "select", [(i32(6), .indices(count: 2)), (f64(6), .real), (f64(6), .real)]
  ) { builder, inputs in
    let mask = builder.compare(.equal, inputs[0], builder.constant(1, like: inputs[0]))
    let products = builder.multiply(inputs[1], inputs[2])
    return [builder.select(mask, products, inputs[2]), builder.select(mask, inputs[1], products)]
  }
}

private var convertProgram: TestProgram {
  // Through i32, where no derivative flows, and through f32, which the interpreter does not round
  // unless told to.
  TestProgram("convert", [(f64(4), .betweenIntegers), (i32(4), .indices(count: 3))]) {
    builder, inputs in
    let whole = builder.convert(builder.convert(inputs[0], to: .i32), to: .f64)
    let single = builder.unary(.sin, builder.convert(inputs[0], to: .f32))
    return [
      builder.multiply(whole, inputs[0]), builder.convert(inputs[1], to: .f64),
      builder.unary(.exp, builder.convert(single, to: .f64)),
    ]
  }
}

private var stopGradientProgram: TestProgram {
  // Differences cannot see that a derivative is stopped, so the stopped part is constant here.
  TestProgram("stop_gradient", [(f64(3), .real), (i32(3), .indices(count: 4))]) { builder, inputs in
    let stopped = builder.stopGradient(builder.convert(inputs[1], to: .f64))
    return [builder.multiply(stopped, builder.unary(.sin, inputs[0]))]
  }
}

private func threefryProgram(_ word: ThreefryWord) -> TestProgram {
  TestProgram("threefry \(word)", [(f64(3), .real), (i32(3), .indices(count: 4))]) {
    builder, inputs in
    let key = builder.constant(7, i32(3))
    let bits = builder.add(.threefry(word), key, inputs[1], key, inputs[1])
    let factor = builder.scale(builder.convert(bits, to: .f64), by: 0x1p-31)
    return [builder.multiply(factor, builder.unary(.sin, inputs[0]))]
  }
}

private var iotaProgram: TestProgram {
  one("iota", f64(3, 2)) { builder, x in
    builder.multiply(x, builder.convert(builder.iota(axis: 0, shape: [3, 2]), to: .f64))
  }
}

private var concatenateProgram: TestProgram {
  TestProgram("concatenate", [(f64(2, 1), .real), (f64(2, 3), .real)]) { builder, inputs in
    let square = builder.multiply(inputs[0], inputs[0])
    let constant = builder.constant(3, f64(2, 2))
    let whole = builder.concatenate([square, constant, inputs[1], inputs[0]], axis: 1)
    return [builder.unary(.sin, whole)]
  }
}

private var reduceProgramList: [TestProgram] {
  [
    one("reduce_sum", f64(2, 3, 2)) { $0.sum($1, axes: [0, 2]) },
    TestProgram("reduce_maximum", [(f64(3, 4), .distinct)], seed: 5) { builder, inputs in
      let x = builder.unary(.exp, inputs[0])
      return [builder.reduce(.maximum, x, axes: [1]), builder.reduce(.maximum, x, axes: [0, 1])]
    },
  ]
}

private var contractPrograms: [TestProgram] {
  let rows: [(String, TensorType, TensorType, ContractionLabels)] = [
    ("matrix product", f64(2, 3), f64(3, 4), .matrixProduct),
    (
      "batched product", f64(2, 3, 4), f64(4, 2, 2),
      ContractionLabels(lhs: [0, 1, 2], rhs: [2, 0, 3], output: [3, 0, 1])
    ),
    ("outer product", f64(2), f64(3), ContractionLabels(lhs: [0], rhs: [1], output: [1, 0])),
    ("inner product", f64(5), f64(5), ContractionLabels(lhs: [0], rhs: [0], output: [])),
    ("scaling", f64(), f64(3), ContractionLabels(lhs: [], rhs: [0], output: [0])),
  ]
  return rows.map { name, lhs, rhs, labels in
    TestProgram("contract: \(name)", [(lhs, .real), (rhs, .real)]) { builder, inputs in
      [builder.contract(builder.unary(.sin, inputs[0]), inputs[1], labels)]
    }
  }
}

private var checkedProgram: TestProgram {
  TestProgram("check_positions", [(f64(4, 3), .real), (i32(2, 3), .indices(count: 4))]) { b, x in
    [b.gather(b.unary(.sin, x[0]), b.checkPositions(x[1], .rows(4)))]
  }
}

private var gatherProgram: TestProgram {
  TestProgram("gather", [(f64(4, 3), .real), (i32(2, 3), .indices(count: 4))]) { builder, inputs in
    [builder.gather(builder.unary(.sin, inputs[0]), inputs[1])]
  }
}

private var scatterAddProgram: TestProgram {
  TestProgram("scatter_add", [(i32(5), .indices(count: 3)), (f64(5, 2), .real)]) {
    builder, inputs in
    let sums = builder.scatterAdd(inputs[0], builder.unary(.sin, inputs[1]), rows: 4)
    return [builder.multiply(sums, sums)]
  }
}

private var jvpProgram: TestProgram {
  let function = GraphBuilder(name: "layer")
  let w = function.input("w", f64(3))
  let x = function.input("x", f64(2, 3))
  let labels = ContractionLabels(lhs: [0, 1], rhs: [1], output: [0])
  let y = function.unary(.tanh, function.contract(x, w, labels))
  function.output("y", y)
  function.output("z", function.multiply(x, x))
  let op = JVPOp(function: function.graph, wrt: [1])
  let types = [(f64(3), Domain.real), (f64(2, 3), .real), (f64(2, 3), .real)]
  return TestProgram("jvp", types) { builder, inputs in builder.append(.jvp(op), inputs) }
}

private var gradientProgram: TestProgram {
  let function = GraphBuilder(name: "loss")
  let w = function.input("w", f64(3))
  let x = function.input("x", f64(2, 3))
  let labels = ContractionLabels(lhs: [0, 1], rhs: [1], output: [0])
  let y = function.unary(.tanh, function.contract(x, w, labels))
  function.output("loss", function.sum(function.multiply(y, y), axes: [0]))
  let op = GradientOp(function: function.graph, wrt: [0])
  return TestProgram("gradient", [(f64(3), .real), (f64(2, 3), .real)]) { builder, inputs in
    builder.append(.gradient(op), inputs)
  }
}
