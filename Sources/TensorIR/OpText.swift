// SPDX-License-Identifier: Apache-2.0
//
// The spelling of an op in dumps: its name and its attributes, without operands and regions.
// `GraphText.swift` prints whole graphs with it; below, `OpAttributes` reads back what stands between
// braces, for `GraphParser.swift`.

extension Op {
  /// The op's name in text, one lower-case word.
  package var name: String {
    switch self {
    case .unary(let function): function.rawValue
    case .binary(let function): function.rawValue
    case .compare(let comparison): comparison.rawValue
    case .select: "select"
    case .convert: "convert"
    case .stopGradient: "stop_gradient"
    case .threefry: "threefry"
    case .constant: "constant"
    case .iota: "iota"
    case .broadcast: "broadcast"
    case .reshape: "reshape"
    case .transpose: "transpose"
    case .slice: "slice"
    case .pad: "pad"
    case .windows: "windows"
    case .sumWindows: "sum_windows"
    case .concatenate: "concatenate"
    case .reduce(let reduction, _): "reduce_\(reduction.rawValue)"
    case .cumulativeSum: "cumulative_sum"
    case .contract: "contract"
    case .checkPositions: "check_positions"
    case .gather: "gather"
    case .scatterAdd: "scatter_add"
    case .structured(let op): op.name
    case .loop: "loop"
    case .gradient: "gradient"
    case .jvp: "jvp"
    }
  }

  /// The attributes, in the order `GraphParser` expects them; empty if there are none.
  package var attributeText: String {
    switch self {
    case .unary, .binary, .compare, .select, .stopGradient, .gather: ""
    case .convert(let dtype): dtype.rawValue
    case .threefry(let word): word.rawValue
    case .constant(let value, let type): "\(value) \(type)"
    case .iota(let axis, let shape): "axis \(axis) shape \(shape)"
    case .broadcast(let shape, let axes): "shape \(shape) axes \(axes)"
    case .reshape(let shape): "shape \(shape)"
    case .transpose(let permutation): "permutation \(permutation)"
    case .slice(let starts, let shape): "starts \(starts) shape \(shape)"
    case .pad(let low, let high): "low \(low) high \(high)"
    case .windows(let windows): windows.text
    case .sumWindows(let windows, let extent): "\(windows.text) extent \(extent)"
    case .concatenate(let axis): "axis \(axis)"
    case .reduce(_, let axes): "axes \(axes)"
    case .cumulativeSum(let axis, let isReversed): "axis \(axis)\(isReversed ? " reversed" : "")"
    case .contract(let labels): "\(labels.lhs) \(labels.rhs) to \(labels.output)"
    case .checkPositions(let bound):
      "below \(bound.limit) subject \(quoted(bound.subject)) purpose \(quoted(bound.purpose))"
    case .scatterAdd(let rows): "rows \(rows)"
    case .structured(let op): op.attributeText
    case .loop(let loop):
      "\(quoted(loop.role.description)) trips \(loop.tripCount) carries \(loop.carryCount) "
        + "stacked \(loop.stackedInputCount)\(loop.isReversed ? " reversed" : "")"
        + "\(loop.isLimited ? " limited" : "") "
        + "save \(loop.savePolicy.rawValue)"
    case .gradient(let gradient): "wrt \(gradient.wrt)"
    case .jvp(let jvp): "wrt \(jvp.wrt)"
    }
  }

  /// Name and attributes: `broadcast{shape [10, 40] axes [1]}`.
  package var text: String {
    attributeText.isEmpty ? name : "\(name){\(attributeText)}"
  }
}

extension StructuredOp {
  /// The attributes of the function; empty if it has none.
  fileprivate var attributeText: String {
    switch function {
    case .attention(let scores): scores.text
    case .linearCrossEntropy: ""
    }
  }
}

// MARK: - Reading

/// An op as far as its own line tells: one with a region is complete only when the body below its
/// line has been read.
enum OpAttributes {
  case complete(Op)
  /// A loop without its body.
  case loop(Loop)
  /// A gradient without its function.
  case gradient(wrt: [Int])
  /// A JVP without its function.
  case jvp(wrt: [Int])

  /// The op, with its region where it needs one; `nil` if there is one too many or too few.
  func op(region: Graph?) -> Op? {
    switch (self, region) {
    case (.complete(let op), nil): return op
    case (.loop(var loop), let body?):
      loop.body = body
      return .loop(loop)
    case (.gradient(let wrt), let function?):
      return .gradient(GradientOp(function: function, wrt: wrt))
    case (.jvp(let wrt), let function?): return .jvp(JVPOp(function: function, wrt: wrt))
    case (.complete, .some), (.loop, nil), (.gradient, nil), (.jvp, nil): return nil
    }
  }

  /// Reads `{...}` after the name of an op, if the op has attributes.
  init(opName name: String, reading tokens: inout TokenReader) throws {
    if let op = plainOps[name] {
      self = .complete(op)
      return
    }
    try tokens.expect("{")
    self = try OpAttributes.read(name, &tokens)
    try tokens.expect("}")
  }

