// SPDX-License-Identifier: Apache-2.0
//
// What the rules emit: no dense products for row indexing, no work for what has no tangent, and
// provenance that names the rule.

import Differentiation
import Interpreter
import TensorIR
import Testing

@Suite("what derivative rules emit")
struct EmittedOpsTests {
  private func ops(_ graph: Graph) -> [String] { graph.nodes.map(\.op.name) }

  @Test("the adjoint of gather is scatter_add and the other way round")
  func indexing() throws {
    let differentiator = Differentiator()
    let gather = try #require(CatalogueRow.gather.programs.first).graph
    let scatter = try #require(CatalogueRow.scatterAdd.programs.first).graph
    #expect(ops(try differentiator.vjp(of: gather, wrt: [0])).contains("scatter_add"))
    #expect(ops(try differentiator.vjp(of: scatter, wrt: [1])).contains("gather"))
    for graph in [gather, scatter] {
      let positions = graph.inputTypes.indices.filter { graph.inputTypes[$0].dtype.isFloat }
      #expect(!ops(try differentiator.vjp(of: graph, wrt: positions)).contains("contract"))
    }
  }

  @Test(
    "a product has one tangent term for each factor with a tangent, and one adjoint for each wanted"
  )
  func oneSidedProduct() throws {
    let graph = try #require(CatalogueRow.contract.programs.first).graph
    let differentiator = Differentiator()
    func products(_ graph: Graph) -> Int { ops(graph).filter { $0 == "contract" }.count }
    #expect(products(try differentiator.jvp(of: graph, tangentInputs: [1])) == 2)
    #expect(products(try differentiator.jvp(of: graph, tangentInputs: [0, 1])) == 3)
    #expect(products(try differentiator.vjp(of: graph, wrt: [1])) == 2)
    #expect(products(try differentiator.vjp(of: graph, wrt: [0, 1])) == 3)
  }

  @Test("the derivative of a sum multiplies by nothing")
  func sum() throws {
    let builder = GraphBuilder(name: "f")
    let (a, b) = (builder.input("a", f64(2)), builder.input("b", f64(2)))
    builder.output("y", builder.subtract(builder.add(a, b), b))
    let graph = try Differentiator().vjp(of: builder.graph, wrt: [0, 1])
    #expect(ops(graph) == ["add", "subtract", "negate", "add"])
  }

  @Test("an input that no output depends on has adjoint and tangent zero, said as a constant")
  func independence() throws {
    let builder = GraphBuilder(name: "f")
    let (a, b) = (builder.input("a", f64(2)), builder.input("b", f64(2)))
    builder.output("y", builder.unary(.exp, a))
    builder.output("z", builder.stopGradient(b))
    let differentiator = Differentiator()
    let vjp = try differentiator.vjp(of: builder.graph, wrt: [1])
    #expect(ops(vjp) == ["exp", "stop_gradient", "constant"])
    let jvp = try differentiator.jvp(of: builder.graph, tangentInputs: [1])
    #expect(ops(jvp) == ["exp", "stop_gradient", "constant", "constant"])
  }

  @Test("provenance keeps the place and names each rule in order")
  func provenance() throws {
    let builder = GraphBuilder(name: "f")
    let (a, b) = (builder.input("a", f64(2, 3)), builder.input("b", f64(3, 4)))
    builder.withProvenance(Provenance(location: "maml.mix:14:9")) {
      builder.output("y", builder.contract(a, b, .matrixProduct))
    }
    let vjp = try Differentiator().vjp(of: builder.graph, wrt: [1])
    #expect(vjp.nodes.last?.provenance.description == "maml.mix:14:9, vjp of contract wrt rhs")
    let jvp = try Differentiator().jvp(of: vjp, tangentInputs: [2])
    let expected = "maml.mix:14:9, vjp of contract wrt rhs, jvp of contract"
    #expect(jvp.nodes.contains { $0.provenance.description == expected })
  }
}
