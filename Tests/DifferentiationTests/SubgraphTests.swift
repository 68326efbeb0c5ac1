// SPDX-License-Identifier: Apache-2.0
//
// Cutting graphs: what is kept of nodes and of loops.

import Interpreter
import TensorIR
import Testing

@testable import Differentiation

@Suite("cutting graphs")
struct SubgraphTests {
  @Test("dead nodes go, inputs stay, values do not change")
  func deadNodes() throws {
    let builder = GraphBuilder(name: "f")
    let (a, b) = (builder.input("a", f64(2)), builder.input("b", f64(2)))
    _ = builder.unary(.exp, b)
    builder.output("y", builder.unary(.sin, a))
    let graph = builder.graph.removingDeadCode()
    #expect(graph.nodes.map(\.op) == [.unary(.sin)])
    #expect(graph.inputNames == ["a", "b"])
    #expect(graph.problems() == [])
  }

  @Test("a cut stops at known values and drops what it does not need")
  func cut() throws {
    let builder = GraphBuilder(name: "f")
    let (a, b) = (builder.input("a", f64(2)), builder.input("b", f64(2)))
    let middle = builder.unary(.exp, a)
    let end = builder.multiply(builder.unary(.sin, middle), middle)
    let cut = Subgraph(
      of: builder.graph, name: "g", known: [("a", a), ("b", b), ("middle", middle)],
      outputs: [("end", end)], keepsUnused: { $0 == 1 })
    #expect(cut.keptInputs == [1, 2])
    #expect(cut.graph.inputNames == ["b", "middle"])
    #expect(cut.graph.nodes.map(\.op.name) == ["sin", "multiply"])
  }

  @Test("a loop keeps the carries, arrays and results that its used results need")
  func trimmedLoop() throws {
    let body = GraphBuilder(name: "body")
    _ = body.input("i", .scalar(.i32))
    let types = ["used", "feeding", "idle", "x", "idle_x", "w", "idle_w"]
    let inputs = types.map { body.input($0, f64(2)) }
    body.output("used", body.add(inputs[0], body.multiply(inputs[1], inputs[3])))
    body.output("feeding", body.multiply(inputs[1], inputs[5]))
    body.output("idle", body.add(inputs[2], body.multiply(inputs[4], inputs[6])))
    body.output("y", inputs[2])
    let loop = Loop(
      role: .other("loop"), tripCount: 3, carryCount: 3, stackedInputCount: 2, body: body.graph)
    let stacked: Set = [3, 4]
    let shapes = types.indices.map { (stacked.contains($0) ? f64(3, 2) : f64(2), Domain.real) }
    let program = TestProgram("f", shapes) { [$0.append(.loop(loop), $1)[0]] }
    let graph = program.graph.removingDeadCode()
    guard case .loop(let trimmed) = graph.nodes.first?.op else {
      Issue.record("the loop is gone")
      return
    }
    #expect(trimmed.body.inputNames == ["i", "used", "feeding", "x", "w"])
    #expect(trimmed.body.outputNames == ["used", "feeding"])
    #expect(trimmed.carryCount == 2 && trimmed.stackedInputCount == 1)
    #expect(graph.problems() == [])
    let before = try evaluate(program.graph, program.inputs)
    #expect(try evaluate(graph, program.inputs) == before)
  }

  @Test("names that come up twice get a number")
  func distinctNames() {
    let builder = GraphBuilder(name: "f")
    for name in ["x", "x_2", "x", "x"] { builder.output(name, builder.input(name, f64())) }
    let graph = builder.graph.withDistinctNames()
    #expect(graph.inputNames == ["x", "x_2", "x_3", "x_4"])
    #expect(graph.outputNames == graph.inputNames)
  }
}