  private static func windows(_ tokens: inout TokenReader) throws -> AxisWindows {
    AxisWindows(
      axis: try tokens.integer(after: "axis"), start: try tokens.integer(after: "start"),
      count: try tokens.integer(after: "count"), size: try tokens.integer(after: "size"),
      stride: try tokens.integer(after: "stride"),
      dilation: try tokens.integer(after: "dilation"))
  }

  private static func read(_ name: String, _ tokens: inout TokenReader) throws -> OpAttributes {
    switch name {
    case "convert":
      return .complete(.convert(try tokens.dtype()))
    case "threefry":
      let name = try tokens.word()
      guard let word = ThreefryWord(rawValue: name) else {
        throw tokens.failure("threefry has no word '\(name)'")
      }
      return .complete(.threefry(word))
    case "constant":
      return .complete(.constant(try tokens.number(), try tokens.type()))
    case "iota":
      let axis = try tokens.integer(after: "axis")
      return .complete(.iota(axis: axis, shape: try tokens.integers(after: "shape")))
    case "broadcast":
      let shape = try tokens.integers(after: "shape")
      return .complete(.broadcast(shape: shape, axes: try tokens.integers(after: "axes")))
    case "reshape":
      return .complete(.reshape(try tokens.integers(after: "shape")))
    case "transpose":
      return .complete(.transpose(try tokens.integers(after: "permutation")))
    case "slice":
      let starts = try tokens.integers(after: "starts")
      return .complete(.slice(starts: starts, shape: try tokens.integers(after: "shape")))
    case "pad":
      let low = try tokens.integers(after: "low")
      return .complete(.pad(low: low, high: try tokens.integers(after: "high")))
    case "windows": return .complete(.windows(try windows(&tokens)))
    case "sum_windows":
      let windows = try windows(&tokens)
      return .complete(.sumWindows(windows, extent: try tokens.integer(after: "extent")))
    case "concatenate":
      return .complete(.concatenate(axis: try tokens.integer(after: "axis")))
    case "cumulative_sum":
      let axis = try tokens.integer(after: "axis")
      return .complete(.cumulativeSum(axis: axis, isReversed: tokens.skip(word: "reversed")))
    case "contract":
      let lhs = try tokens.integers()
      let rhs = try tokens.integers()
      let output = try tokens.integers(after: "to")
      return .complete(.contract(ContractionLabels(lhs: lhs, rhs: rhs, output: output)))
    case "check_positions":
      let limit = try tokens.integer(after: "below")
      try tokens.expect(word: "subject")
      let subject = try tokens.string()
      try tokens.expect(word: "purpose")
      return .complete(
        .checkPositions(
          PositionBound(limit: limit, subject: subject, purpose: try tokens.string())))
    case "scatter_add":
      return .complete(.scatterAdd(rows: try tokens.integer(after: "rows")))
    case "loop":
      return .loop(try loop(&tokens))
    case "gradient":
      return .gradient(wrt: try tokens.integers(after: "wrt"))
    case "jvp":
      return .jvp(wrt: try tokens.integers(after: "wrt"))
    default:
      for order in DerivativeOrder.allCases
      where name == StructuredOp(.attention(AttentionScores(scale: 1)), order).name {
        let scores = try AttentionScores(reading: &tokens)
        return .complete(.structured(StructuredOp(.attention(scores), order)))
      }
      for reduction in Reduction.allCases where name == "reduce_\(reduction.rawValue)" {
        return .complete(.reduce(reduction, axes: try tokens.integers(after: "axes")))
      }
      throw tokens.failure("there is no op '\(name)'")
    }
  }

  private static func loop(_ tokens: inout TokenReader) throws -> Loop {
    let role = LoopRole(parsing: try tokens.string())
    let trips = try tokens.integer(after: "trips")
    let carries = try tokens.integer(after: "carries")
    let stacked = try tokens.integer(after: "stacked")
    let isReversed = tokens.skip(word: "reversed")
    let isLimited = tokens.skip(word: "limited")
    try tokens.expect(word: "save")
    let policyName = try tokens.word()
    guard let policy = SavePolicy(rawValue: policyName) else {
      throw tokens.failure("there is no save policy '\(policyName)'")
    }
    return Loop(
      role: role, tripCount: trips, carryCount: carries, stackedInputCount: stacked,
      isReversed: isReversed, isLimited: isLimited, savePolicy: policy, body: Graph(name: ""))
  }
}

/// The ops without attributes, by name.
private let plainOps: [String: Op] = {
  let unary = UnaryFunction.allCases.map(Op.unary)
  let binary = BinaryFunction.allCases.map(Op.binary)
  let compare = Comparison.allCases.map(Op.compare)
  let losses = DerivativeOrder.allCases.map { Op.structured(StructuredOp(.linearCrossEntropy, $0)) }
  let ops = unary + binary + compare + losses + [.select, .stopGradient, .gather]
  return Dictionary(uniqueKeysWithValues: ops.map { ($0.name, $0) })
}()

extension AxisWindows {
  /// The attributes as text.
  fileprivate var text: String {
    "axis \(axis) start \(start) count \(count) size \(size) stride \(stride) dilation \(dilation)"
  }
}
