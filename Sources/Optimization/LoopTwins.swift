// SPDX-License-Identifier: Apache-2.0
//
// Two loops of the same length, and which values of the later one's body the earlier one computes
// too, iteration by iteration. For `ShareLoopValues`.

import TensorIR

/// A loop node with its operands.
struct LoopCall {
  var loop: Loop
  var operands: [ValueID]

  /// The input of the body that an operand becomes.
  func input(_ operand: Int) -> ValueID { loop.body.inputs[operand + 1] }
}

/// What a later loop computes that an earlier one has computed.
struct LoopTwins {
  /// For a value of the later body, the value of the earlier body that is the same in each iteration.
  private(set) var twins: [ValueID: ValueID] = [:]
  /// For a carry of the later loop, the carry of the earlier one that is the same throughout.
  private(set) var carries: [Int: Int] = [:]

  /// Compares two loops; `nil` if they do not run through the same iterations.
  ///
  /// That two carries are the same is assumed where they begin with the same value, and the
  /// assumption given up where their next values turn out to differ.
  ///
  /// - Cost: linear in the size of the bodies, for each assumption given up.
  init?(_ earlier: LoopCall, _ later: LoopCall) {
    guard earlier.loop.tripCount == later.loop.tripCount,
      earlier.loop.isReversed == later.loop.isReversed,
      !earlier.loop.isLimited, !later.loop.isLimited
    else { return nil }
    var inputs = [later.loop.body.inputs[0]: earlier.loop.body.inputs[0]]
    for ranges in [
      (earlier.loop.stackedInputRange, later.loop.stackedInputRange),
      (earlier.loop.invariantRange, later.loop.invariantRange),
    ] {
      for position in ranges.1 {
        let twin = ranges.0.first { earlier.operands[$0] == later.operands[position] }
        if let twin { inputs[later.input(position)] = earlier.input(twin) }
      }
    }
    var taken = Set<Int>()
    for carry in later.loop.carryRange {
      let twin = earlier.loop.carryRange.first {
        earlier.operands[$0] == later.operands[carry] && !taken.contains($0)
      }
      guard let twin else { continue }
      taken.insert(twin)
      carries[carry] = twin
    }
    let known = Self.expressions(of: earlier.loop.body)
    repeat {
      twins = inputs
      for (carry, twin) in carries { twins[later.input(carry)] = earlier.input(twin) }
      matchNodes(of: later.loop.body, with: known)
    } while giveUpCarries(earlier.loop.body, later.loop.body)
  }

  private static func expressions(of body: Graph) -> [Expression: [ValueID]] {
    Dictionary(body.nodes.map { (Expression($0.op, $0.operands), $0.results) }) { first, _ in
      first
    }
  }

  private mutating func matchNodes(of body: Graph, with known: [Expression: [ValueID]]) {
    for node in body.nodes {
      let operands = node.operands.compactMap { twins[$0] }
      guard operands.count == node.operands.count,
        let results = known[Expression(node.op, operands)]
      else { continue }
      for (result, twin) in zip(node.results, results) { twins[result] = twin }
    }
  }

  /// Drops the carries whose next values differ; returns whether there were any.
  private mutating func giveUpCarries(_ earlier: Graph, _ later: Graph) -> Bool {
    let wrong = carries.filter { carry, twin in
      twins[later.outputs[carry]] != earlier.outputs[twin]
    }
    for carry in wrong.keys { carries[carry] = nil }
    return !wrong.isEmpty
  }
}
