// SPDX-License-Identifier: Apache-2.0
//
// What a kernel call computes, in the names of the spec: `h2_adj = select(h2 <= 0, 0, out_adj)`.
// These lines stand above the calls and kernels of the generated C, in profiles and in dumps.

import TensorIR

/// An expression in names, and how tightly its outermost operator binds.
struct Formula {
  enum Strength: Int, Comparable {
    case comparison, sum, product, atom
    static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
  }

  var text: String
  var strength = Strength.atom

  /// A longer formula is not written into another one.
  static let longest = 48

  private func text(within strength: Strength) -> String {
    self.strength < strength ? "(\(text))" : text
  }

  /// `a + b`, of which the right one must bind more tightly if order matters.
  private static func infix(
    _ symbol: String, _ strength: Strength, _ operands: [Formula], isAssociative: Bool = true
  ) -> Formula {
    let right = isAssociative ? strength : Strength(rawValue: strength.rawValue + 1) ?? .atom
    let texts = [operands[0].text(within: strength), operands[1].text(within: right)]
    return Formula(text: texts.joined(separator: " \(symbol) "), strength: strength)
  }

  /// The formula of an op, given those of its operands.
  init(_ op: Op, _ operands: [Formula]) {
    switch op {
    case .binary(.add): self = .infix("+", .sum, operands)
    case .binary(.subtract): self = .infix("-", .sum, operands, isAssociative: false)
    case .binary(.multiply): self = .infix("*", .product, operands)
    case .binary(.divide): self = .infix("/", .product, operands, isAssociative: false)
    case .compare(let comparison):
      self = .infix(comparison.symbol, .comparison, operands, isAssociative: false)
    case .reduce(let reduction, _):
      self.init(text: "\(reduction == .sum ? "sum" : "max")(\(operands[0].text))")
    case .stopGradient: self = operands[0]
    case .contract(let labels): self = .product(labels, operands)
    default:
      self.init(text: "\(op.name)(\(operands.map(\.text).joined(separator: ", ")))")
    }
  }

  init(text: String, strength: Strength = .atom) {
    self.text = text
    self.strength = strength
  }

  /// `a . b`, a matrix that is read by its other axis as `b^T`; other contractions by their labels.
  private static func product(_ labels: ContractionLabels, _ operands: [Formula]) -> Formula {
    let (lhs, rhs) = (labels.lhs, labels.rhs)
    let inner = lhs.filter { rhs.contains($0) && !labels.output.contains($0) }
    guard lhs.count <= 2, rhs.count <= 2, inner.count == 1 else {
      let text = operands.map(\.text).joined(separator: ", ")
      return Formula(text: "einsum(\"\(labels.letters)\", \(text))")
    }
    func factor(_ formula: Formula, isTransposed: Bool) -> String {
      formula.text(within: .atom) + (isTransposed ? "^T" : "")
    }
    let left = factor(operands[0], isTransposed: lhs.count == 2 && lhs[0] == inner[0])
    let right = factor(operands[1], isTransposed: rhs.count == 2 && rhs[1] == inner[0])
    return Formula(text: "\(left) . \(right)", strength: .product)
  }
}

extension Comparison {
  /// The operator, as the language and C spell it.
  package var symbol: String {
    switch self {
    case .less: "<"
    case .lessOrEqual: "<="
    case .greater: ">"
    case .greaterOrEqual: ">="
    case .equal: "=="
    case .notEqual: "!="
    }
  }
}

extension ContractionLabels {
  /// `ab,bc->ac`.
  fileprivate var letters: String {
    func letters(_ labels: [Int]) -> String {
      labels.map { String(UnicodeScalar(UInt8(97 + $0 % 26))) }.joined()
    }
    return "\(letters(lhs)),\(letters(rhs))->\(letters(output))"
  }
}

extension RegionSchedule {
  /// The formula of what an operand reads, given those of values made by the same kernel.
  private func reading(_ operand: ValueID, _ made: [ValueID: Formula]) -> Formula {
    switch binding(of: operand) {
    case .constant(let value):
      let isWhole = value == value.rounded() && abs(value) < 1e6
      return Formula(
        text: isWhole ? "\(Int(value))" : "\(value)", strength: value < 0 ? .sum : .atom)
    case .axisIndex: return Formula(text: "index")
    case .stepIndex: return Formula(text: "step")
    case .view(let view): return made[view.root] ?? Formula(text: name(of: view.root))
    case nil: return Formula(text: name(of: operand))
    }
  }

  /// `result: shape = formula` of one node.
  func equation(of node: Node) -> String {
    let formula = Formula(node.op, node.operands.map { reading($0, [:]) })
    return "\(node.results.map(name).joined(separator: ", ")) = \(formula.text)"
  }

  /// The equations of a cluster: one for each result that leaves it, what else it computes written
  /// into them as far as that can be read.
  func equations(of cluster: Cluster, storing stored: Set<ValueID>) -> [String] {
    var made: [ValueID: Formula] = [:]
    var equations: [String] = []
    for entry in cluster.entries {
      let node = entry.node
      let formula = Formula(node.op, node.operands.map { reading($0, made) })
      let isLong = formula.text.count > Formula.longest
      if stored.contains(node.result) || isLong {
        equations.append("\(name(of: node.result)) = \(formula.text)")
        made[node.result] = Formula(text: name(of: node.result))
      } else {
        made[node.result] = formula
      }
    }
    return equations
  }
}
