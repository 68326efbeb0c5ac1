// SPDX-License-Identifier: Apache-2.0
//
// The spelling of an op in dumps: its name and its attributes, without operands and regions.
// `GraphText.swift` prints whole graphs with it, `GraphParser.swift` reads it back.

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
    case .constant: "constant"
    case .iota: "iota"
    case .broadcast: "broadcast"
    case .reshape: "reshape"
    case .transpose: "transpose"
    case .slice: "slice"
    case .pad: "pad"
    case .concatenate: "concatenate"
    case .reduce(let reduction, _): "reduce_\(reduction.rawValue)"
    case .contract: "contract"
    case .checkPositions: "check_positions"
    case .gather: "gather"
    case .scatterAdd: "scatter_add"
    case .structured(let op): op.name
    case .loop: "loop"
    case .gradient: "gradient"
    }
  }

  /// The attributes, in the order `GraphParser` expects them; empty if there are none.
  package var attributeText: String {
    switch self {
    case .unary, .binary, .compare, .select, .stopGradient, .gather: ""
    case .convert(let dtype): dtype.rawValue
    case .constant(let value, let type): "\(value) \(type)"
    case .iota(let axis, let shape): "axis \(axis) shape \(shape)"
    case .broadcast(let shape, let axes): "shape \(shape) axes \(axes)"
    case .reshape(let shape): "shape \(shape)"
    case .transpose(let permutation): "permutation \(permutation)"
    case .slice(let starts, let shape): "starts \(starts) shape \(shape)"
    case .pad(let low, let high): "low \(low) high \(high)"
    case .concatenate(let axis): "axis \(axis)"
    case .reduce(_, let axes): "axes \(axes)"
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
    case .attention(let isCausal, let scale): "causal \(isCausal) scale \(scale)"
    case .linearCrossEntropy: ""
    }
  }
}
