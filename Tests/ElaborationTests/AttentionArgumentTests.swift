// SPDX-License-Identifier: Apache-2.0
//
// The arguments of attention: what each mistake is answered with and where, what stretches, and what
// of them reaches the op.

import Diagnostics
import TensorIR
import Testing

@Suite("arguments of attention")
struct AttentionArgumentTests {
  /// A spec whose inner loss is a sum of attention with some arguments, on `q: [3, 5, 4, 2]` and
  /// `k: [3, 5, 2, 2]`.
  private static func outcome(_ arguments: String) -> Outcome {
    elaborated(
      """
      spec test
      params theta { w: [3, 5, 4, 2]  k: [3, 5, 2, 2]  five: [5]  nine: [9]  four: [4] }
      meta eta = theta.initial
      inner(n: i32 [3], m: i32 [5]) {
        minimize sum(attention(theta.w, theta.k, theta.k, \(arguments)))
        by sgd(0.1) for 2
      }
      outer(z: [1]) { minimize sum(z) }
      """)
  }

  private static func scores(_ arguments: String) throws -> AttentionScores {
    let outcome = outcome(arguments)
    #expect(outcome.errors == "")
    let graph = try #require(outcome.problem).innerLoss
    let found = graph.nodes.compactMap { node -> AttentionScores? in
      guard case .structured(let op) = node.op, case .attention(let scores) = op.function else {
        return nil
      }
      return scores
    }
    return try #require(found.first)
  }

  @Test(
    "mistakes are named at the argument",
    arguments: [
      ("window: -1", "the window must be at least 0, got -1"),
      ("prefix: -2", "the prefix must be at least 0, got -2"),
      ("softcap: 0", "softcap must be a positive number, got 0.0"),
      ("lengths: theta.five", "lengths must be an i32 array"),
      ("lengths: m", "the lengths of attention must be [3], or what stretches to it, got [5]"),
      ("mask: theta.five", "mask must be a bool array"),
      (
        "mask: theta.four > 0",
        "the mask of attention must be [3, 4, 5, 5], or what stretches to it, got [4]"
      ),
      (
        "bias: theta.nine",
        "the bias of attention must be [3, 4, 5, 5], or what stretches to it, got [9]"
      ),
      (
        "relative: theta.five",
        "the relative bias of attention must be [3, 4, 9], or what stretches to it, got [5]"
      ),
      (
        "relative: [[0.5], [0.5], [0.5], [0.5]]",
        "the relative bias of attention must be [3, 4, 9], or what stretches to it, got [4, 1]"
      ),
      (
        "alibi: theta.five",
        "the slopes of attention must be [3, 4], or what stretches to it, got [5]"
      ),
    ])
  func mistakes(_ arguments: String, _ text: String) throws {
    let outcome = Self.outcome(arguments)
    let fault = try #require(
      outcome.diagnostics.diagnostics.first { $0.severity == .error })
    #expect(fault.text.contains(text), "\(fault.text)")
    let column = "  minimize sum(attention(theta.w, theta.k, theta.k, ".count
    let name = arguments.prefix { $0 != ":" }.count
    #expect(fault.span?.position.line == 5)
    #expect((fault.span?.position.column ?? 0) >= column + name + 3)
  }

  @Test("what rules nothing out is left out")
  func normalized() throws {
    let plain = try Self.scores("causal: true")
    #expect(try Self.scores("causal: true, window: 5, prefix: 0") == plain)
    #expect(try Self.scores("causal: true, mask: none, bias: none") == plain)
    let full = try Self.scores("causal: false")
    #expect(try Self.scores("causal: true, window: 1, prefix: 5") == full)
    #expect(try Self.scores("prefix: 3, window: 7") == full)
    let banded = try Self.scores("window: 4, prefix: 3")
    #expect(banded.window == 4 && banded.prefix == 3 && !banded.isCausal)
  }

  @Test("terms stretch like arrays elsewhere")
  func stretching() throws {
    for (arguments, count) in [
      ("relative: theta.nine", 1), ("alibi: theta.four, relative: theta.nine", 1),
      ("alibi: 0.5", 1), ("bias: theta.five, lengths: n, mask: theta.five > 0", 3),
      ("bias: 1.5", 1), ("lengths: n[0]", 1),
    ] {
      #expect(try Self.scores(arguments).extras.count == count)
    }
  }
}
