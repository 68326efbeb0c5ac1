// SPDX-License-Identifier: Apache-2.0
//
// What loops stand for and what values are for: their text, and how a purpose finds the node that
// makes an array.

import TensorIR
import Testing

@Suite("Roles and purposes")
struct LoopRoleTests {
  static let roles: [(role: LoopRole, text: String)] = [
    (.innerSteps, "inner steps"),
    (.layers.entering(.backward), "layers, backward"),
    (.innerSteps.entering(.replayed), "inner steps, replayed"),
    (.layers.entering(.backward).entering(.backward), "layers, backward, backward"),
    (.tasks, "tasks"),
    (.tokenStrips, "token strips"),
    (.vocabularyTiles, "vocabulary tiles"),
    (.other("loop over i and backward"), "loop over i and backward"),
    (.other("loop over x").entering(.backward), "loop over x, backward"),
    (.other(""), ""),
    (.other("backward"), "backward"),
  ]

  @Test("a role is read back from its text", arguments: roles)
  func text(_ role: LoopRole, _ text: String) {
    #expect(role.description == text)
    #expect(LoopRole(parsing: text) == role)
  }

  @Test("a purpose stands before the = and is read back")
  func purposeText() throws {
    let text = """
      graph "step" {
        input %0 "x": f32[3]
        %1 (activation) = exp %0 : f32[3]
        %2 theta1 @sgd (trajectory) = negate %1 : f32[3]   // a.mix:1:1
        %3 theta2 (state) = negate %2 : f32[3]
        output "y" %3
      }

      """
    let graph = try Graph(parsing: text)
    #expect(graph.nodes.map(\.provenance.purpose) == [.activation, .trajectory, .state])
    #expect(graph.text == text)
    #expect(throws: GraphParseError.self) {
      try Graph(parsing: text.replacing("(state)", with: "(fun)"))
    }
  }

  @Test("a value is raised through views, into loops, and never to less")
  func raise() throws {
    var graph = try Graph(
      parsing: """
        graph "step" {
          input %0 "x": f32[2, 3]
          %1 = exp %0 : f32[2, 3]
          %2 = transpose{permutation [1, 0]} %1 : f32[3, 2]
          %3, %4 = loop{"layers" trips 4 carries 1 stacked 0 save carries} %2 : f32[3, 2], f32[4, 3, 2]
            body "layer" {
              input %0 "index": i32[]
              input %1 "x": f32[3, 2]
              %2 = sin %1 : f32[3, 2]
              %3 = cos %1 : f32[3, 2]
              output "x" %2
              output "y" %3
            }
          output "x" %3
          output "y" %4
        }
        """)
    graph.raise(ValueID(index: 2), to: .state)
    graph.raise(ValueID(index: 2), to: .activation)
    graph.raise(ValueID(index: 4), to: .trajectory)
    graph.raise(ValueID(index: 0), to: .trajectory)
    #expect(graph.nodes[0].provenance.purpose == .state)
    #expect(graph.purposes == [nil, .state, .state, nil, .trajectory])
  }

  /// Of a loop that carries one value and stacks two, one of which it is given.
  static func purposes(_ role: LoopRole) throws -> [Purpose?] {
    let body = try Graph(
      parsing: """
        graph "body" {
          input %0 "index": i32[]
          input %1 "x": f32[3]
          %2 = sin %1 : f32[3]
          output "x" %2
          output "saved" %1
          output "y" %2
        }
        """)
    let loop = Loop(role: role, tripCount: 3, carryCount: 1, stackedInputCount: 0, body: body)
    return (0..<3).map { loop.purpose(ofResult: $0) }
  }

  @Test("what the results of a loop are for follows from what it stands for")
  func loops() throws {
    #expect(try Self.purposes(.innerSteps) == [.state, .trajectory, .trajectory])
    #expect(try Self.purposes(.innerSteps.entering(.backward)) == [.state, nil, nil])
    #expect(try Self.purposes(.innerSteps.entering(.replayed)) == [.state, nil, nil])
    // A layer keeps what enters it.
    #expect(try Self.purposes(.layers) == [nil, .activation, nil])
    #expect(try Self.purposes(.other("loop over x")) == [nil, .activation, nil])
    for role in [LoopRole.tasks, .tokenStrips, .vocabularyTiles] {
      #expect(try Self.purposes(role) == [nil, nil, nil])
    }
  }
}
