// SPDX-License-Identifier: Apache-2.0
//
// The derivative checker checked: a rule wrong by 0.1 % is caught, at order 1 and at order 2.

import Differentiation
import TensorIR
import Testing

@Suite("the derivative checker")
struct CheckerTests {
  /// The ops with a derivative that the table applies, by name.
  private static let differentiableOps: [String] = {
    let ops = CatalogueRow.allCases.flatMap { row in
      row.programs.flatMap { $0.graph.nodes.map(\.op).filter { CatalogueRow.row(of: $0) == row } }
    }
    let names = ops.filter {
      if case .constant = derivativeRule(for: $0) { return false }
      return true
    }.map(\.name)
    return Set(names).sorted()
  }()

  /// Ops whose partial derivatives are numbers, piecewise: there is no second derivative to be
  /// wrong.
  private static let withoutSecondDerivative: Set = [
    "negate", "abs", "add", "subtract", "maximum", "minimum",
  ]

  @Test("a derivative wrong by 0.1 % is caught at order 1", arguments: differentiableOps)
  func wrongDerivativeIsCaught(op: String) throws {
    let checker = DerivativeChecker(differentiator: Mistake.first.differentiator(for: op))
    #expect(try isCaught(op, by: checker, order: 1))
  }

  @Test("a second derivative wrong by 0.1 % is caught at order 2", arguments: differentiableOps)
  func wrongSecondDerivativeIsCaught(op: String) throws {
    let checker = DerivativeChecker(differentiator: Mistake.second.differentiator(for: op))
    #expect(try !isCaught(op, by: checker, order: 1))
    let isCaught = try isCaught(op, by: checker, order: 2)
    #expect(isCaught == !Self.withoutSecondDerivative.contains(op))
  }

  /// Whether some program that applies the op shows a discrepancy.
  private func isCaught(_ op: String, by checker: DerivativeChecker, order: Int) throws -> Bool {
    let programs = CatalogueRow.allCases.flatMap(\.programs).filter { program in
      program.graph.nodes.contains { $0.op.name == op }
    }
    return try programs.contains { try !checker.discrepancies(of: $0, order: order).isEmpty }
  }
}
