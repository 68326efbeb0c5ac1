// SPDX-License-Identifier: Apache-2.0
//
// The text form: its look, and that reading it back gives the same graph.

import TensorIR
import Testing

@Suite("The text form of graphs")
struct GraphTextTests {
  @Test("it looks like this")
  func look() {
    let body = GraphBuilder(name: "step")
    _ = body.input("index", .scalar(.i32))
    let carry = body.input("w", TensorType([3], .f32))
    body.output("w", body.unary(.exp, carry))
    let loop = Loop(
      role: .innerSteps, tripCount: 5, carryCount: 1, stackedInputCount: 0, savePolicy: .carries,
      body: body.graph)
    let builder = GraphBuilder(name: "maml")
    let w = builder.input("eta.w", TensorType([3], .f32))
    let provenance = Provenance(location: "maml.mix:14:9", rules: ["vjp of contract wrt rhs"])
    let trained = builder.withProvenance(provenance) { builder.append(.loop(loop), [w]) }
    builder.output("loss", builder.sum(trained[0], axes: [0]))
    #expect(
      builder.graph.text == """
        graph "maml" {
          input %0 "eta.w": f32[3]
          %1 = loop{"inner steps" trips 5 carries 1 stacked 0 save carries} %0 : f32[3]\
           // maml.mix:14:9, vjp of contract wrt rhs
            body "step" {
              input %0 "index": i32[]
              input %1 "w": f32[3]
              %2 = exp %1 : f32[3]
              output "w" %2
            }
          %2 = reduce_sum{axes [0]} %1 : f32[]
          output "loss" %2
        }

        """)
  }

  @Test("reading back gives the same graph, for every op")
  func roundTrip() throws {
    let graph = graphWithEveryOp()
    let parsed = try Graph(parsing: graph.text)
    #expect(parsed == graph)
    #expect(parsed.text == graph.text)
  }

  @Test("values keep their numbers even if these are out of order")
  func numbering() throws {
    var graph = Graph(name: "shuffled")
    graph.types = [TensorType([2], .f32), TensorType([3], .f32)]
    graph.inputs = [ValueID(index: 1), ValueID(index: 0)]
    graph.inputNames = ["a", "b"]
    #expect(try Graph(parsing: graph.text) == graph)
  }

  /// Lines of a graph that begins on line 1, and the message for them.
  static let mistakes: [(lines: String, message: String)] = [
    (#"input %0 x: f32[]"#, #"line 2: expected '"', found 'x'"#),
    (#"input %0 "x": f16[]"#, "line 2: there is no element type 'f16'"),
    ("\n %0 = fly : f32[]", "line 3: expected '{', found ':'"),
    ("%0 = fly{} : f32[]", "line 2: there is no op 'fly'"),
    ("%0 = constant{one f32[]} : f32[]", "line 2: expected a number, found 'one'"),
    ("%x = exp %1 : f32[]", "line 2: expected an integer, found 'x'"),
    (#"output "y" 3"#, "line 2: expected '%', found '3'"),
    ("%1 = iota{axis 0 shape [3]} : i32[3]", "line 3: %0 is not defined"),
    ("%0 = slice{from [0]} : f32[]", "line 2: expected 'starts', found 'from'"),
    (
      #"%0 = loop{"a" trips 1 carries 0 stacked 0 save all} : f32[1]"#,
      "line 2: there is no save policy 'all'"
    ),
    (
      "%0 = gradient{wrt []} : f32[]",
      "line 2: 'gradient' and its body do not belong together"
    ),
    ("} graph", "line 2: expected the end, found 'graph'"),
  ]

  @Test("a mistake in the text is reported with its line", arguments: mistakes)
  func mistake(lines: String, message: String) {
    let error = #expect(throws: GraphParseError.self) {
      try Graph(parsing: "graph \"g\" {\n\(lines)\n}")
    }
    #expect(error?.description == message)
  }

  @Test("text that ends too early is an error, wherever it ends")
  func truncation() {
    let bytes = Array(graphWithEveryOp().text.utf8)
    for length in stride(from: 0, to: bytes.count - 2, by: 37) {
      let text = String(decoding: bytes.prefix(length), as: UTF8.self)
      #expect(throws: GraphParseError.self) { try Graph(parsing: text) }
    }
  }
}
