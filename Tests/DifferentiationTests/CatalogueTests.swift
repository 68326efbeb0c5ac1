// SPDX-License-Identifier: Apache-2.0
//
// The rules, op by op, over the table of `CatalogueRows.swift`.

import Differentiation
import TensorIR
import Testing

@Suite("derivatives over the op catalogue")
struct CatalogueTests {
  @Test("every row applies its op", arguments: CatalogueRow.allCases)
  func everyRowAppliesItsOp(row: CatalogueRow) {
    #expect(!row.programs.isEmpty)
    for program in row.programs {
      #expect(program.graph.nodes.contains { CatalogueRow.row(of: $0.op) == row })
      #expect(program.graph.problems() == [])
    }
  }

  @Test("JVP, VJP and their derivatives are right", arguments: CatalogueRow.allCases)
  func derivativesAreRight(row: CatalogueRow) throws {
    for derivation in GradientDerivation.allCases {
      let checker = DerivativeChecker(differentiator: Differentiator(derivation: derivation))
      for program in row.programs {
        let found = try checker.discrepancies(of: program, order: 2)
        #expect(found.isEmpty, "\(derivation): \(found)")
      }
    }
  }

  @Test("third and fourth derivatives are right", arguments: CatalogueRow.allCases)
  func higherDerivativesAreRight(row: CatalogueRow) throws {
    let checker = DerivativeChecker()
    for program in row.programs {
      let found = try checker.discrepancies(of: program, order: 4)
      #expect(found.isEmpty, "\(found)")
    }
  }

  @Test("derivative graphs are well formed at every order", arguments: CatalogueRow.allCases)
  func derivativeGraphsAreWellFormed(row: CatalogueRow) throws {
    let differentiator = Differentiator()
    for program in row.programs {
      var graphs = [program.graph]
      for _ in 1...2 {
        graphs = try graphs.flatMap { graph in
          let floats = graph.inputTypes.indices.filter { graph.inputTypes[$0].dtype.isFloat }
          return [
            try differentiator.jvp(of: graph, tangentInputs: floats),
            try differentiator.vjp(of: graph, wrt: floats),
          ]
        }
        for graph in graphs { #expect(graph.problems() == []) }
      }
    }
  }
}
