// SPDX-License-Identifier: Apache-2.0
//
// The verifier finds each kind of damage, names the node and its provenance, and only the damage.

import TensorIR
import Testing

@Suite("The verifier")
struct VerifierTests {
  /// `%2 = add %0, %1`, `%3 = exp %2`, output `%3`.
  private var sound: Graph {
    let builder = GraphBuilder(name: "g")
    let x = builder.input("x", TensorType([3], .f32))
    let y = builder.input("y", TensorType([3], .f32))
    let sum = builder.withProvenance(Provenance(location: "a.mix:1:1")) { builder.add(x, y) }
    builder.output("z", builder.unary(.exp, sum))
    return builder.graph
  }

  private func problems(_ damage: (inout Graph) -> Void) -> [String] {
    var graph = sound
    damage(&graph)
    return graph.problems()
  }

  @Test("sound graphs have no problems")
  func soundGraphs() {
    #expect(sound.problems() == [])
    #expect(graphWithEveryOp().problems() == [])
  }

  @Test("a read before the definition is found")
  func order() {
    #expect(
      problems { $0.nodes.swapAt(0, 1) } == [
        "g: %2 is read before it is defined, in: %3 = exp %2 : f32[3]"
      ])
  }

  @Test("a value defined twice, or never, is found")
  func definitions() {
    let found = problems { $0.nodes[1].results = [ValueID(index: 2)] }
    #expect(found.contains("g: %2 is defined twice, in: %2 = exp %2 : f32[3]"))
    #expect(found.contains("g: %3 has a type but no definition"))
    #expect(found.contains("g: %3 is read before it is defined"))
  }

  @Test("a wrong type is found, with the node's provenance")
  func types() {
    let found = problems { $0.types[2] = TensorType([4], .f32) }
    #expect(
      found == [
        "g: the results should be f32[3], in: %2 = add %0, %1 : f32[4]   // a.mix:1:1",
        "g: the results should be f32[4], in: %3 = exp %2 : f32[3]",
      ])
    let mixed = problems { $0.types[1] = TensorType([3], .f64) }
    #expect(mixed.count == 1)
    #expect(mixed.first?.contains("add cannot take operands (f32[3], f64[3])") == true)
  }

  @Test("missing names, empty shapes and a bool surface are found")
  func surface() {
    #expect(problems { $0.outputNames = [] } == ["g: outputs and their names differ in number"])
    let renamed = problems { $0.inputNames.append("z") }
    #expect(renamed == ["g: inputs and their names differ in number"])
    let empty = problems { graph in
      for index in graph.types.indices { graph.types[index].shape = [0] }
    }
    #expect(empty.count == 4)
    let builder = GraphBuilder(name: "g")
    let x = builder.input("x", TensorType([3], .f32))
    builder.output("isZero", builder.compare(.equal, x, builder.constant(0, like: x)))
    #expect(builder.graph.problems() == ["g: %2 is bool[3], but bool is only for conditions"])
  }

  @Test("functions of floats are not for integers")
  func integerFunctions() {
    for (function, isSound) in [(BinaryFunction.add, true), (.divide, false), (.power, false)] {
      let builder = GraphBuilder(name: "g")
      let x = builder.input("x", TensorType([3], .i32))
      builder.output("y", builder.add(.binary(function), x, x))
      #expect(builder.graph.problems().isEmpty == isSound)
    }
  }

  @Test("damage inside a region is found, with the path to it")
  func regions() throws {
    var graph = graphWithEveryOp()
    let index = try #require(graph.nodes.firstIndex { $0.op.name == "loop" })
    guard case .loop(var loop) = graph.nodes[index].op else { return }
    loop.body.nodes.removeFirst()
    graph.nodes[index].op = .loop(loop)
    let found = graph.problems()
    #expect(
      found.first == "every \"op\" / step: %3 is read before it is defined, in: "
        + "%4 = add %1, %3 : f64[2, 3]")
  }

  @Test("counts of a loop that do not fit its body are found")
  func loopCounts() throws {
    for (carries, stacked) in [(3, 0), (1, 2), (-1, 1), (1, -1)] {
      var graph = graphWithEveryOp()
      let index = try #require(graph.nodes.firstIndex { $0.op.name == "loop" })
      guard case .loop(var loop) = graph.nodes[index].op else { return }
      loop.carryCount = carries
      loop.stackedInputCount = stacked
      graph.nodes[index].op = .loop(loop)
      #expect(graph.problems().first?.contains("the loop's counts do not fit its body") == true)
    }
  }

  @Test("a gradient with respect to something that is no operand is found")
  func gradientOperands() throws {
    var graph = graphWithEveryOp()
    let index = try #require(graph.nodes.firstIndex { $0.op.name == "gradient" })
    guard case .gradient(var gradient) = graph.nodes[index].op else { return }
    gradient.wrt = [1]
    graph.nodes[index].op = .gradient(gradient)
    #expect(graph.problems().first?.contains("'wrt' does not fit the function's inputs") == true)
  }

  @Test(
    "numbers that no array has are found, however large",
    arguments: [
      "slice{starts [9223372036854775807] shape [1]} %0 : f64[1]",
      "slice{starts [1] shape [9223372036854775807]} %0 : f64[3]",
      "pad{low [9223372036854775807] high [1]} %0 : f64[3]",
    ])
  func largeNumbers(node: String) throws {
    let text = "graph \"g\" {\n  input %0 \"x\": f64[3]\n  %1 = \(node)\n  output \"y\" %1\n}\n"
    #expect(try Graph(parsing: text).problems().isEmpty == false)
  }
}
